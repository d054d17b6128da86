"""The plan of a start that does not happen: what a privileged caller on this host would perform.

Reads the host, changes nothing, and needs no rights.
"""

from __future__ import annotations

from orlop.kernel.capabilities import CapabilitySets, kernel_mask
from orlop.kernel.features import read_features
from orlop.launch.plan import STAY, SUBREAPER
from orlop.records import Record
from orlop.runtime.lifecycle.gather import Choices, compiled_seccomp, gather, validation_facts
from orlop.runtime.planner import plan_container
from orlop.runtime.planner.situation import Handed
from orlop.runtime.validate import validate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.kernel.features import Features
    from orlop.launch.plan import Plan
    from orlop.launch.supervision import Supervision
    from orlop.runtime.layers import Layers
    from orlop.runtime.spec import Spec

_ANY_DESCRIPTOR = 0  # the plan has its slot, not its number


class Foreseen(Record):
    """A plan, and what validation has to say about the configuration."""

    plan: Plan
    warnings: tuple[str, ...]


def foresee(
    spec: Spec,
    container: str,
    bundle: str,
    *,
    layers: Layers | None = None,
    flags: int = 0,
    init: bool = False,
    supervision: Supervision | None = None,
) -> Foreseen:
    """The plan of a container's start, by one who has all rights on this host.

    Args:
        spec: the configuration.
        container: the id that it would have.
        bundle: the host directory to which relative paths are relative.
        layers: what is mounted over the root.
        flags: of the plan (STAY, ...).
        init: the program's parent is the launcher's own init.
        supervision: what the launcher does with the streams.

    Raises:
        SpecError: the configuration is wrong.
        Unsupported: this host cannot do what it asks for.
    """
    features = as_root(read_features())
    warnings = validate(spec, validation_facts(spec, features=features))
    seccomp = compiled_seccomp(spec, None)
    terminal = spec.process is not None and spec.process.terminal
    handed = Handed(console=_ANY_DESCRIPTOR if terminal and supervision is None else None)
    if supervision is not None:
        handed, flags = _supervised(handed, supervision), flags | STAY | SUBREAPER
    situation = gather(
        spec,
        container,
        bundle,
        Choices(bundle),
        handed,
        flags,
        seccomp,
        features,
        layers,
        foreseen=True,
    )
    situation = situation.replace(init=init, supervision=supervision)
    return Foreseen(plan_container(spec, situation), warnings)


def _supervised(handed: Handed, supervision: Supervision) -> Handed:
    """With what a launcher that supervises gets."""
    pipes = None if supervision.terminal else _ANY_DESCRIPTOR
    return handed.replace(
        shim_socket=_ANY_DESCRIPTOR,
        shim_directory=_ANY_DESCRIPTOR,
        shim_stdin=pipes if supervision.open_stdin else None,
        shim_stdout=pipes,
        shim_stderr=pipes,
        log_directory=_ANY_DESCRIPTOR if supervision.log else None,
    )


def as_root(features: Features) -> Features:
    """The same host, as a process with all rights would find it."""
    if features.is_privileged:
        return features
    every = kernel_mask()
    sets = CapabilitySets(effective=every, permitted=every, bounding=every)
    return features.replace(uid=0, gid=0, initial_user_namespace=True, capabilities=sets)
