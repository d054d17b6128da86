"""The installed commands, one script under two names: with a stand-in for the package."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.preconditions import ROOT

REPORT = """
import json, sys

def main():
    flags = {name: getattr(sys.flags, name) for name in ("isolated", "no_site")}
    print(json.dumps({"argv": sys.argv, "flags": flags, "where": __file__}))
    return 7
"""
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture(params=["wheel", "editable"])
def prefix(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A place as pip fills it."""
    packages = tmp_path / f"prefix/lib/python{VERSION}/site-packages"
    packages.mkdir(parents=True)
    home = packages
    if request.param == "editable":
        home = tmp_path / "source"
        (packages / "_orlop.pth").write_text(str(home))
    for layer in ("runtime", "faces"):
        module = home / f"orlop/{layer}/cli.py"
        module.parent.mkdir(parents=True)
        module.write_text(REPORT)
    shutil.copy(ROOT / "src/orlop/startup.py", home / "orlop")
    commands = tmp_path / "prefix/bin"
    commands.mkdir()
    for name in ("orlop", "orlop-runtime"):
        shutil.copy(ROOT / "scripts" / name, commands)
    (commands / "python3").symlink_to(sys.executable)
    return tmp_path / "prefix"


def call(command: Path, *args: str, **environment: str) -> tuple[int, dict[str, object]]:
    done = subprocess.run(
        [command, *args],
        check=False,
        env={"PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
    )
    assert not done.stderr
    return done.returncode, json.loads(done.stdout)


def test_arguments_and_status_pass_through(prefix: Path) -> None:
    odd = ["--root", "/a b", "it's", '"', "$HOME", "line\nbreak", ""]
    status, report = call(prefix / "bin/orlop-runtime", *odd)
    assert status == 7
    assert report["argv"] == ["orlop-runtime", *odd]


@pytest.mark.parametrize(("name", "layer"), [("orlop", "faces"), ("orlop-runtime", "runtime")])
def test_each_name_is_a_command_of_its_own(prefix: Path, name: str, layer: str) -> None:
    _, report = call(prefix / "bin" / name, "word")
    assert report["argv"] == [name, "word"]
    assert str(report["where"]).endswith(f"/orlop/{layer}/cli.py")


def test_the_caller_cannot_change_the_interpreter(prefix: Path, tmp_path: Path) -> None:
    trap = tmp_path / "trap/orlop/runtime"
    trap.mkdir(parents=True)
    (trap / "cli.py").write_text("raise SystemExit('trapped')")
    _, report = call(
        prefix / "bin/orlop-runtime", PYTHONPATH=str(tmp_path / "trap"), PYTHONHOME="/nonexistent"
    )
    assert report["flags"] == {"isolated": 1, "no_site": 1}


def test_it_works_through_a_symlink(prefix: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").symlink_to(prefix / "bin/orlop-runtime")
    status, _ = call(tmp_path / "elsewhere")
    assert status == 7


@pytest.mark.parametrize("sink", [">&-", "2>&-", ">/dev/full"])
def test_streams_may_be_closed_or_full(prefix: Path, sink: str) -> None:
    command = f"{prefix}/bin/orlop-runtime {sink}"
    done = subprocess.run(["sh", "-c", command], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (7, "")


PROGRAM = Path(sys.executable).with_name("orlop")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_orlop_with_closed_streams(closed: str) -> None:
    words = f"{PROGRAM} -H unix:///nowhere ps {closed}"
    done = subprocess.run(["sh", "-c", words], check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("orlop: cannot connect") is ("2>&-" not in closed)
    assert "Traceback" not in done.stderr


def test_orlop_says_that_its_output_is_full() -> None:
    words = f"{PROGRAM} context ls >/dev/full"
    done = subprocess.run(["sh", "-c", words], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, "orlop: cannot write: No space left on device\n")
