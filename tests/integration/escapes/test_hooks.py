"""Hooks run on the host, as root: nothing of the image may reach them (CVE-2025-23266).

runc 1.1.5 fails: createContainer hooks inherit the container's environment, in its root.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.escapes.conftest import Trap
from tests.integration.escapes.support import process
from tests.integration.support.runtimes import Runtime

pytestmark = pytest.mark.requires_root

ON_THE_HOST = ["prestart", "createRuntime", "createContainer", "poststart", "poststop"]
IMAGE = [
    "LD_PRELOAD=/evil.so",
    "PYTHONPATH=/evil",
    "BASH_ENV=/evil",
    "IMAGE=yes",
    "PATH=/evil:/bin",
]


@pytest.mark.parametrize("given", [None, ["OWN=1"]], ids=["no environment", "an environment"])
def test_hooks_get_their_own_environment(
    runtime: Runtime, trap: Trap, attack: Path, workspace: Path, given: list[str] | None
) -> None:
    hooks = {}
    for kind in ON_THE_HOST:
        entry = {"path": str(attack), "args": ["hook", "environ", str(workspace / kind)]}
        hooks[kind] = [{**entry, "env": given} if given else entry]
    inner = {"path": "/bin/attack", "args": ["hook", "environ", "/said"]}
    hooks["startContainer"] = [{**inner, "env": given} if given else inner]
    victim = trap(["true"], process=process(env=IMAGE), hooks=hooks)
    runtime.run(victim, env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin"}).ok()
    for kind in ON_THE_HOST:
        said = (workspace / kind).read_text().splitlines()
        environment = [line.removeprefix("env ") for line in said if line.startswith("env ")]
        assert not set(environment) & set(IMAGE), kind
        if given:
            assert environment == given, kind
        cwd = next(line.removeprefix("cwd ") for line in said if line.startswith("cwd "))
        assert not Path(cwd).is_relative_to(victim.rootfs), f"{kind} runs in the image's files"
    inside = (victim.rootfs / "said").read_text().splitlines()
    assert not {f"env {variable}" for variable in IMAGE} & set(inside)


def test_programs_of_hooks_are_those_of_the_host(
    runtime: Runtime, trap: Trap, attack: Path, workspace: Path
) -> None:
    """A file of the image at the hook's own path is not what runs."""
    kinds = [kind for kind in ON_THE_HOST if kind != "poststop"]
    hooks = {
        kind: [{"path": str(attack), "args": ["hook", "environ", str(workspace / kind)]}]
        for kind in kinds
    }
    victim = trap(["true"], process=process(), hooks=hooks)
    decoy = victim.rootfs / str(attack)[1:]
    decoy.parent.mkdir(parents=True)
    decoy.write_text("#!/bin/sh\nexit 1\n")
    decoy.chmod(0o755)
    runtime.run(victim).ok()
    for kind in kinds:
        assert (workspace / kind).exists(), kind
