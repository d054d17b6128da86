"""Compiled seccomp filters on disk, because compiling one takes longer than all else of a start.

Whoever can write here decides what containers may do, so the directory has to be a real directory
of the caller's own that is closed to everybody else; otherwise it is as if it were empty.
"""

from __future__ import annotations

import os

from orlop.kernel import seccomp_library
from orlop.kernel.seccomp import Filter, Profile

_FORMAT = b"orlop seccomp filter 1\n"  # to be changed with what the compiler makes of a profile
_DIGEST_SIZE = 32
_MAX_SIZE = 64 * 1024
_MAX_FILTERS = 64


class Cache:
    """The filters in one directory; a context manager, since it holds a descriptor of it."""

    def __init__(self, directory: str) -> None:
        self._fd = _open_own(directory)
        self._source = _source() if self._fd >= 0 else ""
        self._names: dict[Profile, str] = {}

    def __enter__(self) -> Cache:
        return self

    def __exit__(self, *_: object) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def get(self, profile: Profile) -> Filter | None:
        """The filter of that profile, compiled by the same library for the same kernel."""
        if not self._source:
            return None
        name = self._name(profile)
        try:
            fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._fd)
        except OSError:
            return None
        try:
            content = os.read(fd, _MAX_SIZE)
        finally:
            os.close(fd)
        digest, body = content[:_DIGEST_SIZE], content[_DIGEST_SIZE:]
        if digest != _digest(name.encode() + body):  # of a file that was cut off by a crash
            return None
        flags, notify, program = int.from_bytes(body[:4], "little"), body[4] == 1, body[8:]
        return Filter(program, flags, notify)

    def put(self, profile: Profile, compiled: Filter) -> None:
        """Later `get`s find the filter, if it can be written at all."""
        if not self._source:
            return
        name = self._name(profile)
        body = (
            compiled.flags.to_bytes(4, "little")
            + compiled.notify.to_bytes(4, "little")
            + compiled.program
        )
        temporary = f"{name}.{os.getpid()}.{os.urandom(4).hex()}"
        try:
            self._write(temporary, _digest(name.encode() + body) + body)
            os.rename(temporary, name, src_dir_fd=self._fd, dst_dir_fd=self._fd)
            self._discard_oldest()
        except OSError:  # full or read-only: the next start compiles again
            return

    def _name(self, profile: Profile) -> str:
        name = self._names.get(profile)
        if name is None:
            name = _digest(f"{self._source}\n{profile!r}".encode(errors="surrogateescape")).hex()
            self._names[profile] = name
        return name

    def _write(self, name: str, content: bytes) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(name, flags, 0o600, dir_fd=self._fd)
        try:
            if os.write(fd, content) != len(content):
                raise OSError("short write")
        except OSError:
            os.unlink(name, dir_fd=self._fd)
            raise
        finally:
            os.close(fd)

    def _discard_oldest(self) -> None:
        """Keeps the directory from growing with every profile that anybody ever uses."""
        with os.scandir(self._fd) as entries:
            ages = sorted((entry.stat().st_mtime_ns, entry.name) for entry in entries)
        for _, name in ages[:-_MAX_FILTERS]:
            os.unlink(name, dir_fd=self._fd)


def _open_own(directory: str) -> int:
    """A descriptor of the directory, made if it is missing, or -1 if it is not to be trusted."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        try:
            fd = os.open(directory, flags)
        except FileNotFoundError:
            os.mkdir(directory, 0o700)
            fd = os.open(directory, flags)
    except OSError:
        return -1
    found = os.fstat(fd)
    if found.st_uid != os.geteuid() or found.st_mode & 0o077:
        os.close(fd)
        return -1
    return fd


def _source() -> str:
    """All that a compiled filter depends on besides its profile; "" if that is not known."""
    path = seccomp_library.locate()
    try:
        library = os.stat(path)
    except OSError:
        return ""
    system = os.uname()
    return (
        f"{system.release} {system.version} {system.machine}"
        f" {path} {library.st_dev} {library.st_ino} {library.st_size} {library.st_mtime_ns}"
    )


def _digest(content: bytes) -> bytes:
    from _blake2 import blake2b  # hashlib would load OpenSSL, 3 ms

    return blake2b(_FORMAT + content, digest_size=_DIGEST_SIZE).digest()
