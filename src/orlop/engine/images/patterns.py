"""Patterns for names of images, as Docker's filter `reference` has them.

They are those of Go's path.Match: `*` and `?` stand for anything but a slash, [a-z] and [^a-z] for
one character, a backslash takes the meaning from the next one.

See: pkg.go.dev/path#Match; github.com/distribution/reference, FamiliarMatch.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orlop.errors import InvalidArgument

if TYPE_CHECKING:
    from orlop.image.reference import Reference

_CLASS = re.compile(r"\[(\^?)((?:\\.|[^\]\\])+)\]")


def matches(pattern: str, name: Reference) -> bool:
    """Whether a name fits, with its tag or without.

    Raises:
        InvalidArgument: the pattern is malformed.
    """
    expression = compiled(pattern)
    candidates = (name.familiar, name.familiar_name)
    return any(expression.fullmatch(text) for text in candidates)


def compiled(pattern: str) -> re.Pattern[str]:
    """The pattern as a regular expression.

    Raises:
        InvalidArgument: it is malformed.
    """
    parts = [""]
    position = 0
    while position < len(pattern):
        if pattern[position] == "*":
            parts.append("")
            position += 1
        else:
            text, position = _one(pattern, position)
            parts[-1] += text
    try:
        return re.compile(_joined(parts))
    except re.error as error:
        raise InvalidArgument(f"invalid pattern {pattern!r:.200}: {error}") from error


def _joined(parts: list[str]) -> str:
    """What stands between stars, put together.

    A part is taken where it fits first, for good: no other place could make the rest fit better,
    and a pattern of many stars costs no more time than one of few.
    """
    if len(parts) == 1:
        return parts[0]
    first, *middle, last = parts
    inner = "".join(f"(?>[^/]*?{part})" for part in middle if part)
    return f"{first}{inner}[^/]*{last}"


def _one(pattern: str, position: int) -> tuple[str, int]:
    """An expression for what stands for one character, and where it ends."""
    character = pattern[position]
    if character == "?":
        return "[^/]", position + 1
    if character == "[":
        match = _CLASS.match(pattern, position)
        if match is None:
            raise InvalidArgument(f"invalid pattern {pattern!r:.200}: a bracket is not closed")
        return f"(?!/)[{match[1]}{match[2].replace('[', chr(92) + '[')}]", match.end()
    if character == "\\":
        if position + 1 == len(pattern):
            raise InvalidArgument(f"invalid pattern {pattern!r:.200}: it ends in a backslash")
        return re.escape(pattern[position + 1]), position + 2
    return re.escape(character), position + 1
