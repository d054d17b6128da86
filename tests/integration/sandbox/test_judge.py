"""The example finds what it should, and its own files are safe."""

from __future__ import annotations

import pytest

from examples import judge
from orlop import Verdict

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_launcher]


def test_every_submission_gets_its_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    assert judge.main() == 0, capsys.readouterr().err
    table = capsys.readouterr().out
    assert len(table.splitlines()) == 1 + len(judge.SUBMISSIONS)
    assert set(judge.SUBMISSIONS) <= {line.split("  ")[0] for line in table.splitlines()}


def test_the_verdicts_cover_what_can_happen() -> None:
    expected = {submission.expected for submission in judge.SUBMISSIONS.values()}
    verdicts = {str(verdict) for verdict in Verdict} - {"ok"}
    assert verdicts <= expected
