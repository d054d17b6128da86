"""What a command says beside what it shows: lines on standard error, coloured on terminals."""

from __future__ import annotations

import sys

from orlop.faces.cli.screen import BOLD, RED, YELLOW, Cell, Screen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.errors import OrlopError
    from orlop.insight.snapshot import Snapshot

_NEEDS = "that needs CAP_SYS_PTRACE, or every capability that the process has"
_FIRST = 1


def note(text: str) -> None:
    """Something that is good to know."""
    _say(Cell("orlop:", BOLD), " ", text)


def warn(*texts: str) -> None:
    """What is not as it should be, but keeps nothing from being done; a line each."""
    for text in texts:
        _say(Cell("orlop: warning:", YELLOW), " ", text)


def complain(error: OrlopError) -> None:
    """What went wrong, and what can be done about it."""
    _say(Cell("orlop:", RED), " ", str(error))


def _say(*parts: str) -> None:
    Screen(sys.stderr).line(*parts)


def note_unreadable(name: str, pid: int) -> None:
    """Not everything of one process may be read."""
    note(f"not all of {name} (PID {pid}) may be read: {_NEEDS}")


def note_hidden(snapshot: Snapshot) -> None:
    """Says how many processes are left out; the machine's first one counts as the host's anyway."""
    hidden = [seen for seen in snapshot.unreadable() if seen.pid != _FIRST]
    if hidden:
        reason = f"since their namespaces may not be read: {len(hidden)} ({_NEEDS})"
        note(f"processes that are not shown, {reason}")
