"""The same done to several objects at a time; what is wrong with one does not keep the others."""

from __future__ import annotations

from orlop.client import Client
from orlop.client.addresses import part
from orlop.errors import OrlopError
from orlop.faces.cli import failed
from orlop.faces.cli.exit_codes import FAILED
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    from orlop.client import Response
    from orlop.client.client import Pending
    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

    Query = Mapping[str, Any]

_AT_A_TIME = 50
_NOTHING: Query = {}


class Call(Record):
    """A request: method, path, and what stands behind it."""

    method: str
    path: str
    query: Query


def call_each(
    client: Client,
    names: Sequence[str],
    call: Callable[[str], Call],
    screen: Screen,
    show: Callable[[str, Response], str] = lambda name, _: name,
) -> int:
    """Makes a call for each name, many at a time; shows the names, or why not, in their order.

    Args:
        client: the engine.
        names: of the objects.
        call: what to ask for one of them.
        screen: shows the answers.
        show: the line to show for one, "" for none.

    Returns:
        The exit status: 0 if all went well.
    """
    status = 0
    for first in range(0, len(names), _AT_A_TIME):
        some = names[first : first + _AT_A_TIME]
        begun = [(name, _begin(client, call(name))) for name in some]
        status |= each(begun, lambda entry: _shown(entry[0], entry[1], show), screen)
    return status


def post_each(
    verb: str,
    values: Values,
    screen: Screen,
    query: Query = _NOTHING,
    show: Callable[[str, Response], str] = lambda name, _: name,
) -> int:
    """Does this to the containers that the words name; as `call_each`."""

    def call(name: str) -> Call:
        return Call("POST", f"/containers/{part(name)}/{verb}", query)

    return call_each(Client(), values.words, call, screen, show)


def each(items: Iterable[Any], act: Callable[[Any], str], screen: Screen) -> int:
    """Does it to one after the other, and shows what comes of it; returns the exit status."""
    status = 0
    for item in items:
        try:
            text = act(item)
        except OrlopError as error:
            status = failed(error, FAILED)
        else:
            for line in text.splitlines():
                screen.line(line)
    return status


def _shown(name: str, pending: Pending, show: Callable[[str, Response], str]) -> str:
    with pending.response() as response:
        return show(name, response)


def _begin(client: Client, call: Call) -> Pending:
    return client.begin(call.method, call.path, call.query)
