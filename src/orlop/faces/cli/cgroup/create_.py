"""orlop cgroup create"""

from __future__ import annotations

from orlop.faces.cli import JSON
from orlop.faces.cli.cgroup.options import LIMIT_OPTIONS, asked, show_done
from orlop.insight.byhand.cgroups import create

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

USAGE = "NAME [OPTIONS]"
WORDS = (1, 1)
ANYWHERE = True
OPTIONS = (*LIMIT_OPTIONS, JSON)
EXAMPLE = "orlop cgroup create box --memory 256m --cpus 0.5 --pids 64"


def run(values: Values, screen: Screen) -> int:
    """Makes it, and says how."""
    name = values.words[0]
    show_done(name, create(name, asked(values)), screen)
    return 0
