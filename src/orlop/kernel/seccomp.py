"""Seccomp profiles as the runtime-spec has them (config-linux.md#seccomp)."""

from __future__ import annotations

from orlop.records import Record


class ArgRule(Record):
    """What one argument of a system call is compared with."""

    index: int
    value: int
    value_two: int
    op: str


class SyscallRule(Record):
    """What happens on these system calls, if all of `args` hold."""

    names: tuple[str, ...]
    action: str
    errno_ret: int | None = None
    args: tuple[ArgRule, ...] = ()


class Profile(Record):
    """A whole seccomp configuration."""

    default_action: str
    default_errno_ret: int | None = None
    architectures: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    listener_path: str | None = None
    listener_metadata: str | None = None
    syscalls: tuple[SyscallRule, ...] = ()
