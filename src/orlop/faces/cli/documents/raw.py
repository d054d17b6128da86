"""A JSON document as Go has it without a type: numbers keep how they were written."""

from __future__ import annotations


class Number(str):
    """A json.Number: to templates a text."""

    __slots__ = ()

    go_type = "json.Number"
    is_number = True


def raw(value: object) -> object:
    """The value with its numbers as texts."""
    if isinstance(value, dict):
        return {key: raw(member) for key, member in value.items()}
    if isinstance(value, list):
        return [raw(member) for member in value]
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return Number(value)
    return value
