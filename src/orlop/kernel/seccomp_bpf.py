"""The part of a seccomp filter that orlop writes itself: ENOSYS for what the profile cannot know.

A profile is a list of what was known when it was written. To a system call that came later, the
default answer of a list of allowed calls is EPERM, and programs take that as final where
ENOSYS would make them use an older call (glibc and clone3, faccessat2, openat2 and so on).
So numbers above the highest one that a profile names are answered with ENOSYS, before the
profile's own filter is asked. It allows nothing that the filter would not allow.

Nothing here makes a system call or needs a library. See: seccomp(2), linux/filter.h.
"""

from __future__ import annotations

import struct

from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

INSTRUCTION_SIZE = 8
MAX_INSTRUCTIONS = 4096  # BPF_MAXINSNS

RET_ENOSYS = 0x00050000 | 38  # SECCOMP_RET_ERRNO | ENOSYS
X32_BIT = 1 << 30  # of the system call number, set in calls of the x32 ABI

_AUDIT_ARCH_X86_64 = 0xC000003E
_AUDIT_ARCH_S390 = 0x00000016
_AUDIT_ARCH_S390X = 0x80000016

_LOAD = 0x20  # BPF_LD | BPF_W | BPF_ABS
_RETURN = 0x06  # BPF_RET | BPF_K
_JUMP = 0x05  # BPF_JMP | BPF_JA
_JUMP_EQUAL = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_JUMP_GREATER = 0x25  # BPF_JMP | BPF_JGT | BPF_K
_JUMP_BITS = 0x45  # BPF_JMP | BPF_JSET | BPF_K

_NUMBER_OFFSET = 0  # in struct seccomp_data
_ARCH_OFFSET = 4

_INSTRUCTION = struct.Struct("=HBBI")  # struct sock_filter, in the host's byte order


class Newest(Record):
    """The highest system call number that a profile names for an architecture.

    Attributes:
        audit_arch: AUDIT_ARCH_ of linux/audit.h, as the kernel tells a filter.
        number: for x32 (whose audit_arch is that of x86-64) with `X32_BIT`.
    """

    audit_arch: int
    number: int


def enosys_prologue(newest: Iterable[Newest]) -> bytes:
    """Instructions that answer ENOSYS to newer calls and let all others run into what follows.

    Calls of an architecture (x32 counts as one) that is not among `newest` are let through.
    """
    numbers: dict[int, list[int]] = {}
    for entry in newest:
        numbers.setdefault(entry.audit_arch, []).append(entry.number)
    sections = [_section(arch, sorted(numbers[arch])) for arch in sorted(numbers)]
    if not sections:
        return b""
    program = [_instruction(_LOAD, _ARCH_OFFSET)]
    rest = sum(len(section) + 2 for section in sections)  # and a jump before and behind each
    for arch, section in zip(sorted(numbers), sections, strict=True):
        rest -= len(section) + 2
        program.append(_instruction(_JUMP_EQUAL, arch, 0, len(section) + 1))
        program += section
        program.append(_instruction(_JUMP, rest))
    return b"".join(program)


def _section(arch: int, numbers: list[int]) -> list[bytes]:
    """What is done for one value of `arch`; whatever is let through runs off its end."""
    load = _instruction(_LOAD, _NUMBER_OFFSET)
    enosys = _instruction(_RETURN, RET_ENOSYS)
    if arch == _AUDIT_ARCH_X86_64:
        return [load, *_both_x86_64_modes(numbers), enosys]
    newer = _instruction(_JUMP_GREATER, numbers[-1], 0, 1)
    if arch in (_AUDIT_ARCH_S390, _AUDIT_ARCH_S390X):
        # Numbers above 255 come as call 0 there, and stay 0 if the kernel does not know them.
        return [load, _instruction(_JUMP_EQUAL, 0, 1, 0), newer, enosys]
    return [load, newer, enosys]


def _both_x86_64_modes(numbers: list[int]) -> list[bytes]:
    """Tests that newer calls of x86-64 proper and of x32 fall through; others skip one."""
    plain = [number for number in numbers if not number & X32_BIT]
    x32 = [number for number in numbers if number & X32_BIT]
    if plain and x32:
        return [
            _instruction(_JUMP_BITS, X32_BIT, 1, 0),
            _instruction(_JUMP_GREATER, plain[-1], 1, 2),
            _instruction(_JUMP_GREATER, x32[-1], 0, 1),
        ]
    if plain:
        return [
            _instruction(_JUMP_BITS, X32_BIT, 2, 0),
            _instruction(_JUMP_GREATER, plain[-1], 0, 1),
        ]
    return [
        _instruction(_JUMP_BITS, X32_BIT, 0, 2),
        _instruction(_JUMP_GREATER, x32[-1], 0, 1),
    ]


def _instruction(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return _INSTRUCTION.pack(code, if_true, if_false, value)
