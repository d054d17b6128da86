"""A root of layers, as steps of a plan."""

from __future__ import annotations

import pytest

from orlop.launch import plan as ops
from orlop.launch.plan import CONTAINER, NO_SLOT, Plan
from orlop.runtime.layers import Layers, Overlay, escaped
from orlop.runtime.planner import plan_container
from orlop.runtime.spec import Hook, Hooks, Root
from tests.unit.runtime.test_planner import find, make_situation, make_spec

LAYERS = Layers(
    (Overlay("/", ("/own/root",), "root"), Overlay("/etc", ("/own/etc", "/etc"), "etc")),
    "/box/layers",
)


NO_HOOKS = Hooks()


def plan(layers: Layers = LAYERS, *, readonly: bool = False, hooks: Hooks = NO_HOOKS) -> Plan:
    spec = make_spec().replace(root=Root("root", readonly=readonly), hooks=hooks)
    return plan_container(spec, make_situation(layers=layers))


def overlays(made: Plan) -> list[ops.NewFilesystem]:
    new = [step.op for step in find(made, ops.NewFilesystem)]
    return [op for op in new if isinstance(op, ops.NewFilesystem) and op.type == "overlay"]


def test_nothing_of_the_root_is_done_by_the_launcher() -> None:
    made = plan()
    sides = {step.side for step in made.steps if step.reason.startswith("OCI root")}
    assert sides == {CONTAINER}
    assert not any(
        isinstance(step.op, ops.CloneTree) and step.op.path == "/bundle/rootfs"
        for step in made.steps
    )


def test_overlays() -> None:
    root, etc = overlays(plan())
    assert root.options == (
        "lowerdir=/own/root",
        "upperdir=/box/layers/root.upper",
        "workdir=/box/layers/root.work",
    )
    assert etc.options[0] == "lowerdir=/own/etc:/etc"


def test_the_first_is_the_root_and_others_are_in_it() -> None:
    made = plan()
    root, etc = overlays(made)
    attached = {op.mount: op for op in (s.op for s in made.steps) if isinstance(op, ops.Attach)}
    assert (attached[root.out].base, attached[root.out].path) == (NO_SLOT, "/")
    assert (attached[etc.out].base, attached[etc.out].path) == (root.out, "etc")
    (pivot,) = find(made, ops.PivotRoot)
    assert pivot.op == ops.PivotRoot(root.out)


def test_on_disk_the_directories_are_made_below_the_scratch() -> None:
    made = plan()
    scratch = next(s.op for s in find(made, ops.Open) if getattr(s.op, "path", "") == "/box/layers")
    assert isinstance(scratch, ops.Open)
    names = [
        step.op.path
        for step in find(made, ops.MakeDirectory)
        if isinstance(step.op, ops.MakeDirectory) and step.op.base == scratch.out
    ]
    assert names == ["root.upper", "root.work", "etc.upper", "etc.work"]


def test_in_memory_a_tmpfs_covers_the_scratch_first() -> None:
    made = plan(LAYERS.replace(memory_bytes=4096))
    (tmpfs,) = (
        step.op
        for step in find(made, ops.NewFilesystem)
        if isinstance(step.op, ops.NewFilesystem) and step.op.source == "scratch"
    )
    assert tmpfs.options == ("size=4096", "mode=700")
    order = [type(step.op).__name__ for step in made.steps if "OCI root" in step.reason]
    assert order[:3] == ["NewFilesystem", "Attach", "MakeDirectory"]
    (cover,) = (
        step.op
        for step in find(made, ops.Attach)
        if isinstance(step.op, ops.Attach) and step.op.mount == tmpfs.out
    )
    assert (cover.base, cover.path) == (NO_SLOT, "/box/layers")


def test_a_read_only_root_is_so_in_all_layers() -> None:
    made = plan(readonly=True)
    slots = {overlay.out for overlay in overlays(made)}
    protected = {
        step.op.mount
        for step in find(made, ops.SetMount)
        if isinstance(step.op, ops.SetMount) and step.reason == "OCI root.readonly"
    }
    assert protected == slots


def test_hooks_find_the_root_where_they_are_told() -> None:
    made = plan(hooks=Hooks(create_runtime=(Hook("/hook"),)))
    root = overlays(made)[0]
    (at,) = (
        step.op.path
        for step in find(made, ops.Attach)
        if isinstance(step.op, ops.Attach) and step.op.mount == root.out
    )
    assert at == "/bundle/rootfs"


@pytest.mark.parametrize(
    ("path", "expected"), [("/a b", "/a b"), ("/a:b", r"/a\:b"), ("/a,b\\c", r"/a\,b\\c")]
)
def test_special_characters(path: str, expected: str) -> None:
    assert escaped(path) == expected
