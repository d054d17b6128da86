"""Namespaces: how the first process comes into them, and what is set in them from outside."""

from __future__ import annotations

from orlop.insight.shell.places import Opened, UserNamespace
from orlop.insight.shell.words import word, words
from orlop.kernel.namespaces import CGROUP, MOUNT, NAMESPACES, USER
from orlop.launch.plan import (
    NO_SLOT,
    SELF,
    Clone,
    Join,
    MakeUserNamespace,
    NewSession,
    Open,
    RunIdMapHelper,
    SendPidfd,
    Undumpable,
    Unshare,
    WriteProc,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.insight.shell.draft import Draft, Renderings
    from orlop.kernel.namespaces import NamespaceType

# As unshare(1) and nsenter(1) call them.
_OPTIONS = {kind.name: f"--{kind.file}" for kind in NAMESPACES} | {
    MOUNT.name: "--mount",
    CGROUP.name: "--cgroup",
}
_OFFSETS = "timens_offsets"


def option(kind: NamespaceType) -> str:
    """The namespace as an option of unshare(1) and nsenter(1)."""
    return _OPTIONS[kind.name]


def _types(flags: int) -> list[NamespaceType]:
    return [kind for kind in NAMESPACES if flags & kind.flag]


def _open(op: Open, d: Draft) -> None:
    d.slots.fill(op.out, Opened(op.path))


def _join(op: Join, d: Draft) -> None:
    namespace = d.slots.content(op.namespace)
    if not isinstance(namespace, Opened):
        d.cannot("it joins a process that only its caller knows")
        return
    for kind in _types(op.types):
        d.namespaces.append(kind)
        # A PID namespace is for children only; the fork comes with unshare(1).
        command = "" if d.joins else "nsenter --no-fork "
        d.joining(f"start+=({command}{option(kind)}={d.path(namespace.path)})")


def _clone(op: Clone, d: Draft) -> None:
    new = _types(op.flags)
    d.namespaces += new
    options = ["--fork", *map(option, new)]
    if USER in new:
        options.append("--keep-caps")  # it is nobody there, until the id maps are written
    d.starting(f"start+=(unshare {' '.join(options)})")
    d.cloned = True
    cgroup = d.slots.content(op.cgroup) if op.cgroup != NO_SLOT else None
    if isinstance(cgroup, Opened):
        tasks = d.path(f"{cgroup.path}/cgroup.procs")
        d.enter(f"echo 0 > {tasks}", reason="orlop's process is born in this one")


def _unshare(op: Unshare, d: Draft) -> None:
    new = _types(op.flags)
    d.namespaces += new
    options = " ".join(map(option, new))
    if d.cloned:
        d.enter(f"exec unshare {options} bash -eu -c get_ready")
    else:
        d.starting(f"start+=(unshare {options})")


def _write_proc(op: WriteProc, d: Draft) -> None:
    text = op.data.decode("utf-8", "surrogateescape")
    if op.whose != SELF:
        d.outside(_one_write(text, f'"/proc/$first/{op.name}"'))
    elif op.name == _OFFSETS:
        _offsets(text, d)
    elif op.name.endswith("keycreate"):
        d.misses("the SELinux label of keys")
    else:
        d.label(f"printf %s {word(text)} > {word('/proc/self/' + op.name)}")


def _one_write(text: str, file: str) -> str:
    """The shell's own printf writes line by line, and these files take one write."""
    if "\n" in text.rstrip("\n"):
        return f"env printf %s {word(text)} > {file}"
    return f"echo {word(text.rstrip(chr(10)))} > {file}"


def _offsets(text: str, d: Draft) -> None:
    for line in text.splitlines():
        clock, seconds, nanoseconds = line.split()
        d.starting(f"start+=(--{clock}={seconds})")
        if int(nanoseconds):
            d.misses(f"{nanoseconds} ns of the {clock} clock's offset: unshare(1) takes seconds")


def _run_id_map_helper(op: RunIdMapHelper, d: Draft) -> None:
    d.outside(f'{op.program} "$first" {words(op.ranges)}')


def _make_user_namespace(op: MakeUserNamespace, d: Draft) -> None:
    d.slots.fill(op.out, UserNamespace())


def _undumpable(_: Undumpable, d: Draft) -> None:
    d.misses(
        "protection from those who are in the joined namespaces already:"
        " they may trace the tools that run there"
    )


def _new_session(_: NewSession, d: Draft) -> None:
    d.become("run+=(setsid)")


def _send_pidfd(_: SendPidfd, d: Draft) -> None:
    d.misses("a pidfd of the first process for the caller: a script has no such caller")


RENDERINGS: Renderings = {
    Open: _open,
    Join: _join,
    Clone: _clone,
    Unshare: _unshare,
    WriteProc: _write_proc,
    RunIdMapHelper: _run_id_map_helper,
    MakeUserNamespace: _make_user_namespace,
    Undumpable: _undumpable,
    NewSession: _new_session,
    SendPidfd: _send_pidfd,
}
