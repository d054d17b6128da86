"""The state of a container, as it is, in the words of runtime-spec runtime.md#state."""

from __future__ import annotations

import os

from orlop import jsontext
from orlop.kernel.process import is_alive
from orlop.records import Record
from orlop.runtime.config_json import parse_spec
from orlop.runtime.state import STARTING, WAITING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from orlop.kernel.cgroup.live import Cgroup
    from orlop.runtime.spec import Spec
    from orlop.runtime.state import Directory, State

CREATING, CREATED, RUNNING, STOPPED, PAUSED = "creating", "created", "running", "stopped", "paused"


class Container(Record):
    """One container at one moment."""

    directory: Directory
    state: State
    status: str

    def spec(self) -> Spec:
        """The configuration that it was made from."""
        with open(self.directory.file("config.json"), "rb") as file:
            return parse_spec(jsontext.loads(file.read()))

    def cgroup(self) -> Cgroup:
        """Its control groups."""
        from orlop.kernel.cgroup.live import Cgroup

        return Cgroup.stored(self.state.cgroup)

    def document(self, spec: Spec, status: str = "") -> Mapping[str, object]:
        """The state as hooks and `state` show it; `pid` is 0 once it is stopped."""
        process = self.state.process
        shown = status or self.status
        pid = 0 if process is None or shown == STOPPED else process.pid
        return {
            "ociVersion": spec.oci_version,
            "id": self.state.id,
            "pid": pid,
            "status": shown,
            "bundle": self.state.bundle,
            "rootfs": self.state.rootfs,
            "created": self.state.created,
            "owner": "",
            "annotations": dict(spec.annotations),
        }


def look(directory: Directory) -> Container:
    """The container of this directory as it is now.

    Raises:
        NotFound: there is none.
    """
    state = directory.read()
    return Container(directory, state, _status(directory, state))


def _status(directory: Directory, state: State) -> str:
    if state.process is None:
        return CREATING if directory.is_busy() else STOPPED
    if not is_alive(state.process):
        return STOPPED
    if state.cgroup and Container(directory, state, "").cgroup().frozen():
        return PAUSED
    if os.path.exists(directory.file(WAITING)):
        return CREATED
    starting = os.path.exists(directory.file(STARTING)) and directory.is_busy()
    return CREATED if starting else RUNNING
