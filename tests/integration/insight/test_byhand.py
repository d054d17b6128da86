"""Namespaces and control groups by hand, on the real kernel and beside `ip netns`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orlop.errors import Unsupported
from orlop.insight.byhand import places, running
from orlop.insight.byhand.asking import new_namespaces
from orlop.kernel.namespaces import UTS
from tests.integration.support import cgroups
from tests.integration.support.bundles import BundleFactory
from tests.integration.support.deadlines import PATIENCE_S, eventually
from tests.integration.support.orlop import (
    PROGRAM,
    named_namespaces,
    orlop,
    process_in,
    process_running,
)
from tests.integration.support.processes import alive, namespace
from tests.integration.support.runtimes import Runtime, execute
from tests.integration.support.terminals import on_terminal

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_launcher]

NAMED = Path("/run/orlop/ns")
WAIT = ("sh", "-c", "echo ready; read line")


@pytest.fixture(autouse=True)
def tidy() -> Iterator[None]:
    with named_namespaces():
        yield


def own(kind: str) -> str:
    return namespace("self", kind)


def inside(*words: str) -> dict[str, str]:
    """The namespaces of a command that `orlop WORDS -- CMD` runs."""
    script = (
        "for k in net uts ipc mnt pid user cgroup time; do readlink /proc/self/ns/$k || true; done"
    )
    lines = orlop(*words, "--", "sh", "-c", script).ok().lines()
    return dict(line.split(":") for line in lines)


class TestNames:
    @pytest.mark.vm
    def test_a_network_namespace_lives_without_a_process(self) -> None:
        said = orlop("ns", "create", "web", "--net", "--uts").ok().out
        assert "clone3({flags=CLONE_NEWUTS|CLONE_NEWNET" in said
        assert '"/run/orlop/ns/web/net", NULL, MS_BIND, NULL)' in said
        (entry,) = orlop("ns", "list", "--only", "net", "--names", "--json").ok().json()
        assert entry["processes"] == []
        assert {name["by"] for name in entry["names"]} == {"orlop", "ip netns"}
        entered = inside("ns", "enter", "web")
        assert entered["net"] == f"[{entry['inode']}]"
        assert f"uts:{entered['uts']}" != own("uts")
        assert f"ipc:{entered['ipc']}" == own("ipc")
        said = orlop("ns", "rm", "web").ok().out
        assert 'umount2("/run/orlop/ns/web/net", MNT_DETACH)' in said
        assert orlop("ns", "list", "--names", "--json").ok().json() == []
        assert list(NAMED.iterdir()) == []
        assert list(Path("/run/netns").iterdir()) == []

    @pytest.mark.requires_iproute2
    def test_ip_netns_sees_it_and_the_other_way_round(self) -> None:
        orlop("ns", "create", "ours", "--net").ok()
        execute(["ip", "netns", "add", "theirs"]).ok()
        names = execute(["ip", "netns", "list"]).ok().out.split()
        assert {"ours", "theirs"} <= set(names)
        link = execute(["ip", "netns", "exec", "ours", "readlink", "/proc/self/ns/net"]).ok().out
        assert link.strip() == f"net:{inside('ns', 'enter', 'ours')['net']}"
        link = execute(["ip", "netns", "exec", "theirs", "readlink", "/proc/self/ns/net"]).ok().out
        assert link.strip() == f"net:{inside('ns', 'run', '--join', 'theirs')['net']}"
        orlop("ns", "create", "theirs", "--net").refused("already exists")
        orlop("ns", "rm", "ours", "theirs").ok()
        assert execute(["ip", "netns", "list"]).ok().out == ""

    @pytest.mark.requires_timens
    def test_all_eight_kinds_and_who_owns_them(self) -> None:
        kinds = ("user", "pid", "net", "mount", "ipc", "uts", "cgroup", "time")
        made = orlop("ns", "create", "box", *(f"--{kind}" for kind in kinds), "--json").ok().json()
        assert len(made["namespaces"]) == 8
        assert alive(made["keeper"])
        shown = orlop("ns", "show", "--json", "box").ok().json()
        assert all(row["isolated"] for row in shown["namespaces"])
        owners = {row["kind"]: row["namespace"]["owner"] for row in shown["namespaces"]}
        user = made["namespaces"]["user"]
        # a time namespace has to be made before the process that is born in the others
        assert {kind for kind, owner in owners.items() if owner == user} == (
            set(made["namespaces"]) - {"user", "time"}
        )
        entered = inside("ns", "enter", "box")
        assert sorted(int(text.strip("[]")) for text in entered.values()) == sorted(
            made["namespaces"].values()
        )
        orlop("ns", "rm", "box").ok()
        assert not alive(made["keeper"])

    def test_a_pid_namespace_is_usable_and_its_orphans_are_reaped(self) -> None:
        orlop("ns", "create", "box", "--pid", "--mount-proc").ok()
        orphan = "(sleep 0.01 &); echo $$; exec ls /proc"
        numbers = orlop("ns", "run", "--join", "box", "--", "sh", "-c", orphan).ok().out.split()
        assert {"1", "2"} <= set(numbers)
        assert str(os.getpid()) not in numbers

        def processes() -> bool:
            listed = orlop("ns", "enter", "box", "--", "sh", "-c", "exec ls /proc").ok().out.split()
            return len([word for word in listed if word.isdigit()]) == 2  # the keeper and ls

        eventually(processes, "the orphan to be reaped")
        orlop("ns", "rm", "box").ok()

    def test_who_stays_keeps_nothing_of_its_maker_s(self) -> None:
        made = subprocess.run(
            [PROGRAM, "ns", "create", "box", "--pid", "--json"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True, timeout=PATIENCE_S,
        )  # fmt: skip
        keeper = json.loads(made.stdout)["keeper"]
        links = {os.readlink(f"/proc/{keeper}/fd/{fd}") for fd in os.listdir(f"/proc/{keeper}/fd")}
        assert {link for link in links if not link.startswith("socket:")} == {"/dev/null"}
        orlop("ns", "rm", "box").ok()

    def test_one_without_its_first_process_says_so(self) -> None:
        keeper = orlop("ns", "create", "box", "--pid", "--uts", "--json").ok().json()["keeper"]
        os.kill(keeper, 9)
        eventually(lambda: not alive(keeper), "the keeper to end")
        orlop("ns", "enter", "box", "--", "true").refused("lost its first process")
        assert f"uts:{inside('ns', 'enter', '--only', 'uts', 'box')['uts']}" != own("uts")
        orlop("ns", "rm", "box").ok()

    @pytest.mark.requires_timens
    def test_clocks(self) -> None:
        orlop("ns", "create", "later", "--time", "--boottime", "100000").ok()
        uptime = "cut -d. -f1 /proc/uptime"
        later = orlop("ns", "enter", "later", "--", "sh", "-c", uptime).ok().out
        assert int(later) > float(Path("/proc/uptime").read_text().split()[0]) + 99_000
        orlop("ns", "rm", "later").ok()

    def test_what_is_in_use_stays_unless_it_is_forced(self) -> None:
        orlop("ns", "create", "web", "--net").ok()
        with process_running([str(PROGRAM), "ns", "enter", "-q", "web", "--", *WAIT]):
            refused = orlop("ns", "rm", "web").refused("in use by processes")
            assert "--force" in refused.err
            orlop("ns", "rm", "--force", "web").ok()
            orlop("ns", "rm", "web").refused("does not exist")

    @pytest.mark.parametrize("name", ["a/b", "..", ".hidden", "a b", ""])
    def test_names_that_are_none(self, name: str) -> None:
        orlop("ns", "create", name, "--net").refused("cannot be a name")
        assert not NAMED.exists()

    def test_a_taken_name(self) -> None:
        orlop("ns", "create", "web", "--uts").ok()
        orlop("ns", "create", "web", "--net").refused("'web' already exists")
        orlop("ns", "rm", "web").ok()

    @pytest.mark.requires_timens
    def test_what_the_kernel_refuses_leaves_nothing(self) -> None:
        orlop("ns", "create", "far", "--time", "--boottime", "99999999999999").refused()
        assert list(NAMED.iterdir()) == []


class TestRun:
    def test_new_ones(self) -> None:
        found = inside("ns", "run", "--new", "net,uts", "--new", "ipc")
        assert {kind for kind in found if f"{kind}:{found[kind]}" != own(kind)} == {
            "net",
            "uts",
            "ipc",
        }

    def test_it_says_what_it_does_apart_from_the_output(self) -> None:
        result = orlop("ns", "run", "--new", "uts", "--", "echo", "out").ok()
        assert result.out == "out\n"
        assert "clone3({flags=CLONE_NEWUTS" in result.err
        assert orlop("ns", "run", "-q", "--new", "uts", "--", "true").ok().err == ""

    @pytest.mark.parametrize(
        ("command", "status"),
        [(("sh", "-c", "exit 7"), 7), (("sh", "-c", "kill -9 $$"), 137), (("nosuch",), 127),
         (("/etc/passwd",), 126)],
    )  # fmt: skip
    def test_exit_status(self, command: tuple[str, ...], status: int) -> None:
        assert orlop("ns", "run", "--new", "uts", "--", *command).status == status

    def test_directory_environment_and_umask_are_the_caller_s(self, workspace: Path) -> None:
        script = "pwd; echo $MARK; umask"
        result = execute(
            ["sh", "-c", 'umask 027; exec "$@"', "sh", str(PROGRAM), "ns", "run", "-q",
             "--new", "uts", "--", "sh", "-c", script],
            env={**os.environ, "MARK": "here"},
            cwd=workspace,
        ).ok()  # fmt: skip
        assert result.lines() == [str(workspace), "here", "0027"]

    def test_procfs_of_the_new_pid_namespace_and_not_outside(self) -> None:
        before = Path("/proc/self/mountinfo").read_text()
        words = ("--new", "pid", "--mount-proc", "--", "cat", "/proc/1/comm")
        assert orlop("ns", "run", "-q", *words).ok().out == "cat\n"
        assert Path("/proc/self/mountinfo").read_text() == before

    def test_a_user_namespace_owns_what_is_made_with_it(self) -> None:
        script = "id -u; cat /proc/self/uid_map; hostname inside; hostname"
        result = orlop("ns", "run", "-q", "--new", "user,uts", "--", "sh", "-c", script).ok()
        assert result.out.split() == ["0", "0", "0", "1", "inside"]
        assert os.uname().nodename != "inside"

    def test_new_and_joined_together(self) -> None:
        with process_in("unshare", "--net", "--ipc") as pid:
            found = inside("ns", "run", "--join", f"pid:{pid}:net", "--new", "user,uts")
            assert f"net:{found['net']}" == namespace(pid, "net")
            assert f"ipc:{found['ipc']}" == own("ipc")
            assert f"user:{found['user']}" != own("user")

    def test_a_kind_is_asked_for_once(self) -> None:
        with process_in("unshare", "--net") as pid:
            words = ("--join", f"pid:{pid}", "--new", "net", "--", "true")
            orlop("ns", "run", *words).refused("cannot join the net namespace", "new")
        orlop("ns", "run", "--new", "nett", "--", "true").refused("'nett' is no kind")
        orlop("ns", "run", "--", "true").refused("nothing to make and nothing to join")

    def test_entering_a_container(self, runtime: Runtime, bundle: BundleFactory) -> None:
        container = runtime.start(bundle(hostname="inside"))
        whose = f"pid:{container.pid}"
        result = orlop("ns", "enter", "-q", whose, "--", "sh", "-c", "hostname; pwd")
        assert result.ok().lines() == ["inside", "/"]
        for kind in ("pid", "net", "ipc", "uts"):
            found = inside("ns", "enter", "--only", kind, whose)
            assert f"{kind}:{found[kind]}" == namespace(container.pid, kind)

    def test_who_is_not_there(self) -> None:
        orlop("ns", "enter", "nobody", "--", "true").refused("does not exist")
        orlop("ns", "enter", "pid:2000000000", "--", "true").refused("does not exist")
        orlop("ns", "show", "nobody").refused("does not exist")

    def test_a_terminal(self) -> None:
        argv = [str(PROGRAM), "ns", "run", "-q", "--new", "uts", "--", "sh", "-c", "tty; stty size"]
        with on_terminal(argv, rows=11, columns=44) as session:
            assert session.screen.line().startswith("/dev/pts/")
            assert session.screen.line() == "11 44"

    def test_a_kernel_without_a_kind(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(places, "available", lambda: (UTS,))
        with pytest.raises(Unsupported, match="a net namespace is not supported here"):
            running.run(("true",), new_namespaces(["uts,net"]), (), lambda _: None)

    def test_it_ends_with_its_caller(self) -> None:
        argv = [str(PROGRAM), "ns", "run", "-q", "--new", "pid", "--", *WAIT]
        with process_running(argv, depth=2) as pid:
            assert alive(pid)
            (parent,) = (
                int(line.split()[1])
                for line in Path(f"/proc/{pid}/status").read_text().splitlines()
                if line.startswith("PPid")
            )
            (caller,) = (
                int(line.split()[1])
                for line in Path(f"/proc/{parent}/status").read_text().splitlines()
                if line.startswith("PPid")
            )
            os.kill(caller, 9)
            eventually(lambda: not alive(pid), "the command to be killed")

    def test_without_rights_it_says_which_are_missing(self) -> None:
        drop = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
        program = [*drop, str(PROGRAM), "ns"]
        execute([*program, "run", "--new", "net", "--", "true"], cwd=Path("/")).refused(
            "operation not permitted", "CAP_SYS_ADMIN"
        )
        execute([*program, "create", "web", "--net"], cwd=Path("/")).refused("CAP_SYS_ADMIN")
        with process_in("unshare", "--net") as pid:
            execute([*program, "enter", f"pid:{pid}", "--", "true"], cwd=Path("/")).refused(
                f"/proc/{pid}/ns/", "CAP_SYS_PTRACE"
            )
            shown = execute([*program, "show", "--json", f"pid:{pid}"], cwd=Path("/")).ok()
            assert {row["isolated"] for row in shown.json()["namespaces"]} == {None}


class TestShow:
    def test_who_shares(self) -> None:
        with process_in("unshare", "--net", "--mount") as one:
            with process_in("nsenter", "--net", "--target", str(one)) as two:
                shown = orlop("ns", "show", "--json", f"pid:{one}").ok().json()
                text = orlop("ns", "show", f"pid:{one}").ok().out
        rows = {row["kind"]: row for row in shown["namespaces"]}
        assert rows["network"]["isolated"] is True
        assert rows["network"]["sharedWith"] == [f"pid:{two}"]
        assert rows["user"]["sharedWith"][0] == "host"
        assert "root inside is root outside" in text

    def test_what_keeps_a_namespace(self) -> None:
        program = "import sys; f = open('/proc/self/ns/uts'); print('ready', flush=True); input()"
        unshare = ["unshare", "--uts", "python3", "-c", program]
        with process_running(unshare) as pid:
            found = orlop("ns", "list", "--only", "uts", "--json").ok().json()
            inode = int(namespace(pid, "uts").strip("uts:[]"))
            (entry,) = (entry for entry in found if entry["inode"] == inode)
            assert [held["pid"] for held in entry["descriptors"]] == [pid]


class TestCgroup:
    @pytest.fixture(autouse=True)
    def removed(self) -> Iterator[None]:
        yield
        for name in orlop("cgroup", "show").ok().lines():
            orlop("cgroup", "rm", "--force", name).ok()

    @pytest.mark.vm
    def test_limits_are_set_shown_and_changed(self) -> None:
        said = orlop("cgroup", "create", "box", "--memory", "64m", "--cpus", "0.5", "--pids", "20")
        assert "mkdir(" in said.ok().out
        assert '"67108864")' in said.out
        shown = orlop("cgroup", "show", "--json", "box").ok().json()
        limits = {limit["kind"]: limit["limit"] for limit in shown["limits"]}
        assert (limits["memory"], limits["CPU time"], limits["tasks"]) == (64 << 20, 0.5, 20)
        said = orlop("cgroup", "set", "box", "--memory", "32m", "--pids", "-1")
        assert '"33554432")' in said.ok().out
        shown = orlop("cgroup", "show", "--json", "box").ok().json()
        limits = {limit["kind"]: limit["limit"] for limit in shown["limits"]}
        assert (limits["memory"], limits["CPU time"]) == (32 << 20, 0.5)
        assert limits.get("tasks") != 20
        assert orlop("cgroup", "show").ok().lines() == ["box"]
        assert "rmdir(" in orlop("cgroup", "rm", "box").ok().out
        assert orlop("cgroup", "show").ok().lines() == []

    @pytest.mark.vm
    def test_a_command_is_in_it_everywhere(self) -> None:
        orlop("cgroup", "create", "box").ok()
        lines = orlop("cgroup", "run", "-q", "box", "--", "cat", "/proc/self/cgroup").ok().lines()
        mounted = len(cgroups.hierarchies())
        assert sum(line.endswith(":/orlop-byhand/box") for line in lines) == mounted
        assert orlop("cgroup", "run", "box", "--", "sh", "-c", "exit 5").status == 5

    def test_limits_hold(self) -> None:
        orlop("cgroup", "create", "box", "--pids", "3", "--memory", "32m").ok()
        fork = "(sleep 1000 & sleep 1000 & sleep 1000 & true) 2>&1; kill 0"
        assert "fork" in orlop("cgroup", "run", "-q", "box", "--", "sh", "-c", fork).out
        eat = (sys.executable, "-c", "b'x' * (200 << 20)")
        assert orlop("cgroup", "run", "-q", "box", "--", *eat).status == 137
        assert orlop("cgroup", "show", "--json", "box").ok().json()["usage"]["oomKills"] >= 1

    def test_what_is_in_use_stays_unless_it_is_forced(self) -> None:
        orlop("cgroup", "create", "box").ok()
        argv = [str(PROGRAM), "cgroup", "run", "-q", "box", "--", *WAIT]
        with process_running(argv, depth=2) as pid:
            assert orlop("cgroup", "show", "--json", "box").ok().json()["processes"] == [pid]
            orlop("cgroup", "rm", "box").refused("in use by processes", str(pid))
            orlop("cgroup", "rm", "--force", "box").ok()
            eventually(lambda: not alive(pid), "the command to be killed")

    def test_where_a_process_is(self) -> None:
        shown = orlop("cgroup", "show", "--json", f"pid:{os.getpid()}").ok().json()
        assert os.getpid() in shown["processes"]

    @pytest.mark.parametrize(
        ("words", "texts"),
        [
            (("create", "a/b"), ["cannot be a name"]),
            (("create", "box", "--memory", "much"), ["--memory", "'much'"]),
            (("create", "box", "--cpuset-cpus", "4095"), ["cpu"]),
            (("set", "none", "--memory", "1g"), ["cgroup 'none' does not exist"]),
            (("run", "none", "--", "true"), ["cgroup 'none' does not exist"]),
            (("rm", "none"), ["cgroup 'none' does not exist"]),
            (("show", "none"), ["'none' does not exist"]),
        ],
    )
    def test_what_is_refused_leaves_nothing(self, words: tuple[str, ...], texts: list[str]) -> None:
        orlop("cgroup", *words).refused(*texts)
        assert orlop("cgroup", "show").ok().lines() == []

    def test_a_taken_name(self) -> None:
        orlop("cgroup", "create", "box").ok()
        orlop("cgroup", "create", "box").refused("'box' already exists")
