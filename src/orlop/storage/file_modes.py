"""Modes of files in the bits of Go's os.FileMode, which Docker's API has."""

from __future__ import annotations

import stat

_DIRECTORY = 1 << 31
_SYMLINK = 1 << 27
_DEVICE = 1 << 26
_FIFO = 1 << 25
_SOCKET = 1 << 24
_SETUID = 1 << 23
_SETGID = 1 << 22
_CHARACTER = 1 << 21
_STICKY = 1 << 20

_KINDS = {
    stat.S_IFDIR: _DIRECTORY,
    stat.S_IFLNK: _SYMLINK,
    stat.S_IFBLK: _DEVICE,
    stat.S_IFCHR: _DEVICE | _CHARACTER,
    stat.S_IFIFO: _FIFO,
    stat.S_IFSOCK: _SOCKET,
}
_BITS = {stat.S_ISUID: _SETUID, stat.S_ISGID: _SETGID, stat.S_ISVTX: _STICKY}


def go_mode(mode: int) -> int:
    """The bits for an st_mode. See: pkg.go.dev/io/fs#FileMode."""
    special = sum(theirs for ours, theirs in _BITS.items() if mode & ours)
    return mode & 0o777 | _KINDS.get(stat.S_IFMT(mode), 0) | special
