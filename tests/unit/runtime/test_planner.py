"""Plans, compared as data: what a field changes is the difference of two plans."""

from __future__ import annotations

import pytest

from orlop.kernel.cgroup.creation import Creation, Directory, Entry
from orlop.kernel.cgroup.detect import CgroupLayout, Hierarchy
from orlop.kernel.idmap import IdMap
from orlop.kernel.seccomp import Filter
from orlop.launch import plan as ops
from orlop.launch.plan import CONTAINER, LAUNCHER, MIDDLE, Operation, Plan, Step
from orlop.launch.wire import decode, encode
from orlop.runtime.planner import plan_container, plan_exec
from orlop.runtime.planner.situation import Handed, Joining, Situation
from orlop.runtime.spec import (
    Capabilities,
    Hook,
    Hooks,
    Linux,
    Mount,
    Namespace,
    Process,
    Root,
    Spec,
    TimeOffset,
    User,
)

V1 = CgroupLayout((Hierarchy("/sys/fs/cgroup/memory", ("memory",)),))
V2 = CgroupLayout((Hierarchy("/sys/fs/cgroup", ("memory", "pids"), v2=True),))
ALL = tuple(Namespace(kind) for kind in ("pid", "network", "mount", "ipc", "uts", "cgroup"))


def make_spec(**linux: object) -> Spec:
    linux.setdefault("namespaces", ALL)
    return Spec(
        oci_version="1.2.0",
        process=Process(cwd="/", args=("true",), env=("PATH=/bin",)),
        root=Root("rootfs"),
        mounts=(
            Mount("/proc", "proc", "proc"),
            Mount("/dev", "tmpfs", "tmpfs", ("nosuid", "mode=755")),
            Mount("/dev/pts", "devpts", "devpts", ("newinstance",)),
        ),
        linux=Linux(**linux),  # type: ignore[arg-type]
    )


def make_situation(**facts: object) -> Situation:
    values = {"id": "box", "bundle": "/bundle", "root": "/bundle/rootfs", "layout": V2} | facts
    return Situation(**values)  # type: ignore[arg-type]


def plan(spec: Spec, **facts: object) -> Plan:
    return plan_container(spec, make_situation(**facts))


def kinds(made: Plan) -> list[str]:
    return [type(step.op).__name__ for step in made.steps]


def added(before: Plan, after: Plan) -> list[Step]:
    """The steps of `after` that are not in `before`, if nothing else has changed."""
    rest = list(before.steps)
    extra = []
    for step in after.steps:
        if rest and rest[0] == step:
            rest.pop(0)
        else:
            extra.append(step)
    assert not rest
    return extra


def find(made: Plan, kind: type[Operation]) -> list[Step]:
    return [step for step in made.steps if isinstance(step.op, kind)]


def position(made: Plan, kind: type[Operation]) -> int:
    return kinds(made).index(kind.__name__)


def test_a_read_only_root_is_one_more_step() -> None:
    spec = make_spec()
    extra = added(plan(spec), plan(spec.replace(root=Root("rootfs", readonly=True))))
    assert [type(step.op) for step in extra] == [ops.SetMount]
    assert extra[0].reason == "OCI root.readonly"


def test_the_plan_survives_the_wire_but_for_its_reasons() -> None:
    made = plan(make_spec(masked_paths=("/proc/kcore",)))
    back = decode(encode(made))
    assert [step.op for step in back.steps] == [step.op for step in made.steps]


def test_every_step_has_a_reason() -> None:
    assert all(step.reason for step in plan(make_spec()).steps)


def test_all_namespaces_but_cgroup_and_time_come_with_the_clone() -> None:
    made = plan(make_spec())
    (clone,) = find(made, ops.Clone)
    assert isinstance(clone.op, ops.Clone)
    assert clone.side == LAUNCHER
    assert clone.op.flags == 0x20000000 | 0x40000000 | 0x00020000 | 0x08000000 | 0x04000000
    (unshare,) = find(made, ops.Unshare)
    assert unshare == Step(CONTAINER, ops.Unshare(0x02000000), unshare.reason)


def test_paths_below_an_own_file_system_are_resolved_from_its_descriptor() -> None:
    made = plan(
        make_spec(masked_paths=("/proc/kcore", "/etc/secret"), readonly_paths=("/proc/sys",))
    )
    proc = next(
        step.op.out
        for step in find(made, ops.NewFilesystem)
        if isinstance(step.op, ops.NewFilesystem) and step.op.type == "proc"
    )
    masked = [step.op for step in find(made, ops.Mask)]
    assert [(op.base == proc, op.path) for op in masked if isinstance(op, ops.Mask)] == [
        (True, "kcore"),
        (False, "etc/secret"),
    ]
    (protected,) = [step.op for step in find(made, ops.Protect)]
    assert isinstance(protected, ops.Protect)
    assert (protected.base, protected.path) == (proc, "sys")


def test_a_bind_mount_over_a_file_system_ends_its_use_as_a_base() -> None:
    spec = make_spec(masked_paths=("/proc/kcore",))
    spec = spec.replace(mounts=(*spec.mounts, Mount("/proc", "bind", "/x", ("bind",))))
    (masked,) = [step.op for step in find(plan(spec), ops.Mask)]
    assert isinstance(masked, ops.Mask)
    assert masked.path == "proc/kcore"


def test_a_remount_changes_the_mount_that_is_there() -> None:
    spec = make_spec()
    extra = Mount("/proc", None, None, ("remount", "ro", "nosuid"))
    steps = added(
        plan(spec),
        plan(
            spec.replace(mounts=(*spec.mounts, extra)),
        ),
    )
    assert [type(step.op) for step in steps] == [ops.OpenInside, ops.SetMount]


def test_bind_sources_are_cloned_by_the_launcher_before_the_clone() -> None:
    spec = make_spec()
    spec = spec.replace(mounts=(*spec.mounts, Mount("/data", "bind", "/srv", ("rbind", "ro"))))
    made = plan(spec)
    (source,) = [
        step
        for step in find(made, ops.CloneTree)
        if isinstance(step.op, ops.CloneTree) and step.op.path == "/srv"
    ]
    assert source.side == LAUNCHER
    assert made.steps.index(source) < position(made, ops.Clone)


def test_without_rights_the_container_clones_its_sources_itself() -> None:
    namespaces = (*ALL, Namespace("user"))
    maps = (IdMap(0, 1000, 1),)
    spec = make_spec(namespaces=namespaces, uid_mappings=maps, gid_mappings=maps)
    made = plan(spec, privileged=False)
    assert {step.side for step in find(made, ops.CloneTree)} == {CONTAINER}
    written = [
        step.op.name for step in find(made, ops.WriteProc) if isinstance(step.op, ops.WriteProc)
    ]
    assert written == ["uid_map", "setgroups", "gid_map"]


def test_maps_come_right_after_the_clone() -> None:
    maps = (IdMap(0, 100000, 65536),)
    spec = make_spec(namespaces=(*ALL, Namespace("user")), uid_mappings=maps, gid_mappings=maps)
    made = plan(spec)
    at = position(made, ops.Clone)
    assert [step.op for step in made.steps[at + 1 : at + 3]] == [
        ops.WriteProc(ops.OF_CONTAINER, "uid_map", b"0 100000 65536\n"),
        ops.WriteProc(ops.OF_CONTAINER, "gid_map", b"0 100000 65536\n"),
    ]


def test_joining_before_a_new_user_namespace_takes_a_middle_process() -> None:
    maps = (IdMap(0, 100000, 65536),)
    namespaces = (Namespace("user"), Namespace("mount"), Namespace("network", "/run/netns/a"))
    made = plan(make_spec(namespaces=namespaces, uid_mappings=maps, gid_mappings=maps))
    assert [step.side for step in find(made, ops.Join)] == [MIDDLE]
    assert [step.side for step in find(made, ops.Clone)] == [MIDDLE]


def test_a_joined_user_namespace_is_entered_last() -> None:
    namespaces = (Namespace("user", "/u"), Namespace("network", "/n"), Namespace("mount"))
    joined = [
        step.op.types
        for step in find(plan(make_spec(namespaces=namespaces)), ops.Join)
        if isinstance(step.op, ops.Join)
    ]
    assert joined == [0x40000000, 0x10000000]


def test_joins_that_take_effect_at_once_need_no_middle_process() -> None:
    namespaces = (Namespace("network", "/n"), Namespace("pid"), Namespace("mount"))
    made = plan(make_spec(namespaces=namespaces))
    assert {step.side for step in made.steps} == {LAUNCHER, CONTAINER}
    assert [step.side for step in find(made, ops.Join)] == [CONTAINER]
    assert find(made, ops.Undumpable)


def test_what_takes_effect_for_children_is_never_done_by_the_parent_of_the_hooks() -> None:
    joined = plan(
        make_spec(
            namespaces=(Namespace("network", "/n"), Namespace("pid", "/p"), Namespace("mount"))
        )
    )
    sides = {
        step.op.types: step.side for step in find(joined, ops.Join) if isinstance(step.op, ops.Join)
    }
    assert sides == {0x20000000: MIDDLE, 0x40000000: CONTAINER}
    new = plan(make_spec(namespaces=(*ALL, Namespace("time"))))
    assert [step.side for step in find(new, ops.Unshare) if step.op == ops.Unshare(0x80)] == [
        MIDDLE
    ]


def test_time_offsets_are_written_before_anybody_is_inside() -> None:
    spec = make_spec(
        namespaces=(*ALL, Namespace("time")), time_offsets={"boottime": TimeOffset(86400, 5)}
    )
    made = plan(spec)
    at = position(made, ops.Clone)
    assert [step.op for step in made.steps[at - 2 : at]] == [
        ops.Unshare(0x80),
        ops.WriteProc(ops.SELF, "timens_offsets", b"boottime 86400 5\n"),
    ]


FILTER = Filter(b"\0" * 8, 0, notify=False)


@pytest.mark.parametrize(
    ("no_new_privileges", "notify", "expected"),
    [
        (False, False, ["LoadSeccomp", "SetCapabilities", "AwaitStart"]),
        (True, False, ["SetCapabilities", "AwaitStart", "LoadSeccomp"]),
        (True, True, ["LoadSeccomp", "SendSeccompListener", "SetCapabilities", "AwaitStart"]),
    ],
)
def test_when_the_filter_is_loaded(
    no_new_privileges: bool, notify: bool, expected: list[str]
) -> None:
    from orlop.kernel.seccomp import Profile

    spec = make_spec(seccomp=Profile("SCMP_ACT_ALLOW", listener_path="/agent"))
    assert spec.process is not None
    process = spec.process.replace(no_new_privileges=no_new_privileges, capabilities=Capabilities())
    handed = Handed(listener=9)
    made = plan(spec.replace(process=process), seccomp=FILTER.replace(notify=notify), handed=handed)
    assert [kind for kind in kinds(made) if kind in expected] == expected


def test_privileges_go_in_the_order_that_the_kernel_allows() -> None:
    spec = make_spec()
    assert spec.process is not None
    process = spec.process.replace(capabilities=Capabilities(), user=User(1000, 1000, None, (5,)))
    made = plan(spec.replace(process=process))
    order = ["DropBounding", "OwnStdio", "SetUser", "SetCapabilities", "FindProgram", "Execute"]
    assert [kind for kind in kinds(made) if kind in order] == order
    (user,) = [step.op for step in find(made, ops.SetUser)]
    assert user == ops.SetUser(1000, 1000, b"\x05\0\0\0", 0)


def test_ungrantable_capabilities_are_left_out() -> None:
    spec = make_spec()
    assert spec.process is not None
    sets = Capabilities(bounding=("CAP_CHOWN", "CAP_SYS_ADMIN"), effective=("CAP_SYS_ADMIN",))
    process = spec.process.replace(capabilities=sets)
    made = plan(spec.replace(process=process), capabilities=1)
    assert [step.op for step in find(made, ops.DropBounding)] == [ops.DropBounding(1)]
    assert [step.op for step in find(made, ops.SetCapabilities)] == [
        ops.SetCapabilities(0, 0, 0, 0)
    ]


def test_hooks_run_where_and_when_the_specification_says() -> None:
    hooks = Hooks(
        prestart=(Hook("/a"),),
        create_runtime=(Hook("/b"),),
        create_container=(Hook("/c", ("c", "x"), ("K=V",), 3),),
        start_container=(Hook("/d"),),
    )
    made = plan(make_spec().replace(hooks=hooks), handed=Handed(listener=9))
    ran = [
        (step.op.path, step.side, made.steps.index(step))
        for step in find(made, ops.RunHook)
        if isinstance(step.op, ops.RunHook)
    ]
    assert [(path, side) for path, side, _ in ran] == [
        ("/a", LAUNCHER),
        ("/b", LAUNCHER),
        ("/c", CONTAINER),
        ("/d", CONTAINER),
    ]
    pivot, await_start = position(made, ops.PivotRoot), position(made, ops.AwaitStart)
    assert ran[2][2] < pivot < await_start < ran[3][2]
    hook = made.steps[ran[2][2]].op
    assert isinstance(hook, ops.RunHook)
    assert (hook.argv, hook.env, hook.timeout_ms) == (("c", "x"), ("K=V",), 3000)
    assert len(hook.state) == 2
    assert hook.state[0].endswith('"pid":')


def test_after_the_start_is_awaited_the_launcher_has_nothing_to_do() -> None:
    made = plan(make_spec(), handed=Handed(listener=9))
    at = position(made, ops.AwaitStart)
    assert {step.side for step in made.steps[at:]} == {CONTAINER}


def test_devices_are_bound_in_a_user_namespace_and_made_otherwise() -> None:
    assert len(find(plan(make_spec()), ops.MakeNode)) == 6
    maps = (IdMap(0, 100000, 65536),)
    mapped = make_spec(namespaces=(*ALL, Namespace("user")), uid_mappings=maps, gid_mappings=maps)
    assert not find(plan(mapped), ops.MakeNode)


def test_a_bind_mounted_dev_is_left_alone() -> None:
    spec = make_spec()
    spec = spec.replace(mounts=(Mount("/dev", "bind", "/dev", ("rbind",)),))
    made = plan(spec)
    assert not find(made, ops.MakeNode)
    assert not find(made, ops.MakeSymlink)


def test_exec_joins_only_what_differs_and_brings_no_hooks() -> None:
    spec = make_spec().replace(hooks=Hooks(start_container=(Hook("/d"),)))
    assert spec.process is not None
    made = plan_exec(
        spec,
        spec.process,
        make_situation(handed=Handed(target=7)),
        Joining(("pid", "mount", "network"), None),
    )
    joins = [
        (step.side, step.op.types) for step in find(made, ops.Join) if isinstance(step.op, ops.Join)
    ]
    assert joins == [(LAUNCHER, 0x20000000), (CONTAINER, 0x00020000 | 0x40000000)]
    assert position(made, ops.Undumpable) < kinds(made).index("Join", position(made, ops.Clone))
    assert not find(made, ops.RunHook)
    assert made.steps[-1].op == ops.Execute(("true",), ("PATH=/bin", "HOME="), 0, 0)


def test_exec_of_a_given_program_looks_for_none_in_the_container() -> None:
    process = Process(cwd="/", args=("given", "one"))
    handed = Handed(target=7, program=8)
    made = plan_exec(make_spec(), process, make_situation(handed=handed), Joining((), None))
    assert [step.op for step in find(made, ops.UseProgram)] == [ops.UseProgram(ops.Slot(1))]
    assert not find(made, ops.FindProgram)
    assert find(made, ops.Execute)[0].op == ops.Execute(
        ("given", "one"),
        find(made, ops.Execute)[0].op.env,  # type: ignore[attr-defined]
    )


@pytest.mark.parametrize("no_new_privileges", [False, True])
def test_copied_filters_are_loaded_in_their_order(no_new_privileges: bool) -> None:
    """With no_new_privs last, else while there is still the right to do it."""
    process = Process(cwd="/", args=("true",), no_new_privileges=no_new_privileges)
    filters = (Filter(b"12345678", 0, notify=False), Filter(b"87654321", 0, notify=False))
    situation = make_situation(copied_filters=filters)
    made = plan_exec(make_spec(), process, situation, Joining((), None))
    loaded = [step.op for step in find(made, ops.LoadSeccomp)]
    assert loaded == [ops.LoadSeccomp(b"12345678", 0), ops.LoadSeccomp(b"87654321", 0)]
    late = position(made, ops.LoadSeccomp) > position(made, ops.SetCapabilities)
    assert late == no_new_privileges


def test_exec_can_have_a_cgroup_of_its_own() -> None:
    creation = Creation(
        (Directory("/sys/fs/cgroup/new", leaf=True),), Entry((), "/sys/fs/cgroup/new")
    )
    made = plan_exec(make_spec(), Process(cwd="/"), make_situation(), Joining((), creation))
    assert find(made, ops.MakeCgroup)[0].op == ops.MakeCgroup("/sys/fs/cgroup/new")
    clone = find(made, ops.Clone)[0].op
    opened = find(made, ops.Open)[0].op
    assert (clone.cgroup, opened.path) == (opened.out, "/sys/fs/cgroup/new")  # type: ignore[attr-defined]
