"""Sizes, times and numbers of CPUs as people write them for Docker."""

from __future__ import annotations

import pytest

from orlop.errors import InvalidArgument
from orlop.intent import units

SIZES = {
    "0": 0,
    "32": 32,
    "32b": 32,
    "32B": 32,
    "32k": 32 << 10,
    "32K": 32 << 10,
    "32kb": 32 << 10,
    "32Kib": 32 << 10,
    "32 KiB": 32 << 10,
    "32m": 32 << 20,
    "32g": 32 << 30,
    "1t": 1 << 40,
    "1PB": 1 << 50,
    "1.5g": 3 << 29,
    ".5k": 512,
    "1.k": 1 << 10,
    "0.3k": 307,  # cut, not rounded
}
NO_SIZES = (
    "", " ", "k", ".", "-1", "-32k", "hello", "32kk", "32x", "1.2.3m", "32  k", "32bb", "1,5m",
    "1_000", "٣m", "9999999p", "inf", "0x10", "1e3x", " 32", "32k ",
)  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), SIZES.items())
def test_sizes(text: str, expected: int) -> None:
    assert units.size(text) == expected


@pytest.mark.parametrize("text", NO_SIZES)
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(InvalidArgument):
        units.size(text)


def test_no_limit() -> None:
    assert units.size_or_unlimited("-1") == -1
    assert units.size_or_unlimited("1k") == 1024
    with pytest.raises(InvalidArgument):
        units.size_or_unlimited("-2")


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0"), (1, "1"), (1024, "1k"), (1536, "1536"), (3 << 29, "1536m")]
)
def test_sizes_as_text(number: int, text: str) -> None:
    assert units.show_size(number) == text
    assert units.size(text) == number


DURATIONS = {
    "0": 0,
    "1ns": 1,
    "5us": 5_000,
    "5µs": 5_000,
    "300ms": 300_000_000,
    "1.5s": 1_500_000_000,
    "1h30m": 5_400_000_000_000,
    "1m0.5s": 60_500_000_000,
}


@pytest.mark.parametrize(("text", "expected"), DURATIONS.items())
def test_durations(text: str, expected: int) -> None:
    assert units.duration(text) == expected


@pytest.mark.parametrize(
    "text", ["", "1", "s", "1d", "-1s", "1s2", "1 s", "1.2.3s", "1sm", "9" * 30]
)
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(InvalidArgument):
        units.duration(text)


@pytest.mark.parametrize(
    ("text", "nano"),
    [("1", 10**9), ("1.5", 1_500_000_000), (".25", 250_000_000), ("0.000000001", 1), ("0", 0)],
)
def test_cpus(text: str, nano: int) -> None:
    assert units.cpus(text) == nano


@pytest.mark.parametrize("text", ["", "-1", "one", "1.0000000001", "1e3", "1,5", "1/2", "."])
def test_what_is_no_number_of_cpus(text: str) -> None:
    with pytest.raises(InvalidArgument):
        units.cpus(text)


@pytest.mark.parametrize("text", ["", "-", "1.0", "11", "-3", "٣", "0x1", "1 ", "9" * 30])
def test_whole_numbers(text: str) -> None:
    read = units.whole(-2, 10)
    assert [read(good) for good in ("-2", "0", "10")] == [-2, 0, 10]
    with pytest.raises(InvalidArgument):
        read(text)
