"""What was done by hand to namespaces and control groups, in the kernel's words."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from orlop.faces.cli.screen import Screen
    from orlop.options import Values


def remove_each(
    values: Values, screen: Screen, remove: Callable[[str, bool], Sequence[str]]
) -> int:
    """Removes one after the other, and says how; returns the exit status.

    Args:
        values: names, and `--force`.
        screen: shows it.
        remove: one by its name, by force or not; returns what was done.
    """
    removed = []
    for name in values.words:
        done = remove(name, values.flag("force"))
        removed.append({"name": name, "done": list(done)})
        for line in () if screen.as_json else done:
            screen.line(line)
    if screen.as_json:
        screen.json(removed)
    return 0
