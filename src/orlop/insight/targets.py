"""What a command of insight can be pointed at: containers of any engine, and plain processes.

A target is named by text:

    ID           a container of orlop-runtime
    pid:N        a process
    docker:NAME  a container of Docker, podman:NAME one of podman; the engine's command is asked
    ENGINE:ID    anything else that `discover` finds, as it calls it
"""

from __future__ import annotations

import os

from orlop.errors import (
    Conflict,
    DeadlineExceeded,
    InvalidArgument,
    NotFound,
    OrlopError,
    PermissionDenied,
    Unavailable,
)
from orlop.insight.engines import DOCKER, PODMAN, container_of, origin_of, shim_bundle
from orlop.insight.snapshot import read_snapshot
from orlop.kernel import process as processes
from orlop.records import Record
from orlop.runtime.config_json import CONFIG_NAME, load_spec
from orlop.runtime.lifecycle.status import STOPPED, look
from orlop.runtime.state import Store, default_root

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from orlop.insight.snapshot import Seen, Snapshot
    from orlop.kernel.process import Identity
    from orlop.network.rates import Rates
    from orlop.runtime.spec import Spec

    Key = tuple[object, ...]

ORLOP, PROCESS = "orlop", "process"
_SHORT_ID = 12
_PATIENCE_S = 20  # an engine may be busy, or hang


class Target(Record):
    """Something that runs in namespaces.

    Attributes:
        name: as people name it; `resolve` understands it.
        engine: who made it ("orlop", "docker", "podman", "bwrap", ...), "process" if nobody known.
        process: its first process.
        id: the engine's id, the PID of a process.
        asked: the configuration it was made from, None if that cannot be had.
        asked_from: the host path of that configuration, or why there is none.
        members: the PIDs of all its processes, where `discover` has found it.
        rates: what its networks are to be held to, None if that is not known.
    """

    name: str
    engine: str
    process: Identity
    id: str = ""
    asked: Spec | None = None
    asked_from: str = ""
    members: tuple[int, ...] = ()
    rates: Rates | None = None


def default_roots() -> tuple[str, ...]:
    """The state directories in which containers of orlop-runtime are looked for."""
    return (default_root(),)


# --- one, by name ---------------------------------------------------------------------------


def resolve(text: str, roots: Sequence[str] = ()) -> Target:
    """The target of that name; it was alive a moment ago.

    Args:
        text: ID, pid:N, docker:NAME, podman:NAME, or another name that `discover` gives.
        roots: state directories of orlop-runtime, by default `default_roots()`.

    Raises:
        InvalidArgument: the text is no name of a target.
        NotFound: there is no such container or process.
        Conflict: it exists, but does not run.
        Unavailable: the engine does not answer (DeadlineExceeded: for too long), or its command is
            not installed.
    """
    kind, colon, name = text.partition(":")
    if not colon:
        return _orlop(text, roots or default_roots())
    if not name:
        raise InvalidArgument(f"{text!r} does not name a target", hint=_FORMS)
    if kind == "pid":
        return _process(name)
    if kind in _INSPECTED:
        return _inspected(kind, name)
    for target in discover(roots):
        if target.name == text:
            return target
    raise NotFound("target", text, hint=_FORMS)


_FORMS = "targets are ID, pid:N, docker:NAME, podman:NAME; see orlop ps --machine"


def _orlop(container: str, roots: Sequence[str]) -> Target:
    for root in roots:
        try:
            found = look(Store(root).open(container, lock=False))
        except (NotFound, InvalidArgument):
            continue
        except PermissionError:
            raise PermissionDenied(f"cannot read {root}", hint="be root") from None
        if found.state.process is None or found.status == STOPPED:
            raise Conflict(f"container {container!r} is {found.status}: it has no process")
        return Target(
            container,
            ORLOP,
            found.state.process,
            container,
            found.spec(),
            found.directory.file(CONFIG_NAME),
        )
    raise NotFound("container", container, hint=_FORMS)


def _process(text: str) -> Target:
    if not (text.isascii() and text.isdecimal()) or len(text) > len(str(1 << 31)):
        raise InvalidArgument(f"pid:{text} does not name a process: a PID is a number")
    process = processes.identify(int(text))
    if not processes.is_alive(process):
        raise NotFound("process", text, hint="it has ended, or it is a thread of another")
    return Target(f"pid:{process.pid}", PROCESS, process, str(process.pid), None, _UNKNOWN)


_UNKNOWN = "nobody has recorded how it was started"


# --- engines that have to be asked ----------------------------------------------------------


def _inspected(engine: str, name: str) -> Target:
    """A container that an engine's command knows.

    The command is asked once more for the PID after the process was identified: only so it is
    certain that the PID has not passed to another process in the meantime.
    """
    answer = _inspect(engine, name)
    pid, container = int(answer["State"]["Pid"]), str(answer["Id"])
    if not pid:
        status = answer["State"].get("Status", "stopped")
        raise Conflict(f"{engine} container {name!r} is {status}: it has no process")
    process = processes.identify(pid)
    if int(_inspect(engine, container)["State"]["Pid"]) != pid:
        raise NotFound("process", str(pid), hint=f"{engine} container {name!r} has just ended")
    bundle, missing = _INSPECTED[engine](answer, process)
    asked, source = _configuration(bundle) if bundle else (None, missing)
    return Target(f"{engine}:{name}", engine, process, container, asked, source)


def _docker_bundle(answer: Mapping[str, Any], process: Identity) -> tuple[str, str]:
    bundle = shim_bundle(process.pid, str(answer["Id"]))
    return bundle, "its containerd-shim was not found"


def _podman_bundle(answer: Mapping[str, Any], _: Identity) -> tuple[str, str]:
    return os.path.dirname(
        answer.get("OCIConfigPath", "")
    ), "podman does not tell its OCIConfigPath"


_INSPECTED = {DOCKER: _docker_bundle, PODMAN: _podman_bundle}


def _configuration(bundle: str) -> tuple[Spec | None, str]:
    try:
        return load_spec(bundle), f"{bundle}/{CONFIG_NAME}"
    except OrlopError as error:
        return None, str(error)


def _inspect(engine: str, name: str) -> Mapping[str, Any]:
    status, out, err = _command(engine, "inspect", "--type", "container", "--", name)
    if status == 0:
        import json

        try:
            (answer,) = json.loads(out)
            return {**answer, "State": {**answer["State"], "Pid": int(answer["State"]["Pid"])}}
        except (ValueError, KeyError, TypeError) as error:
            raise Unavailable(f"cannot understand what {engine} inspect says: {error}") from error
    if _command(engine, "version")[0] == 0:
        raise NotFound(f"{engine} container", name)
    last = err.strip().splitlines()[-1:] or [f"status {status}"]
    raise Unavailable(f"cannot ask {engine} about container {name!r}: {last[0]}")


def _command(*words: str) -> tuple[int, str, str]:
    import subprocess

    try:
        done = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=_PATIENCE_S,
        )
    except subprocess.TimeoutExpired:
        raise DeadlineExceeded(
            f"{words[0]} does not answer within {_PATIENCE_S} s",
            hint=f"pid:N works without {words[0]}",
        ) from None
    except OSError as error:
        raise Unavailable(
            f"cannot run {words[0]}: {error.strerror}", hint=f"pid:N works without {words[0]}"
        ) from None
    return done.returncode, done.stdout, done.stderr


# --- all ------------------------------------------------------------------------------------


def discover(roots: Sequence[str] = ()) -> tuple[Target, ...]:
    """All containers and isolated processes of the machine, by first PID; no engine is asked.

    What belongs together is told by container ids in cgroup paths, and else by having all eight
    namespaces in common. `asked` is not filled in.
    """
    return targets_in(read_snapshot(), orlop_containers(roots or default_roots()))


def orlop_containers(roots: Iterable[str]) -> dict[Identity, str]:
    """The ids of orlop-runtime's containers that may be read, by their first processes."""
    found: dict[Identity, str] = {}
    for root in roots:
        try:
            found.update(_containers_of(Store(root)))
        except PermissionDenied:  # another user's
            continue
    return found


def _containers_of(store: Store) -> Iterator[tuple[Identity, str]]:
    for container in store.ids():
        try:
            state = store.open(container, lock=False).read()
        except OrlopError:
            continue  # it has just been deleted, or is being made
        if state.process is not None:
            yield state.process, container


def targets_in(snapshot: Snapshot, containers: Mapping[Identity, str]) -> tuple[Target, ...]:
    """The same for a snapshot, and orlop-runtime's containers by their first processes."""
    isolated = {
        seen.pid: seen
        for seen in snapshot.processes
        if seen.namespaces and seen.namespaces != snapshot.host
    }
    starters = _starters(isolated)
    groups: dict[Key, list[Seen]] = {}
    for seen in isolated.values():
        groups.setdefault(_key(starters.get(seen.pid, seen)), []).append(seen)
    found = (
        _target(
            [seen for seen in group if seen.pid not in starters] or group,
            group,
            snapshot,
            containers,
        )
        for group in groups.values()
    )
    return tuple(sorted(found, key=lambda target: target.process.pid))


def _starters(isolated: Mapping[int, Seen]) -> dict[int, Seen]:
    """Processes that have made namespaces for a child, as `unshare --pid --fork`, with that child.

    A new PID or time namespace is the child's only, so these processes are not quite in the
    group that they belong to.
    """
    return {
        parent.pid: seen
        for seen in isolated.values()
        if (parent := isolated.get(seen.parent)) is not None
        and parent.namespaces != seen.namespaces
        and _without_pid_and_time(parent) == _without_pid_and_time(seen)
    }


def _without_pid_and_time(seen: Seen) -> Mapping[str, int]:
    return {kind: inode for kind, inode in seen.namespaces.items() if kind not in ("pid", "time")}


def _key(seen: Seen) -> Key:
    container = container_of(seen.cgroups).id
    return (container,) if container else tuple(sorted(seen.namespaces.items()))


def _target(
    candidates: Sequence[Seen],
    group: Sequence[Seen],
    snapshot: Snapshot,
    containers: Mapping[Identity, str],
) -> Target:
    """What a group of processes is; an engine above orlop-runtime counts more than that itself."""
    members = tuple(sorted(seen.pid for seen in group))
    first = min(candidates, key=lambda seen: (seen.identity.start_ticks, seen.pid))
    parent = snapshot.find(first.parent)
    origin = origin_of(first.cgroups, first.command, parent.command if parent else ())
    known = next((seen.identity for seen in candidates if seen.identity in containers), None)
    if known is not None and origin.engine not in (DOCKER, PODMAN):
        container = containers[known]
        return Target(container, ORLOP, known, container, members=members)
    if not origin.id:
        engine = origin.engine or PROCESS
        return Target(f"pid:{first.pid}", engine, first.identity, str(first.pid), members=members)
    name = f"{origin.engine}:{origin.name or origin.id[:_SHORT_ID]}"
    return Target(name, origin.engine, first.identity, origin.id, members=members)
