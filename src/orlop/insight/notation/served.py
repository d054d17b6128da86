"""A first process that serves, and files of the container as bytes (launch/serve.c, files.c)."""

from __future__ import annotations

import posixpath

from orlop.insight.notation.constants import octal
from orlop.insight.notation.mounts import INSIDE
from orlop.insight.notation.syntax import Calls, aside, call, descriptor, quoted, struct
from orlop.launch.plan import ListDirectory, ReceiveFile, SendFile, Serve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.insight.notation.scene import Notations, Scene

_ROOT = descriptor("/")
_STDOUT = descriptor("stdout")
_GENTLY = "O_RDONLY|O_NOCTTY|O_NONBLOCK|O_CLOEXEC"


def _serve(op: Serve, s: Scene) -> Calls:
    return (
        aside("prctl", "PR_SET_DUMPABLE", "0"),
        call("recvmsg", s.slot(op.socket), note="programs to start, until the container ends"),
    )


def _open_root() -> Calls:
    return (aside("open", '"/"', "O_PATH|O_DIRECTORY|O_CLOEXEC", result=_ROOT),)


def _receive_file(op: ReceiveFile, _: Scene) -> Calls:
    above, name = posixpath.split(op.path)
    parent = descriptor(above or "/")
    making = "O_WRONLY|O_CREAT|O_EXCL|O_NOFOLLOW|O_CLOEXEC"
    made = descriptor(op.path)
    return (
        *_open_root(),
        aside("unlinkat", parent, quoted(name), "0", note="if it is there"),
        call("openat", parent, quoted(name), making, "0600", result=made),
        aside("read", descriptor("stdin"), always=False),
        aside("write", made, always=False),
        aside("fchmod", made, octal(op.mode)),
    )


def _open_file(path: str, flags: str) -> Calls:
    how = struct(flags=flags, resolve=INSIDE)
    return (*_open_root(), call("openat2", _ROOT, quoted(path), how, result=descriptor(path)))


def _send_file(op: SendFile, _: Scene) -> Calls:
    file = descriptor(op.path)
    return (
        *_open_file(op.path, _GENTLY),
        aside("fstat", file),
        aside("read", file),
        aside("write", _STDOUT, always=False),
    )


def _list_directory(op: ListDirectory, _: Scene) -> Calls:
    return (
        *_open_file(op.path, f"O_DIRECTORY|{_GENTLY}"),
        aside("getdents64", descriptor(op.path)),
        aside("write", _STDOUT, always=False),
    )


CALLS: Notations = {
    Serve: _serve,
    ReceiveFile: _receive_file,
    SendFile: _send_file,
    ListDirectory: _list_directory,
}
