"""--log, --log-format, --debug: where errors go, and in which form engines read them."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest

from tests.integration.support.bundles import BundleFactory, Json
from tests.integration.support.runtimes import Runtime

pytestmark = pytest.mark.requires_root


def entries(path: Path) -> list[Json]:
    """The lines of a log in JSON form."""
    return [json.loads(line) for line in path.read_text().splitlines()]


class TestJson:
    def test_error(self, runtime: Runtime, workspace: Path) -> None:
        log = workspace / "log"
        result = runtime("--log", log, "--log-format", "json", "state", "none").refused()
        (entry,) = entries(log)
        assert entry["level"] == "error"
        assert "does not exist" in entry["msg"]
        assert datetime.fromisoformat(entry["time"]).tzinfo is not None
        assert "does not exist" in result.err, "people see it too"

    def test_failed_start(self, runtime: Runtime, bundle: BundleFactory, workspace: Path) -> None:
        # containerd's shim and conmon take the last message of level error.
        log = workspace / "log"
        runtime.run(
            bundle(["no-such-program"]), before=["--log", str(log), "--log-format", "json"]
        ).refused()
        errors = [entry["msg"] for entry in entries(log) if entry["level"] == "error"]
        assert "executable file not found in $PATH" in errors[-1]

    def test_failed_exec(self, runtime: Runtime, bundle: BundleFactory, workspace: Path) -> None:
        log = workspace / "log"
        container = runtime.start(bundle())
        runtime(
            "--log", log, "--log-format", "json", "exec", container.id, "no-such-program"
        ).refused()
        assert "no-such-program" in entries(log)[-1]["msg"]

    def test_is_added_to(self, runtime: Runtime, workspace: Path) -> None:
        log = workspace / "log"
        for _ in range(2):
            runtime("--log", log, "--log-format", "json", "state", "none").refused()
        assert len(entries(log)) == 2

    def test_difficult_characters(self, runtime: Runtime, workspace: Path) -> None:
        log = workspace / "log"
        runtime(
            "--log", log, "--log-format", "json", "create", "--bundle", workspace / 'a"b\n', "x"
        ).refused()
        assert len(entries(log)) == 1

    def test_success_is_silent(
        self, runtime: Runtime, bundle: BundleFactory, workspace: Path
    ) -> None:
        log = workspace / "log"
        runtime.run(bundle(["true"]), before=["--log", str(log), "--log-format", "json"]).ok()
        assert not log.exists() or log.read_text() == ""


class TestText:
    def test_error(self, runtime: Runtime, workspace: Path) -> None:
        log = workspace / "log"
        runtime("--log", log, "state", "none").refused()
        (line,) = log.read_text().splitlines()
        assert "level=error" in line
        assert "does not exist" in line

    def test_without_a_file(self, runtime: Runtime) -> None:
        result = runtime("state", "none").refused("does not exist")
        assert len(result.err.splitlines()) == 1

    def test_unknown_format(self, runtime: Runtime, workspace: Path) -> None:
        runtime("--log-format", "xml", "list").refused("format")

    def test_file_that_cannot_be_written(self, runtime: Runtime, workspace: Path) -> None:
        runtime("--log", workspace / "none/log", "list").refused("none/log")


class TestDebug:
    def test_tells_more(self, runtime: Runtime, bundle: BundleFactory, workspace: Path) -> None:
        log = workspace / "log"
        before = ["--debug", "--log", str(log), "--log-format", "json"]
        result = runtime.run(bundle(["echo", "hello"]), before=before).ok()
        assert result.out == "hello\n"
        assert "debug" in {entry["level"] for entry in entries(log)}

    def test_goes_to_standard_error_without_a_file(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        result = runtime.run(bundle(["echo", "hello"]), before=["--debug"]).ok()
        assert result.out == "hello\n"
        assert "debug" in result.err


class TestGlobalFlags:
    def test_systemd_cgroup_is_not_pretended(self, runtime: Runtime, bundle: BundleFactory) -> None:
        if Path("/run/systemd/system").exists():
            pytest.skip("systemd is running")
        made = bundle(["echo", "hello"])
        made.config["linux"]["cgroupsPath"] = "system.slice:orlop:name"
        made.save()
        assert "hello" not in runtime.run(made, before=["--systemd-cgroup"]).refused("systemd").out

    @pytest.mark.parametrize("value", ["true", "false", "auto"])
    def test_rootless(self, runtime: Runtime, bundle: BundleFactory, value: str) -> None:
        made = bundle(["echo", "hello"])
        assert runtime.run(made, before=["--rootless", value]).ok().out == "hello\n"

    def test_equal_signs_and_spaces_are_the_same(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        made = bundle(["echo", "hello"])
        command = [f"--root={runtime.root}", "run", f"--bundle={made.path}", runtime.new_id()]
        assert runtime(*command).ok().out == "hello\n"

    def test_short_flags(self, runtime: Runtime, bundle: BundleFactory) -> None:
        made = bundle(["echo", "hello"])
        assert runtime("run", "-b", made.path, runtime.new_id()).ok().out == "hello\n"
