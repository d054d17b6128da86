"""The client: requests to an engine, and their answers as Python's own values."""

from __future__ import annotations

from orlop import jsontext
from orlop.client.addresses import with_query
from orlop.client.connection import Connection, Response
from orlop.client.endpoint import UnixSocket, connect
from orlop.client.failures import failure_of
from orlop.client.hijacked import Hijacked
from orlop.client.selection import Target, select
from orlop.errors import InvalidArgument, Unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

    Query = Mapping[str, Any]

_UPGRADE = {"Connection": "Upgrade", "Upgrade": "tcp"}
_CLOSE = {"Connection": "close"}
_JSON = {"Content-Type": "application/json"}
_TAR = {"Content-Type": "application/x-tar"}


class Client:
    """An engine, as a client sees it. Each request has a connection of its own.

    Paths are those of the Docker Engine API without a version: the engine answers as its newest
    one says. Values of queries are turned into text (`with_query`): True, lists, objects as JSON.

    All methods raise `Refused` if the engine answers with an error (and by its status also
    `NotFound`, `Conflict`, `InvalidArgument`, ...), and `Unavailable` if it does not answer.
    """

    def __init__(self, target: Target | str | None = None) -> None:
        """An engine that is selected, by its address, or the one that the environment means."""
        self.target = target if isinstance(target, Target) else select(target or "")

    def get(self, path: str, query: Query | None = None) -> Any:
        """The JSON value at a path."""
        return self._value("GET", path, query)

    def post(
        self,
        path: str,
        document: object = None,
        query: Query | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """The JSON value that the engine answers to a document; None if there is no answer."""
        return self._value("POST", path, query, document, headers)

    def delete(self, path: str, query: Query | None = None) -> Any:
        """The JSON value that the engine answers; None if there is no answer."""
        return self._value("DELETE", path, query)

    def head(self, path: str, query: Query | None = None) -> Mapping[str, str]:
        """The headers of the answer, by their names in lower case."""
        with self.open("HEAD", path, query) as response:
            return response.headers

    def put(self, path: str, body: bytes | Iterable[bytes], query: Query | None = None) -> None:
        """Sends a tar archive."""
        with self.open("PUT", path, query, body=body, headers=_TAR) as response:
            response.read()

    def stream(
        self,
        method: str,
        path: str,
        query: Query | None = None,
        *,
        document: object = None,
        body: bytes | Iterable[bytes] = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Iterator[Any]:
        """The JSON values of an answer that goes on, one a line, as they come."""
        with self.open(
            method, path, query, document=document, body=body, headers=headers
        ) as response:
            for line in response.lines():
                yield _decoded(line)

    def open(
        self,
        method: str,
        path: str,
        query: Query | None = None,
        *,
        document: object = None,
        body: bytes | Iterable[bytes] = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """An answer whose body is still to come; the caller closes it.

        Args:
            method: of HTTP.
            path: with a slash in front.
            query: what stands behind the path.
            document: a JSON value to send, None for none.
            body: bytes to send instead; pieces go as they come.
            headers: further ones.
        """
        return self.begin(
            method, path, query, document=document, body=body, headers=headers
        ).response()

    def hijack(self, path: str, document: object = None, query: Query | None = None) -> Hijacked:
        """The streams of a container or exec, as attach and exec start have them."""
        pending = self.begin("POST", path, query, document=document, headers=_UPGRADE)
        pending.response()
        return Hijacked(pending.connection)

    def dial(self) -> Hijacked:
        """A connection to the engine by which nothing has been said."""
        return Hijacked(self._connection())

    def ping(self) -> Mapping[str, str]:
        """The headers by which an engine tells what it is; it is there afterwards."""
        return self.head("/_ping")

    def _value(
        self,
        method: str,
        path: str,
        query: Query | None,
        document: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        with self.open(method, path, query, document=document, headers=headers) as response:
            body = response.read()
        return _decoded(body) if body.strip() else None

    def begin(
        self,
        method: str,
        path: str,
        query: Query | None = None,
        *,
        document: object = None,
        body: bytes | Iterable[bytes] = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Pending:
        """A request that the engine works on; its answer is asked for later. As `open`."""
        named = {"Host": "orlop", "User-Agent": "orlop", **_CLOSE, **(headers or {})}
        if document is not None:
            body, named = jsontext.dumps(document).encode(), {**named, **_JSON}
        pending = Pending(self._connection(), method)
        try:
            pending.connection.send(method, with_query(path, query), named, body)
        except BaseException:
            pending.connection.socket.close()
            raise
        return pending

    def _connection(self) -> Connection:
        """A connection to the engine, which is started if it may be and is not there."""
        target = self.target
        try:
            return Connection(connect(target.endpoint))
        except Unavailable:
            if target.daemon is None or not isinstance(target.endpoint, UnixSocket):
                raise
        from orlop.client.on_demand import start_engine

        directory = target.endpoint.path.rpartition("/")[0]
        start_engine(target.daemon, f"{directory}/daemon.log")
        return Connection(connect(target.endpoint))


class Pending:
    """A request whose answer has not been asked for.

    Attributes:
        connection: by which it went.
    """

    def __init__(self, connection: Connection, method: str) -> None:
        self.connection = connection
        self._method = method

    def response(self) -> Response:
        """The answer, once its head is there.

        Raises:
            Refused: it is an error.
            Unavailable: there is none.
        """
        try:
            response = Response(self.connection, self.connection.head(), self._method)
            if response.status >= 400:
                raise failure_of(response.status, response.read())
        except BaseException:
            self.connection.socket.close()
            raise
        return response


def _decoded(text: bytes) -> Any:
    try:
        return jsontext.loads(text)
    except InvalidArgument as bad:
        raise Unavailable(f"the engine's answer is broken: {bad.message}") from None
