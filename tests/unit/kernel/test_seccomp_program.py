"""Seccomp programs: what is allowed in them, and their text."""

from __future__ import annotations

import contextlib
import platform

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orlop.errors import InvalidArgument
from orlop.kernel import seccomp
from orlop.kernel.capabilities import DOCKER_DEFAULT
from orlop.kernel.seccomp_program import (
    ALLOW,
    KILL_PROCESS,
    KILL_THREAD,
    TRAP,
    action_of,
    data_of,
    decode,
    disassemble,
    returned,
    stricter,
)
from orlop.runtime.seccomp_default import default_profile
from tests import bpf
from tests.bpf import assemble, errno

RET = (0x06, 0, 0, ALLOW)


def test_the_notation() -> None:
    program = assemble(
        (0x20, 0, 0, 4),
        (0x15, 0, 3, 0xC000003E),
        (0x20, 0, 0, 0),
        (0x15, 0, 1, 39),
        (0x06, 0, 0, errno(1)),
        RET,
    )
    assert disassemble(program) == (
        "ld [4]",
        "jeq #0xc000003e, 2, 5",
        "ld [0]",
        "jeq #0x27, 4, 5",
        "ret ERRNO(1)",
        "ret ALLOW",
    )


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ((0x00, 0, 0, 7), "ld #0x7"),
        ((0x01, 0, 0, 7), "ldx #0x7"),
        ((0x60, 0, 0, 3), "ld M[3]"),
        ((0x61, 0, 0, 3), "ldx M[3]"),
        ((0x80, 0, 0, 0), "ld #0x40"),
        ((0x81, 0, 0, 0), "ldx #0x40"),
        ((0x02, 0, 0, 15), "st M[15]"),
        ((0x03, 0, 0, 15), "stx M[15]"),
        ((0x04, 0, 0, 1), "add #0x1"),
        ((0x0C, 0, 0, 0), "add X"),
        ((0x14, 0, 0, 1), "sub #0x1"),
        ((0x24, 0, 0, 1), "mul #0x1"),
        ((0x34, 0, 0, 1), "div #0x1"),
        ((0x3C, 0, 0, 0), "div X"),
        ((0x44, 0, 0, 1), "or #0x1"),
        ((0x54, 0, 0, 1), "and #0x1"),
        ((0x64, 0, 0, 31), "lsh #0x1f"),
        ((0x7C, 0, 0, 0), "rsh X"),
        ((0xA4, 0, 0, 1), "xor #0x1"),
        ((0x84, 0, 0, 0), "neg"),
        ((0x05, 0, 0, 1), "ja 2"),
        ((0x1D, 1, 0, 0), "jeq X, 2, 1"),
        ((0x25, 0, 1, 5), "jgt #0x5, 1, 2"),
        ((0x35, 0, 1, 5), "jge #0x5, 1, 2"),
        ((0x45, 0, 1, 5), "jset #0x5, 1, 2"),
        ((0x16, 0, 0, 0), "ret A"),
        ((0x07, 0, 0, 0), "tax"),
        ((0x87, 0, 0, 0), "txa"),
    ],
)
def test_each_instruction(row: tuple[int, int, int, int], text: str) -> None:
    assert disassemble(assemble(row, RET, RET))[0] == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (ALLOW, "ALLOW"),
        (KILL_PROCESS, "KILL_PROCESS"),
        (KILL_THREAD, "KILL_THREAD"),
        (errno(0), "ERRNO(0)"),
        (TRAP | 9, "TRAP(9)"),
        (bpf.TRACE | 2, "TRACE(2)"),
        (bpf.NOTIFY, "USER_NOTIF"),
        (bpf.LOG, "LOG"),
        (0x12345678, "0x12345678"),
    ],
)
def test_returned_values(value: int, text: str) -> None:
    assert returned(value) == text


@pytest.mark.parametrize(
    "program",
    [
        b"",
        b"\x06\0\0\0\0\0\0",
        assemble((0x20, 0, 0, 0)),
        assemble((0x20, 0, 0, 2), RET),
        assemble((0x20, 0, 0, 64), RET),
        assemble((0x30, 0, 0, 0), RET),
        assemble((0x94, 0, 0, 3), RET),
        assemble((0x34, 0, 0, 0), RET),
        assemble((0x64, 0, 0, 32), RET),
        assemble((0x60, 0, 0, 16), RET),
        assemble((0x05, 0, 0, 1), RET),
        assemble((0x15, 1, 0, 0), RET),
        assemble((0x15, 0, 1, 0), RET),
    ],
    ids=[
        "empty",
        "cut off",
        "no return",
        "in the middle of a word",
        "behind the data",
        "a byte",
        "a remainder",
        "by zero",
        "by 32 bits",
        "no such memory",
        "away",
        "away if true",
        "away if false",
    ],
)
def test_what_the_kernel_would_not_load(program: bytes) -> None:
    with pytest.raises(InvalidArgument, match="seccomp filter"):
        decode(program)


@given(st.binary(max_size=80))
def test_anything_is_decoded_or_refused(program: bytes) -> None:
    with contextlib.suppress(InvalidArgument):
        assert len(disassemble(program)) == len(program) // 8


@pytest.mark.skipif(platform.machine() != "x86_64", reason="numbers of x86-64")
def test_a_real_program() -> None:
    program = seccomp.compile(default_profile(DOCKER_DEFAULT, "x86_64")).program
    lines = disassemble(program)
    assert len(lines) == len(program) // 8
    assert {line.split()[0] for line in lines} == {"ld", "and", "ja", "jeq", "jgt", "jset", "ret"}


class TestSeverity:
    ORDER = (
        KILL_PROCESS,
        KILL_THREAD,
        TRAP,
        errno(0),
        bpf.NOTIFY,
        bpf.TRACE,
        bpf.LOG,
        ALLOW,
    )

    def test_the_most_restrictive_wins(self) -> None:
        for index, strict in enumerate(self.ORDER):
            for lax in self.ORDER[index:]:
                assert stricter(strict, lax) == stricter(lax, strict) == strict

    def test_of_two_that_are_alike_the_newer(self) -> None:
        assert stricter(errno(1), errno(2)) == errno(1)

    def test_what_the_kernel_makes_of_values(self) -> None:
        assert (action_of(errno(5)), data_of(errno(5))) == (errno(0), 5)
        assert data_of(errno(5000)) == 4095
        assert action_of(0x12340000) == KILL_PROCESS
