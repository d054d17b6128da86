"""Plans as bytes: every plan comes back as it was, and nothing else is taken for a plan."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orlop.errors import InvalidArgument
from orlop.launch.plan import (
    CONTAINER,
    LAUNCHER,
    NO_SLOT,
    CloneTree,
    Execute,
    Operation,
    Plan,
    SetUser,
    Side,
    Slot,
    Step,
    WriteCgroup,
    operations,
)
from orlop.launch.wire import KILL, decode, encode, op_name, signature

U32 = st.integers(0, 2**32 - 1)
# As Python has file names: any bytes but NUL, those that are no UTF-8 as lone surrogates.
NAMES = st.binary(max_size=40).map(
    lambda raw: raw.replace(b"\0", b"").decode("utf-8", "surrogateescape")
)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "u": U32,
    "f": st.one_of(st.integers(0, 1023), st.just(NO_SLOT)),
    "q": st.integers(0, 2**64 - 1),
    "s": NAMES,
    "b": st.binary(max_size=60),
    "l": st.lists(NAMES, max_size=5).map(tuple),
}


def values_of(cls: type[Operation]) -> st.SearchStrategy[Operation]:
    return st.builds(cls, *[FIELDS[letter] for letter in signature(cls)])


OPERATIONS = st.sampled_from(list(operations().values())).flatmap(values_of)
STEPS = st.builds(Step, st.sampled_from([Side(0), Side(1), Side(2)]), OPERATIONS)
PLANS = st.builds(
    Plan,
    st.lists(STEPS, max_size=12).map(tuple),
    slots=st.integers(0, 1024),
    inherited=st.integers(0, 16),
    flags=st.integers(0, 15),
)
SAMPLE = Plan(
    (
        Step(LAUNCHER, WriteCgroup("/sys/fs/cgroup/x/pids.max", "7"), "limits"),
        Step(CONTAINER, CloneTree(Slot(0), Slot(1), "/", 1), "root"),
        Step(CONTAINER, Execute(("sh", "-c", "true"), ("A=b",))),
    ),
    slots=2,
)


@given(PLANS)
def test_a_plan_comes_back_as_it_was(plan: Plan) -> None:
    data = encode(plan)
    assert decode(data) == plan
    assert len(data) % 4 == 0


def test_reasons_stay_here() -> None:
    assert b"limits" not in encode(SAMPLE)
    assert [step.reason for step in decode(encode(SAMPLE)).steps] == ["", "", ""]


def test_the_header_is_as_documented() -> None:
    data = encode(SAMPLE.replace(flags=5, inherited=1), fault_op=2, fault_errno=KILL)
    header = struct.unpack_from("<4sHHIIIIII", data)
    assert header == (b"ORLP", 1, 5, 3, 2, 1, len(data), 2, KILL)


def test_strings_end_with_one_to_four_nul() -> None:
    for length in range(8):
        step = Step(CONTAINER, SetUser(1, 2, b"x" * length))
        field = encode(Plan((step,), slots=0))[32 + 8 + 8 : -4]
        assert field == struct.pack("<I", length) + b"x" * length + b"\0" * (4 - length % 4)


@pytest.mark.parametrize("length", range(len(encode(SAMPLE))))
def test_a_plan_that_was_cut_off_is_refused(length: int) -> None:
    with pytest.raises(InvalidArgument, match="cannot decode plan"):
        decode(encode(SAMPLE)[:length])


@given(st.integers(0, len(encode(SAMPLE)) - 1), st.integers(0, 255))
def test_changed_bytes_are_refused_or_make_another_plan(at: int, value: int) -> None:
    data = bytearray(encode(SAMPLE))
    data[at] = value
    try:
        plan = decode(bytes(data))
    except InvalidArgument:
        return
    assert decode(encode(plan)) == plan


@pytest.mark.parametrize(
    "operation",
    [
        WriteCgroup("/x\0y", "1"),
        SetUser(-1, 0, b""),
        SetUser(2**32, 0, b""),
        SetUser(0, 0, "text"),  # type: ignore[arg-type]
        Execute((b"sh",), ()),  # type: ignore[arg-type]
    ],
)
def test_what_does_not_fit_is_refused(operation: Operation) -> None:
    with pytest.raises(InvalidArgument, match=f"of {op_name(type(operation))}"):
        encode(Plan((Step(CONTAINER, operation),), slots=0))
