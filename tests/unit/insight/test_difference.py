"""What flags change, in words; and that no operation is left out."""

from __future__ import annotations

import pytest

from orlop.insight.difference import OTHER, Difference, difference
from orlop.insight.explain import explained
from orlop.insight.phrases import ADDED, CHANGED, REMOVED
from orlop.insight.planning import Planned
from orlop.insight.syscalls import verdicts
from orlop.kernel.seccomp import ArgRule, Profile, SyscallRule
from tests.unit.insight.starts import V1, V2, start


def between(flags_a: str, flags_b: str, layout: object = V2) -> Difference:
    return difference(start(flags_a, layout), start(flags_b, layout))  # type: ignore[arg-type]


def told(flags_a: str, flags_b: str, layout: object = V2) -> dict[str, list[tuple[str, str]]]:
    """Kind and text of all changes, by topic."""
    found: dict[str, list[tuple[str, str]]] = {}
    for change in between(flags_a, flags_b, layout).changes:
        found.setdefault(change.topic, []).append((change.kind, change.text))
    return found


@pytest.mark.parametrize("flags", ["", "--privileged", "-t --read-only -v /a:/b -m 1g"])
def test_the_same_flags_make_no_difference(flags: str) -> None:
    assert between(flags, flags) == Difference((), 0, 0)


def test_renumbered_slots_are_no_difference() -> None:
    """A mount more shifts the numbers of all slots behind it."""
    found = between("", "-v /a:/b")
    assert {change.topic for change in found.changes} == {"mounts"}
    assert (found.only_a, found.only_b) == (0, 4)


@pytest.mark.parametrize(
    ("flags", "topic", "kind", "text"),
    [
        ("--pid host", "namespaces", REMOVED, "pid: the host's instead of one of its own"),
        (
            "--network path:/proc/1/ns/net",
            "namespaces",
            CHANGED,
            "network: that of /proc/1/ns/net instead of one of its own",
        ),
        (
            "--cap-add NET_ADMIN",
            "capabilities",
            ADDED,
            "CAP_NET_ADMIN (bounding, effective, permitted)",
        ),
        (
            "--cap-drop MKNOD --cap-drop CHOWN",
            "capabilities",
            REMOVED,
            "CAP_CHOWN, CAP_MKNOD (bounding, effective, permitted)",
        ),
        ("--memory 64m", "limits", ADDED, "memory.swap.max, memory.max: 67108864"),
        ("--pids-limit 9", "limits", CHANGED, "pids.max: 9 instead of 4096"),
        ("--ulimit core=0", "limits", ADDED, "RLIMIT_CORE: 0:0"),
        ("--read-only", "root file system", CHANGED, "/: now ro"),
        ("--tmpfs /x", "mounts", ADDED, "/x: new tmpfs, nodev, noexec, nosuid"),
        ("-v /a:/b:ro", "mounts", ADDED, "/b: rbind of /a, ro, rprivate"),
        ("--hostname web", "names", CHANGED, "hostname: web instead of ID"),
        ("-w /srv", "process", CHANGED, "working directory: /srv instead of /"),
        ("-u 7:8", "process", CHANGED, "user: 7:8 with groups 8 instead of 0:0 with groups 0"),
        ("-e SECRET=hush", "process", ADDED, "environment: SECRET"),
        ("-t", "process", ADDED, "terminal: of its own"),
        ("--sysctl net.ipv4.ip_forward=1", "kernel settings", ADDED, "net.ipv4.ip_forward: 1"),
        (
            "--security-opt no-new-privileges",
            "privileges",
            ADDED,
            "no_new_privs: set",
        ),
        ("--oom-score-adj 500", "limits", ADDED, "OOM score adjustment: 500"),
    ],
    ids=lambda value: value,
)
def test_a_flag_in_words(flags: str, topic: str, kind: str, text: str) -> None:
    assert (kind, text) in told("", flags)[topic]


def test_the_other_direction_is_told_the_other_way_round() -> None:
    assert told("--ulimit core=0", "")["limits"] == [(REMOVED, "RLIMIT_CORE: none (it was 0:0)")]
    assert told("--pid host", "")["namespaces"] == [
        (ADDED, "pid: one of its own instead of the host's")
    ]
    assert told("--cap-add NET_ADMIN", "")["capabilities"] == [
        (REMOVED, "CAP_NET_ADMIN (bounding, effective, permitted)")
    ]


@pytest.mark.parametrize("layout", [V1, V2], ids=["v1", "v2"])
def test_what_privileged_does(layout: object) -> None:
    found = told("", "--privileged", layout)
    (added,) = found["capabilities"]
    assert added[0] == ADDED
    assert "CAP_SYS_ADMIN" in added[1]
    assert "CAP_CHOWN" not in added[1]
    assert (REMOVED, "no filter is loaded") in found["system calls"]
    (hidden,) = found["hidden paths"]
    assert hidden[0] == REMOVED
    assert hidden[1].startswith("no longer hidden: /proc/acpi, ")
    assert "/proc/kcore" in hidden[1]
    (protected,) = found["read-only paths"]
    assert "/proc/sys" in protected[1]
    assert found["devices that may be used"] == [(ADDED, "may be used: every device (rwm)")]
    assert any("/sys" in text and "no longer ro" in text for _, text in found["mounts"])
    assert OTHER not in found


def test_a_capability_allows_system_calls_too() -> None:
    (text,) = [text for kind, text in told("", "--cap-add SYS_BOOT")["system calls"]]
    assert text == "allowed instead of refused: reboot"


def test_without_a_filter_everything_is_allowed() -> None:
    found = told("", "--security-opt seccomp=unconfined")["system calls"]
    assert found[0] == (REMOVED, "no filter is loaded")
    refused = next(text for _, text in found if text.startswith("allowed instead of refused"))
    assert {"mount", "keyctl", "reboot"} <= set(refused.replace(",", "").split())


def test_every_operation_that_differs_is_in_a_change() -> None:
    everything = (
        "--privileged -t -u 1:2 -v /a:/b --read-only --pid host --network host --ipc host"
        " --uts host --tmpfs /t -m 1g -w /w --ulimit core=0 --oom-score-adj 3"
    )
    for flags_a, flags_b in (("", everything), (everything, ""), ("--pid host", "-t")):
        found = between(flags_a, flags_b, V1)
        in_a = [line for change in found.changes for line in change.in_a]
        in_b = [line for change in found.changes for line in change.in_b]
        names_a, names_b = ({line.operation for line in lines} for lines in (in_a, in_b))
        # What there is one of in both is told once, if only one side has more to say by it.
        assert found.only_a - len({line.index for line in in_a}) <= len(names_b - names_a)
        assert found.only_b - len({line.index for line in in_b}) <= len(names_a - names_b)
        assert not [change.text for change in found.changes if change.topic == OTHER]


def test_an_operation_that_no_fact_speaks_of_is_shown_itself() -> None:
    before, after = start(), start()
    steps = [step for step in after.plan.steps if type(step.op).__name__ != "NewSession"]
    shorter = explained(Planned(after.plan.replace(steps=tuple(steps)), after.spec))
    (change,) = difference(before, shorter).changes
    assert (change.topic, change.kind) == (OTHER, REMOVED)
    assert change.text.startswith("setsid() (")


# --- system calls -----------------------------------------------------------------------------


PROFILE = Profile(
    default_action="SCMP_ACT_ERRNO",
    syscalls=(
        SyscallRule(("read", "write"), "SCMP_ACT_ALLOW"),
        SyscallRule(("socket",), "SCMP_ACT_ALLOW", args=(ArgRule(0, 1),)),
        SyscallRule(("reboot",), "SCMP_ACT_KILL_PROCESS"),
        SyscallRule(("clone3",), "SCMP_ACT_ERRNO", errno_ret=38),
    ),
)


def test_verdicts_of_a_profile() -> None:
    calls = ("read", "socket", "reboot", "clone3", "mount")
    assert dict(verdicts(PROFILE, calls)) == {
        "read": "allowed",
        "socket": "allowed with some arguments",
        "reboot": "deadly",
        "clone3": "refused",
        "mount": "refused",
    }
    assert set(verdicts(None, calls).values()) == {"allowed"}
