"""What `make run` runs."""

from __future__ import annotations

import subprocess

import pytest

from tests.preconditions import ROOT

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_launcher]


@pytest.mark.usefixtures("default_groups")
def test_first_steps() -> None:
    done = subprocess.run(
        [ROOT / "examples/first_steps.sh"], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stderr == ""
    assert "hello from a container" in done.stdout
    assert "everything that can be read is as it was asked" in done.stdout
    assert "from the first command to the last" in done.stdout
