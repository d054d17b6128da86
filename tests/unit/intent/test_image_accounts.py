"""Users and groups from the files of an image, none of which leads out of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orlop.errors import NotFound
from orlop.intent.host_facts import Account
from orlop.intent.image_accounts import AccountFiles, read_account_files

FILES = AccountFiles(
    "# a:x:1:1\nroot:x:0:0::/:\n"
    "me:x:5:6::/home:/bin/sh\nother:x:5:7::/:\nbad:x:-1:0::/:\nshort:x\n",
    "wheel:x:10:root,me\nme:x:6:\nusers:x:100\nbad:x:4294967295:me\nmore:x:11:me\n",
)


def test_by_name() -> None:
    assert FILES.account("me") == Account(5, 6, (10, 11))
    assert FILES.account("other") == Account(5, 7)


def test_the_first_of_a_number() -> None:
    assert FILES.account_of(5) == Account(5, 6, (10, 11))
    assert FILES.account_of(1) is None


def test_groups() -> None:
    assert FILES.group_id("users") == 100
    with pytest.raises(NotFound, match="group"):
        FILES.group_id("bad")


@pytest.mark.parametrize("name", ["bad", "short", "", "a"])
def test_lines_that_are_none(name: str) -> None:
    with pytest.raises(NotFound, match="user"):
        FILES.account(name)


class TestLayers:
    @staticmethod
    def layer(tmp_path: Path, name: str, passwd: str | None) -> Path:
        etc = tmp_path / name / "etc"
        etc.mkdir(parents=True)
        if passwd is not None:
            (etc / "passwd").write_text(passwd)
        return etc

    @staticmethod
    def read(tmp_path: Path, *names: str) -> str:
        return read_account_files(tuple(str(tmp_path / name) for name in names)).passwd

    def test_the_uppermost_counts(self, tmp_path: Path) -> None:
        self.layer(tmp_path, "top", None)
        self.layer(tmp_path, "middle", "m")
        self.layer(tmp_path, "bottom", "b")
        assert self.read(tmp_path, "missing", "top", "middle", "bottom") == "m"

    def test_no_layer_has_it(self, tmp_path: Path) -> None:
        (tmp_path / "empty").mkdir()
        assert self.read(tmp_path, "empty") == ""

    def test_a_link_leads_nowhere(self, tmp_path: Path) -> None:
        etc = self.layer(tmp_path, "top", None)
        (tmp_path / "secret").write_text("s")
        (etc / "passwd").symlink_to(tmp_path / "secret")
        self.layer(tmp_path, "bottom", "b")
        assert self.read(tmp_path, "top", "bottom") == ""

    def test_nor_does_a_link_in_place_of_etc(self, tmp_path: Path) -> None:
        (tmp_path / "top").mkdir()
        (tmp_path / "top" / "etc").symlink_to("/etc")
        assert self.read(tmp_path, "top") == ""

    def test_a_fifo_holds_nobody_up(self, tmp_path: Path) -> None:
        os.mkfifo(self.layer(tmp_path, "top", None) / "passwd")
        assert self.read(tmp_path, "top") == ""
