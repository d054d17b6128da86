"""The seccomp filter of the benchmark: one OCI profile, and the same as BPF for the floor.

The profile is about as large as Docker's: every system call that libseccomp knows is allowed, but
those that Docker's default denies.
"""

from __future__ import annotations

import ctypes
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

_DENIED = """
    acct add_key bpf clock_adjtime clock_settime create_module delete_module finit_module
    get_kernel_syms get_mempolicy init_module ioperm iopl kcmp kexec_file_load kexec_load keyctl
    lookup_dcookie mbind mount move_pages nfsservctl open_by_handle_at perf_event_open pivot_root
    process_vm_readv process_vm_writev ptrace query_module quotactl reboot request_key
    set_mempolicy setns settimeofday stime swapon swapoff sysfs _sysctl umount umount2 unshare
    uselib userfaultfd ustat vm86 vm86old io_uring_setup io_uring_enter io_uring_register
    fsopen fsconfig fsmount fspick move_mount open_tree mount_setattr
"""

_ALLOW = 0x7FFF0000
_EPERM = 0x00050001  # SCMP_ACT_ERRNO(EPERM)
_CTL_OPTIMIZE = 8
_BINARY_TREE = 2
_LAST_NUMBER = 470


def _library() -> ctypes.CDLL:
    library = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_arch_resolve_name.restype = ctypes.c_uint32
    library.seccomp_syscall_resolve_num_arch.restype = ctypes.c_char_p
    return library


def allowed() -> list[str]:
    """The names of the system calls that the filter lets through."""
    library = _library()
    native = library.seccomp_arch_native()
    denied = _DENIED.split()
    names = (
        library.seccomp_syscall_resolve_num_arch(native, number) for number in range(_LAST_NUMBER)
    )
    return [name.decode() for name in names if name and name.decode() not in denied]


def _architectures() -> tuple[str, ...]:
    """The native architecture and those that the same kernel also runs, as Docker has them."""
    return ("X86_64", "X86", "X32") if os.uname().machine == "x86_64" else ("AARCH64", "ARM")


def profile() -> dict[str, Any]:
    """The filter as `linux.seccomp` of a config.json."""
    return {
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": 1,
        "architectures": [f"SCMP_ARCH_{name}" for name in _architectures()],
        "syscalls": [{"names": allowed(), "action": "SCMP_ACT_ALLOW"}],
    }


def write_bpf(path: Path) -> None:
    """Write the filter as an array of `struct sock_filter`."""
    library = _library()
    context = ctypes.c_void_p(library.seccomp_init(_EPERM))
    library.seccomp_attr_set(context, _CTL_OPTIMIZE, _BINARY_TREE)
    for name in _architectures()[1:]:
        library.seccomp_arch_add(context, library.seccomp_arch_resolve_name(name.lower().encode()))
    for name in allowed():
        number = library.seccomp_syscall_resolve_name(name.encode())
        result = library.seccomp_rule_add_array(context, _ALLOW, number, 0, None)
        if result:
            raise OSError(-result, f"cannot add {name} to the filter")
    with path.open("wb") as file:
        result = library.seccomp_export_bpf(context, file.fileno())
        if result:
            raise OSError(-result, "cannot export the filter")
    library.seccomp_release(context)
