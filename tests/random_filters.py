"""Random seccomp programs and calls."""

from __future__ import annotations

import struct

from hypothesis import strategies as st

from tests import bpf

FULL = 0xFFFFFFFF
NUMBER, ARCH = 41, bpf.X86_64
CONSTANTS = (0, 1, 2, 5, 8, 0x20008, 0x7E020000, 0x80000000, FULL - 1, FULL, NUMBER, ARCH)

constants = st.sampled_from(CONSTANTS) | st.integers(0, FULL)
masks = st.sampled_from((1, 0xFF, 0xFFF0, 0xFFFF0000, 0x7E020000, FULL))
values = st.sampled_from(
    (
        bpf.ALLOW,
        bpf.ALLOW | 1,
        bpf.KILL_PROCESS,
        bpf.KILL_THREAD,
        bpf.TRAP,
        bpf.LOG,
        bpf.NOTIFY,
        bpf.TRACE | 5,
        bpf.errno(1),
        bpf.errno(38),
        bpf.errno(5000),
        0x12340000,
    )
)
words = st.sampled_from(range(0, 64, 4))
distances = st.integers(0, 4)

# What libseccomp and orlop write, and what else the kernel allows.
_PLAIN = (
    st.tuples(st.just(0x20), st.just(0), st.just(0), words),
    st.tuples(st.just(0x54), st.just(0), st.just(0), masks),
    st.tuples(st.sampled_from((0x15, 0x25, 0x35, 0x45)), distances, distances, constants),
    st.tuples(st.sampled_from((0x15, 0x25, 0x35, 0x45)), distances, distances, masks),
    st.tuples(st.just(0x06), st.just(0), st.just(0), values),
    st.tuples(st.just(0x05), st.just(0), st.just(0), distances),
)
_OTHER = (
    st.tuples(st.sampled_from((0x00, 0x01)), st.just(0), st.just(0), constants),
    st.tuples(st.sampled_from((0x80, 0x81)), st.just(0), st.just(0), st.just(0)),
    st.tuples(
        st.sampled_from((0x04, 0x14, 0x24, 0x44, 0x54, 0xA4)), st.just(0), st.just(0), constants
    ),
    st.tuples(st.just(0x34), st.just(0), st.just(0), constants.filter(bool)),
    st.tuples(st.sampled_from((0x64, 0x74)), st.just(0), st.just(0), st.integers(0, 31)),
    st.tuples(
        st.sampled_from((0x0C, 0x1C, 0x2C, 0x3C, 0x4C, 0x5C, 0x6C, 0x7C, 0xAC, 0x84, 0x07, 0x87)),
        st.just(0),
        st.just(0),
        st.just(0),
    ),
    st.tuples(st.sampled_from((0x1D, 0x2D, 0x3D, 0x4D)), distances, distances, st.just(0)),
    st.tuples(st.sampled_from((0x02, 0x03)), st.just(0), st.just(0), st.integers(0, 1)),
    st.tuples(st.sampled_from((0x60, 0x61)), st.just(0), st.just(0), st.integers(0, 1)),
    st.tuples(st.just(0x16), st.just(0), st.just(0), st.just(0)),
)

Row = tuple[int, int, int, int]


def _program(rows: list[Row]) -> bytes:
    """A program of these instructions that stays within itself and returns; M[0] and M[1] are 0."""
    body = [(0x02, 0, 0, 0), (0x02, 0, 0, 1), *rows]
    made = []
    for at, (code, if_true, if_false, value) in enumerate(body):
        left = len(body) - at - 1
        row = (code, min(if_true, left), min(if_false, left), value)
        made.append((code, 0, 0, min(value, left)) if code == 0x05 else row)
    return bpf.assemble(*made, (0x06, 0, 0, bpf.ALLOW))


plain_programs = st.lists(st.one_of(_PLAIN), max_size=14).map(_program)
any_programs = st.lists(st.one_of(*_PLAIN, *_OTHER), max_size=14).map(_program)
calls = st.lists(constants, min_size=14, max_size=14).map(lambda rest: (NUMBER, ARCH, *rest))


def decide(programs: list[bytes], call: tuple[int, ...]) -> int:
    """What the kernel makes of a stack of filters, in the order in which they were loaded."""
    found = bpf.ALLOW
    for program in reversed(programs):
        value = bpf.run(bpf.instructions(program), struct.pack("=16I", *call))
        if _rank(value) < _rank(found):
            found = value
    return found


def _rank(value: int) -> int:
    action = value & 0xFFFF0000
    return action - (1 << 32) if action & 0x80000000 else action
