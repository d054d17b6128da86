"""Cells with the same mark are the same thing."""

from __future__ import annotations

import io

from orlop.faces.cli.compare_ import marked
from orlop.faces.cli.screen import Screen
from orlop.insight.compare import Value, capability_text, grouped, sharing
from orlop.kernel import capabilities
from tests.unit.insight.snapshots import seen, snapshot, target


def _groups(*keys: int | None) -> list[str]:
    return [cell.group for cell in grouped([Value("x", key) for key in keys])]


def test_what_is_the_host_s_what_is_shared_and_what_is_alone() -> None:
    assert _groups(1, 1, 2, 3, 2, 3, 4) == ["host", "host", "A", "B", "A", "B", ""]


def test_what_cannot_be_read_is_in_no_group() -> None:
    assert _groups(1, None, None, 1) == ["host", "?", "?", "host"]
    assert _groups(None, None, 2) == ["?", "?", ""]


def test_there_are_marks_for_any_number_of_groups() -> None:
    keys = [n for n in range(1, 30) for _ in range(2)]
    groups = _groups(0, *keys)
    assert groups[-4:] == ["AB", "AB", "AC", "AC"]
    assert len(set(groups)) == 30


def test_marks_stand_where_there_is_no_colour() -> None:
    screen = Screen(io.StringIO())
    assert [marked("7", group, screen) for group in ("host", "A", "", "?")] == [
        "7 =host",
        "7 =A",
        "7",
        "7",
    ]


def test_capabilities_in_few_words() -> None:
    default = capabilities.mask(capabilities.DOCKER_DEFAULT)
    everything = capabilities.kernel_mask()
    admin, raw = (1 << capabilities.BITS[name] for name in ("CAP_NET_ADMIN", "CAP_NET_RAW"))
    assert capability_text(0) == "none"
    assert capability_text(everything) == "all"
    assert capability_text(default) == "Docker's default"
    assert capability_text(default & ~raw | admin) == "Docker's +NET_ADMIN -NET_RAW"
    assert capability_text(everything & ~raw) == "all -NET_RAW"
    assert capability_text(admin) == f"1 of {everything.bit_count()}"


def test_those_that_share_stand_together() -> None:
    one, two, three = seen(7, network=72), seen(8, network=99), seen(9, network=72)
    targets = [target(process) for process in (one, two, three)]
    table = sharing(snapshot(one, two, three), targets)
    assert [column.name for column in table.columns] == ["host", "pid:7", "pid:9", "pid:8"]
    network = next(row for row in table.rows if row.aspect == "network")
    assert [cell.group for cell in network.cells] == ["host", "A", "A", ""]
