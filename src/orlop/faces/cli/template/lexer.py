"""Cuts a template's text into tokens, by the rules of Go's text/template.

The last token is END, or WRONG with what is wrong: what comes before it may be a mistake that the
parser should speak of first.
"""

from __future__ import annotations

from orlop.faces.cli.template import tokens as kind
from orlop.faces.cli.template.literals import quoted
from orlop.faces.cli.template.tokens import KEYWORDS, Token

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_SPACES = " \t\r\n"
_DIGITS = "0123456789"
_DECIMAL = f"{_DIGITS}_"
_OF_BASE = {"0x": f"{_DECIMAL}abcdefABCDEF", "0o": "01234567_", "0b": "01_"}
_OPEN, _CLOSE, _TRIM = "{{", "}}", "-"
_COMMENT, _END_OF_COMMENT = "/*", "*/"
_SINGLE = {"|": kind.PIPE, "=": kind.ASSIGN, "(": kind.LEFT, ")": kind.RIGHT}
_QUOTES = {
    '"': (kind.STRING, "unterminated quoted string"),
    "'": (kind.CHARACTER, "unterminated character constant"),
}


class _Stop(Exception):
    """The text is wrong here; no token comes after this one."""


def tokens(text: str) -> tuple[Token, ...]:
    """The tokens of a template, up to END or WRONG."""
    return tuple(_Lexer(text).run())


class _Lexer:
    """A place in a text, and how many parentheses are open there."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0

    def run(self) -> Iterator[Token]:
        """All tokens."""
        try:
            while self._at < len(self._text):
                yield from self._plain()
                if self._at < len(self._text):
                    yield from self._action()
        except _Stop as stop:
            yield Token(kind.WRONG, str(stop), self._at)
        else:
            yield Token(kind.END, "", self._at)

    def _plain(self) -> Iterator[Token]:
        """What is copied: up to the next action; blanks before `{{- ` are left out."""
        start = self._at
        end = self._text.find(_OPEN, start)
        self._at = end = len(self._text) if end < 0 else end
        text = self._text[start:end]
        if self._trims_before(end):
            text = text.rstrip(_SPACES)
        if text:
            yield Token(kind.TEXT, text, start)

    def _trims_before(self, at: int) -> bool:
        marker = self._text[at + len(_OPEN) : at + len(_OPEN) + 2]
        return len(marker) == 2 and marker[0] == _TRIM and marker[1] in _SPACES

    def _action(self) -> Iterator[Token]:
        """From `{{` to `}}`, or a comment."""
        start = self._at
        trimmed = 2 if self._trims_before(start) else 0  # the dash and one blank
        self._at += len(_OPEN) + trimmed
        if self._text.startswith(_COMMENT, self._at):
            self._comment()
            return
        yield Token(kind.OPEN, _OPEN, start)
        self._depth = 0
        while not (closing := self._closing()):
            yield self._inside()
        if self._depth:
            raise _Stop("unclosed left paren")
        at = self._at
        self._close(closing)
        yield Token(kind.CLOSE, _CLOSE, at)

    def _closing(self) -> str:
        """`}}` or ` -}}` if that stands here, else nothing."""
        for marker in (_CLOSE, *(blank + _TRIM + _CLOSE for blank in _SPACES)):
            if self._text.startswith(marker, self._at):
                return marker
        return ""

    def _close(self, marker: str) -> None:
        """Passes the end of an action, and the blanks behind it if it says so."""
        self._at += len(marker)
        while marker != _CLOSE and self._next() in _SPACES and self._next():
            self._at += 1

    def _comment(self) -> None:
        end = self._text.find(_END_OF_COMMENT, self._at + len(_COMMENT))
        if end < 0:
            raise _Stop("unclosed comment")
        self._at = end + len(_END_OF_COMMENT)
        closing = self._closing()
        if not closing:
            raise _Stop("comment ends before closing delimiter")
        self._close(closing)

    def _next(self, ahead: int = 0) -> str:
        at = self._at + ahead
        return self._text[at : at + 1]

    def _inside(self) -> Token:
        """The next token of an action."""
        first = self._next()
        if not first:
            raise _Stop("unclosed action")
        if first in _QUOTES:
            return self._quoted(*_QUOTES[first])
        for belongs, lex in self._BY_FIRST:
            if belongs(first, self._next(1)):
                return lex(self)
        if ord(first) < 128 and first.isprintable():
            return self._take(kind.OTHER, 1)
        raise _Stop(f"unrecognized character in action: {_described(first)}")

    def _take(self, which: str, length: int) -> Token:
        start = self._at
        self._at += length
        return Token(which, self._text[start : self._at], start)

    def _while(self, belongs: Callable[[str], bool], ahead: int = 0) -> int:
        """How many characters from here belong to it, the first `ahead` unseen."""
        length = ahead
        while (c := self._next(length)) and belongs(c):
            length += 1
        return length

    def _blanks(self) -> Token:
        length = self._while(_SPACES.__contains__)
        # The blank before a dash may belong to the marker ` -}}`.
        if length > 1 and self._text.startswith(_TRIM + _CLOSE, self._at + length):
            length -= 1
        return self._take(kind.SPACE, length)

    def _single(self) -> Token:
        which = _SINGLE[self._next()]
        self._depth += {kind.LEFT: 1, kind.RIGHT: -1}.get(which, 0)
        if self._depth < 0:
            raise _Stop("unexpected right paren")
        return self._take(which, 1)

    def _declaration(self) -> Token:
        if self._next(1) != "=":
            raise _Stop("expected :=")
        return self._take(kind.DECLARE, 2)

    def _quoted(self, which: str, unterminated: str) -> Token:
        quote, length = self._next(), 1
        while (c := self._next(length)) != quote:
            if not c or c == "\n":
                raise _Stop(unterminated)
            length += 2 if c == "\\" and self._next(length + 1) not in ("", "\n") else 1
        return self._take(which, length + 1)

    def _raw(self) -> Token:
        end = self._text.find("`", self._at + 1)
        if end < 0:
            raise _Stop("unterminated raw quoted string")
        return self._take(kind.RAW, end + 1 - self._at)

    def _field(self) -> Token:
        return self._name(kind.FIELD, kind.DOT)

    def _variable(self) -> Token:
        return self._name(kind.VARIABLE, kind.VARIABLE)

    def _name(self, which: str, alone: str) -> Token:
        """`.Name` or `$name`, or the first character alone."""
        length = self._while(_is_letter, 1)
        self._check_terminator(length)
        return self._take(which if length > 1 else alone, length)

    def _word(self) -> Token:
        length = self._while(_is_letter)
        self._check_terminator(length)
        word = self._take(kind.WORD, length)
        if word.text in KEYWORDS:
            return word.replace(kind=kind.KEYWORD)
        return word.replace(kind=_CONSTANTS.get(word.text, kind.WORD))

    def _check_terminator(self, length: int) -> None:
        """A name ends where something else can begin."""
        after = self._next(length)
        ends = not after or after in _SPACES or after in ".,|:)("
        if not ends and not self._text.startswith(_CLOSE, self._at + length):
            raise _Stop(f"bad character {_described(after)}")

    def _number(self) -> Token:
        """Digits, a point, an exponent; whether that makes a number is for the parser to say."""
        length = 1 if self._next() in ("+", "-") else 0
        digits, exponents = _DECIMAL, "eE"
        prefix = self._text[self._at + length : self._at + length + 2].lower()
        if prefix in _OF_BASE:
            digits, exponents = _OF_BASE[prefix], "pP"
            length += 2
        length = self._while(digits.__contains__, length)
        if self._next(length) == ".":
            length = self._while(digits.__contains__, length + 1)
        if (exponent := self._next(length)) and exponent in exponents:
            signed = 2 if self._next(length + 1) in ("+", "-") else 1
            length = self._while(_DECIMAL.__contains__, length + signed)
        if (after := self._next(length)) and _is_letter(after):
            text = self._text[self._at : self._at + length + 1]
            raise _Stop(f"bad number syntax: {quoted(text)}")
        return self._take(kind.NUMBER, length)

    _BY_FIRST: tuple[tuple[Callable[[str, str], bool], Callable[[_Lexer], Token]], ...] = (
        (lambda c, _: c in _SPACES, _blanks),
        (lambda c, _: c in _SINGLE, _single),
        (lambda c, _: c == ":", _declaration),
        (lambda c, _: c == "`", _raw),
        (lambda c, _: c == "$", _variable),
        (lambda c, after: c == "." and (not after or after not in _DIGITS), _field),
        (lambda c, _: c in "+-." or c in _DIGITS, _number),
        (lambda c, _: _is_letter(c), _word),
    )


_CONSTANTS = {"true": kind.BOOL, "false": kind.BOOL, "nil": kind.NIL}


def _is_letter(c: str) -> bool:
    return c == "_" or c.isalnum()


def _described(c: str) -> str:
    """A character as Go's %#U writes it: U+0040 '@'."""
    if not c:
        return "U+FFFFFFFFFFFFFFFF"  # what Go's lexer has for the end of the text
    shown = f" '{c}'" if c.isprintable() else ""
    return f"U+{ord(c):04X}{shown}"
