"""A command line as bash has it, whose words are still to be found."""

from __future__ import annotations

_BREAKS = ":="  # bash completes behind them only: COMP_WORDBREAKS
_QUOTES = "'\""


def split(line: str) -> list[str]:
    """The words of a line, the last of which may be empty or end in an open quote."""
    words, word, quote, begun = [], "", "", True
    at = 0
    while at < len(line):
        c = line[at]
        at += 1
        if c == "\\" and quote != "'" and at < len(line):
            word, begun = word + line[at], True
            at += 1
        elif quote:
            word, quote = (word, "") if c == quote else (word + c, quote)
        elif c in _QUOTES:
            quote, begun = c, True
        elif c in " \t":
            if begun:
                words.append(word)
            word, begun = "", False
        else:
            word, begun = word + c, True
    return [*words, word]


def inserted_before(word: str) -> str:
    """What of a word bash has already passed: all up to its last break."""
    end = max(word.rfind(c) for c in _BREAKS)
    return word[: end + 1]
