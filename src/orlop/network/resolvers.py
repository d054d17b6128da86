"""The name servers of the host, as its resolv.conf says now.

See: resolv.conf(5), systemd-resolved.service(8).
"""

from __future__ import annotations

import os
from ipaddress import ip_address

from orlop.records import Record

RESOLV_CONF = "/etc/resolv.conf"
BEHIND_THE_STUB = "/run/systemd/resolve/resolv.conf"
_STUB = "127.0.0.53"
_USUAL = ("127.0.0.1",)  # of a host whose file names none; resolv.conf(5)


class _Seen(Record):
    """A file's content as of a certain state of it."""

    state: tuple[int, int]
    servers: tuple[str, ...]


class Resolvers:
    """The host's name servers; a change of its files is noticed at the next question."""

    def __init__(self, path: str = RESOLV_CONF, behind: str = BEHIND_THE_STUB) -> None:
        self._path = path
        self._behind = behind
        self._seen: dict[str, _Seen] = {}

    def servers(self) -> tuple[str, ...]:
        """Their addresses; those that systemd-resolved asks, not its own stub."""
        servers = self._of(self._path)
        if servers == (_STUB,):
            servers = self._of(self._behind) or servers
        return servers or _USUAL

    def _of(self, path: str) -> tuple[str, ...]:
        try:
            status = os.stat(path)
            state = (status.st_mtime_ns, status.st_ino)
            seen = self._seen.get(path)
            if seen is None or seen.state != state:
                with open(path, encoding="utf-8", errors="replace") as file:
                    seen = self._seen[path] = _Seen(state, name_servers(file.read()))
        except OSError:
            return ()
        return seen.servers


def name_servers(text: str) -> tuple[str, ...]:
    """The addresses of a resolv.conf; what is none is left out."""
    found = []
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 2 and words[0] == "nameserver":
            try:
                found.append(str(ip_address(words[1])))
            except ValueError:
                continue
    return tuple(found)
