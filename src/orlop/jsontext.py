"""JSON text in and out, at a price that a command line can pay.

Importing `json` costs 8 ms, because its Python half compiles regular expressions; the C half, that
does the work, costs nothing. It is used directly here, and `json` is imported only to say where
a text is wrong, and on interpreters without the C half.

Stricter than `json`: a name that appears twice in an object, NaN, Infinity and numbers too
large for their type are errors; text is UTF-8 without a byte order mark.

See: RFC 8259.
"""

from __future__ import annotations

from orlop.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    Scan = Callable[[str, int], tuple[object, int]]
    Encode = Callable[[object, int], Iterable[str]]

_BLANK = " \t\n\r"
_INFINITY = float("inf")


class _Refused(ValueError):
    """What JSON's grammar allows, or Python's parser, but this module does not."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise _Refused(f"an object has two members with the name {name!r:.80}")
            seen.add(name)
    return members


def _float(digits: str) -> float:
    number = float(digits)
    if number in (_INFINITY, -_INFINITY):
        raise _Refused(f"the number {digits:.80} is too large")
    return number


def _constant(name: str) -> object:
    raise _Refused(f"{name} is not JSON")


class _Rules:
    """What the scanner asks its context for (json.JSONDecoder has the same attributes)."""

    strict = True
    object_hook = None
    object_pairs_hook = staticmethod(_object)
    array_hook = None
    parse_float = staticmethod(_float)
    parse_int = int
    parse_constant = staticmethod(_constant)


def _unknown_type(value: object) -> object:
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _c_half() -> tuple[Scan | None, Encode | None]:
    """The scanner and encoder of CPython, as json.decoder and json.encoder set them up."""
    try:
        import _json

        # Through Any: typeshed describes what the json module passes, not what is accepted.
        half: Any = _json
        scan = half.make_scanner(_Rules())
        encode = half.make_encoder(
            None, _unknown_type, half.encode_basestring_ascii, None, ":", ",", False, False, False
        )
    except (ImportError, AttributeError, TypeError):  # another interpreter, or its C half changed
        return None, None
    return scan, encode


_scan, _encode = _c_half()


def loads(text: str | bytes) -> object:
    """The value of a JSON text.

    Raises:
        InvalidArgument: it is not JSON, or deeper than the interpreter can follow; the message says
            where, by line and column.
    """
    if isinstance(text, bytes):
        try:
            text = text.decode()
        except UnicodeDecodeError as bad:
            raise InvalidArgument(f"cannot parse JSON: byte {bad.start} is not UTF-8") from None
    try:
        if _scan:
            trimmed = text.strip(_BLANK)
            value, end = _scan(trimmed, 0)
            if end == len(trimmed):
                return value
    except _Refused as refused:
        raise InvalidArgument(f"cannot parse JSON: {refused}") from None
    except RecursionError:
        raise InvalidArgument("cannot parse JSON: it is nested too deeply") from None
    # SystemError: without the module json.decoder the scanner has no error to raise.
    except (StopIteration, SystemError, ValueError):
        pass
    return _loads_slowly(text)


def _loads_slowly(text: str) -> object:
    """The same by the `json` module, which can say what is wrong where."""
    import json

    try:
        return json.loads(
            text, object_pairs_hook=_object, parse_float=_float, parse_constant=_constant
        )
    except json.JSONDecodeError as bad:
        reason = bad.msg[:1].lower() + bad.msg[1:]
        raise InvalidArgument(
            f"cannot parse JSON: {reason} at line {bad.lineno} column {bad.colno}"
        ) from None
    except RecursionError:
        raise InvalidArgument("cannot parse JSON: it is nested too deeply") from None
    except ValueError as bad:  # _Refused, or an integer of more digits than Python converts
        raise InvalidArgument(f"cannot parse JSON: {bad}") from None


def dumps(value: object) -> str:
    """The shortest JSON text of a value, in ASCII and on one line.

    The value is made of dict (with str keys), list, tuple, str, int, float, bool and None.

    Raises:
        TypeError: something of another type is in it.
        ValueError: NaN or an infinity is in it.
    """
    if _encode is None:
        import json

        return json.dumps(value, separators=(",", ":"), allow_nan=False)
    return "".join(_encode(value, 0))


def pretty(value: object) -> str:
    """The same over several lines, indented by two spaces, for people.

    Raises:
        TypeError, ValueError: as `dumps`.
    """
    return _pretty(value, "\n")


def _pretty(value: object, newline: str) -> str:
    inner = newline + "  "
    if isinstance(value, dict) and value:
        members = (f"{dumps(str(k))}: {_pretty(v, inner)}" for k, v in value.items())
        return f"{{{inner}{f',{inner}'.join(members)}{newline}}}"
    if isinstance(value, (list, tuple)) and value:
        items = (_pretty(item, inner) for item in value)
        return f"[{inner}{f',{inner}'.join(items)}{newline}]"
    return dumps(value)


def quoted(text: str) -> str:
    """A text as a JSON string in which only what must be escaped is: others stay as they are."""
    try:
        from _json import encode_basestring
    except ImportError:  # another interpreter
        from json.encoder import encode_basestring
    return str(encode_basestring(text))
