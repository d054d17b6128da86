"""Hooks: all six kinds, what they are told, where they run, and what their failure does.

See: runtime-spec config.md#posix-platform-hooks, runtime.md#lifecycle.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.integration.support import cgroups
from tests.integration.support.bundles import Bundle, BundleFactory, Json
from tests.integration.support.deadlines import eventually, wait_exit
from tests.integration.support.processes import alive, namespace
from tests.integration.support.runtimes import Runtime

pytestmark = pytest.mark.requires_root

KINDS = (
    "prestart",
    "createRuntime",
    "createContainer",
    "startContainer",
    "poststart",
    "poststop",
)
AT_CREATE = ("prestart", "createRuntime", "createContainer")
RECORDED = ("mnt", "pid", "net", "user", "time")
"""The namespaces that hooks record."""
EARLY_POSTSTART = pytest.mark.runc_differs("1.1 runs poststart hooks at the end of create")
INSIDE = "/record"
"""Where hooks that run in the container find the directory of the records."""


@dataclass(frozen=True)
class Recorder:
    """Makes hooks that write down what they see, into one directory."""

    directory: Path

    def hook(self, kind: str, then: str = "", *, label: str = "", **fields: Any) -> Json:
        """A hook that records itself under `label` (its kind by default), then runs a script."""
        name = label or kind
        here = INSIDE if kind == "startContainer" else str(self.directory)
        script = (
            f"cd {here} || exit 98; cat > {name}.state; "
            # Not /proc/$$: that is another process where /proc is not the PID namespace's own.
            f"exec 3< /proc/self/environ; tr '\\0' '\\n' <&3 > {name}.env; "
            f"for ns in {' '.join(RECORDED)}; do readlink /proc/self/ns/$ns; done > {name}.ns; "
            f"echo {name} >> order; {then}"
        )
        hook: Json = {
            "path": "/bin/sh",
            "args": ["sh", "-c", script],
            "env": ["PATH=/usr/bin:/bin"],
        }
        return {**hook, **fields}

    @property
    def order(self) -> list[str]:
        """The labels of the hooks that ran, in the order in which they did."""
        path = self.directory / "order"
        return path.read_text().split() if path.exists() else []

    def state(self, label: str) -> Json:
        """The state that a hook was given."""
        state: Json = json.loads((self.directory / f"{label}.state").read_text())
        return state

    def text(self, label: str, what: str) -> list[str]:
        """The lines of a record: env, ns."""
        return (self.directory / f"{label}.{what}").read_text().splitlines()


@pytest.fixture
def recorder(workspace: Path) -> Recorder:
    """The records are seen by the container too."""
    directory = workspace / "record"
    directory.mkdir()
    return Recorder(directory)


def with_hooks(
    bundle: BundleFactory,
    recorder: Recorder,
    hooks: Json,
    command: str = "echo program >> /record/order; probe wait",
) -> Bundle:
    """A bundle that has the directory of the records inside."""
    mount = {
        "destination": INSIDE,
        "type": "bind",
        "source": str(recorder.directory),
        "options": ["bind", "rw"],
    }
    return bundle(command, mounts=[mount], hooks=hooks)


def all_kinds(recorder: Recorder) -> Json:
    """One recording hook of each kind."""
    return {kind: [recorder.hook(kind)] for kind in KINDS}


class TestOrder:
    def test_is_that_of_the_lifecycle(
        self, runtime: Runtime, bundle: BundleFactory, recorder: Recorder
    ) -> None:
        hooks = all_kinds(recorder)
        del hooks["poststart"]
        container = runtime.create(with_hooks(bundle, recorder, hooks))
        assert recorder.order == list(AT_CREATE)
        container.start()
        assert container.out.line() == "ready"
        assert recorder.order == [*AT_CREATE, "startContainer", "program"]
        container.stop()
        assert "poststop" not in recorder.order
        container.delete()
        assert recorder.order[-1] == "poststop"

    @EARLY_POSTSTART
    def test_poststart_runs_when_the_program_was_started(
        self, runtime: Runtime, bundle: BundleFactory, recorder: Recorder
    ) -> None:
        container = runtime.create(with_hooks(bundle, recorder, all_kinds(recorder)))
        assert recorder.order == list(AT_CREATE)
        container.start()
        assert recorder.order.index("startContainer") < recorder.order.index("poststart")
        assert recorder.state("poststart")["status"] == "running"

    def test_several_of_a_kind_run_one_after_the_other(
        self, runtime: Runtime, bundle: BundleFactory, recorder: Recorder
    ) -> None:
        hooks = {
            kind: [recorder.hook(kind, label=f"{kind}{n}") for n in (1, 2, 3)] for kind in KINDS
        }
        runtime.run(with_hooks(bundle, recorder, hooks, "true")).ok()
        for kind in KINDS:
            ran = [label for label in recorder.order if label.startswith(kind)]
            assert ran == [f"{kind}{n}" for n in (1, 2, 3)]

    def test_run_runs_all(
        self, runtime: Runtime, bundle: BundleFactory, recorder: Recorder
    ) -> None:
        runtime.run(with_hooks(bundle, recorder, all_kinds(recorder), "true")).ok()
        assert sorted(recorder.order) == sorted(KINDS)

    def test_forced_delete_runs_poststop(
        self, runtime: Runtime, bundle: BundleFactory, recorder: Recorder
    ) -> None:
        container = runtime.start(with_hooks(bundle, recorder, all_kinds(recorder)))
        container("delete", "--force").ok()
        assert recorder.order[-1] == "poststop"

    def test_poststop_finds_the_container_gone(
        self, runtime: Runtime, bundle: BundleFactory, recorder: Recorder
    ) -> None:
        pids = cgroups.hierarchies()[0].root
        made = with_hooks(bundle, recorder, {})
        path = pids / made.config["linux"]["cgroupsPath"].lstrip("/")
        then = f"test -d {path} && echo present > cgroup || echo gone > cgroup"
        made.config["hooks"] = {"poststop": [recorder.hook("poststop", then)]}
        made.save()
        container = runtime.start(made)
        assert path.exists()
        container.stop()
        container.delete()
        assert (recorder.directory / "cgroup").read_text() == "gone\n"


class TestWhatTheyAreGiven:
    STATUS = {  # noqa: RUF012 - the specification's table
        "prestart": {"creating", "created"},
        "createRuntime": {"creating", "created"},
        "createContainer": {"creating", "created"},
        "startContainer": {"created"},
        "poststart": {"running", "created"},  # runc 1.1, see EARLY_POSTSTART
        "poststop": {"stopped"},
    }

    def test_state(self, runtime: Runtime, bundle: BundleFactory, recorder: Recorder) -> None:
        made = with_hooks(bundle, recorder, all_kinds(recorder))
        made.config["annotations"] = {"color": "blue"}
        made.save()
        container = runtime.start(made)
        eventually(lambda: "poststart" in recorder.order, "the poststart hook")
        pid = container.pid
        container.stop()
        container.delete()
        for kind in KINDS:
            state = recorder.state(kind)
            assert state["ociVersion"].startswith("1."), kind
            assert state["id"] == container.id, kind
            assert state["bundle"] == str(made.path), kind
            assert state["annotations"] == {"color": "blue"}, kind
            assert state["status"] in self.STATUS[kind], kind
        for kind in ("prestart", "createRuntime", "poststart"):
            assert recorder.state(kind)["pid"] == pid, kind

    def test_environment_is_their_own(
        self, runtime: Runtime, bundle: BundleFactory, recorder: Recorder
    ) -> None:
        hooks = {kind: [recorder.hook(kind, env=["PATH=/usr/bin:/bin", "A=1"])] for kind in KINDS}
        made = with_hooks(bundle, recorder, hooks, "true")
        made.config["process"]["env"].append("LD_PRELOAD=/evil.so")
        made.save()
        runtime.run(made, env={"PATH": "/usr/bin:/bin", "SECRET": "1"}).ok()
        for kind in KINDS:
            assert sorted(recorder.text(kind, "env")) == ["A=1", "PATH=/usr/bin:/bin"], kind

    @pytest.mark.runc_differs("1.1 gives the runtime's environment, or even the container's")
    def test_environment_is_empty_without_one(
        self, runtime: Runtime, bundle: BundleFactory, recorder: Recorder
    ) -> None:
        hooks = all_kinds(recorder)
        for (hook,) in hooks.values():
            del hook["env"]
            hook["args"][2] = f"PATH=/usr/bin:/bin; {hook['args'][2]}"
        made = with_hooks(bundle, recorder, hooks, "true")
        made.config["process"]["env"].append("LD_PRELOAD=/evil.so")
        made.save()
        runtime.run(made, env={"PATH": "/usr/bin:/bin", "SECRET": "1"}).ok()
        for kind in KINDS:
            assert recorder.text(kind, "env") == [], kind

    def test_arguments_are_given_as_they_are(
        self, runtime: Runtime, bundle: BundleFactory, workspace: Path
    ) -> None:
        script = workspace / "hook"
        script.write_text(f'#!/bin/sh\nprintf "%s|" "$@" > {workspace}/args\n')
        script.chmod(0o755)
        hook = {"path": str(script), "args": ["name", "a b", "", "$HOME", "*"]}
        runtime.run(bundle(["true"], hooks={"createRuntime": [hook]})).ok()
        assert (workspace / "args").read_text() == "a b||$HOME|*|"

    def test_no_arguments(self, runtime: Runtime, bundle: BundleFactory, workspace: Path) -> None:
        script = workspace / "hook"
        script.write_text(f"#!/bin/sh\necho $# > {workspace}/count\n")
        script.chmod(0o755)
        runtime.run(bundle(["true"], hooks={"createRuntime": [{"path": str(script)}]})).ok()
        assert (workspace / "count").read_text() == "0\n"

    def test_output_does_not_mix_with_the_containers(
        self, runtime: Runtime, bundle: BundleFactory, recorder: Recorder
    ) -> None:
        hooks = {kind: [recorder.hook(kind, "echo noise")] for kind in KINDS}
        result = runtime.run(with_hooks(bundle, recorder, hooks, "echo program")).ok()
        assert result.out == "program\n"


class TestWhereTheyRun:
    def test_namespaces(self, runtime: Runtime, bundle: BundleFactory, recorder: Recorder) -> None:
        container = runtime.start(with_hooks(bundle, recorder, all_kinds(recorder)))
        eventually(lambda: "poststart" in recorder.order, "the poststart hook")
        inside = [namespace(container.pid, kind) for kind in RECORDED]
        container.stop()
        container.delete()
        for kind in ("prestart", "createRuntime", "poststart", "poststop"):
            assert recorder.text(kind, "ns") == self.own(), kind
        assert recorder.text("startContainer", "ns") == inside
        # createContainer: in the container's namespaces, before its root is entered.
        found = recorder.text("createContainer", "ns")
        assert found[0] == inside[0], "mount namespace"
        assert found[2] == inside[2], "network namespace"

    @pytest.mark.parametrize(
        "kind", ["pid", pytest.param("time", marks=pytest.mark.runc_lacks("1.2", "it"))]
    )
    def test_joined_namespaces_are_not_the_hooks(
        self, runtime: Runtime, bundle: BundleFactory, recorder: Recorder, kind: str
    ) -> None:
        """A runtime that joins a namespace has its children in it, and hooks are children."""
        first = runtime.start(bundle(namespaces={"time": None} if kind == "time" else {}))
        hooks = {name: [recorder.hook(name)] for name in ("prestart", "createRuntime", "poststart")}
        made = with_hooks(bundle, recorder, hooks)
        spaces = [ns for ns in made.config["linux"]["namespaces"] if ns["type"] != kind]
        spaces.append({"type": kind, "path": f"/proc/{first.pid}/ns/{kind}"})
        made.config["linux"]["namespaces"] = spaces
        made.save()
        second = runtime.start(made)
        assert namespace(first.pid, kind) == namespace(second.pid, kind)
        for name in hooks:
            assert recorder.text(name, "ns") == self.own(), name
            assert recorder.state(name)["pid"] == second.pid, name

    @pytest.mark.runc_lacks("1.2", "time namespaces")
    def test_new_clocks_are_not_the_hooks(
        self, runtime: Runtime, bundle: BundleFactory, recorder: Recorder
    ) -> None:
        hooks = {name: [recorder.hook(name)] for name in ("prestart", "createRuntime", "poststart")}
        made = with_hooks(bundle, recorder, hooks)
        made.config["linux"]["namespaces"].append({"type": "time"})
        made.config["linux"]["timeOffsets"] = {"monotonic": {"secs": 86_400}}
        made.save()
        runtime.start(made)
        for name in hooks:
            assert recorder.text(name, "ns") == self.own(), name

    @staticmethod
    def own() -> list[str]:
        """The namespaces of the test itself, as the hooks record theirs."""
        return [namespace("self", kind) for kind in RECORDED]

    def test_create_container_hooks_can_still_mount_into_the_root(
        self, runtime: Runtime, bundle: BundleFactory, workspace: Path
    ) -> None:
        source = workspace / "source"
        source.write_text("from the hook\n")
        made = bundle(["cat", "/file"])
        target = made.rootfs / "file"
        target.touch()
        script = f"busybox mount --bind {source} {target}"
        hook = {"path": "/bin/sh", "args": ["sh", "-c", script], "env": ["PATH=/usr/bin:/bin"]}
        made.config["hooks"] = {"createContainer": [hook]}
        made.save()
        assert runtime.run(made).ok().out == "from the hook\n"
        assert target.read_text() == ""

    def test_create_runtime_hooks_can_use_the_network_namespace(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        script = (
            "pid=$(sed 's/.*\"pid\": *\\([0-9]*\\).*/\\1/'); nsenter -t $pid -n ip link set lo up"
        )
        hook = {
            "path": "/bin/sh",
            "args": ["sh", "-c", script],
            "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
        }
        made = bundle(["cat", "/sys/class/net/lo/flags"], hooks={"createRuntime": [hook]})
        assert int(runtime.run(made).ok().out, 16) & 1, "lo is up"

    @pytest.mark.runc_differs("1.1 is in the root file system already at createContainer")
    def test_working_directory_is_not_the_root_file_system(
        self, runtime: Runtime, bundle: BundleFactory, recorder: Recorder
    ) -> None:
        hooks = all_kinds(recorder)
        for kind, (hook,) in hooks.items():
            here = INSIDE if kind == "startContainer" else recorder.directory
            hook["args"] = ["sh", "-c", f"readlink /proc/self/cwd > {here}/{kind}.pwd"]
        made = with_hooks(bundle, recorder, hooks, "true")
        runtime.run(made).ok()
        for kind in set(KINDS) - {"startContainer"}:
            (place,) = recorder.text(kind, "pwd")
            assert not place.startswith(str(made.rootfs)), kind


class TestFailure:
    @pytest.mark.parametrize("kind", AT_CREATE)
    def test_at_create_undoes_it(
        self, runtime: Runtime, bundle: BundleFactory, recorder: Recorder, kind: str
    ) -> None:
        hooks = all_kinds(recorder)
        hooks[kind] = [recorder.hook(kind, "echo complaint >&2; exit 3"), recorder.hook(kind)]
        made = with_hooks(bundle, recorder, hooks)
        runtime.attempt("create", made).refused("hook")
        assert runtime.ids() == []
        ran = AT_CREATE[: AT_CREATE.index(kind) + 1]
        assert recorder.order == [*ran, "poststop"]
        for hierarchy in cgroups.hierarchies():
            path = hierarchy.root / made.config["linux"]["cgroupsPath"].lstrip("/")
            assert not path.exists()

    def test_message_names_the_kind_and_what_the_hook_said(
        self, runtime: Runtime, bundle: BundleFactory, recorder: Recorder
    ) -> None:
        hooks = {"createRuntime": [recorder.hook("createRuntime", "echo complaint >&2; exit 3")]}
        result = runtime.attempt("create", with_hooks(bundle, recorder, hooks)).refused()
        assert "hook" in result.err
        assert "3" in result.err

    @pytest.mark.parametrize("kind", AT_CREATE)
    def test_program_that_does_not_exist(
        self, runtime: Runtime, bundle: BundleFactory, kind: str
    ) -> None:
        made = bundle(hooks={kind: [{"path": "/no/such/hook"}]})
        runtime.attempt("create", made).refused("/no/such/hook")
        assert runtime.ids() == []

    def test_of_start_container_never_runs_the_program(
        self, runtime: Runtime, bundle: BundleFactory, recorder: Recorder
    ) -> None:
        hooks = all_kinds(recorder)
        hooks["startContainer"] = [recorder.hook("startContainer", "exit 3")]
        container = runtime.create(with_hooks(bundle, recorder, hooks))
        pid = container.pid
        container("start")
        wait_exit(pid)
        assert "program" not in recorder.order
        container("delete", "--force").ok()
        assert recorder.order[-1] == "poststop"

    @pytest.mark.runc_differs("its `start` is over before the hooks run")
    def test_of_start_container_is_an_error(
        self, runtime: Runtime, bundle: BundleFactory, recorder: Recorder
    ) -> None:
        hooks = {"startContainer": [recorder.hook("startContainer", "exit 3")]}
        container = runtime.create(with_hooks(bundle, recorder, hooks))
        container("start").refused("hook")

    def test_of_start_container_makes_run_fail(
        self, runtime: Runtime, bundle: BundleFactory, recorder: Recorder
    ) -> None:
        hooks = {"startContainer": [recorder.hook("startContainer", "exit 3")]}
        made = with_hooks(bundle, recorder, hooks)
        assert runtime.run(made).status != 0
        assert runtime.ids() == []
        assert recorder.order == ["startContainer"]

    @EARLY_POSTSTART
    def test_of_poststart_stops_the_container(
        self, runtime: Runtime, bundle: BundleFactory, recorder: Recorder
    ) -> None:
        hooks = all_kinds(recorder)
        hooks["poststart"] = [recorder.hook("poststart", "exit 3")]
        container = runtime.create(with_hooks(bundle, recorder, hooks))
        pid = container.pid
        container("start").refused("hook")
        wait_exit(pid)
        container("delete", "--force").ok()
        assert recorder.order[-1] == "poststop"

    def test_of_poststop_stops_nothing(
        self, runtime: Runtime, bundle: BundleFactory, recorder: Recorder
    ) -> None:
        hooks = {
            "poststop": [
                recorder.hook("poststop", "exit 3", label="first"),
                recorder.hook("poststop", label="second"),
            ]
        }
        container = runtime.start(with_hooks(bundle, recorder, hooks))
        container.stop()
        container("delete")
        container("state").refused("does not exist")
        assert recorder.order[-2:] == ["first", "second"] or recorder.order[-1] == "first"

    @pytest.mark.runc_differs("1.1 leaves out the hooks after the one that failed")
    def test_of_poststop_does_not_keep_the_others_from_running(
        self, runtime: Runtime, bundle: BundleFactory, recorder: Recorder
    ) -> None:
        hooks = {
            "poststop": [
                recorder.hook("poststop", "exit 3", label="first"),
                recorder.hook("poststop", label="second"),
            ]
        }
        container = runtime.start(with_hooks(bundle, recorder, hooks, "probe wait"))
        container.stop()
        container.delete()
        assert recorder.order == ["first", "second"]

    def test_after_a_failed_create_poststop_runs(
        self, runtime: Runtime, bundle: BundleFactory, recorder: Recorder
    ) -> None:
        made = with_hooks(bundle, recorder, {"poststop": [recorder.hook("poststop")]})
        made.config["hooks"]["createRuntime"] = [recorder.hook("createRuntime", "kill -9 $$")]
        made.save()
        runtime.attempt("create", made).refused("hook")
        assert recorder.order == ["createRuntime", "poststop"]


class TestTimeout:
    @pytest.mark.parametrize("kind", ["createRuntime", "createContainer"])
    def test_ends_the_hook_and_fails(
        self, runtime: Runtime, bundle: BundleFactory, recorder: Recorder, kind: str
    ) -> None:
        hook = recorder.hook(kind, "echo $$ > pid; exec sleep 1000", timeout=1)
        # In a PID namespace of its own, $$ would not be the host's number.
        made = with_hooks(bundle, recorder, {kind: [hook]})
        made.config["linux"]["namespaces"].remove({"type": "pid"})
        made.save()
        runtime.attempt("create", made).refused("hook")
        assert not alive(int((recorder.directory / "pid").read_text()))
        assert runtime.ids() == []

    def test_is_not_reached_by_a_quick_hook(
        self, runtime: Runtime, bundle: BundleFactory, recorder: Recorder
    ) -> None:
        hooks = {kind: [recorder.hook(kind, timeout=20)] for kind in KINDS}
        runtime.run(with_hooks(bundle, recorder, hooks, "true")).ok()
        assert sorted(recorder.order) == sorted(KINDS)


@pytest.mark.parametrize("kind", ["createRuntime", "startContainer", "poststop"])
def test_relative_paths_are_refused(runtime: Runtime, bundle: BundleFactory, kind: str) -> None:
    made = bundle(["echo", "hello"], hooks={kind: [{"path": "bin/sh"}]})
    assert "hello" not in runtime.run(made).out or kind == "poststop"
