"""OCI hooks: each gets the container's state on its stdin, with the first process's PID in it."""

from __future__ import annotations

from orlop.insight.shell.words import word, words
from orlop.launch.plan import CONTAINER, RunHook

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from orlop.insight.shell.draft import Draft, Renderings


def _run(op: RunHook, d: Draft) -> None:
    if d.side == CONTAINER and d.pivoted:
        _run_inside(op, d)
        return
    limit = f"timeout --signal=KILL {op.timeout_ms / 1000:g} " if op.timeout_ms else ""
    program = word(op.path)
    if op.argv[0] != op.path:
        program = f"""bash -c 'exec -a "$0" "$@"' {word(op.argv[0])} {program}"""
    rest = words(op.argv[1:])
    d.here(
        f"{_state(op.state, '$first')} |",
        f"  {limit}env --ignore-environment -- {words(op.env)} {program} {rest}".rstrip(),
    )


def _run_inside(op: RunHook, d: Draft) -> None:
    """After the root was entered there is nothing but the shell itself."""
    if op.timeout_ms:
        d.misses("the time limit of hooks in the container")
    variables = [entry.partition("=") for entry in op.env]
    d.finish(
        f"{_state(op.state, '$2')} | (",
        *(f"  export {name}={word(value)}" for name, _, value in variables),
        f"  exec {words((op.path, *op.argv[1:]))} 8<&- 9>&-",
        ")",
    )


def _state(parts: Sequence[str], pid: str) -> str:
    pid_word = f' "{pid}" '
    return "printf %s " + pid_word.join(map(word, parts))


RENDERINGS: Renderings = {RunHook: _run}
