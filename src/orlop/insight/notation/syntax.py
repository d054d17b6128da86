"""System calls as text, in the notation of strace(1), shortened where it helps to read.

Fields that are zero and sizes that follow from the rest are left out. A descriptor is
`5<what it is>`, with the number of its slot in the plan, or `<what it is>` if it lives only within
the operation. `~[A B]` is everything but A and B.
"""

from __future__ import annotations

from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_LONGEST = 96
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


class Call(Record):
    """One system call, or a row of them that differ in one argument.

    Attributes:
        name: as in syscalls(2).
        arguments: as text.
        result: what it gives, if something later uses it; "" otherwise.
        note: a condition or remark, "" if there is none.
        always: it is made whenever the operation is performed; else only if the note's condition,
            or what is found on the way, asks for it.
        detail: it only prepares or checks; the operation can be understood without it.
    """

    name: str
    arguments: tuple[str, ...] = ()
    result: str = ""
    note: str = ""
    always: bool = True
    detail: bool = False

    @property
    def text(self) -> str:
        """`name(arguments) = result /* note */`."""
        result = f" = {self.result}" if self.result else ""
        note = f" /* {self.note} */" if self.note else ""
        return f"{self.name}({', '.join(self.arguments)}){result}{note}"


Calls = tuple[Call, ...]


def call(name: str, *arguments: str, result: str = "", note: str = "", always: bool = True) -> Call:
    """A call that does what the operation is for."""
    return Call(name, arguments, result, note, always)


def aside(
    name: str, *arguments: str, result: str = "", note: str = "", always: bool = True
) -> Call:
    """A call that prepares or checks."""
    return Call(name, arguments, result, note, always, detail=True)


def quoted(value: str | bytes) -> str:
    """A string literal as C has it, cut if it is long."""
    text = value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value
    cut = "..." if len(text) > _LONGEST else ""
    return f'"{"".join(map(_escaped, text[:_LONGEST]))}"{cut}'


def _escaped(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char.isprintable():
        return char
    return "".join(f"\\{byte:03o}" for byte in char.encode("utf-8", "surrogateescape"))


def struct(**members: str) -> str:
    """`{a=1, b=2}`; members without a value are left out."""
    return f"{{{', '.join(f'{name}={value}' for name, value in members.items() if value)}}}"


def array(items: Iterable[object]) -> str:
    """`[a, b]`."""
    return f"[{', '.join(map(str, items))}]"


def strings(items: Iterable[str]) -> str:
    """`["a", "b"]`."""
    return array(map(quoted, items))


def descriptor(what: str) -> str:
    """What a descriptor is; alone it stands for one that lives only within its operation."""
    return f"<{''.join(char if char.isprintable() else _escaped(char) for char in what)}>"
