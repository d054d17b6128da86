"""JSON documents as docker's client shows them: members as they came, four blanks deep."""

from __future__ import annotations

from orlop.faces.cli.template.json_ import string

_STEP = "    "


def indented(value: object, before: str = "\n") -> str:
    """Over several lines."""
    inner = before + _STEP
    if isinstance(value, dict) and value:
        pairs = (f"{string(key)}: {indented(member, inner)}" for key, member in value.items())
        return f"{{{inner}{f',{inner}'.join(pairs)}{before}}}"
    if isinstance(value, (list, tuple)) and value:
        items = (indented(item, inner) for item in value)
        return f"[{inner}{f',{inner}'.join(items)}{before}]"
    return one_line(value)


def one_line(value: object) -> str:
    """On one line, without blanks."""
    if isinstance(value, dict):
        pairs = (f"{string(key)}:{one_line(member)}" for key, member in value.items())
        return f"{{{','.join(pairs)}}}"
    if isinstance(value, (list, tuple)):
        return f"[{','.join(map(one_line, value))}]"
    return _simple(value)


def _simple(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return string(value) if isinstance(value, str) else str(value)
