"""orlop start: containers that were created or have ended run."""

from __future__ import annotations

from orlop.client import Client
from orlop.client.addresses import part
from orlop.errors import InvalidArgument
from orlop.faces.cli.detaching import chosen, keys_of
from orlop.faces.cli.each import post_each
from orlop.faces.cli.foreground import Foreground
from orlop.faces.cli.starting import await_end, exit_status, start_container
from orlop.faces.cli.streams import Wishes
from orlop.faces.cli.terminal import check_input
from orlop.options import FLAG, TEXT, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

USAGE = "[OPTIONS] CONTAINER..."
WORDS = (1, 100_000)
ANYWHERE = True
OPTIONS = (
    Option(("--attach", "-a"), FLAG, "show what it writes, and end as it ends"),
    Option(("--interactive", "-i"), FLAG, "the same, and pass on what is typed"),
    Option(("--detach-keys",), TEXT, "to leave it, as ctrl-p,ctrl-q", "KEYS"),
)
EXAMPLE = """\
orlop start web db
orlop start -ai shell"""


def run(values: Values, screen: Screen) -> int:
    """Starts them all; with -a or -i there is one, and the exit status is its."""
    if not (values.flag("attach") or values.flag("interactive")):
        return post_each("start", values, screen)
    if len(values.words) > 1:
        raise InvalidArgument("-a and -i are for one container at a time")
    keys = chosen(values.text("detach-keys"))
    client = Client()
    found = client.get(f"/containers/{part(values.words[0])}/json")
    return _in_foreground(client, found, keys, stdin=values.flag("interactive"))


def _in_foreground(client: Client, found: dict[str, Any], keys: str, *, stdin: bool) -> int:
    made, terminal = found["Id"], bool(found["Config"]["Tty"])
    stdin = stdin and bool(found["Config"]["OpenStdin"])
    check_input(attached=stdin, terminal=terminal)
    path = f"/containers/{part(made)}"
    removed = bool(found["HostConfig"].get("AutoRemove"))
    wishes = Wishes(stdin, output=True, terminal=terminal, detach_keys=keys_of(keys))
    with Foreground(client, path, terminal=terminal, forward=True) as foreground:
        query = {"stream": True, "stdin": stdin, "stdout": True, "stderr": True}
        connection = client.hijack(f"{path}/attach", query={**query, "detachKeys": keys})
        ending = await_end(client, made, removed=removed)
        start_container(client, made, ending if removed else None)
        end = foreground.follow(connection, wishes, ending)
    return exit_status(end)
