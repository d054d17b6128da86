"""The `filters` of lists, events and prune, in both shapes in which clients write them.

Go's clients write `{"label": {"a=b": true}}`, Python's `{"label": ["a=b"]}`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from orlop.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_Shapes = dict[str, dict[str, bool] | list[str] | None]
_decoder = msgspec.json.Decoder(_Shapes)
_TRUE = ("1", "t", "true")
_FALSE = ("0", "f", "false")


class Filters:
    """Which objects are wanted: by the filter's name its values, of which one has to fit."""

    def __init__(self, values: Mapping[str, tuple[str, ...]] | None = None) -> None:
        self._values = dict(values or {})

    def __bool__(self) -> bool:
        return bool(self._values)

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Filters) and other._values == self._values

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Filters({self._values!r})"

    def names(self) -> tuple[str, ...]:
        """Which filters were given."""
        return tuple(self._values)

    def get(self, name: str) -> tuple[str, ...]:
        """The values of a filter, empty if it was not given."""
        return self._values.get(name, ())

    def only(self, *names: str) -> Filters:
        """The same, all of which are among these.

        Raises:
            InvalidArgument: there is another one.
        """
        for name in self._values:
            if name not in names:
                raise InvalidArgument(f"invalid filter '{name}'")
        return self

    def flag(self, name: str) -> bool | None:
        """The value of a filter that is true or false; None if it was not given.

        Raises:
            InvalidArgument: it is neither, or both.
        """
        values = {value.lower() for value in self.get(name)}
        if not values:
            return None
        if values <= {*_TRUE}:
            return True
        if values <= {*_FALSE}:
            return False
        raise InvalidArgument(f"invalid filter '{name}={','.join(self.get(name))}'")

    def fits(self, name: str, candidates: Iterable[str]) -> bool:
        """Whether one of the candidates is one of the values; true if there are no values."""
        values = self.get(name)
        return not values or any(candidate in values for candidate in candidates)

    def labels_fit(self, labels: Mapping[str, str]) -> bool:
        """Whether `label` filters (NAME or NAME=VALUE, all of them) fit, and no `label!` does."""
        wanted = all(_has(labels, text) for text in self.get("label"))
        return wanted and not any(_has(labels, text) for text in self.get("label!"))


def parse(text: str) -> Filters:
    """The filters that a client has written; an empty text means none.

    Raises:
        InvalidArgument: it is of neither shape.
    """
    if not text.strip():
        return Filters()
    try:
        shapes = _decoder.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise InvalidArgument(f"invalid filters: {error}") from None
    return Filters({name: _values(shape) for name, shape in shapes.items() if shape})


def _values(shape: dict[str, bool] | list[str] | None) -> tuple[str, ...]:
    if isinstance(shape, dict):
        return tuple(value for value, wanted in shape.items() if wanted)
    return tuple(shape or ())


def _has(labels: Mapping[str, str], text: str) -> bool:
    name, equals, value = text.partition("=")
    return name in labels and (not equals or labels[name] == value)
