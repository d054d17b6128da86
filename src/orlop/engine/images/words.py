"""Words of Dockerfile instructions: quotes, escapes, variables.

See: docs.docker.com/reference/dockerfile/#environment-replacement, "shell parsing".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orlop.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9]+")
_BRACED = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)(?:(:?[-+])((?:[^{}\\]|\\.|\$\{[^{}]*\})*))?\}")


def split(text: str) -> list[str]:
    """The words between blanks, quotes and escapes left in them.

    Raises:
        InvalidArgument: a quotation mark is not closed.
    """
    words: list[str] = []
    word, quote, is_open = "", "", False
    characters = iter(text)
    for character in characters:
        if not quote and character.isspace():
            if is_open:
                words.append(word)
            word, is_open = "", False
            continue
        is_open = True
        word += character
        if character == "\\" and quote != "'":
            word += next(characters, "")
        elif quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
    if quote:
        raise InvalidArgument(f"a quotation mark is not closed in {text!r:.200}")
    return [*words, word] if is_open else words


def expand(text: str, environment: Mapping[str, str]) -> str:
    """A word with its variables, without its quotes and escapes.

    Raises:
        InvalidArgument: a quotation mark is not closed, or a variable's form is unknown.
    """
    return "".join(_expanded(text, environment))


def _expanded(text: str, environment: Mapping[str, str]) -> Iterator[str]:
    position, quote = 0, ""
    while position < len(text):
        character = text[position]
        position += 1
        if character == "'" and quote != '"':
            end = text.find("'", position)
            if end < 0:
                raise InvalidArgument(f"a quotation mark is not closed in {text!r:.200}")
            yield text[position:end]
            position = end + 1
        elif character == '"':
            quote = "" if quote else '"'
        elif character == "\\":
            following = text[position : position + 1]
            position += 1
            # Between double quotes a backslash stands for itself, unless it has something to do.
            yield following if not quote or following in '"$\\' else f"\\{following}"
        elif character == "$":
            value, position = _variable(text, position, environment)
            yield value
        else:
            yield character
    if quote:
        raise InvalidArgument(f"a quotation mark is not closed in {text!r:.200}")


def _variable(text: str, position: int, environment: Mapping[str, str]) -> tuple[str, int]:
    """The value of the variable behind a dollar sign, and where its name ends."""
    if plain := _NAME.match(text, position):
        return environment.get(plain[0], ""), plain.end()
    if text[position : position + 1] != "{":
        return "$", position
    braced = _BRACED.match(text, position)
    if braced is None:
        raise InvalidArgument(
            f"cannot replace variables in {text!r:.200}",
            hint="they are as $NAME, ${NAME}, ${NAME:-value} or ${NAME:+value}",
        )
    name, operator, word = braced.groups()
    value = environment.get(name)
    is_set = bool(value) if operator and operator.startswith(":") else value is not None
    if operator and operator.endswith("-"):
        return (value or "") if is_set else expand(word, environment), braced.end()
    if operator and operator.endswith("+"):
        return expand(word, environment) if is_set else "", braced.end()
    return value or "", braced.end()
