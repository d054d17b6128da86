"""Tables, sizes, ages and names as docker shows them."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orlop.faces import sizes
from orlop.faces.cli.output import ages
from orlop.faces.cli.output.columns import aligned
from orlop.faces.cli.output.ports import displayed
from orlop.faces.cli.output.references import parted, without_digest
from orlop.faces.cli.output.text import labels, natural, short_id, shortened
from orlop.faces.cli.output.usage import Usage, cpu_percent, memory


@pytest.fixture
def berlin() -> Iterator[None]:
    """A time zone in which it is not UTC."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = "Europe/Berlin"
    time.tzset()
    yield
    os.environ.pop("TZ")
    if before is not None:
        os.environ["TZ"] = before
    time.tzset()


class TestColumns:
    def test_a_column_is_as_wide_as_its_widest_cell_and_three_blanks(self) -> None:
        assert aligned("A\tB\nlonger than ten\tx\n") == "A                 B\nlonger than ten   x\n"

    def test_no_column_is_narrower_than_ten(self) -> None:
        assert aligned("A\tB\tC\n1\t2\t3\n") == "A         B         C\n1         2         3\n"

    def test_a_line_without_a_cell_parts_the_column(self) -> None:
        text = "a\tb\nnothing\nlonger than ten\tb\n"
        assert aligned(text) == "a         b\nnothing\nlonger than ten   b\n"

    def test_wide_characters_take_two_columns(self) -> None:
        assert aligned("\u65e5\u672c\u8a9e\tx\nabcdefgh\tx\n").splitlines() == [
            "\u65e5\u672c\u8a9e     x",
            "abcdefgh   x",
        ]

    @given(st.lists(st.lists(st.text("abc \u65e5", max_size=15), min_size=3, max_size=3)))
    def test_cells_stand_below_each_other(self, rows: list[list[str]]) -> None:
        text = "".join("\t".join(row) + "\n" for row in rows)
        lines = aligned(text).splitlines()
        assert [line.split() for line in lines] == ["".join(row).split() for row in rows] or all(
            all(cell.strip() in line for cell in row) for row, line in zip(rows, lines, strict=True)
        )


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        (0, "0B"),
        (999, "999B"),
        (1000, "1kB"),
        (12345, "12.35kB"),
        (123456789, "123.5MB"),
        (10**15, "1PB"),
    ],
)
def test_decimal_sizes(size: int, shown: str) -> None:
    assert sizes.decimal(size) == shown


def test_sizes_with_fewer_digits_and_by_1024() -> None:
    assert sizes.decimal(123456789, 3) == "123MB"
    assert sizes.decimal(999_999, 3) == "1e+03kB"  # as docker has it
    assert sizes.binary(12345678) == "11.77MiB"
    assert sizes.binary(0) == "0B"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.5, "Less than a second"),
        (1, "1 second"),
        (59, "59 seconds"),
        (60, "About a minute"),
        (119, "About a minute"),
        (120, "2 minutes"),
        (3599, "59 minutes"),
        (3600, "About an hour"),
        (5399, "About an hour"),
        (5400, "2 hours"),
        (47 * 3600, "47 hours"),
        (48 * 3600, "2 days"),
        (14 * 86400, "2 weeks"),
        (60 * 86400, "2 months"),
        (729 * 86400, "24 months"),
        (730 * 86400, "2 years"),
    ],
)
def test_ages(seconds: float, shown: str) -> None:
    assert ages.span(seconds) == shown


def test_times_are_local(berlin: None) -> None:
    assert ages.local(1714557600) == "2024-05-01 12:00:00 +0200 CEST"
    assert ages.rfc3339(1714557600, 5, digits=9) == "2024-05-01T12:00:00.000000005+02:00"


class TestNames:
    def test_ids(self) -> None:
        assert short_id(f"sha256:{'a' * 64}") == "a" * 12
        assert short_id("<missing>") == "<missing>"

    def test_long_texts_end_in_an_ellipsis(self) -> None:
        assert shortened("x" * 20, 20) == "x" * 20
        assert shortened("x" * 21, 20) == "x" * 19 + "\u2026"
        assert shortened("\u65e5" * 11, 20) == "\u65e5" * 9 + "\u2026"

    def test_labels_are_sorted(self) -> None:
        assert labels({"b": "2", "a": "1"}) == "a=1,b=2"
        assert labels(None) == ""

    def test_numbers_in_names_count_as_numbers(self) -> None:
        names = ["v10", "v9", "v", "10", "9"]
        assert sorted(names, key=natural) == ["9", "10", "v", "v9", "v10"]

    @pytest.mark.parametrize(
        ("reference", "shown"),
        [
            ("debian:12", "debian:12"),
            ("docker.io/library/debian:12@sha256:abc", "debian:12"),
            ("docker.io/foo/bar", "foo/bar"),
            ("localhost:5000/x@sha256:abc", "localhost:5000/x"),
            ("/srv/root", "/srv/root"),
            ("host", "host"),
            ("Debian", "Debian"),
        ],
    )
    def test_names_of_images(self, reference: str, shown: str) -> None:
        assert without_digest(reference) == shown

    def test_parts_of_a_name(self) -> None:
        assert parted("localhost:5000/a/b:c@sha256:d") == ("localhost:5000/a/b", "c", "sha256:d")


class TestPorts:
    def test_neighbours_are_together(self) -> None:
        ports = [{"PrivatePort": port, "Type": "tcp"} for port in (83, 80, 81, 90)]
        assert displayed(ports) == "80-81/tcp, 83/tcp, 90/tcp"

    def test_published_ones_come_last(self) -> None:
        published = {"IP": "::1", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"}
        assert displayed([published, {"PrivatePort": 9, "Type": "udp"}]) == (
            "9/udp, [::1]:8080->80/tcp"
        )


SAMPLE: dict[str, Any] = {
    "cpu_stats": {
        "cpu_usage": {"total_usage": 300},
        "system_cpu_usage": 2000,
        "online_cpus": 4,
    },
    "precpu_stats": {"cpu_usage": {"total_usage": 100}, "system_cpu_usage": 1000},
}


class TestUsage:
    def test_cpu_is_measured_since_the_sample_before(self) -> None:
        assert cpu_percent(Usage("x", sample=SAMPLE)) == pytest.approx(80)
        before = {"cpu_stats": {"cpu_usage": {"total_usage": 200}, "system_cpu_usage": 1600}}
        assert cpu_percent(Usage("x", sample=SAMPLE, before=before)) == pytest.approx(100)

    def test_nothing_passes_for_nothing(self) -> None:
        assert cpu_percent(Usage("x", sample=SAMPLE, before=SAMPLE)) == 0
        assert cpu_percent(Usage("x")) == 0

    @pytest.mark.parametrize("name", ["total_inactive_file", "inactive_file"])
    def test_memory_without_what_can_be_dropped(self, name: str) -> None:
        stats = {"memory_stats": {"usage": 100, "limit": 1000, "stats": {name: 30}}}
        assert memory(stats) == (70, 1000)
        assert memory({"memory_stats": {"usage": 100}}) == (100, 0)
