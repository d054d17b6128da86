"""What a server wants to be shown: the header WWW-Authenticate.

See: RFC 9110, section 11.6.1 (several challenges in one field, quoted texts).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orlop.records import Record

if TYPE_CHECKING:
    from collections.abc import Iterable

_LIMIT = 16 << 10
_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PARAMETER = re.compile(
    rf'({_WORD})[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|({_WORD}|[^\s,"]+))[ \t]*(?:,[ \t]*)*'
)
_SCHEME = re.compile(rf"(?:,[ \t]*)*({_WORD})(?:[ \t]+(?![ \t]*=)|[ \t]*\Z|[ \t]*(?=,))")
_ESCAPE = re.compile(r"\\(.)")


class Challenge(Record):
    """One way to authenticate.

    Attributes:
        scheme: in lower case: "basic" or "bearer".
        parameters: names in lower case, with values.
    """

    scheme: str
    parameters: tuple[tuple[str, str], ...] = ()

    def parameter(self, name: str) -> str:
        """A parameter's value, "" if it has none."""
        return dict(self.parameters).get(name, "")


def parse(fields: Iterable[str]) -> tuple[Challenge, ...]:
    """The challenges in the fields of an answer; what is malformed ends the list of its field."""
    return tuple(found for field in fields for found in _parse_field(field[:_LIMIT].strip()))


def _parse_field(text: str) -> list[Challenge]:
    found = []
    position = 0
    while scheme := _SCHEME.match(text, position):
        position = scheme.end()
        parameters = []
        while parameter := _PARAMETER.match(text, position):
            position = parameter.end()
            name, quoted, plain = parameter.groups()
            value = plain if quoted is None else _ESCAPE.sub(r"\1", quoted)
            parameters.append((name.lower(), value))
        found.append(Challenge(scheme[1].lower(), tuple(parameters)))
    return found
