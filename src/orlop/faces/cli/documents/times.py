"""Points in time and durations, as Go prints them."""

from __future__ import annotations

from orlop.faces.cli.template.values import Object

_ZERO = "0001-01-01T00:00:00Z"
_UNITS = ((3_600_000_000_000, "h"), (60_000_000_000, "m"))
_SECOND = 1_000_000_000
_SMALL_UNITS = ((1_000_000, "ms"), (1_000, "\u00b5s"), (1, "ns"))


class Time(Object):
    """A time.Time; made from its form in JSON (RFC 3339), "" for the year 1."""

    go_type = "time.Time"

    def __init__(self, text: str) -> None:
        self._text = text or _ZERO

    def encoded(self) -> object:
        """RFC 3339."""
        return self._text

    def text(self) -> str:
        """As "2024-05-01 10:00:00.5 +0000 UTC"."""
        date, _, rest = self._text.partition("T")
        if rest.endswith("Z"):
            return f"{date} {rest[:-1]} +0000 UTC"
        clock, zone = rest[:-6], rest[-6:].replace(":", "")
        return f"{date} {clock} {zone} {'UTC' if zone == '+0000' else zone}"


class Duration(int):
    """A time.Duration, in nanoseconds."""

    go_type = "time.Duration"

    def __str__(self) -> str:
        return self.text()

    def text(self) -> str:
        """As "1h2m3.5s"."""
        left = abs(int(self))
        sign = "-" if self < 0 else ""
        if not left:
            return "0s"
        if left < _SECOND:
            size, unit = next((size, unit) for size, unit in _SMALL_UNITS if left >= size)
            return f"{sign}{_decimal(left, size)}{unit}"
        words: list[str] = []
        for size, unit in _UNITS:
            count, left = divmod(left, size)
            if count or words:
                words.append(f"{count}{unit}")
        return sign + "".join(words) + f"{_decimal(left, _SECOND)}s"


def _decimal(number: int, size: int) -> str:
    whole, part = divmod(number, size)
    digits = str(part).rjust(len(str(size)) - 1, "0").rstrip("0")
    return f"{whole}.{digits}" if digits and size > 1 else str(whole)
