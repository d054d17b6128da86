"""Plans of boxes and runs: data, that needs no root."""

from __future__ import annotations

from typing import Any

import pytest

import orlop
from orlop.errors import InvalidArgument
from orlop.intent.request import Directory, Host, HostImage, InMemory, NoNetwork
from orlop.launch.plan import CONTAINER, ChangeDirectory, Execute, FindProgram, SetRlimit
from orlop.launch.wire import decode, encode
from orlop.sandbox.composition import request_of
from orlop.sandbox.core import _args
from orlop.sandbox.files import Entry, entries_of
from orlop.sandbox.leftovers import name_of, owner_of
from orlop.sandbox.options import Environment, Job, RunLimits
from orlop.sandbox.runs import plan_of
from orlop.sandbox.template import _PLACEHOLDER as PLACEHOLDER
from orlop.sandbox.template import Template


def job(**changes: Any) -> Job:
    return Job(("a", "b"), ("PATH=/x:/y",), "/work", RunLimits()).replace(**changes)


def test_a_run_is_the_containers_alone() -> None:
    plan = plan_of(job())
    assert {step.side for step in plan.steps} == {CONTAINER}
    assert (plan.slots, plan.inherited) == (3, 3)
    operations = [step.op for step in plan.steps]
    assert operations[-3:] == [
        ChangeDirectory("/work"),
        FindProgram("a", "/x:/y"),
        Execute(("a", "b"), ("PATH=/x:/y",)),
    ]
    assert [step.op for step in decode(encode(plan)).steps] == operations


def test_cpu_time_is_limited_for_each_process_too() -> None:
    limited = plan_of(job(limits=RunLimits(cpu_time_s=0.5)))
    assert SetRlimit(0, 2, 3) in [step.op for step in limited.steps]
    assert not any(isinstance(step.op, SetRlimit) for step in plan_of(job()).steps)


def test_what_is_asked_for_a_box() -> None:
    request = request_of(Environment())
    assert request.image == HostImage()
    assert request.writable == InMemory(64 << 20)
    assert request.namespaces.networks == (NoNetwork(),)
    assert request.privileges.drop == ("ALL",)
    assert request.privileges.no_new_privileges
    assert request.limits.memory_swap_bytes == request.limits.memory_bytes == 256 << 20
    other = request_of(Environment(root="/usr/../usr", network="host", cpus=0.5))
    assert other.image == Directory("/usr")
    assert other.namespaces.networks == (Host(),)
    assert other.limits.nano_cpus == 500_000_000


def test_a_root_that_is_none() -> None:
    with pytest.raises(InvalidArgument, match="directory"):
        request_of(Environment(root="/etc/passwd"))


def test_boxes_differ_in_their_names_only() -> None:
    any_plan: Any = None
    text = f"mkdir /sys/fs/cgroup/{PLACEHOLDER}".encode()
    template = Template(
        Environment(), any_plan, any_plan, text, any_plan, {"/m": f"/m/{PLACEHOLDER}"}
    )
    one, two = template.start(), template.start()
    assert one.id != two.id
    assert len(one.id) == len(two.id) == len(PLACEHOLDER)
    assert one.encoded == b"mkdir /sys/fs/cgroup/" + one.id.encode()
    assert one.cgroups == {"/m": f"/m/{one.id}"}


def test_listings() -> None:
    text = b"33188 5 a\x0016877 4096 b c\n\x0041471 1 \xff\x00"
    assert entries_of(text) == (
        Entry("a", "file", 0o644, 5),
        Entry("b c\n", "directory", 0o755, 4096),
        Entry("\udcff", "symlink", 0o777, 1),
    )
    assert entries_of(b"") == ()


@pytest.mark.parametrize("command", ["true", b"bytes", [], ()])
def test_commands_that_are_none(command: Any) -> None:
    with pytest.raises(InvalidArgument, match="list of words"):
        _args(command)


def test_the_package_offers_its_names() -> None:
    for name in orlop.__all__:
        assert getattr(orlop, name)
    with pytest.raises(AttributeError, match="nothing"):
        orlop.nothing  # noqa: B018


def test_names_of_boxes() -> None:
    assert len(name_of(1, 2)) == len(name_of(4194304, 1 << 40)) == len(PLACEHOLDER)
    assert owner_of(name_of(4711, 5)) == 4711
    for other in (
        PLACEHOLDER,
        "orlop-box-",
        "orlop-box-1-2",
        "other",
        "orlop-box-0000000g-00000000",
    ):
        assert owner_of(other) is None
