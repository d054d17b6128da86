"""Values as text, as Go's `fmt` writes them: `print`, `println` and what an action shows."""

from __future__ import annotations

from orlop.faces.cli.template.values import NO_VALUE, NilPointer, Object, own_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

NOTHING = "<no value>"
NIL = "<nil>"


def shown(value: object) -> str:
    """What `{{value}}` prints."""
    if value is NO_VALUE:
        return NOTHING
    return plain(value)


def plain(value: object, *, names: bool = False) -> str:
    """The value by %v; with `names` by %+v, which names the fields of structs."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or value is NO_VALUE or isinstance(value, NilPointer):
        return NIL
    if isinstance(value, Object):
        return own_text(value) or _struct(value, names=names)
    if isinstance(value, dict):
        pairs = (f"{key}:{plain(value[key], names=names)}" for key in sorted(value))
        return f"map[{' '.join(pairs)}]"
    if isinstance(value, (list, tuple)):
        return f"[{' '.join(plain(item, names=names) for item in value)}]"
    if isinstance(value, float):
        return shortest(value)
    return str(value)


def _struct(value: Object, *, names: bool) -> str:
    parts = (
        (f"{name}:" if names else "") + plain(value.field(name), names=names)
        for name in value.names()
    )
    return f"{{{' '.join(parts)}}}"


def shortest(number: float, *, exponent_from: int = 6) -> str:
    """The fewest digits that mean this number, with an exponent from ten to that power on."""
    if number != number or number in (float("inf"), float("-inf")):
        return {"nan": "NaN", "inf": "+Inf", "-inf": "-Inf"}[str(number)]
    mantissa, _, power = f"{number!r}".partition("e")
    sign = "-" if mantissa.startswith("-") else ""
    whole, _, fraction = mantissa.lstrip("-").partition(".")
    digits = (whole + fraction).lstrip("0")
    leading = len(whole + fraction) - len(digits)
    point = len(whole) - leading + int(power or 0)  # the digits are 0.DIGITS times ten to this
    digits = digits.rstrip("0")
    if not digits:
        return f"{sign}0"
    # An exponent counts as large from six digits on, or from all of them if they are more.
    if not -4 <= point - 1 < max(exponent_from, len(digits) if exponent_from > _LARGE else 0):
        return sign + _with_exponent(digits, point - 1)
    return sign + _without_exponent(digits, point)


_LARGE = 6


def _with_exponent(digits: str, exponent: int) -> str:
    mantissa = digits[0] + (f".{digits[1:]}" if digits[1:] else "")
    return f"{mantissa}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def _without_exponent(digits: str, point: int) -> str:
    if point <= 0:
        return f"0.{'0' * -point}{digits}"
    if point >= len(digits):
        return digits + "0" * (point - len(digits))
    return f"{digits[:point]}.{digits[point:]}"


def printed(values: Sequence[object]) -> str:
    """`print`: blanks only between two values neither of which is a string."""
    parts: list[str] = []
    for number, value in enumerate(values):
        before = values[number - 1] if number else ""
        if not isinstance(value, str) and not isinstance(before, str):
            parts.append(" ")
        parts.append(plain(value))
    return "".join(parts)


def printed_line(values: Sequence[object]) -> str:
    """`println`: blanks between all of them, and the end of the line."""
    return " ".join(map(plain, values)) + "\n"
