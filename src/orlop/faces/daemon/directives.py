"""How a daemon can be set up: one row for what is both a flag and a key of the configuration file.

Names are dockerd's, so that its files and unit files serve here too. What dockerd has and this
engine has no use for is refused by name, as everything unknown is.

See: docs.docker.com, "dockerd", daemon configuration file.
"""

from __future__ import annotations

import os

from orlop.errors import InvalidArgument
from orlop.intent import units
from orlop.intent.forms.limits import ulimit
from orlop.intent.forms.process import label
from orlop.intent.forms.text import filled, one_of, pair
from orlop.options import FLAG, LIST, NUMBER, TEXT, Option
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

LOG_LEVELS = ("debug", "info", "warn", "error", "fatal")
STORAGE_DRIVERS = ("overlay", "copy", "overlay2", "vfs")
LOG_DRIVERS = ("json-file", "local", "none")


class Directive(Record):
    """One thing that can be set.

    Attributes:
        option: the flag.
        key: of the configuration file, "" if it can only be a flag.
        field: of `Configuration`, or of the engine's `Settings`.
        read: makes a value of a text; raises InvalidArgument.
        reloads: a changed file counts without a new start.
    """

    option: Option
    key: str
    field: str
    read: Callable[[str], Any]
    reloads: bool = False


def directory(text: str) -> str:
    """An absolute host path, without links in it that are there already."""
    return os.path.realpath(filled(text))


def file(text: str) -> str:
    """An absolute host path."""
    return os.path.abspath(filled(text))


def host(text: str) -> str:
    """unix://PATH or fd://[WHICH].

    Raises:
        InvalidArgument: it is something else; TCP without TLS would be root for everybody.
    """
    kind, _, rest = text.partition("://")
    if kind == "unix" and rest.startswith("/"):
        return f"unix://{os.path.abspath(rest)}"
    if kind == "fd":
        return text
    raise InvalidArgument("is neither unix:///ABSOLUTE/PATH nor fd://")


def truth(text: str) -> bool:
    """The value of a flag; its form was checked."""
    return text in ("true", "1", "t", "T", "TRUE", "True")


def count(text: str) -> int:
    """How many, at least one."""
    return units.whole(1, 1000)(text)


def seconds(text: str) -> int:
    """How many of them; -1 for no limit."""
    return units.whole(-1, 1 << 31)(text)


def age(text: str) -> int:
    """Seconds of a time in Go's form."""
    return units.duration(text) // 1_000_000_000


def _row(
    names: str,
    kind: str,
    key: str,
    field: str,
    read: Callable[[str], Any],
    text: str,
    value: str = "",
    *,
    reloads: bool = False,
) -> Directive:
    option = Option(tuple(names.split()), kind, text, value) if value else None
    return Directive(
        option or Option(tuple(names.split()), kind, text), key, field, read, reloads=reloads
    )


DIRECTIVES: tuple[Directive, ...] = (
    _row("--data-root", TEXT, "data-root", "data_root", directory, "what lasts", "DIR"),
    _row("--exec-root", TEXT, "exec-root", "exec_root", directory, "state of what runs", "DIR"),
    _row("--host -H", LIST, "hosts", "hosts", host, "where to listen (unix://PATH, fd://)", "URL"),
    _row("--group -G", TEXT, "group", "group", filled, "group of the sockets", "NAME"),
    _row("--pidfile -p", TEXT, "pidfile", "pidfile", file, "file for the process id", "FILE"),
    _row("--config-file", TEXT, "", "config_file", file, "configuration (JSON)", "FILE"),
    _row("--debug -D", FLAG, "debug", "debug", truth, "log everything", reloads=True),
    _row(
        *("--log-level -l", TEXT, "log-level", "log_level", one_of(*LOG_LEVELS)),
        *(f"one of {', '.join(LOG_LEVELS)}", "LEVEL"),
        reloads=True,
    ),
    _row(
        *("--label", LIST, "labels", "labels", label, "label of the engine", "NAME[=VALUE]"),
        reloads=True,
    ),
    _row(
        *("--cgroup-parent", TEXT, "cgroup-parent", "cgroup_parent", filled),
        *("control group of all containers", "PATH"),
    ),
    _row(
        *("--storage-driver", TEXT, "storage-driver", "storage_driver", one_of(*STORAGE_DRIVERS)),
        *(f"of containers' files: {', '.join(STORAGE_DRIVERS)}", "DRIVER"),
    ),
    _row(
        *("--log-driver", TEXT, "log-driver", "log_driver", one_of(*LOG_DRIVERS)),
        *(f"of containers: {', '.join(LOG_DRIVERS)}", "DRIVER"),
    ),
    _row("--log-opt", LIST, "log-opts", "log_options", pair, "for the driver", "NAME=VALUE"),
    _row(
        *("--default-shm-size", TEXT, "default-shm-size", "shm_bytes", units.size),
        *("size of /dev/shm in containers", "SIZE"),
    ),
    _row(
        *("--default-ulimit", LIST, "default-ulimits", "ulimits", ulimit),
        *("limit in containers", "NAME=SOFT[:HARD]"),
    ),
    _row("--init", FLAG, "init", "init", truth, "a small init in every container"),
    _row("--live-restore", FLAG, "live-restore", "live_restore", truth, "always the case here"),
    _row(
        *("--registry-mirror", LIST, "registry-mirrors", "registry_mirrors", filled),
        *("asked before Docker Hub", "URL"),
    ),
    _row(
        *("--insecure-registry", LIST, "insecure-registries", "insecure_registries", filled),
        *("may do without TLS", "HOST"),
    ),
    _row(
        *("--registry-certificates", LIST, "registry-certificates", "registry_certificates", file),
        *("certificates by registry, as /etc/docker/certs.d", "DIR"),
    ),
    _row(
        *("--host-firewall", FLAG, "host-firewall", "host_firewall", truth),
        "the host's rules for what comes in hold for published ports (default true)",
    ),
    _row(
        *("--keep-images", TEXT, "keep-images", "keep_images_s", age),
        *("remove images that were not used so long, as 720h", "TIME"),
    ),
    _row(
        *("--keep-images-size", TEXT, "keep-images-size", "keep_images_bytes", units.size),
        *("remove unused images beyond so much", "SIZE"),
    ),
    _row(
        *("--max-concurrent-downloads", NUMBER, "max-concurrent-downloads", "max_downloads"),
        *(count, "layers of one pull", "N"),
    ),
    _row(
        *("--max-concurrent-uploads", NUMBER, "max-concurrent-uploads", "max_uploads"),
        *(count, "layers of one push", "N"),
    ),
    _row(
        *("--shutdown-timeout", NUMBER, "shutdown-timeout", "shutdown_timeout_s", seconds),
        *("to finish what is underway", "SECONDS"),
    ),
    _row("--validate", FLAG, "", "validate", truth, "check the configuration and end"),
    _row("--on-demand", FLAG, "", "on_demand", truth, "in the background, unless one is there"),
    _row("--ready-fd", NUMBER, "", "ready_fd", int, "descriptor to be told at", "FD"),
)

BY_KEY = {directive.key: directive for directive in DIRECTIVES if directive.key}
BY_OPTION = {directive.option.key: directive for directive in DIRECTIVES}
