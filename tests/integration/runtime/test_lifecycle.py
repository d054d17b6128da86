"""create, start, state, kill, delete: the states of a container and what each allows.

See: runtime-spec runtime.md#lifecycle, #operations.
"""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.integration.support import cgroups
from tests.integration.support.bundles import BundleFactory
from tests.integration.support.deadlines import eventually, wait_exit
from tests.integration.support.processes import alive, children
from tests.integration.support.runtimes import Container, Runtime

pytestmark = pytest.mark.requires_root


def cgroup_directories(container: Container) -> list[Path]:
    """The directories that exist for the container's cgroup."""
    return [
        path
        for hierarchy in cgroups.hierarchies()
        if (path := hierarchy.root / container.cgroups_path.lstrip("/")).exists()
    ]


class TestStates:
    def test_created_waits_with_its_program_not_started(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        made = bundle("touch /started; echo started; probe wait")
        container = runtime.create(made)
        state = container.state()
        assert state.status == "created"
        assert state.pid > 0
        assert alive(state.pid)
        assert not (made.rootfs / "started").exists()
        container.start()
        assert container.out.line() == "started"

    def test_created_then_running_then_stopped(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        container = runtime.create(bundle())
        pid = container.pid
        container.start()
        assert container.out.line() == "ready"
        assert container.status == "running"
        assert container.pid == pid, "the process that was created is not the one that runs"
        container("kill").ok()
        wait_exit(pid)
        assert container.status == "stopped"

    def test_state_has_the_fields_of_the_specification(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        made = bundle(annotations={"org.example.color": "blue", "empty": ""})
        container = runtime.create(made)
        answer = container("state").ok().json()
        assert answer["ociVersion"].startswith("1.")
        assert answer["id"] == container.id
        assert answer["status"] == "created"
        assert isinstance(answer["pid"], int)
        assert answer["bundle"] == str(made.path)
        assert answer["annotations"] == {"org.example.color": "blue", "empty": ""}

    def test_stopped_has_no_pid(self, runtime: Runtime, bundle: BundleFactory) -> None:
        container = runtime.start(bundle(["true"]))
        eventually(lambda: container.status == "stopped", "the container to stop")
        assert container.state().pid == 0

    def test_state_of_a_container_whose_process_was_killed_from_outside(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        container = runtime.start(bundle())
        container.stop()
        assert container.status == "stopped"
        container.delete()

    def test_bundle_path_is_absolute_also_if_given_relatively(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        made = bundle()
        name = runtime.new_id()
        runtime("create", "--bundle", made.path.name, name, cwd=made.path.parent).ok()
        assert runtime("state", name).ok().json()["bundle"] == str(made.path)

    def test_bundle_is_the_working_directory_by_default(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        made = bundle(["echo", "hello"])
        assert runtime("run", runtime.new_id(), cwd=made.path).ok().out == "hello\n"

    def test_later_changes_of_config_json_do_not_matter(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        made = bundle(["echo", "first"])
        container = runtime.create(made)
        made.config["process"]["args"] = ["echo", "second"]
        made.save()
        container.start()
        assert container.out.line() == "first"

    def test_later_loss_of_the_bundle_does_not_matter(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        made = bundle()
        container = runtime.start(made)
        (made.path / "config.json").unlink()
        assert container.status == "running"
        container.stop()
        container.delete()


class TestWrongState:
    def test_start_of_a_running_container(self, runtime: Runtime, bundle: BundleFactory) -> None:
        container = runtime.start(bundle())
        container("start").refused()
        assert container.status == "running"

    def test_start_of_a_stopped_container(self, runtime: Runtime, bundle: BundleFactory) -> None:
        container = runtime.start(bundle())
        container.stop()
        container("start").refused()
        assert container.status == "stopped"

    def test_delete_of_a_running_container(self, runtime: Runtime, bundle: BundleFactory) -> None:
        container = runtime.start(bundle())
        container("delete").refused(container.id)
        assert container.status == "running"
        assert alive(container.pid)

    def test_delete_of_a_created_container_is_all_or_nothing(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        # The specification wants a refusal; runc deletes it. Engines use --force.
        container = runtime.create(bundle())
        pid = container.pid
        if container("delete").status == 0:
            container("state").refused()
            assert not alive(pid)
        else:
            assert container.status == "created"
            assert alive(pid)

    def test_kill_of_a_stopped_container(self, runtime: Runtime, bundle: BundleFactory) -> None:
        container = runtime.start(bundle())
        container.stop()
        container("kill", "TERM").refused()

    @pytest.mark.parametrize("verb", ["exec", "pause", "ps"])
    def test_other_verbs_on_a_stopped_container(
        self, runtime: Runtime, bundle: BundleFactory, verb: str
    ) -> None:
        container = runtime.start(bundle())
        container.stop()
        # `ps` of a container without processes may be an empty table.
        result = container(verb, *(["true"] if verb == "exec" else []))
        if verb == "ps" and result.status == 0:
            assert len(result.lines()) <= 1
        else:
            result.refused()
        assert container.status == "stopped"

    def test_exec_in_a_created_container(self, runtime: Runtime, bundle: BundleFactory) -> None:
        # Both are found in the field: runc allows it, others refuse. Nothing must break.
        container = runtime.create(bundle())
        container.exec(["true"])
        assert container.status == "created"
        container.start()
        assert container.out.line() == "ready"

    @pytest.mark.parametrize(
        "verb", ["delete", "events", "exec", "kill", "pause", "ps", "resume", "start", "state"]
    )
    def test_verbs_on_what_does_not_exist(self, runtime: Runtime, verb: str) -> None:
        extra = {"exec": ["true"], "kill": ["TERM"]}.get(verb, [])
        result = runtime(verb, "no-such-container", *extra).refused("does not exist")
        # `exec` has 1 to 254 for the program's own status.
        assert result.status == (255 if verb == "exec" else 1)
        assert not result.out

    def test_delete_twice(self, runtime: Runtime, bundle: BundleFactory) -> None:
        container = runtime.start(bundle())
        container.stop()
        container.delete()
        container("delete").refused("does not exist")


class TestIds:
    @pytest.mark.parametrize("name", ["a_b", "a-b", "a.b", "a+b", "A9", "9", "x" * 100])
    def test_accepted(self, runtime: Runtime, bundle: BundleFactory, name: str) -> None:
        made = bundle(["echo", "hello"])
        assert runtime("run", "--bundle", made.path, name).ok().out == "hello\n"

    @pytest.mark.parametrize(
        "name", ["", ".", "..", "a/b", "../a", "/a", "a b", "a\nb", "a*", "a:b", "ä", "$(a)"]
    )
    def test_refused(self, runtime: Runtime, bundle: BundleFactory, name: str) -> None:
        made = bundle(["echo", "hello"])
        runtime("run", "--bundle", made.path, name).refused()
        runtime("state", name).refused()
        runtime("delete", "--force", name)
        assert made.rootfs.exists()
        assert not runtime.root.exists() or runtime.ids() == []

    def test_missing(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle(["echo", "hello"])
        result = runtime("run", "--bundle", made.path)
        assert result.status != 0
        assert "hello" not in result.out

    def test_taken(self, runtime: Runtime, bundle: BundleFactory) -> None:
        container = runtime.start(bundle())
        second = bundle(["echo", "hello"])
        runtime("run", "--bundle", second.path, container.id).refused("exist")
        runtime("create", "--bundle", second.path, container.id).refused("exist")
        assert container.status == "running"
        assert alive(container.pid)

    def test_taken_by_a_stopped_container(self, runtime: Runtime, bundle: BundleFactory) -> None:
        container = runtime.start(bundle())
        container.stop()
        runtime("create", "--bundle", bundle().path, container.id).refused("exist")
        assert container.status == "stopped"

    def test_free_again_after_delete(self, runtime: Runtime, bundle: BundleFactory) -> None:
        container = runtime.start(bundle())
        container.stop()
        container.delete()
        again = runtime("run", "--bundle", bundle(["echo", "again"]).path, container.id)
        assert again.ok().out == "again\n"

    @pytest.mark.runc_differs("1.1 may let both fail")
    def test_two_creates_at_once_make_one_container(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        name = runtime.new_id()
        paths = [bundle().path, bundle().path]
        with ThreadPoolExecutor(2) as pool:
            results = list(pool.map(lambda path: runtime("create", "--bundle", path, name), paths))
        assert sorted(result.status for result in results) == [0, 1], results
        assert runtime.ids() == [name]
        winner = paths[[result.status for result in results].index(0)]
        assert runtime("state", name).ok().json()["bundle"] == str(winner)


class TestPidFile:
    def test_create_writes_it(
        self, runtime: Runtime, bundle: BundleFactory, workspace: Path
    ) -> None:
        file = workspace / "pid"
        container = runtime.create(bundle(), "--pid-file", file)
        assert file.read_text() == str(container.pid)

    def test_relative_to_the_working_directory(
        self, runtime: Runtime, bundle: BundleFactory, workspace: Path
    ) -> None:
        container = runtime.create(bundle(), "--pid-file", "pid", cwd=workspace)
        assert (workspace / "pid").read_text() == str(container.pid)

    def test_replaces_what_was_there(
        self, runtime: Runtime, bundle: BundleFactory, workspace: Path
    ) -> None:
        file = workspace / "pid"
        file.write_text("123456789 and more")
        container = runtime.create(bundle(), "--pid-file", file)
        assert file.read_text() == str(container.pid)

    def test_that_cannot_be_written_undoes_the_create(
        self, runtime: Runtime, bundle: BundleFactory, workspace: Path
    ) -> None:
        made = bundle()
        runtime.attempt("create", made, "--pid-file", workspace / "none/pid").refused("none/")
        assert runtime.ids() == []


@pytest.mark.vm
class TestKill:
    @pytest.mark.parametrize("name", ["USR1", "SIGUSR1", "10", "usr1", "sigusr1"])
    def test_names_of_signals(self, runtime: Runtime, bundle: BundleFactory, name: str) -> None:
        container = runtime.start(bundle())
        assert container.out.line() == "ready"
        container("kill", name).ok()
        assert container.out.line() == f"signal {signal.SIGUSR1:d}"

    def test_default_is_term(self, runtime: Runtime, bundle: BundleFactory) -> None:
        container = runtime.start(bundle())
        assert container.out.line() == "ready"
        container("kill").ok()
        assert container.out.line() == f"signal {signal.SIGTERM:d}"

    def test_real_time_signals(self, runtime: Runtime, bundle: BundleFactory) -> None:
        container = runtime.start(bundle())
        assert container.out.line() == "ready"
        container("kill", "37").ok()
        assert container.out.line() == "signal 37"

    @pytest.mark.parametrize("name", ["NONSENSE", "SIG", "99999", "-x", "65"])
    def test_unknown_signals(self, runtime: Runtime, bundle: BundleFactory, name: str) -> None:
        container = runtime.start(bundle())
        runtime("kill", container.id, name).refused()
        assert container.status == "running"

    def test_of_a_created_container(self, runtime: Runtime, bundle: BundleFactory) -> None:
        container = runtime.create(bundle())
        pid = container.pid
        container("kill", "KILL").ok()
        wait_exit(pid)
        assert container.status == "stopped"
        container("start").refused()
        container.delete()

    def test_reaches_only_the_first_process(self, runtime: Runtime, bundle: BundleFactory) -> None:
        container = runtime.start(bundle("sleep 1000 & exec probe wait"))
        assert container.out.line() == "ready"
        (child,) = children(container.pid)
        container("kill", "USR1").ok()
        assert container.out.line() == f"signal {signal.SIGUSR1:d}"
        assert alive(child)

    def test_all_reaches_every_process(self, runtime: Runtime, bundle: BundleFactory) -> None:
        container = runtime.start(bundle("sleep 1000 & exec probe wait"))
        assert container.out.line() == "ready"
        (child,) = children(container.pid)
        container("kill", "--all", "USR1").ok()
        assert container.out.line() == f"signal {signal.SIGUSR1:d}"
        wait_exit(child)

    def test_all_ends_a_container_without_a_pid_namespace(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        made = bundle("sleep 1000 & echo $!; wait")
        made.config["linux"]["namespaces"].remove({"type": "pid"})
        made.save()
        container = runtime.start(made)
        child = int(container.out.line())
        init = container.pid
        assert alive(child)
        container("kill", "--all", "KILL").ok()
        wait_exit(child)
        wait_exit(init)

    def test_children_end_with_the_first_process(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        container = runtime.start(bundle("sleep 1000 & exec probe wait"))
        assert container.out.line() == "ready"
        (child,) = children(container.pid)
        container.stop()
        wait_exit(child)


@pytest.mark.vm
class TestDelete:
    def test_removes_state_and_cgroups(self, runtime: Runtime, bundle: BundleFactory) -> None:
        container = runtime.start(bundle())
        assert cgroup_directories(container)
        container.stop()
        container.delete()
        container("state").refused("does not exist")
        assert cgroup_directories(container) == []
        assert runtime.ids() == []

    def test_removes_cgroups_that_the_container_made_below_its_own(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        container = runtime.start(bundle())
        below = cgroups.directory(container.cgroups_path, "pids") / "below/deeper"
        below.mkdir(parents=True)
        container.stop()
        container.delete()
        assert cgroup_directories(container) == []

    def test_leaves_the_root_file_system(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle("echo kept > /file; probe wait")
        container = runtime.start(made)
        assert container.out.line() == "ready"
        container.stop()
        container.delete()
        assert (made.rootfs / "file").read_text() == "kept\n"
        assert (made.path / "config.json").exists()

    @pytest.mark.parametrize("state", ["created", "running", "paused", "stopped"])
    def test_force_in_any_state(self, runtime: Runtime, bundle: BundleFactory, state: str) -> None:
        container = runtime.create(bundle())
        pid = container.pid
        if state != "created":
            container.start()
        if state == "paused":
            container("pause").ok()
        if state == "stopped":
            container.stop()
        assert container.status == state
        container("delete", "--force").ok()
        wait_exit(pid)
        container("state").refused("does not exist")
        assert cgroup_directories(container) == []

    def test_force_of_what_does_not_exist_is_fine(self, runtime: Runtime) -> None:
        runtime("delete", "--force", "no-such-container").ok()

    def test_force_ends_a_container_without_a_pid_namespace(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        made = bundle("sleep 1000 & echo $!; wait")
        made.config["linux"]["namespaces"].remove({"type": "pid"})
        made.save()
        container = runtime.start(made)
        child = int(container.out.line())
        container("delete", "--force").ok()
        wait_exit(child)
        assert cgroup_directories(container) == []

    def test_after_the_end_ends_the_rest_of_a_container_without_a_pid_namespace(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        made = bundle("sleep 1000 & echo $!; exec probe wait")
        made.config["linux"]["namespaces"].remove({"type": "pid"})
        made.save()
        container = runtime.start(made)
        child = int(container.out.line())
        container.stop()
        container("delete", "--force").ok()
        wait_exit(child)
        assert cgroup_directories(container) == []

    def test_force_with_descendants_that_were_frozen_alone(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        container = runtime.start(bundle("sleep 1000 & exec probe wait"))
        assert container.out.line() == "ready"
        container("pause").ok()
        container("delete", "--force").ok()
        assert cgroup_directories(container) == []


class TestNothingIsLeft:
    def test_after_a_program_that_does_not_exist(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        made = bundle(["no-such-program"])
        result = runtime.run(made).refused("no-such-program")
        # dockerd and podman tell 127 from 125 by these words.
        assert "executable file not found in $PATH" in result.err
        assert runtime.ids() == []
        self.assert_no_cgroup(made.config["linux"]["cgroupsPath"])

    def test_after_a_program_that_is_not_executable(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        made = bundle(["/etc/passwd"])
        result = runtime.run(made).refused("/etc/passwd")
        assert "permission denied" in result.err.lower()
        assert runtime.ids() == []
        self.assert_no_cgroup(made.config["linux"]["cgroupsPath"])

    def test_after_a_mount_that_fails(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle(
            mounts=[{"destination": "/x", "type": "no-such-filesystem", "source": "none"}]
        )
        runtime.attempt("create", made).refused("/x")
        assert runtime.ids() == []
        self.assert_no_cgroup(made.config["linux"]["cgroupsPath"])

    def test_after_a_missing_bundle(self, runtime: Runtime, workspace: Path) -> None:
        name = runtime.new_id()
        result = runtime("create", "--bundle", workspace / "none", name).refused()
        assert result.status == 1
        runtime("state", name).refused("does not exist")

    def test_after_a_missing_config(self, runtime: Runtime, workspace: Path) -> None:
        runtime("create", "--bundle", workspace, runtime.new_id()).refused("config.json")

    @staticmethod
    def assert_no_cgroup(path: str) -> None:
        for hierarchy in cgroups.hierarchies():
            assert not (hierarchy.root / path.lstrip("/")).exists()
