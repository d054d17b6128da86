"""Processes under seccomp filters, that make system calls on demand and say what came of it."""

from __future__ import annotations

import ctypes
import os
import signal
import struct
from collections.abc import Callable, Sequence

from orlop.kernel import process
from tests.integration.support.deadlines import Deadline, wait_exit

PR_SET_NO_NEW_PRIVS = 38
SYS_SECCOMP, SECCOMP_SET_MODE_FILTER = {"x86_64": 317, "aarch64": 277}[os.uname().machine], 1
_REQUEST, _ANSWER = struct.Struct("=7Q"), struct.Struct("=q")

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long


def call(number: int, *args: int) -> int:
    """The negative error number of a system call, or its result."""
    result = libc.syscall(ctypes.c_long(number), *(ctypes.c_ulong(word) for word in args))
    return -ctypes.get_errno() if result == -1 else int(result)


def load(program: bytes, flags: int = 0) -> int:
    """Load a filter for this thread for good; the listener's descriptor if it has one."""
    buffer = ctypes.create_string_buffer(program, len(program))
    rows = len(program) // 8
    description = ctypes.create_string_buffer(
        struct.pack("HxxxxxxP", rows, ctypes.addressof(buffer))
    )
    assert libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    result = call(SYS_SECCOMP, SECCOMP_SET_MODE_FILTER, flags, ctypes.addressof(description))
    assert result >= 0, os.strerror(-result)
    return result


class Filtered:
    """A process of its own, under filters; a context manager that ends it.

    Attributes:
        pid: its PID.
        identity: the same, for all times.
    """

    def __init__(
        self,
        *filters: bytes,
        flags: Sequence[int] = (),
        first: Callable[[], object] = lambda: None,
    ) -> None:
        """It is ready, and waits.

        Args:
            filters: in the order in which they are loaded.
            flags: of each filter.
            first: what it does before that.
        """
        inward, self._requests = os.pipe()
        self._answers, outward = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            status = 99
            try:
                first()
                for program, flag in zip(filters, (*flags, *[0] * len(filters)), strict=False):
                    load(program, flag)
                os.write(outward, _ANSWER.pack(0))
                _serve(inward, outward)
                status = 0
            finally:
                os._exit(status)
        os.close(inward)
        os.close(outward)
        self._reaped = False
        self.identity = process.identify(self.pid)
        self.answer()

    def ask(self, number: int, *args: int) -> None:
        """It makes a system call next."""
        words = [word & 0xFFFFFFFFFFFFFFFF for word in (number, *args)]
        os.write(self._requests, _REQUEST.pack(*words, *[0] * (7 - len(words))))

    def answer(self) -> int:
        """What the call returned, or its negative error number.

        Raises:
            AssertionError: it has ended instead, or does not answer.
        """
        Deadline().readable(self._answers, f"an answer of process {self.pid}")
        data = os.read(self._answers, _ANSWER.size)
        assert data, f"process {self.pid} has ended"
        return int(_ANSWER.unpack(data)[0])

    def call(self, number: int, *args: int) -> int:
        """What a system call returns there."""
        self.ask(number, *args)
        return self.answer()

    def end(self) -> int:
        """Wait for its end: its exit status, negative for a signal."""
        wait_exit(self.pid)
        self._reaped = True
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def kill(self) -> int:
        """It ends by SIGKILL, if it has not ended; its exit status."""
        os.kill(self.pid, signal.SIGKILL)
        return self.end()

    def __enter__(self) -> Filtered:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._reaped:
            self.kill()
        os.close(self._requests)
        os.close(self._answers)


def _serve(inward: int, outward: int) -> None:
    """Make the calls that are asked for, with nothing but read(2) and write(2) around them."""
    while data := os.read(inward, _REQUEST.size):
        os.write(outward, _ANSWER.pack(call(*_REQUEST.unpack(data))))
