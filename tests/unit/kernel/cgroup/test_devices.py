"""Device rules: what they mean, and that v1 lists and eBPF programs mean the same."""

from __future__ import annotations

import itertools
import random
import struct

import pytest

from orlop.errors import SpecError, Unsupported
from orlop.kernel.cgroup.devices import (
    ANYTHING,
    BLOCK,
    CHARACTER,
    MKNOD,
    READ,
    WRITE,
    Devices,
    Exceptions,
    exceptions,
    parse_list,
    program,
    transition,
)
from orlop.kernel.cgroup.resources import DeviceRule

DENY_ALL = DeviceRule(allow=False)
ALLOW_ALL = DeviceRule(allow=True)
NULL = DeviceRule(True, "c", 1, 3, "rwm")

Request = tuple[int, int, int, int]  # access, type, major, minor


def model(rules: tuple[DeviceRule, ...], request: Request) -> bool:
    """The specification's words, straight: the last rule that speaks of an access decides on it."""
    access, kind, major, minor = request
    types = {"a": (BLOCK, CHARACTER), "b": (BLOCK,), "c": (CHARACTER,), "u": (CHARACTER,)}
    allowed = 0
    matched = False
    for rule in rules:
        if kind not in types[rule.type]:
            continue
        if rule.major not in (None, -1, major) or rule.minor not in (None, -1, minor):
            continue
        bits = sum({"r": READ, "w": WRITE, "m": MKNOD}[letter] for letter in set(rule.access))
        allowed = allowed | bits if rule.allow else allowed & ~bits
        matched = True
    return matched and access & ~allowed == 0


class Machine:
    """A tiny eBPF interpreter for what device filters are made of; anything else is an error."""

    def __init__(self, code: bytes) -> None:
        self.code = [struct.unpack_from("<BBhi", code, at) for at in range(0, len(code), 8)]

    def run(self, request: Request) -> bool:
        access, kind, major, minor = request
        context = {0: access << 16 | kind, 4: major, 8: minor}
        registers: dict[int, int] = {}
        at = 0
        while True:
            opcode, pair, offset, immediate = self.code[at]
            to, source = pair & 15, pair >> 4
            at += 1
            if opcode == 0x61:
                assert source == 1, "only the context can be loaded from"
                registers[to] = context[offset]
            elif opcode == 0xBC:
                registers[to] = registers[source]
            elif opcode == 0xB4:
                registers[to] = immediate & 0xFFFFFFFF
            elif opcode == 0x54:
                registers[to] &= immediate & 0xFFFFFFFF
            elif opcode == 0x74:
                registers[to] >>= immediate
            elif opcode == 0x56:
                at += offset if registers[to] != immediate & 0xFFFFFFFF else 0
            elif opcode == 0x16:
                at += offset if registers[to] == immediate & 0xFFFFFFFF else 0
            elif opcode == 0x95:
                return registers[0] == 1
            else:
                raise AssertionError(f"instruction {opcode:#x}")


def kernel_v1(state: Exceptions, request: Request) -> bool:
    """security/device_cgroup.c: match_exception() and match_exception_partial()."""
    access, kind, major, minor = request
    device = Devices(kind, major, minor)
    fitting = [bits for devices, bits in state.accesses.items() if devices.contains(device)]
    if state.allow:
        return not any(bits & access for bits in fitting)
    return any(access & ~bits == 0 for bits in fitting)


REQUESTS: list[Request] = [
    (access, kind, major, minor)
    for access, kind, major, minor in itertools.product(
        (READ, WRITE, MKNOD, READ | WRITE), (BLOCK, CHARACTER), (1, 5, 2**32 - 1), (0, 3)
    )
]


def check_program(rules: tuple[DeviceRule, ...]) -> None:
    machine = Machine(program(rules))
    for request in REQUESTS:
        assert machine.run(request) == model(rules, request), (rules, request)


@pytest.mark.parametrize(
    "rules",
    [
        (),
        (DENY_ALL,),
        (ALLOW_ALL,),
        (DENY_ALL, NULL),
        (NULL, DENY_ALL),
        (ALLOW_ALL, DeviceRule(False, "c", 1, 3, "w")),
        (ALLOW_ALL, DeviceRule(False, "c", 1, None, "rwm"), DeviceRule(True, "c", 1, 3, "r")),
        (DENY_ALL, DeviceRule(True, "c", 1, None, "r"), DeviceRule(True, "c", None, 3, "w")),
        (DENY_ALL, DeviceRule(True, "b", -1, -1, "m"), DeviceRule(True, "c", -1, -1, "m")),
        (DeviceRule(True, "a", 1, None, "rw"),),
        (DENY_ALL, DeviceRule(True, "c", 2**32 - 1, 0, "rwm")),
        (ALLOW_ALL, DeviceRule(False, "a", None, None, "m")),
        (DENY_ALL, DeviceRule(True, "u", 5, 0, "rwm")),
    ],
)
def test_program(rules: tuple[DeviceRule, ...]) -> None:
    check_program(rules)


def random_rule(source: random.Random) -> DeviceRule:
    return DeviceRule(
        allow=source.random() < 0.6,
        type=source.choice("abccu"),
        major=source.choice((None, -1, 1, 5, 2**32 - 1)),
        minor=source.choice((None, 0, 3)),
        access="".join(source.sample("rwm", source.randint(1, 3))),
    )


def random_rules(seed: int) -> tuple[DeviceRule, ...]:
    source = random.Random(seed)
    return tuple(random_rule(source) for _ in range(source.randint(1, 7)))


@pytest.mark.parametrize("seed", range(100))
def test_programs_of_random_rules(seed: int) -> None:
    check_program(random_rules(seed))


def test_jumps_stay_inside_and_every_instruction_can_be_reached() -> None:
    for seed in range(100):  # the kernel's verifier refuses dead code
        code = Machine(program(random_rules(seed))).code
        reached, waiting = set(), [0]
        while waiting:
            at = waiting.pop()
            if at in reached:
                continue
            reached.add(at)
            opcode, _, offset, _ = code[at]
            if opcode != 0x95:
                waiting.append(at + 1)
            if opcode in (0x56, 0x16):
                waiting.append(at + 1 + offset)
        assert reached == set(range(len(code)))


@pytest.mark.parametrize("seed", range(300))
def test_v1_lists_mean_the_same_or_are_refused(seed: int) -> None:
    rules = random_rules(seed)
    try:
        state = exceptions(rules)
    except Unsupported:
        return
    for request in REQUESTS:
        expected = model(rules, request)
        # Where v1 wants one exception for two accesses that two rules allow, it is stricter.
        if request[0] == READ | WRITE and expected:
            continue
        assert kernel_v1(state, request) == expected, (rules, request, state)


def test_most_random_rules_have_a_v1_list() -> None:
    def has_list(seed: int) -> bool:
        try:
            exceptions(random_rules(seed))
        except Unsupported:
            return False
        return True

    assert sum(map(has_list, range(300))) > 100  # else the test above would show little


DOCKER = (
    DENY_ALL,
    DeviceRule(True, "c", None, None, "m"),
    DeviceRule(True, "b", None, None, "m"),
    NULL,
    DeviceRule(True, "c", 136, None, "rwm"),
)


def test_v1_writes_of_a_fresh_cgroup() -> None:
    assert transition(ANYTHING, exceptions(DOCKER)) == (
        ("devices.deny", "a"),
        ("devices.allow", "c *:* m"),
        ("devices.allow", "b *:* m"),
        ("devices.allow", "c 1:3 rwm"),
        ("devices.allow", "c 136:* rwm"),
    )


def test_v1_writes_for_a_privileged_container() -> None:
    rules = (DENY_ALL, NULL, ALLOW_ALL, DeviceRule(False, "b", 8, None, "w"))
    assert transition(ANYTHING, exceptions(rules)) == (
        ("devices.allow", "a"),
        ("devices.deny", "b 8:* w"),
    )


def test_v1_update_takes_away_and_adds_only_what_differs() -> None:
    now = parse_list("c *:* m\nb *:* m\nc 1:3 rwm\nc 5:0 rw\n")
    target = exceptions((*DOCKER, DeviceRule(True, "c", 5, 0, "w")))
    assert transition(now, target) == (
        ("devices.deny", "c 5:0 r"),
        ("devices.allow", "c 136:* rwm"),
    )
    assert transition(target, target) == ()


def test_v1_update_of_an_allow_all_cgroup_starts_anew() -> None:
    assert parse_list("a *:* rwm\n") == ANYTHING
    assert transition(parse_list("a *:* rwm\n"), exceptions((DENY_ALL, NULL))) == (
        ("devices.deny", "a"),
        ("devices.allow", "c 1:3 rwm"),
    )


def test_v1_refuses_holes() -> None:
    with pytest.raises(Unsupported) as caught:
        exceptions((DENY_ALL, DeviceRule(True, "c", 1, None, "rw"), DeviceRule(False, "c", 1, 3)))
    assert caught.value.needs == "cgroup v2"
    assert "c 1:3" in str(caught.value)


@pytest.mark.parametrize(
    ("field", "rule"),
    [
        ("devices[0].type", DeviceRule(True, "p", 1, 3)),
        ("devices[0].type", DeviceRule(True, "", 1, 3)),
        ("devices[0].major", DeviceRule(True, "c", -2, 3)),
        ("devices[0].minor", DeviceRule(True, "c", 1, 2**32)),
        ("devices[0].access", DeviceRule(True, "c", 1, 3, "")),
        ("devices[0].access", DeviceRule(True, "c", 1, 3, "rx")),
    ],
)
def test_wrong_rules(field: str, rule: DeviceRule) -> None:
    for convert in (program, exceptions):
        with pytest.raises(SpecError) as caught:
            convert((rule,))
        assert caught.value.field == f"linux.resources.{field}"


def test_one_exception_has_to_permit_all_accesses() -> None:
    null = Devices(CHARACTER, 1, 3)
    listed = parse_list("c 1:* r\nc 1:3 w\nb *:* m\n")
    assert listed.permits(null, READ)
    assert listed.permits(null, WRITE)
    assert not listed.permits(null, READ | WRITE)
    assert not listed.permits(null, MKNOD)
    assert listed.permits(Devices(BLOCK, 8, 0), MKNOD)
    assert parse_list("a *:* rwm\n").permits(null, READ | WRITE | MKNOD)


def test_one_exception_is_enough_to_deny() -> None:
    null = Devices(CHARACTER, 1, 3)
    all_but = Exceptions(allow=True, accesses={null: WRITE})
    assert not all_but.permits(null, READ | WRITE)
    assert all_but.permits(null, READ)
    assert all_but.permits(Devices(CHARACTER, 1, 5), WRITE)
