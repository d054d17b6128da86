"""process: what the program in the container starts with.

See: runtime-spec config.md#process.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.integration.support.bundles import REMOVE, BundleFactory
from tests.integration.support.processes import parse_status, status
from tests.integration.support.runtimes import Runtime

pytestmark = pytest.mark.requires_root

CAP_KILL = 1 << 5
CAP_CHOWN = 1 << 0
CAP_NET_RAW = 1 << 13
SETS = {
    "bounding": "CapBnd",
    "effective": "CapEff",
    "inheritable": "CapInh",
    "permitted": "CapPrm",
    "ambient": "CapAmb",
}


def status_of(runtime: Runtime, bundle: BundleFactory, **process: Any) -> dict[str, str]:
    """/proc/self/status of a program with these process settings."""
    made = bundle(["cat", "/proc/self/status"], process=process)
    return parse_status(runtime.run(made).ok().out)


class TestUser:
    def test_ids(self, runtime: Runtime, bundle: BundleFactory) -> None:
        found = status_of(runtime, bundle, user={"uid": 1000, "gid": 1001})
        assert found["Uid"].split() == ["1000"] * 4
        assert found["Gid"].split() == ["1001"] * 4

    def test_additional_groups(self, runtime: Runtime, bundle: BundleFactory) -> None:
        user = {"uid": 1000, "gid": 1001, "additionalGids": [5, 29, 2_000_000_000]}
        found = status_of(runtime, bundle, user=user)
        assert set(found["Groups"].split()) - {"1001"} == {"5", "29", "2000000000"}

    def test_no_groups_of_the_caller(self, runtime: Runtime, bundle: BundleFactory) -> None:
        found = status_of(runtime, bundle, user={"uid": 1000, "gid": 1001})
        assert set(found["Groups"].split()) <= {"1001"}

    def test_large_ids(self, runtime: Runtime, bundle: BundleFactory) -> None:
        found = status_of(runtime, bundle, user={"uid": 2_147_483_647, "gid": 2_147_483_647})
        assert found["Uid"].split() == ["2147483647"] * 4

    @pytest.mark.runc_differs("it takes ids up to 2147483647")
    def test_ids_are_32_bits_without_sign(self, runtime: Runtime, bundle: BundleFactory) -> None:
        user = {"uid": 4_000_000_000, "gid": 4_000_000_001, "additionalGids": [4_000_000_002]}
        found = status_of(runtime, bundle, user=user)
        assert found["Uid"].split() == ["4000000000"] * 4
        assert found["Gid"].split() == ["4000000001"] * 4
        assert "4000000002" in found["Groups"].split()

    @pytest.mark.parametrize(("umask", "text"), [(0o027, "0027"), (0, "0000"), (0o777, "0777")])
    def test_umask(self, runtime: Runtime, bundle: BundleFactory, umask: int, text: str) -> None:
        found = status_of(runtime, bundle, user={"uid": 0, "gid": 0, "umask": umask})
        assert found["Umask"] == text

    def test_default_umask(self, runtime: Runtime, bundle: BundleFactory) -> None:
        assert status_of(runtime, bundle)["Umask"] == "0022"


class TestCapabilities:
    def test_sets_are_taken_one_by_one(self, runtime: Runtime, bundle: BundleFactory) -> None:
        found = status_of(
            runtime,
            bundle,
            capabilities={
                "bounding": ["CAP_CHOWN", "CAP_KILL", "CAP_NET_RAW"],
                "permitted": ["CAP_CHOWN", "CAP_KILL", "CAP_NET_RAW"],
                "inheritable": ["CAP_KILL", "CAP_NET_RAW"],
                "effective": ["CAP_KILL", "CAP_NET_RAW"],
                "ambient": ["CAP_KILL"],
            },
            user={"uid": 1000, "gid": 1000},
        )
        # execve by another user than root: what is ambient is permitted and effective.
        values = {kind: int(found[name], 16) for kind, name in SETS.items()}
        assert values == {
            "bounding": CAP_CHOWN | CAP_KILL | CAP_NET_RAW,
            "inheritable": CAP_KILL | CAP_NET_RAW,
            "permitted": CAP_KILL,
            "effective": CAP_KILL,
            "ambient": CAP_KILL,
        }

    def test_root_gets_what_is_bounding_and_nothing_more(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        sets = ("bounding", "permitted", "effective")
        found = status_of(
            runtime, bundle, capabilities={kind: ["CAP_CHOWN", "CAP_KILL"] for kind in sets}
        )
        assert int(found["CapBnd"], 16) == CAP_CHOWN | CAP_KILL
        assert int(found["CapEff"], 16) == CAP_CHOWN | CAP_KILL
        assert int(found["CapInh"], 16) == 0

    def test_none_at_all(self, runtime: Runtime, bundle: BundleFactory) -> None:
        found = status_of(runtime, bundle, capabilities={kind: [] for kind in SETS})
        assert [int(found[name], 16) for name in SETS.values()] == [0] * 5

    def test_not_mentioned(self, runtime: Runtime, bundle: BundleFactory) -> None:
        found = status_of(runtime, bundle, capabilities=REMOVE)
        assert [int(found[name], 16) for name in SETS.values()] == [0] * 5

    def test_unknown_ones_are_left_out_with_a_warning_or_refused(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        made = bundle(
            ["cat", "/proc/self/status"],
            process={"capabilities": {kind: ["CAP_NONSENSE", "CAP_KILL"] for kind in SETS}},
        )
        result = runtime.run(made)
        assert "CAP_NONSENSE" in result.err
        if result.status == 0:
            assert int(parse_status(result.out)["CapEff"], 16) == CAP_KILL

    def test_no_new_privileges(self, runtime: Runtime, bundle: BundleFactory) -> None:
        assert status_of(runtime, bundle, noNewPrivileges=True)["NoNewPrivs"] == "1"
        assert status_of(runtime, bundle, noNewPrivileges=False)["NoNewPrivs"] == "0"


class TestLimits:
    NAMES = (
        ("RLIMIT_NOFILE", "Max open files"),
        ("RLIMIT_NPROC", "Max processes"),
        ("RLIMIT_CORE", "Max core file size"),
        ("RLIMIT_FSIZE", "Max file size"),
        ("RLIMIT_MEMLOCK", "Max locked memory"),
        ("RLIMIT_CPU", "Max cpu time"),
    )

    def test_all_kinds(self, runtime: Runtime, bundle: BundleFactory) -> None:
        # RLIMIT_MEMLOCK is in bytes, all others are far below the host's.
        wanted = {name: (1000 + 2 * n, 1001 + 2 * n) for n, (name, _) in enumerate(self.NAMES)}
        rlimits = [
            {"type": name, "soft": soft, "hard": hard} for name, (soft, hard) in wanted.items()
        ]
        made = bundle(["cat", "/proc/self/limits"], process={"rlimits": rlimits})
        # Into a pipe, to which RLIMIT_FSIZE does not apply.
        running = runtime.foreground("run", "--bundle", made.path, runtime.new_id())
        lines = running.finish().ok().lines()
        for name, title in self.NAMES:
            (line,) = [line for line in lines if line.startswith(title)]
            soft, hard = line.removeprefix(title).split()[:2]
            assert (int(soft), int(hard)) == wanted[name], name

    @pytest.mark.parametrize(
        ("rlimit", "text"),
        [
            ({"type": "RLIMIT_NONSENSE", "soft": 1, "hard": 1}, "RLIMIT_NONSENSE"),
            ({"type": "RLIMIT_CORE", "soft": 2, "hard": 1}, ""),
        ],
        ids=["unknown", "soft-above-hard"],
    )
    def test_wrong_ones(
        self, runtime: Runtime, bundle: BundleFactory, rlimit: dict[str, Any], text: str
    ) -> None:
        made = bundle(["echo", "hello"], process={"rlimits": [rlimit]})
        result = runtime.run(made).refused(text)
        assert "hello" not in result.out


class TestScheduling:
    def test_oom_score_adjustment(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle(["cat", "/proc/self/oom_score_adj"], process={"oomScoreAdj": 321})
        assert runtime.run(made).ok().out == "321\n"

    def test_oom_score_adjustment_of_the_caller_by_default(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        own = Path("/proc/self/oom_score_adj").read_text()
        assert runtime.run(bundle(["cat", "/proc/self/oom_score_adj"])).ok().out == own

    @pytest.mark.runc_lacks("1.2", "ioPriority")
    @pytest.mark.parametrize(("name", "number"), [("IOPRIO_CLASS_BE", 2), ("IOPRIO_CLASS_IDLE", 3)])
    def test_io_priority(
        self, runtime: Runtime, bundle: BundleFactory, name: str, number: int
    ) -> None:
        made = bundle(
            ["probe", "io-priority"], process={"ioPriority": {"class": name, "priority": 4}}
        )
        assert runtime.run(made).ok().lines() == [f"class {number}", "level 4"]

    @pytest.mark.runc_lacks("1.2", "scheduler")
    @pytest.mark.parametrize(
        ("scheduler", "expected"),
        [
            ({"policy": "SCHED_OTHER", "nice": 7}, ["policy 0", "nice 7"]),
            ({"policy": "SCHED_BATCH", "nice": 3}, ["policy 3", "nice 3"]),
            ({"policy": "SCHED_IDLE"}, ["policy 5", "nice 0"]),
        ],
        ids=lambda value: str(value.get("policy")) if isinstance(value, dict) else "",
    )
    def test_scheduler(
        self,
        runtime: Runtime,
        bundle: BundleFactory,
        scheduler: dict[str, Any],
        expected: list[str],
    ) -> None:
        made = bundle(["probe", "scheduling"], process={"scheduler": scheduler})
        assert runtime.run(made).ok().lines()[:2] == expected

    @pytest.mark.runc_lacks("1.2", "scheduler")
    def test_deadline_scheduler(self, runtime: Runtime, bundle: BundleFactory) -> None:
        # The program must not fork, which the deadline policy forbids without reset-on-fork.
        scheduler = {
            "policy": "SCHED_DEADLINE",
            "runtime": 1_000_000,
            "deadline": 10_000_000,
            "period": 20_000_000,
        }
        made = bundle(["probe", "scheduling"], process={"scheduler": scheduler})
        lines = runtime.run(made).ok().lines()
        assert lines[0] == "policy 6"
        assert lines[4:] == ["runtime 1000000", "deadline 10000000", "period 20000000"]

    @pytest.mark.runc_lacks("1.3", "execCPUAffinity")
    def test_cpu_affinity_of_exec(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle(process={"execCPUAffinity": {"initial": "0-1", "final": "1"}})
        container = runtime.start(made)
        found = parse_status(container.exec(["cat", "/proc/self/status"]).ok().out)
        assert found["Cpus_allowed_list"] == "1"
        assert status(container.pid)["Cpus_allowed_list"] != "1"

    @pytest.mark.runc_lacks("1.2", "personality")
    def test_personality(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle(["uname", "-m"], linux={"personality": {"domain": "LINUX32"}})
        assert runtime.run(made).ok().out.strip() in ("i686", "armv8l")

    @pytest.mark.runc_lacks("1.4", "memoryPolicy")
    def test_memory_policy(self, runtime: Runtime, bundle: BundleFactory) -> None:
        policy = {"mode": "MPOL_BIND", "nodes": "0"}
        made = bundle(["probe", "memory-policy"], linux={"memoryPolicy": policy})
        assert runtime.run(made).ok().lines() == ["mode 2", "nodes 1"]


class TestCommand:
    def test_working_directory(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle(["pwd"], process={"cwd": "/home/tester"})
        assert runtime.run(made).ok().out == "/home/tester\n"

    def test_working_directory_that_does_not_exist_is_made(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        made = bundle(["pwd"], process={"cwd": "/new/deep"})
        assert runtime.run(made).ok().out == "/new/deep\n"

    def test_working_directory_that_only_its_owner_may_enter(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        made = bundle(["pwd"], process={"cwd": "/own", "user": {"uid": 1000, "gid": 1000}})
        (made.rootfs / "own").mkdir(mode=0o700)
        os.chown(made.rootfs / "own", 1000, 1000)
        assert runtime.run(made).ok().out == "/own\n"

    def test_arguments_with_all_characters(self, runtime: Runtime, bundle: BundleFactory) -> None:
        words = ["a b", "", "$x", "'\"\\", "ä€😀", "tab\tline\nend"]
        made = bundle(["probe-args", *words])
        script = made.rootfs / "bin/probe-args"
        script.write_text('#!/bin/sh\nprintf "%s|" "$@"\n')
        script.chmod(0o755)
        assert runtime.run(made).ok().out == "".join(f"{word}|" for word in words)

    def test_environment_with_all_characters(self, runtime: Runtime, bundle: BundleFactory) -> None:
        env = ["PATH=/bin", "EMPTY=", "EQUAL=a=b", "SPACE=a b", "UTF8=ä€😀", "HOME=/"]
        made = bundle("exec 3< /proc/self/environ; tr '\\0' '\\n' <&3; true", process={"env": env})
        lines = runtime.run(made).ok().lines()
        assert set(env) <= set(lines)

    def test_program_is_found_along_its_own_path(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        made = bundle(["tool"], process={"env": ["PATH=/none:/usr/own:/bin"]})
        (made.rootfs / "usr/own").mkdir()
        tool = made.rootfs / "usr/own/tool"
        tool.write_text("#!/bin/sh\necho own\n")
        tool.chmod(0o755)
        assert runtime.run(made).ok().out == "own\n"

    def test_program_relative_to_the_working_directory(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        made = bundle(["./tool"], process={"cwd": "/usr"})
        tool = made.rootfs / "usr/tool"
        tool.write_text("#!/bin/sh\necho own\n")
        tool.chmod(0o755)
        assert runtime.run(made).ok().out == "own\n"

    def test_home_is_found_in_the_containers_passwd(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        process = {"env": ["PATH=/bin"], "user": {"uid": 1000, "gid": 1000}}
        assert runtime.run(bundle("echo $HOME", process=process)).ok().out == "/home/tester\n"

    @pytest.mark.parametrize("name", ["no-such-program", "./none", "/none/program"])
    def test_program_that_does_not_exist(
        self, runtime: Runtime, bundle: BundleFactory, name: str
    ) -> None:
        result = runtime.run(bundle([name])).refused(name)
        assert result.status == 1

    def test_signals_are_at_their_defaults(self, runtime: Runtime, bundle: BundleFactory) -> None:
        ignoring = runtime.through("sh", "-c", 'trap "" HUP INT PIPE USR1; exec "$@"', "sh")
        made = bundle(["cat", "/proc/self/status"])
        found = parse_status(ignoring.run(made).ok().out)
        assert int(found["SigBlk"], 16) == 0
        assert int(found["SigIgn"], 16) == 0
