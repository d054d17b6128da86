"""What has to be known about the cgroup file systems before a cgroup is made.

Many control files are in every cgroup but the root, so whether a kernel has one can only be seen
in some other cgroup. Everything is looked up when it is asked for, and only then: the usual start
asks for next to nothing.
"""

from __future__ import annotations

import os
import posixpath

from orlop.kernel.cgroup import control
from orlop.kernel.cgroup.tree import processes_below
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Protocol

    from orlop.kernel.cgroup.detect import CgroupLayout
    from orlop.kernel.cgroup.settings import Place
    from orlop.kernel.cgroup.writes import Files

    class Facts(Protocol):
        """What `creation` asks about the host."""

        def files(self, place: Place) -> Files:
            """The control files of a cgroup."""

        def subtree(self, directory: str) -> Subtree | None:
            """What a v2 cgroup gives its children; None if it does not exist."""

        def occupied(self, place: Place) -> str:
            """Why a cgroup cannot be a new container's; "" if it is empty or does not exist."""


class Subtree(Record):
    """What a v2 cgroup gives its children.

    Attributes:
        enabled: the controllers that the children have.
        closed: whether no more can be enabled, because it has processes itself.
    """

    enabled: frozenset[str]
    closed: bool


class HostFacts:
    """`Facts` from the cgroup file systems as they are mounted.

    With `probe` a cgroup may be made for a moment, to see what one has.
    """

    def __init__(self, huge_pages: str = "/sys/kernel/mm/hugepages", *, probe: bool = True) -> None:
        self._huge_pages = huge_pages
        self._probe = probe

    def files(self, place: Place) -> PlaceFiles:
        """The control files of a cgroup."""
        return PlaceFiles(place, self._huge_pages, probe=self._probe)

    def subtree(self, directory: str) -> Subtree | None:
        """What a v2 cgroup gives its children; None if it does not exist."""
        enabled = control.read_or(f"{directory}/cgroup.subtree_control", "-")
        if enabled == "-":
            return None
        # The true root, which has no type, may have both processes and children with controllers.
        root = not os.path.exists(f"{directory}/cgroup.type")
        closed = not root and bool(control.read_or(f"{directory}/cgroup.procs", ""))
        return Subtree(frozenset(enabled.split()), closed)

    def occupied(self, place: Place) -> str:
        """Why a cgroup cannot be a new container's; "" if it is empty or does not exist."""
        if not os.path.isdir(place.directory):
            return ""
        if processes_below(place.directory):
            return "it has processes in it"
        frozen = control.read_or(f"{place.directory}/cgroup.freeze", "0").strip() == "1"
        state = control.read_or(f"{place.directory}/freezer.state", "THAWED").strip()
        return "it is frozen" if frozen or state != "THAWED" else ""


def limits_swap(layout: CgroupLayout) -> bool:
    """Whether memory and swap together can be limited here; a kernel may be told not to count swap.

    Of v2 a cgroup that is not the root has to be looked at; where there is none, it is believed.
    """
    from orlop.kernel.cgroup.settings import place_in

    found = layout.of("memory")
    if found is None:
        return False
    if not found.v2:
        return os.path.exists(f"{found.mount}/memory.memsw.limit_in_bytes")
    somewhere = place_in(found, found.directory(found.own))
    return HostFacts().files(somewhere).has("memory.swap.max") is not False


class PlaceFiles:
    """`Files` of one cgroup that may not exist yet."""

    def __init__(self, place: Place, huge_pages: str, *, probe: bool = True) -> None:
        self._place = place
        self._may_probe = probe
        self._huge_pages = huge_pages
        self._exists = os.path.isdir(place.directory)

    def read(self, name: str) -> str:
        """What is in the file now, "" as long as the cgroup does not exist."""
        if not self._exists:
            return ""
        return control.read_or(f"{self._place.directory}/{name}", "")

    def has(self, name: str) -> bool | None:
        """Whether the cgroup has, or will have, such a file; None if that cannot be seen."""
        controller, _, rest = name.partition(".")
        if controller == "hugetlb":
            return rest.partition(".")[0] in huge_page_sizes(self._huge_pages)
        for directory in self._examples():
            if self._shows(directory, controller):
                return os.path.exists(f"{directory}/{name}")
        return None if self._place.v2 or not self._may_probe else self._probe(name)

    def _examples(self) -> Iterator[str]:
        """Cgroups of the same hierarchy, the nearest first, without the root."""
        directory = self._place.directory
        while len(directory) > len(self._place.mount):
            if os.path.isdir(directory):
                yield directory
            directory = posixpath.dirname(directory)
        with os.scandir(self._place.mount) as entries:
            yield from (entry.path for entry in entries if entry.is_dir(follow_symlinks=False))

    def _shows(self, directory: str, controller: str) -> bool:
        """Whether files of this controller would be there; on v1 always."""
        if not self._place.v2 or controller == "cgroup":
            return True
        enabled = control.read_or(f"{directory}/cgroup.controllers", "")
        return controller in enabled.split()

    def _probe(self, name: str) -> bool:
        """The same on a v1 hierarchy without any cgroup: one is made, looked at and removed."""
        directory = f"{self._place.mount}/orlop-probe-{os.getpid()}"
        try:
            os.mkdir(directory)
        except OSError:  # not permitted; the root knows at least some
            return os.path.exists(f"{self._place.mount}/{name}")
        try:
            return os.path.exists(f"{directory}/{name}")
        finally:
            os.rmdir(directory)


def huge_page_sizes(directory: str = "/sys/kernel/mm/hugepages") -> frozenset[str]:
    """The sizes of huge pages of this kernel, as the hugetlb controller calls them ("2MB")."""
    try:
        names = os.listdir(directory)
    except FileNotFoundError:
        return frozenset()
    return frozenset(_size_name(int(name[10:-2])) for name in names if name.endswith("kB"))


def _size_name(kilobytes: int) -> str:
    """See: hugetlb_cgroup.c, mem_fmt()."""
    for unit, factor in (("GB", 1 << 20), ("MB", 1 << 10)):
        if kilobytes >= factor:
            return f"{kilobytes // factor}{unit}"
    return f"{kilobytes}KB"
