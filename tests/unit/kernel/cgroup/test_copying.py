"""A copy of a cgroup's limits, as data."""

from __future__ import annotations

import os
from pathlib import Path

from orlop.kernel.cgroup import copying
from orlop.kernel.cgroup.creation import CpusetDirectory, Creation, Directory
from orlop.kernel.cgroup.settings import Place, Setting

NAME = f"{copying.PREFIX}{os.getpid()}"


def place(mount: Path, path: str, files: dict[str, str], **more: object) -> Place:
    directory = mount / path
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (directory / name).write_text(text)
    return Place(str(directory), str(mount), **more)  # type: ignore[arg-type]


def written(creation: Creation) -> list[tuple[str, str]]:
    return [
        (os.path.basename(step.path), step.value)
        for step in creation.steps
        if isinstance(step, Setting)
    ]


def test_it_stands_beside_and_has_the_same_limits(tmp_path: Path) -> None:
    files = {
        "memory.memsw.limit_in_bytes": "200\n",
        "memory.limit_in_bytes": "100\n",
        "memory.oom_control": "oom_kill_disable 1\n",
        "memory.usage_in_bytes": "5\n",
    }
    made = copying.copy((place(tmp_path, "slice/box", files, controllers=("memory",)),))
    beside = f"{tmp_path}/slice/{NAME}"
    assert made.steps[0] == Directory(beside, leaf=True)
    assert written(made) == [
        ("memory.limit_in_bytes", "100"),
        ("memory.memsw.limit_in_bytes", "200"),
    ]
    assert {os.path.dirname(s.path) for s in made.steps if isinstance(s, Setting)} == {beside}
    assert made.entry.tasks == (f"{beside}/tasks",)
    assert made.paths == {str(tmp_path): beside}


def test_of_the_top_it_stands_below(tmp_path: Path) -> None:
    made = copying.copy((place(tmp_path, "", {}, v2=True),))
    assert made.steps == (Directory(f"{tmp_path}/{NAME}", leaf=True),)
    assert made.entry.directory == f"{tmp_path}/{NAME}"


def test_v2_limits(tmp_path: Path) -> None:
    files = {
        "memory.max": "100\n",
        "memory.swap.max": "0\n",
        "memory.low": "50\n",
        "memory.oom.group": "1\n",
        "pids.max": "max\n",
        "cpu.max": "50000 100000\n",
        "cpu.weight": "10\n",
        "cpuset.cpus": "\n",
    }
    made = copying.copy((place(tmp_path, "box", files, v2=True),))
    assert written(made) == [
        ("memory.swap.max", "0"),
        ("memory.max", "100"),
        ("pids.max", "max"),
        ("cpu.max", "50000 100000"),
    ]


def test_a_cpuset_of_v1_is_completed(tmp_path: Path) -> None:
    made = copying.copy((place(tmp_path, "box", {"cpuset.cpus": "0"}, controllers=("cpuset",)),))
    assert made.steps[-1] == CpusetDirectory(f"{tmp_path}/{NAME}")


def test_device_rules_of_v1(tmp_path: Path) -> None:
    rules = {"devices.list": "c 1:3 rwm\nb *:* m\n"}
    made = copying.copy((place(tmp_path, "box", rules, controllers=("devices",)),))
    assert written(made) == [
        ("devices.deny", "a"),
        ("devices.allow", "c 1:3 rwm"),
        ("devices.allow", "b *:* m"),
    ]


def test_leftovers_are_those_of_the_dead(tmp_path: Path) -> None:
    own = place(tmp_path, "slice/box", {})
    dead = tmp_path / "slice" / f"{copying.PREFIX}{1 << 22}"  # above all PIDs
    alive = tmp_path / "slice" / f"{copying.PREFIX}{os.getppid()}"
    for directory in (dead, alive):
        directory.mkdir()
    copying.remove_leftovers(copying.copy((own,)))
    assert not dead.exists()
    assert alive.exists()
    assert Path(own.directory).exists()
