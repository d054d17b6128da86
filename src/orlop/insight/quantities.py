"""Numbers as people read them."""

from __future__ import annotations

from orlop.kernel.cgroup.limits import BYTES, BYTES_PER_S

_PREFIXES = ("KiB", "MiB", "GiB", "TiB", "PiB")


def quantity(number: float, unit: str) -> str:
    """A number with its unit: "256 MiB", "12.5 KiB/s", "1.5 CPUs", "100 tasks"."""
    if unit == BYTES:
        return _bytes(int(number))
    if unit == BYTES_PER_S:
        return f"{_bytes(int(number))}/s"
    return f"{number:.12g} {unit.removesuffix('s') if number == 1 else unit}".rstrip()


def _bytes(number: int) -> str:
    """Exact where that is short, else with one digit behind the point."""
    value, prefix = float(number), "B"
    for larger in _PREFIXES:
        if value < 1024:
            break
        value, prefix = value / 1024, larger
    return f"{value:.0f} {prefix}" if value == int(value) else f"{value:.1f} {prefix}"


def seconds(nanoseconds: int) -> str:
    """A time: "0.0123 s", "4.57 s", "3512 s"."""
    value = nanoseconds / 1e9
    return f"{value:.0f} s" if value >= 100 else f"{value:.3g} s"


def percent(part: int, whole: float | None) -> str:
    """How much of the whole that is: "12 %"; "" if there is no whole."""
    return f"{100 * part / whole:.0f} %" if whole else ""


def plural(number: int, one: str, many: str = "") -> str:
    """The number with its noun: "1 process", "2 processes"."""
    return f"{number} {one if number == 1 else many or one + 's'}"
