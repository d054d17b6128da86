"""The state documents that hooks and seccomp agents get, with gaps where the PID will stand.

The launcher joins the parts with the container's host PID, which nobody knows when the plan is
made.
"""

from __future__ import annotations

from orlop import jsontext

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from orlop.runtime.planner.situation import Situation
    from orlop.runtime.spec import Spec

_GAP = 4294967291  # a number that no PID can be, and that stands nowhere else


def hook_state(spec: Spec, situation: Situation, status: str) -> tuple[str, ...]:
    """The state of runtime-spec runtime.md#state."""
    document = _state(spec, situation, status)
    return _split(jsontext.dumps(document))


def listener_state(spec: Spec, situation: Situation) -> tuple[str, ...]:
    """The container process state of runtime-spec config-linux.md#containerprocessstate."""
    profile = spec.linux.seccomp
    document: dict[str, object] = {
        "ociVersion": spec.oci_version,
        "fds": ["seccompFd"],
        "pid": _GAP,
        "state": _state(spec, situation, "creating"),
    }
    if profile is not None and profile.listener_metadata:
        document["metadata"] = profile.listener_metadata
    return _split(jsontext.dumps(document))


def _state(spec: Spec, situation: Situation, status: str) -> Mapping[str, object]:
    return {
        "ociVersion": spec.oci_version,
        "id": situation.id,
        "status": status,
        "pid": _GAP,
        "bundle": situation.bundle,
        "annotations": dict(spec.annotations),
    }


def _split(text: str) -> tuple[str, ...]:
    return tuple(text.split(str(_GAP)))
