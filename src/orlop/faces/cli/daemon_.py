"""orlop daemon [OPTIONS]

The engine, in the foreground: it answers the Docker Engine API at a unix socket. It ends with
SIGTERM or SIGINT, and containers go on; the next one takes them over. SIGHUP makes it read its
file again.
"""

from __future__ import annotations

import sys

from orlop.faces.daemon.configuration import configure
from orlop.faces.daemon.directives import DIRECTIVES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

USAGE = "[OPTIONS]"
OPTIONS = tuple(directive.option for directive in DIRECTIVES)
WORDS = (0, 0)
EXAMPLE = """
orlop daemon
orlop daemon --data-root /srv/orlop --exec-root /run/second -H unix:///run/second/orlop.sock
"""


def run(values: Values, screen: Screen) -> int:
    """Serves until a signal ends it."""
    configuration = configure(values)
    if configuration.validate:
        print("configuration OK")
        return 0
    _find_packages()
    import gc

    gc.set_threshold(700, 10, 10)  # of a program that lasts, see orlop.startup.command
    from orlop.faces.daemon.main import run as serve

    serve(configuration)
    return 0


def _find_packages() -> None:
    """The engine's libraries can be imported: `orlop` starts without `site`, which would do it."""
    prefix = sys.executable.rpartition("/bin/")[0]
    version = ".".join(map(str, sys.version_info[:2]))
    packages = f"{prefix}/lib/python{version}/site-packages"
    if packages not in sys.path:
        sys.path.append(packages)
