"""What the words of verbs are: names of which objects."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

FILES = "files"
NONE = "nothing"
CONTAINER, RUNNING, STOPPED, PAUSED = "container", "running", "stopped", "paused"
IMAGE, VOLUME, NETWORK = "image", "volume", "network"
OBJECT, TARGET, SHELL = "object", "target", "shell"

_OF_ALL: Mapping[str, str] = {
    "attach": RUNNING,
    "commit": CONTAINER,
    "compare": TARGET,
    "completion": SHELL,
    "diff": CONTAINER,
    "export": CONTAINER,
    "history": IMAGE,
    "inspect": OBJECT,
    "kill": RUNNING,
    "logs": CONTAINER,
    "pause": RUNNING,
    "port": CONTAINER,
    "proof": TARGET,
    "reach": RUNNING,
    "pull": IMAGE,
    "push": IMAGE,
    "rename": CONTAINER,
    "restart": CONTAINER,
    "rm": CONTAINER,
    "rmi": IMAGE,
    "save": IMAGE,
    "start": STOPPED,
    "stats": RUNNING,
    "stop": RUNNING,
    "tag": IMAGE,
    "top": RUNNING,
    "unpause": PAUSED,
    "update": CONTAINER,
    "wait": CONTAINER,
    "why": CONTAINER,
    "images": IMAGE,
    "cp": FILES,
    "import": FILES,
    "load": FILES,
    "image inspect": IMAGE,
    "image rm": IMAGE,
    "image ls": IMAGE,
    "network inspect": NETWORK,
    "network rm": NETWORK,
    "volume inspect": VOLUME,
    "volume rm": VOLUME,
}
"""By verb; a group's verbs that are verbs themselves are found by their own name."""

_IN_ORDER: Mapping[str, tuple[str, ...]] = {
    "run": (IMAGE, FILES),
    "create": (IMAGE, FILES),
    "exec": (RUNNING, FILES),
    "commit": (CONTAINER, NONE),
    "rename": (CONTAINER, NONE),
    "tag": (IMAGE, IMAGE),
    "top": (RUNNING, NONE),
    "port": (CONTAINER, NONE),
    "network connect": (NETWORK, CONTAINER),
    "network disconnect": (NETWORK, CONTAINER),
}
"""Where each word is something else; the last one goes on."""


def kind_of_argument(verb: str, number: int) -> str:
    """What the word of this number is, from 0: a kind of objects, FILES or NONE."""
    group, _, own = verb.rpartition(" ")
    for name in (verb, own) if group in ("", "container", "image") else (verb,):
        if name in _IN_ORDER:
            kinds = _IN_ORDER[name]
            return kinds[min(number, len(kinds) - 1)]
        if name in _OF_ALL:
            return _OF_ALL[name]
    return NONE
