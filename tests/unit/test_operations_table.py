"""One table of operations in three places: the document, the Python classes, the launcher."""

from __future__ import annotations

import re
import subprocess
from typing import NamedTuple

import pytest

from orlop.launch.plan import Operation, operations
from orlop.launch.wire import op_name, signature
from orlop.records import fields
from tests.preconditions import ROOT, launcher


class Row(NamedTuple):
    """An operation as the wire format knows it."""

    kind: int
    name: str
    signature: str


def documented() -> dict[Row, tuple[str, ...]]:
    """The rows of the document's table, with the names of the fields."""
    text = (ROOT / "docs/launch-plan.md").read_text().partition("\n## Operations\n")[2]
    rows = re.findall(r"^\| (\d+) \| (\w+) \| (\w*) \| ([^|]*) \|$", text, re.MULTILINE)
    found = [(Row(int(kind), name, letters), names) for kind, name, letters, names in rows]
    assert len(found) == len(dict(found))
    return {row: tuple(filter(None, names.strip().split(", "))) for row, names in found}


def in_python() -> dict[Row, tuple[str, ...]]:
    return {
        Row(kind, op_name(cls), signature(cls)): fields(cls) for kind, cls in operations().items()
    }


def test_kinds_and_names_are_unique() -> None:
    classes = Operation.__subclasses__()
    assert len({cls.kind for cls in classes}) == len(classes)
    rows = list(documented())
    assert len({row.kind for row in rows}) == len({row.name for row in rows}) == len(rows)


def test_the_document_describes_the_classes() -> None:
    assert documented() == in_python()


def test_every_operation_says_what_it_does() -> None:
    for cls in operations().values():
        assert (cls.__doc__ or "").strip(), cls


@pytest.mark.requires_launcher
def test_the_launcher_performs_what_is_documented() -> None:
    done = subprocess.run([launcher(), "--operations"], check=True, capture_output=True, text=True)
    rows = [line.split() for line in done.stdout.splitlines()]
    listed = [Row(int(kind), name, "".join(letters)) for kind, name, *letters in rows]
    assert sorted(listed) == sorted(documented())
