"""Which namespaces: modes as host, private, container:NAME, path:PATH."""

from __future__ import annotations

from orlop.errors import InvalidArgument
from orlop.intent.forms.text import host_path
from orlop.intent.request import (
    AtPath,
    Host,
    NoNetwork,
    NoSharedMemory,
    OfContainer,
    Private,
    Shareable,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

_HOST: dict[str, object] = {"host": Host()}
_PRIVATE: dict[str, object] = {"private": Private()}
_IPC: dict[str, object] = {"shareable": Shareable(), "none": NoSharedMemory()}
_NETWORK: dict[str, object] = {"none": NoNetwork()}
# what comes before a colon, and what then
_OTHERS: Mapping[str, tuple[Callable[[str], object], str]] = {
    "container": (OfContainer, "NAME"),
    "path": (lambda path: AtPath(host_path(path)), "PATH"),
}


def _mode(words: Mapping[str, object], *others: str) -> Callable[[str], Any]:
    """A reader of one of these words, or of another's namespace."""

    def read(text: str) -> object:
        kind, _, rest = text.partition(":")
        if text in words:
            return words[text]
        if kind in others and rest:
            return _OTHERS[kind][0](rest)
        forms = (f"{other}:{_OTHERS[other][1]}" for other in others)
        raise InvalidArgument(f"is not one of {', '.join((*words, *forms))}")

    return read


pid_mode = _mode(_PRIVATE | _HOST, "container", "path")
ipc_mode = _mode(_PRIVATE | _HOST | _IPC, "container", "path")
uts_mode = _mode(_PRIVATE | _HOST, "path")
cgroup_mode = _mode(_PRIVATE | _HOST, "path")
user_mode = _mode(_HOST, "path")
network_mode = _mode(_NETWORK | _HOST, "container", "path")
