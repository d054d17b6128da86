"""Paths in the container, as text; nothing here looks at a file."""

from __future__ import annotations

import posixpath


def normal(path: str) -> str:
    """An absolute container path without dots and double slashes; ".." stops at the root."""
    return posixpath.normpath("/" + path.lstrip("/"))
