"""Options of the form NAME=VALUE, as the API has them."""

from __future__ import annotations

from orlop.errors import InvalidArgument
from orlop.intent.forms import process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.options import Values


def pairs_of(values: Values, key: str) -> dict[str, str]:
    """The values of an option as names and what they stand for.

    Raises:
        InvalidArgument: one has no value.
    """
    return dict(_pair(key, text) for text in values.list(key))


def _pair(key: str, text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise InvalidArgument(f"--{key} {text!r} is not of the form NAME=VALUE")
    return name, value


def labels_of(values: Values) -> dict[str, str]:
    """The labels; those without a value have an empty one.

    Raises:
        InvalidArgument: one has no name.
    """
    try:
        return dict(process.label(text) for text in values.list("label"))
    except InvalidArgument as bad:
        raise InvalidArgument(f"--label: one {bad.message}") from None
