"""Compiled profiles, by what they say to calls; how the kernel does is for integration tests."""

from __future__ import annotations

import errno
import platform
from pathlib import Path

import pytest

from orlop.errors import InvalidArgument, Unsupported
from orlop.kernel import seccomp, seccomp_library, syscalls
from orlop.kernel.seccomp import ArgRule, Filter, Profile, SyscallRule
from tests import bpf
from tests.bpf import ALLOW, X32_BIT, X86, decide

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="numbers of x86-64")

GETPID, SOCKET, CLONE, WRITE, MKDIR, PERSONALITY = 39, 41, 56, 1, 83, 135
NEWEST_NAMED = 439  # faccessat2


def profile(
    *rules: SyscallRule,
    default: str = "SCMP_ACT_ERRNO",
    default_errno_ret: int | None = None,
    architectures: tuple[str, ...] = (),
    flags: tuple[str, ...] | None = (),
    listener_path: str | None = None,
) -> Profile:
    return Profile(
        default_action=default,
        default_errno_ret=default_errno_ret,
        architectures=architectures,
        flags=flags,
        listener_path=listener_path,
        syscalls=rules,
    )


def allow(*names: str, args: tuple[ArgRule, ...] = ()) -> SyscallRule:
    return SyscallRule(names, "SCMP_ACT_ALLOW", args=args)


def compiled(*rules: SyscallRule, default: str = "SCMP_ACT_ERRNO") -> bytes:
    return seccomp.compile(profile(*rules, default=default)).program


def test_named_calls_are_allowed_and_others_not() -> None:
    program = compiled(allow("getpid", "faccessat2"))
    assert decide(program, GETPID) == ALLOW
    assert decide(program, MKDIR) == bpf.errno(errno.EPERM)


def test_calls_newer_than_the_profile_do_not_exist() -> None:
    program = compiled(allow("getpid", "faccessat2"))
    assert decide(program, NEWEST_NAMED) == ALLOW
    assert decide(program, NEWEST_NAMED + 1) == bpf.errno(errno.ENOSYS)
    assert decide(program, 100000) == bpf.errno(errno.ENOSYS)


def test_a_denied_call_counts_as_named() -> None:
    program = compiled(allow("getpid"), SyscallRule(("faccessat2",), "SCMP_ACT_ERRNO"))
    assert decide(program, NEWEST_NAMED) == bpf.errno(errno.EPERM)
    assert decide(program, NEWEST_NAMED + 1) == bpf.errno(errno.ENOSYS)


@pytest.mark.parametrize("default", ["SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_TRACE"])
def test_defaults_that_let_new_calls_pass_do_so(default: str) -> None:
    program = compiled(SyscallRule(("getpid",), "SCMP_ACT_KILL"), default=default)
    assert decide(program, GETPID) == bpf.KILL_THREAD
    assert decide(program, 100000) not in (bpf.errno(errno.ENOSYS), bpf.KILL_THREAD)


@pytest.mark.parametrize("default", ["SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_TRAP"])
def test_defaults_that_kill_do_not_kill_new_calls(default: str) -> None:
    program = compiled(allow("getpid"), default=default)
    assert decide(program, GETPID + 1) == bpf.errno(errno.ENOSYS)
    assert decide(program, GETPID - 1) in (bpf.KILL_THREAD, bpf.KILL_PROCESS, bpf.TRAP)


def test_a_default_of_enosys_needs_no_prologue() -> None:
    with_enosys = profile(allow("getpid"), default_errno_ret=errno.ENOSYS)
    program = seccomp.compile(with_enosys).program
    assert decide(program, MKDIR) == bpf.errno(errno.ENOSYS)
    other = seccomp.compile(profile(allow("getpid"), default_errno_ret=errno.EACCES)).program
    assert len(program) < len(other)


def test_a_profile_without_rules() -> None:
    program = compiled()
    assert decide(program, GETPID) == bpf.errno(errno.EPERM)
    assert decide(program, 100000) == bpf.errno(errno.EPERM)


@pytest.mark.parametrize(
    ("action", "value"),
    [
        ("SCMP_ACT_KILL", bpf.KILL_THREAD),
        ("SCMP_ACT_KILL_THREAD", bpf.KILL_THREAD),
        ("SCMP_ACT_KILL_PROCESS", bpf.KILL_PROCESS),
        ("SCMP_ACT_TRAP", bpf.TRAP),
        ("SCMP_ACT_ERRNO", bpf.errno(errno.EPERM)),
        ("SCMP_ACT_TRACE", 0x7FF00000 | errno.EPERM),
        ("SCMP_ACT_LOG", bpf.LOG),
        ("SCMP_ACT_NOTIFY", bpf.NOTIFY),
    ],
)
def test_actions(action: str, value: int) -> None:
    rule = SyscallRule(("getpid",), action)
    wanted = profile(rule, default="SCMP_ACT_ALLOW", listener_path="/run/agent.sock")
    program = seccomp.compile(wanted).program
    assert decide(program, GETPID) == value
    assert decide(program, MKDIR) == ALLOW
    assert action in seccomp.KNOWN_ACTIONS


@pytest.mark.parametrize(
    ("action", "number", "value"),
    [
        ("SCMP_ACT_ERRNO", 0, 0x00050000),
        ("SCMP_ACT_ERRNO", 4094, 0x00050FFE),
        ("SCMP_ACT_TRACE", 65535, 0x7FF0FFFF),
    ],
)
def test_errno_of_a_rule(action: str, number: int, value: int) -> None:
    program = compiled(SyscallRule(("getpid",), action, errno_ret=number), default="SCMP_ACT_ALLOW")
    assert decide(program, GETPID) == value


@pytest.mark.parametrize(
    ("op", "value", "value_two", "passing", "failing"),
    [
        ("SCMP_CMP_EQ", 5, 0, (5,), (4, 6, 1 << 32 | 5)),
        ("SCMP_CMP_NE", 5, 0, (4, 6, 1 << 32 | 5), (5,)),
        ("SCMP_CMP_LT", 5, 0, (0, 4), (5, 6, 1 << 32)),
        ("SCMP_CMP_LE", 5, 0, (0, 5), (6, 1 << 32)),
        ("SCMP_CMP_GT", 5, 0, (6, 1 << 32), (0, 5)),
        ("SCMP_CMP_GE", 5, 0, (5, 6, 1 << 32), (0, 4)),
        ("SCMP_CMP_GT", 1 << 40, 0, (1 << 40 | 1, 1 << 41), (0, 1 << 40)),
        ("SCMP_CMP_MASKED_EQ", 0xF0, 0x30, (0x30, 0x3F, 0xF3F), (0, 0x20, 0x70)),
    ],
)
def test_comparisons(
    op: str, value: int, value_two: int, passing: tuple[int, ...], failing: tuple[int, ...]
) -> None:
    program = compiled(allow("personality", args=(ArgRule(0, value, value_two, op),)))
    for argument in passing:
        assert decide(program, PERSONALITY, args=[argument]) == ALLOW
    for argument in failing:
        assert decide(program, PERSONALITY, args=[argument]) == bpf.errno(errno.EPERM)


def test_all_conditions_of_a_rule_have_to_hold() -> None:
    program = compiled(allow("socket", args=(ArgRule(0, 2), ArgRule(2, 6))))
    assert decide(program, SOCKET, args=[2, 1, 6]) == ALLOW
    assert decide(program, SOCKET, args=[2, 1, 7]) == bpf.errno(errno.EPERM)
    assert decide(program, SOCKET, args=[3, 1, 6]) == bpf.errno(errno.EPERM)


def test_one_of_several_rules_is_enough() -> None:
    program = compiled(*(allow("personality", args=(ArgRule(0, n),)) for n in (0, 8, 0x20000)))
    for persona in (0, 8, 0x20000):
        assert decide(program, PERSONALITY, args=[persona]) == ALLOW
    assert decide(program, PERSONALITY, args=[1]) == bpf.errno(errno.EPERM)


def test_conditions_on_the_same_argument_are_alternatives() -> None:
    args = (ArgRule(0, 0), ArgRule(0, 8), ArgRule(1, 3))
    program = compiled(allow("personality", args=args))
    assert decide(program, PERSONALITY, args=[0]) == ALLOW
    assert decide(program, PERSONALITY, args=[8]) == ALLOW
    assert decide(program, PERSONALITY, args=[7, 3]) == ALLOW
    assert decide(program, PERSONALITY, args=[7, 4]) == bpf.errno(errno.EPERM)


def test_unknown_calls_are_passed_over() -> None:
    program = compiled(allow("getpid", "no_such_call", "riscv_flush_icache", "s390_runtime_instr"))
    assert decide(program, GETPID) == ALLOW


def test_rules_that_repeat_the_default_are_passed_over() -> None:
    same = SyscallRule(("mkdir",), "SCMP_ACT_ERRNO", errno_ret=errno.EPERM)
    program = compiled(allow("getpid", "faccessat2"), same, allow("getpid"))
    assert decide(program, MKDIR) == bpf.errno(errno.EPERM)
    assert decide(program, GETPID) == ALLOW


def test_only_named_architectures_and_the_native_one() -> None:
    native = compiled(allow("getpid", "faccessat2"))
    assert decide(native, 20, X86) == bpf.KILL_THREAD
    assert decide(native, X32_BIT | GETPID) == bpf.KILL_THREAD
    three = seccomp.compile(
        profile(
            allow("getpid", "faccessat2"),
            architectures=("SCMP_ARCH_X86", "SCMP_ARCH_X32", "SCMP_ARCH_X86_64"),
        )
    ).program
    assert decide(three, 20, X86) == ALLOW  # getpid on i386
    assert decide(three, X32_BIT | GETPID) == ALLOW
    assert decide(three, GETPID) == ALLOW
    assert decide(three, 21, X86) == bpf.errno(errno.EPERM)
    assert decide(three, NEWEST_NAMED + 1, X86) == bpf.errno(errno.ENOSYS)
    assert decide(three, X32_BIT | NEWEST_NAMED + 1) == bpf.errno(errno.ENOSYS)
    assert decide(three, NEWEST_NAMED + 1) == bpf.errno(errno.ENOSYS)
    assert decide(three, 20, bpf.AARCH64) == bpf.KILL_THREAD


def test_an_architecture_of_the_other_byte_order_is_unsupported() -> None:
    with pytest.raises(Unsupported, match="SCMP_ARCH_S390X"):
        seccomp.compile(profile(allow("getpid"), architectures=("SCMP_ARCH_S390X",)))


def test_flags() -> None:
    def flags(*names: str) -> int:
        return seccomp.compile(profile(allow("getpid"), flags=names)).flags

    assert flags() == 0
    assert flags("SECCOMP_FILTER_FLAG_LOG") == 2
    assert flags("SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW") == 6
    assert flags("SECCOMP_FILTER_FLAG_TSYNC") == 0
    assert seccomp.compile(profile(allow("getpid"), flags=None)).flags == 4


def test_notification_asks_for_a_listener() -> None:
    rule = SyscallRule(("mkdir",), "SCMP_ACT_NOTIFY")
    found = seccomp.compile(profile(rule, listener_path="/run/agent.sock"))
    assert (found.notify, found.flags) == (True, 8)
    quiet = seccomp.compile(profile(allow("mkdir"), listener_path="/run/agent.sock"))
    assert (quiet.notify, quiet.flags) == (False, 0)


def test_waiting_killably_depends_on_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = profile(
        SyscallRule(("mkdir",), "SCMP_ACT_NOTIFY"),
        flags=("SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",),
        listener_path="/run/agent.sock",
    )
    monkeypatch.setattr(syscalls, "seccomp_flags_known", lambda flags: flags == 0x28)
    assert seccomp.compile(wanted).flags == 0x28
    monkeypatch.setattr(syscalls, "seccomp_flags_known", lambda _: False)
    with pytest.raises(Unsupported, match=r"Linux 5\.19"):
        seccomp.compile(wanted)


NOTIFY = SyscallRule(("mkdir",), "SCMP_ACT_NOTIFY")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (profile(default="SCMP_ACT_DENY"), "unknown action 'SCMP_ACT_DENY'"),
        (profile(SyscallRule(("getpid",), "ALLOW")), "unknown action 'ALLOW'"),
        (profile(architectures=("SCMP_ARCH_VAX",)), "unknown architecture 'SCMP_ARCH_VAX'"),
        (profile(flags=("SECCOMP_FILTER_FLAG_X",)), "unknown flag 'SECCOMP_FILTER_FLAG_X'"),
        (profile(allow("getpid", args=(ArgRule(0, 1, 0, "=="),))), "unknown operator '=='"),
        (profile(allow("getpid", args=(ArgRule(6, 1),))), "getpid has no argument 6"),
        (profile(allow("getpid", args=(ArgRule(0, 1 << 64),))), "not of 64 bits"),
        (profile(allow()), "no system call"),
        (profile(allow("getpid", "")), "no system call"),
        (profile(default_errno_ret=4096), "errno 4096 is not within"),
        (profile(default_errno_ret=-1), "errno -1 is not within"),
        (profile(default="SCMP_ACT_ALLOW", default_errno_ret=1), "no errno"),
        (profile(SyscallRule(("getpid",), "SCMP_ACT_KILL", errno_ret=1)), "no errno"),
        (profile(default="SCMP_ACT_NOTIFY", listener_path="/s"), "not possible for write"),
        (
            profile(SyscallRule(("read", "write"), "SCMP_ACT_NOTIFY"), listener_path="/s"),
            "not possible for write",
        ),
        (profile(NOTIFY), "needs a listenerPath"),
        (profile().replace(listener_metadata="x"), "listenerMetadata needs"),
        (profile(flags=("SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",)), "with SCMP_ACT_NOTIFY"),
    ],
)
def test_what_is_wrong_is_refused(wrong: Profile, message: str) -> None:
    with pytest.raises(InvalidArgument, match=message):
        seccomp.compile(wrong)


def test_a_profile_may_be_too_long() -> None:
    rules = (allow("personality", args=(ArgRule(0, n << 32 | n),)) for n in range(2100))
    with pytest.raises(InvalidArgument, match="too long"):
        seccomp.compile(profile(*rules))


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seccomp_library, "_loaded", None)
    monkeypatch.setattr(seccomp_library, "SONAME", "libseccomp-that-is-not-there.so.2")
    with pytest.raises(Unsupported, match="install the package libseccomp2"):
        compiled(allow("getpid"))


def test_the_library_tells_its_version() -> None:
    assert (2, 5, 0) <= seccomp_library.load().version() < (3, 0, 0)


def test_words_for_the_features_document() -> None:
    assert len(seccomp.KNOWN_ACTIONS) == 9
    assert len(seccomp.KNOWN_OPERATORS) == 7
    assert len(seccomp.KNOWN_ARCHITECTURES) == 23
    assert set(seccomp.supported_flags()) <= set(seccomp.KNOWN_FLAGS)
    assert "SECCOMP_FILTER_FLAG_LOG" in seccomp.supported_flags()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    path = tmp_path / "filters"
    path.mkdir(mode=0o700)
    return path


PROFILE = profile(allow("getpid"))


class TestCache:
    def compile(self, directory: Path, wanted: Profile = PROFILE) -> Filter:
        return seccomp.compile(wanted, str(directory))

    def test_a_filter_is_compiled_once(
        self, directory: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first = self.compile(directory)
        assert first == seccomp.compile(PROFILE)
        monkeypatch.setattr(seccomp_library, "load", None)
        assert self.compile(directory) == first

    def test_all_of_a_filter_is_kept(self, directory: Path) -> None:
        wanted = profile(NOTIFY, flags=("SECCOMP_FILTER_FLAG_LOG",), listener_path="/s")
        assert self.compile(directory, wanted) == self.compile(directory, wanted)
        assert self.compile(directory, wanted).notify

    def test_the_directory_is_made(self, tmp_path: Path) -> None:
        self.compile(tmp_path / "new")
        assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
        (file,) = (tmp_path / "new").iterdir()
        assert file.stat().st_mode & 0o777 == 0o600

    @pytest.mark.parametrize("other", [profile(allow("getppid")), PROFILE.replace(flags=None)])
    def test_another_profile_is_another_filter(self, directory: Path, other: Profile) -> None:
        expected = seccomp.compile(other)
        assert self.compile(directory) != expected
        assert self.compile(directory, other) == expected
        assert len(list(directory.iterdir())) == 2

    def test_another_library_compiles_anew(
        self, directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.compile(directory)
        other = tmp_path / "libseccomp.so.2"
        other.touch()
        monkeypatch.setattr(seccomp_library, "locate", lambda: str(other))
        monkeypatch.setattr(seccomp_library, "load", None)
        with pytest.raises(TypeError):
            self.compile(directory)

    @pytest.mark.parametrize("mode", [0o755, 0o770, 0o707])
    def test_a_directory_that_is_open_to_others_is_not_used(
        self, directory: Path, mode: int
    ) -> None:
        expected = self.compile(directory)
        (file,) = directory.iterdir()
        file.write_bytes(b"poison")
        directory.chmod(mode)
        assert self.compile(directory) == expected
        assert file.read_bytes() == b"poison"

    def test_a_link_to_a_directory_is_not_used(self, directory: Path, tmp_path: Path) -> None:
        link = tmp_path / "link"
        link.symlink_to(directory)
        self.compile(link)
        assert list(directory.iterdir()) == []

    @pytest.mark.parametrize("content", [b"", b"x" * 31, b"x" * 1000])
    def test_a_damaged_file_is_replaced(self, directory: Path, content: bytes) -> None:
        expected = self.compile(directory)
        (file,) = directory.iterdir()
        file.write_bytes(content)
        assert self.compile(directory) == expected
        assert len(file.read_bytes()) > len(expected.program)

    def test_a_changed_byte_is_noticed(self, directory: Path) -> None:
        expected = self.compile(directory)
        (file,) = directory.iterdir()
        damaged = bytearray(file.read_bytes())
        damaged[-1] ^= 1
        file.write_bytes(damaged)
        assert self.compile(directory) == expected

    def test_a_filter_under_another_name_is_not_taken(self, directory: Path) -> None:
        self.compile(directory)
        (lenient,) = directory.iterdir()
        strict = profile(allow("getppid"))
        expected = self.compile(directory, strict)
        (name,) = set(directory.iterdir()) - {lenient}
        name.write_bytes(lenient.read_bytes())
        assert self.compile(directory, strict) == expected

    def test_the_directory_does_not_grow_for_ever(self, directory: Path) -> None:
        for number in range(70):
            (directory / f"old{number}").touch()
        self.compile(directory)
        assert len(list(directory.iterdir())) == 64

    def test_a_wrong_profile_is_refused_all_the_same(self, directory: Path) -> None:
        with pytest.raises(InvalidArgument):
            self.compile(directory, profile(default="SCMP_ACT_DENY"))
        assert list(directory.iterdir()) == []
