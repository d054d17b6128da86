"""What the modules v1 and v2 are asked and what they answer.

A controller's function takes the resources and what is known about the control files of one
cgroup, and yields the writes that put the resources into force, in an order that the kernel
accepts. It does not touch the cgroup.
"""

from __future__ import annotations

from orlop.errors import Unsupported
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any, Protocol

    from orlop.kernel.cgroup.resources import Resources

    class Files(Protocol):
        """The control files of one cgroup, which need not exist yet."""

        def has(self, name: str) -> bool | None:
            """Whether the cgroup has, or will have, such a file; None if that is not known."""

        def read(self, name: str) -> str:
            """What is in the file now, "" as long as the cgroup does not exist."""

    Controller = Callable[[Resources, Files], Iterable["Write"]]


BANDWIDTH = "CPU bandwidth control (CONFIG_CFS_BANDWIDTH)"
SWAP = "swap accounting (CONFIG_SWAP, and no swapaccount=0 at boot)"


class Write(Record):
    """One value for one control file.

    Attributes:
        file: its name.
        value: as the kernel takes it.
        field: where it comes from, below `linux.resources`.
        needs: what a kernel must have to have the file, "" if all that we support have it.
        lifts: whether this asks for no limit, so that where there is no such file nothing is
            missing.
    """

    file: str
    value: str
    field: str
    needs: str = ""
    lifts: bool = False


class Row(Record):
    """How one plain field becomes one write.

    Attributes:
        field: its name below `linux.resources`.
        attribute: its name in the record.
        file, needs: of the `Write`.
        text: makes the value; a result of "" is not written.
    """

    field: str
    attribute: str
    file: str
    text: Callable[[Any], str] = str
    needs: str = ""


def from_rows(rows: Iterable[Row], section: Record) -> Iterator[Write]:
    """The writes of those fields that are set."""
    for row in rows:
        asked = getattr(section, row.attribute)
        value = "" if asked is None else row.text(asked)
        if value:
            lifts = value in ("max", "-1") or asked is False
            yield Write(row.file, value, row.field, row.needs, lifts)


def name(field: str) -> str:
    """A field's name for messages."""
    return f"linux.resources.{field}"


def unsupported(field: str, needs: str) -> Unsupported:
    """The error for a field that cannot be put into force."""
    return Unsupported(name(field), needs=needs)


class Everything:
    """`Files` of a cgroup that does not exist on a kernel that has everything."""

    def has(self, name: str) -> bool | None:
        """True."""
        return True

    def read(self, name: str) -> str:
        """Nothing."""
        return ""
