"""An engine that is started because somebody wants to talk to it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.support.deadlines import wait_exit
from tests.integration.support.orlop import PROGRAM
from tests.integration.support.runtimes import Foreground, Result, execute

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_launcher]


class Home:
    """A directory with everything of an engine, which nobody has started."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(directory),
            "ORLOP_HOME": str(directory),
        }

    def __call__(self, *words: str) -> Result:
        return execute([str(PROGRAM), *words], env=self.environment)

    @property
    def pid(self) -> int:
        return int((self.directory / "run/orlop.pid").read_text())


@pytest.fixture
def home(workspace: Path, default_groups: None) -> Iterator[Home]:
    """A place for an engine, and nobody has started one."""
    home = Home(workspace)
    yield home
    with contextlib.suppress(FileNotFoundError):
        pid = home.pid
        os.kill(pid, signal.SIGTERM)
        wait_exit(pid)


def test_the_first_command_starts_it(home: Home) -> None:
    assert home("run", "--rm", "host", "echo", "hello").ok().out == "hello\n"
    pid = home.pid
    assert home("ps", "-q").ok().out == ""
    assert home.pid == pid


def test_it_is_nobodys_child(home: Home) -> None:
    home("ps").ok()
    process = Path(f"/proc/{home.pid}")
    fields = (process / "stat").read_text().rpartition(")")[2].split()
    assert int(fields[3]) == home.pid  # a session of its own
    assert os.readlink(process / "cwd") == "/"
    assert os.readlink(process / "fd/0") == "/dev/null"
    assert "ORLOP_HOME" not in (process / "environ").read_text()


def test_several_at_once_start_one(home: Home) -> None:
    command = [str(PROGRAM), "run", "--rm", "host", "sh", "-c", "echo $$"]
    running = [Foreground(command, env=home.environment) for _ in range(4)]
    for each in running:
        done = each.finish()
        assert (done.status, done.out) == (0, "1\n"), done
    log = (home.directory / "run/daemon.log").read_text()
    assert log.count("listening at") == 1


def test_it_comes_back(home: Home) -> None:
    home("run", "-d", "--name", "web", "host", "sleep", "1000").ok()
    pid = home.pid
    os.kill(pid, signal.SIGKILL)
    wait_exit(pid)
    assert home("exec", "web", "echo", "still there").ok().out == "still there\n"
    assert home.pid != pid
    home("rm", "-f", "web").ok()


def test_why_it_cannot_start(home: Home) -> None:
    (home.directory / "daemon.json").write_text('{"no-such-key": 1}')
    done = home("ps").refused("cannot start an engine", "no-such-key")
    assert done.err.count("\n") == 1
    assert done.status == 1


def test_one_that_was_named_is_not_started(home: Home) -> None:
    address = f"unix://{home.directory}/run/orlop.sock"
    home("-H", address, "ps").refused("cannot connect to the engine")
    assert not (home.directory / "run").exists()


def test_a_stream_is_not_held_open(home: Home) -> None:
    # Who waits for the end of the command's output must not wait for the engine's.
    done = subprocess.run(
        [str(PROGRAM), "ps", "-q"],
        env=home.environment,
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == b""


SSH = f"""\
#!/bin/sh
while [ "$1" != -- ]; do shift; done
[ "$2" = me@far ] || exit 9
[ "$3" = orlop ] && shift 3 && exec {PROGRAM} "$@"
"""


def test_of_another_machine_by_ssh(home: Home, workspace: Path) -> None:
    """Ssh is a script that stays here: what it is told, and what goes through it."""
    (workspace / "bin").mkdir()
    (workspace / "bin/ssh").write_text(SSH)
    (workspace / "bin/ssh").chmod(0o755)
    far = {**home.environment, "PATH": f"{workspace}/bin:{os.environ['PATH']}"}
    command = [str(PROGRAM), "-H", "ssh://me@far"]
    run = [*command, "run", "--rm", "-i", "--network", "none", "host"]
    assert execute([*run, "cat"], env=far, stdin="there and back").ok().out == "there and back"
    assert execute([*run, "sh", "-c", "exit 3"], env=far).status == 3
    at = ["-H", f"ssh://me@far{workspace}/run/orlop.sock"]
    execute([str(PROGRAM), *at, "version"], env=far).ok()
    nobody = execute([str(PROGRAM), "-H", "ssh://you@far", "ps"], env=far)
    assert "closed the connection" in nobody.refused().err
