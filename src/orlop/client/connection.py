"""HTTP/1.1 from a client's side: one connection for a request and its answer.

`http.client` is not used, because it imports `email`, `socket` and `ssl`: 30 ms of a command's 60.
What is left out is what an engine's API has no use for: redirections, compression, proxies, TLS.

See: RFC 9112.
"""

from __future__ import annotations

from orlop.errors import Unavailable
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Self

_CHUNK = 65536
_LONGEST_HEAD = 64 << 10
_WITHOUT_BODY = (204, 304)


class Head(Record):
    """The head of an answer; names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]


class Connection:
    """A stream socket to an engine, and what was read from it too early."""

    def __init__(self, sock: _socket.socket) -> None:
        self.socket = sock
        self.early = b""

    def send(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | Iterable[bytes]
    ) -> None:
        """Sends a request; what is iterated over goes in chunks.

        If the engine stops reading, the rest is not sent: its answer says why.
        """
        length = {"Content-Length": str(len(body))} if isinstance(body, bytes) else _CHUNKED
        lines = [f"{method} {target} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in {**headers, **length}.items()]
        head = "\r\n".join((*lines, "\r\n")).encode("latin-1", "replace")
        try:
            if isinstance(body, bytes):
                self.socket.sendall(head + body)
                return
            self.socket.sendall(head)
            for piece in body:
                if piece:
                    self.socket.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
            self.socket.sendall(b"0\r\n\r\n")
        except (BrokenPipeError, ConnectionResetError):
            pass

    def head(self) -> Head:
        """Reads the head of the answer; those that only announce one (1xx but 101) are skipped.

        Raises:
            Unavailable: the connection ends before, or what comes is not HTTP.
        """
        while True:
            head = self._head()
            if head.status == 101 or head.status >= 200:
                return head

    def _head(self) -> Head:
        while (end := self.early.find(b"\r\n\r\n")) < 0:
            if len(self.early) > _LONGEST_HEAD or not self._fill():
                raise Unavailable("the engine closed the connection without an answer")
        text, self.early = self.early[:end].decode("latin-1"), self.early[end + 4 :]
        first, *lines = text.split("\r\n")
        version, _, rest = first.partition(" ")
        status = rest[:3]
        if not version.startswith("HTTP/1.") or not (status.isascii() and status.isdigit()):
            raise Unavailable(f"what answers does not speak HTTP: {first:.60}")
        pairs = (line.partition(":") for line in lines)
        return Head(int(status), {name.lower(): value.strip() for name, _, value in pairs})

    def body(self, head: Head, method: str) -> Iterator[bytes]:
        """The pieces of the answer's body, as they come.

        Raises:
            Unavailable: the connection ends before the body does.
        """
        if method == "HEAD" or head.status in _WITHOUT_BODY:
            return
        if "chunked" in head.headers.get("transfer-encoding", "").lower():
            yield from self._chunks()
        elif "content-length" in head.headers:
            yield from self._exactly(int(head.headers["content-length"]))
        else:
            yield from self._to_the_end()

    def _chunks(self) -> Iterator[bytes]:
        while size := self._size_of_chunk():
            yield from self._exactly(size)
            self._line()
        while self._line():  # trailers
            pass

    def _size_of_chunk(self) -> int:
        line = self._line()
        try:
            return int(line.partition(b";")[0], 16)
        except ValueError:
            raise Unavailable("the engine's answer is broken: a chunk has no size") from None

    def _line(self) -> bytes:
        while (end := self.early.find(b"\n")) < 0:
            if len(self.early) > _LONGEST_HEAD or not self._fill():
                raise _broken_off()
        line, self.early = self.early[:end], self.early[end + 1 :]
        return line.rstrip(b"\r")

    def _exactly(self, size: int) -> Iterator[bytes]:
        while size:
            if not self.early and not self._fill():
                raise _broken_off()
            piece, self.early = self.early[:size], self.early[size:]
            size -= len(piece)
            yield piece

    def _to_the_end(self) -> Iterator[bytes]:
        while self.early or self._fill():
            piece, self.early = self.early, b""
            yield piece

    def _fill(self) -> bool:
        """Reads something more; False at the end."""
        try:
            data = self.socket.recv(_CHUNK)
        except ConnectionResetError:
            return False
        self.early += data
        return bool(data)


_CHUNKED = {"Transfer-Encoding": "chunked"}


def _broken_off() -> Unavailable:
    return Unavailable("the engine closed the connection in the midst of its answer")


class Response:
    """An answer whose body is still to come.

    Attributes:
        status: of HTTP.
        headers: by their names in lower case.
    """

    def __init__(self, connection: Connection, head: Head, method: str) -> None:
        self.status = head.status
        self.headers = head.headers
        self._connection = connection
        self._body = connection.body(head, method)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[bytes]:
        """The pieces of the body, as they come."""
        return self._body

    def read(self) -> bytes:
        """All of the body that is left."""
        return b"".join(self._body)

    def lines(self) -> Iterator[bytes]:
        """The lines of the body that say something, as they come."""
        rest = b""
        for piece in self._body:
            *lines, rest = (rest + piece).split(b"\n")
            yield from filter(None, map(bytes.strip, lines))
        if rest.strip():
            yield rest.strip()

    def fileno(self) -> int:
        """The descriptor at which more of the body comes; stays the response's."""
        return self._connection.socket.fileno()

    @property
    def has_more(self) -> bool:
        """Whether something was read already, so that the descriptor would not tell of it."""
        return bool(self._connection.early)

    def close(self) -> None:
        """Closes the connection; for the engine that is the end of the request."""
        self._connection.socket.close()
