"""Processes, namespaces and programs that are run during a start (launch/namespaces.c, hooks.c)."""

from __future__ import annotations

from orlop.insight.notation.constants import CLONE, flags
from orlop.insight.notation.syntax import aside, call, descriptor, quoted, strings, struct
from orlop.launch.plan import (
    LAUNCHER,
    MIDDLE,
    NO_SLOT,
    SELF,
    Clone,
    Join,
    MakeUserNamespace,
    NewSession,
    RunHook,
    RunIdMapHelper,
    SendPidfd,
    Undumpable,
    Unshare,
    WriteProc,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.insight.notation.scene import Notations, Scene
    from orlop.insight.notation.syntax import Calls

_OF_PROC = struct(
    flags="O_WRONLY|O_NOFOLLOW|O_CLOEXEC",
    resolve="RESOLVE_NO_XDEV|RESOLVE_NO_SYMLINKS|RESOLVE_BENEATH",
)
_HOST_PROC = descriptor("/proc")


def die_with_launcher(s: Scene) -> Calls:
    """What follows every change of rights: the kernel forgets the signal of the parent's death."""
    if s.side == LAUNCHER or s.filtered:
        return ()
    return (aside("prctl", "PR_SET_PDEATHSIG", "SIGKILL"),)


def write_proc(pid: str, name: str, data: bytes) -> Calls:
    """A write to a file of /proc/PID through the launcher's own procfs."""
    file = descriptor(f"/proc/{pid}/{name}")
    return (
        aside("openat2", _HOST_PROC, quoted(f"{pid}/{name}"), _OF_PROC, result=file),
        call("write", file, quoted(data)),
    )


def _clone(op: Clone, s: Scene) -> Calls:
    words = [flags(op.flags, CLONE)] if op.flags else []
    words += ["CLONE_PIDFD", "CLONE_PARENT_SETTID"]
    words += ["CLONE_PARENT"] if s.side == MIDDLE else []
    born = op.cgroup != NO_SLOT
    words += ["CLONE_INTO_CGROUP"] if born else []
    arguments = struct(
        flags="|".join(words),
        exit_signal="" if s.side == MIDDLE else "SIGCHLD",
        cgroup=s.slot(op.cgroup) if born else "",
    )
    pair = aside("socketpair", "AF_UNIX", "SOCK_SEQPACKET|SOCK_CLOEXEC", "0")
    clone = call("clone3", arguments, result="PID")
    return (clone,) if s.side == MIDDLE else (pair, clone)


def _unshare(op: Unshare, s: Scene) -> Calls:
    return (call("unshare", flags(op.flags, CLONE)), *die_with_launcher(s))


def _join(op: Join, s: Scene) -> Calls:
    return (call("setns", s.slot(op.namespace), flags(op.types, CLONE)), *die_with_launcher(s))


def _write_proc(op: WriteProc, _: Scene) -> Calls:
    if op.whose == SELF:
        own = aside("readlinkat", _HOST_PROC, '"self"')
        return (own, *write_proc("self", op.name, op.data))
    return write_proc("PID", op.name, op.data)


def _run(path: str, argv: tuple[str, ...], environment: int, note: str) -> Calls:
    variables = f"[/* {environment} variables */]"
    return (
        aside("pipe2", "O_CLOEXEC"),
        aside("clone3", struct(flags="CLONE_PIDFD", exit_signal="SIGCHLD"), result="PID of it"),
        call("execve", quoted(path), strings(argv), variables, note=note),
        aside("wait4", "PID of it"),
    )


def _run_id_map_helper(op: RunIdMapHelper, _: Scene) -> Calls:
    return _run(op.program, (op.program, "PID", *op.ranges), 1, "")


def _run_hook(op: RunHook, _: Scene) -> Calls:
    limit = f", {op.timeout_ms} ms at most" if op.timeout_ms else ""
    return _run(op.path, op.argv, len(op.env), f"stdin: the container's state{limit}")


def _send_pidfd(op: SendPidfd, s: Scene) -> Calls:
    message = struct(msg_iov='["standard"]', cmsg_type="SCM_RIGHTS", cmsg_data="[pidfd of PID]")
    return (call("sendmsg", s.slot(op.socket), message, "MSG_NOSIGNAL"),)


def _make_user_namespace(op: MakeUserNamespace, s: Scene) -> Calls:
    helper = "HELPER"
    clone = struct(flags="CLONE_NEWUSER", exit_signal="SIGCHLD")
    return (
        aside("pipe2", "O_CLOEXEC"),
        call("clone3", clone, result=helper),
        *write_proc(helper, "uid_map", op.uid_map.encode()),
        *write_proc(helper, "gid_map", op.gid_map.encode()),
        call(
            "openat",
            _HOST_PROC,
            quoted(f"{helper}/ns/user"),
            "O_RDONLY|O_CLOEXEC",
            result=s.fill(op.out, "user namespace"),
        ),
        aside("kill", helper, "SIGKILL"),
        aside("wait4", helper),
    )


def _undumpable(_op: Undumpable, _: Scene) -> Calls:
    return (call("prctl", "PR_SET_DUMPABLE", "SUID_DUMP_DISABLE"),)


def _new_session(_op: NewSession, _: Scene) -> Calls:
    return (call("setsid"),)


CALLS: Notations = {
    Clone: _clone,
    Unshare: _unshare,
    Join: _join,
    WriteProc: _write_proc,
    RunIdMapHelper: _run_id_map_helper,
    RunHook: _run_hook,
    SendPidfd: _send_pidfd,
    MakeUserNamespace: _make_user_namespace,
    Undumpable: _undumpable,
    NewSession: _new_session,
}
