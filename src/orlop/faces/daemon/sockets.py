"""Sockets that a daemon listens at: its own, and those that systemd hands over."""

from __future__ import annotations

import contextlib
import grp
import os
import socket
import stat

from orlop.errors import AlreadyExists, InvalidArgument, PermissionDenied, Unavailable

_FIRST_HANDED = 3  # sd_listen_fds(3)
_MODE = 0o660
_LONGEST_PATH = 107  # sun_path of unix(7), with the NUL that ends it


def listeners(hosts: tuple[str, ...], group: str) -> list[socket.socket]:
    """Listening sockets for all hosts.

    Args:
        hosts: unix://PATH or fd://.
        group: which may use the sockets that are made here, if there is such a group.

    Raises:
        AlreadyExists: another engine answers at a path.
        InvalidArgument: a path is no place for a socket, or systemd has handed over none.
        PermissionDenied: the kernel does not allow it.
    """
    made: list[socket.socket] = []
    try:
        for host in hosts:
            kind, _, rest = host.partition("://")
            made += _handed(rest) if kind == "fd" else [_own(rest, group)]
    except BaseException:
        for sock in made:
            sock.close()
        raise
    return made


def remove(hosts: tuple[str, ...]) -> None:
    """The sockets' files are gone."""
    for host in hosts:
        if host.startswith("unix://"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(host.removeprefix("unix://"))


def answers(path: str) -> bool:
    """Whether somebody listens at a socket's path."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except BlockingIOError:  # somebody does, with many clients waiting
            return True
        except OSError:
            return False
        return True


def _own(path: str, group: str) -> socket.socket:
    if len(os.fsencode(path)) > _LONGEST_PATH:
        raise InvalidArgument(
            f"the socket's path {path} is longer than {_LONGEST_PATH} bytes",
            hint="the kernel allows no more: take a shorter --exec-root or --host",
        )
    _clear(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
        _bind(sock, path)
        sock.listen(512)
        with contextlib.suppress(KeyError):
            os.chown(path, -1, grp.getgrnam(group).gr_gid)
    except OSError as error:
        sock.close()
        reason = f"cannot listen at {path}: {os.strerror(error.errno or 0)}"
        raise (PermissionDenied if error.errno in (1, 13) else Unavailable)(reason) from None
    return sock


def _bind(sock: socket.socket, path: str) -> None:
    """The socket's file is there, and was never open to others than its owner and group."""
    mask = os.umask(0o777 & ~_MODE)
    try:
        sock.bind(path)
    finally:
        os.umask(mask)


def _clear(path: str) -> None:
    """What an engine that was killed has left at the path is gone.

    Raises:
        AlreadyExists: an engine that lives listens there.
        InvalidArgument: there is something else.
    """
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise PermissionDenied(f"cannot use {path}: {os.strerror(error.errno or 0)}") from None
    if not stat.S_ISSOCK(found.st_mode):
        raise InvalidArgument(f"{path} exists and is not a socket")
    if answers(path):
        raise AlreadyExists("an engine at", path, hint="choose another --host")
    os.unlink(path)


def _handed(which: str) -> list[socket.socket]:
    """The sockets that systemd has handed over: all of them, or the one of that name or number."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        raise InvalidArgument(
            "fd:// needs a socket from systemd, and there is none", hint="see systemd.socket(5)"
        )
    count = int(os.environ.get("LISTEN_FDS", "0"))
    names = os.environ.get("LISTEN_FDNAMES", "").split(":")
    wanted = [
        _FIRST_HANDED + index
        for index in range(count)
        if which in ("", "*", str(_FIRST_HANDED + index), *names[index : index + 1])
    ]
    if not wanted:
        raise InvalidArgument(f"systemd has handed over no socket fd://{which}")
    for fd in wanted:
        os.set_inheritable(fd, False)
    return [socket.socket(fileno=fd) for fd in wanted]
