"""podman of the machine, with the runtime under test: its own storage, state and settings.

What it takes on a machine like the one that this was written on:

- Hybrid cgroups (v1 controllers beside an almost empty v2 hierarchy): podman itself works with
  them, with the cgroup manager `cgroupfs` (there is no systemd to ask). Of the runtimes, crun
  refuses them; runc and ours do not.
- A root that lacks CAP_SYS_RESOURCE cannot raise limits to podman's defaults, so containers.conf
  says smaller ones.
- Pods need a pause container. Debian's podman builds its image from `catatonit`, which need not be
  installed; a program of the tests' own image does as well.
- podman mounts its storage on itself and takes that away again, now and then. It has a mount
  namespace of its own for that, with the tests' as its parent.
- Files below /run, /dev/shm and /etc that podman would share with the machine's own are named in
  containers.conf: the locks are files, the networks' directory is ours.
"""

from __future__ import annotations

import os
import subprocess
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from tests.integration.support import mountinfo
from tests.integration.support.images import IMAGE
from tests.integration.support.runtimes import Foreground, Result, execute
from tests.integration.support.terminals import TerminalSession, on_terminal

SETTINGS = """\
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
lock_type = "file"
[network]
network_backend = "netavark"
network_config_dir = "{directory}/networks"
"""


class Podman:
    """The podman command with a world of its own below one directory.

    Attributes:
        settings: the path of its containers.conf, the value of CONTAINERS_CONF.
    """

    def __init__(self, directory: Path, program: Path) -> None:
        self._directory = directory  # conmon leaves a file `oom` in its working directory
        settings = directory / "containers.conf"
        self.settings = str(settings)
        settings.write_text(SETTINGS.format(directory=directory))
        self._flags = [
            f"--root={directory / 'root'}",
            f"--runroot={directory / 'run'}",
            f"--tmpdir={directory / 'tmp'}",
            f"--runtime={program}",
        ]
        self._env = {"PATH": os.environ["PATH"], "HOME": "/", "CONTAINERS_CONF": str(settings)}
        # `cat` ends when its input does, so with this process at the latest.
        self._holder = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c", "echo ready; exec cat"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == b"ready\n"

    def command(self, *words: str | Path) -> list[str]:
        """The argument vector of a podman command."""
        enter = ["nsenter", f"--mount=/proc/{self._holder.pid}/ns/mnt", f"--wd={self._directory}"]
        return [*enter, "--", "podman", *self._flags, *map(str, words)]

    def close(self) -> None:
        """Give up the mount namespace, and with it all that podman has mounted."""
        self._holder.communicate()

    def mounts_of_containers(self) -> list[str]:
        """Where root file systems of containers are mounted."""
        text = Path(f"/proc/{self._holder.pid}/mountinfo").read_text()
        return [mount.target for mount in mountinfo.parse(text) if mount.fstype == "overlay"]

    def __call__(self, *words: str | Path, **options: Any) -> Result:
        """Run a podman command to its end; `options` are those of `execute`."""
        return execute(self.command(*words), env=self._env, **options)

    def run(self, *words: str | Path, **options: Any) -> Result:
        """`podman run --rm`: flags, the word "--", the command."""
        return self("run", "--rm", *with_image(words), **options)

    def start(self, *words: str | Path) -> str:
        """`podman run -d`; returns the container's id."""
        return self("run", "-d", *with_image(words)).ok().out.strip()

    def foreground(self, *words: str | Path) -> Foreground:
        """Begin a podman command."""
        return Foreground(self.command(*words), env=self._env)

    def on_terminal(
        self, *words: str | Path, **size: int
    ) -> AbstractContextManager[TerminalSession]:
        """A podman command on a terminal of its own."""
        return on_terminal(self.command(*words), env=self._env, **size)

    def inspect(self, name: str) -> dict[str, Any]:
        """What `podman inspect` says of a container."""
        (answer,) = self("inspect", name).ok().json()
        return dict(answer)

    def pid(self, name: str) -> int:
        """The PID of a container's first process, on the host."""
        return int(self.inspect(name)["State"]["Pid"])

    def prepare(self, image: Path) -> None:
        """Import the image, and run it once, which makes the directories that stay."""
        self("import", image, IMAGE).ok()
        self.run("--", "true").ok()

    def remove_all(self) -> None:
        """Remove all pods and containers by force."""
        self("pod", "rm", "--all", "--force", "--time", "0")
        self("rm", "--all", "--force", "--time", "0")


def with_image(words: tuple[str | Path, ...]) -> list[str | Path]:
    """Flags and command of `podman run`, with a network, and the image in between."""
    at = words.index("--")
    flags = list(words[:at])
    if not {"--network", "--pod"} & set(flags):
        flags += ["--network", "none"]
    return [*flags, f"localhost/{IMAGE}", *words[at + 1 :]]
