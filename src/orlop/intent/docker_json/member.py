"""Members of Docker's JSON and fields of a request, as rows of tables that are read both ways."""

from __future__ import annotations

from orlop.decode import Mismatch, boolean, i64, list_of, mapping_of, string
from orlop.errors import InvalidArgument
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from orlop.decode import Decoder
    from orlop.intent.given import Given
    from orlop.intent.request import Request

    Document = dict[str, Any]


class Member(Record):
    """One member for one field.

    Attributes:
        path: of the member, as "HostConfig.Memory".
        field: of the request, as "limits.memory_bytes".
        read: what the field becomes; None if the member asks for nothing.
        write: what the member becomes.
        nothing: the member where the field asks for nothing.
        whole: a list is one value, not several.
    """

    path: str
    field: str
    read: Decoder[Any]
    write: Callable[[Any], Any]
    nothing: Any = None
    whole: bool = False

    def take(self, document: object, given: Given) -> None:
        """The field has what the member says.

        Raises:
            Mismatch: that is something else than what it can be.
        """
        value = look_up(document, self.path)
        found = None if value is None else at(self.path, self.read, value)
        if found is None:
            return
        if isinstance(found, tuple) and not isinstance(found, Record) and not self.whole:
            for index, item in enumerate(found):
                given.append(self.field, item, f"{self.path}[{index}]")
        else:
            given.set(self.field, found, self.path)

    def give(self, request: Request, document: Document) -> None:
        """The member has what the field says."""
        value: Any = request
        for name in self.field.split("."):
            value = getattr(value, name)
        put(document, self.path, self.nothing if value is None else self.write(value))


def look_up(document: object, path: str) -> object:
    """The member at a path, None if it is null or missing.

    Raises:
        Mismatch: what it would be in is no object.
    """
    value = document
    for name in path.split("."):
        if value is None:
            return None
        if not isinstance(value, dict):
            raise _at(Mismatch("must be an object"), path.rpartition(".")[0])
        value = value.get(name)
    return value


def put(document: Document, path: str, value: Any) -> None:
    """The document has this member."""
    *above, name = path.split(".")
    for step in above:
        document = document.setdefault(step, {})
    document[name] = value


def at(path: str, read: Decoder[Any], value: object) -> Any:
    """What a member says; a mismatch names its path."""
    try:
        return read(value)
    except Mismatch as bad:
        raise _at(bad, path) from None


def _at(bad: Mismatch, path: str) -> Mismatch:
    bad.steps.append(f".{path}")
    return bad


# --- readers ----------------------------------------------------------------------------------


def text(read: Callable[[str], Any]) -> Decoder[Any]:
    """A string in the form that a flag's value has; an empty one asks for nothing."""

    def decode_text(value: object) -> Any:
        word = string(value)
        return read_text(read, word) if word else None

    return decode_text


def read_text(read: Callable[[str], Any], word: str) -> Any:
    """What a flag's form says of a text.

    Raises:
        Mismatch: it is not of the form.
    """
    try:
        return read(word)
    except InvalidArgument as bad:
        hint = f" ({bad.hint})" if bad.hint else ""
        raise Mismatch(f"{word!r:.80} {bad.message}{hint}") from None


def texts(read: Callable[[str], Any]) -> Decoder[tuple[Any, ...]]:
    """A list of such strings."""

    def decode_item(value: object) -> Any:
        return read_text(read, string(value))

    return list_of(decode_item)


def unless(nothing: object, decoder: Decoder[Any]) -> Decoder[Any]:
    """None for the value by which Docker's clients say that they ask for nothing."""

    def decode_unless(value: object) -> Any:
        return None if type(value) is type(nothing) and value == nothing else decoder(value)

    return decode_unless


def number(value: object) -> int | None:
    """A number; 0 asks for nothing."""
    return i64(value) or None


def pairs(value: object) -> tuple[tuple[str, str], ...]:
    """An object of strings as names with values."""
    found: Mapping[str, str] = mapping_of(_string_or_null)(value)
    return tuple(found.items())


def _string_or_null(value: object) -> str:
    return "" if value is None else string(value)


def words(value: object) -> tuple[str, ...]:
    """A list of strings; one alone may stand without a list (moby's strslice)."""
    return (value,) if isinstance(value, str) else list_of(string)(value)


# --- rows -------------------------------------------------------------------------------------


def _same(value: Any) -> Any:
    return value


def flag(path: str, field: str) -> Member:
    """A member that is true or false."""
    return Member(path, field, boolean, bool, False)


def count(path: str, field: str, nothing: int = 0) -> Member:
    """A number that asks for nothing at 0 (or at `nothing`)."""
    return Member(path, field, unless(nothing, number), _same, nothing)


def name(path: str, field: str, read: Callable[[str], Any] = str) -> Member:
    """A string."""
    return Member(path, field, text(read), _same, "")


def strings(path: str, field: str, read: Callable[[str], Any] = str) -> Member:
    """A list of strings, null for none."""
    return Member(path, field, texts(read), lambda value: list(value) or None)


def joined(path: str, field: str, read: Callable[[str], Any], mark: str) -> Member:
    """A list of strings that are two parts around a mark."""
    return Member(
        path, field, texts(read), lambda value: [mark.join(part) for part in value] or None
    )


def names(path: str, field: str) -> Member:
    """An object with string values."""
    return Member(path, field, pairs, dict, {})
