"""What the seccomp filters of a live process say to each system call, and what others would say.

Everything follows from the programs that the kernel has: they are executed for every system call
number of every architecture that the machine can run, with the arguments left open, the whole stack
of them, since the most restrictive answer counts.
"""

from __future__ import annotations

import os

from orlop.errors import NotFound, OrlopError, Unsupported
from orlop.insight import filter_conditions as said
from orlop.insight.filter_paths import Path, TooComplex, follow, paths
from orlop.kernel import process as processes
from orlop.kernel import seccomp, seccomp_library, seccomp_live
from orlop.kernel import seccomp_program as bpf
from orlop.kernel.seccomp_live import LiveFilter
from orlop.kernel.seccomp_program import Instruction
from orlop.records import Record
from orlop.runtime.seccomp_default import default_profile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from orlop.insight.filter_conditions import Conjunction
    from orlop.insight.filter_paths import Program
    from orlop.kernel.seccomp import Profile

NONE, STRICT, FILTER = "none", "strict", "filter"
_MODES = {
    seccomp_live.DISABLED: NONE,
    seccomp_live.STRICT: STRICT,
    seccomp_live.FILTER: FILTER,
}

# --- results ----------------------------------------------------------------------------------


class ThreadMode(Record):
    """The seccomp mode of one thread, and how many filters it has (0 before Linux 5.9)."""

    thread: int
    mode: str
    count: int


class FilterReading(Record):
    """The seccomp state of one thread of a process.

    Attributes:
        mode: NONE, STRICT (read, write, exit and sigreturn only) or FILTER.
        filters: in the order in which they were loaded.
        thread: the id of the thread that was read; 0 if it was no live one.
        problem: why the filters could not be read, although there are some.
        other_threads: those threads of the process that have another mode or number of filters.
    """

    mode: str
    filters: tuple[LiveFilter, ...] = ()
    thread: int = 0
    problem: OrlopError | None = None
    other_threads: tuple[ThreadMode, ...] = ()


class Action(Record):
    """What happens to a call.

    Attributes:
        kind: one of `KINDS`.
        data: the error number of "errno"; what a tracer or signal handler is told.
    """

    kind: str
    data: int = 0

    @property
    def text(self) -> str:
        """As "allow" or "errno(EPERM)"."""
        if self.kind != _KINDS[bpf.ERRNO]:
            return f"{self.kind}({self.data})" if self.data else self.kind
        import errno

        return f"{self.kind}({errno.errorcode.get(self.data, self.data)})"

    @property
    def permits(self) -> bool:
        """Whether the call reaches the kernel."""
        return self.kind in (_KINDS[bpf.ALLOW], _KINDS[bpf.LOG])


_KINDS = {
    bpf.ALLOW: "allow",
    bpf.LOG: "log",
    bpf.ERRNO: "errno",
    bpf.NOTIFY: "notify",
    bpf.TRACE: "trace",
    bpf.TRAP: "trap",
    bpf.KILL_THREAD: "kill thread",
    bpf.KILL_PROCESS: "kill process",
}
KINDS = tuple(_KINDS.values())
DEPENDS = "depends on arguments"
_WITH_DATA = (bpf.ERRNO, bpf.TRACE, bpf.TRAP)


class Case(Record):
    """One of several answers.

    Attributes:
        action: None if the filter computes it from arguments.
        when: any of these conjunctions holds; empty for the last case, which is all else.
    """

    action: Action | None
    when: tuple[Conjunction, ...] = ()

    @property
    def text(self) -> str:
        """As "allow if arg0 == 0"."""
        what = self.action.text if self.action else "computed"
        return f"{what} if {said.text_of(self.when)}" if self.when else what


class SyscallAnswer(Record):
    """What the whole stack of filters says to one system call.

    Attributes:
        number: as the filters see it.
        name: "" if libseccomp does not know the number.
        cases: one, or several that exclude each other; none if there are too many to be followed.
    """

    number: int
    name: str
    cases: tuple[Case, ...]

    @property
    def action(self) -> Action | None:
        """The answer if it does not depend on arguments."""
        return self.cases[0].action if len(self.cases) == 1 else None

    @property
    def kind(self) -> str:
        """One of `KINDS`, or DEPENDS."""
        return self.action.kind if self.action else DEPENDS

    @property
    def text(self) -> str:
        """As "allow", or "allow if arg0 in {0, 8}, else errno(EPERM)"."""
        if not self.cases:
            return f"{DEPENDS}, in too many ways to be listed"
        *some, last = (case.text for case in self.cases)
        return ", ".join((*some, f"else {last}" if some else last))

    def action_for(self, arguments: tuple[int, ...]) -> Action | None:
        """The answer to a call with these arguments (up to six), if it could be found out."""
        call = _as_words(arguments)
        for case in self.cases:
            if not case.when or any(said.holds(found, call) for found in case.when):
                return case.action
        return None


class ArchitectureAnswers(Record):
    """The answers to the system calls of one architecture.

    Attributes:
        architecture: as "x86_64".
        answers: to all calls that libseccomp knows, by number.
        newer: to one with a number above all these.
    """

    architecture: str
    answers: tuple[SyscallAnswer, ...]
    newer: SyscallAnswer


class AnswerDifference(Record):
    """A system call to which two stacks of filters do not say the same.

    Attributes:
        example: arguments upon which they differ.
    """

    architecture: str
    live: SyscallAnswer
    expected: SyscallAnswer
    example: tuple[int, ...] = ()


# --- reading ----------------------------------------------------------------------------------


def read_filters(
    process: processes.Identity, thread: int = 0, timeout_s: float = seccomp_live.TIMEOUT_S
) -> FilterReading:
    """The seccomp state of a process now; what may not be read is said in `problem`.

    Args:
        process: the process.
        thread: the id of one of its threads; 0 for the first one that lives.
        timeout_s: how long to wait for the thread to stop.

    Raises:
        NotFound: it has ended.
    """
    thread = thread or seccomp_live.first_thread(process.pid)
    filters: tuple[LiveFilter, ...] = ()
    problem = None
    try:
        filters = seccomp_live.read_filters(process, thread, timeout_s)
    except NotFound:
        raise
    except OrlopError as error:
        problem = error
    modes = _modes(process.pid)
    own = next((found for found in modes if found.thread == thread), None)
    if own is None:
        raise NotFound("thread", str(thread))
    others = tuple(found for found in modes if found.replace(thread=thread) != own)
    return FilterReading(own.mode, filters, thread, problem, others)


def _modes(pid: int) -> list[ThreadMode]:
    found = []
    for thread in processes.threads(pid):
        try:
            now = processes.read_thread_status(pid, thread)
        except NotFound:
            continue
        found.append(ThreadMode(thread, _MODES[now.seccomp_mode], now.seccomp_filters))
    return found


def reading_of(*profiles: Profile) -> FilterReading:
    """What would be read of a process that had loaded these profiles.

    Raises:
        InvalidArgument, Unsupported: as `orlop.kernel.seccomp.compile`.
    """
    compiled = tuple(LiveFilter(seccomp.compile(profile).program) for profile in profiles)
    return FilterReading(FILTER if compiled else NONE, compiled)


def docker_default(capabilities: Iterable[str]) -> FilterReading:
    """What would be read under Docker's default profile, given the capabilities by name.

    Raises:
        Unsupported: there is no such profile for this machine, or no libseccomp.
    """
    return reading_of(default_profile(tuple(capabilities), os.uname().machine))


# --- answers ----------------------------------------------------------------------------------


class _Abi(Record):
    """One set of system call numbers."""

    name: str
    token: int
    audit_arch: int
    first: int


_X32 = "SCMP_ARCH_X32"
_X32_BIT = 1 << 30
_NUMBERS = 1024  # more than any architecture has; the kernel adds about five a year
_PREFIX = "SCMP_ARCH_"


def answers(
    reading: FilterReading, architectures: Iterable[str] = ()
) -> tuple[ArchitectureAnswers, ...]:
    """What the filters say to every system call.

    Args:
        reading: the filters.
        architectures: as "x86_64"; by default all whose programs this machine can run.

    Raises:
        Unsupported: libseccomp is missing, or the machine is unknown.
        InvalidArgument: there is no such architecture.
        OrlopError: the problem of the reading.
    """
    return tuple(_answers_on(abi, _of(reading)) for abi in _abis(architectures))


def action_for(reading: FilterReading, name: str, arguments: tuple[int, ...] = ()) -> Action:
    """What the filters do to a system call of this machine's own architecture.

    Args:
        reading: the filters.
        name: of the system call.
        arguments: up to six; the others are 0.

    Raises:
        Unsupported: libseccomp is missing, the machine is unknown, or has no such call; or the
            filters compute their answer.
        OrlopError: the problem of the reading.
    """
    own, *_ = _abis(())
    number = seccomp_library.load().resolve_for(own.token, name)
    answer = _answer(_programs(_of(reading), own), own, number, name)
    found = answer.action_for(arguments) if number >= 0 else None
    if found is None:
        raise Unsupported(f"telling what filters do to {name}", needs="a simpler filter")
    return found


def _of(reading: FilterReading) -> FilterReading:
    if reading.problem is not None:
        raise reading.problem
    return reading


def _abis(architectures: Iterable[str]) -> list[_Abi]:
    machine = os.uname().machine
    names = [f"{_PREFIX}{name.upper()}" for name in architectures] or seccomp.OF_MACHINE.get(
        machine
    )
    if not names:
        needs = " or ".join(seccomp.OF_MACHINE)
        raise Unsupported(f"telling what filters do on {machine}", needs=needs)
    return [
        _Abi(
            name.removeprefix(_PREFIX).lower(),
            seccomp.token(name),
            seccomp.audit_arch(name),
            _X32_BIT if name == _X32 else 0,
        )
        for name in names
    ]


def _answers_on(abi: _Abi, reading: FilterReading) -> ArchitectureAnswers:
    programs = _programs(reading, abi)
    found = tuple(_answer(programs, abi, number, name) for number, name in _calls(abi).items())
    newest = max(answer.number for answer in found)
    return ArchitectureAnswers(abi.name, found, _answer(programs, abi, newest + 1, ""))


def _calls(abi: _Abi) -> dict[int, str]:
    """The names of an architecture's system calls by number, ascending."""
    library = seccomp_library.load()
    numbers = range(abi.first, abi.first + _NUMBERS)
    named = ((number, library.name_of(abi.token, number)) for number in numbers)
    return {number: name for number, name in named if name}


_STRICT_CALLS = ("read", "write", "exit", "rt_sigreturn")
_STRICT_CALLS_32 = ("read", "write", "exit", "sigreturn")
_OF_32_BITS = ("x86", "arm")


def _programs(reading: FilterReading, abi: _Abi) -> tuple[Program, ...]:
    match reading.mode:
        case "none":
            return ()
        case "strict":
            return (_strict(abi),)
        case _:
            return tuple(bpf.decode(found.program) for found in reading.filters)


def _strict(abi: _Abi) -> Program:
    """Strict mode as a filter for one architecture; the kernel has it as a list of numbers."""
    library = seccomp_library.load()
    allowed = _STRICT_CALLS_32 if abi.name in _OF_32_BITS else _STRICT_CALLS
    code = [Instruction("ld", "data", 4 * bpf.NUMBER_WORD)]
    for name in allowed:
        code += [
            Instruction("jeq", "k", library.resolve_for(abi.token, name), 0, 1),
            Instruction("ret", "k", bpf.ALLOW),
        ]
    return (*code, Instruction("ret", "k", bpf.KILL_THREAD))


def _answer(programs: tuple[Program, ...], abi: _Abi, number: int, name: str) -> SyscallAnswer:
    try:
        found = paths(programs, number, abi.audit_arch)
    except TooComplex:
        return SyscallAnswer(number, name, ())
    by_action: dict[Action | None, list[Conjunction]] = {}
    for path in found:
        by_action.setdefault(_action(path.value), []).append(said.conditions(path))
    return SyscallAnswer(number, name, _cases(by_action))


def _cases(by_action: dict[Action | None, list[Conjunction]]) -> tuple[Case, ...]:
    """The answers, the one with the longest conditions as "else"."""
    if len(by_action) == 1:
        return tuple(Case(action) for action in by_action)
    cases = [Case(action, said.joined(when)) for action, when in by_action.items()]
    cases.sort(key=lambda case: (said.cost(case.when), _severity(case.action)))
    return (*cases[:-1], cases[-1].replace(when=()))


def _severity(action: Action | None) -> int:
    return KINDS.index(action.kind) if action else len(KINDS)


def _action(value: int | None) -> Action | None:
    if value is None:
        return None
    action = bpf.action_of(value)
    return Action(_KINDS[action], bpf.data_of(value) if action in _WITH_DATA else 0)


def _as_words(arguments: tuple[int, ...]) -> tuple[int, ...]:
    """The sixteen words of a struct seccomp_data with these arguments."""
    words = [0] * bpf.FIRST_ARGUMENT_WORD
    for value in (*arguments, *[0] * bpf.ARGUMENTS)[: bpf.ARGUMENTS]:
        halves = (value & 0xFFFFFFFF, value >> 32 & 0xFFFFFFFF)
        words += halves if bpf.LOW_HALF == 0 else halves[::-1]
    return tuple(words)


def _as_arguments(words: tuple[int, ...]) -> tuple[int, ...]:
    pairs = (words[at : at + 2] for at in range(bpf.FIRST_ARGUMENT_WORD, len(words), 2))
    return tuple(pair[bpf.LOW_HALF] | pair[1 - bpf.LOW_HALF] << 32 for pair in pairs)


# --- comparison -------------------------------------------------------------------------------


def differences(
    live: FilterReading, expected: FilterReading, architectures: Iterable[str] = ()
) -> tuple[AnswerDifference, ...]:
    """The system calls to which the live filters do not say what the expected ones say.

    They are compared by all that they can say, not by how it is written. Calls that are too complex
    to be followed count as different, without an example.

    Raises:
        As `answers`.
    """
    if _of(live).filters == _of(expected).filters and live.mode == expected.mode:
        return ()
    return tuple(
        found for abi in _abis(architectures) for found in _differences_on(abi, live, expected)
    )


def _differences_on(
    abi: _Abi, live: FilterReading, expected: FilterReading
) -> Iterator[AnswerDifference]:
    ours, theirs = _programs(live, abi), _programs(expected, abi)
    calls = _calls(abi)
    for number, name in (*calls.items(), (max(calls) + 1, "")):
        example = _counterexample(ours, theirs, number, abi.audit_arch)
        if example is not None:
            yield AnswerDifference(
                abi.name,
                _answer(ours, abi, number, name),
                _answer(theirs, abi, number, name),
                example,
            )


def _counterexample(
    ours: tuple[Program, ...], theirs: tuple[Program, ...], number: int, arch: int
) -> tuple[int, ...] | None:
    """Arguments to which they answer differently; none, as (), if that is all that is known."""
    try:
        for one in paths(ours, number, arch):
            start = Path(one.tests, one.comparisons)
            for both in follow((start,), theirs, number, arch):
                if _action(one.value) != _action(both.value) or one.value is None:
                    words = both.example()
                    if words is not None:
                        return _as_arguments(words) if both.tests else ()
    except TooComplex:
        return ()
    return None
