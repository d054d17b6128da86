"""What has to be on the host's disk before a start, as data, and making it.

All of it is below the directories that orlop has for itself, but for the sources of -v: Docker
makes those that are missing, and people count on it.
"""

from __future__ import annotations

import os

from orlop.errors import SyscallError
from orlop.intent import host_image
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from orlop.intent.host_image import HostImageFacts

RESOLV_CONF, HOSTS = "/etc/resolv.conf", "/etc/hosts"


class MakeDirectory(Record):
    """A directory, with those above it; whatever is there already will do."""

    path: str
    mode: int = 0o755


class WriteFile(Record):
    """A file with this text."""

    path: str
    text: str


class CopyHosts(Record):
    """A copy of the host's /etc/hosts with further names."""

    path: str
    names: tuple[tuple[str, str], ...] = ()


class CopyResolvConf(Record):
    """A copy of the host's /etc/resolv.conf in which what is given replaces what is there."""

    path: str
    servers: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


class MakeHostImage(Record):
    """The layers of the image `host`."""

    facts: HostImageFacts
    path: str


Preparation = MakeDirectory | WriteFile | CopyHosts | CopyResolvConf | MakeHostImage


def prepare(preparations: Iterable[Preparation]) -> None:
    """All of it is there.

    Raises:
        SyscallError: something cannot be made.
    """
    for preparation in preparations:
        try:
            _make(preparation)
        except OSError as error:
            if isinstance(error, SyscallError):
                raise
            path = error.filename or preparation.path
            raise SyscallError("prepare", error.errno or 0, str(path)) from error


def _make(preparation: Preparation) -> None:
    match preparation:
        case MakeDirectory(path, mode):
            if not os.path.exists(path):
                os.makedirs(path, mode, exist_ok=True)
        case WriteFile(path, text):
            _write(path, text)
        case CopyHosts(path, names):
            _write(path, _read(HOSTS) + hosts(names))
        case CopyResolvConf(path, servers, search, options):
            _write(path, resolv_conf(_read(RESOLV_CONF), servers, search, options))
        case MakeHostImage(facts, path):
            host_image.make(facts, path)


def hosts(names: Iterable[tuple[str, str]]) -> str:
    """Lines of /etc/hosts for names with their addresses."""
    return "".join(f"{address}\t{name}\n" for name, address in names)


def resolv_conf(
    text: str, servers: tuple[str, ...], search: tuple[str, ...], options: tuple[str, ...]
) -> str:
    """A resolv.conf in which what is given replaces what is there.

    See: resolv.conf(5).
    """
    replaced = {
        "nameserver": [f"nameserver {server}" for server in servers],
        "search": [f"search {' '.join(search)}"] if search and search != (".",) else [],
        "options": [f"options {' '.join(options)}"] if options else [],
    }
    given = {"nameserver": servers, "search": search, "options": options}
    kept = [line for line in text.splitlines() if not given.get(_keyword(line))]
    lines = kept + [line for key, new in replaced.items() if given[key] for line in new]
    return "".join(f"{line}\n" for line in lines)


def _keyword(line: str) -> str:
    first = line.split(maxsplit=1)[:1]
    keyword = first[0] if first else ""
    return "search" if keyword == "domain" else keyword


def _read(path: str) -> str:
    try:
        with open(path, errors="surrogateescape") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def _write(path: str, text: str) -> None:
    with open(path, "w", errors="surrogateescape") as file:
        file.write(text)
