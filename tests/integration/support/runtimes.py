"""A driver for OCI runtimes with runc's command line: orlop-runtime, and runc to test the tests.

`ORLOP_TEST_RUNTIME` names the program; without it the project's own `orlop-runtime` is used.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

from tests.integration.support.bundles import Bundle, Command, words
from tests.integration.support.deadlines import PATIENCE_S, wait_exit
from tests.integration.support.streams import Reader


def program_under_test() -> Path:
    """The runtime that the tests run.

    Raises:
        LookupError: there is none.
    """
    named = os.environ.get("ORLOP_TEST_RUNTIME")
    beside = Path(sys.executable).with_name("orlop-runtime")
    found = named or (str(beside) if beside.exists() else shutil.which("orlop-runtime"))
    if not found or not Path(found).exists():
        raise LookupError(f"there is no runtime to test: {found or 'orlop-runtime'}")
    return Path(found)


@dataclass(frozen=True)
class Flavour:
    """Which runtime it is, for what legitimately differs.

    Attributes:
        name: "runc", or "orlop" for anything else.
        version: the version's first two numbers.
    """

    name: str
    version: tuple[int, int]

    @staticmethod
    def of(program: Path) -> Flavour:
        """Ask a program for its name and version."""
        text = subprocess.run(
            [program, "--version"], capture_output=True, text=True, check=True, timeout=PATIENCE_S
        ).stdout
        first = text.splitlines()[0].split()
        major, minor = first[-1].split(".")[:2]
        name = "runc" if first[0] == "runc" else "orlop"
        return Flavour(name, (int(major), int(minor)))


@dataclass(frozen=True)
class Result:
    """How a command ended.

    Attributes:
        argv: what was run.
        status: its exit status; negative for a signal.
        out: its standard output.
        err: its standard error.
    """

    argv: tuple[str, ...]
    status: int
    out: str
    err: str

    def ok(self) -> Result:
        """The result itself.

        Raises:
            AssertionError: the status is not 0.
        """
        assert self.status == 0, f"{self}"
        return self

    def refused(self, *texts: str) -> Result:
        """The result itself: of a command that failed and said all of `texts` (any case).

        Raises:
            AssertionError: it did not fail, or did not say so.
        """
        assert self.status > 0, f"it was not refused: {self}"
        for text in texts:
            assert text.lower() in self.err.lower(), f"no {text!r} in: {self}"
        return self

    def lines(self) -> list[str]:
        """The lines of the standard output."""
        return self.out.splitlines()

    def json(self) -> Any:
        """The standard output as JSON."""
        return json.loads(self.out)

    def __str__(self) -> str:
        return (
            f"{' '.join(self.argv)}\n  status {self.status}\n"
            f"  out: {self.out.strip()}\n  err: {self.err.strip()}"
        )


@dataclass(frozen=True)
class State:
    """The answer of `state`."""

    oci_version: str
    id: str
    status: str
    pid: int
    bundle: str
    annotations: Mapping[str, str]


class Foreground:
    """A command that is running: its output comes through a pipe, its errors go to a file."""

    def __init__(
        self,
        argv: Sequence[str],
        *,
        stdin: int | IO[bytes] = subprocess.DEVNULL,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self._argv = tuple(argv)
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by abandon()
        read_end, write_end = os.pipe()
        self.process = subprocess.Popen(
            self._argv, stdin=stdin, stdout=write_end, stderr=self._errors, env=env, cwd=cwd
        )
        os.close(write_end)
        self.out = Reader(read_end)

    def line(self) -> str:
        """The next line of output."""
        return self.out.line()

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the command."""
        self.process.send_signal(number)

    def finish(self) -> Result:
        """Wait for the end of the command; the result has the output that was not read yet."""
        try:
            rest = self.out.rest()
            wait_exit(self.process.pid)
            status = self.process.wait()
            self._errors.seek(0)
            return Result(self._argv, status, rest, self._errors.read().decode(errors="replace"))
        finally:
            self.abandon()

    def abandon(self) -> None:
        """End the command in any case."""
        self.process.kill()
        self.process.wait()
        self.out.close()
        self._errors.close()


def execute(
    argv: Sequence[str],
    *,
    stdin: str | int | IO[bytes] = "",
    stdout: int | IO[bytes] | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    pass_fds: Sequence[int] = (),
    seconds: float = 3 * PATIENCE_S,
) -> Result:
    """Run a command to its end.

    Output goes through files, not pipes: what a container holds open does not delay the end.

    Args:
        argv: the command.
        stdin: text to read, or a descriptor; the null device if it is empty.
        stdout: where to write; by default to the result.
        env: the whole environment; by default the own.
        cwd: its working directory.
        pass_fds: descriptors that it inherits, under the same numbers.
        seconds: how long it may take.

    Raises:
        AssertionError: it took longer; it was killed.
    """
    with (
        tempfile.TemporaryFile() as given,
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as err,
    ):
        source: int | IO[bytes] = subprocess.DEVNULL
        if isinstance(stdin, str):
            if stdin:
                given.write(stdin.encode())
                given.seek(0)
                source = given
        else:
            source = stdin
        command = subprocess.Popen(
            argv,
            stdin=source,
            stdout=out if stdout is None else stdout,
            stderr=err,
            env=env,
            cwd=cwd,
            pass_fds=pass_fds,
        )
        try:
            wait_exit(command.pid, seconds)  # Popen.wait() with a limit sleeps in between
            late = False
        except AssertionError:
            command.kill()
            late = True
        status = command.wait()
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode(errors="replace"))
        if late:
            raise AssertionError(f"it took too long: {' '.join(argv)}: {' '.join(texts)}")
        return Result(tuple(map(str, argv)), status, *texts)


@dataclass
class Container:
    """A container that a test made, by its id.

    Attributes:
        runtime: what made it.
        id: its id.
        bundle: what it was made from.
        out: what its first process writes to standard output.
    """

    runtime: Runtime
    id: str
    bundle: Bundle
    out: Reader

    def __call__(self, verb: str, *args: str | Path, **options: Any) -> Result:
        """Run a command on it: `container("kill", "TERM")`. Flags may follow the verb."""
        flags = [arg for arg in args if str(arg).startswith("-")]
        rest = [arg for arg in args if not str(arg).startswith("-")]
        return self.runtime(verb, *flags, self.id, *rest, **options)

    def state(self) -> State:
        """What the runtime says of it."""
        answer = self("state").ok().json()
        return State(
            oci_version=answer["ociVersion"],
            id=answer["id"],
            status=answer["status"],
            pid=answer.get("pid", 0),
            bundle=answer["bundle"],
            annotations=answer.get("annotations") or {},
        )

    @property
    def status(self) -> str:
        """created, running, paused, stopped."""
        return self.state().status

    @property
    def pid(self) -> int:
        """The PID of its first process, on the host."""
        return self.state().pid

    @property
    def cgroups_path(self) -> str:
        """Its cgroup, absolute, the same in all hierarchies."""
        return str(self.bundle.config["linux"]["cgroupsPath"])

    def start(self) -> Container:
        """Start it; it was created."""
        self("start").ok()
        return self

    def exec(self, command: Command, *flags: str | Path, **options: Any) -> Result:
        """Run a command in it and wait for its end."""
        return self.runtime("exec", *flags, self.id, *words(command), **options)

    def stop(self) -> None:
        """Kill it and wait for its end."""
        pid = self.pid
        self("kill", "KILL").ok()
        wait_exit(pid)

    def wait(self) -> None:
        """Wait for the end of its first process."""
        if pid := self.pid:
            wait_exit(pid)

    def delete(self) -> None:
        """Delete it; it has stopped."""
        self("delete").ok()


_numbers = itertools.count(1)


@dataclass
class Runtime:
    """A runtime with a state directory of its own.

    Attributes:
        program: the executable.
        root: its --root.
        flavour: which runtime it is.
        prefix: a command that runs it, such as nsenter with its arguments.
    """

    program: Path
    root: Path
    flavour: Flavour
    prefix: tuple[str, ...] = ()
    _made: list[Container] = field(default_factory=list)
    _running: list[Foreground] = field(default_factory=list)

    def through(self, *prefix: str | Path) -> Runtime:
        """The same runtime, run by the command `prefix`: sh, nsenter, ..."""
        return replace(self, prefix=tuple(map(str, prefix)))

    def command(self, *args: str | Path) -> list[str]:
        """The argument vector of a command of the runtime."""
        return [*self.prefix, str(self.program), "--root", str(self.root), *map(str, args)]

    def __call__(self, *args: str | Path, **options: Any) -> Result:
        """Run a command of the runtime to its end; `options` are those of `execute`."""
        return execute(self.command(*args), **options)

    def foreground(self, *args: str | Path, **options: Any) -> Foreground:
        """Begin a command of the runtime."""
        running = Foreground(self.command(*args), **options)
        self._running.append(running)
        return running

    def new_id(self) -> str:
        """An id that no other test of this machine uses."""
        return f"orlop-peers-{os.getpid()}-{next(_numbers)}"

    def run(
        self, bundle: Bundle, *flags: str | Path, before: Sequence[str] = (), **options: Any
    ) -> Result:
        """Run a container in the foreground; its output is the result's.

        Args:
            bundle: what to run.
            flags: of the verb `run`.
            before: global flags.
            options: those of `execute`.
        """
        return self(*before, "run", "--bundle", bundle.path, *flags, self.new_id(), **options)

    def create(self, bundle: Bundle, *flags: str | Path, **options: Any) -> Container:
        """Create a container, not started."""
        return self._begin("create", bundle, flags, options)

    def start(self, bundle: Bundle, *flags: str | Path, **options: Any) -> Container:
        """Run a container in the background."""
        return self._begin("run", bundle, ("--detach", *flags), options)

    def attempt(self, verb: str, bundle: Bundle, *flags: str | Path, **options: Any) -> Result:
        """Begin a container that is expected to fail; returns how it did."""
        return self(verb, "--bundle", bundle.path, *flags, self.new_id(), **options)

    def _begin(
        self, verb: str, bundle: Bundle, flags: Sequence[str | Path], options: dict[str, Any]
    ) -> Container:
        read_end, write_end = os.pipe()
        container = Container(self, self.new_id(), bundle, Reader(read_end))
        try:
            self(
                verb, "--bundle", bundle.path, *flags, container.id, stdout=write_end, **options
            ).ok()
        finally:
            os.close(write_end)
            self._made.append(container)
        return container

    def ids(self) -> list[str]:
        """The ids of all its containers."""
        return self("list", "-q").ok().lines()

    def remove_all(self) -> None:
        """Delete every container by force, end the commands, close what was read from."""
        for running in self._running:
            running.abandon()
        self._running.clear()
        if self.root.exists():
            for entry in sorted(self.root.iterdir()):
                if entry.is_dir() and not entry.name.startswith((".", "@")):  # a runtime's own
                    self("delete", "--force", entry.name)
        for container in self._made:
            container.out.close()
        self._made.clear()
