"""An engine of the project's own: `orlop daemon` with its own roots and socket, and clients of it.

    with running_engine(workspace) as engine:
        engine.docker("run", "--rm", "host", "true").ok()

Whatever its containers, images and volumes leave is below the directory; at the end all containers
are removed by force, the daemon is asked to end, and what is then still there was left behind by
the engine: tests/leaks.py finds it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from tests import isolation
from tests.integration.support.deadlines import Deadline, wait_exit
from tests.integration.support.runtimes import Foreground, Result, execute
from tests.integration.support.terminals import TerminalSession, on_terminal

PROGRAM = Path(sys.executable).with_name("orlop")


class Engine:
    """A daemon, running or not.

    Attributes:
        directory: where everything of it is; its path is short, as sockets are below it.
        socket: where it listens.
        log: what it writes.
    """

    def __init__(self, directory: Path, *flags: str | Path) -> None:
        self.directory = directory
        self.socket = directory / "run" / "orlop.sock"
        self.log = directory / "daemon.log"
        self._flags = [str(flag) for flag in flags]
        self._cgroup = f"engine-{directory.name}"
        self._process: subprocess.Popen[bytes] | None = None
        config = directory / "client"
        config.mkdir(exist_ok=True)
        # Nothing of the user's own settings (DOCKER_HOST, contexts, credentials).
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(config),
            "DOCKER_CONFIG": str(config),
            "DOCKER_HOST": self.url,
            "ORLOP_HOST": self.url,
        }

    @property
    def url(self) -> str:
        """As clients want it."""
        return f"unix://{self.socket}"

    @property
    def data_root(self) -> Path:
        """Where what lasts is."""
        return self.directory / "data"

    @property
    def exec_root(self) -> Path:
        """Where the state of what runs is."""
        return self.directory / "run"

    @property
    def pid(self) -> int:
        """Of the daemon."""
        assert self._process is not None
        return self._process.pid

    def command(self, *flags: str | Path) -> list[str]:
        """How it is started."""
        own = [
            f"--data-root={self.data_root}",
            f"--exec-root={self.exec_root}",
            f"--cgroup-parent=/{self._cgroup}",
        ]
        return [str(PROGRAM), "daemon", *own, *self._flags, *map(str, flags)]

    def start(self, *flags: str | Path) -> None:
        """It runs, and answers.

        Raises:
            AssertionError: it does not; the message has what it wrote.
        """
        ready, told = os.pipe()
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                self.command(*flags, f"--ready-fd={told}"),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=(told,),
                start_new_session=True,
            )
        os.close(told)
        try:
            Deadline().readable(ready, "the engine to be ready")
            said = os.read(ready, 1000).decode()
        finally:
            os.close(ready)
        if said != "ready\n":
            self._process.wait()
            raise AssertionError(f"the engine does not start: {said}\n{self.tail()}")

    def stop(self) -> int:
        """It has ended as it should; containers go on. Returns its exit status."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """It has ended by SIGKILL; containers go on."""
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> int:
        assert self._process is not None
        process, self._process = self._process, None
        process.send_signal(number)
        wait_exit(process.pid)
        return process.wait()

    def tail(self) -> str:
        """The end of its log."""
        return self.log.read_text(errors="replace")[-3000:]

    # --- clients ----------------------------------------------------------------------------------

    def docker(self, *words: str | Path, **options: Any) -> Result:
        """Run a command of the docker CLI to its end; `options` are those of `execute`."""
        return execute(["docker", *map(str, words)], env=self.environment, **options)

    def orlop(self, *words: str | Path, **options: Any) -> Result:
        """Run a command of `orlop` to its end."""
        return execute([str(PROGRAM), *map(str, words)], env=self.environment, **options)

    def foreground(self, *words: str | Path) -> Foreground:
        """Begin a docker command."""
        return Foreground(["docker", *map(str, words)], env=self.environment)

    def on_terminal(
        self, *words: str | Path, program: str | Path = "docker", **size: int
    ) -> AbstractContextManager[TerminalSession]:
        """A docker command on a terminal of its own."""
        return on_terminal([str(program), *map(str, words)], env=self.environment, **size)

    def inspect(self, name: str) -> dict[str, Any]:
        """What `docker inspect` says of a container."""
        (answer,) = self.docker("container", "inspect", name).ok().json()
        return dict(answer)

    def remove_cgroups(self) -> None:
        """The control group of all its containers is gone, which an engine leaves to the next."""
        for hierarchy in isolation.hierarchies():
            if (directory := hierarchy.at / self._cgroup).exists():
                directory.rmdir()

    def remove_all(self) -> None:
        """Remove all containers by force, with their anonymous volumes."""
        if ids := self.docker("ps", "-aq").ok().out.split():
            self.docker("rm", "-f", "-v", *ids).ok()


@contextlib.contextmanager
def running_engine(directory: Path, *flags: str | Path) -> Iterator[Engine]:
    """An engine that answers; afterwards it has ended, and none of its containers is left.

    Args:
        directory: where all of it goes; exists, and its path is short.
        flags: further ones of `orlop daemon`.
    """
    engine = Engine(directory, *flags)
    engine.start()
    try:
        yield engine
    finally:
        if engine._process is None:  # the test has ended it: what it left has to be removed
            engine.start()
        try:
            engine.remove_all()
        finally:
            assert engine.stop() == 0, engine.tail()
            engine.remove_cgroups()
