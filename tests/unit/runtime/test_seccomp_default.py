"""What the default profile lets through, asked of the compiled filter."""

from __future__ import annotations

import errno
import platform
from functools import cache

import pytest

from orlop.errors import Unsupported
from orlop.kernel import seccomp, seccomp_library
from orlop.kernel.capabilities import ALL, DOCKER_DEFAULT, names
from orlop.runtime.seccomp_default import _blocks, default_profile
from tests import bpf
from tests.bpf import ALLOW, X32_BIT, X86, X86_64, decide

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="numbers of x86-64")

EPERM, ENOSYS = bpf.errno(errno.EPERM), bpf.errno(errno.ENOSYS)
AF_INET, AF_ALG, AF_KCM, AF_VSOCK, AF_XDP = 2, 38, 41, 40, 44

ORDINARY = """
    read write openat execve fork vfork exit_group mmap futex epoll_wait chown setuid ptrace
    arch_prctl statx rseq landlock_create_ruleset memfd_secret pidfd_open chroot
"""
DEEP = """
    add_key keyctl request_key bpf perf_event_open userfaultfd mount umount2 pivot_root unshare
    setns kexec_load kexec_file_load init_module finit_module delete_module reboot
    open_by_handle_at io_uring_setup io_uring_enter io_uring_register swapon swapoff acct
    quotactl settimeofday clock_settime iopl ioperm kcmp process_madvise pidfd_getfd syslog
    open_tree move_mount fsopen fsconfig fsmount fspick mount_setattr lookup_dcookie nfsservctl
    vhangup mbind set_mempolicy get_mempolicy move_pages migrate_pages fanotify_init uselib
    ustat
"""
NEVER = """
    io_uring_setup keyctl add_key request_key userfaultfd kexec_load swapon pivot_root uselib
    nfsservctl move_pages migrate_pages
"""


@cache
def program(*capabilities: str) -> bytes:
    return seccomp.compile(default_profile(capabilities, "x86_64")).program


def number(name: str) -> int:
    found = seccomp_library.load().resolve(name)
    assert found >= 0, f"{name} does not exist here"
    return found


def decision(name: str, *args: int, capabilities: tuple[str, ...] = DOCKER_DEFAULT) -> int:
    return decide(program(*capabilities), number(name), args=args)


@pytest.mark.parametrize("name", ORDINARY.split())
def test_everyday_calls_are_allowed(name: str) -> None:
    assert decision(name) == ALLOW


@pytest.mark.parametrize("name", DEEP.split())
def test_what_reaches_deep_into_the_kernel_is_not(name: str) -> None:
    assert decision(name) == EPERM


@pytest.mark.parametrize("name", NEVER.split())
def test_some_calls_are_refused_with_all_capabilities(name: str) -> None:
    assert decision(name, capabilities=names(ALL)) == EPERM


@pytest.mark.parametrize(
    ("capability", "names_of_calls"),
    [
        ("CAP_BPF", "bpf"),
        ("CAP_DAC_READ_SEARCH", "open_by_handle_at"),
        ("CAP_PERFMON", "perf_event_open"),
        ("CAP_SYS_ADMIN", "bpf clone clone3 mount umount2 setns unshare syslog perf_event_open"),
        ("CAP_SYS_BOOT", "reboot"),
        ("CAP_SYS_CHROOT", "chroot"),
        ("CAP_SYS_MODULE", "init_module finit_module delete_module"),
        ("CAP_SYS_NICE", "mbind set_mempolicy get_mempolicy"),
        ("CAP_SYS_PACCT", "acct"),
        ("CAP_SYS_PTRACE", "kcmp process_madvise pidfd_getfd"),
        ("CAP_SYS_RAWIO", "iopl ioperm"),
        ("CAP_SYS_TIME", "settimeofday clock_settime"),
        ("CAP_SYS_TTY_CONFIG", "vhangup"),
        ("CAP_SYSLOG", "syslog"),
    ],
)
def test_calls_that_need_a_capability(capability: str, names_of_calls: str) -> None:
    without = tuple(name for name in DOCKER_DEFAULT if name != capability)
    for name in names_of_calls.split():
        new_namespace = 0x10000000  # else clone would be allowed anyway
        expected = ENOSYS if name == "clone3" else EPERM
        assert decision(name, new_namespace, capabilities=without) == expected
        assert decision(name, new_namespace, capabilities=(capability,)) == ALLOW


@pytest.mark.parametrize("high", [0, 1 << 32, 0xFFFFFFFF << 32])
def test_socket_families(high: int) -> None:
    for family in (AF_INET, AF_KCM, AF_XDP, 37, 39):
        assert decision("socket", high | family) == ALLOW
    for family in (AF_ALG, AF_VSOCK):
        # The kernel looks at 32 bits of the family; so does this, unlike moby's comparison.
        assert decision("socket", high | family) == EPERM


def test_all_families_but_two() -> None:
    allowed = {family for family in range(300) if decision("socket", family) == ALLOW}
    assert allowed == set(range(256)) - {AF_ALG, AF_VSOCK}


@pytest.mark.parametrize("holes", [(), (0,), (38, 40), (255,), (1, 2, 3), tuple(range(256))])
def test_blocks_cover_all_but_the_holes(holes: tuple[int, ...]) -> None:
    covered = [n for first, size in _blocks(holes, 256) for n in range(first, first + size)]
    assert covered == [n for n in range(256) if n not in holes]
    for first, size in _blocks(holes, 256):
        assert size & (size - 1) == 0
        assert first % size == 0


def test_clone_makes_no_namespaces() -> None:
    thread = 0x3D0F00
    assert decision("clone", thread) == ALLOW
    assert decision("clone", 17) == ALLOW
    for bit in (17, 25, 26, 27, 28, 29, 30):
        assert decision("clone", thread | 1 << bit) == EPERM
    assert decision("clone3") == ENOSYS


def test_personality() -> None:
    allowed = {0x0, 0x8, 0x20000, 0x20008, 0xFFFFFFFF}
    for persona in (*allowed, 0x0040000, 0x1, 1 << 32):  # ADDR_NO_RANDOMIZE among the others
        expected = ALLOW if persona in allowed else EPERM
        assert decision("personality", persona) == expected


def test_newer_calls_do_not_exist() -> None:
    for offset, arch in ((0, X86_64), (X32_BIT, X86_64), (0, X86)):
        assert decide(program(*DOCKER_DEFAULT), offset | 1000, arch) == ENOSYS


def test_programs_of_i386_and_x32_run_too() -> None:
    assert decide(program(*DOCKER_DEFAULT), 4, X86) == ALLOW  # write
    assert decide(program(*DOCKER_DEFAULT), 21, X86) == EPERM  # mount
    assert decide(program(*DOCKER_DEFAULT), X32_BIT | 1) == ALLOW
    assert decide(program(*DOCKER_DEFAULT), X32_BIT | 165) == EPERM


def test_arm64() -> None:
    profile = default_profile(DOCKER_DEFAULT, "aarch64")
    assert profile.architectures == ("SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM")
    assert "arm_fadvise64_64" in profile.syscalls[0].names
    assert "arch_prctl" not in profile.syscalls[0].names
    seccomp.check(profile)


def test_another_machine_is_unsupported() -> None:
    with pytest.raises(Unsupported, match="vax"):
        default_profile((), "vax")
