"""run: create and start in one, in the foreground or detached."""

from __future__ import annotations

from orlop.launch.plan import STAY
from orlop.runtime.lifecycle.create import begin, open_bundle
from orlop.runtime.lifecycle.foreground import in_foreground

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from orlop.errors import OrlopError
    from orlop.launch.executor import Launch
    from orlop.runtime.lifecycle.create import Bundle, Warn
    from orlop.runtime.lifecycle.gather import Choices
    from orlop.runtime.spec import Spec
    from orlop.runtime.state import Store


def run_detached(store: Store, container: str, choices: Choices, warn: Warn) -> None:
    """Makes a container whose program runs; nothing of orlop waits for it.

    Raises:
        As `orlop.runtime.lifecycle.create.create`.
    """
    bundle = open_bundle(choices, warn)
    with begin(store, container, bundle, choices) as launch:
        launch.reap()
    _poststart(store, container, bundle.spec)


def run(
    store: Store, container: str, choices: Choices, warn: Warn, *, keep: bool
) -> tuple[int, Sequence[OrlopError]]:
    """Runs a container to its end, with this process's stdio, terminal and signals.

    Returns:
        Its exit status, and what went wrong in poststop hooks. It is deleted unless `keep`.
    """
    return run_bundle(store, container, open_bundle(choices, warn), choices, keep=keep)


def run_bundle(
    store: Store,
    container: str,
    bundle: Bundle,
    choices: Choices,
    *,
    keep: bool = False,
    started: Callable[[Launch], None] | None = None,
    flags: int = 0,
) -> tuple[int, Sequence[OrlopError]]:
    """The same of a bundle that was opened.

    `started` gets the launcher once the program runs; `flags` are further ones of the plan.
    """
    process = bundle.spec.process
    begun = False

    def start(console: int | None) -> Launch:
        nonlocal begun
        launch = begin(store, container, bundle, choices, console=console, flags=STAY | flags)
        begun = True
        if started is not None:
            started(launch)
        _poststart(store, container, bundle.spec)
        return launch

    try:
        own_terminal = bool(process and process.terminal and not choices.console_socket)
        status = in_foreground(start, terminal=own_terminal)
    except BaseException:
        if begun and not keep:
            _delete(store, container, bundle.spec)
        raise
    return status, () if keep else _delete(store, container, bundle.spec)


def _delete(store: Store, container: str, spec: Spec) -> Sequence[OrlopError]:
    from orlop.runtime.lifecycle.delete import delete

    return delete(store, container, force=True, spec=spec)


def _poststart(store: Store, container: str, spec: Spec) -> None:
    if spec.hooks.poststart:
        from orlop.runtime.lifecycle.start import poststart
        from orlop.runtime.lifecycle.status import look

        poststart(look(store.open(container, lock=False)), spec)
