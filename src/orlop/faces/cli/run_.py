"""orlop run: a new container, in the foreground unless it is detached."""

from __future__ import annotations

from orlop.client import Client
from orlop.client.addresses import part
from orlop.faces.cli import failed
from orlop.faces.cli.creating import IdFile, create_container, prepared
from orlop.faces.cli.detaching import keys_of
from orlop.faces.cli.exit_codes import FAILED as GENERAL
from orlop.faces.cli.exit_codes import NOT_STARTED
from orlop.faces.cli.foreground import Foreground
from orlop.faces.cli.starting import await_end, exit_status, start_container
from orlop.faces.cli.streams import Wishes
from orlop.faces.cli.terminal import NoTerminal, check_input
from orlop.intent import flags

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.client import Hijacked
    from orlop.faces.cli.screen import Screen
    from orlop.intent.request import Request
    from orlop.options import Values

USAGE = "[OPTIONS] IMAGE [COMMAND] [ARGUMENTS]"
WORDS = (1, 100_000)
OPTIONS = flags.OPTIONS
FAILED = NOT_STARTED
EXAMPLE = """\
orlop run --rm -it host bash
orlop run -d --name web --memory 256m --cpus 0.5 host python3 -m http.server
orlop run --rm -v "$PWD:/src:ro" -w /src host ls"""


def run(values: Values, screen: Screen) -> int:
    """Creates the container, starts it, and stands for it; its exit status is the container's."""
    request = prepared(flags.request_of(values))
    handling = request.handling
    try:
        check_input(
            attached="stdin" in handling.attach and not handling.detach, terminal=request.terminal
        )
    except NoTerminal as error:
        return failed(error, GENERAL)
    client = Client()
    with IdFile(handling.id_file) as id_file:
        made = create_container(client, request)
        id_file.write(made)
    if handling.detach:
        ending = await_end(client, made, removed=True) if handling.remove else None
        start_container(client, made, ending)
        screen.line(made)
        return 0
    return _in_foreground(client, made, request, screen)


def _in_foreground(client: Client, made: str, request: Request, screen: Screen) -> int:
    handling = request.handling
    wishes = Wishes(
        "stdin" in handling.attach,
        not {"stdout", "stderr"}.isdisjoint(handling.attach),
        request.terminal,
        keys_of(handling.detach_keys),
    )
    path = f"/containers/{part(made)}"
    with Foreground(
        client, path, terminal=request.terminal, forward=handling.sig_proxy
    ) as foreground:
        connection = _attached(client, path, request)
        ending = await_end(client, made, removed=handling.remove)
        start_container(client, made, ending if handling.remove else None)
        if not wishes.output:
            screen.line(made)
        end = foreground.follow(connection, wishes, ending)
    return exit_status(end)


def _attached(client: Client, path: str, request: Request) -> Hijacked | None:
    streams = {name: name in request.handling.attach for name in ("stdin", "stdout", "stderr")}
    if not any(streams.values()):
        return None
    query = {"stream": True, **streams, "detachKeys": request.handling.detach_keys}
    return client.hijack(f"{path}/attach", query=query)
