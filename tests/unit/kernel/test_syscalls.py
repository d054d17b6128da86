from __future__ import annotations

import errno
import os
import platform

import pytest

from orlop.errors import SyscallError, Unsupported
from orlop.kernel import seccomp, syscalls


def test_pidfd_getfd_copies_a_descriptor() -> None:
    reader, writer = os.pipe()
    pidfd = os.pidfd_open(os.getpid())
    try:
        copy = syscalls.pidfd_getfd(pidfd, writer)
        assert not os.get_inheritable(copy)
        os.write(copy, b"x")
        os.close(copy)
        assert os.read(reader, 1) == b"x"
        with pytest.raises(SyscallError) as failure:
            syscalls.pidfd_getfd(pidfd, 9999)
        assert failure.value.errno == errno.EBADF
    finally:
        for fd in (reader, writer, pidfd):
            os.close(fd)


def test_errors_name_the_call() -> None:
    with pytest.raises(SyscallError) as failure:
        syscalls.setns(0, 0x40000000)
    assert failure.value.syscall == "setns"
    with pytest.raises(SyscallError) as failure:
        syscalls.unshare(1)
    assert (failure.value.syscall, failure.value.errno) == ("unshare", errno.EINVAL)
    with pytest.raises(SyscallError) as failure:
        syscalls.bpf(4711, bytearray(64))
    assert failure.value.syscall == "bpf"


def test_seccomp_flags() -> None:
    assert syscalls.seccomp_flags_known(seccomp.FLAG_LOG)
    assert not syscalls.seccomp_flags_known(1 << 30)


def test_an_unknown_machine_is_unsupported(monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.uname()
    fake = os.uname_result((real.sysname, real.nodename, real.release, real.version, "vax"))
    monkeypatch.setattr(os, "uname", lambda: fake)
    with pytest.raises(Unsupported, match="pidfd_getfd"):
        syscalls.pidfd_getfd(0, 0)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="numbers of x86-64")
def test_numbers() -> None:
    assert syscalls._number("pidfd_getfd") == 438
    assert syscalls._number("bpf") == 321
    assert syscalls._number("seccomp") == 317
