"""HTTP from a client's side, to the byte."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from orlop.client.connection import Response
from orlop.client.hijacked import Frames, Hijacked
from orlop.errors import Unavailable
from tests.unit.client.server import Script, answering


def ask(script: Script, method: str = "GET", body: bytes = b"") -> Response:
    script.connection.send(method, "/x?a=1", {"Host": "orlop"}, body)
    return Response(script.connection, script.connection.head(), method)


def test_a_request_has_a_head_and_its_length() -> None:
    with answering(b"HTTP/1.1 204 No Content\r\n\r\n", until=b"hello") as script:
        assert ask(script, "POST", b"hello").status == 204
    assert script.received == (
        b"POST /x?a=1 HTTP/1.1\r\nHost: orlop\r\nContent-Length: 5\r\n\r\nhello"
    )


def test_a_body_in_pieces_goes_in_chunks() -> None:
    def pieces() -> Iterator[bytes]:
        yield b"one"
        yield b""  # would be the end
        yield b"x" * 17

    with answering(b"HTTP/1.1 200 OK\r\n\r\n", until=b"0\r\n\r\n") as script:
        script.connection.send("PUT", "/", {}, pieces())
        assert script.connection.head().status == 200
    head, _, body = script.received.partition(b"\r\n\r\n")
    assert b"Transfer-Encoding: chunked" in head
    assert body == b"3\r\none\r\n11\r\n" + b"x" * 17 + b"\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (b"Content-Length: 5\r\n\r\nhello, and more", b"hello"),
        (b"content-length:0\r\n\r\n", b""),
        (b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", b"hello"),
        (b"Transfer-Encoding: Chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\n", b"hello"),
        (b"Content-Type: text/plain\r\n\r\nto the end", b"to the end"),
    ],
    ids=["length", "nothing", "chunks", "extensions and trailers", "end"],
)
@pytest.mark.parametrize("piece", [1, 7, 1000])
def test_bodies_end_where_they_should(answer: bytes, body: bytes, piece: int) -> None:
    whole = b"HTTP/1.1 200 OK\r\n" + answer
    pieces = [whole[n : n + piece] for n in range(0, len(whole), piece)]
    with answering(*pieces) as script:
        assert ask(script).read() == body


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_some_answers_have_no_body(status: bytes) -> None:
    with answering(b"HTTP/1.1 " + status + b"\r\nContent-Length: 9\r\n\r\n") as script:
        assert ask(script).read() == b""


def test_an_answer_to_head_has_no_body() -> None:
    with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nA-B:  c \r\n\r\n") as script:
        response = ask(script, "HEAD")
        assert response.read() == b""
        assert response.headers["a-b"] == "c"


def test_an_announcement_is_no_answer() -> None:
    with answering(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\n\r\n") as script:
        assert ask(script).status == 201


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"", "without an answer"),
        (b"HTTP/1.1 200 OK\r\nA: b\r\n", "without an answer"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "does not speak HTTP"),
        (b"HTTP/1.1 ok\r\n\r\n", "does not speak HTTP"),
        (b"HTTP/1.1 200 OK\r\nA: " + b"x" * 200_000, "without an answer"),
    ],
    ids=["nothing", "half", "another protocol", "no status", "endless"],
)
def test_what_is_no_answer(answer: bytes, reason: str) -> None:
    with answering(answer) as script, pytest.raises(Unavailable, match=reason):
        ask(script)


@pytest.mark.parametrize(
    "answer",
    [
        b"Content-Length: 9\r\n\r\nhello",
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nhel",
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nx\r\nhello",
    ],
    ids=["length", "chunk", "last chunk", "size"],
)
def test_an_answer_that_breaks_off_is_an_error(answer: bytes) -> None:
    with answering(b"HTTP/1.1 200 OK\r\n" + answer) as script:
        response = ask(script)
        with pytest.raises(Unavailable, match="engine"):
            response.read()


def test_an_answer_before_the_body_is_sent_counts() -> None:
    # The engine has seen enough: it answers and reads no more.
    with answering(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\nno") as script:
        script.connection.send("PUT", "/", {}, (b"x" * 65536 for _ in range(200)))
        head = script.connection.head()
        assert head.status == 400
        assert b"".join(script.connection.body(head, "PUT")) == b"no"


def test_lines_come_whole() -> None:
    pieces = [b"HTTP/1.1 200 OK\r\n\r\n", b'{"a"', b":1}\r\n\r\n{", b'"b":2}\n{"c":3}']
    with answering(*pieces) as script:
        assert list(ask(script).lines()) == [b'{"a":1}', b'{"b":2}', b'{"c":3}']


class TestHijacked:
    def test_what_came_with_the_head_is_not_lost(self) -> None:
        with answering(b"HTTP/1.1 101 UPGRADED\r\nUpgrade: tcp\r\n\r\nearly", b" late") as script:
            assert ask(script, "POST").status == 101
            streams = Hijacked(script.connection)
            read = streams.read()
            while data := streams.read():
                read += data
            assert read == b"early late"

    def test_writing_to_one_who_has_gone(self) -> None:
        with answering(b"") as script:
            script.connection.send("GET", "/", {}, b"")
            streams = Hijacked(script.connection)
            assert streams.read() == b""
            while streams.write(b"x" * 4096):
                pass
            streams.end_input()


class TestFrames:
    DATA = b"\1\0\0\0\0\0\0\5hello\2\0\0\0\0\0\0\3err\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0\1!"

    @pytest.mark.parametrize("size", [1, 2, 3, 8, 9, 100])
    def test_streams_are_taken_apart(self, size: int) -> None:
        frames = Frames()
        found = {1: b"", 2: b""}
        for n in range(0, len(self.DATA), size):
            for stream, piece in frames.feed(self.DATA[n : n + size]):
                found[stream] += piece
        assert found == {1: b"hello!", 2: b"err"}

    def test_data_does_not_wait_for_the_end_of_its_frame(self) -> None:
        frames = Frames()
        assert list(frames.feed(b"\1\0\0\0\0\0\1\0ab")) == [(1, b"ab")]
        assert list(frames.feed(b"cd")) == [(1, b"cd")]
