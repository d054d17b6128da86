"""What could not be read, and why: said on standard error, beside what is shown."""

from __future__ import annotations

import sys

from orlop.faces.cli.screen import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.insight.snapshot import Snapshot

_NEEDS = "that needs CAP_SYS_PTRACE, or every capability that the process has"
_FIRST = 1


def note_unreadable(name: str, pid: int) -> None:
    """Not everything of one process may be read."""
    print(f"orlop: not all of {name} (PID {pid}) may be read: {_NEEDS}", file=sys.stderr)


def note_hidden(snapshot: Snapshot) -> None:
    """Says how many processes are left out; the machine's first one counts as the host's anyway."""
    hidden = [seen for seen in snapshot.unreadable() if seen.pid != _FIRST]
    if hidden:
        print(
            f"orlop: processes that are not shown, since their namespaces may not be read: "
            f"{len(hidden)} ({_NEEDS})",
            file=sys.stderr,
        )


def warn(text: str) -> None:
    """Something that is not as it should be, but keeps nothing from being done."""
    print(f"orlop: warning: {printable(text)}", file=sys.stderr)
