"""What docker's client makes of the templates of the unit tests: so that these stay true."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.integration.support.answering import answering
from tests.preconditions import ROOT

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_docker]

KNOWN = json.loads((ROOT / "tests/unit/faces/template_cases.json").read_text())
ERROR = "template parsing error: "
AT_A_TIME = 2


def test_docker_agrees(workspace: Path) -> None:
    with answering(workspace, {"/volumes/v": KNOWN["volume"]}) as engine:

        def outcome(template: str) -> str:
            done = engine.docker("volume", "inspect", "-f", template, "v")
            if done.status == 0:
                return done.out.removesuffix("\n")
            return done.err.strip("\n").removeprefix(ERROR)

        templates = [template for template, _ in KNOWN["cases"]]
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            found = dict(zip(templates, pool.map(outcome, templates), strict=True))
    # Output that is no UTF-8 is read with replacements here.
    expected = {
        template: text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        for template, text in KNOWN["cases"]
    }
    assert found == expected
