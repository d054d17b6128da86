"""What docs/sandbox.md shows in Python happens; its commands run with those of all documents."""

from __future__ import annotations

import doctest

import pytest

from tests.preconditions import ROOT

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_launcher]


def test_the_examples_work() -> None:
    failed, tried = doctest.testfile(
        str(ROOT / "docs/sandbox.md"), module_relative=False, optionflags=doctest.ELLIPSIS
    )
    assert failed == 0
    assert tried > 10
