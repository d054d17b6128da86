"""Devices that an image brings along: CVE-2025-31133, CVE-2025-52565, CVE-2026-41579.

A runtime that opens /dev/null, /dev/console or /dev/pts/N of a root file system gets what the image
put there. Bound over a masked path it unmasks it, bound over /dev/console it is writable.

runc 1.1.5 fails: /dev/null as setting, as file and as race, the race for pseudo-terminals (within
30 rounds), and a /dev that leads out of the root.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from tests.integration.escapes.conftest import Trap
from tests.integration.escapes.support import (
    MASKED,
    ROUNDS,
    SYSCTL,
    Canaries,
    bind,
    flipping,
    mounted,
    process,
)
from tests.integration.support.bundles import Bundle, Json
from tests.integration.support.runtimes import Runtime
from tests.integration.support.terminals import on_terminal

pytestmark = pytest.mark.requires_root

AT_ONCE = 50


def without(bundle: Bundle, *destinations: str) -> Bundle:
    """The bundle without some of its mounts: the image's own /dev is used."""
    bundle.config["mounts"] = [
        mount for mount in bundle.config["mounts"] if mount["destination"] not in destinations
    ]
    bundle.save()
    return bundle


def own_dev(bundle: Bundle) -> Bundle:
    """The bundle with the /dev of its image."""
    return without(bundle, "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue")


def make_null(directory: Path) -> None:
    """A good null device."""
    os.mknod(directory / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    (directory / "null").chmod(0o666)


PROC_FILES = [path for path in MASKED if path.startswith("/proc") and os.path.isfile(path)]
LOOK = "; ".join(f"stat -L -c '%n %F %t,%T' {path}; echo 4711 > {path}" for path in PROC_FILES)
MASK: Json = {"maskedPaths": PROC_FILES, "readonlyPaths": []}


def masks_hold(out: str) -> bool:
    """Whether every masked file is the null device."""
    return out.splitlines() == [f"{path} character special file 1,3" for path in PROC_FILES]


@pytest.mark.parametrize("goal", ["a setting", "a masked file", "a file", "nothing", "removed"])
def test_dev_null_is_not_the_null_device(runtime: Runtime, trap: Trap, goal: str) -> None:
    """CVE-2025-31133: masks are bind mounts of /dev/null, so the image chooses what they show."""
    victim = own_dev(trap(LOOK, process=process(), linux=MASK))
    null = victim.rootfs / "dev/null"
    if goal == "a setting":
        null.symlink_to(SYSCTL)
    elif goal == "a masked file":
        null.symlink_to(PROC_FILES[0])
    elif goal == "a file":
        null.write_text("mine\n")
    elif goal == "nothing":
        null.symlink_to("/nowhere")
    result = runtime.run(victim)
    assert result.status or masks_hold(result.out), f"masks show something else: {result}"


@pytest.mark.slow
def test_dev_null_is_exchanged_for_a_symlink(runtime: Runtime, trap: Trap, workspace: Path) -> None:
    """The same as a race, by a container that shares /dev."""
    shared = workspace / "dev"
    shared.mkdir()
    make_null(shared)
    (shared / "null.evil").symlink_to(SYSCTL)
    flipping(runtime, trap(["attack", "flip", "/vol"], mounts=[bind(shared, "/vol")]))
    masked = [path for path in PROC_FILES for _ in range(AT_ONCE // len(PROC_FILES) + 1)]
    victim = own_dev(
        trap(
            LOOK,
            mounts=[bind(shared, "/dev")],
            process=process(),
            linux={"maskedPaths": masked, "readonlyPaths": []},
        )
    )
    victim.config["mounts"].append(bind(shared, "/dev"))
    victim.save()
    for _ in range(ROUNDS // AT_ONCE):
        result = runtime.run(victim)
        assert result.status or masks_hold(result.out), f"masks show something else: {result}"


def test_masks_hold_below_a_symlink(runtime: Runtime, trap: Trap, canaries: Canaries) -> None:
    """A masked or read-only path that is a symlink hides or protects nothing of the host."""
    victim = trap(
        "true",
        process=process(),
        linux={"maskedPaths": ["/link/secret", "/link"], "readonlyPaths": ["/ro/dir", "/ro"]},
    )
    (victim.rootfs / "link").symlink_to(canaries.path)
    (victim.rootfs / "ro").symlink_to(canaries.path)
    runtime.run(victim)


# --- the console --------------------------------------------------------------------------------

CONSOLE = "stat -L -c '%F %t' /dev/console; stat -c %F /dev/console; echo 4711 > /dev/console"


def console_is_a_terminal(screen: str) -> bool:
    """Whether what is at /dev/console is a pseudo-terminal (major 136, 0x88) and no link."""
    return screen.split("\r\n")[:2] == ["character special file 88", "character special file"]


def on_console(runtime: Runtime, victim: Bundle) -> tuple[int, str]:
    """Run a bundle on a terminal: its status, and what it shows."""
    with on_terminal(runtime.command("run", "--bundle", victim.path, runtime.new_id())) as session:
        screen = session.screen
        status = session.wait()
        os.close(session.terminal)
        session.terminal = os.dup(session.master)
        return status, screen.rest()


def devpts(destination: str) -> Json:
    """A devpts instance."""
    options = ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]
    return {"destination": destination, "type": "devpts", "source": "devpts", "options": options}


def shared_dev(directory: Path) -> Path:
    """A /dev on a volume, with a null device, and a ptmx that leads to a devpts at /dev/real."""
    (directory / "real").mkdir(parents=True)
    (directory / "ptmx").symlink_to("real/ptmx")
    (directory / "console").write_text("")
    make_null(directory)
    return directory


@pytest.mark.parametrize("goal", [SYSCTL, Path("/proc/self/mem"), Path("/etc/passwd")])
def test_pseudo_terminals_are_symlinks(
    runtime: Runtime, trap: Trap, workspace: Path, goal: Path
) -> None:
    """CVE-2025-52565: /dev/pts/N is bound over /dev/console, and the image says what that is."""
    dev = shared_dev(workspace / "dev")
    (dev / "pts").mkdir()
    for number in range(8):
        (dev / "pts" / str(number)).symlink_to(goal)
    victim = own_dev(trap(CONSOLE, process=process(terminal=True)))
    victim.config["mounts"] += [bind(dev, "/dev"), devpts("/dev/real")]
    victim.save()
    status, screen = on_console(runtime, victim)
    assert status or console_is_a_terminal(screen), screen


def test_the_console_is_a_symlink(runtime: Runtime, trap: Trap, canaries: Canaries) -> None:
    for goal in (SYSCTL, canaries.path / "secret", canaries.path / "dir/new"):
        victim = own_dev(trap(CONSOLE, process=process(terminal=True)))
        victim.config["mounts"].append(devpts("/dev/pts"))
        victim.save()
        dev = victim.rootfs / "dev"
        (dev / "console").symlink_to(goal)
        on_console(runtime, victim)
        canaries.check()


@pytest.mark.slow
def test_pseudo_terminals_are_exchanged_for_symlinks(
    runtime: Runtime, trap: Trap, workspace: Path
) -> None:
    shared = shared_dev(workspace / "dev")
    (shared / "pts").symlink_to("real")
    (shared / "pts.evil").mkdir()
    for number in range(8):
        (shared / "pts.evil" / str(number)).symlink_to(SYSCTL)
    (shared / "console.evil").symlink_to(SYSCTL)
    flipping(runtime, trap(["attack", "flip", "/vol"], mounts=[bind(shared, "/vol")]))
    victim = own_dev(trap(["cat", "/proc/self/mountinfo"], process=process(terminal=True)))
    victim.config["mounts"] += [bind(shared, "/dev"), devpts("/dev/real")]
    victim.save()
    ran = 0
    for _ in range(ROUNDS):
        status, screen = on_console(runtime, victim)
        ran += status == 0
        assert not mounted(screen, SYSCTL.relative_to("/proc")), screen
    assert ran


# --- /dev itself ---------------------------------------------------------------------------------


@pytest.mark.parametrize("terminal", [False, True])
def test_dev_is_a_symlink_out_of_the_root(
    runtime: Runtime, trap: Trap, canaries: Canaries, terminal: bool
) -> None:
    """CVE-2026-41579: ptmx of the host was removed, and links and nodes made in its /dev."""
    goal = canaries.path / "dir"
    (goal / "pts").mkdir()
    (goal / "ptmx").symlink_to("pts/ptmx")
    (goal / "console").write_text("")
    canaries.watch(*goal.iterdir())
    victim = own_dev(trap("true", process=process(terminal=terminal)))
    (victim.rootfs / "dev").rmdir()
    (victim.rootfs / "dev").symlink_to(goal)
    if terminal:
        on_console(runtime, victim)
    else:
        runtime.run(victim)


def test_mounts_below_a_dev_that_leads_out(
    runtime: Runtime, trap: Trap, canaries: Canaries
) -> None:
    """The usual mounts at and below /dev, in an image whose /dev is a symlink."""
    victim = trap("true", process=process())
    (victim.rootfs / "dev").rmdir()
    (victim.rootfs / "dev").symlink_to(canaries.path / "dir")
    runtime.run(victim)


def test_device_nodes_behind_a_symlink(runtime: Runtime, trap: Trap, canaries: Canaries) -> None:
    """`linux.devices` are made where their path says, inside."""
    node = {"type": "c", "major": 1, "minor": 3, "fileMode": 0o666, "uid": 0, "gid": 0}
    victim = trap(
        "true",
        process=process(),
        linux={"devices": [{"path": "/link/node", **node}, {"path": "/secret", **node}]},
    )
    (victim.rootfs / "link").symlink_to(canaries.path / "dir")
    (victim.rootfs / "secret").symlink_to(canaries.path / "secret")
    runtime.run(victim)
