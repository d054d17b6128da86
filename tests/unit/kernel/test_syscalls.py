from __future__ import annotations

import errno
import os
import struct

import pytest

from orlop.errors import SyscallError, Unsupported
from orlop.kernel import seccomp, syscalls

BPF_MAP_CREATE = 0
BPF_PROG_QUERY = 16


def test_bpf_errors_are_told() -> None:
    with pytest.raises(SyscallError) as failure:
        syscalls.bpf(4711, b"")
    assert failure.value.syscall == "bpf"
    # 6 is BPF_CGROUP_DEVICE, and this descriptor no cgroup.
    fd = os.open("/", os.O_RDONLY)
    try:
        with pytest.raises(SyscallError) as failure:
            syscalls.bpf(BPF_PROG_QUERY, struct.pack("=II", fd, 6))
        assert failure.value.errno in (errno.EBADF, errno.EPERM)
    finally:
        os.close(fd)


@pytest.mark.requires_root
def test_bpf_gives_descriptors() -> None:
    array_of_one_number = struct.pack("=IIII", 2, 4, 4, 1)
    fd, attribute = syscalls.bpf(BPF_MAP_CREATE, array_of_one_number)
    try:
        assert os.readlink(f"/proc/self/fd/{fd}") == "anon_inode:bpf-map"
        assert attribute.startswith(array_of_one_number)
    finally:
        os.close(fd)


def test_seccomp_flags() -> None:
    assert syscalls.seccomp_flags_known(seccomp.FLAG_LOG)
    assert not syscalls.seccomp_flags_known(1 << 30)


def test_an_unknown_machine_is_unsupported(monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.uname()
    fake = os.uname_result((real.sysname, real.nodename, real.release, real.version, "vax"))
    monkeypatch.setattr(os, "uname", lambda: fake)
    with pytest.raises(Unsupported, match="system call bpf"):
        syscalls.bpf(BPF_PROG_QUERY, b"")
