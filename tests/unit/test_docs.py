"""What the documents point to exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.preconditions import ROOT

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
GENERATED = {line.strip("/") for line in (ROOT / ".gitignore").read_text().splitlines()}
PLACES = (ROOT, ROOT / "src/orlop", ROOT / "launch")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text())
    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_files_that_are_named_exist(document: Path) -> None:
    names = re.findall(r"`([\w./-]+(?:\.(?:py|c|h|md)|/))`", document.read_text())
    there = [name for name in names if any((place / name).exists() for place in PLACES)]
    missing = {name for name in names if name.strip("/") not in GENERATED}
    assert sorted(missing.difference(there)) == []
