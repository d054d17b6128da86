"""Limits as options, and how what was done is shown."""

from __future__ import annotations

from orlop.insight.byhand.limits import LIMITS
from orlop.options import TEXT, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

_ALIASES = {"memory": ("--memory", "-m"), "pids": ("--pids", "--pids-limit")}
LIMIT_OPTIONS = tuple(
    Option(_ALIASES.get(limit.name, (f"--{limit.name}",)), TEXT, limit.help, limit.value)
    for limit in LIMITS
)


def asked(values: Values) -> dict[str, str]:
    """What the options ask for, by the limits' names."""
    return {limit.name: values.text(limit.name) for limit in LIMITS if values.given(limit.name)}


def show_done(name: str, done: Sequence[str], screen: Screen) -> None:
    """What was done, in the kernel's words."""
    if screen.as_json:
        screen.json({"name": name, "done": list(done)})
        return
    for line in done:
        screen.line(line)
