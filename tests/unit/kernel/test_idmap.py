from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orlop.errors import InvalidArgument
from orlop.kernel import idmap
from orlop.kernel.idmap import IdMap, SubordinateRange

USUAL = (IdMap(0, 1000, 1), IdMap(1, 100000, 65536))


def test_text_is_what_the_kernel_takes_and_shows() -> None:
    assert idmap.text(USUAL) == "0 1000 1\n1 100000 65536\n"
    shown = "         0       1000          1\n         1     100000      65536\n"
    assert idmap.parse(shown) == USUAL
    assert idmap.helper_arguments(USUAL) == ("0", "1000", "1", "1", "100000", "65536")


@pytest.mark.parametrize("text", ["0 0\n", "0 0 1 1\n", "a b c\n", "\n"])
def test_parse_refuses_other_lines(text: str) -> None:
    with pytest.raises(InvalidArgument, match="three numbers"):
        idmap.parse(text)


def test_translation_both_ways() -> None:
    table = [(0, 1000), (1, 100000), (65536, 165535)]
    for inside, outside in table:
        assert idmap.to_host(USUAL, inside) == outside
        assert idmap.to_container(USUAL, outside) == inside
    for unmapped in (-1, 65537):
        assert idmap.to_host(USUAL, unmapped) is None
    for unmapped in (0, 999, 1001, 99999, 165536):
        assert idmap.to_container(USUAL, unmapped) is None


def test_what_the_kernel_takes_passes() -> None:
    idmap.check(USUAL)
    idmap.check([IdMap(0, 0, idmap.MAX_ID + 1)])
    idmap.check([IdMap(n, 1000 + n, 1) for n in range(idmap.MAX_RANGES)])


@pytest.mark.parametrize(
    ("maps", "message"),
    [
        ([], "no range"),
        ([IdMap(0, 0, 0)], "size 0"),
        ([IdMap(0, 0, -5)], "size -5"),
        ([IdMap(-1, 0, 1)], "-1 with size 1"),
        ([IdMap(0, -1, 1)], "-1 with size 1"),
        ([IdMap(0, 0, 0xFFFFFFFF + 1)], "not within"),
        ([IdMap(0xFFFFFFFF, 0, 1)], "not within"),
        ([IdMap(0, 0xFFFFFFFE, 2)], "not within"),
        ([IdMap(0, 1000, 10), IdMap(9, 5000, 10)], "container side.*overlaps"),
        ([IdMap(9, 5000, 10), IdMap(0, 1000, 10)], "container side.*overlaps"),
        ([IdMap(0, 1000, 10), IdMap(10, 1009, 10)], "host side.*overlaps"),
        ([IdMap(n, n, 1) for n in range(341)], "341 ranges"),
        ([IdMap(4000000000 + n, 4100000000 + n, 1) for n in range(340)], "longer than 4095"),
    ],
)
def test_what_the_kernel_refuses_is_refused(maps: list[IdMap], message: str) -> None:
    with pytest.raises(InvalidArgument, match=f"^invalid uid map.*{message}"):
        idmap.check(maps, "uid map")


@given(st.integers(0, 70000))
def test_there_and_back(inside: int) -> None:
    outside = idmap.to_host(USUAL, inside)
    assert outside is None or idmap.to_container(USUAL, outside) == inside


def test_subordinate_ranges() -> None:
    text = (
        "# comment\n"
        "alice:100000:65536\n"
        "bob:200000:65536\n"
        "1000:300000:10\n"
        "alice:400000:0\n"
        "alice:x:1\n"
        "alice:1\n"
        "alicia:1:1\n"
    )
    alice = idmap.subordinate_ranges(text, 1000, "alice")
    assert alice == (SubordinateRange(100000, 65536), SubordinateRange(300000, 10))
    assert idmap.subordinate_ranges(text, 1001, "bob") == (SubordinateRange(200000, 65536),)
    assert idmap.subordinate_ranges(text, 1002) == ()
    assert idmap.subordinate_ranges(":1:1\n", 0, "") == ()
