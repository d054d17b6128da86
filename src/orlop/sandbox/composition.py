"""From an environment to a box's configuration and root file system.

It is what `docker run` with tight flags would be, by `orlop.intent`, and then less of it: fewer
mounts, no sysctls and no device rules, none of which a program without capabilities could do harm
with. Less also starts faster.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from orlop.errors import InvalidArgument, SyscallError
from orlop.intent import host_image
from orlop.intent.compose import DATA_ROOT, compose
from orlop.intent.host_facts import read_host_facts
from orlop.intent.request import (
    Directory,
    Host,
    HostImage,
    InMemory,
    Limits,
    Namespaces,
    NoNetwork,
    Privileges,
    Request,
    Ulimit,
    User,
)
from orlop.kernel.mounts import MOUNT_ATTR_NODEV, MOUNT_ATTR_NOSUID
from orlop.records import Record
from orlop.runtime.layers import Layers, Overlay
from orlop.runtime.spec import Mount
from orlop.sandbox.options import NOBODY, WORK

if TYPE_CHECKING:
    from orlop.intent.host_facts import HostFacts
    from orlop.kernel.seccomp import Profile
    from orlop.runtime.spec import Spec
    from orlop.sandbox.options import Environment

_NANO = 10**9
_MOUNTS = ("/proc", "/dev", "/dev/pts", "/dev/shm")  # noqa: S108 - in the box
_BOUND = ("rbind", "rro", "rnosuid", "rnodev")
_OWN = f"{DATA_ROOT}/sandbox"
SECCOMP_CACHE = f"{_OWN}/seccomp"
_KILL = "SCMP_ACT_KILL_PROCESS"
_FOR_EVERYBODY = 0o1777


class Composition(Record):
    """A box's configuration, and the layers of its root."""

    spec: Spec
    layers: Layers


def compose_box(environment: Environment, name: str) -> Composition:
    """The configuration of a box; makes the image's own layers, if they are not there yet.

    Raises:
        InvalidArgument: the environment makes no sense.
        Unsupported: this host cannot do it.
        SyscallError: the layers cannot be made below /var/lib/orlop.
    """
    host = read_host_facts()
    composed = compose(request_of(environment), host, name)
    mounts = tuple(m for m in composed.spec.mounts if m.destination in _MOUNTS)
    overlays, shared = _root(environment, host)
    linux = composed.spec.linux
    resources = linux.resources.replace(devices=()) if linux.resources else None
    seccomp = linux.seccomp and _stricter(linux.seccomp, environment)
    return Composition(
        spec=composed.spec.replace(
            mounts=(*shared, *mounts),
            linux=linux.replace(resources=resources, seccomp=seccomp, sysctl={}),
        ),
        layers=Layers(
            overlays=overlays,
            scratch=f"{_OWN}/scratch",
            memory_bytes=environment.disk_bytes,
            attributes=MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID,
        ),
    )


def request_of(environment: Environment) -> Request:
    """What the box would be called for `docker run`."""
    e = environment
    return Request(
        image=HostImage() if e.root == "host" else Directory(_directory(e.root)),
        command=("true",),  # which is not executed: programs come later
        user=User(e.uid, e.gid),
        directory=WORK,
        hostname=e.hostname,
        writable=InMemory(e.disk_bytes),
        namespaces=Namespaces(networks=(NoNetwork() if e.network == "none" else Host(),)),
        privileges=Privileges(drop=("ALL",), no_new_privileges=True),
        limits=Limits(
            memory_bytes=e.memory_bytes,
            memory_swap_bytes=e.memory_bytes,
            nano_cpus=round(e.cpus * _NANO),
            pids=e.pids,
        ),
        ulimits=(Ulimit("RLIMIT_NOFILE", 1024, 1024), Ulimit("RLIMIT_CORE", 0, 0)),
        shm_bytes=e.disk_bytes,
    )


def _directory(path: str) -> str:
    found = os.path.realpath(path)
    if not os.path.isdir(found):
        raise InvalidArgument(f'root {path!r} is neither "host" nor a directory')
    return found


def _stricter(profile: Profile, environment: Environment) -> Profile:
    """For programs of the machine's own architecture only, whose calls are better looked after.

    Where a refusal shall end the program, those remain that have an error number of their own:
    libc asks for these on purpose, to learn that there is something older.
    """
    native = profile.replace(architectures=profile.architectures[:1])
    if environment.on_refused == "errno":
        return native
    return native.replace(default_action=_KILL, default_errno_ret=None)


# --- the root ---------------------------------------------------------------------------------


def _root(
    environment: Environment, host: HostFacts
) -> tuple[tuple[Overlay, ...], tuple[Mount, ...]]:
    """The overlays of the root, and what is mounted in it of the host.

    Programs of an ordinary user may not change the host's /usr, /etc and /opt anyway, so these need
    no layers; and nobody may read what `host_image` leaves out.
    """
    _make_own()
    own = f"{_OWN}/root"
    if environment.root != "host":
        return (Overlay("/", (own, _directory(environment.root)), "root"),), ()
    facts = host.lookup.host_image()
    directory = f"{DATA_ROOT}/host/{facts.name}"
    host_image.make(facts, directory)
    root, *others = host_image.overlays(facts, directory)
    root = root.replace(lowers=(own, *root.lowers))
    if is_layered(environment):
        return (root, *others), ()
    return (root,), tuple(Mount(o.target, "bind", o.target, _BOUND) for o in others)


def is_layered(environment: Environment) -> bool:
    """Whether /usr, /etc and /opt of the host are layers, in which what is secret is left out."""
    nobody = (environment.uid, environment.gid) == (NOBODY, NOBODY)
    return environment.root == "host" and not nobody


def _make_own() -> None:
    """The layer with what every box has, and a directory to mount its memory on."""
    try:
        for name, mode in (("", 0o755), ("/scratch", 0o700), ("/root", 0o755)):
            os.makedirs(_OWN + name, mode, exist_ok=True)
        for name in ("work", "tmp"):
            os.makedirs(f"{_OWN}/root/{name}", exist_ok=True)
            os.chmod(f"{_OWN}/root/{name}", _FOR_EVERYBODY)
    except OSError as error:
        raise SyscallError("mkdir", error.errno or 0, error.filename or _OWN) from None
