"""orlop explain on this host: without rights, and without leaving a trace."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.integration.insight.traces import strace
from tests.integration.support.bundles import BundleFactory
from tests.integration.support.runtimes import execute

pytestmark = [pytest.mark.requires_root]

ORLOP = Path(sys.executable).with_name("orlop")
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"]
SOME = ["--read-only", "--memory", "64m", "--privileged", "-v", "/etc:/x:ro", "host", "true"]


def test_an_ordinary_user_sees_what_root_would_do() -> None:
    words = [str(ORLOP), "explain", "--json", "--", *SOME]
    of_root, of_nobody = execute(words).ok().json(), execute([*NOBODY, *words]).ok().json()
    assert of_nobody["groups"] == of_root["groups"]


def test_a_bundle_of_a_user_who_may_read_it(bundle: BundleFactory) -> None:
    made = bundle("true", linux={"maskedPaths": ["/proc/kcore"]})
    words = [str(ORLOP), "explain", "--bundle", str(made.path)]
    shown = execute([*NOBODY, *words]).ok().out
    assert shown == execute(words).ok().out
    assert "# OCI maskedPaths" in shown or "# OCI linux.maskedPaths" in shown


@pytest.mark.requires_strace
def test_nothing_is_changed(tmp_path: Path) -> None:
    """No call that could but those that keep compiled Python."""
    output = tmp_path / "calls"
    with strace(output):
        execute([str(ORLOP), "explain", "--", *SOME]).ok()
    lines = [line.partition(" ")[2].lstrip() for line in output.read_text().splitlines()]
    changing = ("mkdir", "mount", "unshare(", "setns(", "symlink", "unlink", "rename", "fchown")
    made = [line for line in lines if line.startswith(changing) and "__pycache__" not in line]
    assert made == []
