"""Seccomp filters as programs: their instructions, the text of these, and what they return.

A filter is classic BPF without loops, which sees `struct seccomp_data` as sixteen words of 32 bits
and has an accumulator A, an index register X and sixteen words of memory M.

See: seccomp(2), linux/filter.h, linux/seccomp.h; kernel/seccomp.c, seccomp_check_filter(), for what
is allowed; Documentation/networking/filter.rst for the notation.
"""

from __future__ import annotations

import struct
import sys

from orlop.errors import InvalidArgument
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

DATA_SIZE = 64  # of struct seccomp_data
NUMBER_WORD, ARCH_WORD, POINTER_WORD, FIRST_ARGUMENT_WORD = 0, 1, 2, 4
LOW_HALF = 1 if sys.byteorder == "big" else 0  # of the two words of a 64-bit value
ARGUMENTS = 6

# --- what a filter returns --------------------------------------------------------------------

KILL_PROCESS = 0x80000000
KILL_THREAD = 0x00000000
TRAP = 0x00030000
ERRNO = 0x00050000
NOTIFY = 0x7FC00000
TRACE = 0x7FF00000
LOG = 0x7FFC0000
ALLOW = 0x7FFF0000

ACTIONS = {
    KILL_PROCESS: "KILL_PROCESS",
    KILL_THREAD: "KILL_THREAD",
    TRAP: "TRAP",
    ERRNO: "ERRNO",
    NOTIFY: "USER_NOTIF",
    TRACE: "TRACE",
    LOG: "LOG",
    ALLOW: "ALLOW",
}
MAX_ERRNO = 4095
_ACTION, _DATA, _SIGN = 0xFFFF0000, 0x0000FFFF, 0x80000000


def action_of(value: int) -> int:
    """The action in a returned value, of `ACTIONS`; the kernel takes unknown ones for a kill."""
    action = value & _ACTION
    return action if action in ACTIONS else KILL_PROCESS


def data_of(value: int) -> int:
    """The 16 bits that come with the action; of an errno, what the kernel makes of it."""
    data = value & _DATA
    return min(data, MAX_ERRNO) if action_of(value) == ERRNO else data


def stricter(newer: int, older: int) -> int:
    """What holds of the values that two filters return: the most restrictive, else the newer's."""
    return older if _strictness(older) < _strictness(newer) else newer


def _strictness(value: int) -> int:
    """Lowest for the most restrictive: the kernel compares actions as signed numbers."""
    return ((value & _ACTION) ^ _SIGN) - _SIGN


# --- instructions -----------------------------------------------------------------------------

_LD, _LDX, _ST, _STX, _ALU, _JMP, _RET, _MISC = range(8)
_IMM, _ABS, _MEM, _LEN = 0x00, 0x20, 0x60, 0x80
_X = 0x08
_ROW = struct.Struct("=HBBI")  # struct sock_filter, in the host's byte order

ALU = {
    0x00: "add",
    0x10: "sub",
    0x20: "mul",
    0x30: "div",
    0x40: "or",
    0x50: "and",
    0x60: "lsh",
    0x70: "rsh",
    0xA0: "xor",
}
JUMPS = {0x10: "jeq", 0x20: "jgt", 0x30: "jge", 0x40: "jset"}


class Instruction(Record):
    """One instruction, by what it does.

    Attributes:
        name: "ld", "ldx", "st", "stx", an arithmetic operation of `ALU`, "neg", "ja", a condition
            of `JUMPS`, "ret", "tax", "txa".
        source: where its operand is: "k" (the value itself), "x" (the register X), "a", "data"
            (byte `value` of struct seccomp_data), "mem" (M[value]); "" if it has none.
        value: the constant, offset, or distance.
        if_true: instructions to pass over if the condition holds.
        if_false: and if it does not.
    """

    name: str
    source: str
    value: int
    if_true: int = 0
    if_false: int = 0


def _known() -> dict[int, tuple[str, str]]:
    """Name and source by code: all that the kernel allows in a seccomp filter."""
    known = {
        _LD | _ABS: ("ld", "data"),
        _LD | _IMM: ("ld", "k"),
        _LDX | _IMM: ("ldx", "k"),
        _LD | _MEM: ("ld", "mem"),
        _LDX | _MEM: ("ldx", "mem"),
        _LD | _LEN: ("ld", "size"),
        _LDX | _LEN: ("ldx", "size"),
        _ST: ("st", "mem"),
        _STX: ("stx", "mem"),
        _ALU | 0x80: ("neg", ""),
        _JMP: ("ja", ""),
        _RET: ("ret", "k"),
        _RET | 0x10: ("ret", "a"),
        _MISC: ("tax", ""),
        _MISC | 0x80: ("txa", ""),
    }
    for kind, table in ((_ALU, ALU), (_JMP, JUMPS)):
        for code, name in table.items():
            known[kind | code] = (name, "k")
            known[kind | code | _X] = (name, "x")
    return known


_KNOWN = _known()


def decode(program: bytes) -> tuple[Instruction, ...]:
    """The instructions of an array of struct sock_filter.

    Raises:
        InvalidArgument: it is not a program that the kernel would load: it has an instruction that
            seccomp does not allow, leaves the program or the data, or does not end with a return.
    """
    if not program or len(program) % _ROW.size:
        raise InvalidArgument(f"invalid seccomp filter: it has {len(program)} bytes")
    rows = list(_ROW.iter_unpack(program))
    code = tuple(_instruction(at, len(rows), row) for at, row in enumerate(rows))
    if code[-1].name != "ret":
        raise InvalidArgument("invalid seccomp filter: it does not end with a return")
    return code


def _instruction(at: int, length: int, row: tuple[int, int, int, int]) -> Instruction:
    operation, if_true, if_false, value = row
    if operation not in _KNOWN:
        raise InvalidArgument(f"invalid seccomp filter: line {at} has the operation {operation:#x}")
    name, source = _KNOWN[operation]
    if source == "size":  # as if it were a packet: the number of its bytes
        return Instruction(name, "k", DATA_SIZE)
    made = Instruction(name, source, value, if_true, if_false)
    if not _is_sound(made, length - at - 1):
        raise InvalidArgument(f"invalid seccomp filter: line {at} is {text_of(made, at)}")
    return made


def _is_sound(made: Instruction, following: int) -> bool:
    """Whether its operand and its targets exist."""
    match made.name, made.source:
        case _, "data":
            return made.value < DATA_SIZE and made.value % 4 == 0
        case _, "mem":
            return made.value < 16
        case "div", "k":
            return made.value != 0
        case (("lsh" | "rsh"), "k"):
            return made.value < 32
        case "ja", _:
            return made.value < following
        case (("jeq" | "jgt" | "jge" | "jset"), _):
            return max(made.if_true, made.if_false) < following
        case _:
            return True


# --- text -------------------------------------------------------------------------------------


def disassemble(program: bytes) -> tuple[str, ...]:
    """The program as text, one line for each instruction; jumps lead to line numbers, from 0.

    Raises:
        InvalidArgument: as `decode`.
    """
    return tuple(text_of(made, at) for at, made in enumerate(decode(program)))


def text_of(made: Instruction, at: int) -> str:
    """One instruction, which is on line `at`."""
    match made.name:
        case "ret":
            return "ret A" if made.source == "a" else f"ret {returned(made.value)}"
        case "ja":
            return f"ja {at + 1 + made.value}"
        case "jeq" | "jgt" | "jge" | "jset":
            targets = f"{at + 1 + made.if_true}, {at + 1 + made.if_false}"
            return f"{made.name} {_operand(made)}, {targets}"
        case _:
            return f"{made.name} {_operand(made)}".rstrip()


def _operand(made: Instruction) -> str:
    match made.source:
        case "k":
            return f"#{made.value:#x}"
        case "x":
            return "X"
        case "mem":
            return f"M[{made.value}]"
        case "data":
            return f"[{made.value}]"
        case _:
            return ""


def returned(value: int) -> str:
    """A returned value, as "ERRNO(1)" or "ALLOW"."""
    name = ACTIONS.get(value & _ACTION)
    if name is None:
        return f"{value:#010x}"
    data = value & _DATA
    return f"{name}({data})" if data or value & _ACTION == ERRNO else name


def words_read(code: Iterable[Instruction]) -> frozenset[int]:
    """The words of struct seccomp_data that a program looks at."""
    return frozenset(made.value // 4 for made in code if made.source == "data")
