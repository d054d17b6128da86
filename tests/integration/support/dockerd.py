"""dockerd of the machine, with the runtime under test: its own data, sockets and networks.

It runs in the tests' own network and mount namespaces and with their cgroups, so nothing that it
does is seen by the machine's own engine, if there is one. It has no bridge and leaves the firewall
alone: containers have `--network none` or `host`, and that `host` is the tests' namespace.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from tests import isolation
from tests.integration.support import mountinfo
from tests.integration.support.deadlines import eventually, wait_exit
from tests.integration.support.images import IMAGE
from tests.integration.support.runtimes import Foreground, Result, execute
from tests.integration.support.terminals import TerminalSession, on_terminal

RUNTIME = "under-test"
"""The name under which dockerd knows the runtime."""


class Docker:
    """The docker client, talking to the tests' own daemon."""

    def __init__(self, directory: Path) -> None:
        self._socket = directory / "docker.sock"
        config = directory / "client"
        config.mkdir()
        # Nothing of the user's own settings (DOCKER_HOST, contexts, credentials).
        self._env = {"PATH": os.environ["PATH"], "HOME": "/", "DOCKER_CONFIG": str(config)}

    def command(self, *words: str | Path) -> list[str]:
        """The argument vector of a docker command."""
        return ["docker", "-H", f"unix://{self._socket}", *map(str, words)]

    def __call__(self, *words: str | Path, **options: Any) -> Result:
        """Run a docker command to its end; `options` are those of `execute`."""
        return execute(self.command(*words), env=self._env, **options)

    def run(self, *words: str | Path, **options: Any) -> Result:
        """`docker run --rm` with the runtime under test: flags, then the command.

        The flags and the command are parted by the image's name, which this puts in at the word
        "--".
        """
        return self("run", "--rm", *with_image(words), **options)

    def start(self, *words: str | Path) -> str:
        """`docker run -d` with the runtime under test; returns the container's id."""
        return self("run", "-d", *with_image(words)).ok().out.strip()

    def foreground(self, *words: str | Path) -> Foreground:
        """Begin a docker command."""
        return Foreground(self.command(*words), env=self._env)

    def on_terminal(
        self, *words: str | Path, **size: int
    ) -> AbstractContextManager[TerminalSession]:
        """A docker command on a terminal of its own."""
        return on_terminal(self.command(*words), env=self._env, **size)

    def inspect(self, name: str) -> dict[str, Any]:
        """What `docker inspect` says of a container."""
        (answer,) = self("inspect", name).ok().json()
        return dict(answer)

    def pid(self, name: str) -> int:
        """The PID of a container's first process, on the host."""
        return int(self.inspect(name)["State"]["Pid"])

    def remove_all(self) -> None:
        """Remove all containers by force."""
        if ids := self("ps", "-aq").ok().out.split():
            self("rm", "-f", "-v", *ids)

    def answers(self) -> bool:
        """Whether the daemon is ready."""
        return self("version").status == 0


def with_image(words: tuple[str | Path, ...]) -> list[str | Path]:
    """Flags and command of `docker run`, with runtime, a network, and the image in between."""
    flags, command = list(words), []
    if "--" in words:
        at = words.index("--")
        flags, command = list(words[:at]), list(words[at + 1 :])
    if "--network" not in flags:
        flags += ["--network", "none"]
    return ["--runtime", RUNTIME, *flags, IMAGE, *command]


@contextlib.contextmanager
def running_daemon(directory: Path, program: Path, image: Path) -> Iterator[Docker]:
    """A dockerd with the runtime `program`, and the image; ends with the context.

    Args:
        directory: where all its data goes; exists and is empty.
        program: the runtime.
        image: the archive of the image's root file system.
    """
    docker = Docker(directory)
    log = directory / "dockerd.log"
    with log.open("wb") as output:
        daemon = subprocess.Popen(
            [
                "dockerd",
                f"--data-root={directory / 'root'}",
                f"--exec-root={directory / 'exec'}",
                f"--pidfile={directory / 'pid'}",
                f"--host=unix://{directory / 'docker.sock'}",
                f"--add-runtime={RUNTIME}={program}",
                "--bridge=none",
                "--iptables=false",
                "--ip6tables=false",
                "--ip-masq=false",
                "--cgroup-parent=/orlop-docker",
            ],
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        try:
            eventually(docker.answers, "dockerd to answer")
        except AssertionError as late:
            raise AssertionError(f"{late}: {log.read_text()[-2000:]}") from None
        docker("import", image, IMAGE).ok()
        # Once with the machine's own runc: this makes the directories that stay (cgroups, /run,
        # the file by which host's network is joined).
        for network in ("none", "host"):
            docker("run", "--rm", "--network", network, IMAGE, "true").ok()
        yield docker
    finally:
        daemon.send_signal(signal.SIGTERM)
        wait_exit(daemon.pid)
        daemon.wait()
        for mount in reversed(mountinfo.parse(Path("/proc/self/mountinfo").read_text())):
            if mount.target.startswith(f"{directory}/"):
                isolation.unmount(mount.target)


def json_lines(text: str) -> list[Any]:
    """Each line as JSON, as `--format '{{json .}}'` prints."""
    return [json.loads(line) for line in text.splitlines()]
