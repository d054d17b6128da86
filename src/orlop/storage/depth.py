"""How deep a tree may be to be walked through.

A container can make directories within directories without end, and each costs whoever walks
through them a descriptor and some of the interpreter's stack. Removing has no such limit.
"""

from __future__ import annotations

from orlop.errors import InvalidArgument

DEEPEST = 200


def check_depth(path: str) -> None:
    """A path has not too many parts.

    Raises:
        InvalidArgument: it has.
    """
    if path.count("/") > DEEPEST:
        raise InvalidArgument(
            f"cannot read {path[:60]!r}...: directories are more than {DEEPEST} levels deep",
            hint="remove them, or begin further down",
        )
