"""What filters say to system calls, by name and in words."""

from __future__ import annotations

import errno
import platform
import random

import pytest

from orlop.errors import InvalidArgument, NotFound, PermissionDenied, Unsupported
from orlop.insight.filters import (
    DEPENDS,
    FILTER,
    NONE,
    STRICT,
    Action,
    AnswerDifference,
    FilterReading,
    SyscallAnswer,
    answers,
    differences,
    docker_default,
    read_filters,
    reading_of,
)
from orlop.kernel import process, seccomp_library
from orlop.kernel.capabilities import DOCKER_DEFAULT
from orlop.kernel.seccomp import ArgRule, Profile, SyscallRule
from orlop.kernel.seccomp_live import LiveFilter
from tests import bpf

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="numbers of x86-64")

BIG = 0x1_0000_0005


def deny(*rules: SyscallRule, default: str = "SCMP_ACT_ALLOW") -> Profile:
    return Profile(default, syscalls=rules)


def rule(name: str, *args: ArgRule, action: str = "SCMP_ACT_ERRNO") -> SyscallRule:
    return SyscallRule((name,), action, args=args)


def answer_to(reading: FilterReading, name: str, architecture: str = "x86_64") -> SyscallAnswer:
    (found,) = answers(reading, (architecture,))
    return next(answer for answer in found.answers if answer.name == name)


def only(*instructions: tuple[int, int, int, int]) -> FilterReading:
    return FilterReading(FILTER, (LiveFilter(bpf.assemble(*instructions)),))


class TestAnswers:
    @pytest.mark.parametrize(
        ("action", "kind", "text"),
        [
            ("SCMP_ACT_ALLOW", "allow", "allow"),
            ("SCMP_ACT_ERRNO", "errno", "errno(EPERM)"),
            ("SCMP_ACT_KILL_PROCESS", "kill process", "kill process"),
            ("SCMP_ACT_KILL_THREAD", "kill thread", "kill thread"),
            ("SCMP_ACT_LOG", "log", "log"),
            ("SCMP_ACT_TRACE", "trace", "trace(1)"),
            ("SCMP_ACT_TRAP", "trap", "trap"),
        ],
    )
    def test_actions(self, action: str, kind: str, text: str) -> None:
        default = "SCMP_ACT_LOG" if kind == "allow" else "SCMP_ACT_ALLOW"
        found = answer_to(reading_of(deny(rule("mkdir", action=action), default=default)), "mkdir")
        assert (found.kind, found.text) == (kind, text)

    def test_names_and_numbers(self) -> None:
        (found,) = answers(FilterReading(NONE), ("x86_64",))
        names = {answer.name: answer.number for answer in found.answers}
        assert (names["read"], names["mkdir"], names["clone3"]) == (0, 83, 435)
        assert {answer.text for answer in found.answers} == {"allow"}
        assert found.newer.number == max(names.values()) + 1

    def test_all_architectures_of_the_machine(self) -> None:
        found = {it.architecture: it for it in answers(docker_default(DOCKER_DEFAULT))}
        assert set(found) == {"x86_64", "x86", "x32"}
        for it in found.values():
            by_name = {answer.name: answer.text for answer in it.answers}
            assert by_name["read"] == "allow"
            assert by_name["keyctl"] == "errno(EPERM)"
            assert it.newer.text == "errno(ENOSYS)"

    def test_foreign_architectures(self) -> None:
        assert answer_to(docker_default(DOCKER_DEFAULT), "read", "aarch64").text == "kill thread"

    def test_an_unknown_architecture(self) -> None:
        with pytest.raises(InvalidArgument, match="PDP11"):
            answers(FilterReading(NONE), ("pdp11",))

    def test_strict_mode(self) -> None:
        (found,) = answers(FilterReading(STRICT), ("x86_64",))
        allowed = {answer.name for answer in found.answers if answer.text == "allow"}
        assert allowed == {"read", "write", "exit", "rt_sigreturn"}
        assert {answer.text for answer in found.answers} == {"allow", "kill thread"}
        assert answer_to(FilterReading(STRICT), "sigreturn", "x86").text == "allow"

    def test_an_errno_that_has_no_name(self) -> None:
        assert Action("errno", 0).text == "errno(0)"
        assert Action("errno", 4000).text == "errno(4000)"

    def test_a_reading_that_failed(self) -> None:
        failed = FilterReading(FILTER, problem=PermissionDenied("no"))
        for asked in (lambda: answers(failed), lambda: differences(failed, failed)):
            with pytest.raises(PermissionDenied):
                asked()

    def test_a_computed_answer(self) -> None:
        found = answer_to(only((0x20, 0, 0, 16), (0x16, 0, 0, 0)), "read")
        assert (found.kind, found.text) == (DEPENDS, "computed")

    def test_too_many_paths(self) -> None:
        rows = []
        for word in range(16, 64, 4):
            rows += [(0x20, 0, 0, word), (0x15, 0, 0, 7)]
        found = answer_to(only(*rows, (0x06, 0, 0, bpf.ALLOW)), "read")
        assert (found.kind, found.cases) == (DEPENDS, ())
        assert "too many" in found.text

    def test_without_libseccomp(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def missing() -> seccomp_library.Library:
            raise Unsupported("seccomp", needs="libseccomp")

        monkeypatch.setattr(seccomp_library, "load", missing)
        with pytest.raises(Unsupported, match="libseccomp"):
            answers(FilterReading(NONE))


class TestConditions:
    @pytest.mark.parametrize(
        ("operator", "value", "value_two", "text"),
        [
            ("SCMP_CMP_EQ", 5, 0, "errno(EPERM) if arg1 == 5, else allow"),
            ("SCMP_CMP_EQ", BIG, 0, f"errno(EPERM) if arg1 == {BIG:#x}, else allow"),
            ("SCMP_CMP_NE", 5, 0, "allow if arg1 == 5, else errno(EPERM)"),
            ("SCMP_CMP_LT", 5, 0, "allow if arg1 >= 5, else errno(EPERM)"),
            ("SCMP_CMP_LE", 5, 0, "allow if arg1 >= 6, else errno(EPERM)"),
            ("SCMP_CMP_GT", 5, 0, "allow if arg1 <= 5, else errno(EPERM)"),
            ("SCMP_CMP_GE", 5, 0, "allow if arg1 <= 4, else errno(EPERM)"),
            ("SCMP_CMP_GE", BIG, 0, f"allow if arg1 <= {BIG - 1:#x}, else errno(EPERM)"),
            ("SCMP_CMP_MASKED_EQ", 4, 4, "allow if arg1 & 0x4 == 0, else errno(EPERM)"),
            (
                "SCMP_CMP_MASKED_EQ",
                0xF0F,
                0x101,
                "errno(EPERM) if arg1 & 0xf0f == 0x101, else allow",
            ),
            (
                "SCMP_CMP_MASKED_EQ",
                0xF0_0000_000F,
                0x10_0000_0001,
                "errno(EPERM) if arg1 & 0xf00000000f == 0x1000000001, else allow",
            ),
        ],
    )
    def test_operators(self, operator: str, value: int, value_two: int, text: str) -> None:
        profile = deny(rule("mkdir", ArgRule(1, value, value_two, operator)))
        found = answer_to(reading_of(profile), "mkdir")
        assert found.kind == DEPENDS
        assert found.text == text
        self.agrees(reading_of(profile), found, 83, (value, value_two))

    def test_two_arguments(self) -> None:
        profile = deny(rule("mkdir", ArgRule(0, 1), ArgRule(2, 7, 0, "SCMP_CMP_GE")))
        found = answer_to(reading_of(profile), "mkdir")
        assert found.text == "errno(EPERM) if arg0 == 1 and arg2 >= 7, else allow"
        self.agrees(reading_of(profile), found, 83, (1, 7))

    def test_alternatives(self) -> None:
        profile = deny(rule("mkdir", ArgRule(0, 1)), rule("mkdir", ArgRule(1, 2)))
        found = answer_to(reading_of(profile), "mkdir")
        self.agrees(reading_of(profile), found, 83, (1, 2))

    def test_several_answers(self) -> None:
        profile = deny(
            rule("mkdir", ArgRule(0, 1)),
            rule("mkdir", ArgRule(0, 2), action="SCMP_ACT_TRAP"),
            rule("mkdir", ArgRule(0, 3), action="SCMP_ACT_TRAP"),
        )
        found = answer_to(reading_of(profile), "mkdir")
        assert found.text == "errno(EPERM) if arg0 == 1, trap if arg0 in {2..3}, else allow"
        assert found.action_for((3,)) == Action("trap")
        assert found.action_for((1, 9, 9)) == Action("errno", errno.EPERM)
        assert found.action_for(()) == Action("allow")

    def test_those_of_the_default_profile(self) -> None:
        reading = docker_default(DOCKER_DEFAULT)
        texts = {name: answer_to(reading, name).text for name in ("personality", "clone", "socket")}
        assert texts == {
            "personality": (
                "allow if arg0 in {0, 8, 0x20000, 0x20008, 0xffffffff}, else errno(EPERM)"
            ),
            "clone": "allow if arg0 & 0x7e020000 == 0, else errno(EPERM)",
            "socket": "errno(EPERM) if (u32)arg0 in {38, 40, 256..0xffffffff}, else allow",
        }

    def test_arithmetic(self) -> None:
        found = answer_to(
            only(
                (0x20, 0, 0, 16),
                (0x04, 0, 0, 3),
                (0x45, 0, 1, 8),
                (0x06, 0, 0, bpf.errno(1)),
                (0x06, 0, 0, bpf.ALLOW),
            ),
            "read",
        )
        assert found.text == "allow if (((u32)arg0 + 3) & 8) == 0, else errno(EPERM)"

    def test_the_instruction_pointer(self) -> None:
        found = answer_to(
            only(
                (0x20, 0, 0, 8),
                (0x15, 0, 1, 0x1000),
                (0x06, 0, 0, bpf.errno(1)),
                (0x06, 0, 0, bpf.ALLOW),
            ),
            "read",
        )
        assert found.text == "errno(EPERM) if (u32)instruction pointer == 0x1000, else allow"

    @staticmethod
    def agrees(
        reading: FilterReading, found: SyscallAnswer, number: int, values: tuple[int, ...]
    ) -> None:
        """The answer in words is what an interpreter finds, near the values and anywhere."""
        chance = random.Random(7)
        near = [(value + step) % (1 << 64) for value in (0, *values) for step in (-1, 0, 1)]
        near += [value | 1 << 32 for value in near] + [(1 << 64) - 1]
        (program,) = (it.program for it in reading.filters)
        for _ in range(500):
            args = tuple(chance.choice([*near, chance.getrandbits(64)]) for _ in range(6))
            value = bpf.decide(program, number, args=args)
            expected = Action("allow") if value == bpf.ALLOW else Action("errno", value & 0xFFFF)
            assert found.action_for(args) == expected, args


class TestDifferences:
    def test_none(self) -> None:
        reading = docker_default(DOCKER_DEFAULT)
        assert differences(reading, reading) == ()

    def test_it_does_not_matter_how_it_is_written(self) -> None:
        # A tree in one, a list in the other; and a first filter that says nothing new.
        names = ("read", "mkdir", "socket")
        one = reading_of(deny(*(rule(name, ArgRule(0, 5)) for name in names)))
        other = reading_of(
            deny(*(rule(name, ArgRule(0, 5)) for name in reversed(names))),
            deny(rule("mkdir", ArgRule(0, 5))),
        )
        assert one.filters != other.filters
        assert differences(one, other) == ()

    def test_what_is_missing(self) -> None:
        found = differences(FilterReading(NONE), docker_default(DOCKER_DEFAULT), ("x86_64",))
        by_name = {it.live.name: it for it in found}
        assert "read" not in by_name
        assert by_name["keyctl"].expected.text == "errno(EPERM)"
        assert by_name["keyctl"].live.text == "allow"
        assert by_name["keyctl"].example == ()
        newest = by_name[""]
        assert newest.expected.text == "errno(ENOSYS)"

    def test_an_example_is_given(self) -> None:
        one = reading_of(deny(rule("mkdir", ArgRule(1, BIG))))
        other = reading_of(deny(rule("mkdir", ArgRule(1, BIG, 0, "SCMP_CMP_GE"))))
        (it,) = differences(one, other, ("x86_64",))
        assert isinstance(it, AnswerDifference)
        assert it.live.action_for(it.example) == Action("allow")
        assert it.expected.action_for(it.example) == Action("errno", errno.EPERM)

    def test_another_error_number(self) -> None:
        one = reading_of(deny(SyscallRule(("mkdir",), "SCMP_ACT_ERRNO", 5)))
        other = reading_of(deny(SyscallRule(("mkdir",), "SCMP_ACT_ERRNO", 6)))
        assert [it.live.name for it in differences(one, other, ("x86_64",))] == ["mkdir"]

    def test_with_strict_mode(self) -> None:
        found = differences(FilterReading(STRICT), FilterReading(NONE), ("x86_64",))
        names = {it.live.name for it in found}
        assert {"mkdir", ""} <= names
        assert not {"read", "write", "exit", "rt_sigreturn"} & names

    def test_with_other_capabilities(self) -> None:
        found = differences(
            docker_default((*DOCKER_DEFAULT, "CAP_SYS_ADMIN")),
            docker_default(DOCKER_DEFAULT),
            ("x86_64",),
        )
        names = {it.live.name for it in found}
        assert {"mount", "unshare", "setns", "clone"} <= names
        assert not {"read", "keyctl", "socket", "personality"} & names


def test_a_process_without_filters() -> None:
    own = process.identify(process.read_status().pid)
    reading = read_filters(own)
    assert reading.thread == own.pid
    if reading.mode == NONE:  # tests may themselves run under a filter
        assert reading.filters == ()
        assert reading.problem is None


def test_a_process_that_is_gone() -> None:
    own = process.identify(process.read_status().pid)
    with pytest.raises(NotFound):
        read_filters(own.replace(start_ticks=own.start_ticks + 1))
