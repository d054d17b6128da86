"""A container as the engine knows it: values, as they are stored and as faces show them.

Times are nanoseconds since 1970 (UTC), 0 for never. What the kernel knows at this moment (usage,
processes) is not part of it.
"""

from __future__ import annotations

from orlop.image.config import ImageConfig
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.intent.request import Request

CREATED = "created"
RUNNING = "running"
PAUSED = "paused"
RESTARTING = "restarting"
REMOVING = "removing"
EXITED = "exited"
DEAD = "dead"

STARTING = "starting"
HEALTHY = "healthy"
UNHEALTHY = "unhealthy"


class ResolvedImage(Record):
    """An image, ready for containers.

    Attributes:
        ref: as somebody asked for it: "debian:12", "host", or a directory's path.
        id: "sha256:..." of its configuration; for `host` of what it is made of; "" for a directory.
        config: its defaults.
        lowers: absolute host directories of its unpacked layers, the uppermost first; empty for
            `host`, whose overlays the planner makes.
        platform: as "linux/amd64".
    """

    ref: str
    id: str
    config: ImageConfig = ImageConfig()
    lowers: tuple[str, ...] = ()
    platform: str = ""


class MountPoint(Record):
    """A mount of the container, as people see it.

    Attributes:
        type: "bind", "volume" or "tmpfs".
        name: of the volume, else "".
        source: host path; "" for a tmpfs.
        target: container path.
        driver: of the volume, else "".
        mode: as it was written behind -v, "" if nothing was.
        writable: it can be written to.
        propagation: as "rprivate", "" where there is none.
    """

    type: str
    target: str
    name: str = ""
    source: str = ""
    driver: str = ""
    mode: str = ""
    writable: bool = True
    propagation: str = ""


class Probe(Record):
    """One health check: when, its exit status, and the first 4096 bytes that it wrote."""

    started_ns: int
    ended_ns: int
    exit_code: int
    output: str


class HealthState(Record):
    """What the checks have found; the last five of them, the newest last."""

    status: str = STARTING
    failing_streak: int = 0
    probes: tuple[Probe, ...] = ()


class OomKill(Record):
    """The kernel ended something of the container's for want of memory.

    Attributes:
        at_ns: when it was noticed.
        limit_bytes: of the control group at that time, None if it had none.
        kills: how many processes, as the control group has counted.
        victim: name of the one that is known, "" if none is.
        victim_pid: its host PID, 0 if unknown.
    """

    at_ns: int
    limit_bytes: int | None = None
    kills: int = 1
    victim: str = ""
    victim_pid: int = 0


class State(Record):
    """Where a container is in its life.

    Attributes:
        status: one of the constants above.
        pid: host PID of its first process, 0 if there is none.
        exit_code: of its last run; 128 + n after signal n.
        error: why the last start failed, "" if it did not.
        oom: what the kernel has killed in the last run, None for nothing.
        started_ns: of the last run.
        finished_ns: of the last run that has ended.
        restarts: how often its restart policy has started it.
        stopped_by_user: somebody has stopped it, so `unless-stopped` leaves it alone.
        health: None if nobody checks.
        user_us: CPU time in user mode of the last run's first process and what it waited for.
        system_us: the same in the kernel.
        removes_volumes: while it is being removed: its anonymous volumes go, too.
    """

    status: str = CREATED
    pid: int = 0
    exit_code: int = 0
    error: str = ""
    oom: OomKill | None = None
    started_ns: int = 0
    finished_ns: int = 0
    restarts: int = 0
    stopped_by_user: bool = False
    health: HealthState | None = None
    user_us: int = 0
    system_us: int = 0
    removes_volumes: bool = False


class Container(Record):
    """A container.

    Attributes:
        id: 64 hexadecimal digits.
        name: without a slash.
        created_ns: when.
        request: what was asked, with what the image adds to it (`with_image`).
        image: what its root is made of.
        mounts: where its files come from, besides the image.
        state: of its life.
        warnings: what is not as it was asked.
        directory: its own host directory, below the data root.
        log_path: host path of its log, "" without one.
    """

    id: str
    name: str
    created_ns: int
    request: Request
    image: ResolvedImage
    mounts: tuple[MountPoint, ...] = ()
    state: State = State()
    warnings: tuple[str, ...] = ()
    directory: str = ""
    log_path: str = ""

    @property
    def is_running(self) -> bool:
        """Whether it has a process (also while it is paused)."""
        return self.state.status in (RUNNING, PAUSED)
