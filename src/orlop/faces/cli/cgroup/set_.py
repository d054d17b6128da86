"""orlop cgroup set"""

from __future__ import annotations

from orlop.faces.cli import JSON
from orlop.faces.cli.cgroup.options import LIMIT_OPTIONS, asked, show_done
from orlop.insight.byhand.cgroups import change

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

USAGE = "NAME [OPTIONS]"
WORDS = (1, 1)
ANYWHERE = True
OPTIONS = (*LIMIT_OPTIONS, JSON)
EXAMPLE = "orlop cgroup set box --memory 256m --cpus 0.5 --pids 64"


def run(values: Values, screen: Screen) -> int:
    """Changes the limits that are given; others stay, and -1 takes one away."""
    name = values.words[0]
    show_done(name, change(name, asked(values)), screen)
    return 0
