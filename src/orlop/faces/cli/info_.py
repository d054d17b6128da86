"""orlop info: what the engine is, what it has, and the machine that it runs on."""

from __future__ import annotations

from orlop.client import Client
from orlop.errors import OrlopError
from orlop.faces.cli import JSON
from orlop.faces.cli.documents.inspection import FORMAT
from orlop.faces.cli.documents.own import client_document
from orlop.faces.cli.output.outline import fact, facts, listed, yes
from orlop.faces.sizes import binary
from orlop.options import FLAG, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

    Info = Mapping[str, Any]

USAGE = "[OPTIONS]"
WORDS = (0, 0)
ANYWHERE = True
OPTIONS = (
    FORMAT.replace(help="json, or a template, as Go's text/template"),
    Option(("--tree",), FLAG, "the chain of processes: engine, launchers, containers"),
    JSON.replace(help="with --tree: JSON for programs"),
)
EXAMPLE = """\
orlop info
orlop info --tree
orlop info -f '{{.ServerVersion}} on {{.KernelVersion}}'"""


def run(values: Values, screen: Screen) -> int:
    """Shows it in a text, by a template, or the processes."""
    if values.flag("tree"):
        from orlop.faces.cli.chain import show_chain

        return show_chain(Client(), screen)
    form, template = values.text("format"), None
    if form:
        from orlop.faces.cli.template import parse

        template = parse("{{json .}}" if form == "json" else form)
    client = {**client_document(), "Debug": False, "Plugins": [], "Warnings": None}
    try:
        found = Client().get("/info")
    except OrlopError:
        if not template:
            _write(screen, _own_lines(client))
        raise
    if template:
        from orlop.faces.cli.documents import typed

        document = typed("system.dockerInfo", {**found, "ClientInfo": client})
        screen.line(template.execute(document))
        return 0
    _write(screen, _own_lines(client))
    _write(screen, _lines(found))
    return 0


def _write(screen: Screen, lines: Iterator[str]) -> None:
    for line in lines:
        screen.line(line)


def _own_lines(client: Mapping[str, Any]) -> Iterator[str]:
    yield "Client:"
    yield fact("Version", f"   {client['Version']}")
    yield fact("Context", f"   {client['Context']}")
    yield fact("Debug Mode", yes(client["Debug"]))
    yield ""


def _lines(found: Info) -> Iterator[str]:
    yield "Server:"
    yield from _objects(found)
    yield from _parts(found)
    yield from _security(found)
    yield from _machine(found)
    yield from _settings(found)
    yield ""
    yield from found.get("Warnings") or ()


def _objects(found: Info) -> Iterator[str]:
    yield fact("Containers", found.get("Containers", 0))
    for name in ("Running", "Paused", "Stopped"):
        yield fact(name, found.get(f"Containers{name}", 0), 2)
    yield fact("Images", found.get("Images", 0))
    yield from facts((("Server Version", found.get("ServerVersion")),))
    yield from facts((("Storage Driver", found.get("Driver")),))
    yield from (fact(name, value, 2) for name, value in found.get("DriverStatus") or ())
    yield from facts(
        (
            ("Logging Driver", found.get("LoggingDriver")),
            ("Cgroup Driver", found.get("CgroupDriver")),
            ("Cgroup Version", found.get("CgroupVersion")),
        )
    )


def _parts(found: Info) -> Iterator[str]:
    plugins = found.get("Plugins") or {}
    yield " Plugins:"
    for name in ("Volume", "Network", "Authorization", "Log"):
        if plugins.get(name) or name != "Authorization":
            yield fact(name, " ".join(plugins.get(name) or ()), 2)
    yield from listed("CDI spec directories", found.get("CDISpecDirs") or ())
    yield from facts((("Swarm", (found.get("Swarm") or {}).get("LocalNodeState")),))
    yield from facts(
        (
            ("Runtimes", " ".join(sorted(found.get("Runtimes") or ()))),
            ("Default Runtime", found.get("DefaultRuntime")),
            ("Init Binary", found.get("InitBinary")),
            *(
                (f"{name.lower()} version", (found.get(f"{key}Commit") or {}).get("ID"))
                for name, key in (
                    ("containerd", "Containerd"),
                    ("runc", "Runc"),
                    ("init", "Init"),
                )
            ),
        )
    )


def _security(found: Info) -> Iterator[str]:
    """As "name=seccomp,profile=builtin": the name, and below it what it has."""
    options = found.get("SecurityOptions") or ()
    if options:
        yield " Security Options:"
    for option in options:
        pairs = dict(part.partition("=")[::2] for part in option.split(","))
        yield f"  {pairs.pop('name', '')}"
        yield from (fact(key.capitalize(), value, 3) for key, value in pairs.items())


def _machine(found: Info) -> Iterator[str]:
    yield from facts(
        (
            ("Kernel Version", found.get("KernelVersion")),
            ("Operating System", found.get("OperatingSystem")),
            ("OSType", found.get("OSType")),
            ("Architecture", found.get("Architecture")),
        )
    )
    yield fact("CPUs", found.get("NCPU", 0))
    yield fact("Total Memory", binary(found.get("MemTotal") or 0))
    yield from facts((("Name", found.get("Name")),))
    yield fact("ID", found.get("ID", ""))
    yield fact("Docker Root Dir", found.get("DockerRootDir", ""))
    yield fact("Debug Mode", yes(found.get("Debug")))
    if found.get("Debug"):
        for name, key in (
            ("File Descriptors", "NFd"),
            ("Goroutines", "NGoroutines"),
            ("System Time", "SystemTime"),
            ("EventsListeners", "NEventsListener"),
        ):
            yield fact(name, found.get(key, ""), 2)


def _settings(found: Info) -> Iterator[str]:
    yield from facts(
        (
            ("HTTP Proxy", found.get("HttpProxy")),
            ("HTTPS Proxy", found.get("HttpsProxy")),
            ("No Proxy", found.get("NoProxy")),
        )
    )
    yield from listed("Labels", found.get("Labels") or ())
    yield fact("Experimental", yes(found.get("ExperimentalBuild")))
    registries = found.get("RegistryConfig") or {}
    insecure = [
        name
        for name, index in (registries.get("IndexConfigs") or {}).items()
        if not index.get("Secure", True)
    ]
    yield from listed(
        "Insecure Registries", (*insecure, *(registries.get("InsecureRegistryCIDRs") or ()))
    )
    yield from listed("Registry Mirrors", registries.get("Mirrors") or ())
    yield fact("Live Restore Enabled", yes(found.get("LiveRestoreEnabled")))
    pools = found.get("DefaultAddressPools") or ()
    yield from listed(
        "Default Address Pools", (f"Base: {pool['Base']}, Size: {pool['Size']}" for pool in pools)
    )
