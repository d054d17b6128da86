"""Runs in a box: from a job to its result."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from orlop.kernel.scheduling import RLIMITS
from orlop.launch.plan import (
    CONTAINER,
    ChangeDirectory,
    Execute,
    FindProgram,
    NewSession,
    Operation,
    Plan,
    SetRlimit,
    Slot,
    Step,
    UseStdio,
)
from orlop.sandbox.box import Task
from orlop.sandbox.options import PATH
from orlop.sandbox.result import End, Result, Usage, verdict_of
from orlop.sandbox.streams import Budget, Stream

if TYPE_CHECKING:
    from collections.abc import Callable

    from orlop.sandbox.box import Box, Done
    from orlop.sandbox.options import Job
    from orlop.sandbox.waiting import Steps

    Sink = Callable[[bytes], object]
    Target = Sink | int

_STDIO = UseStdio(Slot(0), Slot(1), Slot(2))


def container_plan(*operations: Operation) -> Plan:
    """A plan for who serves, with stdin, stdout and stderr as its descriptors."""
    own = (NewSession(), _STDIO, *operations)
    return Plan(tuple(Step(CONTAINER, op) for op in own), slots=3, inherited=3)


def plan_of(job: Job) -> Plan:
    """The plan of a job."""
    search = dict(entry.partition("=")[::2] for entry in job.env).get("PATH", PATH)
    return container_plan(
        *_rlimits(job),
        ChangeDirectory(job.cwd),
        FindProgram(job.args[0], search),
        Execute(job.args, job.env),
    )


def _rlimits(job: Job) -> tuple[Operation, ...]:
    """The kernel ends at least each single process, should nobody look at the sum in time."""
    if job.limits.cpu_time_s is None:
        return ()
    seconds = math.ceil(job.limits.cpu_time_s) + 1
    return (SetRlimit(RLIMITS["RLIMIT_CPU"], seconds, seconds + 1),)


def run(box: Box, job: Job, stdin: int, stdout: Target, stderr: Target) -> Steps[Result]:
    """Runs a job; its result has no output, that goes to the targets.

    Args:
        box: where.
        job: what.
        stdin: a descriptor, closed here.
        stdout: what is called with what was written, or a descriptor to write to, closed here.
        stderr: as well.

    Raises:
        CommandNotFound, CommandNotExecutable: there is no such program in the box.
        LaunchError: another operation has failed, as that of changing to `cwd`.
        Unavailable: the box has ended.
    """
    budget = Budget(job.limits.output_bytes)
    descriptors, streams = [stdin], []
    for target in (stdout, stderr):
        if isinstance(target, int):
            descriptors.append(target)
        else:
            stream = Stream(target, budget, box.template.owner)
            streams.append(stream)
            descriptors.append(stream.far)
    task = Task(plan_of(job), job.limits, job.keep_background)
    done = yield from box.perform(task, descriptors, streams)
    return result_of(done)


def result_of(done: Done) -> Result:
    """The result of a run, without its output."""
    end = End(
        status=done.status,
        stopped=done.stopped,
        oom_kills=done.after.oom_kills - done.before.oom_kills,
        refused_forks=done.after.refused_forks - done.before.refused_forks,
        disk_full=done.answer is not None and done.answer.disk_free == 0,
    )
    signal = done.status & 0x7F
    return Result(
        verdict=verdict_of(end),
        exit_code=None if signal else done.status >> 8,
        signal=signal or None,
        stdout=b"",
        stderr=b"",
        usage=_usage(done, end),
    )


def _usage(done: Done, end: End) -> Usage:
    counted = Usage(
        cpu_ns=done.after.cpu_ns - done.before.cpu_ns,
        wall_ns=done.wall_ns,
        memory_peak_bytes=done.after.memory_peak_bytes,
        oom_kills=end.oom_kills,
        refused_forks=end.refused_forks,
    )
    told = done.answer
    if told is None:
        return counted
    return counted.replace(
        user_ns=told.user_us * 1000,
        system_ns=told.system_us * 1000,
        disk_bytes=told.disk_used,
        read_bytes=told.read_bytes,
        written_bytes=told.written_bytes,
        processes=told.processes,
    )
