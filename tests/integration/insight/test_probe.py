"""The probe in containers: all comes out as predicted, and exactly what a flag opens flips."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from orlop.errors import LaunchError, NotFound, OrlopError, Unavailable, Unsupported
from orlop.faces.cli import main
from orlop.faces.cli.exit_codes import DIFFERENT, FAILED
from orlop.insight.probe import context, run
from orlop.insight.probe.attempts import BY_NAME
from orlop.insight.probe.report import Report
from orlop.insight.probe.run import probe
from orlop.insight.targets import resolve
from orlop.kernel.cgroup import copying
from orlop.runtime.spec import Capabilities
from tests.integration.escapes.support import Canaries, host_untouched
from tests.integration.insight import docker_like
from tests.integration.support import cgroups
from tests.integration.support.bundles import BundleFactory
from tests.integration.support.deadlines import eventually
from tests.integration.support.dockerd import RUNTIME, Docker, running_daemon
from tests.integration.support.images import IMAGE, archive
from tests.integration.support.rootfs import RootfsTemplate
from tests.integration.support.runtimes import Container, Flavour, Runtime, program_under_test
from tests.preconditions import ROOT, need

pytestmark = [
    pytest.mark.requires_root,
    pytest.mark.requires_launcher,
    pytest.mark.requires_busybox,
    pytest.mark.requires_compiler,
]

Start = Callable[..., Container]
MIB = 1 << 20

HOST_ROWS = (
    *("see_host_process", "signal_host_process"),
    *("trace_host_process", "read_host_file_by_proc"),
)
NEW = [
    f"new_{kind}_namespace"
    for kind in ("user", "mount", "pid", "network", "ipc", "uts", "cgroup", "time")
]
ADMIN = [*NEW, "join_namespace", "move_mount", "mount_tmpfs", "set_hostname"]
LIMITS = ["exceed_cpu", "exceed_tasks", "exceed_memory"]

# What a container is like for which nobody says anything. All else is refused with EPERM.
DEFAULT = {
    "done": """
        trace_child become_root set_groups change_root raw_socket packet_socket make_device
        see_cgroups push_input
    """,
    "absent": """
        connect_to_host read_host_file open_memory read_kernel_memory
        see_host_process signal_host_process trace_host_process read_host_file_by_proc
    """,
    "refused: EROFS": "write_sysctl write_cgroups",
    "": " ".join(LIMITS),
}


def texts(report: Report) -> dict[str, str]:
    """What was observed, by attempt; "" where nothing was tried."""
    return {f.attempt.name: f.observed.text if f.observed else "" for f in report.findings}


def flips(default: Report, other: Report) -> dict[str, str]:
    """What is not as in the default container."""
    before, after = texts(default), texts(other)
    return {name: after[name] for name in before if before[name] != after[name]}


def all_of(names: Iterable[str], text: str = "done") -> dict[str, str]:
    return dict.fromkeys(names, text)


def differences(report: Report) -> dict[str, tuple[str, str]]:
    return {
        f.attempt.name: (f.expected.text, f.observed.text if f.observed else "nothing")
        for f in report.differences
    }


def probed(container: Container) -> Report:
    return probe(resolve(container.id, (str(container.runtime.root),)))


@pytest.fixture(autouse=True)
def host_unharmed(tmp_path: Path) -> Iterator[None]:
    """Settings, devices and mounts of the host are the same afterwards, and so are its files."""
    canaries = Canaries(tmp_path / "canaries")
    with host_untouched():
        yield
    canaries.check()


@pytest.fixture
def start(runtime: Runtime, bundle: BundleFactory) -> Start:
    """Starts a container as `docker run` would with flags; see `docker_like.flags`."""

    def started(**flags: Any) -> Container:
        return runtime.start(bundle("probe wait", **docker_like.flags(**flags)))

    return started


@pytest.fixture
def apparmor_profile() -> Iterator[str]:
    """A profile as Docker's own, in short."""
    name = f"orlop-probe-test-{os.getpid()}"
    rules = f"""
        profile {name} flags=(attach_disconnected,mediate_deleted) {{
            network, capability, file, umount, unix,
            signal (receive) peer=unconfined,
            signal (send,receive) peer={name},
            ptrace peer={name},
            deny mount,
        }}
    """
    subprocess.run(["apparmor_parser", "--replace"], input=rules, text=True, check=True)
    yield name
    subprocess.run(["apparmor_parser", "--remove"], input=rules, text=True, check=True)


@pytest.fixture(scope="module")
def default(
    session_directory: Path, rootfs_template: RootfsTemplate, flavour: Flavour
) -> Iterator[Report]:
    """The report on the default container."""
    workspace = session_directory / "default-probed"
    workspace.mkdir()
    runtime = Runtime(program_under_test(), workspace / "state", flavour)
    try:
        made = BundleFactory(workspace, rootfs_template.copy_to)
        yield probed(runtime.start(made("probe wait", **docker_like.flags())))
    finally:
        runtime.remove_all()


def test_the_program_and_the_table_agree() -> None:
    program = ROOT / "src/orlop/_bin/orlop-probe"
    listed = subprocess.run([program, "--attempts"], check=True, capture_output=True, text=True)
    assert listed.stdout.split() == list(BY_NAME)


class TestDefault:
    @pytest.mark.vm
    def test_golden(self, default: Report) -> None:
        golden = {name: text for text, names in DEFAULT.items() for name in names.split()}
        assert texts(default) == {name: golden.get(name, "refused: EPERM") for name in BY_NAME}
        assert not differences(default)

    def test_limits_are_not_tried_where_there_are_none(self, default: Report) -> None:
        skipped = {f.attempt.name: f.skipped for f in default.findings if f.skipped}
        assert list(skipped) == LIMITS
        assert all(why.startswith("its control group has no ") for why in skipped.values())


class TestNegativeControls:
    """A flag that opens something flips the rows that it is said to flip, and no others."""

    def test_pid_host(self, start: Start, default: Report) -> None:
        report = probed(start(host=["pid"]))
        assert flips(default, report) == {
            "see_host_process": "done",
            "signal_host_process": "done",
            "trace_host_process": "refused: EPERM",
            "read_host_file_by_proc": "refused: EACCES",
        }
        assert not differences(report)

    def test_pid_host_and_the_right_to_trace(self, start: Start, default: Report) -> None:
        report = probed(start(host=["pid"], add=["CAP_SYS_PTRACE"]))
        assert flips(default, report) == all_of(HOST_ROWS)
        assert not differences(report)

    @pytest.mark.vm
    def test_network_host(self, start: Start, default: Report) -> None:
        report = probed(start(host=["network"]))
        assert flips(default, report) == {"connect_to_host": "done"}
        assert not differences(report)

    def test_net_admin(self, start: Start, default: Report) -> None:
        report = probed(start(add=["CAP_NET_ADMIN"]))
        assert flips(default, report) == {"configure_network": "done"}
        assert not differences(report)

    def test_sys_admin(self, start: Start, default: Report) -> None:
        report = probed(start(add=["CAP_SYS_ADMIN"]))
        assert flips(default, report) == all_of([*ADMIN, "use_bpf", "trace_kernel"])
        assert not differences(report)

    def test_seccomp_unconfined(self, start: Start, default: Report) -> None:
        report = probed(start(seccomp=False))
        flipped = flips(default, report)
        absent = {"crypto_socket", "vm_socket"}  # of which kernels have some
        assert {flipped.pop(name) for name in absent} <= {"done", "absent"}
        assert flipped == {
            **all_of(["new_user_namespace", "add_key", "find_keyring", "use_io_uring"]),
            "trace_kernel": "refused: EACCES",
            **all_of(_without("/proc/modules", "load_module"), "refused: ENOSYS"),
            **all_of(_without("/sys/kernel/kexec_loaded", "load_kernel"), "refused: ENOSYS"),
        }
        assert not differences(report)

    def test_privileged(self, start: Start, default: Report) -> None:
        report = probed(start(privileged=True))
        # Of these a kernel may have some and others not.
        some = {"crypto_socket", "vm_socket", "load_module", "load_kernel", "read_kernel_memory"}
        closed = {name for name, text in texts(default).items() if text.startswith("refused")}
        flipped = flips(default, report)
        assert {name: flipped.get(name, "") for name in closed - some} == all_of(closed - some)
        assert set(flipped) - some == closed - some
        assert not differences(report)

    def test_a_directory_of_the_host(self, runtime: Runtime, bundle: BundleFactory) -> None:
        config = docker_like.flags()
        bind = {
            "destination": "/run",
            "type": "bind",
            "source": "/run",
            "options": ["rbind", "ro"],
        }
        config["mounts"].append(bind)
        report = probed(runtime.start(bundle("probe wait", **config)))
        assert texts(report)["read_host_file"] == "done"
        assert not differences(report)


def _without(path: str, name: str) -> list[str]:
    """The attempt, if the kernel lacks what this file stands for."""
    return [] if Path(path).exists() else [name]


class TestContexts:
    """What is predicted is what comes out, whatever the target is."""

    def test_another_user(self, start: Start) -> None:
        report = probed(start(user={"uid": 1000, "gid": 1000}))
        observed = texts(report)
        assert observed["become_root"] == observed["raw_socket"] == "refused: EPERM"
        assert observed["write_sysctl"] == "refused: EACCES"
        assert not differences(report)

    def test_another_user_of_the_hosts_pid_namespace(self, start: Start) -> None:
        report = probed(start(user={"uid": 1000, "gid": 1000}, host=["pid"]))
        assert texts(report)["signal_host_process"] == "refused: EPERM"
        assert not differences(report)

    def test_no_new_privileges(self, start: Start) -> None:
        assert not differences(probed(start(noNewPrivileges=True)))

    def test_a_user_namespace(self, runtime: Runtime, bundle: BundleFactory) -> None:
        config = docker_like.flags(seccomp=False)
        config["namespaces"]["user"] = None
        maps = [{"containerID": 0, "hostID": 100000, "size": 65536}]
        config["linux"].update({"uidMappings": maps, "gidMappings": maps})
        made = bundle("probe wait", **config)
        subprocess.run(["chown", "-R", "100000:100000", made.rootfs], check=True)
        report = probed(runtime.start(made))
        observed = texts(report)
        assert observed["make_device"] in ("refused: EPERM", "refused: EACCES")
        assert observed["write_sysctl"] == "refused: EACCES"
        assert observed["raw_socket"] == "done"
        assert not differences(report)

    def test_a_filter_that_kills(self, runtime: Runtime, bundle: BundleFactory) -> None:
        config = docker_like.flags()
        config["linux"]["seccomp"] = {
            "defaultAction": "SCMP_ACT_ALLOW",
            "syscalls": [
                {"names": ["add_key"], "action": "SCMP_ACT_KILL_PROCESS"},
                {"names": ["keyctl"], "action": "SCMP_ACT_TRAP"},
                {"names": ["chroot"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28},
            ],
        }
        report = probed(runtime.start(bundle("probe wait", **config)))
        observed = texts(report)
        assert observed["add_key"] == observed["find_keyring"] == "killed by SIGSYS"
        assert observed["change_root"] == "refused: ENOSPC"
        assert observed["see_cgroups"] == "done"
        assert not differences(report)

    def test_a_filter_under_which_nothing_runs(
        self, runtime: Runtime, bundle: BundleFactory
    ) -> None:
        config = docker_like.flags()
        names = ["fork", "vfork", "clone", "clone3"]
        config["linux"]["seccomp"] = {
            "defaultAction": "SCMP_ACT_ALLOW",
            "syscalls": [{"names": names, "action": "SCMP_ACT_ERRNO"}],
        }
        container = runtime.start(bundle(["probe", "wait"], **config))
        with pytest.raises(Unsupported):
            probed(container)

    @pytest.mark.requires_apparmor
    def test_an_apparmor_profile(self, start: Start, apparmor_profile: str) -> None:
        """It is in force for the probe too: it forbids what capabilities would permit."""
        report = probed(start(add=["CAP_SYS_ADMIN"], apparmorProfile=apparmor_profile))
        observed = texts(report)
        assert observed["move_mount"] == "refused: EACCES"
        assert observed["set_hostname"] == "done"
        assert not differences(report)

    def test_a_process_of_the_host(self) -> None:
        with _process("sleep", "1000") as pid:
            report = probe(resolve(f"pid:{pid}"))
        observed = texts(report)
        assert {observed[name] for name in (*HOST_ROWS, "read_host_file", "connect_to_host")} == {
            "done"
        }
        assert not differences(report)

    def test_what_unshare_has_made(self) -> None:
        with _process("unshare", "--pid", "--fork", "--net", "--", "sleep", "1000") as pid:
            child = eventually(lambda: _only_child(pid), "unshare to fork")
            report = probe(resolve(f"pid:{child}"))
        observed = texts(report)
        assert observed["connect_to_host"] == observed["signal_host_process"] == "absent"
        assert observed["see_host_process"] == "done"  # without --mount-proc
        assert not differences(report)

    @pytest.mark.requires_userns
    def test_what_a_user_has_made_by_unshare(self) -> None:
        """Root of a user namespace, to whom nothing but that belongs."""
        user = ("setpriv", "--reuid", "1000", "--regid", "1000", "--clear-groups", "--")
        with _process(*user, "unshare", "--map-root-user", "--", "sleep", "1000") as pid:
            eventually(lambda: Path(f"/proc/{pid}/comm").read_text() == "sleep\n", "the sleep")
            report = probe(resolve(f"pid:{pid}"))
        observed = texts(report)
        assert observed["new_network_namespace"] == observed["become_root"] == "done"
        for name in ("configure_network", "mount_tmpfs", "set_hostname", "set_groups"):
            assert observed[name] == "refused: EPERM"
        assert not differences(report)

    @pytest.mark.requires_runc
    def test_a_container_of_runc(
        self, workspace: Path, bundle: BundleFactory, default: Report
    ) -> None:
        runc = Path(shutil.which("runc") or "")
        runtime = Runtime(runc, workspace / "runc", Flavour.of(runc))
        try:
            container = runtime.start(bundle("probe wait", **docker_like.flags()))
            report = probe(resolve(f"pid:{container.pid}"))
        finally:
            runtime.remove_all()
        assert flips(default, report) == {}
        assert not differences(report)


def _only_child(pid: int) -> int | None:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    if not text or Path(f"/proc/{text[0]}/comm").read_text() != "sleep\n":
        return None
    return int(text[0])


@contextlib.contextmanager
def _process(*argv: str) -> Iterator[int]:
    """A process that is ended with its children."""
    running = subprocess.Popen(argv, start_new_session=True)
    try:
        yield running.pid
    finally:
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()


SMALL = {
    "memory": {"limit": 64 * MIB},
    "pids": {"limit": 40},
    "cpu": {"quota": 50_000, "period": 100_000},
}


LONG = {**SMALL, "cpu": {"quota": 125_000, "period": 250_000}}
"""With these the probe takes two seconds, in which something can happen to it."""


class TestLimits:
    @pytest.mark.vm
    def test_they_hold_and_the_target_is_left_alone(self, start: Start) -> None:
        container = start(resources=SMALL)
        report = probed(container)
        observed = texts(report)
        assert observed["exceed_memory"] == "killed by SIGKILL"
        assert observed["exceed_tasks"] == "refused: EAGAIN"
        assert observed["exceed_cpu"].startswith("limited (0.")
        assert not differences(report)
        limits = cgroups.Limits(container.cgroups_path)
        if cgroups.unified_only():
            assert "oom_kill 0" in limits.read("memory", "memory.events")
        else:
            assert limits.read("memory", "memory.failcnt") == "0"
            assert int(limits.read("memory", "memory.max_usage_in_bytes")) < 32 * MIB
        assert limits.read("pids", "pids.events") == "max 0"

    def test_a_limit_that_does_not_hold_is_told(
        self, start: Start, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The negative control of the limits: the copy is made without them."""
        monkeypatch.setattr(copying, "_FILES", ("cpuset.cpus", "cpuset.mems"))
        report = probed(start(resources=SMALL))
        found = differences(report)
        assert {name: text for name, (_, text) in found.items() if name != "exceed_cpu"} == {
            "exceed_memory": "done",
            "exceed_tasks": "done",
        }

    def test_a_right_too_many_is_told(self, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
        """The same for capabilities: the copy gets one that the target does not have."""

        def with_one_more(*arguments: Any) -> Any:
            copied = context.read_context(*arguments)
            had = copied.process.capabilities or Capabilities()
            more = had.replace(
                bounding=(*had.bounding, "CAP_NET_ADMIN"),
                permitted=(*had.permitted, "CAP_NET_ADMIN"),
            )
            return copied.replace(process=copied.process.replace(capabilities=more))

        monkeypatch.setattr(run, "read_context", with_one_more)
        assert differences(probed(start())) == {"configure_network": ("refused: EPERM", "done")}


class TestEnds:
    """Whoever dies in the middle, nothing is left behind."""

    def test_the_target_dies(self, start: Start) -> None:
        container = start(resources=LONG)
        pid = container.pid
        outcome: list[Report | OrlopError] = []

        def run_it() -> None:
            try:
                outcome.append(probed(container))
            except OrlopError as error:
                outcome.append(error)

        worker = threading.Thread(target=run_it)
        worker.start()
        eventually(lambda: _probe_processes(os.getpid()), "the probe to run")
        os.kill(pid, signal.SIGKILL)
        worker.join()
        # Noticed in the launch, by the probe's end, or afterwards, it is never passed over.
        (told,) = outcome
        assert isinstance(told, LaunchError | NotFound | Unavailable), told

    def test_orlop_dies(self, start: Start) -> None:
        container = start(resources=LONG)
        code = (
            "import sys\n"
            "from orlop.insight.probe.run import probe\n"
            "from orlop.insight.targets import resolve\n"
            "probe(resolve(sys.argv[1], (sys.argv[2],)))\n"
        )
        command = [sys.executable, "-c", code, container.id, str(container.runtime.root)]
        prober = subprocess.Popen(command, env={"PYTHONPATH": str(ROOT / "src")})
        eventually(lambda: _probe_processes(prober.pid), "the probe to run")
        prober.kill()
        prober.wait()
        eventually(lambda: not _probe_processes(prober.pid), "the launcher to end the probe")
        assert _copies(prober.pid)
        assert _canaries()
        assert not differences(probed(container))  # and tidies up after the dead
        assert not _copies(prober.pid)
        assert not _canaries()


def _canaries() -> list[Path]:
    return list(Path("/run").glob("orlop-canary-*"))


def _copies(pid: int) -> list[Path]:
    """The control groups that a process has made for its probe."""
    name = f"{copying.PREFIX}{pid}"
    return [path for h in cgroups.hierarchies() for path in h.root.glob(name) if path.exists()]


def _probe_processes(pid: int) -> list[int]:
    """The PIDs of those in them."""
    found: list[int] = []
    for path in _copies(pid):
        try:
            found += map(int, (path / "cgroup.procs").read_text().split())
        except OSError:
            continue
    return found


class TestCommand:
    def command(self, container: Container, *options: str) -> int:
        words = ["--root", str(container.runtime.root), *options, container.id]
        return main(["proof", "--probe", *words])

    def test_for_people(self, start: Start, capsys: pytest.CaptureFixture[str]) -> None:
        assert self.command(start()) == 0
        shown = capsys.readouterr().out
        assert f"all {len(BY_NAME) - len(LIMITS)} attempts came out as expected" in shown
        rows = {row for line in shown.splitlines() if (row := " ".join(line.split()))}
        assert "open a raw socket done done" in rows
        assert "reboot the machine refused: EPERM refused: EPERM" in rows
        assert (
            "use more memory than the limit not tried its control group has no limit of memory"
            in rows
        )

    def test_for_programs(self, start: Start, capsys: pytest.CaptureFixture[str]) -> None:
        assert self.command(start(), "--json") == 0
        (proof,) = json.loads(capsys.readouterr().out)["proofs"]
        assert (proof["holds"], proof["probe"]["holds"]) == (True, True)
        found = {attempt["name"]: attempt for attempt in proof["probe"]["attempts"]}
        assert list(found) == list(BY_NAME)
        assert found["reboot"] == {
            "name": "reboot",
            "title": "reboot the machine",
            "expected": [{"outcome": "refused", "number": 1, "text": "refused: EPERM"}],
            "because": "the seccomp filter answers that",
            "observed": {"outcome": "refused", "number": 1, "text": "refused: EPERM"},
            "skipped": None,
            "differs": False,
        }
        assert found["exceed_cpu"]["observed"] is None

    def test_a_difference_is_loud(
        self,
        start: Start,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.setattr(copying, "_FILES", ("cpuset.cpus", "cpuset.mems"))
        resources = {"memory": {"limit": 64 * MIB}}
        assert self.command(start(resources=resources)) == DIFFERENT
        shown = capsys.readouterr().out
        assert "DIFFERENT: 1 attempt of " in shown
        assert "expected: killed by SIGKILL or refused: ENOMEM, because" in shown
        assert self.command(start(resources=resources), "--json") == DIFFERENT
        (proof,) = json.loads(capsys.readouterr().out)["proofs"]
        assert (proof["holds"], proof["probe"]["holds"]) == (False, False)

    def test_what_cannot_be_tried_is_told(
        self,
        start: Start,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        """The proof is shown all the same."""
        monkeypatch.setattr(run, "_PROGRAM", "orlop-is-not-there")
        container = start()
        assert self.command(container) == FAILED
        shown = capsys.readouterr().out
        assert "everything that can be read is as it was asked" in shown
        assert "nothing was tried: cannot open " in shown
        assert self.command(container, "--json") == FAILED
        (proof,) = json.loads(capsys.readouterr().out)["proofs"]
        assert (proof["holds"], proof["probe"]["holds"]) == (True, None)
        assert proof["probe"]["problem"].startswith("cannot open ")

    def test_without_it_nothing_is_tried(
        self, start: Start, capsys: pytest.CaptureFixture[str]
    ) -> None:
        container = start()
        assert main(["proof", "--json", "--root", str(container.runtime.root), container.id]) == 0
        (proof,) = json.loads(capsys.readouterr().out)["proofs"]
        assert proof["probe"] is None


@pytest.fixture(scope="module")
def docker(session_directory: Path, rootfs_template: RootfsTemplate) -> Iterator[Docker]:
    """A dockerd of this module's own."""
    need("docker")
    directory = session_directory / "docker-probed"
    directory.mkdir()
    image = archive(rootfs_template, directory)
    with running_daemon(directory, program_under_test(), image) as daemon:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DOCKER_HOST", f"unix://{directory / 'docker.sock'}")
            yield daemon


@pytest.mark.requires_docker
def test_containers_of_docker(docker: Docker) -> None:
    """One of its own runc's, with its own seccomp profile, and one that is open."""
    limits = ["--network", "none", "-m", "64m", "--pids-limit", "40", "--cpus", "0.5"]
    privileged = ["--runtime", RUNTIME, "--network", "host", "--privileged", "--pid", "host"]
    try:
        docker("run", "-d", "--name", "plain", *limits, IMAGE, "pause").ok()
        docker("run", "-d", "--name", "open", *privileged, IMAGE, "pause").ok()
        plain, opened = probe(resolve("docker:plain")), probe(resolve("docker:open"))
    finally:
        docker.remove_all()
    assert not differences(plain)
    assert not differences(opened)
    assert texts(plain)["see_host_process"] == "absent"
    assert texts(plain)["exceed_memory"] == "killed by SIGKILL"
    assert {texts(opened)[name] for name in (*HOST_ROWS, "connect_to_host")} == {"done"}
