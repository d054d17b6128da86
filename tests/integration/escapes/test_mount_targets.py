"""Mount targets that lead out of the root: CVE-2021-30465, CVE-2024-45310, CVE-2026-55686.

What is mounted, made or entered below a root file system must stay in it, also while somebody who
shares a volume with the container exchanges directories for symlinks.

runc 1.1.5 fails the race for directories that are made, usually within 300 rounds, and makes
directories on the host for procfs and sysfs behind a symlink.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.escapes.conftest import Trap
from tests.integration.escapes.support import (
    ROUNDS,
    Canaries,
    bind,
    flipping,
    inside,
    mounted,
    nothing_reached,
    process,
)
from tests.integration.support.runtimes import Runtime

pytestmark = pytest.mark.requires_root

AT_ONCE = 10
"""Mounts in one container: each is a round of a race."""


@pytest.fixture
def volume(workspace: Path) -> Path:
    """A directory that containers share."""
    path = workspace / "volume"
    path.mkdir()
    return path


@pytest.fixture
def payload(workspace: Path) -> Path:
    """What is mounted into the volume."""
    path = workspace / "payload"
    path.mkdir()
    return path


def attacker(trap: Trap, volume: Path, goal: Path) -> list[str]:
    """Fill the volume with directories `t0`, `t1`, ... and their evil twins; who exchanges them."""
    names = [f"t{number}" for number in range(AT_ONCE)]
    for name in names:
        (volume / name).mkdir()
        (volume / f"{name}.evil").symlink_to(goal)
    return names


@pytest.mark.slow
def test_targets_that_are_exchanged_for_symlinks(
    runtime: Runtime, trap: Trap, canaries: Canaries, volume: Path, payload: Path
) -> None:
    """CVE-2021-30465: the target is a directory when it is checked, a symlink when it is used."""
    names = attacker(trap, volume, canaries.path / "dir")
    flipping(runtime, trap(["attack", "flip", "/vol"], mounts=[bind(volume, "/vol")]))
    look = f"cat /proc/self/mountinfo; attack reach {canaries.path}/secret"
    victim = trap(
        look,
        mounts=[bind(volume, "/vol"), *(bind(payload, f"/vol/{name}") for name in names)],
        process=process(),
    )
    ran = 0
    for _ in range(ROUNDS // AT_ONCE):
        result = runtime.run(victim)
        nothing_reached(result)
        if result.status == 0:
            ran += 1
            # A mount that ended outside of the root is missing inside.
            assert len(mounted(result.out, payload)) == AT_ONCE
    assert ran


@pytest.mark.slow
def test_directories_that_are_made_while_symlinks_are_exchanged(
    runtime: Runtime, trap: Trap, canaries: Canaries, volume: Path, payload: Path
) -> None:
    """CVE-2024-45310: what is missing of a target was made on the host."""
    names = attacker(trap, volume, canaries.path / "dir")
    (payload / "file").write_text("")
    flipping(runtime, trap(["attack", "flip", "/vol"], mounts=[bind(volume, "/vol")]))
    victim = trap(["true"], process=process())
    base = victim.config["mounts"]
    ran = 0
    for number in range(ROUNDS // AT_ONCE):
        targets = [f"/vol/{name}/{number}/{name}" for name in names]
        directories = [bind(payload, target) for target in targets[::2]]
        files = [bind(payload / "file", target) for target in targets[1::2]]
        victim.config["mounts"] = [*base, bind(volume, "/vol"), *directories, *files]
        victim.save()
        ran += runtime.run(victim).status == 0
        canaries.check()
    assert ran


@pytest.mark.parametrize("link", ["absolute", "climbing", "chain", "dangling"])
def test_a_target_behind_a_symlink_is_made_inside(
    runtime: Runtime, trap: Trap, canaries: Canaries, payload: Path, link: str
) -> None:
    goal = canaries.path / "dir"
    victim = trap(
        "cat /proc/self/mountinfo", mounts=[bind(payload, "/link/sub")], process=process()
    )
    target = victim.rootfs / "link"
    if link == "absolute":
        target.symlink_to(goal)
    elif link == "climbing":
        target.symlink_to(f"{'../' * 32}{str(goal)[1:]}")
    elif link == "chain":
        (victim.rootfs / "first").symlink_to("second")
        (victim.rootfs / "second").symlink_to(goal)
        target.symlink_to("bin/../first")
    else:
        target.symlink_to(goal / "new")
    result = runtime.run(victim)
    if result.status == 0:
        assert len(mounted(result.out, payload)) == 1
        assert inside(victim.rootfs, goal).is_dir()


def test_a_file_target_that_is_a_symlink(
    runtime: Runtime, trap: Trap, canaries: Canaries, payload: Path
) -> None:
    """As /etc/resolv.conf of an image may be: nothing is made or truncated where it points to."""
    (payload / "resolv.conf").write_text("nameserver 192.0.2.1\n")
    victim = trap("cat /etc/resolv.conf", process=process())
    victim.config["mounts"].append(bind(payload / "resolv.conf", "/etc/resolv.conf"))
    for goal in ("secret", "dir/new"):
        victim.save()
        (victim.rootfs / "etc/resolv.conf").unlink(missing_ok=True)
        (victim.rootfs / "etc/resolv.conf").symlink_to(canaries.path / goal)
        result = runtime.run(victim)
        assert result.status or result.out == "nameserver 192.0.2.1\n"
        canaries.check()


@pytest.mark.parametrize("kind", ["tmpfs", "proc", "sysfs", "mqueue", "devpts"])
def test_a_file_system_behind_a_symlink(
    runtime: Runtime, trap: Trap, canaries: Canaries, kind: str
) -> None:
    entry = {"destination": "/link/sub", "type": kind, "source": kind}
    victim = trap(f"attack reach {canaries.path}/secret", mounts=[entry], process=process())
    (victim.rootfs / "link").symlink_to(canaries.path / "dir")
    nothing_reached(runtime.run(victim))


def test_a_target_that_climbs_out(
    runtime: Runtime, trap: Trap, canaries: Canaries, payload: Path
) -> None:
    for target in (
        f"/../../../../../../../..{canaries.path}/dir/new",
        f"/proc/self/root/..{canaries.path}/dir/new",
        f"/proc/1/root{canaries.path}/dir/new",
    ):
        victim = trap("attack reach /", mounts=[bind(payload, target)], process=process())
        runtime.run(victim)
        canaries.check()


# --- the working directory ----------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["run", "exec"])
def test_a_working_directory_behind_a_symlink(
    runtime: Runtime, trap: Trap, canaries: Canaries, verb: str
) -> None:
    """CVE-2026-55686: a missing working directory was made, and chowned, on the host."""
    look = ["attack", "reach", f"{canaries.path}/secret"]
    user = {"uid": 1000, "gid": 1000}
    cwd = "/link/new"
    victim = trap(look if verb == "run" else "probe wait", process=process())
    (victim.rootfs / "link").symlink_to(canaries.path / "dir")
    if verb == "run":
        victim.config["process"] |= {"cwd": cwd, "user": user}
        victim.save()
        nothing_reached(runtime.run(victim))
    else:
        container = runtime.start(victim)
        nothing_reached(container.exec(look, f"--cwd={cwd}", "--user=1000:1000"))


@pytest.mark.slow
def test_a_working_directory_that_is_exchanged_for_a_symlink(
    runtime: Runtime, trap: Trap, canaries: Canaries, volume: Path
) -> None:
    names = attacker(trap, volume, canaries.path / "dir")
    shared = [bind(volume, "/vol")]
    flipping(runtime, trap(["attack", "flip", "/vol"], mounts=shared))
    victim = trap(["attack", "reach", f"{canaries.path}/secret"], mounts=shared, process=process())
    for number, name in enumerate(names):
        victim.config["process"]["cwd"] = f"/vol/{name}/{number}"
        victim.save()
        nothing_reached(runtime.run(victim))
        canaries.check()
