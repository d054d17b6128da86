"""A small interpreter of classic BPF: what a seccomp filter says to a call, without making it.

It is written from linux/filter.h and knows nothing of what `orlop` makes of filters, so that the
two can be compared; tests/integration/insight compares it with the kernel.
See: linux/filter.h, seccomp(2).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

X86_64 = 0xC000003E
X86 = 0x40000003
AARCH64 = 0xC00000B7
S390X = 0x80000016
X32_BIT = 1 << 30

ALLOW = 0x7FFF0000
KILL_PROCESS = 0x80000000
KILL_THREAD = 0x00000000
NOTIFY = 0x7FC00000
TRAP = 0x00030000
LOG = 0x7FFC0000
TRACE = 0x7FF00000

_ALL = 0xFFFFFFFF


def errno(number: int) -> int:
    """SECCOMP_RET_ERRNO with an error number."""
    return 0x00050000 | number


def assemble(*rows: tuple[int, int, int, int]) -> bytes:
    """The program of these instructions: code, jump if true, jump if false, value."""
    return b"".join(struct.pack("=HBBI", *row) for row in rows)


def instructions(program: bytes) -> list[tuple[int, int, int, int]]:
    """code, jump if true, jump if false, value."""
    return list(struct.iter_unpack("=HBBI", program))


def decide(program: bytes, number: int, arch: int = X86_64, args: Sequence[int] = ()) -> int:
    """The SECCOMP_RET_ value for a call."""
    words = [*args, *[0] * (6 - len(args))]
    data = struct.pack("=IIQ6Q", number & _ALL, arch, 0, *words)
    return run(instructions(program), data)


def run(code: Sequence[tuple[int, int, int, int]], data: bytes) -> int:
    """What a program returns for a struct seccomp_data."""
    a, x, at = 0, 0, 0
    memory = [0] * 16
    while True:
        operation, if_true, if_false, k = code[at]
        at += 1
        kind, operand = operation & 7, x if operation & 8 else k
        match kind, operation:
            case 0, 0x20:
                (a,) = struct.unpack_from("=I", data, k)
            case 1, 0x01:
                x = k
            case 0, 0x00:
                a = k
            case 0, 0x60:
                a = memory[k]
            case 1, 0x61:
                x = memory[k]
            case 0, 0x80:
                a = len(data)
            case 1, 0x81:
                x = len(data)
            case 2, 0x02:
                memory[k] = a
            case 3, 0x03:
                memory[k] = x
            case 4, 0x84:
                a = -a & _ALL
            case 4, _:
                if operation & 0xF0 == 0x30 and operand == 0:
                    return KILL_THREAD  # the kernel returns 0 for a division by 0
                a = _calculate(operation & 0xF0, a, operand)
            case 5, 0x05:
                at += k
            case 5, _:
                at += if_true if _compare(operation & 0xF0, a, operand) else if_false
            case 6, 0x06:
                return k
            case 6, 0x16:
                return a
            case 7, 0x07:
                x = a
            case 7, 0x87:
                a = x
            case _:
                raise AssertionError(f"instruction {at - 1}: unexpected operation {operation:#x}")


def _calculate(operation: int, a: int, b: int) -> int:
    return {
        0x00: lambda: a + b,
        0x10: lambda: a - b,
        0x20: lambda: a * b,
        0x30: lambda: a // b,
        0x40: lambda: a | b,
        0x50: lambda: a & b,
        0x60: lambda: a << (b & 31),
        0x70: lambda: a >> (b & 31),
        0xA0: lambda: a ^ b,
    }[operation]() & _ALL


def _compare(operation: int, a: int, b: int) -> bool:
    return {
        0x10: a == b,
        0x20: a > b,
        0x30: a >= b,
        0x40: bool(a & b),
    }[operation]
