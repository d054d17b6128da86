"""orlop: a container engine for Linux in which every start is a plan that can be read."""

from __future__ import annotations

__version__ = "0.1.0"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.sandbox import AsyncSandbox, Pool, Result, Sandbox, Usage, Verdict

__all__ = ["AsyncSandbox", "Pool", "Result", "Sandbox", "Usage", "Verdict", "__version__"]


def __getattr__(name: str) -> object:
    """The public names of `orlop.sandbox`, which is imported only when one is used."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import orlop.sandbox

    return getattr(orlop.sandbox, name)
