"""Further processes in containers of an engine: streams, users, ends, and what lasts."""

from __future__ import annotations

import asyncio
import os
import re

import pytest

from orlop.engine.exec_request import Exec, ExecRequest
from orlop.errors import (
    CommandNotFound,
    Conflict,
    InvalidArgument,
    NotFound,
    WrongState,
)
from orlop.intent.request import Size, User
from tests.integration.support.clients import Client, frames
from tests.integration.support.engines import Live

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_busybox]

SLEEP = "while :; do sleep 100; done"


@pytest.fixture
def key(live: Live) -> str:
    """A container that runs."""
    return live.run(SLEEP, "--name web -e FROM=container --network none")


async def execute(live: Live, ref: str, *command: str, **choices: object) -> tuple[bytes, Exec]:
    """The raw output of a command in a container, and how it has ended."""
    request = ExecRequest(command).replace(**choices)
    execs = live.engine.execs
    exec_id = await execs.create(ref, request)
    with Client(framed=False, stdin=request.stdin) as client:
        await execs.start(exec_id, client.attachment)
        output = await client.everything()
        # As clients do: asked at once, and only once.
        return output, execs.get(exec_id)


def shell(live: Live, ref: str, command: str, **choices: object) -> tuple[str, int | None]:
    """The same of a shell command."""
    output, ended = live(execute(live, ref, "/bin/sh", "-c", command, **choices))
    return output.decode(), ended.exit_code


class TestProcess:
    def test_output_and_status(self, live: Live, key: str) -> None:
        assert shell(live, key, "echo hello; exit 3") == ("hello\n", 3)

    def test_a_signal_is_128_and_its_number(self, live: Live, key: str) -> None:
        assert shell(live, key, "kill -9 $$") == ("", 137)

    def test_it_is_in_the_container(self, live: Live, key: str) -> None:
        text, _ = shell(live, key, "hostname; tr '\\0' ' ' < /proc/1/cmdline")
        host, first, *_ = text.splitlines()
        assert host == key[:12]
        assert "sleep 100" in first

    def test_variables_directory_and_user(self, live: Live, key: str) -> None:
        text, _ = shell(
            live,
            key,
            "echo $FROM $OWN $HOME; pwd; id -u; id -g; grep -i ^CapEff /proc/self/status",
            environment=(("OWN", "exec"),),
            directory="/tmp",
            user=User(1000, 50),
        )
        words = text.split()
        assert words[:3] == ["container", "exec", "/home/tester"]
        assert words[3:6] == ["/tmp", "1000", "50"]
        assert int(words[7], 16) == 0

    def test_users_have_names(self, live: Live, key: str) -> None:
        shell(live, key, "echo 'app:x:77:78::/home/app:/bin/sh' >> /etc/passwd")
        text, _ = shell(live, key, "id -u; id -g; echo $HOME", user=User("app"))
        assert text.split() == ["77", "78", "/home/app"]

    def test_capabilities(self, live: Live, key: str) -> None:
        effective = "sed -n 's/CapEff:.//p' /proc/self/status"
        normal, _ = shell(live, key, effective)
        privileged, _ = shell(live, key, effective, privileged=True)
        assert int(normal, 16) == 0xA80425FB
        assert int(privileged, 16) > int(normal, 16)


class TestStreams:
    def test_frames_keep_streams_apart(self, live: Live, key: str) -> None:
        async def both() -> list[tuple[int, bytes]]:
            request = ExecRequest(("/bin/sh", "-c", "echo out; sleep 0.05; echo err >&2"))
            exec_id = await live.engine.execs.create(key, request)
            with Client() as client:
                await live.engine.execs.start(exec_id, client.attachment)
                return frames(await client.everything())

        assert live(both()) == [(1, b"out\n"), (2, b"err\n")]

    def test_only_the_streams_that_were_asked_for(self, live: Live, key: str) -> None:
        async def only_errors() -> bytes:
            request = ExecRequest(("/bin/sh", "-c", "echo out; echo err >&2"))
            exec_id = await live.engine.execs.create(key, request)
            with Client(framed=False, stdout=False) as client:
                await live.engine.execs.start(exec_id, client.attachment)
                return await client.everything()

        assert live(only_errors()) == b"err\n"

    def test_the_end_of_input_ends_input_only(self, live: Live, key: str) -> None:
        async def sort() -> tuple[bytes, int | None]:
            request = ExecRequest(("sort",), stdin=True)
            exec_id = await live.engine.execs.create(key, request)
            with Client(framed=False, stdin=True, first=b"c\n") as client:
                await live.engine.execs.start(exec_id, client.attachment)
                await client.send(b"b\na\n")
                client.end_input()
                return await client.everything(), live.engine.execs.get(exec_id).exit_code

        assert live(sort()) == (b"a\nb\nc\n", 0)

    def test_without_stdin_it_is_empty(self, live: Live, key: str) -> None:
        assert shell(live, key, "cat; echo end") == ("end\n", 0)

    def test_a_terminal_has_its_size_and_can_be_resized(self, live: Live, key: str) -> None:
        async def terminal() -> tuple[bytes, bytes]:
            execs = live.engine.execs
            request = ExecRequest(("sh",), terminal=True, stdin=True, size=Size(30, 90))
            exec_id = await execs.create(key, request)
            with Client(framed=False, stdin=True) as client:
                await execs.start(exec_id, client.attachment)
                await client.send(b"stty size; tty\n")
                before = await client.until(b"/dev/pts/")
                await execs.resize(exec_id, 40, 100)
                await client.send(b"stty size; exit\n")
                return before, await client.everything()

        before, after = live(terminal())
        assert b"30 90" in before
        assert b"40 100" in after

    def test_much_output_comes_whole(self, live: Live, key: str) -> None:
        output, ended = live(execute(live, key, "dd", "if=/dev/zero", "bs=64k", "count=128"))
        assert output.count(b"\0") == 8 << 20
        assert ended.exit_code == 0

    def test_a_client_that_leaves_does_not_end_it(self, live: Live, key: str) -> None:
        async def leave() -> int | None:
            request = ExecRequest(("/bin/sh", "-c", "sleep 0.2; exit 5"))
            exec_id = await live.engine.execs.create(key, request)
            with Client() as client:
                await live.engine.execs.start(exec_id, client.attachment)
            return (await live.engine.execs.wait(exec_id)).exit_code

        assert live(leave()) == 5


class TestFailure:
    @pytest.mark.parametrize(
        ("command", "status"), [("nothing-like-that", 127), ("/etc/passwd", 126), ("/", 126)]
    )
    def test_the_client_is_told(self, live: Live, key: str, command: str, status: int) -> None:
        output, ended = live(execute(live, key, command))
        assert command.encode() in output
        assert output.endswith(b"\r\n")
        assert (ended.exit_code, ended.running) == (status, False)
        assert not os.listdir(live.settings.execs)

    def test_without_a_client_it_is_an_error(self, live: Live, key: str) -> None:
        execs = live.engine.execs
        exec_id = live(execs.create(key, ExecRequest(("nothing-like-that",))))
        with pytest.raises(CommandNotFound):
            live(execs.start(exec_id))
        assert execs.get(exec_id).exit_code == 127

    def test_an_unknown_user(self, live: Live, key: str) -> None:
        output, ended = live(execute(live, key, "id", user=User("nobody-here")))
        assert b"nobody-here" in output
        assert ended.exit_code == 126

    def test_what_makes_no_sense_is_refused(self, live: Live, key: str) -> None:
        execs = live.engine.execs
        with pytest.raises(InvalidArgument):
            live(execs.create(key, ExecRequest(())))
        with pytest.raises(NotFound):
            live(execs.create("nobody", ExecRequest(("id",))))
        with pytest.raises(NotFound):
            execs.get("nothing")
        assert execs.of(key) == ()

    def test_a_container_has_to_run(self, live: Live) -> None:
        execs = live.engine.execs
        key = live.create("true")
        with pytest.raises(WrongState, match="created"):
            live(execs.create(key, ExecRequest(("id",))))

    def test_a_paused_container_is_left_alone(self, live: Live, key: str) -> None:
        execs = live.engine.execs
        exec_id = live(execs.create(key, ExecRequest(("id",))))
        live(live.containers.pause(key))
        with pytest.raises(WrongState, match="paused"):
            live(execs.create(key, ExecRequest(("id",))))
        with pytest.raises(WrongState, match="paused"):
            execs.check_start(exec_id)

    def test_it_is_started_once(self, live: Live, key: str) -> None:
        execs = live.engine.execs
        exec_id = live(execs.create(key, ExecRequest(("true",))))
        live(execs.start(exec_id))
        with pytest.raises(Conflict):
            execs.check_start(exec_id)
        with pytest.raises(Conflict):
            live(execs.start(exec_id))


def _command_line(pid: int) -> bytes:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read()
    except OSError:
        return b""


class TestKnowing:
    def test_it_is_shown_while_it_runs(self, live: Live, key: str) -> None:
        execs = live.engine.execs
        exec_id = live(execs.create(key, ExecRequest(("sleep", "100"))))
        assert execs.get(exec_id[:10]).running is False
        live(execs.start(exec_id))
        found = execs.get(exec_id)
        assert (found.running, found.exit_code) == (True, None)
        assert _command_line(found.pid) == b"sleep\x00100\0"
        assert execs.of(key) == (exec_id,)
        live(execs.kill(exec_id))
        assert live(execs.wait(exec_id)).exit_code == 137
        assert execs.of(key) == ()
        live.until(lambda: not os.listdir(live.settings.execs))

    def test_killing_takes_its_children_along(self, live: Live, key: str) -> None:
        execs = live.engine.execs

        def sleepers() -> int:
            found = map(_command_line, live.cgroup(key).processes())
            return sum(line == b"sleep\x001234\0" for line in found)

        command = "trap '' TERM; sleep 1234 & sleep 1234; true"
        exec_id = live(execs.create(key, ExecRequest(("sh", "-c", command))))
        live(execs.start(exec_id))
        live.until(lambda: sleepers() == 2)
        live(execs.kill(exec_id))
        live(execs.wait(exec_id))
        live.until(lambda: sleepers() == 0)

    def test_events(self, live: Live, key: str) -> None:
        _, ended = live(execute(live, key, "sh", "-c", "exit 4"))
        events = [e for e in live.engine.events.history() if e.action.startswith("exec")]
        assert [event.action for event in events] == [
            "exec_create: sh -c exit 4",
            "exec_start: sh -c exit 4",
            "exec_die",
        ]
        assert {event.attribute("execID") for event in events} == {ended.id}
        assert events[2].attribute("exitCode") == "4"
        assert events[0].attribute("name") == "web"

    def test_it_ends_with_its_container(self, live: Live, key: str) -> None:
        execs = live.engine.execs
        never, exec_id = (live(execs.create(key, ExecRequest(("sleep", "100")))) for _ in range(2))
        live(execs.start(exec_id))
        live(live.containers.kill(key))
        assert live(execs.wait(exec_id)).exit_code == 137
        live.end(key)
        with pytest.raises(NotFound):
            execs.get(never)
        live(live.containers.remove(key))
        with pytest.raises(NotFound):
            execs.get(exec_id)

    def test_it_outlives_the_engine(self, live: Live, key: str) -> None:
        async def start(command: str) -> str:
            execs = live.engine.execs
            exec_id = await execs.create(key, ExecRequest(("sh", "-c", command)))
            await execs.start(exec_id)
            return exec_id

        ends, lasts = live(start("sleep 1; exit 9")), live(start("sleep 100"))
        live(live.engine.close())
        live(asyncio.sleep(1.2))
        live.engine = live(type(live.engine).open(live.settings))
        execs = live.engine.execs
        assert execs.get(ends).exit_code == 9
        assert execs.get(lasts).running
        live.until(lambda: execs.get(lasts).pid)
        live(execs.kill(lasts))
        assert live(execs.wait(lasts)).exit_code == 137

    def test_joined_namespaces_are_found_where_the_container_is(self, live: Live, key: str) -> None:
        other = live.run(SLEEP, "--network container:web --name other")
        live.restart()
        assert shell(live, other, "readlink /proc/self/ns/net; readlink /proc/1/ns/net")[1] == 0

    def test_many_at_once(self, live: Live, key: str) -> None:
        async def all_of_them() -> list[tuple[bytes, Exec]]:
            commands = (f"echo {number}; exit {number}" for number in range(20))
            return await asyncio.gather(
                *(execute(live, key, "sh", "-c", command) for command in commands)
            )

        for number, (output, ended) in enumerate(live(all_of_them())):
            assert (output, ended.exit_code) == (f"{number}\n".encode(), number)


def _descriptors() -> int:
    """Those that execs could leave: the engine keeps some network namespaces in store."""
    directory = "/proc/self/fd"
    links = (_link(f"{directory}/{name}") for name in os.listdir(directory))
    return sum(not link.startswith("net:") for link in links)


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""


def test_no_descriptor_is_left(live: Live) -> None:
    key = live.run(SLEEP, "--network none")
    shell(live, key, "true")
    before = _descriptors()
    for _ in range(5):
        shell(live, key, "true")
        live(execute(live, key, "nothing-like-that"))
    live.until(lambda: _descriptors() <= before)


def test_a_host_descriptor_is_no_directory(live: Live, key: str) -> None:
    """CVE-2024-21626: a directory by a leaked descriptor would be one of the host's."""
    for number in range(3, 12):
        output, ended = live(execute(live, key, "pwd", directory=f"/proc/self/fd/{number}"))
        assert ended.exit_code != 0 or re.fullmatch(rb"/[^\n]*\n", output)
        assert b"unreachable" not in output
