"""Every command that a document shows does what the document says (support/console.py)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import isolation
from tests.integration.support import console
from tests.integration.support.orlop import named_namespaces

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_launcher]


@pytest.fixture
def default_places() -> Iterator[None]:
    """Afterwards what commands make and leave is as before: directories of /run, cgroups."""
    state = Path("/run/orlop-runtime")
    before = state.exists()
    groups = [hierarchy.at / "orlop" for hierarchy in isolation.hierarchies()]
    new = [group for group in groups if not group.exists()]
    with named_namespaces():
        yield
    for group in new:  # of an engine's containers, which are gone
        if group.exists():
            isolation.remove_cgroup(group)
    if not before:
        isolation.remove_tree(state)


@pytest.mark.usefixtures("default_places")
@pytest.mark.parametrize("document", console.documents(), ids=lambda path: path.name)
def test_commands_do_what_is_shown(document: Path) -> None:
    with console.Session() as session:
        for command in console.commands(document.read_text()):
            seen = session.run(command.text)
            assert console.agrees(command.output, seen), (
                f"{document.name}: $ {command.text}\nshown:\n"
                + "\n".join(command.output)
                + "\nseen:\n"
                + "\n".join(seen)
            )


@pytest.mark.parametrize(
    ("shown", "seen"),
    [
        (("pid 12",), ("pid 4711",)),
        (("a   b",), ("a b",)),
        (("...", "end"), ("x", "y", "end")),
        (("took 1.2 ms",), ("took 900 us",)),
        (("name ... there",), ("name of it there",)),
        ((), ()),
    ],
)
def test_what_agrees(shown: tuple[str, ...], seen: tuple[str, ...]) -> None:
    assert console.agrees(shown, seen)


@pytest.mark.parametrize(
    ("shown", "seen"),
    [
        (("isolated",), ("shared",)),
        (("one",), ("one", "two")),
        (("one", "two"), ("one",)),
        ((), ("something",)),
    ],
)
def test_what_does_not_agree(shown: tuple[str, ...], seen: tuple[str, ...]) -> None:
    assert not console.agrees(shown, seen)
