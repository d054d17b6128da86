"""Decoders from JSON values to records, which say where and why a value does not fit.

A decoder is a function from a JSON value (what `orlop.jsontext.loads` gives) to a typed value.
Small decoders are put together to larger ones:

    decode_user = record(
        User, "config.md#user",
        uid=required(u32), gid=required(u32), umask=optional(u32),
        additional_gids=optional(list_of(u32)),
    )
    user = decode(decode_user, value, "process.user")

The key of a field is its name in camelCase, unless another is given. A null is as good as an
absent field, unknown fields are ignored (runtime-spec config.md#extensibility), a bool is not an
integer, a number with a fraction or exponent neither.
"""

from __future__ import annotations

from orlop.errors import SpecError
from orlop.records import fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, TypeVar

    from orlop.records import Record

    T = TypeVar("T")
    R = TypeVar("R", bound=Record)
    Decoder = Callable[[object], T]
    Field = tuple[str, Decoder[Any], object, str]


def respelled(document: Mapping[str, T], names: Mapping[str, str]) -> dict[str, T]:
    """The same object, in which the case of some names' letters does not count.

    Args:
        document: the object; a member that is spelt exactly so comes before one that is not.
        names: those names, by their form in lower case.
    """
    found: dict[str, T] = {}
    for key, value in document.items():
        name = names.get(key.lower(), key)
        if name == key or name not in document:
            found[name] = value
    return found


class Mismatch(Exception):
    """A value does not fit its decoder.

    Attributes:
        reason: what the value would have to be.
        spec_ref: where the specification says so, "" as long as nobody has said it.
        steps: the way to the value, from the inside out: ".key" or "[3]".
    """

    def __init__(self, reason: str, spec_ref: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.spec_ref = spec_ref
        self.steps: list[str] = []


def decode(decoder: Decoder[T], value: object, where: str = "") -> T:
    """What the decoder makes of the value; `where` is the path of the value itself.

    Raises:
        SpecError: the value does not fit.
    """
    try:
        return decoder(value)
    except Mismatch as bad:
        path = where + "".join(reversed(bad.steps))
        raise SpecError(path.lstrip("."), bad.reason, spec_ref=bad.spec_ref) from None


# --- scalars --------------------------------------------------------------------------------


def boolean(value: object) -> bool:
    """True or false."""
    if type(value) is not bool:
        raise Mismatch(f"must be true or false, not {_kind(value)}")
    return value


def integer(low: int, high: int) -> Decoder[int]:
    """An integer from low to high, both included."""

    def decode_integer(value: object) -> int:
        if type(value) is not int:
            raise Mismatch(f"must be an integer, not {_kind(value)}")
        if not low <= value <= high:
            raise Mismatch(f"must be from {low} to {high}, not {value}")
        return value

    return decode_integer


u16 = integer(0, (1 << 16) - 1)
u32 = integer(0, (1 << 32) - 1)
u64 = integer(0, (1 << 64) - 1)
i32 = integer(-(1 << 31), (1 << 31) - 1)
i64 = integer(-(1 << 63), (1 << 63) - 1)


def string(value: object) -> str:
    """A string that can be given to the kernel: without NUL bytes, and with an UTF-8 form."""
    if type(value) is not str:
        raise Mismatch(f"must be a string, not {_kind(value)}")
    if "\0" in value:
        raise Mismatch("must not contain a NUL byte")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise Mismatch("must not contain half a surrogate pair") from None
    return value


def filled(value: object) -> str:
    """A string that is not empty."""
    text = string(value)
    if not text:
        raise Mismatch("must not be empty")
    return text


def absolute_path(value: object) -> str:
    """A path that begins with a slash."""
    path = string(value)
    if not path.startswith("/"):
        raise Mismatch(f"must be an absolute path, not {path!r:.80}")
    return path


def one_of(*choices: str) -> Decoder[str]:
    """One of these strings."""
    known = frozenset(choices)

    def decode_choice(value: object) -> str:
        text = string(value)
        if text not in known:
            raise Mismatch(f"must be one of {', '.join(choices)}, not {text!r:.80}")
        return text

    return decode_choice


def blank_or(decoder: Decoder[T]) -> Decoder[T | None]:
    """None for an empty string, which many writers of configurations mean as absence."""

    def decode_unless_blank(value: object) -> T | None:
        return None if value == "" else decoder(value)

    return decode_unless_blank


def zero_or(decoder: Decoder[T]) -> Decoder[T | None]:
    """None for the number 0, where it means by convention that nothing was asked."""

    def decode_unless_zero(value: object) -> T | None:
        return None if type(value) is int and value == 0 else decoder(value)

    return decode_unless_zero


def number_list(limit: int) -> Decoder[tuple[int, ...]]:
    """The numbers of a list as "0-3,7", each once and in order, all below the limit.

    See: cpuset(7), "List format".
    """

    def decode_numbers(value: object) -> tuple[int, ...]:
        numbers: set[int] = set()
        for part in string(value).split(","):
            first, dash, last = (word.strip() for word in part.partition("-"))
            if not first and not dash:
                continue
            low, high = _number(first), _number(last if dash else first)
            if low > high or high >= limit:
                raise Mismatch(
                    f"must have ranges that rise and end below {limit}, not {part!r:.80}"
                )
            numbers.update(range(low, high + 1))
        return tuple(sorted(numbers))

    return decode_numbers


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Mismatch(f"must be a list of numbers and ranges as 0-3,7; {text!r:.80} is no number")
    return int(text)


# --- lists, mappings and records ------------------------------------------------------------


def list_of(decoder: Decoder[T]) -> Decoder[tuple[T, ...]]:
    """A list, every item of which fits the decoder."""

    def decode_list(value: object) -> tuple[T, ...]:
        if type(value) is not list:
            raise Mismatch(f"must be an array, not {_kind(value)}")
        items: list[T] = []
        try:
            for item in value:
                items.append(decoder(item))  # noqa: PERF401 (the error needs the position)
        except Mismatch as bad:
            bad.steps.append(f"[{len(items)}]")
            raise
        return tuple(items)

    return decode_list


def mapping_of(decoder: Decoder[T], key: Decoder[str] = filled) -> Decoder[Mapping[str, T]]:
    """An object with free keys, every value (and every key) of which fits."""

    def decode_mapping(value: object) -> Mapping[str, T]:
        if type(value) is not dict:
            raise Mismatch(f"must be an object, not {_kind(value)}")
        entries: dict[str, T] = {}
        name = ""
        try:
            for name, item in value.items():
                entries[key(name)] = decoder(item)
        except Mismatch as bad:
            bad.steps.append(f"[{name!r}]")
            raise
        return entries

    return decode_mapping


_REQUIRED = object()
_OF_RECORD = object()


def required(decoder: Decoder[Any], key: str = "", *, spec_ref: str = "") -> Field:
    """A field of a record that must be there."""
    return key, decoder, _REQUIRED, spec_ref


def optional(
    decoder: Decoder[Any], key: str = "", *, spec_ref: str = "", default: object = _OF_RECORD
) -> Field:
    """A field of a record that has a default (else the record's own) if it is absent or null."""
    return key, decoder, default, spec_ref


def record(cls: type[R], spec_ref: str, /, **described: Field) -> Decoder[R]:
    """An object whose fields make a record.

    `spec_ref` is where the specification describes it, and its fields if they do not say otherwise.

    Raises:
        TypeError: right here, if the fields are not those of the record, in order.
    """
    if tuple(described) != fields(cls):
        raise TypeError(f"{cls.__name__} has the fields {fields(cls)}, not {tuple(described)}")
    defaults = cls.__record_defaults__
    table = tuple(
        (
            key or camel_case(name),
            decoder,
            defaults[name] if default is _OF_RECORD else default,
            ref or spec_ref,
        )
        for name, (key, decoder, default, ref) in described.items()
    )

    def decode_record(value: object) -> R:
        if type(value) is not dict:
            raise Mismatch(f"must be an object, not {_kind(value)}", spec_ref)
        values: list[object] = []
        key = ref = ""
        try:
            for key, decoder, default, ref in table:  # noqa: B007 (both are for the handler)
                item = value.get(key)
                if item is not None:
                    values.append(decoder(item))
                elif default is _REQUIRED:
                    raise Mismatch("is required")
                else:
                    values.append(default)
        except Mismatch as bad:
            bad.steps.append(f".{key}")
            bad.spec_ref = bad.spec_ref or ref
            raise
        return cls(*values)

    return decode_record


def member(key: str, decoder: Decoder[T]) -> Decoder[T | None]:
    """The one member of an object that counts; None if it is absent or null."""

    def decode_member(value: object) -> T | None:
        if type(value) is not dict:
            raise Mismatch(f"must be an object, not {_kind(value)}")
        item = value.get(key)
        try:
            return None if item is None else decoder(item)
        except Mismatch as bad:
            bad.steps.append(f".{key}")
            raise

    return decode_member


def camel_case(name: str) -> str:
    """`no_new_privileges` as `noNewPrivileges`."""
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def _kind(value: object) -> str:
    """A JSON value's kind, for messages."""
    kinds = {dict: "an object", list: "an array", str: "a string", bool: "a boolean"}
    if value is None:
        return "null"
    return kinds.get(type(value), f"the number {value!r:.80}")
