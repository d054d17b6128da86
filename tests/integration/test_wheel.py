"""The wheel: what pip installs is a runtime that works without the source tree."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from orlop import __version__
from tests.preconditions import ROOT

pytestmark = [
    pytest.mark.requires_root,
    pytest.mark.requires_compiler,
    pytest.mark.slow,
]


def pip(python: Path | str, *args: Path | str) -> None:
    environment = {**os.environ, "PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    subprocess.run([python, "-m", "pip", "--quiet", *args], check=True, env=environment)


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    options = ["--no-build-isolation", "--no-deps", "--wheel-dir", str(tmp_path / "dist")]
    pip(sys.executable, "wheel", *options, ROOT)
    (built,) = (tmp_path / "dist").iterdir()
    return built


def test_the_wheel_is_of_the_platform_and_complete(wheel: Path, tmp_path: Path) -> None:
    assert wheel.name == f"orlop-{__version__}-py3-none-linux_{os.uname().machine}.whl"
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        for program in ("orlop-launch", "orlop-probe"):
            assert archive.getinfo(f"orlop/_bin/{program}").external_attr >> 16 & 0o111
    source = ROOT / "src"
    assert {str(path.relative_to(source)) for path in source.rglob("*.py")} <= names
    assert "orlop/py.typed" in names

    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    pip(venv / "bin/python", "install", "--no-deps", wheel)  # the runtime needs none of them
    command = [str(venv / "bin/orlop-runtime"), "--version"]
    done = subprocess.run(command, check=True, cwd="/", capture_output=True, text=True)
    assert done.stdout.startswith(f"orlop-runtime version {__version__}\n")
    launcher = next(venv.glob("lib/python3.*/site-packages/orlop/_bin/orlop-launch"))
    done = subprocess.run([launcher, "--operations"], check=True, capture_output=True, text=True)
    assert done.stdout
