"""orlop why: in plain words, why a container has ended, or is slow."""

from __future__ import annotations

from orlop.client import Client
from orlop.client.addresses import part
from orlop.faces.cli import JSON
from orlop.faces.cli.screen import BOLD, DIM, PLAIN, RED, YELLOW, Cell

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from orlop.faces.cli.screen import Screen
    from orlop.options import Values

USAGE = "[--json] CONTAINER"
WORDS = (1, 1)
ANYWHERE = True
OPTIONS = (JSON,)
EXAMPLE = """\
orlop why web
orlop why --json web"""

_TONES = {"cause": RED, "warning": YELLOW}


def run(values: Values, screen: Screen) -> int:
    """Shows the answer in one sentence, what it is made of, and the last lines that it wrote."""
    found = Client().get(f"/containers/{part(values.words[0])}/why")
    if screen.as_json:
        screen.json(found)
        return 0
    screen.paragraph("", Cell(found["Summary"], BOLD), indent=0)
    findings = found.get("Findings") or ()
    width = max((len(finding["Subject"]) for finding in findings), default=0)
    for finding in findings:
        _show(finding, width, screen)
    lines = found.get("Lines") or ()
    if lines:
        screen.title("last lines of its log")
        for line in lines:
            screen.line("  ", line)
    return 0


def _show(finding: Mapping[str, Any], width: int, screen: Screen) -> None:
    tone = _TONES.get(finding.get("Weight", ""), PLAIN)
    first = f"  {finding['Subject']:<{width}}  "
    screen.paragraph(first, Cell(finding["Text"], tone), indent=len(first))
    if finding.get("Hint"):
        screen.paragraph(" " * len(first), Cell(finding["Hint"], DIM), indent=len(first))
