"""The device rules of a container: exceptions lists for cgroup v1, an eBPF program for v2.

What rules mean: nothing is allowed at first, and rules are applied in their order
(runtime-spec config-linux.md#allowed-device-list). So an access (r, w or m) to a device is allowed
if the last rule that speaks of this access and this device allows it, and opening a device needs
all the accesses that are asked for.

The eBPF program says exactly this. The v1 controller cannot: it has one default and a list of
exceptions to it, and an exception has no exceptions. Rules that need one ("all but this") are
refused there, as runc does, because the kernel would silently ignore them.

See: the kernel's admin-guide/cgroup-v1/devices.rst, bpf(2), BPF_PROG_TYPE_CGROUP_DEVICE.
"""

from __future__ import annotations

import struct

from orlop.errors import Unsupported
from orlop.kernel.cgroup.convert import wrong
from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from orlop.kernel.cgroup.resources import DeviceRule

BLOCK, CHARACTER = 1, 2  # BPF_DEVCG_DEV_*
MKNOD, READ, WRITE = 1, 2, 4  # BPF_DEVCG_ACC_*
_LETTERS = (("r", READ), ("w", WRITE), ("m", MKNOD))
_ALL = MKNOD | READ | WRITE
_TYPES = {"a": (BLOCK, CHARACTER), "b": (BLOCK,), "c": (CHARACTER,), "u": (CHARACTER,)}
_TYPE_LETTERS = {BLOCK: "b", CHARACTER: "c"}
_NUMBER_MAX = (1 << 32) - 1


class Devices(Record):
    """Devices of one type; a major or minor of None is any."""

    type: int
    major: int | None
    minor: int | None

    def contains(self, other: Devices) -> bool:
        """Whether all of the other's are among these."""
        return (
            self.type == other.type
            and self.major in (None, other.major)
            and self.minor in (None, other.minor)
        )

    def meets(self, other: Devices) -> bool:
        """Whether a device can be among both."""
        return (
            self.type == other.type
            and (self.major == other.major or None in (self.major, other.major))
            and (self.minor == other.minor or None in (self.minor, other.minor))
        )

    def __str__(self) -> str:
        major = "*" if self.major is None else self.major
        minor = "*" if self.minor is None else self.minor
        return f"{_TYPE_LETTERS[self.type]} {major}:{minor}"


class Change(Record):
    """A rule for devices of one type. `access` is a set of MKNOD, READ and WRITE."""

    allow: bool
    devices: Devices
    access: int

    @property
    def is_total(self) -> bool:
        """Whether it is about every access to every device of its type."""
        return self.access == _ALL and self.devices.major is None and self.devices.minor is None


def changes(rules: Iterable[DeviceRule]) -> tuple[Change, ...]:
    """The rules, checked, with one entry for each type.

    Raises:
        SpecError: a rule is not valid.
    """
    return tuple(change for index, rule in enumerate(rules) for change in _changes_of(rule, index))


def _changes_of(rule: DeviceRule, index: int) -> tuple[Change, ...]:
    field = f"devices[{index}]"
    if rule.type not in _TYPES:
        raise wrong(f"{field}.type", f"must be a, b or c, not {rule.type!r}")
    major = _number(f"{field}.major", rule.major)
    minor = _number(f"{field}.minor", rule.minor)
    access = _access(f"{field}.access", rule.access)
    kinds = _TYPES[rule.type]
    return tuple(Change(rule.allow, Devices(kind, major, minor), access) for kind in kinds)


def _number(field: str, value: int | None) -> int | None:
    if value is not None and not -1 <= value <= _NUMBER_MAX:
        raise wrong(field, f"must be from -1 to {_NUMBER_MAX}, not {value}")
    return None if value == -1 else value


def _access(field: str, letters: str) -> int:
    access = sum(bit for letter, bit in _LETTERS if letter in letters)
    if not letters or set(letters) - {letter for letter, _ in _LETTERS}:
        raise wrong(field, f"must be some of the letters r, w and m, not {letters!r}")
    return access


# --- v1 -------------------------------------------------------------------------------------


class Exceptions(Record):
    """The state of a v1 devices cgroup: a default for all devices, and exceptions to it."""

    allow: bool
    accesses: Mapping[Devices, int]

    def permits(self, devices: Devices, access: int) -> bool:
        """Whether one who needs all of `access` to one of these devices gets it."""
        found = (known for other, known in self.accesses.items() if other.contains(devices))
        if self.allow:
            return not any(known & access for known in found)
        return any(known & access == access for known in found)


def exceptions(rules: Iterable[DeviceRule]) -> Exceptions:
    """The v1 state that means the same as the rules.

    But for one thing: v1 wants one exception that has all the accesses that are asked for.

    Raises:
        SpecError: a rule is not valid.
        Unsupported: v1 has no such state.
    """
    allow = False
    accesses: dict[Devices, int] = {}
    for index, rule in enumerate(rules):
        made = _changes_of(rule, index)
        if len(made) > 1 and all(change.is_total for change in made):
            allow = rule.allow
            accesses.clear()
            continue
        for change in made:
            if change.allow != allow:
                accesses[change.devices] = accesses.get(change.devices, 0) | change.access
            else:
                _take_back(accesses, change)
    return Exceptions(allow, accesses)


def _take_back(accesses: dict[Devices, int], change: Change) -> None:
    """Removes from the exceptions what goes back to the default."""
    for devices, access in list(accesses.items()):
        common = access & change.access
        if not common or not change.devices.meets(devices):
            continue
        if not change.devices.contains(devices):
            raise Unsupported(
                f"a device rule for {change.devices} after one for {devices}", needs="cgroup v2"
            )
        if access == common:
            del accesses[devices]
        else:
            accesses[devices] = access & ~common


def parse_list(text: str) -> Exceptions:
    """The state as devices.list shows it.

    With a default of "allow" the kernel does not list the exceptions: they are unknown then.
    """
    accesses: dict[Devices, int] = {}
    for line in text.splitlines():
        kind, numbers, letters = line.split()
        if kind == "a":
            return Exceptions(allow=True, accesses={})
        major, _, minor = numbers.partition(":")
        devices = Devices(
            CHARACTER if kind == "c" else BLOCK,
            None if major == "*" else int(major),
            None if minor == "*" else int(minor),
        )
        access = sum(bit for letter, bit in _LETTERS if letter in letters)
        accesses[devices] = accesses.get(devices, 0) | access
    return Exceptions(allow=False, accesses=accesses)


ANYTHING = Exceptions(allow=True, accesses={})
"""A state of which no more is known than that it has to be left."""


def transition(now: Exceptions, target: Exceptions) -> tuple[tuple[str, str], ...]:
    """The writes (file, value) that lead from one state to another.

    Between two allow lists, what is in both is never taken away, so a running program does not
    notice. Else everything is denied, or allowed, first.
    """
    writes: list[tuple[str, str]] = []
    present: Mapping[Devices, int] = {}
    if now.allow or target.allow:
        writes.append(("devices.allow" if target.allow else "devices.deny", "a"))
    else:
        present = now.accesses
    for devices, access in present.items():
        if dropped := access & ~target.accesses.get(devices, 0):
            writes.append(("devices.deny", f"{devices} {letters(dropped)}"))
    file = "devices.deny" if target.allow else "devices.allow"
    for devices, access in target.accesses.items():
        if gained := access & ~present.get(devices, 0):
            writes.append((file, f"{devices} {letters(gained)}"))
    return tuple(writes)


def letters(access: int) -> str:
    """Accesses as the kernel and the specification write them: "rwm"."""
    return "".join(letter for letter, bit in _LETTERS if access & bit)


# --- v2 -------------------------------------------------------------------------------------

_INSTRUCTION = struct.Struct("<BBhi")  # struct bpf_insn; all machines we support are little-endian
_LOAD_WORD = 0x61  # BPF_LDX | BPF_MEM | BPF_W
_MOVE, _MOVE_IMMEDIATE = 0xBC, 0xB4  # BPF_ALU (32 bits) | BPF_MOV | BPF_X or BPF_K
_AND_IMMEDIATE, _SHIFT_IMMEDIATE = 0x54, 0x74  # BPF_AND, BPF_RSH
_UNLESS_EQUAL, _IF_EQUAL = 0x56, 0x16  # BPF_JMP32 | BPF_JNE or BPF_JEQ | BPF_K
_EXIT = 0x95
_VERDICT, _CONTEXT, _TYPE, _ACCESS, _MAJOR, _MINOR = range(6)  # registers


def program(rules: Iterable[DeviceRule]) -> bytes:
    """Instructions of an eBPF device filter that means what the rules mean.

    It goes from the last rule to the first with the accesses that are asked for. A rule that allows
    some of them takes these off, and nothing left means yes. A rule that denies one means no.

    Raises:
        SpecError: a rule is not valid.
    """
    code = [
        # struct bpf_cgroup_dev_ctx: u32 access_type (access << 16 | type), major, minor
        _instruction(_LOAD_WORD, _TYPE, source=_CONTEXT),
        _instruction(_MOVE, _ACCESS, source=_TYPE),
        _instruction(_AND_IMMEDIATE, _TYPE, immediate=0xFFFF),
        _instruction(_SHIFT_IMMEDIATE, _ACCESS, immediate=16),
        _instruction(_LOAD_WORD, _MAJOR, source=_CONTEXT, offset=4),
        _instruction(_LOAD_WORD, _MINOR, source=_CONTEXT, offset=8),
    ]
    for change in reversed(changes(rules)):
        code += _block(change)
    code += _verdict(0)
    return b"".join(code)


def _block(change: Change) -> Iterator[bytes]:
    """One rule; leads to the next one, unless it decides."""
    act = _allow(change.access) if change.allow else _deny(change.access)
    tests = [(_TYPE, change.devices.type)]
    if change.devices.major is not None:
        tests.append((_MAJOR, change.devices.major))
    if change.devices.minor is not None:
        tests.append((_MINOR, change.devices.minor))
    for index, (register, value) in enumerate(tests):
        behind = len(tests) - index - 1 + len(act)
        yield _instruction(_UNLESS_EQUAL, register, offset=behind, immediate=value)
    yield from act


def _allow(access: int) -> list[bytes]:
    if access == _ALL:
        return _verdict(1)
    return [
        _instruction(_AND_IMMEDIATE, _ACCESS, immediate=_ALL & ~access),
        _instruction(_UNLESS_EQUAL, _ACCESS, offset=2, immediate=0),
        *_verdict(1),
    ]


def _deny(access: int) -> list[bytes]:
    if access == _ALL:
        return _verdict(0)
    return [
        _instruction(_MOVE, _VERDICT, source=_ACCESS),
        _instruction(_AND_IMMEDIATE, _VERDICT, immediate=access),
        _instruction(_IF_EQUAL, _VERDICT, offset=2, immediate=0),
        *_verdict(0),
    ]


def _verdict(value: int) -> list[bytes]:
    return [
        _instruction(_MOVE_IMMEDIATE, _VERDICT, immediate=value),
        _instruction(_EXIT),
    ]


def _instruction(
    code: int, destination: int = 0, *, source: int = 0, offset: int = 0, immediate: int = 0
) -> bytes:
    signed = immediate - (1 << 32) if immediate > (1 << 31) - 1 else immediate
    return _INSTRUCTION.pack(code, source << 4 | destination, offset, signed)
