"""Bad configurations are refused before anything is made, and the message names the field."""

from __future__ import annotations

import copy
import json
import resource
from pathlib import Path
from typing import Any

import pytest

from tests.integration.support import cgroups
from tests.integration.support.bundles import REMOVE, BundleFactory, Json
from tests.integration.support.runtimes import Runtime

pytestmark = pytest.mark.requires_root

HOOK: Json = {"path": "/bin/true"}

WRONG: dict[str, tuple[tuple[str, Any], str]] = {
    # what is wrong: ((field, its value), the name that the message has)
    "no version": (("ociVersion", REMOVE), "ociVersion"),
    "version 2": (("ociVersion", "2.0.0"), "ociVersion"),
    "version that is none": (("ociVersion", "one"), "ociVersion"),
    "no root": (("root", REMOVE), "root"),
    "root without path": (("root.path", ""), "root.path"),
    "no arguments": (("process.args", []), "process.args"),
    "arguments that are a string": (("process.args", "sh"), "process.args"),
    "arguments that are numbers": (("process.args", [1]), "process.args"),
    "NUL in an argument": (("process.args", ["a\0b"]), "process.args"),
    "no working directory": (("process.cwd", REMOVE), "process.cwd"),
    "relative working directory": (("process.cwd", "tmp"), "process.cwd"),
    "user that is a name": (("process.user", "root"), "process.user"),
    "negative user": (("process.user.uid", -1), "process.user.uid"),
    "user above 32 bits": (("process.user.uid", 1 << 32), "process.user.uid"),
    "user that is a fraction": (("process.user.uid", 1.5), "process.user.uid"),
    "environment that is an object": (("process.env", {"A": "1"}), "process.env"),
    "limit twice": (
        (
            "process.rlimits",
            [{"type": "RLIMIT_CORE", "soft": 0, "hard": 0}] * 2,
        ),
        "process.rlimits",
    ),
    "limit that is none": (
        ("process.rlimits", [{"type": "RLIMIT_X", "soft": 1, "hard": 1}]),
        "process.rlimits",
    ),
    "oom score out of range": (("process.oomScoreAdj", 5000), "oomScoreAdj"),
    "unknown scheduler": (("process.scheduler", {"policy": "SCHED_X"}), "process.scheduler"),
    "unknown priority class": (("process.ioPriority", {"class": "X"}), "process.ioPriority"),
    "mount without destination": (("mounts", [{"type": "tmpfs"}]), "mounts[0].destination"),
    "mounts that are an object": (("mounts", {}), "mounts"),
    "idmap without recursion in the middle": (
        ("mounts", [{"destination": "/m", "type": "tmpfs", "options": ["idmap"]}]),
        "mounts[0]",
    ),
    "hook without path": (("hooks", {"prestart": [{"args": ["x"]}]}), "hooks.prestart"),
    "hook with a relative path": (
        ("hooks", {"poststop": [{"path": "bin/true"}]}),
        "hooks.poststop",
    ),
    "hook with a time of zero": (
        ("hooks", {"createRuntime": [{**HOOK, "timeout": 0}]}),
        "hooks.createRuntime",
    ),
    "unknown namespace": (("linux.namespaces", [{"type": "space"}]), "linux.namespaces"),
    "namespace twice": (
        ("linux.namespaces", [{"type": "mount"}, {"type": "pid"}, {"type": "pid"}]),
        "linux.namespaces",
    ),
    "namespace with a relative path": (
        ("linux.namespaces", [{"type": "mount"}, {"type": "pid", "path": "self/ns/pid"}]),
        "linux.namespaces",
    ),
    "no mount namespace": (
        ("linux.namespaces", [{"type": "pid"}, {"type": "uts"}, {"type": "network"}]),
        "mount namespace",
    ),
    "map of size zero": (
        ("linux.uidMappings", [{"containerID": 0, "hostID": 0, "size": 0}]),
        "linux.uidMappings",
    ),
    "device without a path": (
        ("linux.devices", [{"type": "c", "major": 1, "minor": 3}]),
        "linux.devices",
    ),
    "unknown type of device": (
        ("linux.devices", [{"path": "/dev/x", "type": "q", "major": 1, "minor": 3}]),
        "linux.devices",
    ),
    "device without numbers": (
        ("linux.devices", [{"path": "/dev/x", "type": "c"}]),
        "linux.devices",
    ),
    "unknown access to devices": (
        ("linux.resources", {"devices": [{"allow": True, "access": "rwx"}]}),
        "linux.resources.devices",
    ),
    "memory that is a string": (
        ("linux.resources", {"memory": {"limit": "64m"}}),
        "linux.resources.memory.limit",
    ),
    "unknown propagation": (("linux.rootfsPropagation", "sideways"), "linux.rootfsPropagation"),
    "relative masked path": (("linux.maskedPaths", ["proc/kcore"]), "linux.maskedPaths"),
    "relative read-only path": (("linux.readonlyPaths", ["proc/sys"]), "linux.readonlyPaths"),
    "unknown personality": (("linux.personality", {"domain": "VMS"}), "linux.personality"),
    "unknown seccomp action": (
        ("linux.seccomp", {"defaultAction": "SCMP_ACT_X"}),
        "linux.seccomp.defaultAction",
    ),
    "annotation that is a number": (("annotations", {"a": 1}), "annotations"),
    "annotation without a name": (("annotations", {"": "x"}), "annotations"),
}

TAKEN_BY_RUNC = {
    "annotation without a name": "takes it",
    "device without a path": "takes it",
    "device without numbers": "makes 0:0",
    "hook with a relative path": "finds it at the end only",
    "hook with a time of zero": "takes it",
    "hook without path": "finds it while it runs",
    "idmap without recursion in the middle": "does not know idmapped mounts",
    "limit twice": "takes the last",
    "map of size zero": "takes no notice without a user namespace",
    "mount without destination": "mounts on the root",
    "no version": "takes it",
    "no mount namespace": "mounts on the host then",
    "NUL in an argument": "starts another program than that",
    "oom score out of range": "finds it while it runs",
    "relative masked path": "takes it",
    "relative read-only path": "takes it",
    "unknown access to devices": "takes it",
    "unknown personality": "1.1 does not know it",
    "unknown priority class": "1.1 does not know it",
    "unknown scheduler": "1.1 does not know it",
    "version 2": "takes it",
    "version that is none": "takes it",
}
"""Where runc has another opinion, or finds it out later."""


def changed(config: Json, field: str, value: Any) -> Json:
    """`config` with another value in one field."""
    result = copy.deepcopy(config)
    *above, last = field.split(".")
    place = result
    for name in above:
        place = place[name]
    if value is REMOVE:
        del place[last]
    else:
        place[last] = value
    return result


@pytest.mark.parametrize("what", WRONG)
def test_refused(runtime: Runtime, bundle: BundleFactory, workspace: Path, what: str) -> None:
    if runtime.flavour.name == "runc" and what in TAKEN_BY_RUNC:
        pytest.skip(f"runc {TAKEN_BY_RUNC[what]}")
    (field, value), name = WRONG[what]
    made = bundle(["echo", "hello"])
    path = made.config["linux"]["cgroupsPath"]
    made.config = changed(made.config, field, value)
    made.save()
    before = sorted(made.rootfs.rglob("*"))
    log = workspace / "log"
    result = runtime(
        "--log", log, "--log-format", "json", "create", "--bundle", made.path, runtime.new_id()
    )
    assert result.status == 1
    if runtime.flavour.name != "runc":
        assert name in result.err
        assert "invalid config" in result.err
    messages = [json.loads(line) for line in log.read_text().splitlines()]
    assert messages[-1]["level"] == "error"
    assert runtime.ids() == []
    assert sorted(made.rootfs.rglob("*")) == before
    for hierarchy in cgroups.hierarchies():
        assert not (hierarchy.root / path.lstrip("/")).exists()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        pytest.param("null", marks=pytest.mark.runc_differs("it panics")),
        "not json",
        '{"ociVersion": "1.0.2"',
        "\ufeff{}",
    ],
)
def test_what_is_no_configuration(runtime: Runtime, bundle: BundleFactory, text: str) -> None:
    made = bundle()
    (made.path / "config.json").write_text(text)
    result = runtime.attempt("create", made).refused()
    assert result.status == 1
    assert runtime.ids() == []


def test_unknown_fields_are_passed_over(runtime: Runtime, bundle: BundleFactory) -> None:
    """Extensibility: runtimes MUST NOT fail on what they do not know."""
    made = bundle(["echo", "hello"], future={"field": 1}, linux={"future": [1]})
    made.config["process"]["future"] = "x"
    made.save()
    assert runtime.run(made).ok().out == "hello\n"


def test_windows_and_solaris_parts_are_passed_over(runtime: Runtime, bundle: BundleFactory) -> None:
    made = bundle(["echo", "hello"], solaris={"milestone": "x"}, windows={"layerFolders": ["x"]})
    assert runtime.run(made).ok().out == "hello\n"


@pytest.mark.parametrize("version", ["1.0.0", "1.0.2-dev", "1.1.0", "1.2.0", "1.2.1"])
def test_versions(runtime: Runtime, bundle: BundleFactory, version: str) -> None:
    made = bundle(["echo", "hello"], ociVersion=version)
    assert runtime.run(made).ok().out == "hello\n"


class TestWithoutRoot:
    """A configuration that needs what the machine lacks says so."""

    def test_rlimit_above_the_hard_limit(self, runtime: Runtime, bundle: BundleFactory) -> None:
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = hard + 1
        status = Path("/proc/self/status").read_text()
        effective = int(status.partition("CapEff:\t")[2].split()[0], 16)
        if effective & (1 << 24):
            pytest.skip("the tests have CAP_SYS_RESOURCE")
        limit = {"type": "RLIMIT_NOFILE", "soft": wanted, "hard": wanted}
        made = bundle(["echo", "hello"], process={"rlimits": [limit]})
        result = runtime.run(made).refused()
        assert "hello" not in result.out
        if runtime.flavour.name != "runc":
            assert "RLIMIT_NOFILE" in result.err
