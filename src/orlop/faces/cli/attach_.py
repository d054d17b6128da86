"""orlop attach: the streams of a container that runs."""

from __future__ import annotations

from orlop.client import Client
from orlop.client.addresses import part
from orlop.errors import Conflict
from orlop.faces.cli.detaching import chosen, keys_of
from orlop.faces.cli.foreground import Foreground
from orlop.faces.cli.starting import await_end, exit_status
from orlop.faces.cli.streams import Wishes
from orlop.faces.cli.terminal import check_input
from orlop.options import FLAG, TEXT, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

USAGE = "[OPTIONS] CONTAINER"
WORDS = (1, 1)
ANYWHERE = True
OPTIONS = (
    Option(("--no-stdin",), FLAG, "pass nothing on that is typed"),
    Option(("--sig-proxy",), FLAG, "pass signals on (default true)"),
    Option(("--detach-keys",), TEXT, "to leave it, as ctrl-p,ctrl-q", "KEYS"),
)
EXAMPLE = """\
orlop attach shell
orlop attach --no-stdin --sig-proxy=false web"""


def run(values: Values, _: Screen) -> int:
    """Stands for the container until it ends, or until the keys are typed."""
    client = Client()
    keys = chosen(values.text("detach-keys"))
    found = client.get(f"/containers/{part(values.words[0])}/json")
    _check(values.words[0], found["State"])
    terminal = bool(found["Config"]["Tty"])
    stdin = bool(found["Config"]["OpenStdin"]) and not values.flag("no-stdin")
    check_input(attached=stdin, terminal=terminal)
    path = f"/containers/{part(found['Id'])}"
    forward = values.flag("sig-proxy") or not values.given("sig-proxy")
    wishes = Wishes(stdin, output=True, terminal=terminal, detach_keys=keys_of(keys))
    with Foreground(client, path, terminal=terminal, forward=forward) as foreground:
        removed = bool(found["HostConfig"].get("AutoRemove"))
        ending = await_end(client, found["Id"], removed=removed)
        query = {"stream": True, "stdin": stdin, "stdout": True, "stderr": True}
        connection = client.hijack(f"{path}/attach", query={**query, "detachKeys": keys})
        return exit_status(foreground.follow(connection, wishes, ending))


def _check(name: str, state: dict[str, Any]) -> None:
    """It can be attached to.

    Raises:
        Conflict: it does not run.
    """
    if not state.get("Running"):
        raise Conflict(f"cannot attach to {name!r}, which does not run", hint="orlop start -ai")
    for what in ("Paused", "Restarting"):
        if state.get(what):
            raise Conflict(f"cannot attach to {name!r}, which is {what.lower()}")
