"""What a template is cut into.

See: Go's text/template, "Text and spaces", "Actions" and "Arguments".
"""

from __future__ import annotations

from orlop.records import Record

TEXT = "text"
OPEN = "{{"
CLOSE = "}}"
SPACE = "space"
FIELD = "field"
VARIABLE = "variable"
WORD = "word"
KEYWORD = "keyword"
DOT = "dot"
NIL = "nil"
BOOL = "bool"
NUMBER = "number"
CHARACTER = "character"
STRING = "string"
RAW = "raw string"
LEFT = "("
RIGHT = ")"
PIPE = "|"
DECLARE = ":="
ASSIGN = "="
OTHER = "other"  # a lone character that means something in one place only, as the comma
END = "end"
WRONG = "wrong"

KEYWORDS = frozenset(
    "block break continue define else end if range template with".split()  # noqa: SIM905
)


class Token(Record):
    """One of them: its kind, its text (of WRONG: what is wrong), and its offset in characters."""

    kind: str
    text: str
    at: int
