"""What the planner knows besides the configuration: facts about the host and about this call."""

from __future__ import annotations

from orlop.kernel import capabilities
from orlop.launch.plan import NO_SLOT, Slot
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from orlop.kernel.cgroup.creation import Creation, Entry
    from orlop.kernel.cgroup.detect import CgroupLayout, Hierarchy
    from orlop.kernel.idmap import IdMap
    from orlop.kernel.seccomp import Filter
    from orlop.launch.supervision import Supervision
    from orlop.runtime.layers import Layers


class Handed(Record):
    """Descriptors of the caller that go to the launcher with the plan, in this order.

    Attributes:
        console: a connected socket that gets the master of the container's terminal.
        pidfd_socket: a connected socket that gets a pidfd of the container's first process.
        listener: a listening socket; the program is executed when somebody connects.
        target: a pidfd of the process whose namespaces an exec joins.
        program: the program to execute, instead of one of the container's.
        server: a connected socket; the first process starts programs when it is asked over it,
            instead of executing one.
        shim_socket: a listening socket; a staying launcher takes commands and clients there.
        shim_directory: the directory in which it is.
        shim_stdin: the launcher's end of the program's stdin.
        shim_stdout: the same of its stdout.
        shim_stderr: the same of its stderr.
        log_directory: the directory of its log.
        preserved: what the container's program finds as descriptors 3 and above.
    """

    console: int | None = None
    pidfd_socket: int | None = None
    listener: int | None = None
    target: int | None = None
    program: int | None = None
    server: int | None = None
    shim_socket: int | None = None
    shim_directory: int | None = None
    shim_stdin: int | None = None
    shim_stdout: int | None = None
    shim_stderr: int | None = None
    log_directory: int | None = None
    preserved: tuple[int, ...] = ()

    def fds(self) -> tuple[int, ...]:
        """All of them, as `orlop.launch.executor.launch` takes them."""
        single = (getattr(self, field) for field in self.__record_fields__ if field != "preserved")
        return tuple(fd for fd in single if fd is not None) + self.preserved

    def slot(self, name: str) -> Slot:
        """The slot of one of them by its field's name, NO_SLOT if it was not handed over.

        For `preserved`: the slot of the first.
        """
        count = 0
        for field in self.__record_fields__:
            if field == name:
                return NO_SLOT if getattr(self, field) is None else Slot(count)
            count += getattr(self, field) is not None
        raise KeyError(name)


class Situation(Record):
    """Facts and choices that are not in config.json. All paths are the host's and absolute.

    Attributes:
        id: of the container.
        bundle: directory of the configuration.
        root: directory of the root file system.
        layers: what is mounted over it, in the container's mount namespace; None for the directory
            as it is.
        layout: the host's cgroup hierarchies.
        cgroup: what to make there, None to leave the process where it is.
        handed: descriptors given along.
        seccomp: the compiled filter, if the configuration has one.
        copied_filters: filters of a running process that are to be loaded as well, in this order.
        capabilities: those that the caller can pass on, as bits. What it cannot grant is left out
            with a warning, as runtime-spec config.md#linux-process demands.
        privileged: whether the caller has the initial user namespace's capabilities.
        no_pivot: move the root instead of pivoting it (an initramfs cannot be pivoted).
        new_keyring: start a session keyring for the container.
        net_addresses: for each network device to move, what ConfigureNetDevice takes.
        joined_maps: uid and gid map of a user namespace that is joined by path.
        id_map_helpers: whether id maps have to be written by newuidmap(1) and newgidmap(1).
        flags: of the plan (STAY, ...).
        supervision: what a launcher that stays does with the streams, None for nothing.
        init: the program has the launcher's own init as its parent.
    """

    id: str
    bundle: str
    root: str
    layout: CgroupLayout
    layers: Layers | None = None
    cgroup: Creation | None = None
    handed: Handed = Handed()
    seccomp: Filter | None = None
    copied_filters: tuple[Filter, ...] = ()
    capabilities: int = capabilities.ALL
    privileged: bool = True
    no_pivot: bool = False
    new_keyring: bool = True
    net_addresses: Mapping[str, bytes] | None = None
    joined_maps: tuple[tuple[IdMap, ...], tuple[IdMap, ...]] = ((), ())
    id_map_helpers: bool = False
    flags: int = 0
    supervision: Supervision | None = None
    init: bool = False

    @property
    def filters(self) -> tuple[Filter, ...]:
        """All filters that the process loads."""
        return self.copied_filters if self.seccomp is None else (*self.copied_filters, self.seccomp)

    def cgroup_directory(self, hierarchy: Hierarchy) -> str:
        """The host path of the container's cgroup in a hierarchy."""
        paths = self.cgroup.paths if self.cgroup else {}
        return paths.get(hierarchy.mount) or hierarchy.directory("")


class Joining(Record):
    """What an exec needs to know of the container that it joins.

    Attributes:
        types: the namespaces in which the container differs from the caller.
        cgroup: the files or directory through which its cgroup is entered, or how to make one
            of the process's own; None to leave the process where it is.
    """

    types: tuple[str, ...]
    cgroup: Entry | Creation | None
