"""Who the process is: CVE-2022-29162, CVE-2024-40635, and users that the image describes.

runc 1.1.5 fails: `exec --user 4294967296` is root (and +0, -0 are users), `--additional-gids
4294967296` is root's group, and a fifo as /etc/passwd makes it wait for ever.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from tests.integration.escapes.conftest import Trap
from tests.integration.escapes.support import Canaries, process
from tests.integration.support.bundles import Bundle, Json
from tests.integration.support.processes import parse_status
from tests.integration.support.runtimes import Result, Runtime

pytestmark = pytest.mark.requires_root

STATUS = ["cat", "/proc/self/status"]
NONE = "0" * 16


def ids(result: Result) -> tuple[list[int], list[int]]:
    """The four user and the four group ids of the process that printed its status."""
    status = parse_status(result.ok().out)
    return [int(word) for word in status["Uid"].split()], [
        int(word) for word in status["Gid"].split()
    ]


# --- capabilities --------------------------------------------------------------------------------


def test_a_container_inherits_no_capabilities(runtime: Runtime, trap: Trap) -> None:
    """CVE-2022-29162: with inheritable capabilities, file capabilities raise what was dropped."""
    status = parse_status(runtime.run(trap(STATUS, process=process())).ok().out)
    assert status["CapInh"] == NONE
    assert status["CapAmb"] == NONE
    assert status["CapEff"] == status["CapPrm"] == status["CapBnd"] != NONE


def test_an_exec_inherits_no_capabilities(runtime: Runtime, trap: Trap) -> None:
    container = runtime.start(trap(process=process()))
    for flags in (
        [],
        ["--cap=CAP_SYS_ADMIN"],
        ["--user=1000:1000"],
        ["--user=1000:1000", "--cap=CAP_NET_ADMIN"],
    ):
        status = parse_status(container.exec(STATUS, *flags).ok().out)
        assert status["CapInh"] == NONE, flags
        assert status["CapAmb"] == NONE, flags


def test_the_bounding_set_holds_for_an_exec(runtime: Runtime, trap: Trap) -> None:
    container = runtime.start(trap(process=process(capabilities=["CAP_KILL"])))
    status = parse_status(container.exec(STATUS).ok().out)
    assert status["CapBnd"] == status["CapEff"] == f"{1 << 5:016x}"


def test_another_user_has_no_capabilities(runtime: Runtime, trap: Trap) -> None:
    victim = trap(STATUS, process=process(user={"uid": 1000, "gid": 1000}))
    status = parse_status(runtime.run(victim).ok().out)
    assert (status["CapEff"], status["CapPrm"], status["CapInh"]) == (NONE, NONE, NONE)


def test_a_program_with_file_capabilities_gains_nothing_that_was_dropped(
    runtime: Runtime, trap: Trap
) -> None:
    """Inheritable and file-inheritable capabilities together would be permitted ones."""
    victim = trap(["/bin/status", "/proc/self/status"], process=process())
    program = victim.rootfs / "bin/status"
    program.write_bytes((victim.rootfs / "bin/busybox").read_bytes())
    program.chmod(0o755)
    everything = 0xFFFFFFFF
    # vfs_cap_data, revision 2, effective: permitted none, inheritable all (capability.h)
    words = (0x02000001, 0, everything, 0, everything)
    os.setxattr(program, "security.capability", struct.pack("<5I", *words))
    victim.config["process"]["user"] = {"uid": 1000, "gid": 1000}
    victim.config["process"]["args"] = ["/bin/cat", "/proc/self/status"]
    (victim.rootfs / "bin/cat").unlink()
    os.link(program, victim.rootfs / "bin/cat")
    victim.save()
    status = parse_status(runtime.run(victim).ok().out)
    assert (status["CapEff"], status["CapPrm"], status["CapInh"]) == (NONE, NONE, NONE)


# --- users ---------------------------------------------------------------------------------------

TOO_LARGE = [2**32 - 1, 2**32, 2**32 + 1000, 2**63, 2**64, 2**64 + 1000]
STRANGE: list[object] = [
    *(*TOO_LARGE, -1, -(2**31), 1.5, 1000.25, "0", "root", "1000", "", True, [0], {}),
]
LARGE = [2**31 - 1, 2**31, 2**31 + 1, 3_000_000_000, 2**32 - 2]


def who(runtime: Runtime, victim: Bundle, user: Json) -> tuple[list[int], list[int]] | None:
    """Who a bundle's process is if it runs as `user`; None if that is refused."""
    victim.config["process"]["user"] = user
    victim.save()
    result = runtime.run(victim)
    return None if result.status else ids(result)


@pytest.mark.parametrize("field", ["uid", "gid"])
def test_users_that_are_no_user(runtime: Runtime, trap: Trap, field: str) -> None:
    """CVE-2024-40635: a number that does not fit became another one: root's.

    4294967295 fits, but is -1 to the kernel: "leave it as it is", and that is root. (A null is as
    good as an absent field, everywhere in the configuration.)
    """
    victim = trap(STATUS, process=process())
    became = {
        repr(value): who(runtime, victim, {"uid": 1000, "gid": 1000, field: value})
        for value in STRANGE
    }
    assert {value: it for value, it in became.items() if it} == {}


def test_groups_that_are_no_group(runtime: Runtime, trap: Trap) -> None:
    victim = trap(STATUS, process=process())
    became = {
        repr(value): who(runtime, victim, {"uid": 1000, "gid": 1000, "additionalGids": [value]})
        for value in STRANGE
    }
    assert {value: it for value, it in became.items() if it} == {}


def test_large_users_are_who_they_are(runtime: Runtime, trap: Trap) -> None:
    victim = trap(STATUS, process=process())
    for value in LARGE:
        became = who(runtime, victim, {"uid": value, "gid": value, "additionalGids": [value]})
        assert became in (None, ([value] * 4, [value] * 4))


# What a careless parser makes root or another user of: signs, blanks, radixes, other scripts'
# digits and separators are all taken by some language's "parse an integer".
WORDS = [
    *map(str, TOO_LARGE),
    *("-1", "-0", "+0", "+1000", "0x0", "0x3e8", "0b0", "0o0", "1e3", "1_000", "1,000", "0.0"),
    *(
        " ",
        " 0",
        "0 ",
        "\t0",
        "0\n",
        "1000\n",
        "\n",
        "\u0661\u0660",
        "\uff11\uff10",
        "\u00b2",
        "\u0660",
    ),
    *("1000:", ":", ":0", ":1000", "1000:-1", "1000:4294967295", "1000:4294967296", "1000:1000:0"),
    *("nosuch", "nosuch:0", "0:nosuch", "root:nosuch", "1000:nosuch", "root\n", "Root", "/root"),
    *("../root", "root:x:0:0", "*", "%00", "NaN", "null", "None", "4294967295:0", "--", "-u"),
]


def test_users_of_an_exec(runtime: Runtime, trap: Trap) -> None:
    """`exec --user`: refused, or exactly the number that was said."""
    container = runtime.start(trap(process=process()))
    became = {}
    for word in WORDS:
        result = container.exec(STATUS, f"--user={word}")
        if result.status == 0:
            became[word] = ids(result)
    assert became == {}


@pytest.mark.parametrize("word", ["0", "0:0", "1000", "1000:1001"])
def test_good_users_of_an_exec(runtime: Runtime, trap: Trap, word: str) -> None:
    container = runtime.start(trap(process=process()))
    uid, _, gid = word.partition(":")
    found = ids(container.exec(STATUS, f"--user={word}"))
    assert found == ([int(uid)] * 4, [int(gid or 0)] * 4)


def test_large_users_of_an_exec_are_who_they_are(runtime: Runtime, trap: Trap) -> None:
    container = runtime.start(trap(process=process()))
    for value in LARGE:
        result = container.exec(STATUS, f"--user={value}:{value}")
        assert result.status or ids(result) == ([value] * 4, [value] * 4)


def test_additional_groups_of_an_exec(runtime: Runtime, trap: Trap) -> None:
    container = runtime.start(trap(process=process()))
    became = {}
    for word in (*map(str, TOO_LARGE), "-1", "0x0", "nosuch", "1_000", "\u0660"):
        result = container.exec(STATUS, f"--additional-gids={word}")
        if result.status == 0:
            became[word] = parse_status(result.out)["Groups"]
    assert became == {}


# --- files of the image that describe users ------------------------------------------------------


def test_the_hosts_users_are_not_the_images(
    runtime: Runtime, trap: Trap, canaries: Canaries
) -> None:
    """/etc/passwd and /etc/group as symlinks out of the root: who follows them knows `canary`."""
    victim = trap(process=process(env=["PATH=/bin"]))
    for name in ("passwd", "group"):
        (victim.rootfs / "etc" / name).unlink()
        (victim.rootfs / "etc" / name).symlink_to(canaries.path / "etc" / name)
    container = runtime.start(victim)
    for word in ("canary", "canary:canary", "0:canary"):
        container.exec(STATUS, f"--user={word}").refused()
    home = container.exec("echo $HOME").ok().out.strip()
    assert home != "/stolen"
    environment = Path(f"/proc/{container.pid}/environ").read_bytes().split(b"\0")
    assert b"HOME=/stolen" not in environment


@pytest.mark.parametrize("content", ["fifo", "directory", "endless", "garbage"])
def test_users_in_a_file_that_is_none(runtime: Runtime, trap: Trap, content: str) -> None:
    """CVE-2026-47262 and its kin: a file of the image that blocks, or does not end."""
    victim = trap(STATUS, process=process(env=["PATH=/bin"]))
    for name in ("passwd", "group"):
        path = victim.rootfs / "etc" / name
        path.unlink()
        if content == "fifo":
            os.mkfifo(path)
        elif content == "directory":
            path.mkdir()
        elif content == "endless":
            path.symlink_to("/dev/zero")
        else:
            path.write_bytes(b"\xff\0:" * 100_000)
    result = runtime.run(victim, seconds=10)
    assert result.status or ids(result) == ([0] * 4, [0] * 4)
