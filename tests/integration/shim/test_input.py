"""What clients send: stdin, half-closed connections, terminals and the keys that leave them."""

from __future__ import annotations

import pytest

from orlop.launch.shim import HUNG_UP, Attach, Detached, Gone, Running
from orlop.launch.supervision import Supervision
from tests.integration.support.shims import ALL, Shims

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_launcher]

BOTH = Attach(stdin=True, stdout=True, stderr=True)
OPEN = Supervision(open_stdin=True)
TWO_LINES = "read line; echo $line; read line; echo $line"
ONCE = Supervision(open_stdin=True, stdin_once=True)


def test_without_stdin_it_is_empty(shims: Shims) -> None:
    with shims("cat; readlink /proc/self/fd/0", clients=[BOTH]) as made:
        made.clients[0].send(b"thrown away")
        assert made.clients[0].rest() == b"/dev/null\n"


def test_the_end_of_a_client_is_the_end_of_stdin_once(shims: Shims) -> None:
    with shims("cat; echo end", supervision=ONCE, clients=[BOTH]) as made:
        made.clients[0].send(b"one\n")
        assert made.clients[0].read(4) == b"one\n"
        made.clients[0].half_close()
        assert made.clients[0].rest() == b"end\n"
        assert made.wait() == 0


def test_a_client_that_only_sends_and_is_gone(shims: Shims) -> None:
    with shims("cat", supervision=ONCE, clients=[Attach(stdin=True)]) as made:
        made.clients[0].send(b"x" * 200_000)
        made.clients[0].close()
        assert made.wait() == 0
        assert made.text() == "x" * 200_000


def test_otherwise_stdin_stays_open(shims: Shims) -> None:
    with shims(TWO_LINES, supervision=OPEN, clients=[BOTH, ALL]) as made:
        made.clients[0].send(b"one\n")
        assert made.clients[1].read(4) == b"one\n"
        made.clients[0].half_close()
        assert made.clients[0].rest() == b"one\n"  # it has left
        second = made.attach(BOTH)
        second.send(b"two\n")
        assert made.clients[1].rest() == b"two\n"
        assert made.wait() == 0


def test_several_clients_send(shims: Shims) -> None:
    with shims(TWO_LINES, supervision=OPEN, clients=[BOTH, BOTH]) as made:
        made.clients[0].send(b"one\n")
        assert made.clients[1].read(4) == b"one\n"
        made.clients[1].send(b"two\n")
        assert made.clients[0].rest() == b"one\ntwo\n"


def test_what_was_sent_before(shims: Shims) -> None:
    client = BOTH.replace(first=b"y" * 65536)
    with shims("wc -c", supervision=ONCE, clients=[client]) as made:
        made.clients[0].half_close()
        assert made.clients[0].rest() == b"65536\n"


def test_stdin_is_closed_by_command(shims: Shims) -> None:
    with shims("wc -c", supervision=OPEN, clients=[BOTH.replace(first=b"abc")]) as made:
        made.connection().close_stdin()
        assert made.clients[0].rest() == b"3\n"


def test_a_program_that_does_not_read_stalls_nobody(shims: Shims) -> None:
    script = "while :; do echo x; sleep 0.01; done"
    with shims(script, supervision=OPEN, clients=[BOTH, ALL]) as made:
        made.clients[0].socket.setblocking(False)
        sent = 0
        try:
            while sent < 10_000_000:
                sent += made.clients[0].socket.send(b"z" * 65536)
        except BlockingIOError:
            pass
        assert sent < 10_000_000
        made.clients[1].read(20)
        made.connection().signal(9)
        assert made.wait() == -9


def test_input_and_output_at_once(shims: Shims) -> None:
    client = BOTH.replace(hold=True)
    data = b"".join(b"%07d\n" % i for i in range(200_000))
    with shims("cat", supervision=ONCE, clients=[client], logged=False) as made:
        made.feed(made.clients[0], data)
        assert made.clients[0].rest() == data


# --- terminals --------------------------------------------------------------------------------


def test_a_terminal(shims: Shims) -> None:
    script = "tty; stty size; read line; echo got $line"
    with shims(script, "-it", supervision=OPEN, clients=[BOTH]) as made:
        assert made.clients[0].until(b"\r\n").startswith(b"/dev/")
        made.clients[0].until(b"\r\n")
        made.clients[0].send(b"hello\r")
        assert made.clients[0].rest() == b"hello\r\ngot hello\r\n"
        assert made.wait() == 0
        assert {line["stream"] for line in made.lines()} == {"stdout"}


def test_its_size(shims: Shims) -> None:
    script = "trap 'stty size; exit' WINCH; echo ready; while :; do sleep 0.02; done"
    with shims(script, "-it", supervision=OPEN, clients=[BOTH]) as made:
        made.clients[0].until(b"ready\r\n")
        made.connection().resize(33, 111)
        assert made.clients[0].rest() == b"33 111\r\n"


def test_a_size_before_there_is_a_terminal(shims: Shims) -> None:
    with shims("stty size", "-it", supervision=OPEN, clients=[BOTH], size=(44, 122)) as made:
        assert made.clients[0].rest() == b"44 122\r\n"


@pytest.mark.parametrize("keys", ["", "ctrl-x,x"])
def test_detach_keys(shims: Shims, keys: str) -> None:
    typed = b"\x18x" if keys else b"\x10\x11"
    script = "stty -echo; echo ready; read line; echo got $line"
    client = BOTH.replace(detach_keys=keys)
    with shims(script, "-it", supervision=OPEN, clients=[client]) as made:
        assert made.event() == Running(made.pid)
        made.clients[0].until(b"ready\r\n")
        made.clients[0].send(b"ab" + typed)
        assert made.clients[0].rest() == b""
        assert made.event() == Detached(1)
        again = made.attach(client)
        again.send(b"c\r")
        assert again.rest() == b"got abc\r\n"


def test_a_false_start_of_the_keys(shims: Shims) -> None:
    script = "stty raw -echo; echo ready; head -c 3 | od -An -tx1"
    with shims(script, "-it", supervision=OPEN, clients=[BOTH]) as made:
        made.clients[0].until(b"ready\n")
        made.clients[0].send(b"\x10a\x10")
        made.clients[0].send(b"b")
        assert made.clients[0].rest().split() == [b"10", b"61", b"10"]


def test_a_terminal_outlives_its_client(shims: Shims) -> None:
    script = "read line; echo got $line"
    with shims(script, "-it", supervision=ONCE, clients=[BOTH]) as made:
        assert made.event() == Running(made.pid)
        made.clients[0].close()
        assert made.event() == Gone(1, HUNG_UP)
        again = made.attach(BOTH)
        again.send(b"x\r")
        assert again.rest() == b"x\r\ngot x\r\n"
