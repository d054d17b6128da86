"""Control groups (launch/cgroups.c)."""

from __future__ import annotations

import os

from orlop.insight.notation.constants import open_flags
from orlop.insight.notation.syntax import aside, call, descriptor, quoted, struct
from orlop.launch.plan import (
    CGROUP_NEW,
    MAY_BE_REFUSED,
    AttachDeviceFilter,
    EnterCgroup,
    InheritCpuset,
    MakeCgroup,
    Open,
    WriteCgroup,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from orlop.insight.notation.scene import Notations, Scene
    from orlop.insight.notation.syntax import Calls

_READ = open_flags(os.O_RDONLY | os.O_CLOEXEC)
_WRITE = open_flags(os.O_WRONLY | os.O_CLOEXEC)
_BPF_INSTRUCTION = 8  # bytes of a struct bpf_insn


def _make(op: MakeCgroup, _: Scene) -> Calls:
    note = "" if op.flags & CGROUP_NEW else "may exist"
    return (call("mkdir", quoted(op.path), "0755", note=note),)


def _inherit_cpuset(op: InheritCpuset, _: Scene) -> Calls:
    calls: Calls = ()
    for name in ("cpuset.cpus", "cpuset.mems"):
        own, above = f"{op.path}/{name}", f"{op.path}/../{name}"
        missing = "if it has none"
        calls += (
            aside("open", quoted(own), _READ, result=descriptor(own)),
            aside("read", descriptor(own)),
            aside("open", quoted(above), _READ, result=descriptor(above), always=False),
            aside("read", descriptor(above), always=False),
            aside("open", quoted(own), _WRITE, result=descriptor(own), always=False),
            call("write", descriptor(own), "what its parent has", note=missing, always=False),
        )
    return calls


def _write(op: WriteCgroup, _: Scene) -> Calls:
    file = descriptor(op.path)
    note = "may be refused" if op.flags & MAY_BE_REFUSED else ""
    return (
        aside("open", quoted(op.path), _WRITE, result=file, note=note),
        call("write", file, quoted(op.value), note=note, always=not note),
    )


def _attach_device_filter(op: AttachDeviceFilter, s: Scene) -> Calls:
    program = descriptor("device filter")
    load = struct(
        prog_type="BPF_PROG_TYPE_CGROUP_DEVICE",
        insn_cnt=str(len(op.program) // _BPF_INSTRUCTION),
        insns="...",
        license='"Apache-2.0"',
    )
    attach = struct(
        target_fd=s.slot(op.cgroup),
        attach_bpf_fd=program,
        attach_type="BPF_CGROUP_DEVICE",
        attach_flags="BPF_F_ALLOW_MULTI",
    )
    return (
        call("bpf", "BPF_PROG_LOAD", load, result=program),
        call("bpf", "BPF_PROG_ATTACH", attach),
    )


def _open(op: Open, s: Scene) -> Calls:
    flags = open_flags(op.flags & ~(os.O_CREAT | os.O_TRUNC) | os.O_CLOEXEC)
    return (call("open", quoted(op.path), flags, result=s.fill(op.out, op.path)),)


def _enter(op: EnterCgroup, s: Scene) -> Calls:
    return (call("write", s.slot(op.tasks), '"0"'),)


CALLS: Notations = {
    MakeCgroup: _make,
    InheritCpuset: _inherit_cpuset,
    WriteCgroup: _write,
    AttachDeviceFilter: _attach_device_filter,
    Open: _open,
    EnterCgroup: _enter,
}
