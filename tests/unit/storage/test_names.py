"""Names of archives, as paths below a root."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orlop.storage.names import clean, hidden_by
from orlop.storage.tar.entry import ArchiveError


@pytest.mark.parametrize(
    ("name", "path"),
    [
        (b"a", b"a"),
        (b"a/b", b"a/b"),
        (b"./a", b"a"),
        (b".", b""),
        (b"./", b""),
        (b"/", b""),
        (b"//a//b/", b"a/b"),
        (b"a/./b", b"a/b"),
        (b"a/../b", b"b"),
        (b"a/..", b""),
        (b"/../a", b"a"),
        (b".a/..b", b".a/..b"),
        (b"a/.hidden", b"a/.hidden"),
        (b"...", b"..."),
    ],
)
def test_a_name_is_a_path(name: bytes, path: bytes) -> None:
    assert clean(name) == path


@pytest.mark.parametrize("name", [b"..", b"../a", b"a/../..", b"a/../../b", b"./.."])
def test_a_name_that_leads_out_is_refused(name: bytes) -> None:
    with pytest.raises(ArchiveError, match="leads out"):
        clean(name)


@given(st.lists(st.sampled_from([b"a", b"b", b".", b"..", b"", b"..."])).map(b"/".join))
def test_no_path_has_anything_to_resolve(name: bytes) -> None:
    try:
        parts = clean(name).split(b"/")
    except ArchiveError:
        return
    assert parts == [b""] or not {b"", b".", b".."} & set(parts)


@pytest.mark.parametrize("name", [b".wh.", b".wh..", b".wh..."])
def test_a_whiteout_hides_a_name(name: bytes) -> None:
    assert hidden_by(b".wh.a", b"d/.wh.a") == b"a"
    with pytest.raises(ArchiveError, match="whiteout of nothing"):
        hidden_by(name, name)
