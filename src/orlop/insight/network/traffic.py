"""Traffic control: queueing disciplines, their classes, and filters, as tc(8) tells them."""

from __future__ import annotations

from orlop.insight.network.tools import ask, run
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from typing import Any

_NOTHING = ("noqueue", "noop")
_INGRESS = ("ingress", "clsact")
_DIRECTIONS = {"ingress": ("ingress",), "clsact": ("ingress", "egress")}
_RATES = ("rate", "ceil", "peakrate")  # bytes in a second
_TIMES = ("lat",)  # microseconds


class QueueDiscipline(Record):
    """How packets of an interface wait, which is also what limits its rate.

    Attributes:
        device: the interface's name.
        kind: "tbf", "htb", "ingress", ...
        parent: "root", "ingress", or the class that it belongs to.
        options: names and values, those of rates in bytes in a second, of times in microseconds.
        classes: in the words of tc(8).
    """

    device: str
    kind: str
    parent: str
    options: tuple[tuple[str, str], ...] = ()
    classes: tuple[str, ...] = ()

    @property
    def rate(self) -> int | None:
        """The limit that it sets, in bytes in a second; None if it does not set one by itself."""
        found = dict(self.options).get("rate", "")
        return int(found) if found.isdecimal() else None

    @property
    def text(self) -> str:
        """As "tbf rate 1 Mbit/s burst 4096 lat 400 ms"."""
        words = [f"{name} {_value_text(name, value)}" for name, value in self.options]
        return " ".join((self.kind, *words))


class TrafficFilter(Record):
    """What sorts, redirects or drops packets of an interface.

    Attributes:
        device: the interface's name.
        direction: "root", "ingress" or "egress".
        kind: "u32", "matchall", "bpf", ...
        protocol: "ip", "all", ...
        text: its options.
    """

    device: str
    direction: str
    kind: str
    protocol: str
    text: str


def disciplines(only: Collection[str] | None = None) -> tuple[QueueDiscipline, ...]:
    """Those of the present network namespace, or of some of its interfaces.

    An interface that does not queue has none.

    Raises:
        Unsupported, Unavailable: tc(8) is missing, or has failed.
    """
    found = parse_disciplines(ask("tc", "-json", "qdisc", "show"))
    return tuple(
        it.replace(classes=_classes(it)) for it in found if only is None or it.device in only
    )


def _classes(discipline: QueueDiscipline) -> tuple[str, ...]:
    if discipline.parent != "root":
        return ()
    lines = run("tc", "class", "show", "dev", discipline.device).splitlines()
    return tuple(line.strip() for line in lines if line.strip())


def filters(found: Collection[QueueDiscipline]) -> tuple[TrafficFilter, ...]:
    """The filters at these disciplines, in the present network namespace.

    Raises:
        As `disciplines`.
    """
    made: list[TrafficFilter] = []
    for it in found:
        for direction in _DIRECTIONS.get(it.kind, ("root",) if it.parent == "root" else ()):
            words = ("filter", "show", "dev", it.device, direction)
            document = ask("tc", "-json", *(words if direction != "root" else words[:-1]))
            made += parse_filters(it.device, direction, document)
    return tuple(made)


def parse_disciplines(document: Sequence[Mapping[str, Any]]) -> Iterator[QueueDiscipline]:
    """The disciplines in what `tc -json qdisc` prints."""
    for row in document:
        kind = str(row.get("kind", ""))
        if kind in _NOTHING:
            continue
        parent = "root" if row.get("root") else str(row.get("parent", ""))
        yield QueueDiscipline(
            device=str(row.get("dev", "")),
            kind=kind,
            parent="ingress" if kind in _INGRESS else parent,
            options=tuple(
                (str(name), _plain(value)) for name, value in row.get("options", {}).items()
            ),
        )


def parse_filters(
    device: str, direction: str, document: Sequence[Mapping[str, Any]]
) -> Iterator[TrafficFilter]:
    """The filters in what `tc -json filter show dev DEVICE` prints."""
    for row in document:
        if "options" in row:  # each kind and priority has a row of its own without
            text = _plain(row["options"])
            yield TrafficFilter(
                device, direction, str(row.get("kind", "")), str(row.get("protocol", "")), text
            )


def _plain(value: object) -> str:
    """Nested options as words."""
    match value:
        case dict():
            return " ".join(f"{name} {_plain(inner)}".rstrip() for name, inner in value.items())
        case list():
            return " ".join(map(_plain, value))
        case _:
            return str(value)


def _value_text(name: str, value: str) -> str:
    if not value.isdecimal():
        return value
    if name in _RATES:
        return f"{scaled(8 * int(value))}bit/s"
    return f"{int(value) / 1000:g} ms" if name in _TIMES else value


def scaled(number: int) -> str:
    """A number with a letter for thousands, ready for a unit: "10 M"."""
    for size, letter in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= size:
            return f"{number / size:g} {letter}"
    return f"{number} "
