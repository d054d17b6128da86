"""Plans of what is not started: no rights are needed, and nothing is made."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from orlop.errors import SpecError
from orlop.intent.compose import Composed, compose
from orlop.intent.flags import parse_run
from orlop.intent.host_facts import read_host_facts
from orlop.intent.start import plan_of
from orlop.kernel.features import read_features
from orlop.launch.plan import Execute, NewFilesystem, SetHostname
from orlop.runtime.lifecycle.foresee import as_root
from tests.preconditions import ROOT


def composed(flags: str, root: Path) -> Composed:
    return compose(
        parse_run([*flags.split(), "host", "true"]), read_host_facts(), "box", data_root=str(root)
    )


def test_the_plan_of_a_start(tmp_path: Path) -> None:
    made = composed("--network none --hostname here --security-opt seccomp=unconfined", tmp_path)
    operations = [step.op for step in plan_of(made).steps]
    assert SetHostname("here") in operations
    assert isinstance(operations[-1], Execute)
    assert sum(isinstance(op, NewFilesystem) and op.type == "overlay" for op in operations) > 1
    assert list(tmp_path.iterdir()) == []


def test_with_a_terminal(tmp_path: Path) -> None:
    assert plan_of(composed("--network none -t", tmp_path)).inherited == 1


def test_a_mistake_names_the_flag(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="-v /usr:/proc/1") as told:
        plan_of(composed("--network none -v /usr:/proc/1", tmp_path))
    assert told.value.field.startswith("mounts[")


def test_as_root() -> None:
    features = read_features().replace(uid=1000, initial_user_namespace=False)
    assert not features.is_privileged
    assert as_root(features).is_privileged
    assert as_root(as_root(features)) == as_root(features)


PROGRAM = """
from tests.unit.intent.test_start import composed, plan_of
from pathlib import Path
plan = plan_of(composed("--network none --memory 64m --privileged", Path("/nonexistent/data")))
print(len(plan.steps), sum(s.op.__class__.__name__ == "MakeCgroup" for s in plan.steps))
"""


@pytest.mark.requires_root
def test_nobody_can_have_a_plan() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        user=65534,
        group=65534,
        extra_groups=[],
        env={"PYTHONPATH": f"{ROOT}/src:{ROOT}", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    steps, cgroups = map(int, done.stdout.split())
    assert steps > 50
    assert cgroups > 0
