"""Puts a device filter onto a running cgroup v2, in the place of the one that is there.

At a start the launcher attaches the filter; this is for updates and copies.

See: bpf(2), the kernel's include/uapi/linux/bpf.h.
"""

from __future__ import annotations

import errno
import os
import struct

from orlop.errors import SyscallError
from orlop.kernel.syscalls import bpf

_PROG_LOAD, _PROG_ATTACH, _PROG_DETACH, _PROG_GET_FD_BY_ID, _PROG_QUERY = 5, 8, 9, 13, 16
_OBJ_GET_INFO_BY_FD = 15
_INFO_BYTES = 16  # of struct bpf_prog_info: u32 type, u32 id, u8 tag[8]
_TAG = slice(8, 16)
_TYPE_CGROUP_DEVICE = 15
_ATTACH_CGROUP_DEVICE = 6
_ALLOW_MULTI, _REPLACE = 1 << 1, 1 << 2
_MOST_PROGRAMS = 64  # BPF_CGROUP_MAX_PROGS
_RETRIES = 10
_INSTRUCTION_BYTES = 8


def replace(directory: str, program: bytes) -> None:
    """The filter alone decides about devices in this cgroup (as far as its ancestors allow).

    At no moment there is no filter: a single old one is replaced in one step, several are detached
    after the new one is there.

    Args:
        directory: host path of the v2 cgroup.
        program: eBPF instructions, as `devices.program` makes them.

    Raises:
        SyscallError: the kernel refuses the program, or the caller may not do it.
    """
    cgroup = _open(directory)
    opened = [cgroup]
    try:
        new = load(program)
        opened.append(new)
        old = _attached(cgroup)
        opened += old
        if len(old) == 1:
            _attach(cgroup, new, _ALLOW_MULTI | _REPLACE, old[0])
            return
        _attach(cgroup, new, _ALLOW_MULTI, 0)
        for fd in old:
            bpf(_PROG_DETACH, struct.pack("=III", cgroup, fd, _ATTACH_CGROUP_DEVICE))
    finally:
        for fd in opened:
            os.close(fd)


def copy(source: str, target: str) -> None:
    """The filters of one v2 cgroup decide in another one too (host paths of both).

    Raises:
        SyscallError: one of them is gone, or the caller may not do it.
    """
    opened: list[int] = []
    try:
        opened += map(_open, (source, target))
        for program in _attached(opened[0]):
            opened.append(program)
            _attach(opened[1], program, _ALLOW_MULTI, 0)
    finally:
        for fd in opened:
            os.close(fd)


def _open(directory: str) -> int:
    try:
        return os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise SyscallError("open", error.errno or 0, directory) from None


def load(program: bytes) -> int:
    """A descriptor (the caller's to close) of the verified program.

    Raises:
        SyscallError: the kernel refuses it.
    """
    import ctypes

    code, license_ = (
        ctypes.create_string_buffer(program),
        ctypes.create_string_buffer(b"Apache-2.0"),
    )
    attribute = struct.pack(
        "=IIQQ",
        _TYPE_CGROUP_DEVICE,
        len(program) // _INSTRUCTION_BYTES,
        ctypes.addressof(code),
        ctypes.addressof(license_),
    )
    for _ in range(_RETRIES):  # a signal interrupts the verifier
        try:
            return bpf(_PROG_LOAD, attribute)[0]
        except SyscallError as error:
            if error.errno != errno.EAGAIN:
                raise
    raise SyscallError("bpf", errno.EAGAIN)


def _attach(cgroup: int, program: int, flags: int, replaced: int) -> None:
    attribute = (cgroup, program, _ATTACH_CGROUP_DEVICE, flags, replaced)
    bpf(_PROG_ATTACH, struct.pack("=IIIII", *attribute))


def tags(directory: str) -> tuple[bytes, ...]:
    """The tags of the filters that are attached to this cgroup itself.

    Raises:
        SyscallError: the cgroup is gone, or the caller may not ask.
    """
    cgroup = _open(directory)
    opened = [cgroup]
    try:
        opened += _attached(cgroup)
        return tuple(_tag(fd) for fd in opened[1:])
    finally:
        for fd in opened:
            os.close(fd)


def tag(program: bytes) -> bytes:
    """The tag that the kernel gives to a filter of these instructions: a digest of them.

    Raises:
        SyscallError: the kernel refuses the program.
    """
    fd = load(program)
    try:
        return _tag(fd)
    finally:
        os.close(fd)


def _tag(program: int) -> bytes:
    import ctypes

    info = ctypes.create_string_buffer(_INFO_BYTES)
    bpf(_OBJ_GET_INFO_BY_FD, struct.pack("=IIQ", program, _INFO_BYTES, ctypes.addressof(info)))
    return info.raw[_TAG]


def _attached(cgroup: int) -> list[int]:
    """Descriptors of the filters that are attached to this cgroup itself."""
    import ctypes

    ids = (ctypes.c_uint32 * _MOST_PROGRAMS)()
    query = struct.pack(
        "=IIIIQI", cgroup, _ATTACH_CGROUP_DEVICE, 0, 0, ctypes.addressof(ids), _MOST_PROGRAMS
    )
    _, answer = bpf(_PROG_QUERY, query)
    (count,) = struct.unpack_from("=I", answer, 24)
    found: list[int] = []
    for identity in ids[:count]:
        try:
            found.append(bpf(_PROG_GET_FD_BY_ID, struct.pack("=I", identity))[0])
        except SyscallError as error:
            # What a security module hides from us can only restrict further; ENOENT: just gone.
            if error.errno not in (errno.EPERM, errno.EACCES, errno.ENOENT):
                raise
    return found
