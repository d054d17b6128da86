"""Hooks that run when no plan does: poststart and poststop."""

from __future__ import annotations

from orlop.errors import OrlopError, Unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from orlop.runtime.spec import Hook


def run_hooks(kind: str, hooks: Sequence[Hook], state: str) -> None:
    """Runs the hooks one after the other, `state` on their stdin, until one fails.

    Raises:
        Unavailable: a hook could not be run, failed, or took longer than its timeout.
    """
    for index, hook in enumerate(hooks):
        _run(f"hooks.{kind}[{index}] {hook.path}", hook, state)


def run_hooks_to_the_end(kind: str, hooks: Sequence[Hook], state: str) -> list[OrlopError]:
    """Runs all hooks whatever happens to one; returns what went wrong."""
    errors: list[OrlopError] = []
    for index, hook in enumerate(hooks):
        try:
            _run(f"hooks.{kind}[{index}] {hook.path}", hook, state)
        except OrlopError as error:
            errors.append(error)
    return errors


def _run(what: str, hook: Hook, state: str) -> None:
    import subprocess

    try:
        done = subprocess.run(
            hook.args or (hook.path,),
            executable=hook.path,
            env=dict(entry.partition("=")[::2] for entry in hook.env),
            input=state.encode(),
            capture_output=True,
            timeout=hook.timeout,
            cwd="/",
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{what} ran longer than {hook.timeout} s and was killed") from None
    except OSError as error:
        raise Unavailable(f"{what} could not be run: {error.strerror}") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        raise Unavailable(f"{what} ended with status {done.returncode}: {said}")
