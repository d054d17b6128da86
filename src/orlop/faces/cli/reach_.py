"""orlop reach: who can reach a container's ports, from where, and by which rule."""

from __future__ import annotations

from orlop.client import Client
from orlop.client.addresses import part
from orlop.faces.cli import JSON
from orlop.faces.cli.port_ import port_and_protocol
from orlop.faces.cli.screen import BOLD, DIM, GREEN, RED, YELLOW, Cell

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

    Way = Mapping[str, Any]
    Outcome = Mapping[str, Any]

USAGE = "[--json] CONTAINER[:PORT[/PROTOCOL]]"
WORDS = (1, 1)
ANYWHERE = True
OPTIONS = (JSON,)
EXAMPLE = """\
orlop reach web
orlop reach web:443
orlop reach --json web:53/udp"""

_TONES = {"yes": GREEN, "no": RED, "partly": YELLOW, "depends": YELLOW}
_HEAD = ("FROM", "TO", "REACHES", "BY")


def run(values: Values, screen: Screen) -> int:
    """Shows all ways to a container's ports, and what becomes of those who take them."""
    name, colon, port = values.words[0].partition(":")
    query: dict[str, str] = {}
    if colon:
        query["port"] = port_and_protocol(port)
    found = Client().get(f"/containers/{part(name)}/reach", query)
    if screen.as_json:
        screen.json(found)
        return 0
    for number, one in enumerate(found["Ports"]):
        if number:
            screen.line()
        _show(one, found["Table"], screen)
    for note in found["Notes"]:
        screen.paragraph("", note, indent=0)
    return 0


def _show(port: Mapping[str, Any], own: str, screen: Screen) -> None:
    screen.line(Cell(_title(port), BOLD))
    screen.table(_rows(port["Ways"], own), head=_HEAD, indent=2)
    if port["Hint"]:
        screen.paragraph("  ", Cell(port["Hint"], DIM), indent=2)


def _title(port: Mapping[str, Any]) -> str:
    words = [f"{port['Port']}/{port['Protocol']}"]
    places = [f"{_place(one['HostIp'] or '*', one['HostPort'])}" for one in port["Published"]]
    if places:
        words.append(f"published at {', '.join(places)}")
    if port["Listens"]:
        words.append(f"listens at {', '.join(port['Listens'])}")
    return ", ".join(words)


def _rows(ways: Sequence[Way], own: str) -> Iterator[tuple[str, ...]]:
    """A row for all ways from one place that have the same outcome, and one for each of several."""
    for together in _together(ways, own):
        way = together[0]
        places = ", ".join(_place(one["Address"], one["Port"]) for one in together)
        outcomes = way["Outcomes"]
        several = len(outcomes) > 1
        reaches = Cell(way["Reaches"], _TONES[way["Reaches"]])
        yield _from(way), places, reaches, "" if several else _by(outcomes, own)
        if several:
            yield from _by_source(outcomes, own)


def _by_source(outcomes: Sequence[Outcome], own: str) -> Iterator[tuple[str, ...]]:
    """A row for each part of the sources; the one of most networks is all the others."""
    *first, last = sorted(outcomes, key=lambda one: len(one["Sources"]))
    for outcome in (*first, last):
        sources = ", ".join(outcome["Sources"]) or "any"
        if outcome is last and len(outcome["Sources"]) > 1:
            sources = "all others"
        told = Cell(outcome["Reaches"], _TONES[outcome["Reaches"]])
        yield f"  {sources}", "", told, _by([outcome], own)


def _together(ways: Iterable[Way], own: str) -> Iterable[list[Way]]:
    groups: dict[tuple[str, ...], list[Way]] = {}
    for way in ways:
        told = str([(_by([one], own), one["Sources"]) for one in way["Outcomes"]])
        groups.setdefault((_from(way), way["Reaches"], told), []).append(way)
    return groups.values()


def _from(way: Way) -> str:
    match way["From"]:
        case "host":
            return "this host"
        case "lan":
            return f"neighbours at {way['Name']}"
        case "internet":
            return f"others, by {way['Name']}"
    return f"network {way['Name']}"


def _by(outcomes: Sequence[Outcome], own: str) -> str:
    if not outcomes:
        return ""
    (outcome,) = outcomes
    if outcome["DependsOn"]:
        rules = "; ".join(_rule(rule, own) for rule in outcome["DependsOn"])
        return f"depends on {rules}"
    if outcome["Reason"]:
        return str(outcome["Reason"])
    return _rule(outcome["Rule"], own) if outcome["Rule"] else "no rule refuses it"


def _rule(rule: Mapping[str, Any], own: str) -> str:
    """Where a rule is, and what it says; those of the engine's own table have a name for that."""
    place = f"{rule['Family']} {rule['Table']} {rule['Chain']}"
    if rule["Table"] == own and rule["Comment"]:
        return f"{place}: {rule['Comment']}"
    if not rule["Handle"]:
        return f"{place}: {rule['Text']}"
    return f"{place} handle {rule['Handle']}: {rule['Text'] or rule['Comment']}"


def _place(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
