"""What the process is and may: names, limits, user, capabilities, directory, program."""

from __future__ import annotations

import errno
import struct
from pathlib import Path

import pytest

from orlop.errors import CommandNotExecutable, CommandNotFound
from orlop.launch.plan import (
    CONTAINER,
    IF_PERMITTED,
    KEEP_GROUPS,
    LAUNCHER,
    OF_CONTAINER,
    ChangeDirectory,
    Clone,
    DropBounding,
    Execute,
    FindProgram,
    JoinKeyring,
    NoNewPrivileges,
    Operation,
    SetAffinity,
    SetCapabilities,
    SetDomainname,
    SetHostname,
    SetIoPriority,
    SetMemoryPolicy,
    SetPersonality,
    SetRlimit,
    SetScheduler,
    SetUmask,
    SetUser,
    Side,
    WriteProc,
    WriteSysctl,
)
from tests.integration.launcher.driver import (
    ENV,
    NEWIPC,
    NEWNET,
    NEWUSER,
    NEWUTS,
    failure,
    in_container,
    output,
    sh,
    status_of,
)

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_launcher]


def test_names_and_sysctls() -> None:
    shown = output(
        *in_container(
            SetHostname("a-host"),
            SetDomainname("a-domain"),
            WriteSysctl("net/ipv4/ip_forward", "1"),
            WriteSysctl("kernel/shm_rmid_forced", "1"),
        ),
        *sh(
            "hostname; cat /proc/sys/kernel/domainname /proc/sys/net/ipv4/ip_forward"
            " /proc/sys/kernel/shm_rmid_forced"
        ),
        clone=NEWUTS | NEWNET | NEWIPC,
    )
    assert shown.split() == ["a-host", "a-domain", "1", "1"]
    assert Path("/proc/sys/kernel/shm_rmid_forced").read_text() == "0\n"


@pytest.mark.parametrize("name", ["../self/comm", "/etc/hostname", "net/../../self/comm", "nope"])
def test_sysctls_stay_inside_their_directory(name: str) -> None:
    error = failure((LAUNCHER, Clone(0)), (CONTAINER, WriteSysctl(name, "x")), *sh(""))
    assert error.op == "write_sysctl"
    assert error.errno in (errno.EXDEV, errno.ENOENT)


def test_limits_priorities_and_policies() -> None:
    shown = output(
        *in_container(
            SetRlimit(7, 99, 123),
            SetUmask(0o027),
            SetIoPriority(2 << 13 | 5),
            SetScheduler(3, 7, 0, 0, 0, 0, 0),  # SCHED_BATCH
            SetAffinity(b"\1\0\0\0\0\0\0\0"),
            SetMemoryPolicy(1, b"\1"),  # MPOL_PREFERRED, node 0
            SetPersonality(0x0040000),  # ADDR_NO_RANDOMIZE
        ),
        *sh(
            "cat /proc/self/limits /proc/self/status; ionice;"
            "echo sched $(cut -d' ' -f19,41 /proc/$$/stat);"
            "cat /proc/self/personality; grep -m1 -o prefer:0 /proc/self/numa_maps"
        ),
    )
    rows = shown.splitlines()
    limit = next(row for row in rows if row.startswith("Max open files"))
    assert limit.split()[3:5] == ["99", "123"]
    status = status_of(shown)
    assert status["Umask"] == "0027"
    assert status["Cpus_allowed_list"] == "0"
    assert "best-effort: prio 5" in rows
    assert "sched 7 3" in rows
    assert "00040000" in rows
    assert "prefer:0" in rows


def test_user_groups_and_capabilities() -> None:
    net_bind, chown = 1 << 10, 1
    keep = net_bind | chown
    shown = output(
        *in_container(
            NoNewPrivileges(),
            DropBounding(keep),
            SetUser(1234, 2345, struct.pack("<3I", 7, 8, 4000000000)),
            SetCapabilities(keep, keep, net_bind, net_bind),
        ),
        *sh("cat /proc/self/status"),
    )
    status = status_of(shown)
    assert status["Uid"].split() == ["1234"] * 4
    assert status["Gid"].split() == ["2345"] * 4
    assert status["Groups"].split() == ["7", "8", "4000000000"]
    assert int(status["CapBnd"], 16) == keep
    assert int(status["CapInh"], 16) == net_bind
    assert int(status["CapAmb"], 16) == net_bind
    assert int(status["CapPrm"], 16) == net_bind  # ambient ones survive execve for such a user
    assert status["NoNewPrivs"] == "1"


def test_root_without_any_capability() -> None:
    shown = output(
        *in_container(DropBounding(0), SetUser(0, 0, b""), SetCapabilities(0, 0, 0, 0)),
        *sh("cat /proc/self/status"),
    )
    status = status_of(shown)
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {
        "0" * 16
    }
    assert status["Groups"] == ""


@pytest.mark.requires_userns
def test_groups_are_left_alone_where_setgroups_is_denied() -> None:
    steps = [
        (LAUNCHER, Clone(NEWUSER)),
        (LAUNCHER, WriteProc(OF_CONTAINER, "setgroups", b"deny")),
        (LAUNCHER, WriteProc(OF_CONTAINER, "uid_map", b"0 0 1\n")),
        (LAUNCHER, WriteProc(OF_CONTAINER, "gid_map", b"0 0 1\n")),
    ]
    error = failure(*steps, (CONTAINER, SetUser(0, 0, b"")), *sh(""))
    assert (error.op, error.errno) == ("set_user", errno.EPERM)
    shown = output(*steps, (CONTAINER, SetUser(0, 0, b"", KEEP_GROUPS)), *sh("id -u"))
    assert shown == "0\n"


def test_a_session_keyring_of_its_own() -> None:
    shown = output(*in_container(JoinKeyring("launcher-test")), *sh("cat /proc/keys"))
    assert "launcher-test" in shown


def test_working_directory(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    tmp_path.chmod(0o711)  # the user has to get as far as that
    steps = in_container(
        SetUser(65534, 65534, b""),
        ChangeDirectory(str(private), IF_PERMITTED),
        ChangeDirectory("/usr"),
        ChangeDirectory("/etc"),
    )
    assert output(*steps, *sh("pwd")) == "/usr\n"
    error = failure(
        (LAUNCHER, Clone(0)), *steps[:1], (CONTAINER, ChangeDirectory(str(private))), *sh("")
    )
    assert (error.op, error.errno, error.path) == ("change_directory", errno.EACCES, str(private))


@pytest.mark.parametrize("flags", [0, IF_PERMITTED])
def test_a_working_directory_that_is_not_there(flags: int) -> None:
    error = failure((LAUNCHER, Clone(0)), (CONTAINER, ChangeDirectory("/no/dir", flags)), *sh(""))
    assert (error.op, error.errno, error.path) == ("change_directory", errno.ENOENT, "/no/dir")


def find(name: str, search: str, *more: Operation) -> list[tuple[Side, Operation]]:
    steps = in_container(
        *more, FindProgram(name, search), Execute((name, "-c", "echo found $0"), ENV)
    )
    return [(LAUNCHER, Clone(0)), *steps]


def test_programs_are_found_along_the_path(tmp_path: Path) -> None:
    for name in ("file", "directory", "good"):
        (tmp_path / name).mkdir()
    (tmp_path / "file" / "tool").write_text("not executable")
    (tmp_path / "directory" / "tool").mkdir()
    (tmp_path / "good" / "tool").symlink_to("/bin/sh")
    places = [str(tmp_path / name) for name in ("missing", "file", "directory", "good")]
    assert output(*find("tool", ":".join(places))) == "found tool\n"
    assert output(*find(f"{places[3]}/tool", "")).startswith("found ")
    assert output(*find("./tool", "", ChangeDirectory(places[3]))) == "found ./tool\n"
    assert output(*find("tool", "/nowhere:", ChangeDirectory(places[3]))) == "found tool\n"


@pytest.mark.parametrize(
    ("name", "search", "number"),
    [
        ("tool", "{0}/missing", errno.ENOENT),
        ("tool", "{0}/file", errno.EACCES),
        ("tool", "{0}/missing:{0}/directory:{0}/other", errno.EACCES),
        ("tool", "", errno.ENOENT),
        ("", "/bin", errno.ENOENT),
        ("{0}/missing/tool", "/bin", errno.ENOENT),
        ("{0}/file/tool", "/bin", errno.EACCES),
        ("{0}/directory/tool", "/bin", errno.EISDIR),
        ("{0}/file/tool/x", "/bin", errno.ENOTDIR),
    ],
)
def test_programs_that_cannot_be_run(tmp_path: Path, name: str, search: str, number: int) -> None:
    (tmp_path / "file").mkdir()
    (tmp_path / "file" / "tool").write_text("not executable")
    (tmp_path / "directory" / "tool").mkdir(parents=True)
    name = name.format(tmp_path)
    error = failure(*find(name, search.format(tmp_path)))
    assert (error.op, error.errno, error.path) == ("find_program", number, name)
    expected = CommandNotFound if number in (errno.ENOENT, errno.ENOTDIR) else CommandNotExecutable
    assert isinstance(error, expected)


def test_a_program_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "program"
    path.write_bytes(b"\x7fELFnot really")
    path.chmod(0o755)
    error = failure(*find(str(path), ""))
    assert (error.op, error.errno, error.path) == ("execute", errno.ENOEXEC, str(path))
