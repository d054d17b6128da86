"""What runs: image, program, environment, user, and what its starter does with it."""

from __future__ import annotations

import os

from orlop.errors import InvalidArgument
from orlop.intent import units
from orlop.intent.forms.text import filled, member, one_of
from orlop.intent.request import (
    Always,
    Directory,
    HostImage,
    Named,
    NoRestart,
    OnFailure,
    UnlessStopped,
    User,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from orlop.intent.request import Image, RestartPolicy

HOST_IMAGE = "host"
_NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")


def image(text: str) -> Image:
    """`host`, a directory as an absolute path or one that begins with `./`, or a reference.

    Raises:
        InvalidArgument: it is empty.
    """
    if text == HOST_IMAGE:
        return HostImage()
    if text.startswith(("/", "./", "../")) or text in (".", ".."):
        return Directory(os.path.abspath(text))
    return Named(filled(text))


def entrypoint(text: str) -> tuple[str, ...]:
    """One program; the empty text stands for none."""
    return (text,) if text else ()


def directory(text: str) -> str:
    """An absolute container path.

    Raises:
        InvalidArgument: it is not absolute.
    """
    if not text.startswith("/"):
        raise InvalidArgument("is not an absolute path in the container")
    return text


# --- environment and labels -----------------------------------------------------------------------


def variable(text: str) -> tuple[str, str | None]:
    """NAME=VALUE, or NAME with the value that this process has; None if it has none.

    Raises:
        InvalidArgument: the name is empty, or there is a NUL byte.
    """
    name, equals, value = text.partition("=")
    if not name or "\0" in text:
        raise InvalidArgument("is not of the form NAME or NAME=VALUE")
    return name, value if equals else os.environ.get(name)


def label(text: str) -> tuple[str, str]:
    """NAME or NAME=VALUE.

    Raises:
        InvalidArgument: the name is empty.
    """
    name, _, value = text.partition("=")
    if not name.strip():
        raise InvalidArgument("is not of the form NAME or NAME=VALUE")
    return name, value


def variables_file(path: str) -> tuple[tuple[str, str | None], ...]:
    """The variables of a file, one a line.

    Raises:
        InvalidArgument: it cannot be read, or a line is not of the form.
    """
    return _of_lines(path, variable)


def labels_file(path: str) -> tuple[tuple[str, str], ...]:
    """The labels of a file, one a line.

    Raises:
        InvalidArgument: it cannot be read, or a line is not of the form.
    """
    return _of_lines(path, label)


def _of_lines(path: str, read: Callable[[str], Any]) -> tuple[Any, ...]:
    found = []
    for line in _lines_of(path):
        try:
            name = line.partition("=")[0]
            if " " in name or "\t" in name:
                raise InvalidArgument("has white space in its name")
            found.append(read(line))
        except InvalidArgument as bad:
            raise InvalidArgument(f"has the line {line!r}, which {bad.message}") from None
    return tuple(found)


def _lines_of(path: str) -> tuple[str, ...]:
    """The lines of a host file that say something: not blank, no comment.

    Raises:
        InvalidArgument: it cannot be read, or is not UTF-8.
    """
    try:
        with open(path, encoding="utf-8-sig") as file:
            lines = [line.rstrip("\r\n").lstrip() for line in file]
    except (OSError, UnicodeDecodeError) as bad:
        reason = bad.strerror if isinstance(bad, OSError) else "it is not UTF-8"
        raise InvalidArgument(f"cannot be read: {reason}") from None
    return tuple(line for line in lines if line and not line.startswith("#"))


# --- who ------------------------------------------------------------------------------------------


def user(text: str) -> User:
    """USER[:GROUP], each a name or a number.

    Raises:
        InvalidArgument: the user is empty, or a number is out of range.
    """
    name, colon, group_name = text.partition(":")
    if not name or (colon and not group_name) or ":" in group_name:
        raise InvalidArgument("is not of the form USER[:GROUP]")
    return User(account(name), account(group_name) if colon else None)


def account(text: str) -> int | str:
    """A user or group: its number, or its name.

    Raises:
        InvalidArgument: it is empty, or the number is out of range.
    """
    filled(text)
    if not (text.isascii() and text.isdigit()):
        return text
    return units.whole(0, (1 << 31) - 1)(text)


# --- what its starter does ------------------------------------------------------------------------


def name(text: str) -> str:
    """A container's name.

    Raises:
        InvalidArgument: it is too short, or has a character that no name has.
    """
    bare = text.removeprefix("/")
    if len(bare) < 2 or not _NAME_CHARACTERS.issuperset(bare) or bare[0] in "_.-":
        raise InvalidArgument(
            "is not a name: letters and digits, and then also _.- make one, at least two"
        )
    return bare


def stream(text: str) -> str:
    """stdin, stdout or stderr, in letters of any case.

    Raises:
        InvalidArgument: it is none of these.
    """
    return one_of("stdin", "stdout", "stderr")(text.lower())


def restart(text: str) -> RestartPolicy:
    """no, always, unless-stopped, or on-failure[:MOST].

    Raises:
        InvalidArgument: it is none of these.
    """
    name, colon, most = text.partition(":")
    plain: Mapping[str, RestartPolicy] = {
        "no": NoRestart(),
        "": NoRestart(),
        "always": Always(),
        "unless-stopped": UnlessStopped(),
        "on-failure": OnFailure(),
    }
    if name not in plain or (colon and name != "on-failure"):
        raise InvalidArgument("is not one of no, always, unless-stopped, on-failure[:MOST]")
    return OnFailure(member(units.whole(0, 1 << 31), most)) if colon else plain[name]


def check(text: str) -> tuple[str, ...]:
    """A health check by the container's shell."""
    return ("CMD-SHELL", text)


def signal(text: str) -> int:
    """A signal's number, of its number or its name with or without SIG.

    Raises:
        InvalidArgument: there is none of that name.
    """
    from orlop.runtime.lifecycle.kill import parse_signal

    try:
        return parse_signal(text)
    except InvalidArgument:
        raise InvalidArgument("is not a signal as TERM, SIGINT or 9") from None
