"""The ENOSYS prologue, by every decision that it takes."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orlop.kernel.seccomp_bpf import RET_ENOSYS, X32_BIT, Newest, enosys_prologue
from tests import bpf
from tests.bpf import AARCH64, S390X, X86, X86_64, decide

REST = struct.pack("=HBBI", 0x06, 0, 0, bpf.TRAP)  # the filter that follows: always TRAP


def is_refused(newest: list[Newest], arch: int, number: int) -> bool:
    decision = decide(enosys_prologue(newest) + REST, number, arch)
    assert decision in (RET_ENOSYS, bpf.TRAP)
    return decision == RET_ENOSYS


def test_nothing_to_say() -> None:
    assert enosys_prologue([]) == b""


def test_enosys_is_that_errno() -> None:
    assert bpf.errno(38) == RET_ENOSYS


@pytest.mark.parametrize("arch", [X86, AARCH64, 0x40000028])
def test_one_architecture(arch: int) -> None:
    newest = [Newest(arch, 450)]
    assert not is_refused(newest, arch, 0)
    assert not is_refused(newest, arch, 450)
    assert is_refused(newest, arch, 451)
    assert is_refused(newest, arch, 0xFFFFFFFF)
    assert not is_refused(newest, X86_64, 451)


def test_x86_64_leaves_x32_alone() -> None:
    newest = [Newest(X86_64, 450)]
    assert not is_refused(newest, X86_64, 450)
    assert is_refused(newest, X86_64, 451)
    assert not is_refused(newest, X86_64, X32_BIT | 1)
    assert not is_refused(newest, X86_64, X32_BIT | 451)


def test_x32_leaves_x86_64_alone() -> None:
    newest = [Newest(X86_64, X32_BIT | 547)]
    assert not is_refused(newest, X86_64, 10000)
    assert not is_refused(newest, X86_64, X32_BIT | 547)
    assert is_refused(newest, X86_64, X32_BIT | 548)


@pytest.mark.parametrize("reverse", [False, True])
def test_x86_64_with_x32(reverse: bool) -> None:
    newest = [Newest(X86_64, 450), Newest(X86_64, X32_BIT | 547)]
    if reverse:
        newest.reverse()
    assert not is_refused(newest, X86_64, 450)
    assert is_refused(newest, X86_64, 451)
    assert not is_refused(newest, X86_64, X32_BIT | 547)
    assert is_refused(newest, X86_64, X32_BIT | 548)


def test_the_multiplexer_of_s390() -> None:
    newest = [Newest(S390X, 450)]
    assert is_refused(newest, S390X, 0)
    assert not is_refused(newest, S390X, 1)
    assert not is_refused(newest, S390X, 450)
    assert is_refused(newest, S390X, 451)


ARCHS = [X86, AARCH64, S390X, 0x40000028, 0x80000008, 0xC0000102]


@given(
    st.dictionaries(st.sampled_from(ARCHS), st.integers(1, 6000)),
    st.booleans(),
    st.booleans(),
    st.sampled_from([*ARCHS, X86_64]),
    st.integers(0, 6000),
)
def test_any_set_of_architectures(
    highest: dict[int, int], plain: bool, x32: bool, arch: int, number: int
) -> None:
    newest = [Newest(*pair) for pair in highest.items()]
    newest += [Newest(X86_64, 450)] * plain + [Newest(X86_64, X32_BIT | 547)] * x32
    expected = arch in highest and (number > highest[arch] or (arch == S390X and number == 0))
    if arch == X86_64:
        expected = plain and number > 450
        assert is_refused(newest, arch, X32_BIT | number) == (x32 and number > 547)
    assert is_refused(newest, arch, number) == expected
