"""Standard streams and other descriptors: what reaches the container, and nothing else."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from tests.integration.support.bundles import BundleFactory
from tests.integration.support.runtimes import Runtime

pytestmark = pytest.mark.requires_root


def opening(runtime: Runtime, where: Path, *numbers: int) -> Runtime:
    """The runtime, started with files open under these numbers; each contains its number."""
    redirections = []
    for number in numbers:
        path = where / f"file{number}"
        path.write_text(f"this is {number}\n")
        redirections.append(f"{number}<{path}")
    return runtime.through("bash", "-c", f'exec "$@" {" ".join(redirections)}', "bash")


class TestStreams:
    def test_output_and_errors_are_separate(self, runtime: Runtime, bundle: BundleFactory) -> None:
        result = runtime.run(bundle("echo out; echo err >&2")).ok()
        assert (result.out, result.err) == ("out\n", "err\n")

    def test_input(self, runtime: Runtime, bundle: BundleFactory) -> None:
        text = "line\n" * 50_000
        assert runtime.run(bundle("wc -c"), stdin=text).ok().out.strip() == str(len(text))

    def test_end_of_input(self, runtime: Runtime, bundle: BundleFactory) -> None:
        assert runtime.run(bundle("cat; echo end")).ok().out == "end\n"

    def test_much_output(self, runtime: Runtime, bundle: BundleFactory) -> None:
        running = runtime.foreground("run", "--bundle", bundle("seq 200000").path, runtime.new_id())
        result = running.finish().ok()
        assert result.lines()[-1] == "200000"
        assert len(result.lines()) == 200_000

    def test_streams_of_a_detached_container_are_the_callers_own(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        # No copying process in between: the inode of the pipe is the same.
        container = runtime.start(bundle(["readlink", "/proc/self/fd/1"]))
        inode = os.fstat(container.out.fd).st_ino
        assert container.out.line() == f"pipe:[{inode}]"

    def test_user_of_the_container_can_reopen_them(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        made = bundle(
            "echo out > /dev/stdout",
            process={"user": {"uid": 1000, "gid": 1000}},
        )
        running = runtime.foreground("run", "--bundle", made.path, runtime.new_id())
        assert running.finish().ok().out == "out\n"

    def test_null_device_of_the_host_stays_as_it_is(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        before = os.stat("/dev/null")
        try:
            made = bundle(["true"], process={"user": {"uid": 1000, "gid": 1000}})
            with open("/dev/null", "r+b") as null:
                runtime.run(made, stdin=null, stdout=null).ok()
            after = os.stat("/dev/null")
            assert (after.st_uid, after.st_gid) == (0, 0)
            assert stat.S_IMODE(after.st_mode) == stat.S_IMODE(before.st_mode)
            assert (os.major(after.st_rdev), os.minor(after.st_rdev)) == (1, 3)
        finally:
            os.chown("/dev/null", before.st_uid, before.st_gid)
            os.chmod("/dev/null", stat.S_IMODE(before.st_mode))


class TestOtherDescriptors:
    def test_none_are_inherited_by_default(
        self, runtime: Runtime, bundle: BundleFactory, workspace: Path
    ) -> None:
        made = bundle(["probe", "descriptors"])
        result = opening(runtime, workspace, 3, 4, 11, 200).run(made).ok()
        assert [line.split()[0] for line in result.lines()] == ["0", "1", "2"]

    def test_none_are_inherited_by_exec(
        self, runtime: Runtime, bundle: BundleFactory, workspace: Path
    ) -> None:
        container = runtime.start(bundle())
        result = opening(runtime, workspace, 3, 4, 11, 200)(
            "exec", container.id, "probe", "descriptors"
        ).ok()
        assert [line.split()[0] for line in result.lines()] == ["0", "1", "2"]

    def test_preserve_fds(self, runtime: Runtime, bundle: BundleFactory, workspace: Path) -> None:
        made = bundle("cat <&3; cat <&4; probe descriptors >&2")
        result = opening(runtime, workspace, 3, 4, 5).run(made, "--preserve-fds", "2").ok()
        assert result.out == "this is 3\nthis is 4\n"
        numbers = [line.split()[0] for line in result.err.splitlines()]
        assert numbers == ["0", "1", "2", "3", "4"]

    def test_preserve_fds_with_create_and_start(
        self, runtime: Runtime, bundle: BundleFactory, workspace: Path
    ) -> None:
        opened = opening(runtime, workspace, 3)
        container = opened.create(bundle("cat <&3"), "--preserve-fds", "1")
        container.start()
        assert container.out.line() == "this is 3"

    def test_preserve_fds_of_exec(
        self, runtime: Runtime, bundle: BundleFactory, workspace: Path
    ) -> None:
        container = runtime.start(bundle())
        result = opening(runtime, workspace, 3, 4)(
            "exec", "--preserve-fds", "2", container.id, "sh", "-c", "cat <&4; cat <&3"
        ).ok()
        assert result.out == "this is 4\nthis is 3\n"

    def test_preserve_fds_that_are_not_open(
        self, runtime: Runtime, bundle: BundleFactory, workspace: Path
    ) -> None:
        made = bundle(["echo", "hello"])
        opening(runtime, workspace, 3).run(made, "--preserve-fds", "90").refused("fd")

    def test_listen_fds(self, runtime: Runtime, bundle: BundleFactory, workspace: Path) -> None:
        result = self.activated(runtime, bundle, workspace)
        assert "this is 3\nthis is 4\n" in result
        assert "this is 5" not in result
        assert "LISTEN_FDS=2\n" in result
        assert "LISTEN_PID=1\n" in result

    def test_listen_fds_with_preserve_fds(
        self, runtime: Runtime, bundle: BundleFactory, workspace: Path
    ) -> None:
        result = self.activated(runtime, bundle, workspace, "--preserve-fds", "1")
        assert "this is 3\nthis is 4\nthis is 5\n" in result
        assert "LISTEN_FDS=2\n" in result

    def test_listen_fds_of_another_process_are_not_taken(
        self, runtime: Runtime, bundle: BundleFactory, workspace: Path
    ) -> None:
        made = bundle("env; probe descriptors")
        environment = {**os.environ, "LISTEN_FDS": "2", "LISTEN_PID": "1"}
        result = opening(runtime, workspace, 3, 4).run(made, env=environment).ok()
        assert "LISTEN_" not in result.out
        assert len([line for line in result.lines() if line[0].isdigit()]) == 3

    @staticmethod
    def activated(runtime: Runtime, bundle: BundleFactory, workspace: Path, *flags: str) -> str:
        made = bundle("for fd in 3 4 5; do cat <&$fd; done 2>/dev/null; env")
        opened = opening(runtime, workspace, 3, 4, 5)
        activating = 'LISTEN_PID=$$ LISTEN_FDS=2 exec "$@"'
        return (
            opened.through(*opened.prefix, "sh", "-c", activating, "sh").run(made, *flags).ok().out
        )
