"""What tells about containers and about the runtime itself: list, ps, events, spec, features."""

from __future__ import annotations

import json
import os
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.integration.support.bundles import BundleFactory
from tests.integration.support.deadlines import eventually
from tests.integration.support.processes import children
from tests.integration.support.runtimes import Runtime, execute

pytestmark = pytest.mark.requires_root


class TestList:
    def test_of_nothing(self, runtime: Runtime) -> None:
        assert len(runtime("list").ok().lines()) <= 1
        assert runtime("list", "-q").ok().out == ""
        assert runtime("list", "--format", "json").ok().json() in (None, [])

    def test_table(self, runtime: Runtime, bundle: BundleFactory) -> None:
        container = runtime.start(bundle())
        header, row = runtime("list").ok().lines()
        assert header.split()[:5] == ["ID", "PID", "STATUS", "BUNDLE", "CREATED"]
        fields = row.split()
        assert fields[:4] == [
            container.id,
            str(container.pid),
            "running",
            str(container.bundle.path),
        ]

    def test_json(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle(annotations={"color": "blue"})
        container = runtime.create(made)
        (entry,) = runtime("list", "--format", "json").ok().json()
        assert entry["id"] == container.id
        assert entry["pid"] == container.pid
        assert entry["status"] == "created"
        assert entry["bundle"] == str(made.path)
        assert entry["annotations"] == {"color": "blue"}
        assert entry["ociVersion"].startswith("1.")
        age = datetime.now(UTC) - moment(entry["created"])
        assert timedelta(0) <= age < timedelta(minutes=1)

    def test_quiet(self, runtime: Runtime, bundle: BundleFactory) -> None:
        names = [runtime.create(bundle()).id for _ in range(3)]
        assert sorted(runtime("list", "--quiet").ok().lines()) == sorted(names)

    def test_states(self, runtime: Runtime, bundle: BundleFactory) -> None:
        created = runtime.create(bundle())
        running = runtime.start(bundle())
        paused = runtime.start(bundle())
        paused("pause").ok()
        stopped = runtime.start(bundle())
        stopped.stop()
        entries = runtime("list", "-f", "json").ok().json()
        assert {entry["id"]: entry["status"] for entry in entries} == {
            created.id: "created",
            running.id: "running",
            paused.id: "paused",
            stopped.id: "stopped",
        }
        (entry,) = [entry for entry in entries if entry["id"] == stopped.id]
        assert entry["pid"] == 0

    def test_unknown_format(self, runtime: Runtime) -> None:
        runtime("list", "--format", "xml").refused("format")

    def test_roots_are_separate(
        self, runtime: Runtime, bundle: BundleFactory, workspace: Path
    ) -> None:
        container = runtime.create(bundle())
        other = [runtime.program, "--root", workspace / "other"]
        assert execute([*map(str, other), "list", "-q"]).ok().out == ""
        execute([*map(str, other), "state", container.id]).refused("does not exist")


class TestPs:
    def test_table(self, runtime: Runtime, bundle: BundleFactory) -> None:
        container = runtime.start(bundle("sleep 1000 & exec probe wait"))
        assert container.out.line() == "ready"
        (child,) = children(container.pid)
        lines = container("ps").ok().lines()
        assert "PID" in lines[0].split()
        column = lines[0].split().index("PID")
        found = {int(line.split()[column]) for line in lines[1:]}
        assert found == {container.pid, child}

    def test_arguments_are_those_of_ps(self, runtime: Runtime, bundle: BundleFactory) -> None:
        container = runtime.start(bundle())
        result = runtime("ps", container.id, "-o", "pid,args").ok()
        assert [line.split()[0] for line in result.lines()] == ["PID", str(container.pid)]
        assert "probe wait" in result.out

    def test_json(self, runtime: Runtime, bundle: BundleFactory) -> None:
        container = runtime.start(bundle())
        assert runtime("ps", "--format", "json", container.id).ok().json() == [container.pid]


@pytest.mark.vm
class TestEvents:
    def test_stats(self, runtime: Runtime, bundle: BundleFactory) -> None:
        resources = {"memory": {"limit": 64 << 20}, "pids": {"limit": 20}}
        container = runtime.start(bundle(linux={"resources": resources}))
        assert container.out.line() == "ready"
        event = runtime("events", "--stats", container.id).ok().json()
        assert event["type"] == "stats"
        assert event["id"] == container.id
        data = event["data"]
        assert data["pids"]["current"] == 1
        assert data["pids"]["limit"] == 20
        assert data["memory"]["usage"]["limit"] == 64 << 20
        assert 0 < data["memory"]["usage"]["usage"] < 64 << 20
        assert data["cpu"]["usage"]["total"] > 0
        assert {"user", "kernel"} <= data["cpu"]["usage"].keys()
        assert "blkio" in data

    def test_every_so_often_until_the_container_is_deleted(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        container = runtime.start(bundle())
        running = runtime.foreground("events", "--interval", "100ms", container.id)
        for _ in range(3):
            event = json.loads(running.line())
            assert (event["type"], event["id"]) == ("stats", container.id)
        container("delete", "--force").ok()
        running.finish()

    def test_out_of_memory(self, runtime: Runtime, bundle: BundleFactory) -> None:
        resources = {"memory": {"limit": 16 << 20, "swap": 16 << 20}}
        made = bundle("read go; probe take-memory 67108864; exec probe wait")
        made.config["linux"]["resources"] = resources
        made.save()
        go_out, go_in = os.pipe()
        try:
            container = runtime.start(made, stdin=go_out)
            running = runtime.foreground("events", "--interval", "50ms", container.id)
            first = json.loads(running.line())
            assert first["type"] == "stats", "it is listening now"
            os.write(go_in, b"\n")
            while json.loads(running.line())["type"] != "oom":
                pass
            container("delete", "--force").ok()
            running.finish()
        finally:
            os.close(go_out)
            os.close(go_in)

    @pytest.mark.parametrize("interval", ["0s", "-1s", "nonsense"])
    def test_wrong_interval(self, runtime: Runtime, bundle: BundleFactory, interval: str) -> None:
        container = runtime.start(bundle())
        assert runtime("events", "--interval", interval, container.id).status != 0


class TestSpec:
    def test_is_written_to_the_bundle(self, runtime: Runtime, workspace: Path) -> None:
        runtime("spec", cwd=workspace).ok()
        config = json.loads((workspace / "config.json").read_text())
        assert config["process"]["args"] == ["sh"]
        assert config["process"]["terminal"] is True
        assert config["process"]["noNewPrivileges"] is True
        assert config["root"] == {"path": "rootfs", "readonly": True}
        assert {ns["type"] for ns in config["linux"]["namespaces"]} >= {
            "pid",
            "network",
            "ipc",
            "uts",
            "mount",
        }

    def test_other_directory(self, runtime: Runtime, workspace: Path) -> None:
        (workspace / "b").mkdir()
        runtime("spec", "--bundle", workspace / "b").ok()
        assert (workspace / "b/config.json").exists()

    def test_never_replaces_a_file(self, runtime: Runtime, workspace: Path) -> None:
        (workspace / "config.json").write_text("mine")
        runtime("spec", cwd=workspace).refused("config.json")
        assert (workspace / "config.json").read_text() == "mine"

    def test_runs_as_it_is(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle()
        (made.path / "config.json").unlink()
        runtime("spec", "--bundle", made.path).ok()
        made.config = json.loads((made.path / "config.json").read_text())
        made.config["process"]["terminal"] = False
        made.config["process"]["args"] = ["echo", "hello"]
        made.config["linux"]["cgroupsPath"] = f"/{runtime.new_id()}"
        made.save()
        assert runtime.run(made).ok().out == "hello\n"

    def test_rootless(self, runtime: Runtime, workspace: Path) -> None:
        runtime("spec", "--rootless", cwd=workspace).ok()
        config = json.loads((workspace / "config.json").read_text())
        linux = config["linux"]
        assert {"type": "user"} in linux["namespaces"]
        assert [ids["size"] for ids in linux["uidMappings"]] == [1]
        assert linux["uidMappings"][0]["hostID"] == os.geteuid()
        assert linux["gidMappings"][0]["hostID"] == os.getegid()
        assert "resources" not in linux
        assert not [ns for ns in linux["namespaces"] if ns["type"] == "network"]


class TestFeatures:
    def test_is_the_structure_of_the_specification(self, runtime: Runtime) -> None:
        features = runtime("features").ok().json()
        assert features["ociVersionMin"].startswith("1.0")
        assert features["ociVersionMax"].startswith("1.")
        assert set(features["hooks"]) == {
            "prestart",
            "createRuntime",
            "createContainer",
            "startContainer",
            "poststart",
            "poststop",
        }
        assert {"ro", "rw", "bind", "rbind", "rro", "rprivate"} <= set(features["mountOptions"])
        linux = features["linux"]
        assert {"mount", "pid", "network", "user", "uts", "ipc"} <= set(linux["namespaces"])
        assert {"CAP_SYS_ADMIN", "CAP_CHOWN"} <= set(linux["capabilities"])
        assert linux["cgroup"]["v1"] is True
        assert linux["cgroup"]["v2"] is True
        assert linux["seccomp"]["enabled"] is True
        assert {"SCMP_ACT_ERRNO", "SCMP_ACT_NOTIFY"} <= set(linux["seccomp"]["actions"])
        assert {"SCMP_CMP_EQ", "SCMP_CMP_MASKED_EQ"} <= set(linux["seccomp"]["operators"])
        assert "SCMP_ARCH_X86_64" in linux["seccomp"]["archs"]
        assert isinstance(linux["apparmor"]["enabled"], bool)
        assert isinstance(linux["selinux"]["enabled"], bool)

    @pytest.mark.runc_lacks("1.2", "most of it")
    def test_tells_what_came_later(self, runtime: Runtime) -> None:
        linux = runtime("features").ok().json()["linux"]
        assert linux["mountExtensions"]["idmap"]["enabled"] is True
        assert "time" in linux["namespaces"]

    def test_needs_no_root_directory(self, runtime: Runtime) -> None:
        runtime("features").ok()
        assert not runtime.root.exists()


class TestItself:
    def test_version(self, runtime: Runtime) -> None:
        lines = runtime("--version").ok().lines()
        # Engines read "NAME version X" and "spec: X".
        assert lines[0].split()[1] == "version"
        assert any(line.startswith("spec: 1.") for line in lines)

    def test_help(self, runtime: Runtime) -> None:
        result = runtime("--help").ok()
        for verb in ("create", "start", "state", "kill", "delete", "run", "exec", "update"):
            assert verb in result.out

    @pytest.mark.parametrize("verb", ["create", "exec", "update"])
    def test_help_of_a_verb(self, runtime: Runtime, verb: str) -> None:
        flag = {"create": "--console-socket", "exec": "--process", "update": "--cpu-quota"}
        assert flag[verb] in runtime(verb, "--help").ok().out


class TestRootDirectory:
    def test_is_made_for_its_owner_alone(self, runtime: Runtime, bundle: BundleFactory) -> None:
        runtime.create(bundle())
        assert runtime.root.stat().st_mode & 0o077 & ~0o011 == 0

    def test_may_lie_deep(self, runtime: Runtime, bundle: BundleFactory, workspace: Path) -> None:
        deep = workspace / "a/b/c"
        made = bundle(["echo", "hello"])
        command = [str(runtime.program), "--root", str(deep), "run", "--bundle", str(made.path)]
        assert execute([*command, runtime.new_id()]).ok().out == "hello\n"


def moment(text: str) -> datetime:
    """A time in RFC 3339 form, of which Go prints nanoseconds."""
    whole, _, fraction = text.removesuffix("Z").partition(".")
    digits = fraction[:6].ljust(6, "0") if fraction else "000000"
    return datetime.fromisoformat(f"{whole}.{digits}+00:00")


def test_interrupted_events_end(runtime: Runtime, bundle: BundleFactory) -> None:
    container = runtime.start(bundle())
    running = runtime.foreground("events", "--interval", "50ms", container.id)
    running.line()
    running.send(signal.SIGTERM)
    assert running.finish().status != 0
    eventually(lambda: container.status == "running", "the container to go on")
