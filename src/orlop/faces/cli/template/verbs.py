"""`printf`: the verbs of Go's fmt.

See: pkg.go.dev/fmt, "Printing".
"""

from __future__ import annotations

from orlop.faces.cli.template.literals import quoted
from orlop.faces.cli.template.printing import NIL, plain, shortest
from orlop.faces.cli.template.values import (
    BOOL,
    FLOAT,
    INT,
    INVALID,
    MAP,
    POINTER,
    SLICE,
    STRING,
    STRUCT,
    Object,
    kind_of,
    own_text,
    type_of,
)
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_FLAGS = "+-# 0"
_DIGITS = "0123456789"
_MOST = 1_000_000  # Go's limit of width and precision


class Directive(Record):
    """One `%` of a format: its verb, flags, and the numbers of characters and digits."""

    verb: str
    flags: str = ""
    width: int | None = None
    precision: int | None = None

    def has(self, flag: str) -> bool:
        """Whether the flag is given."""
        return flag in self.flags


def formatted(text: str, values: Sequence[object]) -> str:
    """The text with its directives replaced by the values."""
    return _Printf(text, values).run()


class _Printf:
    """A place in a format, and the next value."""

    def __init__(self, text: str, values: Sequence[object]) -> None:
        self._text = text
        self._values = values
        self._at = 0
        self._index = 0
        self._reordered = False
        self._bad_index = False
        self._complaint = ""

    def run(self) -> str:
        """The whole text."""
        parts: list[str] = []
        while self._at < len(self._text):
            percent = self._text.find("%", self._at)
            end = len(self._text) if percent < 0 else percent
            parts.append(self._text[self._at : end])
            self._at = end + 1
            if percent >= 0:
                parts.append(self._directive())
        return "".join(parts) + self._left_over()

    def _left_over(self) -> str:
        if self._reordered or self._index >= len(self._values):
            return ""
        left = self._values[self._index :]
        named = (
            NIL if kind_of(value) == INVALID else f"{type_of(value)}={plain(value)}"
            for value in left
        )
        return f"%!(EXTRA {', '.join(named)})"

    def _directive(self) -> str:
        self._bad_index, self._complaint = False, ""
        flags = self._flags()
        self._argument_number()
        width = self._number("BADWIDTH")
        if width is not None and width < 0:
            flags, width = f"{flags}-", -width
        precision = None
        if self._text[self._at : self._at + 1] == ".":
            self._at += 1
            self._argument_number()
            starred = self._text[self._at : self._at + 1] == "*"
            precision = self._number("BADPREC")
            precision = precision if starred else precision or 0
        self._argument_number()
        verb = self._text[self._at : self._at + 1]
        self._at += 1
        if not verb:
            return "%!(NOVERB)"
        return self._complaint + self._value(Directive(verb, flags, width, precision))

    def _flags(self) -> str:
        start = self._at
        while self._text[self._at : self._at + 1] and self._text[self._at] in _FLAGS:
            self._at += 1
        return self._text[start : self._at]

    def _argument_number(self) -> None:
        """`[2]`: the second value comes next."""
        if self._text[self._at : self._at + 1] != "[":
            return
        self._reordered = True
        end = self._text.find("]", self._at)
        digits = self._text[self._at + 1 : end] if end > 0 else ""
        self._at = end + 1 if end > 0 else self._at + 1
        if digits.isdecimal() and 1 <= int(digits) <= len(self._values):
            self._index = int(digits) - 1
        else:
            self._bad_index = True

    def _number(self, complaint: str) -> int | None:
        """Digits, or a `*`: then the next value says it."""
        if self._text[self._at : self._at + 1] == "*":
            self._at += 1
            value = self._values[self._index] if self._index < len(self._values) else None
            self._index += 1
            if kind_of(value) == INT and isinstance(value, int) and abs(value) <= _MOST:
                return int(value)
            self._complaint += f"%!({complaint})"
            return None
        start = self._at
        while self._text[self._at : self._at + 1] and self._text[self._at] in _DIGITS:
            self._at += 1
        digits = self._text[start : self._at]
        return min(int(digits), _MOST) if digits else None

    def _value(self, directive: Directive) -> str:
        if directive.verb == "%":
            return "%"
        if self._bad_index:
            return f"%!{directive.verb}(BADINDEX)"
        if self._index >= len(self._values):
            return f"%!{directive.verb}(MISSING)"
        value = self._values[self._index]
        self._index += 1
        return one(directive, value)


def one(directive: Directive, value: object) -> str:
    """A value by one directive."""
    kind = kind_of(value)
    if directive.verb == "T":
        return _padded(directive, type_of(value))
    if kind == INVALID:
        text = NIL if directive.verb == "v" else f"%!{directive.verb}({NIL})"
        return _padded(directive, text)
    if kind == POINTER and directive.verb in "vdxXob":
        return _padded(directive, NIL if directive.verb == "v" else "0")
    own = own_text(value)
    if own is not None and directive.verb in "vsqxX":
        kind, value = STRING, own
    verbs = _VERBS.get(kind, {})
    form = verbs.get(directive.verb)
    if form is None:
        return f"%!{directive.verb}({_typed(value)})"
    return form(directive, value)


def _typed(value: object) -> str:
    return f"{type_of(value)}={plain(value)}"


def _padded(directive: Directive, text: str) -> str:
    width = directive.width or 0
    if directive.has("-"):
        return text.ljust(width)
    return text.rjust(width, "0" if directive.has("0") else " ")


def _padded_number(directive: Directive, sign: str, digits: str) -> str:
    """Zeros go between the sign and the digits."""
    width = directive.width or 0
    if directive.has("0") and not directive.has("-"):
        return sign + digits.rjust(width - len(sign), "0")
    return _padded(directive.replace(flags=directive.flags.replace("0", "")), sign + digits)


# --- strings ----------------------------------------------------------------------------------


def _string(directive: Directive, value: object) -> str:
    return _padded(directive, str(value)[: directive.precision])


def _quoted(directive: Directive, value: object) -> str:
    text = str(value)[: directive.precision]
    if directive.has("#") and "`" not in text and text.isprintable():
        return _padded(directive, f"`{text}`")
    return _padded(directive, quoted(text))


def _go_string(directive: Directive, value: object) -> str:
    if directive.has("#"):
        return _padded(directive, quoted(str(value)))
    return _string(directive, value)


def _hex_string(directive: Directive, value: object) -> str:
    data = str(value).encode("utf-8", "surrogateescape")[: directive.precision]
    text = data.hex(" ") if directive.has(" ") else data.hex()
    if directive.has("#") and text:
        text = "0x" + text.replace(" ", " 0x")
    return _padded(directive, text.upper() if directive.verb == "X" else text)


# --- numbers ----------------------------------------------------------------------------------

_BASES = {"d": "d", "v": "d", "b": "b", "o": "o", "O": "o", "x": "x", "X": "X"}
_PREFIXES = {"b": "0b", "o": "0", "x": "0x", "X": "0X"}


def _integer(directive: Directive, value: object) -> str:
    number = int(str(value)) if not isinstance(value, int) else int(value)
    digits = format(abs(number), _BASES[directive.verb])
    if directive.precision is not None:
        digits = digits.rjust(directive.precision, "0")
        directive = directive.replace(flags=directive.flags.replace("0", ""))
    prefix = _PREFIXES.get(directive.verb, "") if directive.has("#") else ""
    prefix = "0o" if directive.verb == "O" else prefix
    return _padded_number(directive, _sign(directive, negative=number < 0) + prefix, digits)


def _sign(directive: Directive, *, negative: bool) -> str:
    if negative:
        return "-"
    # %+v names fields, it does not show signs.
    return (
        "+" if directive.has("+") and directive.verb != "v" else " " if directive.has(" ") else ""
    )


def _character(directive: Directive, value: object) -> str:
    return _padded(directive, chr(_code(value)))


def _quoted_character(directive: Directive, value: object) -> str:
    inside = quoted(chr(_code(value)))[1:-1].replace('\\"', '"').replace("'", "\\'")
    return _padded(directive, f"'{inside}'")


def _unicode(directive: Directive, value: object) -> str:
    code = _code(value)
    shown = f" '{chr(code)}'" if directive.has("#") and chr(code).isprintable() else ""
    return _padded(directive, f"U+{code:04X}{shown}")


def _code(value: object) -> int:
    """A character's number; of what is none, that of the replacement character."""
    code = value if isinstance(value, int) else 0
    return code if 0 <= code < 0x110000 else 0xFFFD


def _decimal(directive: Directive, value: object) -> str:
    number = float(str(value))
    places = 6 if directive.precision is None else directive.precision
    digits = format(abs(number), f".{places}{_DECIMALS[directive.verb]}")
    return _padded_number(directive, _sign(directive, negative=number < 0), digits)


_DECIMALS = {"f": "f", "F": "f", "e": "e", "E": "E"}


def _general(directive: Directive, value: object) -> str:
    number = float(str(value))
    if directive.precision is None:
        digits = shortest(abs(number))
    else:
        digits = format(abs(number), f".{directive.precision}g")
    digits = digits.upper() if directive.verb == "G" else digits
    return _padded_number(directive, _sign(directive, negative=number < 0), digits)


def _hex_decimal(directive: Directive, value: object) -> str:
    """As 0x1.8p+00."""
    number = float(str(value))
    mantissa, _, exponent = abs(number).hex().partition("p")
    digits = mantissa.rstrip("0").removesuffix(".") if "." in mantissa else mantissa
    digits = f"{digits}p{exponent[0]}{exponent[1:].rjust(2, '0')}"
    digits = digits.upper() if directive.verb == "X" else digits
    return _padded_number(directive, _sign(directive, negative=number < 0), digits)


def _boolean(directive: Directive, value: object) -> str:
    return _padded(directive, plain(value))


# --- what consists of others --------------------------------------------------------------------


def _inner(directive: Directive, value: object) -> str:
    """A part of something else: nil is nil there, whatever the verb."""
    return NIL if kind_of(value) == INVALID else one(directive, value)


def _items(directive: Directive, value: object) -> str:
    items = value if isinstance(value, (list, tuple)) else ()
    if directive.has("#") and directive.verb == "v":
        return f"{type_of(value)}{{{', '.join(_inner(directive, item) for item in items)}}}"
    return f"[{' '.join(_inner(directive, item) for item in items)}]"


def _mapping(directive: Directive, value: object) -> str:
    members = value if isinstance(value, dict) else {}
    pairs = [
        f"{_inner(directive, key)}:{_inner(directive, members[key])}" for key in sorted(members)
    ]
    if directive.has("#") and directive.verb == "v":
        return f"{type_of(value)}{{{', '.join(pairs)}}}"
    return f"map[{' '.join(pairs)}]"


def _struct(directive: Directive, value: object) -> str:
    if not isinstance(value, Object):
        return ""
    named = directive.has("+") or directive.has("#")
    parts = (
        (f"{name}:" if named else "") + _inner(directive, value.field(name))
        for name in value.names()
    )
    pointer = "&" if type_of(value).startswith("*") else ""
    return f"{pointer}{{{' '.join(parts)}}}"


_ALL = "vsqxXdtfgebocU"
_VERBS: dict[str, dict[str, Callable[[Directive, object], str]]] = {
    STRING: {
        "v": _go_string,
        "s": _string,
        "q": _quoted,
        "x": _hex_string,
        "X": _hex_string,
    },
    INT: {
        **dict.fromkeys(_BASES, _integer),
        "c": _character,
        "q": _quoted_character,
        "U": _unicode,
    },
    FLOAT: {
        **dict.fromkeys(_DECIMALS, _decimal),
        **dict.fromkeys("vgG", _general),
        **dict.fromkeys("xX", _hex_decimal),
    },
    BOOL: dict.fromkeys("vt", _boolean),
    SLICE: dict.fromkeys(_ALL, _items),
    MAP: dict.fromkeys(_ALL, _mapping),
    STRUCT: dict.fromkeys(_ALL, _struct),
}
