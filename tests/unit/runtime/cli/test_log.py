"""The log: for people on stderr, and in logrus's forms for those who parse it."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from orlop.errors import InvalidArgument, SyscallError
from orlop.runtime.cli.log import Log

NASTY = 'it said "no"\nand é, €, \\ and \udc80'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log"


def configured(path: Path | str, form: str, *, debug: bool = False) -> Log:
    log = Log()
    log.configure(str(path), form, debug=debug)
    return log


class TestJson:
    def test_lines(self, path: Path) -> None:
        log = configured(path, "json")
        log.warning("look out")
        log.error("too late")
        first, second = map(json.loads, path.read_text().splitlines())
        assert (first["level"], first["msg"]) == ("warning", "look out")
        assert (second["level"], second["msg"]) == ("error", "too late")
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", first["time"])

    def test_any_message_is_one_line(self, path: Path) -> None:
        configured(path, "json").error(NASTY)
        assert path.read_bytes().count(b"\n") == 1
        assert json.loads(path.read_bytes())["msg"] == NASTY


class TestText:
    def test_lines(self, path: Path) -> None:
        configured(path, "text").error("too late")
        fields = dict(word.split("=", 1) for word in shlex.split(path.read_text()))
        assert fields.keys() == {"time", "level", "msg"}
        assert (fields["level"], fields["msg"]) == ("error", "too late")

    def test_any_message_is_one_line(self, path: Path) -> None:
        configured(path, "text").error(NASTY)
        assert path.read_bytes().count(b"\n") == 1
        assert r"it said \"no\"\nand" in path.read_text()


class TestStderr:
    def test_has_errors_also_with_a_file(
        self, path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        configured(path, "json").error("too late")
        Log().error("early")
        assert capsys.readouterr().err == "orlop-runtime: too late\norlop-runtime: early\n"

    def test_has_warnings_without_a_file(
        self, path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        configured(path, "text").warning("to the file")
        configured("", "text").warning("look out")
        assert capsys.readouterr().err == "orlop-runtime: warning: look out\n"


def test_debug_is_for_who_asks(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configured(path, "text").debug("hidden")
    configured("", "text").debug("hidden")
    assert path.read_text() == capsys.readouterr().err == ""
    configured(path, "text", debug=True).debug("to the file")
    configured("", "text", debug=True).debug("shown")
    assert 'level=debug msg="to the file"' in path.read_text()
    assert capsys.readouterr().err == "orlop-runtime: debug: shown\n"


def test_appends(path: Path) -> None:
    path.write_text("before\n")
    configured(path, "text").error("after")
    assert path.read_text().startswith("before\n")


def test_unknown_format(path: Path) -> None:
    with pytest.raises(InvalidArgument, match="xml"):
        configured(path, "xml")
    assert not path.exists()


def test_file_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(SyscallError) as caught:
        configured(tmp_path / "none" / "log", "text")
    assert caught.value.path.endswith("none/log")
