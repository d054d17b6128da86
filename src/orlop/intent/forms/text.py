"""What many forms are made of: words, names with values, lists, addresses, parts of a value."""

from __future__ import annotations

import os

from orlop.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def boolean(text: str) -> bool:
    """The value of a key that is true or false.

    Raises:
        InvalidArgument: it is neither.
    """
    if text.lower() not in ("1", "t", "true", "0", "f", "false"):
        raise InvalidArgument(f"has {text!r}, which is neither true nor false")
    return text.lower() in ("1", "t", "true")


def one_of(*known: str) -> Callable[[str], str]:
    """A reader of one of these words."""

    def read(text: str) -> str:
        if text not in known:
            raise InvalidArgument(f"is not one of {', '.join(known)}")
        return text

    return read


def filled(text: str) -> str:
    """Any text but an empty one.

    Raises:
        InvalidArgument: it is empty.
    """
    if not text:
        raise InvalidArgument("is empty")
    return text


def pair(text: str) -> tuple[str, str]:
    """NAME=VALUE.

    Raises:
        InvalidArgument: it is not of that form.
    """
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise InvalidArgument("is not of the form NAME=VALUE")
    return name, value


def comma_separated(text: str) -> Iterator[str]:
    """The fields of a line of comma-separated values; one with a comma is in double quotes.

    Raises:
        InvalidArgument: it is no such line.
    """
    import _csv

    try:
        rows = list(_csv.reader([text], strict=True))
    except _csv.Error as bad:
        raise InvalidArgument(f"is not a list of comma-separated values: {bad}") from None
    yield from (word.strip() for row in rows for word in row)


def is_address(text: str) -> bool:
    """Whether this is an IPv4 or IPv6 address."""
    import _socket

    for family in (_socket.AF_INET, _socket.AF_INET6):
        try:
            _socket.inet_pton(family, text)
        except OSError:
            continue
        return True
    return False


def address(text: str) -> str:
    """An IPv4 or IPv6 address.

    Raises:
        InvalidArgument: it is none.
    """
    if not is_address(text):
        raise InvalidArgument("is not an IP address")
    return text


def host_path(path: str) -> str:
    """The absolute host path; a relative one starts at the working directory of this process."""
    return os.path.abspath(path)


def member(read: Callable[[str], int], text: str) -> int:
    """A part of a value."""
    try:
        return read(text)
    except InvalidArgument as bad:
        raise InvalidArgument(f"has {text!r}, which {bad.message}") from None


def zero_is_none(read: Callable[[str], int]) -> Callable[[str], int | None]:
    """A reader for which 0 means that nothing is asked."""

    def read_amount(text: str) -> int | None:
        return read(text) or None

    return read_amount
