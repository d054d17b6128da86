"""--init: the launcher's own init as the container's first process."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from orlop.errors import CommandNotExecutable, CommandNotFound
from orlop.launch.executor import launcher_path
from orlop.launch.shim import Attach
from orlop.launch.supervision import Supervision
from orlop.runtime.lifecycle.start import start
from tests.integration.support.deadlines import eventually
from tests.integration.support.processes import children
from tests.integration.support.shims import ALL, Shims

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_launcher]

BOTH = Attach(stdin=True, stdout=True, stderr=True)
TRAPS = (
    "trap 'echo TERM; exit 4' TERM; trap 'echo USR1' USR1;echo ready; while :; do sleep 0.02; done"
)


def test_the_program_is_not_the_first_process(shims: Shims) -> None:
    script = "echo $$; cat /proc/1/comm; tr '\\0' ' ' < /proc/1/cmdline; exit 23"
    with shims(script, "--init") as made:
        assert made.wait() == 23
        number, name, title = made.text().splitlines()
        assert (int(number) > 1, name, title.strip()) == (True, "orlop-init", "orlop-init")


def test_signals_are_passed_on(shims: Shims) -> None:
    with shims(TRAPS, "--init", clients=[ALL]) as made:
        made.clients[0].until(b"ready\n")
        made.connection().signal(signal.SIGUSR1)
        made.clients[0].until(b"USR1\n")
        made.connection().signal(signal.SIGTERM)
        assert made.clients[0].rest() == b"TERM\n"
        assert made.wait() == 4


def test_a_program_that_is_killed(shims: Shims) -> None:
    with shims("kill -9 $$", "--init") as made:
        assert made.wait() == 128 + 9


def test_a_program_without_handlers_ends(shims: Shims) -> None:
    # As process 1 of a PID namespace it would ignore the signal.
    with shims(["sleep", "60"], "--init") as made:
        made.connection().signal(signal.SIGTERM)
        assert made.wait() == 128 + signal.SIGTERM


def test_orphans_are_reaped(shims: Shims) -> None:
    script = (
        "i=0; while [ $i -lt 50 ]; do (true & exec true) & i=$((i+1)); done; echo ready; read x"
    )
    with shims(script, "--init", supervision=Supervision(open_stdin=True), clients=[BOTH]) as made:
        made.clients[0].until(b"ready\n")
        eventually(lambda: len(children(made.pid)) == 1, "an init without zombies")
        made.clients[0].send(b"\n")
        assert made.wait() == 0


def test_what_is_left_behind_is_ended(shims: Shims) -> None:
    with shims("(trap '' TERM; sleep 60) & sleep 0.1; exit 3", "--init", clients=[ALL]) as made:
        assert made.clients[0].rest() == b""
        assert made.wait() == 3


def test_a_terminal(shims: Shims) -> None:
    # The shell has job control: it and its jobs are what the terminal's signals are for.
    script = "trap 'echo INT; exit 5' INT; echo ready; while :; do sleep 0.02; done"
    opened = Supervision(open_stdin=True)
    with shims(script, "-it", "--init", supervision=opened, clients=[BOTH]) as made:
        made.clients[0].until(b"ready\r\n")
        made.clients[0].send(b"\x03")
        assert made.clients[0].rest() == b"^CINT\r\n"
        assert made.wait() == 5


def test_a_program_that_is_not_there(shims: Shims) -> None:
    with pytest.raises(CommandNotFound), shims(["nowhere"], "--init"):
        pass


def test_one_that_cannot_be_executed(shims: Shims) -> None:
    (shims.rootfs / "bin" / "nonsense").write_bytes(b"\x7fELF nonsense")
    (shims.rootfs / "bin" / "nonsense").chmod(0o755)
    with pytest.raises(CommandNotExecutable), shims(["nonsense"], "--init"):
        pass


def test_as_another_user_under_a_filter(shims: Shims) -> None:
    flags = ("--user", "1000", "--security-opt", "no-new-privileges", "--cap-drop", "ALL")
    with shims("id -u; exit 6", "--init", *flags) as made:
        assert made.wait() == 6
        assert made.text() == "1000\n"


def test_without_a_pid_namespace(shims: Shims) -> None:
    with shims("(sleep 0.05 &); echo done; exit 7", "--init", "--pid", "host") as made:
        assert made.wait() == 7
        assert made.text() == "done\n"


def test_it_waits_for_its_start_as_others_do(shims: Shims) -> None:
    with shims("echo begun; exit 8", "--init", wait=True) as made:
        start(made.store, made.name)
        assert made.wait() == 8
        assert made.text() == "begun\n"


# --- what it shows of the host ----------------------------------------------------------------


def test_it_has_nothing_that_leads_to_the_host(shims: Shims) -> None:
    with shims("echo ready; sleep 60", "--init", clients=[ALL]) as made:
        made.clients[0].until(b"ready\n")
        opened = [os.readlink(entry.path) for entry in os.scandir(f"/proc/{made.pid}/fd")]
        assert sorted(name.split(":")[0] for name in opened) == ["/dev/null", "pipe", "pipe"]
        shared = [
            line
            for line in Path(f"/proc/{made.pid}/maps").read_text().splitlines()
            if line.split()[1].endswith("s")
        ]
        assert shared == []


def test_nobody_can_write_to_it(shims: Shims) -> None:
    # CVE-2019-5736: /proc/1/exe is the launcher, in a sealed copy.
    script = """
    readlink /proc/1/exe
    for file in /proc/1/exe; do
      (echo x >> $file) 2> /dev/null && echo written
      cp /bin/true $file 2> /dev/null && echo copied
    done
    exit 0
    """
    launcher = Path(launcher_path()).read_bytes()
    with shims(
        script, "--init", "--cap-add", "ALL", "--security-opt", "seccomp=unconfined"
    ) as made:
        assert made.wait() == 0
        assert made.text() == "/memfd:orlop-launch (deleted)\n"
    assert Path(launcher_path()).read_bytes() == launcher
