"""The part of libseccomp (2.5 or newer) that orlop uses, through ctypes.

Importing this module loads nothing; `load` does.

See: seccomp_init(3), seccomp_rule_add(3), seccomp_export_bpf(3).
"""

from __future__ import annotations

import os

from orlop.errors import InternalError, Unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

SONAME = "libseccomp.so.2"
_DIRECTORIES = (
    "/usr/lib/{machine}-linux-gnu",
    "/lib/{machine}-linux-gnu",
    "/usr/lib64",
    "/lib64",
    "/usr/lib",
    "/lib",
    "/usr/local/lib",
)
UNKNOWN_SYSCALL = -1  # __NR_SCMP_ERROR; other negative numbers stand for calls of other machines
_MOST_SYSCALLS = 1024  # numbers end near 470
_OPTIMIZE = 8  # SCMP_FLTATR_CTL_OPTIMIZE
BINARY_TREE = 2


def locate() -> str:
    """The host path of the library, "" if it is in none of the usual places."""
    machine = os.uname().machine
    for directory in _DIRECTORIES:
        path = f"{directory.format(machine=machine)}/{SONAME}"
        if os.path.exists(path):
            return path
    return ""


class Library:
    """libseccomp, loaded. See `load`."""

    def __init__(self, handle: Any) -> None:
        import ctypes

        class Comparison(ctypes.Structure):
            _fields_ = (
                ("argument", ctypes.c_uint),
                ("operator", ctypes.c_int),
                ("value", ctypes.c_uint64),
                ("value_two", ctypes.c_uint64),
            )

        context = ctypes.c_void_p
        number, token = ctypes.c_int, ctypes.c_uint32
        handle.seccomp_init.argtypes = (token,)
        handle.seccomp_init.restype = context
        handle.seccomp_release.argtypes = (context,)
        handle.seccomp_release.restype = None
        handle.seccomp_attr_set.argtypes = (context, number, ctypes.c_uint32)
        handle.seccomp_arch_native.restype = token
        handle.seccomp_arch_add.argtypes = (context, token)
        handle.seccomp_export_bpf.argtypes = (context, number)
        handle.seccomp_syscall_resolve_name.argtypes = (ctypes.c_char_p,)
        handle.seccomp_syscall_resolve_name_arch.argtypes = (token, ctypes.c_char_p)
        handle.seccomp_syscall_resolve_num_arch.argtypes = (token, number)
        handle.seccomp_syscall_resolve_num_arch.restype = ctypes.c_void_p
        handle.free.argtypes = (ctypes.c_void_p,)  # libc's, which the library is linked with
        handle.free.restype = None
        handle.seccomp_version.restype = ctypes.POINTER(ctypes.c_uint * 3)
        handle.seccomp_rule_add_array.argtypes = (
            context,
            token,
            number,
            ctypes.c_uint,
            ctypes.POINTER(Comparison),
        )
        self._library = handle
        self._comparison = Comparison

    def version(self) -> tuple[int, int, int]:
        """Major, minor and micro version."""
        major, minor, micro = self._library.seccomp_version().contents
        return major, minor, micro

    def native_arch(self) -> int:
        """The SCMP_ARCH_ token of this machine."""
        return int(self._library.seccomp_arch_native())

    def resolve(self, name: str) -> int:
        """The number of a system call on this machine, or for this machine; see UNKNOWN_SYSCALL."""
        return int(self._library.seccomp_syscall_resolve_name(name.encode()))

    def resolve_for(self, arch: int, name: str) -> int:
        """The number of a system call on an architecture; negative if it does not have it."""
        return int(self._library.seccomp_syscall_resolve_name_arch(arch, name.encode()))

    def names(self) -> tuple[str, ...]:
        """The system calls of this machine that the library knows, by number."""
        arch = self.native_arch()
        found = (self.name_of(arch, number) for number in range(_MOST_SYSCALLS))
        return tuple(name for name in found if name)

    def name_of(self, arch: int, number: int) -> str:
        """The name of a system call on an architecture, "" if it has none of that number."""
        import ctypes

        found = self._library.seccomp_syscall_resolve_num_arch(arch, number)
        if not found:
            return ""
        try:
            return ctypes.string_at(found).decode()
        finally:
            self._library.free(found)

    def filter(self, default_action: int) -> Rules:
        """A filter for this machine's architecture without any rule.

        Raises:
            Unsupported: the library does not know the action.
        """
        context = self._library.seccomp_init(default_action)
        if not context:
            raise Unsupported(
                f"the seccomp action {default_action:#x}", needs="a newer libseccomp or kernel"
            )
        return Rules(self._library, self._comparison, context)


class Rules:
    """A filter in the making; a context manager, since it holds memory of the library's."""

    def __init__(self, library: Any, comparison: Any, context: int) -> None:
        self._library = library
        self._comparison = comparison
        self._context = context

    def __enter__(self) -> Rules:
        return self

    def __exit__(self, *_: object) -> None:
        self._library.seccomp_release(self._context)

    def add_arch(self, token: int) -> int:
        """0, or a negative error number; one that is in the filter already is no error."""
        import errno

        result = int(self._library.seccomp_arch_add(self._context, token))
        return 0 if result == -errno.EEXIST else result

    def use_binary_tree(self) -> None:
        """Makes the filter quick for many rules; older libraries go without."""
        self._library.seccomp_attr_set(self._context, _OPTIMIZE, BINARY_TREE)

    def add(
        self, action: int, syscall: int, comparisons: Sequence[tuple[int, int, int, int]]
    ) -> int:
        """0, or a negative error number.

        A comparison is the argument's index, an SCMP_CMP_ number, a value and a second one.
        """
        array = (self._comparison * len(comparisons))(*comparisons) if comparisons else None
        return int(
            self._library.seccomp_rule_add_array(
                self._context, action, syscall, len(comparisons), array
            )
        )

    def program(self) -> bytes:
        """The filter as an array of struct sock_filter."""
        fd = os.memfd_create("seccomp")
        try:
            error = int(self._library.seccomp_export_bpf(self._context, fd))
            if error:
                raise InternalError(f"cannot export seccomp filter: {os.strerror(-error)}")
            return os.pread(fd, os.fstat(fd).st_size, 0)
        finally:
            os.close(fd)


_loaded: Library | None = None


def load() -> Library:
    """The library; loaded once, on first use.

    Raises:
        Unsupported: it is not installed, or too old.
    """
    global _loaded  # noqa: PLW0603 - libraries are loaded once
    if _loaded is None:
        import ctypes

        try:
            _loaded = Library(ctypes.CDLL(locate() or SONAME))
        except (OSError, AttributeError):
            raise Unsupported(
                "seccomp",
                needs=f"{SONAME} of version 2.5 or newer",
                hint="install the package libseccomp2",
            ) from None
    return _loaded
