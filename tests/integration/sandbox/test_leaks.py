"""Nothing of the caller is in a box."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from orlop import Sandbox
from tests.integration.support.processes import parse_status

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_launcher]


@pytest.fixture
def untidy(tmp_path: Path) -> Iterator[None]:
    """A caller with open descriptors, variables, signals and a umask of its own."""
    with (tmp_path / "secret").open("w+") as file:
        extra = os.dup2(file.fileno(), 77, inheritable=True)
        before = os.getcwd(), os.umask(0o077), signal.getsignal(signal.SIGTERM)
        os.environ["SECRET_TOKEN"] = "42"
        os.chdir(tmp_path)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1, signal.SIGALRM})
        yield
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR1, signal.SIGALRM})
        signal.signal(signal.SIGTERM, before[2])
        os.umask(before[1])
        os.chdir(before[0])
        del os.environ["SECRET_TOKEN"]
        os.close(extra)


def test_descriptors(untidy: None, box: Sandbox) -> None:
    listing = "import os; print(sorted(os.listdir('/proc/self/fd')))"
    assert box.run(["python3", "-c", listing]).stdout == b"['0', '1', '2', '3']\n"


def test_environment(untidy: None, box: Sandbox) -> None:
    lines = box.run(["env"]).stdout.decode().splitlines()
    assert {line.partition("=")[0] for line in lines} == {"PATH", "HOME", "LANG"}
    result = box.run(["env"], env={"A": "b=c", "LANG": "C"})
    assert {b"A=b=c", b"LANG=C"} < set(result.stdout.splitlines())
    with Sandbox(env={"B": "1"}) as other:
        assert b"B=1" in other.run(["env"]).stdout.splitlines()


def test_directory_umask_and_signals(untidy: None, box: Sandbox) -> None:
    assert box.run(["pwd"]).stdout == b"/work\n"
    assert box.run(["sh", "-c", "umask"]).stdout == b"0022\n"
    status = parse_status(box.run(["cat", "/proc/self/status"]).stdout.decode())
    assert {status["SigBlk"], status["SigIgn"], status["SigCgt"]} == {"0" * 16}


def test_session_and_terminal(box: Sandbox) -> None:
    fields = box.run(["cat", "/proc/self/stat"]).stdout.rpartition(b")")[2].split()
    process_group, session, terminal = map(int, fields[2:5])
    assert process_group == session > 1
    assert terminal == 0


def test_mounts_and_processes_of_the_host(box: Sandbox) -> None:
    assert b"pytest" not in box.run(["sh", "-c", "cat /proc/[0-9]*/cmdline"]).stdout
    mounts = box.run(["cat", "/proc/self/mountinfo"]).stdout.decode()
    assert "/sys/fs/cgroup" not in mounts
    assert str(Path.cwd()) not in mounts


def test_nothing_of_a_run_stays_with_the_caller(box: Sandbox) -> None:
    box.run(["true"])
    before = sorted(os.listdir("/proc/self/fd"))
    for _ in range(20):
        box.run(["sh", "-c", "echo; echo >&2"], stdin=b"x")
        box.write("file", "x")
        box.read("file")
        box.listing()
    with pytest.raises(OSError, match="unreadable"):
        box.run(["true"], stdin=_Unreadable())
    assert sorted(os.listdir("/proc/self/fd")) == before


class _Unreadable:
    def fileno(self) -> int:
        raise OSError("unreadable")
