"""orlop-runtime ps"""

from __future__ import annotations

from orlop import jsontext
from orlop.errors import InvalidArgument, Unavailable
from orlop.options import TEXT, Option
from orlop.runtime.lifecycle.status import look

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.options import Values
    from orlop.runtime.cli.log import Log
    from orlop.runtime.state import Store

USAGE = "[--format table|json] CONTAINER [PS OPTIONS]"
WORDS = (1, 1 << 16)
OPTIONS = (Option(("--format", "-f"), TEXT, "table (default) or json: only the PIDs", "FORMAT"),)


def run(store: Store, values: Values, _: Log) -> int:
    """Prints the processes in the container's control groups, with their PIDs on the host."""
    container, *arguments = values.words
    pids = look(store.open(container, lock=False)).cgroup().processes()
    form = values.text("format", "table")
    if form == "json":
        print(jsontext.dumps(list(pids)))
        return 0
    if form != "table":
        raise InvalidArgument(f"--format: {form!r} is neither table nor json")
    for line in _ps_lines(arguments or ["-ef"], frozenset(pids)):
        print(line)
    return 0


def _ps_lines(arguments: list[str], pids: frozenset[int]) -> list[str]:
    import subprocess

    try:
        done = subprocess.run(
            ["ps", *arguments], capture_output=True, text=True, errors="replace", check=False
        )
    except OSError as error:
        raise Unavailable(f"cannot run ps: {error.strerror}", hint="use --format json") from error
    if done.returncode:
        raise InvalidArgument(f"ps: {done.stderr.strip()}")
    header, *lines = done.stdout.splitlines() or [""]
    titles = header.split()
    if "PID" not in titles:
        raise InvalidArgument("the ps options have to leave the column PID")
    column = titles.index("PID")
    return [header, *(line for line in lines if int(line.split()[column]) in pids)]
