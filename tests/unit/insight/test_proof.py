"""The sections of a proof: facts beside what was asked, and when that is a mismatch."""

from __future__ import annotations

import json
import os
import re
import stat
from pathlib import Path
from typing import Any

import pytest

from orlop.errors import PermissionDenied
from orlop.faces.cli.proof_document import document
from orlop.insight.filters import FilterReading, docker_default, reading_of
from orlop.insight.inside import Opened
from orlop.insight.limits import cgroups_of
from orlop.insight.mounts import SeenMount
from orlop.insight.network import Chain, Holder, Listener, Network, Outside
from orlop.insight.network.links import Interface, Link, Route
from orlop.insight.proof import (
    capabilities,
    cgroups,
    devices,
    isolation,
    mounts,
    network,
    privileges,
    processes,
    proof_of,
    settings,
    syscalls,
)
from orlop.insight.proof.facts import DeviceControl, Facts, Member, Missing, Security
from orlop.insight.proof.rows import AS_ASKED, MISMATCH, NOT_ASKED, UNREADABLE, Row, Verdict
from orlop.kernel.capabilities import DOCKER_DEFAULT, CapabilitySets, mask
from orlop.kernel.cgroup.detect import Membership
from orlop.kernel.cgroup.devices import exceptions
from orlop.kernel.cgroup.resources import (
    BlockIo,
    Cpu,
    DeviceRule,
    Memory,
    Resources,
    ThrottleDevice,
)
from orlop.kernel.idmap import IdMap
from orlop.kernel.seccomp import Profile, SyscallRule
from orlop.kernel.settings import Settings
from orlop.kernel.sockets import WaitingSocket
from orlop.runtime.device_rules import with_device_rules
from orlop.runtime.spec import (
    Capabilities,
    Device,
    Linux,
    Namespace,
    NetDevice,
    Process,
    Rlimit,
    Root,
    Spec,
    User,
)
from orlop.runtime.spec import Mount as AskedMount
from tests.preconditions import ROOT
from tests.unit.insight import facts as made
from tests.unit.insight.facts import HOST, OWN, STRONG, TARGET, bound, mount, spec, status

MIB = 1 << 20


def fill(directory: Path, **files: object) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (directory / name.replace("__", ".")).write_text(f"{content}\n")


# --- namespaces -----------------------------------------------------------------------------


class TestNamespaces:
    def row(self, kind: str, asked: Spec | None, *shared: str) -> Row:
        facts = STRONG.replace(isolation=made.isolation(*shared))
        return isolation.section(facts, asked).row(kind)

    @pytest.mark.parametrize(("shared", "verdict"), [((), AS_ASKED), (("pid",), MISMATCH)])
    def test_new_one(self, shared: tuple[str, ...], verdict: Verdict) -> None:
        assert self.row("pid", spec(namespaces=(Namespace("pid"),)), *shared).verdict == verdict

    def test_none_was_asked_for(self) -> None:
        assert self.row("pid", spec(), "pid").verdict == AS_ASKED
        assert self.row("pid", spec()).verdict == NOT_ASKED

    def test_nothing_is_known(self) -> None:
        row = self.row("pid", None, "pid")
        assert (row.verdict, row.observed) == (NOT_ASKED, f"the host's, {HOST['pid']}")
        assert "signal" in row.note

    def test_of_this_process_is_the_hosts(self) -> None:
        facts = STRONG.replace(here={"pid": OWN["pid"]})
        assert facts.isolated("pid") is False
        assert facts.isolated("network") is True

    def test_joined(self, tmp_path: Path) -> None:
        path = tmp_path / "ns"
        path.touch()
        found = made.isolation()[0]
        same = STRONG.replace(isolation=(found.replace(inode=path.stat().st_ino),))
        asked = spec(namespaces=(Namespace(found.kind, str(path)),))
        assert isolation.section(same, asked).row(found.kind).verdict == AS_ASKED
        assert isolation.section(STRONG, asked).row(found.kind).verdict == MISMATCH
        path.unlink()
        assert isolation.section(STRONG, asked).row(found.kind).verdict == NOT_ASKED

    def test_joined_by_a_descriptor_that_may_be_anothers_by_now(self) -> None:
        asked = spec(namespaces=(Namespace("network", "/proc/self/fd/0"),))
        assert self.row("network", asked).verdict == AS_ASKED
        assert self.row("network", asked, "network").verdict == NOT_ASKED

    def test_that_may_not_be_read(self) -> None:
        hidden = tuple(found.replace(inode=None) for found in made.isolation())
        rows = isolation.section(STRONG.replace(isolation=hidden), spec()).rows
        assert {row.verdict for row in rows} == {UNREADABLE}
        assert "CAP_SYS_PTRACE" in rows[0].observed


# --- processes ------------------------------------------------------------------------------


class TestProcesses:
    def first(self, uid: int, asked_uid: int) -> Row:
        member = Member(status(uids=(uid,) * 4), uid, 1000, ("web", "-d"))
        asked = spec().replace(process=Process("/", user=User(asked_uid, 1000)))
        facts = STRONG.replace(members=(member,))
        return processes.section(facts, asked).rows[0]

    def test_user(self) -> None:
        assert self.first(1000, 1000).verdict == AS_ASKED
        assert self.first(0, 1000).verdict == MISMATCH

    def test_root_that_has_become_another_user(self) -> None:
        assert self.first(33, 0).verdict == NOT_ASKED

    @pytest.mark.parametrize(
        ("groups", "verdict"),
        [((), AS_ASKED), ((5,), AS_ASKED), ((1000, 5), AS_ASKED), ((5, 0), MISMATCH)],
    )
    def test_groups(self, groups: tuple[int, ...], verdict: Verdict) -> None:
        member = Member(status(), 1000, 1000, ("web",), groups=groups)
        user = User(1000, 1000, additional_gids=(5, 6))
        asked = spec().replace(process=Process("/", user=user))
        section = processes.section(STRONG.replace(members=(member,)), asked)
        assert section.row("its other groups").verdict == verdict

    def test_tree(self) -> None:
        members = (
            Member(status(), 0, 0, ("init",)),
            Member(status(pid=8, namespace_pids=(8, 2)), None, None, (), depth=1),
        )
        first, second = processes.section(STRONG.replace(members=members), None).rows[2:]
        assert first.observed == "PID 1 inside, user 0 (1000 outside): init"
        assert second.observed == "  PID 2 inside, user nobody (1000 outside): [web]"
        assert second.what == "8"


# --- control groups -------------------------------------------------------------------------


def of_v2(tmp_path: Path, resources: Resources | None, **files: object) -> dict[str, Row]:
    """The rows of a v2 cgroup with these files, of a container with these resources."""
    fill(tmp_path / "box", cgroup__controllers="cpu memory pids io cpuset", **files)
    found = cgroups_of((Membership("/box", v2=True, mount=str(tmp_path)),), "box")
    asked = None if resources is None else spec(resources=resources, cgroups_path="/box")
    texts = cgroups.read_control_files(found, asked)
    facts = STRONG.replace(cgroups=found, control_files=texts, devices=None)
    section = cgroups.section(facts, asked, TARGET)
    return {row.what: row for row in section.rows}


class TestControlGroups:
    def test_limit_as_asked(self, tmp_path: Path) -> None:
        asked = Resources(memory=Memory(limit=64 * MIB), pids_limit=9)
        rows = of_v2(tmp_path, asked, memory__max=64 * MIB, pids__max=9, memory__swap__max="max")
        assert {rows["memory"].verdict, rows["tasks"].verdict} == {AS_ASKED}
        assert rows["memory"].observed == rows["memory"].asked == "64 MiB"

    @pytest.mark.parametrize("found", [128 * MIB, 32 * MIB, "max"])
    def test_another_limit(self, tmp_path: Path, found: object) -> None:
        rows = of_v2(tmp_path, Resources(memory=Memory(limit=64 * MIB)), memory__max=found)
        assert rows["memory"].verdict == MISMATCH

    def test_limits_are_of_whole_pages(self, tmp_path: Path) -> None:
        page = os.sysconf("SC_PAGE_SIZE")
        asked = Resources(memory=Memory(limit=64 * MIB + 5))
        assert of_v2(tmp_path, asked, memory__max=64 * MIB)["memory"].verdict == AS_ASKED
        less = of_v2(tmp_path, asked, memory__max=64 * MIB - page)
        assert less["memory"].verdict == MISMATCH

    def test_stricter_above_is_told(self, tmp_path: Path) -> None:
        fill(tmp_path, memory__max=16 * MIB)
        asked = Resources(memory=Memory(limit=64 * MIB))
        row = of_v2(tmp_path, asked, memory__max=64 * MIB)["memory"]
        assert row.verdict == AS_ASKED
        assert row.observed == f"64 MiB; 16 MiB in force, set at {tmp_path}"

    def test_limit_that_was_asked_and_is_gone(self, tmp_path: Path) -> None:
        row = of_v2(tmp_path, Resources(pids_limit=9), memory__max="max")["tasks"]
        assert (row.verdict, row.observed, row.asked) == (MISMATCH, "no limit", "9 tasks")

    def test_limit_that_nobody_asked_for(self, tmp_path: Path) -> None:
        row = of_v2(tmp_path, Resources(), memory__max=64 * MIB)["memory"]
        assert (row.verdict, "nobody asked" in row.note) == (NOT_ASKED, True)
        row = of_v2(tmp_path, None, memory__max=64 * MIB)["memory"]
        assert (row.verdict, "nobody asked" in row.note) == (NOT_ASKED, False)

    def test_no_limit_was_asked(self, tmp_path: Path) -> None:
        asked = Resources(memory=Memory(limit=-1), pids_limit=-1)
        rows = of_v2(tmp_path, asked, memory__max="max", memory__swap__max="max", pids__max=7)
        assert rows["memory"].verdict == AS_ASKED
        assert rows["tasks"].verdict == MISMATCH

    def test_cpu(self, tmp_path: Path) -> None:
        asked = Resources(cpu=Cpu(quota=50_000, period=100_000, shares=512))
        rows = of_v2(tmp_path, asked, cpu__max="50000 100000", cpu__weight=59)
        assert rows["CPU time"].verdict == AS_ASKED
        assert rows["cpu.weight"].verdict == AS_ASKED
        rows = of_v2(tmp_path, asked, cpu__max="60000 100000", cpu__weight=100)
        assert rows["CPU time"].verdict == rows["cpu.weight"].verdict == MISMATCH

    @pytest.mark.parametrize(("found", "verdict"), [("0-2,5", AS_ASKED), ("0-5", MISMATCH)])
    def test_cpus(self, tmp_path: Path, found: str, verdict: Verdict) -> None:
        rows = of_v2(tmp_path, Resources(cpu=Cpu(cpus="5,0,1,2")), cpuset__cpus=found)
        assert rows["cpuset.cpus"].verdict == verdict

    def test_devices_are_told_apart(self, tmp_path: Path) -> None:
        throttle = (ThrottleDevice(8, 0, 1000), ThrottleDevice(8, 16, 2000))
        asked = Resources(block_io=BlockIo(throttle_read_bps_device=throttle))
        found = "8:0 rbps=1000 wbps=max\n8:16 rbps=9 wbps=max"
        rows = of_v2(tmp_path, asked, io__max=found)
        assert rows["bytes read from 8:0"].verdict == AS_ASKED
        assert rows["bytes read from 8:16"].verdict == MISMATCH

    def test_what_the_host_cannot_do_is_not_in_force(self, tmp_path: Path) -> None:
        rows = of_v2(tmp_path, Resources(memory=Memory(swappiness=5)), memory__max="max")
        (row,) = (row for row in rows.values() if row.verdict == MISMATCH)
        assert "swappiness" in row.asked

    @pytest.mark.parametrize(
        ("path", "asked", "verdict"),
        [
            ("/box", "/box", AS_ASKED),
            ("/up/box/init", "/box", AS_ASKED),
            ("/elsewhere", "/box", MISMATCH),
            ("/system.slice/docker-ab.scope", "system.slice:docker:ab", AS_ASKED),
            ("/system.slice/docker-cd.scope", "system.slice:docker:ab", MISMATCH),
            ("/me/7", None, AS_ASKED),  # the target's id
        ],
    )
    def test_path(self, path: str, asked: str | None, verdict: Verdict) -> None:
        found = cgroups_of((Membership(path, v2=True, mount="/nowhere"),))
        facts = STRONG.replace(cgroups=found, devices=None)
        section = cgroups.section(facts, spec(cgroups_path=asked), TARGET)
        assert section.row("path").verdict == verdict

    def test_what_is_above_is_unreadable(self, tmp_path: Path) -> None:
        fill(tmp_path, cgroup__type="domain")
        rows = of_v2(tmp_path, None)
        assert rows["limits above what is mounted"].verdict == UNREADABLE


class TestDevices:
    FUSE = DeviceRule(allow=True, type="c", major=10, minor=229)
    TUN = DeviceRule(allow=True, type="c", major=10, minor=200)

    def row(self, *there: DeviceRule, asked: tuple[DeviceRule, ...], engine: str = "orlop") -> Row:
        found = exceptions(with_device_rules(Resources(devices=there)).devices)
        wanted = spec(resources=Resources(devices=asked))
        (row,) = devices.device_row(DeviceControl(found), wanted, engine)
        return row

    def test_as_asked(self) -> None:
        assert self.row(self.FUSE, asked=(self.FUSE,)).verdict == AS_ASKED

    def test_more(self) -> None:
        row = self.row(self.FUSE, asked=())
        assert (row.verdict, row.note) == (MISMATCH, "more than asked: c 10:229 rwm")
        assert self.row(DeviceRule(allow=True), asked=()).verdict == MISMATCH

    def test_fewer_are_stricter(self) -> None:
        assert self.row(asked=(self.FUSE,)).verdict == AS_ASKED

    def test_tun_of_old_runcs(self) -> None:
        assert self.row(self.TUN, asked=(), engine="docker").verdict == AS_ASKED
        assert self.row(self.TUN, asked=(), engine="orlop").verdict == MISMATCH

    def test_no_filter_at_all(self) -> None:
        (row,) = devices.device_row(DeviceControl(filters=()), spec(), "orlop")
        assert row.verdict == MISMATCH


# --- capabilities and privileges ------------------------------------------------------------


class TestCapabilities:
    def row(self, held: tuple[str, ...], asked: tuple[str, ...] | None) -> Row:
        facts = STRONG.replace(status=status(capabilities=CapabilitySets(permitted=mask(held))))
        wanted = None if asked is None else Capabilities(permitted=asked)
        config = spec().replace(process=Process("/", capabilities=wanted))
        return capabilities.section(facts, config).row("permitted")

    def test_equal(self) -> None:
        row = self.row(DOCKER_DEFAULT, DOCKER_DEFAULT)
        assert (row.verdict, row.note) == (AS_ASKED, "Docker's default")

    def test_more(self) -> None:
        row = self.row((*DOCKER_DEFAULT, "CAP_BPF"), DOCKER_DEFAULT)
        assert (row.verdict, row.note) == (MISMATCH, "beyond Docker's default: CAP_BPF")
        assert self.row(("CAP_KILL",), None).verdict == MISMATCH

    def test_fewer(self) -> None:
        row = self.row((), ("CAP_KILL",))
        assert (row.verdict, row.observed, row.asked) == (AS_ASKED, "none", "CAP_KILL")
        assert "CAP_KILL" in row.note

    def test_unknown_names(self) -> None:
        assert self.row((), ("CAP_FLY",)).verdict == AS_ASKED


class TestPrivileges:
    def rows(self, facts: Facts, process: Process, **linux: object) -> dict[str, Row]:
        asked = spec(**linux).replace(process=process)
        return {row.what: row for row in privileges.section(facts, asked).rows}

    @pytest.mark.parametrize(
        ("there", "asked", "verdict"),
        [
            (True, True, AS_ASKED),
            (False, True, MISMATCH),
            (True, False, AS_ASKED),
            (False, False, AS_ASKED),
        ],
    )
    def test_no_new_privileges(self, there: bool, asked: bool, verdict: Verdict) -> None:
        facts = STRONG.replace(status=status(no_new_privileges=there))
        rows = self.rows(facts, Process("/", no_new_privileges=asked))
        assert rows["no_new_privs"].verdict == verdict

    @pytest.mark.parametrize(
        ("label", "asked", "verdict"),
        [
            ("docker-default (enforce)", "docker-default", AS_ASKED),
            ("unconfined", "docker-default", MISMATCH),
            ("unconfined", None, NOT_ASKED),
        ],
    )
    def test_label(self, label: str, asked: str | None, verdict: Verdict) -> None:
        facts = STRONG.replace(security=Security(modules=("apparmor",), label=label))
        rows = self.rows(facts, Process("/", apparmor_profile=asked))
        assert rows["security label"].verdict == verdict

    @pytest.mark.parametrize(
        ("found", "verdict"),
        [
            ((100, 200), AS_ASKED),
            ((50, 100), AS_ASKED),
            ((100, 201), MISMATCH),
            ((100, (1 << 64) - 1), MISMATCH),
        ],
    )
    def test_resource_limits(self, found: tuple[int, int], verdict: Verdict) -> None:
        there = {"RLIMIT_NOFILE": found, "RLIMIT_CORE": (0, 0)}
        facts = STRONG.replace(security=Security(rlimits=there))
        rows = self.rows(facts, Process("/", rlimits=(Rlimit("RLIMIT_NOFILE", 100, 200),)))
        assert rows["RLIMIT_NOFILE"].verdict == verdict
        assert rows["other resource limits"].observed == "CORE 0"

    def test_id_maps(self) -> None:
        wanted = (IdMap(0, 100_000, 10), IdMap(10, 5, 1))
        facts = STRONG.replace(security=Security(users=wanted[::-1], groups=wanted[:1]))
        rows = self.rows(
            facts,
            Process("/"),
            namespaces=(Namespace("user"),),
            uid_mappings=wanted,
            gid_mappings=wanted,
        )
        assert rows["user ids"].verdict == AS_ASKED
        assert rows["group ids"].verdict == MISMATCH
        assert rows["group ids"].observed == "0-9 inside are 100000-100009"

    @pytest.mark.parametrize(("found", "verdict"), [(7, AS_ASKED), (8, AS_ASKED), (6, MISMATCH)])
    def test_oom_score(self, found: int, verdict: Verdict) -> None:
        facts = STRONG.replace(security=Security(oom_score_adj=found))
        rows = self.rows(facts, Process("/", oom_score_adj=7))
        assert rows["oom_score_adj"].verdict == verdict


class TestSystemCalls:
    def rows(self, reading: FilterReading, **linux: object) -> dict[str, Row]:
        facts = STRONG.replace(seccomp=reading)
        return {row.what: row for row in syscalls.section(facts, spec(**linux)).rows}

    DENY_BPF = Profile("SCMP_ACT_ALLOW", syscalls=(SyscallRule(("bpf",), "SCMP_ACT_ERRNO", 1),))
    DENY_MOUNT = Profile("SCMP_ACT_ALLOW", syscalls=(SyscallRule(("mount",), "SCMP_ACT_ERRNO", 1),))

    def test_none(self) -> None:
        nothing = FilterReading("none")
        assert self.rows(nothing)["seccomp"].verdict == AS_ASKED
        assert self.rows(nothing, seccomp=self.DENY_BPF)["seccomp"].verdict == MISMATCH

    def test_as_asked(self) -> None:
        rows = self.rows(reading_of(self.DENY_BPF), seccomp=self.DENY_BPF)
        assert rows["seccomp"].verdict == rows["filters"].verdict == AS_ASKED
        assert rows["errno(EPERM)"].observed == "1 system call: bpf"

    def test_another_filter(self) -> None:
        row = self.rows(reading_of(self.DENY_MOUNT), seccomp=self.DENY_BPF)["filters"]
        assert row.verdict == MISMATCH
        assert "): errno(EPERM), asked: allow" in row.note

    def test_one_of_its_own(self) -> None:
        row = self.rows(reading_of(self.DENY_BPF))["seccomp"]
        assert (row.verdict, row.note) == (AS_ASKED, "it has loaded one itself")

    def test_that_cannot_be_read(self) -> None:
        problem = PermissionDenied("not by you")
        rows = self.rows(FilterReading("filter", problem=problem), seccomp=self.DENY_BPF)
        assert rows["seccomp"].verdict == AS_ASKED
        assert (rows["filters"].verdict, rows["filters"].observed) == (UNREADABLE, "not by you")

    def test_against_docker(self) -> None:
        assert syscalls.beyond_docker(docker_default(()), 0) == ()
        laxer = syscalls.beyond_docker(reading_of(self.DENY_BPF), 0)
        assert {"mount", "setns"} <= {*laxer}
        assert not {"bpf", "read"} & {*laxer}


# --- mounts ---------------------------------------------------------------------------------


def opened(path: str, number: int, **changes: object) -> Opened:
    return Opened(path, mode=stat.S_IFDIR, mount=number, resolved=path, inode=1).replace(**changes)


class TestMounts:
    def rows(
        self, asked: Spec | None, *more: SeenMount, paths: tuple[Opened, ...] = ()
    ) -> dict[str, Row]:
        facts = STRONG.replace(mounts=made.mounts(*more, paths=paths))
        return {row.what: row for row in mounts.section(facts, asked).rows}

    def one(self, wanted: AskedMount, seen: SeenMount, **changes: object) -> Row:
        """The row of a mount that was asked for, where this one is found."""
        path = opened(wanted.destination, seen.mount.id, **changes)
        asked = spec().replace(mounts=(wanted,))
        return self.rows(asked, seen, paths=(path,))[wanted.destination]

    TMPFS = AskedMount("/x", "tmpfs", "tmpfs", ("nosuid", "ro", "noatime", "mode=755"))

    def test_as_asked(self) -> None:
        seen = SeenMount(mount("/x", parent=10, options=("ro", "nosuid")))
        assert self.one(self.TMPFS, seen, read_only=True).verdict == AS_ASKED

    @pytest.mark.parametrize(
        ("options", "read_only", "note"),
        [
            (("rw", "nosuid"), False, "without ro"),
            (("ro",), True, "without nosuid"),
            (("ro", "nosuid", "noexec"), True, "noexec in addition"),
        ],
    )
    def test_other_flags(self, options: tuple[str, ...], read_only: bool, note: str) -> None:
        seen = SeenMount(mount("/x", parent=10, options=options))
        row = self.one(self.TMPFS, seen, read_only=read_only)
        assert (row.verdict, row.note) == (MISMATCH, note)

    def test_other_type(self) -> None:
        seen = SeenMount(mount("/x", "ramfs", parent=10, options=("ro", "nosuid")))
        assert self.one(self.TMPFS, seen, read_only=True).verdict == MISMATCH

    def test_nothing_there(self) -> None:
        asked = spec().replace(mounts=(self.TMPFS,))
        in_root = self.rows(asked, paths=(opened("/x", 10),))["/x"]
        assert (in_root.verdict, in_root.observed) == (MISMATCH, "no mount: in that of /")
        gone = self.rows(asked, paths=(opened("/x", 0, errno=2),))["/x"]
        assert gone.verdict == MISMATCH

    def test_through_a_symlink(self) -> None:
        seen = SeenMount(mount("/run", parent=10, options=("ro", "nosuid")))
        row = self.one(
            AskedMount("/var/run", "tmpfs", "tmpfs", ("ro", "nosuid")),
            seen,
            resolved="/run",
            read_only=True,
        )
        assert row.verdict == AS_ASKED

    def test_bind(self, tmp_path: Path) -> None:
        status = tmp_path.stat()
        wanted = AskedMount("/x", None, str(tmp_path), ("rbind", "ro"))
        seen = bound("/other/name", "/x", options=("ro", "nodev"))
        same = {"device": status.st_dev, "inode": status.st_ino, "read_only": True}
        assert self.one(wanted, seen, **same).verdict == AS_ASKED
        assert self.one(wanted, seen, **same | {"inode": 2}).verdict == MISMATCH
        facts = STRONG.replace(
            mounts=made.mounts(seen, paths=(opened("/x", seen.mount.id, read_only=True),)).replace(
                foreign=True
            )
        )
        row = mounts.section(facts, spec().replace(mounts=(wanted,))).row("/x")
        assert (row.verdict, "source" in row.note) == (NOT_ASKED, True)
        assert self.one(wanted, seen, **same | {"read_only": False}).verdict == MISMATCH

    @pytest.mark.parametrize(("readonly", "verdict"), [(True, AS_ASKED), (False, MISMATCH)])
    def test_root(self, readonly: bool, verdict: Verdict) -> None:
        asked = spec().replace(root=Root("rootfs", readonly))
        assert self.rows(asked)["/"].verdict == verdict

    def test_hidden(self) -> None:
        asked = spec(masked_paths=("/proc/a", "/proc/b"), readonly_paths=("/proc/c", "/proc/d"))
        paths = (
            opened("/proc/a", 11),
            opened("/proc/b", 0, errno=2),
            opened("/proc/c", 11),
            opened("/proc/d", 11, read_only=True),
        )
        rows = self.rows(asked, paths=paths)
        verdicts = {path: rows[f"/proc/{path}"].verdict for path in "abcd"}
        assert verdicts == {"a": MISMATCH, "b": AS_ASKED, "c": MISMATCH, "d": AS_ASKED}

    def test_device_node(self) -> None:
        asked = spec(devices=(Device("c", "/dev/fuse", 10, 229),))
        node = opened("/dev/fuse", 10, mode=stat.S_IFCHR, special=os.makedev(10, 229))
        assert self.rows(asked, paths=(node,))["/dev/fuse"].verdict == AS_ASKED
        disk = node.replace(mode=stat.S_IFBLK)
        assert self.rows(asked, paths=(disk,))["/dev/fuse"].verdict == MISMATCH

    def test_nobody_asked_for_it(self) -> None:
        seen = SeenMount(mount("/more", parent=10))
        row = self.rows(spec(), seen)["/more"]
        assert (row.verdict, row.note) == (NOT_ASKED, "nobody asked for it")

    def test_what_explains_a_mount(self) -> None:
        asked = spec(readonly_paths=("/proc/sys",)).replace(
            mounts=(AskedMount("/cg", "cgroup"), AskedMount("/tree", None, "/t", ("rbind",)))
        )
        targets = ("/cg", "/cg/memory", "/tree", "/tree/below", "/proc/sys")
        seen = (SeenMount(mount(target, parent=10)) for target in targets)
        rows = self.rows(asked, *seen)
        assert not {"/cg/memory", "/tree/below"} & set(rows)

    @pytest.mark.parametrize(("options", "verdict"), [(("ro",), AS_ASKED), (("rw",), MISMATCH)])
    def test_cgroup_v1(self, options: tuple[str, ...], verdict: Verdict) -> None:
        """Of the tmpfs that the hierarchies are in nothing is asked."""
        asked = spec().replace(mounts=(AskedMount("/cg", "cgroup", "cgroup", ("ro",)),))
        tmpfs = SeenMount(mount("/cg", parent=10, number=20))
        memory = SeenMount(mount("/cg/memory", "cgroup", parent=20, options=options))
        rows = self.rows(asked, tmpfs, memory, paths=(opened("/cg", 20),))
        assert rows["/cg"].verdict == verdict

    def test_host_mount_namespace(self) -> None:
        facts = STRONG.replace(isolation=made.isolation("mount"))
        (row,) = mounts.section(facts, None).rows
        assert "the host's" in row.observed


# --- network and settings -------------------------------------------------------------------

ETH0 = Interface(
    "eth0",
    kind="veth",
    state="up",
    addresses=("10.0.0.2/24",),
    link=Link("veth7", 9, "host", network=0),
)
WEB = WaitingSocket("tcp6", "::", 80, inode=5)
NETWORK = Network(
    interfaces=(Interface("lo", kind="loopback", state="up"), ETH0),
    routes=(Route("inet", "default", gateway="10.0.0.1", device="eth0"),),
    listeners=(Listener(WEB, (Holder(7, "web"),)), Listener(WEB, (Holder(8, "web"),))),
    chains=(Chain("nftables", "inet", "filter", "input", "input", "drop", ("accept",)),),
    outside=Outside(
        interfaces=(Interface("veth7", kind="veth", state="up", master="docker0"),),
        chains=(Chain("iptables", "ip", "nat", "POSTROUTING", rules=("-s 10.0.0.2",)),),
    ),
)


class TestNetwork:
    def rows(self, found: Network, asked: Spec | None = None) -> dict[str, Row]:
        section = network.section(STRONG.replace(network=found), asked)
        return {row.what: row for row in section.rows}

    def test_what_there_is(self) -> None:
        assert {what: row.observed for what, row in self.rows(NETWORK).items()} == {
            "interface lo": "loopback, up",
            "interface eth0": "veth, up, 10.0.0.2/24, other end veth7, host",
            "routes": "default via 10.0.0.1 dev eth0",
            "listens: tcp6 [::]:80": "web (7), web (8)",
            "nftables inet filter input": "policy drop; accept",
            "on the host: veth7": "veth, up, in docker0",
            "on the host: iptables ip nat POSTROUTING": "-s 10.0.0.2",
        }

    def test_of_orlop_itself_only_a_sum(self) -> None:
        (row,) = self.rows(NETWORK.replace(shared=True)).values()
        assert "2 interfaces" in row.observed

    def test_what_could_not_be_read(self) -> None:
        problems = (PermissionDenied("not by you"),)
        row = self.rows(NETWORK.replace(problems=problems))["problem 1"]
        assert (row.verdict, row.observed) == (UNREADABLE, "not by you")

    def test_devices_that_were_to_be_moved_in(self) -> None:
        devices = {"veth1": NetDevice("eth0"), "wlan0": NetDevice()}
        rows = self.rows(NETWORK, spec(net_devices=devices))
        verdicts = [rows[f"interface {name}"].verdict for name in ("eth0", "wlan0", "lo")]
        assert verdicts == [AS_ASKED, MISMATCH, NOT_ASKED]


class TestSettings:
    FOUND = Settings("web", "(none)", {"net/ipv4/ip_forward": "0", "kernel/sem": "1 2 3 4"})

    def rows(self, asked: Spec | None) -> dict[str, Verdict]:
        section = settings.section(STRONG.replace(settings=self.FOUND), asked)
        return {row.what: row.verdict for row in section.rows}

    def test_names(self) -> None:
        assert self.rows(None) == {"host name": NOT_ASKED, "domain name": NOT_ASKED}
        assert self.rows(spec().replace(hostname="web"))["host name"] == AS_ASKED
        assert self.rows(spec().replace(hostname="db"))["host name"] == MISMATCH

    def test_sysctls(self) -> None:
        asked = spec(
            sysctl={
                "net.ipv4.ip_forward": "0",
                "kernel.sem": "1\t2 3  5",
                "net/core/somaxconn": "7",
                "user.max_user_namespaces": "9",
            }
        )
        assert settings.sysctls_to_read(asked) == (
            "net/ipv4/ip_forward",
            "kernel/sem",
            "net/core/somaxconn",
        )
        rows = self.rows(asked)
        assert rows["net.ipv4.ip_forward"] == AS_ASKED
        assert rows["kernel.sem"] == rows["net/core/somaxconn"] == MISMATCH
        assert rows["user.max_user_namespaces"] == NOT_ASKED

    def test_no_path_leads_elsewhere(self) -> None:
        asked = spec(sysctl={"net/../../../etc/shadow": "x", "kernel.core_pattern": "x"})
        assert settings.sysctls_to_read(asked) == ()


# --- all together ---------------------------------------------------------------------------


class TestProof:
    def test_nothing_readable(self) -> None:
        nothing = Facts(
            isolation=tuple(found.replace(inode=None) for found in made.isolation()),
            missing=(Missing(capabilities.NAME, "effective", "needs more"),),
        )
        with pytest.raises(PermissionDenied):
            proof_of(TARGET, nothing)

    def test_something_readable(self) -> None:
        missing = (Missing(mounts.NAME, "mounts", "needs more"),)
        proof = proof_of(TARGET, Facts(status=status(), missing=missing))
        (row,) = proof.section(mounts.NAME).rows
        assert (row.verdict, row.observed) == (UNREADABLE, "needs more")
        assert proof.section(privileges.NAME).row("no_new_privs").observed == "set"

    def test_holds(self) -> None:
        good = TARGET.replace(asked=Spec("1.0.2", linux=Linux()))
        assert proof_of(good, STRONG.replace(status=status(seccomp_mode=0))).holds
        asked = Process("/", no_new_privileges=True)
        bad = good.replace(asked=Spec("1.0.2", process=asked))
        assert not proof_of(bad, STRONG.replace(status=status(no_new_privileges=False))).holds


class TestDocument:
    TEXT = (ROOT / "docs/json.md").read_text().partition("\n## orlop proof\n")[2]
    TEXT = TEXT.partition("\n## ")[0]

    def documented(self, heading: str) -> set[str]:
        """The fields in the table behind a line of the document."""
        table = self.TEXT.partition(heading)[2].partition("\n\n| ")[2].partition("\n\n")[0]
        return set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))

    def fields_of(self, what: str) -> set[str]:
        """The fields in braces of a row of the table of PROOF."""
        (row,) = re.findall(rf"^\| `{what}` \| (.*) \|$", self.TEXT, re.MULTILINE)
        return set(row.partition("{")[2].partition("}")[0].split(", "))

    def test_fields_are_those_that_are_documented(self) -> None:
        members = (Member(status(), 0, 0, ("web",)),)
        weak = STRONG.replace(
            seccomp=FilterReading("none"),
            members=members,
            network=NETWORK,
            isolation=made.isolation("pid"),
        )
        shown: dict[str, Any] = document(proof_of(TARGET, weak))
        assert set(shown) == self.documented("### PROOF")
        assert set(shown["sections"][0]["rows"][0]) == self.documented("A row is")
        for what in ("sections", "namespaces", "processes", "limits", "weaknesses"):
            assert set(shown[what][0]) == self.fields_of(what), what
        for what in ("seccomp", "network"):
            assert set(shown[what]) == self.fields_of(what), what
        assert set(shown["capabilities"]) == self.fields_of("capabilities")
        json.dumps(shown)
