"""A box from its start to its end."""

from __future__ import annotations

import os
import signal
import socket
import threading
from pathlib import Path

import pytest

from orlop import Sandbox, Verdict
from orlop.errors import LaunchError, Unavailable
from tests.integration.support import processes
from tests.integration.support.cgroups import hierarchies
from tests.integration.support.deadlines import eventually, wait_exit

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_launcher]


def cgroups_of(box: Sandbox) -> list[Path]:
    return [found for h in hierarchies() if (found := h.root / box.id).exists()]


def first_process(box: Sandbox) -> int:
    return int((cgroups_of(box)[0] / "cgroup.procs").read_text().split()[0])


def test_files_stay_between_runs(box: Sandbox) -> None:
    assert box.run(["sh", "-c", "echo kept >file"]).ok
    assert box.run(["cat", "file"]).stdout == b"kept\n"


def test_what_a_run_leaves_behind_is_killed(box: Sandbox) -> None:
    result = box.run(["sh", "-c", "sleep 100 >/dev/null 2>&1 & setsid sleep 100 & echo started"])
    assert (result.verdict, result.stdout) == (Verdict.OK, b"started\n")
    assert box.run(["sh", "-c", "ls -d /proc/[0-9]* | wc -l"]).stdout.strip() in (b"4", b"3")


def test_what_a_run_leaves_behind_can_stay(box: Sandbox) -> None:
    script = "(mkfifo gate; cat gate >got) & until [ -p gate ]; do :; done"
    assert box.run(["sh", "-c", script], keep_background=True).ok
    write = "echo through >gate; until grep -q through got; do :; done"
    assert box.run(["sh", "-c", write], timeout_s=5).ok


def test_a_background_process_that_has_the_output(box: Sandbox) -> None:
    result = box.run(["sh", "-c", "sleep 100 & echo mine"], keep_background=True)
    assert (result.verdict, result.stdout) == (Verdict.OK, b"mine\n")


def test_stdin(box: Sandbox, tmp_path: Path) -> None:
    assert box.run(["cat"], stdin=b"bytes").stdout == b"bytes"
    assert box.run(["cat"], stdin="text").stdout == b"text"
    assert box.run(["cat"]).stdout == b""
    large = os.urandom(3 << 20)
    assert box.run(["wc", "-c"], stdin=large).stdout == b"3145728\n"
    file = tmp_path / "file"
    file.write_bytes(b"of a file")
    with file.open("rb") as stream:
        assert box.run(["cat"], stdin=stream).stdout == b"of a file"


def test_output_to_a_descriptor_and_to_a_function(box: Sandbox) -> None:
    ours, theirs = os.pipe()
    pieces: list[bytes] = []
    result = box.run(["sh", "-c", "echo out; echo err >&2"], stdout=theirs, stderr=pieces.append)
    os.close(theirs)
    with os.fdopen(ours, "rb") as stream:
        assert stream.read() == b"out\n"
    assert (b"".join(pieces), result.stdout, result.stderr) == (b"err\n", b"", b"")


def test_stdio_can_be_opened_again(box: Sandbox) -> None:
    script = "cat /dev/stdin >/dev/stdout; echo err >/dev/stderr"
    result = box.run(["sh", "-c", script], stdin=b"through")
    assert (result.stdout, result.stderr) == (b"through", b"err\n")


def test_the_user_has_no_rights(box: Sandbox) -> None:
    lines = box.run(["cat", "/proc/self/status"]).stdout.decode()
    status = processes.parse_status(lines)
    assert status["Uid"].split() == ["65534"] * 4
    assert status["Groups"] in ("", "65534")
    sets = {value for key, value in status.items() if key.startswith("Cap")}
    assert sets == {"0" * 16}
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")


def test_another_user() -> None:
    with Sandbox(user="1234:56") as box:
        assert box.run(["id", "-u"]).stdout == b"1234\n"
        assert box.run(["id", "-g"]).stdout == b"56\n"
        assert box.run(["touch", "/work/mine"]).ok


def test_the_first_process_cannot_be_touched(box: Sandbox) -> None:
    script = (
        "kill -9 1; kill -TERM 1; ls /proc/1/fd; cat /proc/1/environ; cat /proc/1/mem;"
        "readlink /proc/1/exe; readlink /proc/1/root; exit 0"
    )
    result = box.run(["sh", "-c", script])
    assert (result.verdict, result.stdout) == (Verdict.OK, b"")
    assert box.run(["true"]).ok


def test_no_network(box: Sandbox) -> None:
    devices = box.run(["sh", "-c", "sed 1,2d /proc/net/dev"]).stdout.split()
    assert devices[0] == b"lo:"
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        connect = f"import socket; socket.create_connection(('127.0.0.1', {port}))"
        assert box.run(["python3", "-c", connect]).verdict == Verdict.NONZERO
        with Sandbox(network="host") as other:
            assert other.run(["python3", "-c", connect]).ok


def test_limits_are_those_of_the_cgroup() -> None:
    with Sandbox(memory="64m", cpus=0.5, pids=20) as box:
        found = {path.parent.name: path for path in cgroups_of(box)}
        limits = {
            "memory": ("memory.limit_in_bytes", 64 << 20),
            "pids": ("pids.max", 20),
            "cpu": ("cpu.cfs_quota_us", 50_000),
        }
        for name, (file, value) in limits.items():
            if name in found:
                assert int((found[name] / file).read_text()) == value
        assert found


def test_closing_kills_what_runs() -> None:
    box = Sandbox(timeout_s=None)
    with box:
        results: list[object] = []
        ours, theirs = os.pipe()
        thread = threading.Thread(
            target=lambda: results.append(
                box.run(["sh", "-c", "echo ready; exec sleep 1000"], stdout=theirs)
            )
        )
        thread.start()
        assert os.read(ours, 100) == b"ready\n"
    thread.join()
    os.close(ours)
    os.close(theirs)
    assert results == [results[0]]
    with pytest.raises(Unavailable, match="closed"):
        box.run(["true"])
    box.close()


def test_a_box_that_is_forgotten_ends() -> None:
    pids = []

    def forget() -> None:
        box = Sandbox()
        assert box.run(["true"]).ok
        pids.append(first_process(box))

    with pytest.warns(ResourceWarning, match="not closed"):
        forget()
    wait_exit(pids[0])


def test_a_first_process_that_is_killed(box: Sandbox) -> None:
    pid = first_process(box)
    os.kill(pid, signal.SIGKILL)
    wait_exit(pid)
    with pytest.raises(Unavailable, match="has ended"):
        box.run(["true"])


def test_a_launcher_that_is_killed_leaves_nothing() -> None:
    with Sandbox() as box:
        pid = first_process(box)
        parent = int(processes.status(pid)["PPid"])
        os.kill(parent, signal.SIGKILL)
        wait_exit(pid)
        with pytest.raises(Unavailable):
            box.run(["true"])
        assert cgroups_of(box)
    assert not cgroups_of(box)


def test_a_start_that_fails_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "proc").symlink_to("/elsewhere")
    with pytest.raises(LaunchError), Sandbox(root=str(tmp_path)):
        pass


def test_a_forked_child_does_not_hold_a_box() -> None:
    box = Sandbox()
    assert box.run(["true"]).ok
    first = first_process(box)
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(theirs)
        os.read(ours, 1)
        os._exit(0)
    box.close()
    wait_exit(first)
    os.close(theirs)
    os.waitpid(child, 0)
    os.close(ours)


def test_ctrl_c_in_the_terminal_is_for_the_caller(box: Sandbox) -> None:
    """It goes to the whole process group, and the launchers are in it."""
    launcher = int(processes.status(first_process(box))["PPid"])
    assert os.getpgid(launcher) == os.getpgid(0)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(launcher, number)
    assert box.run(["true"]).ok


def test_parallel_boxes() -> None:
    wrong: list[object] = []

    def work(number: int) -> None:
        for _ in range(5):
            with Sandbox() as box:
                box.write("file", str(number))
                result = box.run(["cat", "file"])
                if result.stdout != str(number).encode():
                    wrong.append(result)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_threads_take_turns_in_one_box(box: Sandbox) -> None:
    outputs: list[bytes] = []
    script = "read n <count; echo $((n + 1)) >count; cat count"
    box.write("count", "0\n")
    threads = [
        threading.Thread(target=lambda: outputs.append(box.run(["sh", "-c", script]).stdout))
        for _ in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(int, outputs)) == list(range(1, 17))


def test_an_interrupted_run_is_killed(box: Sandbox) -> None:
    def interrupt(_: bytes) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        box.run(["sh", "-c", "echo now; sleep 100"], stdout=interrupt)
    assert box.run(["sh", "-c", "ls -d /proc/[0-9]* | wc -l"]).stdout.strip() in (b"4", b"3")


def test_its_cgroups_are_gone_when_it_is_closed(box: Sandbox) -> None:
    assert len(cgroups_of(box)) >= 1
    box.close()
    eventually(lambda: not cgroups_of(box), "the end of the cgroups", 0.001)


def test_a_caller_that_ignores_its_children() -> None:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        with Sandbox() as box:
            assert box.run(["true"]).ok
    finally:
        signal.signal(signal.SIGCHLD, before)
    assert not cgroups_of(box)


def test_the_hosts_files_cannot_be_changed(box: Sandbox) -> None:
    lines = box.run(["cat", "/proc/self/mountinfo"]).stdout.decode().splitlines()
    flags = {line.split()[4]: set(line.split()[5].split(",")) for line in lines}
    for path, options in flags.items():
        if path.startswith(("/usr", "/etc", "/opt")):
            assert {"ro", "nosuid", "nodev"} <= options, path
    assert {"nosuid", "nodev"} <= flags["/"]


def test_a_user_that_owns_the_hosts_files_sees_no_secrets() -> None:
    with Sandbox(user="0:0") as box:
        assert box.run(["sh", "-c", "ls /etc/shadow /etc/gshadow"]).exit_code == 2
        assert box.run(["sh", "-c", "echo mine >/etc/motd && cat /etc/motd"]).stdout == b"mine\n"
