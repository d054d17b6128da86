"""Words, comments and paths as a shell reads them.

Whatever is in a path or an argument, it stays one word: it is never expanded, split or executed.
Control characters are written as escapes, so that a script can be shown on a terminal.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

WIDTH = 98  # in functions two more are for the indentation
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-")
_ESCAPES = {"'": "\\'", "\\": "\\\\", "\n": "\\n", "\t": "\\t"}


def word(text: str) -> str:
    """The text as one word of a bash script."""
    if text and _PLAIN.issuperset(text):
        return text
    if text.isprintable():
        return "'" + text.replace("'", "'\\''") + "'"
    return "$'" + "".join(map(_escaped, text)) + "'"


def words(texts: Iterable[str]) -> str:
    """A row of words."""
    return " ".join(map(word, texts))


def _escaped(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char.isprintable():
        return char
    return "".join(f"\\{byte:03o}" for byte in char.encode("utf-8", "surrogateescape"))


def comment(text: str) -> str:
    """The text as it may stand in a comment: it does not end the line."""
    return "".join(c if c.isprintable() else _escaped(c) for c in text)


def remark(text: str, *, first: str = "# ", more: str = "# ") -> list[str]:
    """The text as lines of comment; `first` and `more` begin them."""
    from textwrap import wrap

    return wrap(
        comment(text),
        WIDTH,
        initial_indent=first,
        subsequent_indent=more,
        break_long_words=False,
        break_on_hyphens=False,
    )


def is_name(text: str) -> bool:
    """Whether a shell takes it as the name of a variable."""
    return text.isascii() and text.replace(".", "-").isidentifier()


class Paths:
    """Variables for paths that come again and again.

    Attributes:
        names: the variables by their paths.
    """

    def __init__(self) -> None:
        self.names: dict[str, str] = {}

    def define(self, name: str, path: str) -> None:
        """From now on this path, and all below it, is written with a variable.

        The name gets a number if it is taken. A path that has a variable keeps it.
        """
        if path in self.names:
            return
        taken = set(self.names.values())
        free, number = name, 1
        while free in taken:
            number += 1
            free = f"{name}_{number}"
        self.names[path] = free

    def word(self, path: str) -> str:
        """The path as one word, with the variable that says most of it."""
        known = [root for root in self.names if path == root or path.startswith(f"{root}/")]
        if not known:
            return word(path)
        root = max(known, key=len)
        return below(self.names[root], path[len(root) :])


def below(variable: str, rest: str) -> str:
    """`"$VARIABLE/rest"`; `rest` is empty or begins with a slash."""
    if not rest or _PLAIN.issuperset(rest):
        return f'"${variable}{rest}"'
    return f'"${variable}"{word(rest)}'
