"""The plans of namespaces by hand: what each option adds, in an order that the kernel accepts."""

from __future__ import annotations

from orlop.insight.byhand.asking import new_namespaces
from orlop.insight.byhand.plans import Command, New, plan_command, plan_keeper
from orlop.insight.byhand.running import plan_lines
from orlop.kernel.cgroup.creation import Entry
from orlop.kernel.cgroup.detect import CgroupLayout
from orlop.kernel.namespaces import CLONE_NEWNET, CLONE_NEWPID, MOUNT, NETWORK, PID, USER
from orlop.launch.plan import (
    CONTAINER,
    KILL_ON_HANGUP,
    LAUNCHER,
    MIDDLE,
    STAY,
    AwaitStart,
    Clone,
    ConfigureNetDevice,
    EnterCgroup,
    Execute,
    Join,
    NewFilesystem,
    OpenConsole,
    Operation,
    Plan,
    SetMount,
    Slot,
    Unshare,
    UseTerminal,
)
from orlop.launch.wire import encode
from orlop.runtime.planner.situation import Situation
from orlop.runtime.spec import Box

SITUATION = Situation("", "/", "/", CgroupLayout())
COMMAND = Command(("id", "-u"), {"PATH": "/bin", "A": "b"}, "/tmp", 0o027)


def ops(plan: Plan, kind: type[Operation]) -> list[Operation]:
    encode(plan)  # what cannot be encoded is no plan
    return [step.op for step in plan.steps if isinstance(step.op, kind)]


def test_a_command_alone() -> None:
    plan = plan_command(COMMAND, New(), (), SITUATION)
    assert plan.flags == STAY | KILL_ON_HANGUP
    assert plan.inherited == 0
    assert ops(plan, Clone) == [Clone(0)]
    assert plan.steps[-1].op == Execute(("id", "-u"), ("PATH=/bin", "A=b"))


def test_new_namespaces_come_with_the_clone() -> None:
    plan = plan_command(COMMAND, new_namespaces(["pid,net"]), (), SITUATION)
    assert ops(plan, Clone) == [Clone(CLONE_NEWPID | CLONE_NEWNET)]
    assert ops(plan, ConfigureNetDevice) == [ConfigureNetDevice("lo")]


def test_what_is_mounted_in_a_new_mount_namespace_stays_there() -> None:
    assert ops(plan_command(COMMAND, new_namespaces(["net"]), (), SITUATION), SetMount) == []
    plan = plan_command(COMMAND, new_namespaces(["pid"], mount_proc=True), (), SITUATION)
    kinds = [type(step.op) for step in plan.steps]
    assert kinds.index(SetMount) < kinds.index(NewFilesystem)


def test_joined_namespaces_are_the_inherited_slots_in_order() -> None:
    plan = plan_command(COMMAND, New(), (NETWORK, MOUNT), SITUATION)
    assert plan.inherited == 2
    joins = [(step.side, step.op) for step in plan.steps if isinstance(step.op, Join)]
    assert joins == [
        (CONTAINER, Join(Slot(0), NETWORK.flag)),
        (CONTAINER, Join(Slot(1), MOUNT.flag)),
    ]


def test_a_pid_namespace_is_joined_before_the_clone_and_not_by_the_launcher() -> None:
    plan = plan_command(COMMAND, New(), (PID,), SITUATION)
    assert [step.side for step in plan.steps if isinstance(step.op, Join | Clone)] == [MIDDLE] * 2


def test_others_namespaces_are_joined_before_the_own_user_namespace_is_made() -> None:
    plan = plan_command(COMMAND, new_namespaces(["user"]), (NETWORK,), SITUATION)
    kinds = [type(step.op) for step in plan.steps]
    assert kinds.index(Join) < kinds.index(Clone)


def test_a_user_namespace_is_joined_last() -> None:
    plan = plan_command(COMMAND, New(), (USER, NETWORK, MOUNT), SITUATION)
    joined = [step.op.types for step in plan.steps if isinstance(step.op, Join)]
    assert joined[-1] == USER.flag


def test_a_terminal_is_opened_outside_and_its_master_sent_over_the_last_inherited_slot() -> None:
    command = COMMAND.replace(terminal=Box(24, 80))
    plan = plan_command(command, New(), (NETWORK,), SITUATION)
    assert plan.inherited == 2
    (opened,) = [step for step in plan.steps if isinstance(step.op, OpenConsole)]
    assert isinstance(opened.op, OpenConsole)
    assert (opened.side, opened.op.socket, opened.op.rows) == (LAUNCHER, Slot(1), 24)
    assert ops(plan, UseTerminal) == [UseTerminal(opened.op.out)]


def test_control_groups_are_entered() -> None:
    entry = Entry(("/cg/pids/x/tasks",), "/cg/unified/x")
    plan = plan_command(COMMAND, New(), (), SITUATION, entry)
    assert len(ops(plan, EnterCgroup)) == 1
    (clone,) = ops(plan, Clone)
    assert isinstance(clone, Clone)
    assert clone.cgroup == Slot(0)


def test_a_keeper_waits_in_everything_that_was_asked_for() -> None:
    kinds = "user,pid,net,mnt,ipc,uts,cgroup,time"
    plan = plan_keeper(new_namespaces([kinds], offsets={"monotonic": 5}), SITUATION)
    assert (plan.inherited, plan.flags) == (1, 0)
    names = [type(step.op) for step in plan.steps]
    assert names[-2:] == [AwaitStart, Execute]
    made = 0
    for op in (*ops(plan, Clone), *ops(plan, Unshare)):
        assert isinstance(op, Clone | Unshare)
        made |= op.flags
    assert made.bit_count() == 8


def test_what_is_said_is_what_changes_something() -> None:
    plan = plan_command(COMMAND, new_namespaces(["uts"]), (NETWORK,), SITUATION)
    lines = list(plan_lines(plan, names={Slot(0): "/run/netns/web"}))
    assert [line.partition("(")[0] for line in lines] == ["clone3", "setns", "execve"]
    assert lines[1] == "setns(0</run/netns/web>, CLONE_NEWNET)"
    assert list(plan_lines(plan, until=Clone)) == []
