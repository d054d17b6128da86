"""Logs are read whole, from the end, from a time on, and while they are written and rotated."""

from __future__ import annotations

import asyncio
import json
import os
import random
from pathlib import Path

import pytest

from orlop.engine.container import EXITED, RUNNING, Container, ResolvedImage, State
from orlop.engine.events import Events, of_container
from orlop.engine.logs import STDERR, STDOUT, LogLine, LogQuery, Logs
from orlop.engine.logs import beginning as beginnings
from orlop.engine.logs import files as log_files
from orlop.engine.logs.entries import Wanted, fixed_time, parse, to_ns, to_text
from orlop.errors import InvalidArgument, NotFound, Unsupported
from orlop.intent.request import Request

SECOND = 10**9
BEGIN = 1_700_000_000 * SECOND


def entry(text: str, at: int = 0, stream: str = "stdout", **more: dict[str, str]) -> bytes:
    line = {"log": text, "stream": stream, "time": to_text(BEGIN + at * SECOND), **more}
    return json.dumps(line, ensure_ascii=False).encode() + b"\n"


class Containers:
    """The smallest store: one container. The real one needs an engine; here files are tested."""

    def __init__(self, path: Path | None, status: str = EXITED) -> None:
        self.container = Container(
            "c" * 64,
            "web",
            1,
            Request(),
            ResolvedImage("host", ""),
            state=State(status=status),
            log_path="" if path is None else str(path),
        )

    def get(self, ref: str) -> Container:
        if ref not in ("web", self.container.id):
            raise NotFound("container", ref)
        return self.container

    def all(self) -> tuple[Container, ...]:
        return (self.container,)


async def _lines(path: Path, query: LogQuery) -> list[LogLine]:
    logs = Logs(Containers(path), Events())
    return [line async for line in logs.read("web", query)]


def texts(path: Path, query: LogQuery = LogQuery()) -> list[str]:  # noqa: B008 - a frozen value
    return [line.data.decode() for line in asyncio.run(_lines(path, query))]


def rendered(path: Path, **form: bool) -> bytes:
    async def main() -> bytes:
        logs = Logs(Containers(path), Events())
        pieces = logs.render("web", LogQuery(), **form)
        return b"".join([piece async for piece in pieces])

    return asyncio.run(main())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "c-json.log"


# --- one file ---------------------------------------------------------------------------------


def test_lines_have_stream_time_and_bytes(path: Path) -> None:
    path.write_bytes(entry("one\n") + entry("zwei ä\n", 1, "stderr"))
    assert asyncio.run(_lines(path, LogQuery())) == [
        LogLine(STDOUT, BEGIN, b"one\n"),
        LogLine(STDERR, BEGIN + SECOND, "zwei ä\n".encode()),
    ]


def test_a_log_that_is_not_there_yet_is_empty(path: Path) -> None:
    assert texts(path) == []


def test_only_the_streams_that_were_asked_for(path: Path) -> None:
    path.write_bytes(entry("out\n") + entry("err\n", stream="stderr"))
    assert texts(path, LogQuery(stderr=False)) == ["out\n"]
    assert texts(path, LogQuery(stdout=False)) == ["err\n"]


def test_no_stream_no_container_no_log_are_errors(path: Path) -> None:
    logs = Logs(Containers(None), Events())
    with pytest.raises(NotFound):
        logs.read("nobody", LogQuery())
    with pytest.raises(InvalidArgument):
        logs.read("web", LogQuery(stdout=False, stderr=False))
    with pytest.raises(Unsupported):
        logs.read("web", LogQuery())


def test_garbage_in_between_is_left_out(path: Path) -> None:
    path.write_bytes(entry("a\n") + b"\0\0\0{\n" + entry("b\n") + b'{"log":"half')
    assert texts(path) == ["a\n", "b\n"]


def test_bytes_that_are_no_utf8_do_not_hide_the_rest(path: Path) -> None:
    raw = b'{"log":"\xff\\n","stream":"stdout","time":"2024-01-01T00:00:00.000000000Z"}\n'
    path.write_bytes(entry("a\n") + raw + entry("b\n"))
    assert texts(path) == ["a\n", "�\n", "b\n"]


def test_since_and_until_include_their_moment(path: Path) -> None:
    path.write_bytes(b"".join(entry(f"{n}\n", n) for n in range(10)))
    query = LogQuery(since_ns=BEGIN + 3 * SECOND, until_ns=BEGIN + 5 * SECOND)
    assert texts(path, query) == ["3\n", "4\n", "5\n"]


def test_since_finds_its_place_in_a_large_file(path: Path) -> None:
    path.write_bytes(b"".join(entry("x" * 300 + f"{n}\n", n) for n in range(3000)))
    found = texts(path, LogQuery(since_ns=BEGIN + 2990 * SECOND))
    assert [line.strip("x\n") for line in found] == [str(n) for n in range(2990, 3000)]
    opened = log_files.open_all(str(path))
    wanted = Wanted(LogQuery(since_ns=BEGIN + 2990 * SECOND))
    _, offset = beginnings.find_beginning(opened, wanted, None)
    assert opened[0].size - offset < 200_000
    opened[0].close()


@pytest.mark.parametrize("tail", [0, 1, 3, 10, 50])
def test_tail_gives_the_last_lines(path: Path, tail: int) -> None:
    path.write_bytes(b"".join(entry(f"{n}\n", n) for n in range(10)))
    assert texts(path, LogQuery(tail=tail)) == [f"{n}\n" for n in range(10)][10 - min(tail, 10) :]


def test_tail_counts_lines_of_the_wanted_stream_and_time(path: Path) -> None:
    streams = ("stdout", "stderr")
    path.write_bytes(b"".join(entry(f"{n}\n", n, streams[n % 2]) for n in range(20)))
    query = LogQuery(stdout=False, tail=2, until_ns=BEGIN + 16 * SECOND)
    assert texts(path, query) == ["13\n", "15\n"]


def test_tail_counts_a_line_in_parts_once(path: Path) -> None:
    parts = [entry("a\n"), entry("b1"), entry("b2"), entry("b3\n"), entry("c1"), entry("c2")]
    path.write_bytes(b"".join(parts))
    assert texts(path, LogQuery(tail=1)) == ["c1", "c2"]
    assert texts(path, LogQuery(tail=2)) == ["b1", "b2", "b3\n", "c1", "c2"]


@pytest.mark.parametrize("seed", range(20))
def test_tail_is_the_end_of_everything_whatever_the_blocks(
    path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(seed)
    monkeypatch.setattr(beginnings, "_BLOCK", chance.choice((64, 200, 1000)))
    monkeypatch.setattr(beginnings, "_NEAR", 128)
    for age in (2, 1, 0):
        lines = b"".join(
            entry("x" * chance.randrange(200) + "\n", n + 100 * (2 - age)) for n in range(20)
        )
        Path(f"{path}.{age}" if age else path).write_bytes(lines)
    everything = texts(path)
    tail = chance.randrange(70)
    assert texts(path, LogQuery(tail=tail)) == everything[max(0, 60 - tail) :]
    since = chance.randrange(230)
    later = [line.data.decode() for line in asyncio.run(_lines(path, LogQuery()))
             if line.at_ns >= BEGIN + since * SECOND]  # fmt: skip
    assert texts(path, LogQuery(since_ns=BEGIN + since * SECOND)) == later


# --- for clients ------------------------------------------------------------------------------


def test_frames_are_dockers(path: Path) -> None:
    path.write_bytes(entry("out\n") + entry("error\n", stream="stderr"))
    assert rendered(path) == b"\1\0\0\0\0\0\0\4out\n" + b"\2\0\0\0\0\0\0\6error\n"
    assert rendered(path, framed=False) == b"out\nerror\n"


def test_a_line_in_parts_has_one_time(path: Path) -> None:
    path.write_bytes(entry("a") + entry("e\n", 1, "stderr") + entry("b\n", 2) + entry("c\n", 3))
    times = [to_text(BEGIN + n * SECOND) for n in range(4)]
    expected = f"{times[0]} a{times[1]} e\nb\n{times[3]} c\n"
    assert rendered(path, timestamps=True, framed=False).decode() == expected


def test_details_come_before_each_line_and_behind_its_time(path: Path) -> None:
    attributes = {"team": "red, blue", "LC_ALL": "C"}
    long = b"".join(entry(text, 0, attrs=attributes) for text in ("begin,", "end\n"))
    path.write_bytes(long + entry("without\n", 1))
    detail = "LC_ALL=C,team=red%2C+blue"
    plain = rendered(path, details=True, framed=False).decode()
    assert plain == f"{detail} begin,end\n without\n"
    timed = rendered(path, details=True, timestamps=True, framed=False).decode().splitlines()
    assert timed[0] == f"{to_text(BEGIN)} {detail} begin,end"


def test_times_are_completed_and_read_back() -> None:
    assert fixed_time("2024-02-29T01:02:03.5Z") == "2024-02-29T01:02:03.500000000Z"
    assert fixed_time("2024-02-29T01:02:03Z") == "2024-02-29T01:02:03.000000000Z"
    assert to_text(to_ns("2024-02-29T01:02:03.000000007Z")) == "2024-02-29T01:02:03.000000007Z"
    assert to_ns("never") == 0
    assert parse(b'{"log":"x","stream":"stdout","time":"2024-02-29T01:02:03.5Z"}\n')[
        0
    ].time.endswith(".500000000Z")


# --- while it is written ----------------------------------------------------------------------


class Writer:
    """Writes and rotates as a launcher does."""

    def __init__(self, path: Path, files: int) -> None:
        self.path, self.files, self.count = path, files, 0
        self.fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def write(self) -> None:
        os.write(self.fd, entry(f"{self.count}\n", self.count))
        self.count += 1

    def say(self, text: str) -> None:
        os.write(self.fd, entry(text))
        self.close()

    def rotate(self) -> None:
        os.close(self.fd)
        for age in range(self.files - 1, 0, -1):
            older = Path(f"{self.path}.{age}")
            newer = Path(f"{self.path}.{age - 1}") if age > 1 else self.path
            if newer.exists():
                os.rename(newer, older)
        self.fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)

    def close(self) -> None:
        os.close(self.fd)


def test_following_goes_on_over_rotations_until_the_end(path: Path) -> None:
    async def main() -> list[str]:
        containers, events = Containers(path, RUNNING), Events()
        logs = Logs(containers, events)
        writer = Writer(path, 3)
        found: list[str] = []
        news = asyncio.Event()

        async def follow() -> None:
            async for line in logs.read("web", LogQuery(follow=True)):
                found.append(line.data.decode())
                news.set()

        writer.write()
        task = asyncio.ensure_future(follow())
        await news.wait()
        for number in range(200):
            writer.write()
            if number % 20 == 0:
                writer.rotate()
                while len(found) < writer.count - 10:  # no reader may be slower than all files
                    await news.wait()
                    news.clear()
        containers.container = containers.container.replace(state=State(status=EXITED))
        events.publish(of_container(containers.container, "die"))
        await task
        writer.close()
        logs.close()
        return found

    assert asyncio.run(main()) == [f"{n}\n" for n in range(201)]


def test_following_a_container_that_does_not_run_ends(path: Path) -> None:
    path.write_bytes(entry("a\n"))
    assert texts(path, LogQuery(follow=True)) == ["a\n"]


def test_following_begins_before_there_is_a_file(path: Path) -> None:
    async def main() -> str:
        logs = Logs(Containers(path, RUNNING), Events())
        lines = logs.read("web", LogQuery(follow=True, tail=0))
        task = asyncio.ensure_future(anext(lines))
        await asyncio.sleep(0.01)
        Writer(path, 1).say("hello\n")
        found = await task
        await lines.aclose()  # type: ignore[attr-defined]
        logs.close()
        return found.data.decode()

    assert asyncio.run(main()) == "hello\n"


def test_following_ends_at_its_time(path: Path) -> None:
    import time

    path.write_bytes(entry("a\n"))

    async def main() -> int:
        logs = Logs(Containers(path, RUNNING), Events())
        query = LogQuery(follow=True, until_ns=time.time_ns() + SECOND // 20)
        count = len([line async for line in logs.read("web", query)])
        logs.close()
        return count

    assert asyncio.run(main()) == 1


def test_an_emptied_file_is_read_from_its_beginning(path: Path) -> None:
    path.write_bytes(entry("long ago\n") * 3)
    reader = log_files.Reader(str(path), lambda files: (0, 0))
    assert reader.read().count(b"long ago") == 3
    os.truncate(path, 0)
    with path.open("ab") as file:
        file.write(entry("new\n"))
    assert b"new" in reader.read()
    reader.close()
    assert reader.read() == b""


def test_a_closed_reading_leaves_nothing_open(path: Path) -> None:
    path.write_bytes(entry("a\n") * 10)

    async def main() -> None:
        containers, events = Containers(path, RUNNING), Events()
        logs = Logs(containers, events)
        before = len(os.listdir("/proc/self/fd"))
        lines = logs.read("web", LogQuery(follow=True))
        await anext(lines)
        await lines.aclose()  # type: ignore[attr-defined]
        logs.close()
        assert len(os.listdir("/proc/self/fd")) == before
        assert not events._subscriptions

    asyncio.run(main())
