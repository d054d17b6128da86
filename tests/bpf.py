"""A small interpreter of classic BPF: what a seccomp filter says to a call, without making it.

It knows the instructions that libseccomp and orlop write, and fails on any other.
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


def errno(number: int) -> int:
    """SECCOMP_RET_ERRNO with an error number."""
    return 0x00050000 | number


def instructions(program: bytes) -> list[tuple[int, int, int, int]]:
    """code, jump if true, jump if false, value."""
    return list(struct.iter_unpack("=HBBI", program))


def decide(program: bytes, number: int, arch: int = X86_64, args: Sequence[int] = ()) -> int:
    """The SECCOMP_RET_ value for a call."""
    words = [*args, *[0] * (6 - len(args))]
    data = struct.pack("=IIQ6Q", number & 0xFFFFFFFF, arch, 0, *words)
    code = instructions(program)
    accumulator, at = 0, 0
    while True:
        operation, if_true, if_false, value = code[at]
        at += 1
        match operation:
            case 0x20:  # ld [k]
                (accumulator,) = struct.unpack_from("=I", data, value)
            case 0x54:  # and #k
                accumulator &= value
            case 0x05:  # ja k
                at += value
            case 0x15:  # jeq
                at += if_true if accumulator == value else if_false
            case 0x25:  # jgt
                at += if_true if accumulator > value else if_false
            case 0x35:  # jge
                at += if_true if accumulator >= value else if_false
            case 0x45:  # jset
                at += if_true if accumulator & value else if_false
            case 0x06:  # ret #k
                return value
            case _:
                raise AssertionError(f"instruction {at - 1}: unexpected operation {operation:#x}")
