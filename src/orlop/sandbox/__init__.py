"""Programs that nobody trusts, in boxes with hard limits: `Sandbox`, `AsyncSandbox`, `Pool`.

docs/sandbox.md tells how to use them, and what they protect from. The names are imported when they
are used: asyncio alone takes longer than a run.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.sandbox.asynchronous import AsyncSandbox
    from orlop.sandbox.files import Entry
    from orlop.sandbox.options import BoxOptions, RunOptions
    from orlop.sandbox.pool import Pool
    from orlop.sandbox.result import Result, Usage, Verdict
    from orlop.sandbox.sync import Sandbox

__all__ = [
    "AsyncSandbox",
    "BoxOptions",
    "Entry",
    "Pool",
    "Result",
    "RunOptions",
    "Sandbox",
    "Usage",
    "Verdict",
]

_MODULES = {
    "AsyncSandbox": "asynchronous",
    "BoxOptions": "options",
    "Entry": "files",
    "Pool": "pool",
    "Result": "result",
    "RunOptions": "options",
    "Sandbox": "sync",
    "Usage": "result",
    "Verdict": "result",
}


def __getattr__(name: str) -> object:
    """A public name, from its module."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
