"""One box: a container whose first process waits for programs to start.

A box belongs to this process. Three things hold that: its first process ends when the connection to
it closes; the launcher kills it when the launcher's own connection closes, and removes its control
groups; and if somebody kills the launcher, the first process dies with it, and the control groups
are removed here.

Everything that waits is a generator (`orlop.sandbox.waiting`). A box does one thing at a time; who
uses it from several threads or tasks has to take turns.
"""

from __future__ import annotations

import os
import select
import sys
import time
import weakref
from typing import TYPE_CHECKING

from orlop.errors import NotFound, Unavailable
from orlop.kernel.cgroup.live import Cgroup
from orlop.kernel.cgroup.meter import Meter, Reading
from orlop.kernel.process import send_signal
from orlop.launch import report as reports
from orlop.launch.executor import launch
from orlop.launch.serving import KEEP_THE_REST, Server
from orlop.launch.wire import encode
from orlop.records import Record
from orlop.sandbox.streams import take
from orlop.sandbox.waiting import Wait, wait_for
from orlop.sandbox.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orlop.launch.plan import Plan
    from orlop.launch.serving import Answer
    from orlop.sandbox.options import RunLimits
    from orlop.sandbox.result import Verdict
    from orlop.sandbox.streams import Stream
    from orlop.sandbox.template import Template
    from orlop.sandbox.waiting import Steps

_START_TAKES_S = 60.0
_END_TAKES_S = 10.0
_SIGKILL = 9


class Task(Record):
    """What a box's first process is asked for.

    Attributes:
        plan: its operations; the inherited slots are the descriptors that come with it.
        limits: what it may use.
        keep_background: what it leaves behind goes on.
    """

    plan: Plan
    limits: RunLimits
    keep_background: bool = False


class Done(Record):
    """What became of a task: the answer of the first process, and what was counted outside.

    Attributes:
        answer: None if the box has ended with it; `status` is then that of its first process.
        status: as waitpid(2) has it.
        stopped: why it was killed, if it was.
        before, after: the control group's numbers.
        wall_ns: how long it took.
    """

    answer: Answer | None
    status: int
    stopped: Verdict | None
    before: Reading
    after: Reading
    wall_ns: int


class Box:
    """A box, from its start to its end.

    Attributes:
        id: its name, and that of its control groups.
        template: what it was made from.
    """

    def __init__(self, template: Template) -> None:
        """Starts it, without waiting for anything.

        Raises:
            Unavailable: there is no launcher.
        """
        start = template.start()
        self.id = start.id
        self.template = template
        self._cgroups = start.cgroups
        self._meter: Meter | None = None
        self._number = 0
        self._server = Server()
        null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
        try:
            self._launch = launch(
                start.plan,
                (self._server.theirs.fileno(),),
                name=start.id,
                stdio=(null, null, null),
                encoded=start.encoded,
            )
        except BaseException:
            self._server.close()
            raise
        finally:
            os.close(null)
            self._server.theirs.close()
        self._pidfd = os.pidfd_open(self._launch.pid)
        self.closed = False
        _boxes.add(self)

    # --- its start and its end --------------------------------------------------------------

    def ready(self) -> Steps[Meter]:
        """Waits until programs can be started.

        Raises:
            LaunchError: the start has failed.
            Unavailable: it is closed, or takes too long.
        """
        if self.closed:
            raise Unavailable(f"sandbox {self.id} is closed")
        if self._meter is None:
            until = time.monotonic() + _START_TAKES_S
            if not (yield Wait((self._launch.fileno(),), until)):
                raise Unavailable(f"sandbox {self.id} has not started in {_START_TAKES_S:.0f} s")
            self._launch.wait_running()
            self._meter = Meter(self.template.layout, self._cgroups)
        return self._meter

    def has_ended(self) -> bool:
        """Whether its first process has ended, though it was not closed."""
        poll = select.poll()
        poll.register(self._server.fileno(), select.POLLIN)
        return bool(poll.poll(0))

    def hang_up(self) -> None:
        """Ends the box, without waiting until it has ended."""
        self._server.close()
        self._launch.hang_up()

    def kill(self) -> None:
        """Ends the box's first process, so that whoever waits for something in it goes on."""
        try:
            self._launch.send_signal(_SIGKILL)
        except OSError:  # it has ended already
            return

    def close(self) -> Steps[None]:
        """Ends the box, and waits until nothing is left of it. A second time it does nothing."""
        if self.closed:
            return
        self.closed = True
        self.hang_up()
        try:
            if not (yield Wait((self._pidfd,), time.monotonic() + _END_TAKES_S)):
                send_signal(self._pidfd, _SIGKILL)
        except NotFound:  # it has ended at the last moment
            return
        finally:
            self._clean_up()

    def _clean_up(self) -> None:
        self._launch.reap()
        report = self._launch.read_report()
        if report.phase not in (reports.EXITED, reports.FAILED) or report.cgroups_left:
            cgroup = Cgroup.stored(self._cgroups, self.template.layout)
            cgroup.kill_all(_SIGKILL)
            cgroup.destroy()
        self._launch.close()
        os.close(self._pidfd)
        if self._meter is not None:
            self._meter.close()
        _boxes.discard(self)

    def __del__(self) -> None:
        if not getattr(self, "closed", True) and not sys.is_finalizing():
            import warnings

            message = f"sandbox {self.id} was not closed"
            warnings.warn(message, ResourceWarning, stacklevel=2, source=self)
            wait_for(self.close())

    # --- tasks ------------------------------------------------------------------------------

    def perform(self, task: Task, descriptors: list[int], streams: Sequence[Stream]) -> Steps[Done]:
        """Has the first process perform a task, to its end.

        Args:
            task: what to do.
            descriptors: for the plan's inherited slots; closed here once they are sent.
            streams: what the task writes to; drained and closed here.

        Raises:
            LaunchError: an operation has failed.
            Unavailable: the box has ended before.
        """
        try:
            meter = yield from self.ready()
            before = meter.read()
            meter.reset_peak()
            self._number += 1
            began_ns = time.monotonic_ns()
            self._ask(task, descriptors)
            while descriptors:
                os.close(descriptors.pop())
            watch = Watch(task.limits, self.template.environment.cpus, meter, before)
            answer = yield from self._follow(watch, streams)
            status = (yield from self._end()) if answer is None else answer.status
            took_ns = time.monotonic_ns() - began_ns
            after = meter.read()
        finally:
            for fd in descriptors:
                os.close(fd)
            for stream in streams:
                stream.close()
        if answer is not None and answer.failure is not None:
            raise reports.error(task.plan, answer.failure)
        return Done(answer, status, watch.stopped, before, after, took_ns)

    def _ask(self, task: Task, descriptors: Sequence[int]) -> None:
        flags = KEEP_THE_REST if task.keep_background else 0
        try:
            self._server.run(self._number, encode(task.plan), descriptors, flags)
        except OSError:
            raise Unavailable(f"sandbox {self.id} has ended") from None

    def _follow(self, watch: Watch, streams: Sequence[Stream]) -> Steps[Answer | None]:
        """Until the answer to the present request comes; None if the first process has ended."""
        number, server, killed = self._number, self._server.fileno(), False
        try:
            while True:
                fds = tuple(stream.fd for stream in streams if stream.fd >= 0)
                ready = yield Wait((server, *fds), watch.until)
                fits = take(stream.read for stream in streams if stream.fd in ready)
                if server in ready:
                    answer = self._server.receive()
                    if answer is None or answer.number == number:
                        fits &= take(stream.drain for stream in streams)
                        watch.look_at_end(output_fits=fits)
                        return answer
                if watch.look(output_fits=fits):
                    if killed:
                        self.kill()  # the first process did not manage to
                    self._kill(number)
                    killed = True
        except BaseException:
            self._kill(number)  # and nobody waits for its answer
            raise

    def _kill(self, number: int) -> None:
        try:
            self._server.kill(number)
        except OSError:  # it has just ended by itself
            return

    def _end(self) -> Steps[int]:
        """Waits until the first process, which has closed its connection, has ended; its status."""
        yield Wait((self._launch.fileno(),), time.monotonic() + _END_TAKES_S)
        return self._launch.wait_ended()


_boxes: weakref.WeakSet[Box] = weakref.WeakSet()


def _disown() -> None:
    """In a forked child: the boxes are the parent's, and shall not live on with the child."""
    for box in list(_boxes):
        box.closed = True
        box.hang_up()
    _boxes.clear()


os.register_at_fork(after_in_child=_disown)
