"""What a container writes: to its log, and to clients."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from orlop.launch.shim import TOO_SLOW, Attach, Exited, Gone, Running
from orlop.launch.supervision import LogFile, Supervision
from tests.integration.support.deadlines import eventually
from tests.integration.support.shims import ALL, Shims, Supervised, lines_of, part

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_launcher]

FRAMED = ALL.replace(framed=True)


def test_a_log(shims: Shims) -> None:
    with shims("echo out; echo err >&2; exit 7") as made:
        assert made.event() == Running(made.pid)
        assert made.event() == Exited(7 << 8)
        assert sorted((line["stream"], line["log"]) for line in made.lines()) == [
            ("stderr", "err\n"),
            ("stdout", "out\n"),
        ]


def test_times_are_those_of_the_lines(shims: Shims) -> None:
    before = datetime.now(UTC)
    with shims("echo one; sleep 0.2; echo two") as made:
        made.wait()
        times = [datetime.fromisoformat(line["time"]) for line in made.lines()]
        assert before <= times[0] < times[1] <= datetime.now(UTC)
        assert all(
            len(line["time"]) == len("2026-01-01T00:00:00.000000000Z") for line in made.lines()
        )


def test_what_is_not_text(shims: Shims) -> None:
    script = r"""printf '\303\244\377\0\033[1m<&>"\\\r\nlast'"""
    with shims(script) as made:
        made.wait()
        assert [line["log"] for line in made.lines()] == [
            'ä\ufffd\0\x1b[1m<&>"\\\r\n',
            "last",
        ]


def test_long_lines_are_cut_into_pieces(shims: Shims) -> None:
    with shims("head -c 40000 /dev/zero | tr '\\0' a; echo; echo b") as made:
        made.wait()
        sizes = [len(line["log"]) for line in made.lines()]
        assert sizes == [16384, 16384, 40000 - 2 * 16384 + 1, 2]


def test_lines_of_two_streams_stay_whole(shims: Shims) -> None:
    script = (
        "i=0; while [ $i -lt 2000 ]; do printf 'out %s' $i; printf 'err %s\\n' $i >&2;"
        " echo; i=$((i+1)); done"
    )
    with shims(script, clients=[FRAMED.replace(hold=True)]) as made:
        found = made.clients[0].frames()
        made.wait()
        for stream, name, number in (("stdout", "out", 1), ("stderr", "err", 2)):
            expected = "".join(f"{name} {i}\n" for i in range(2000))
            logged = [line["log"] for line in made.lines() if line["stream"] == stream]
            assert "".join(logged) == expected
            assert len(logged) == 2000
            assert b"".join(text for of, text in found if of == number).decode() == expected


def test_attributes(shims: Shims) -> None:
    log = LogFile("", attributes=json.dumps({"tag": "web", "é": '"'}).encode())
    with shims("echo x", supervision=Supervision(log=log)) as made:
        made.wait()
        (line,) = made.lines()
        assert line.pop("time")
        assert line == {"log": "x\n", "stream": "stdout", "attrs": {"tag": "web", "é": '"'}}


def test_rotation(shims: Shims) -> None:
    script = "i=1000; while [ $i -lt 2000 ]; do echo $i; i=$((i+1)); done"
    log = LogFile("", max_bytes=10_000, max_files=3)
    with shims(script, supervision=Supervision(log=log)) as made:
        made.wait()
        parts = [lines_of(part(made.log, number)) for number in (2, 1, 0)]
        assert not part(made.log, 3).exists()
        kept = [int(line["log"]) for lines in parts for line in lines]
        assert kept == list(range(2000 - len(kept), 2000))
        for number in (1, 2):
            assert 10_000 <= part(made.log, number).stat().st_size < 10_100


def test_rotation_of_one_file(shims: Shims) -> None:
    script = "i=1000; while [ $i -lt 2000 ]; do echo $i; i=$((i+1)); done"
    log = LogFile("", max_bytes=10_000, max_files=1)
    with shims(script, supervision=Supervision(log=log)) as made:
        made.wait()
        kept = [int(line["log"]) for line in made.lines()]
        assert kept == list(range(2000 - len(kept), 2000))
        assert not part(made.log, 1).exists()
        assert made.log.stat().st_size < 10_100


def test_a_log_is_gone_on_with(shims: Shims) -> None:
    with shims("echo again") as made:
        made.wait()
        log = LogFile(str(made.log))
        made.log.write_text(made.log.read_text() + '{"log":"half')
        with shims("echo more", supervision=Supervision(log=log), keep_log=True) as other:
            other.wait()
        assert [line["log"] for line in made.lines()] == ["again\n", "more\n"]


def test_without_a_log_output_is_drained(shims: Shims) -> None:
    with shims("head -c 5000000 /dev/zero; echo done", logged=False) as made:
        assert made.wait() == 0
        assert not made.log.exists()


def test_a_full_disk_stops_nobody(shims: Shims, workspace: Path) -> None:
    full = workspace / "full"
    full.mkdir()
    with mounted_tmpfs(full, 65536):
        log = LogFile(str(full / "a-json.log"), max_bytes=0)
        script = "i=0; while [ $i -lt 5000 ]; do echo $i; i=$((i+1)); done; exit 5"
        with shims(script, supervision=Supervision(log=log), keep_log=True) as made:
            assert made.wait() == 5
        kept = [int(line["log"]) for line in lines_of(full / "a-json.log")]
        assert kept == list(range(len(kept)))
        assert len(kept) > 500


# --- clients ----------------------------------------------------------------------------------


def test_who_is_attached_before_the_start_misses_nothing(shims: Shims) -> None:
    script = "echo first; echo error >&2; sleep 0.1; echo last"
    with shims(script, clients=[FRAMED]) as made:
        found = made.clients[0].frames()
        assert b"".join(text for stream, text in found if stream == 1) == b"first\nlast\n"
        assert b"".join(text for stream, text in found if stream == 2) == b"error\n"
        assert made.wait() == 0


def test_raw(shims: Shims) -> None:
    with shims("echo one; echo two", clients=[Attach(stdout=True)]) as made:
        assert made.clients[0].rest() == b"one\ntwo\n"


def test_each_client_gets_what_it_wants(shims: Shims) -> None:
    wanted = [Attach(stdout=True), Attach(stderr=True), FRAMED, Attach()]
    with shims("echo out; echo err >&2", clients=wanted) as made:
        assert made.clients[0].rest() == b"out\n"
        assert made.clients[1].rest() == b"err\n"
        assert sorted(made.clients[2].frames()) == [(1, b"out\n"), (2, b"err\n")]
        assert made.clients[3].rest() == b""


def test_many_clients(shims: Shims) -> None:
    with shims("seq 1 1000", clients=[ALL] * 60) as made:
        expected = b"".join(b"%d\n" % i for i in range(1, 1001))
        assert all(client.rest() == expected for client in made.clients)


def test_who_comes_later_gets_the_rest(shims: Shims) -> None:
    with shims("echo early; read line; echo late", supervision=OPEN) as made:
        eventually(lambda: made.log.exists() and made.lines(), "the first line")
        client = made.attach(ALL.replace(stdin=True, first=b"go\n"))
        assert client.rest() == b"late\n"


def test_a_slow_client_is_cut_off(shims: Shims) -> None:
    with shims("head -c 30000000 /dev/zero | tr '\\0' a", clients=[FRAMED]) as made:
        assert made.wait() == 0  # nobody waited for it
        taken = made.clients[0].frames()
        assert 500_000 < len(taken[0][1]) < 5_000_000
        assert sum(len(line["log"]) for line in all_lines(made)) > 1_000_000


def test_one_that_is_cut_off_is_told_of(shims: Shims) -> None:
    script = "head -c 3000000 /dev/zero; echo done; read line"
    with shims(script, clients=[FRAMED], supervision=OPEN) as made:
        assert made.event() == Running(made.pid)
        eventually(lambda: b"done" in made.log.read_bytes(), "all output")
        rest = made.clients[0].rest()
        assert len(rest) < 2_000_000
        assert made.event() == Gone(1, TOO_SLOW)
        made.connection().close_stdin()


def test_a_client_that_holds_the_program_loses_nothing(shims: Shims) -> None:
    client = FRAMED.replace(hold=True)
    with shims("head -c 5000000 /dev/zero; echo done >&2", clients=[client]) as made:
        found = made.clients[0].frames()
        assert sum(len(text) for stream, text in found if stream == 1) == 5_000_000
        assert b"".join(text for stream, text in found if stream == 2) == b"done\n"
        assert made.wait() == 0


def test_others_do_not_wait_for_who_is_gone(shims: Shims) -> None:
    client = ALL.replace(hold=True)
    with shims("head -c 5000000 /dev/zero", clients=[client, client]) as made:
        made.clients[0].close()
        assert len(made.clients[1].rest()) == 5_000_000


def test_what_is_left_behind_does_not_keep_the_end(shims: Shims) -> None:
    # In the host's PID namespace nobody ends it, and it has the pipe open.
    script = "(sleep 60 & echo $! >&2); echo done"
    with shims(script, "--pid", "host", clients=[FRAMED]) as made:
        assert made.wait() == 0
        assert (1, b"done\n") in made.clients[0].frames()


OPEN = Supervision(open_stdin=True, stdin_once=True)


def all_lines(made: Supervised) -> list[dict[str, str]]:
    numbers = (number for number in range(3) if part(made.log, number).exists())
    return [line for number in numbers for line in made.lines(number)]


@contextmanager
def mounted_tmpfs(at: Path, size: int) -> Iterator[None]:
    """A small tmpfs."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", at], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", at], check=True)
