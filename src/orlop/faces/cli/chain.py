"""`orlop info --tree`: the chain from the engine over the launchers to the kernel's processes."""

from __future__ import annotations

from orlop.client.addresses import part
from orlop.errors import NotFound
from orlop.faces.cli.output.text import short_id
from orlop.faces.cli.screen import BOLD, Cell
from orlop.insight.chain import Link, links_to, of_socket
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from orlop.client import Client
    from orlop.faces.cli.screen import Screen

_BRANCH, _LAST, _THROUGH = "├── ", "└── ", "│   "
_PLAIN = {_BRANCH: "|-- ", _LAST: "`-- ", _THROUGH: "|   "}
_LONGEST_WORD = 100


class Running(Record):
    """A container that runs: its process, and the launcher above it."""

    id: str
    name: str
    process: Link | None
    launcher: Link | None


def show_chain(client: Client, screen: Screen) -> int:
    """Shows the processes, each with its PID and what it is."""
    engine = of_socket(str(getattr(client.target.endpoint, "path", "")))
    found = list(_running(client))
    if screen.as_json:
        screen.json(_document(engine, found))
        return 0
    screen.line(_named(engine, "engine"))
    for number, container in enumerate(found, 1):
        is_last = number == len(found)
        screen.line(_branch(screen, last=is_last), _named(container.launcher, "launcher"))
        before = "    " if is_last else _drawn(screen, _THROUGH)
        name = f"{container.name} ({short_id(container.id)})"
        screen.line(
            before, _branch(screen, last=True), Cell(name, BOLD), " ", _named(container.process)
        )
    return 0


def _branch(screen: Screen, *, last: bool) -> str:
    return _drawn(screen, _LAST if last else _BRANCH)


def _drawn(screen: Screen, line: str) -> str:
    return line if screen.can_show(line) else _PLAIN[line]


def _named(link: Link | None, what: str = "") -> str:
    if link is None:
        return f"{what} (not to be seen from here)".lstrip()
    words = ("..." if len(word) > _LONGEST_WORD else word for word in link.command)
    return f"{what} {link.pid} {' '.join(words)}".strip()


def _running(client: Client) -> Iterator[Running]:
    for item in client.get("/containers/json"):
        try:
            found = client.get(f"/containers/{part(item['Id'])}/json")
        except NotFound:
            continue  # removed since it was listed
        name, pid = found["Name"].removeprefix("/"), found["State"].get("Pid") or 0
        process, launcher = links_to(pid) if pid else (None, None)
        yield Running(found["Id"], name, process, launcher)


def _document(engine: Link | None, found: list[Running]) -> Mapping[str, Any]:
    """For programs: docs/json.md."""
    return {
        "engine": _link(engine),
        "containers": [
            {
                "id": container.id,
                "name": container.name,
                "process": _link(container.process),
                "launcher": _link(container.launcher),
            }
            for container in found
        ],
    }


def _link(link: Link | None) -> Mapping[str, Any] | None:
    return None if link is None else {"pid": link.pid, "command": list(link.command)}
