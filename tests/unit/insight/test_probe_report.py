"""What a probe tells: its words, and expected beside observed."""

from __future__ import annotations

import errno

import pytest

from orlop.insight.probe.attempts import BY_NAME
from orlop.insight.probe.expectations import expect
from orlop.insight.probe.facts import Facts
from orlop.insight.probe.outcomes import Outcome
from orlop.insight.probe.report import compare, parse

FACTS = Facts(
    capabilities=0,
    uid=1000,
    host_uid=1000,
    host_users=True,
    shared=frozenset(),
    governed=frozenset(),
)


class TestWords:
    @pytest.mark.parametrize(
        ("outcome", "text"),
        [
            (Outcome("done"), "done"),
            (Outcome("absent"), "absent"),
            (Outcome("refused", errno.EPERM), "refused: EPERM"),
            (Outcome("refused", 4000), "refused: errno 4000"),
            (Outcome("broken", errno.EAGAIN), "broken: EAGAIN"),
            (Outcome("killed", 31), "killed by SIGSYS"),
            (Outcome("killed", 200), "killed by signal 200"),
            (Outcome("stuck"), "stuck"),
            (Outcome("limited", 503), "limited (0.503 CPUs)"),
            (Outcome("done", 1990), "done (1.99 CPUs)"),
        ],
    )
    def test_text(self, outcome: Outcome, text: str) -> None:
        assert outcome.text == text

    def test_what_was_measured_does_not_count(self) -> None:
        assert Outcome("limited").fits(Outcome("limited", 503))
        assert not Outcome("refused", errno.EPERM).fits(Outcome("refused", errno.EACCES))
        assert not Outcome("limited").fits(Outcome("done", 503))


class TestParse:
    def test_lines(self) -> None:
        assert parse(b"mount done 0\nreboot refused 1\n") == {
            "mount": Outcome("done"),
            "reboot": Outcome("refused", 1),
        }

    @pytest.mark.parametrize(
        "line",
        [
            *(b"", b"mount", b"mount done", b"mount done x", b"mount done -1", b"mount won 0"),
            *(b"mount done 0 0", b"mount  done 0", b"\xff\xfe \x00 1", "mount done ²".encode()),
        ],
    )
    def test_anything_else_is_passed_over(self, line: bytes) -> None:
        assert parse(line + b"\nreboot done 0\n") == {"reboot": Outcome("done")}

    def test_the_first_word_counts(self) -> None:
        assert parse(b"mount refused 1\nmount done 0\n") == {"mount": Outcome("refused", 1)}


AS_EXPECTED = {name: expect(name, FACTS).outcomes[0] for name in BY_NAME}


class TestCompare:
    def test_as_expected(self) -> None:
        assert not compare(FACTS, {}, AS_EXPECTED).differences

    def test_every_other_outcome_is_a_difference(self) -> None:
        for name in BY_NAME:
            report = compare(FACTS, {}, {**AS_EXPECTED, name: Outcome("stuck")})
            assert [found.attempt.name for found in report.differences] == [name]

    def test_silence_is_a_difference(self) -> None:
        assert len(compare(FACTS, {}, {}).differences) == len(BY_NAME)

    def test_what_was_not_tried_is_none(self) -> None:
        report = compare(FACTS, {"exceed_cpu": "no quota"}, AS_EXPECTED)
        assert not report.differences
        assert report.outcome("exceed_cpu") is None
        assert report.outcome("exceed_tasks") == Outcome("refused", errno.EAGAIN)
