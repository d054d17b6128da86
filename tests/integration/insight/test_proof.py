"""Proofs of real containers: they hold, and each change behind the runtime's back breaks one row.

Containers are asked for as Docker would ask for them (docker_like), so that what a flag changes can
be predicted.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from orlop.errors import NotFound
from orlop.faces.cli import main
from orlop.faces.cli.exit_codes import DIFFERENT, FAILED
from orlop.insight import snapshot
from orlop.insight.proof import Proof, mounts, prove, reading
from orlop.insight.proof.rows import AS_ASKED, NOT_ASKED, UNREADABLE
from orlop.insight.targets import Target, resolve
from orlop.kernel import process as processes
from orlop.kernel.cgroup import devices, devices_attach
from orlop.kernel.cgroup.resources import DeviceRule
from orlop.runtime.defaults import MASKED_PATHS, READONLY_PATHS
from tests.integration.insight import docker_like
from tests.integration.support import cgroups
from tests.integration.support.bundles import REMOVE, BundleFactory, Json
from tests.integration.support.dockerd import Docker, running_daemon
from tests.integration.support.images import IMAGE, archive
from tests.integration.support.rootfs import RootfsTemplate
from tests.integration.support.runtimes import Container, Runtime, program_under_test
from tests.preconditions import need

pytestmark = [
    pytest.mark.requires_root,
    pytest.mark.requires_launcher,
    pytest.mark.runc_differs("its state is elsewhere"),
]

MIB = 1 << 20
LIMITS = {
    "memory": {"limit": 64 * MIB},
    "pids": {"limit": 50},
    "cpu": {"quota": 50_000, "period": 100_000, "shares": 512},
}
HERE = {"root-is-root", "new-privileges", "no-security-module", "unconfined-label"}
"""Weaknesses that every container here may have: of the kernel, and of Docker's defaults."""


def asked(**flags: Any) -> Json:
    """What `docker run --memory --cpus --pids-limit --read-only` and these flags ask for."""
    made = docker_like.flags(resources=LIMITS, **flags)
    if not flags.get("privileged"):
        made["linux"] |= {"maskedPaths": list(MASKED_PATHS), "readonlyPaths": list(READONLY_PATHS)}
    if "uts" in flags.get("host", ()):
        made["hostname"] = REMOVE
    if "network" not in flags.get("host", ()):
        made["linux"] |= {"sysctl": {"net.ipv4.ip_forward": "0"}}
    return {**made, "root": {"readonly": True}}


def proof_of(container: Container) -> Proof:
    roots = (str(container.runtime.root),)
    return prove(resolve(container.id, roots), roots)


def mismatches(proof: Proof) -> set[str]:
    return {row.what for section in proof.sections for row in section.mismatches}


def weak(proof: Proof) -> set[str]:
    return {found.rule for found in proof.weaknesses} - HERE


@pytest.fixture
def container(runtime: Runtime, bundle: BundleFactory) -> Container:
    """A container as asked, running."""
    return runtime.start(bundle(**asked()))


class TestHolds:
    @pytest.mark.vm
    def test_all_is_as_asked(self, container: Container) -> None:
        proof = proof_of(container)
        assert mismatches(proof) == set()
        assert proof.holds
        assert weak(proof) == set()
        verdicts = {row.verdict for section in proof.sections for row in section.rows}
        assert AS_ASKED in verdicts

    def test_hardly_anything_is_left_out(self, container: Container) -> None:
        """Limits above the tests' own cgroups are the only thing that cannot be read."""
        proof = proof_of(container)
        left = {
            row.what
            for section in proof.sections
            for row in section.rows
            if row.verdict == UNREADABLE
        }
        assert left <= {"limits above what is mounted"}

    def test_what_is_told_of_processes(self, container: Container) -> None:
        (first,) = proof_of(container).facts.members
        assert first.status.pid == container.pid
        assert first.status.namespace_pids[-1] == 1
        assert (first.user, first.group) == (0, 0)

    def test_in_a_user_namespace(self, runtime: Runtime, bundle: BundleFactory) -> None:
        flags = asked()
        flags["namespaces"]["user"] = None
        maps = [{"containerID": 0, "hostID": 100_000, "size": 1000}]
        flags["linux"] |= {"uidMappings": maps, "gidMappings": maps}
        made = bundle(**flags)
        subprocess.run(["chown", "-R", "-h", "100000:100000", made.rootfs], check=True)
        proof = proof_of(runtime.start(made))
        assert mismatches(proof) == set()
        assert proof.facts.members[0].user == 0
        assert proof.facts.members[0].status.uids[1] == 100_000
        assert "root-is-root" not in {found.rule for found in proof.weaknesses}

    def test_bind_mounts(self, runtime: Runtime, bundle: BundleFactory, workspace: Path) -> None:
        (workspace / "data").mkdir()
        data = {"destination": "/data", "source": str(workspace / "data"), "options": ["rbind"]}
        flags = asked()
        flags["mounts"].append(data)
        proof = proof_of(runtime.start(bundle(**flags)))
        assert mismatches(proof) == set()
        row = proof.section(mounts.NAME).row("/data")
        assert row.verdict == AS_ASKED
        assert f"the host's {workspace}/data" in row.observed
        assert weak(proof) == {"writable-host-mount"}


# --- behind its back ------------------------------------------------------------------------


def inside(container: Container, *words: str) -> None:
    """Run a busybox applet in the container's mounts and PIDs, with the host's rights."""
    enter = ["nsenter", "-t", str(container.pid), "-m", "-p", "--"]
    subprocess.run([*enter, "/bin/busybox", *words], check=True)


def write(controller: str, v1: str, v2: str, value: str) -> Callable[[Container], None]:
    def change(container: Container) -> None:
        directory = cgroups.of_process(container.pid, controller)
        (directory / (v2 if cgroups.unified_only() else v1)).write_text(value)

    return change


def remount(path: str, options: str) -> Callable[[Container], None]:
    return lambda container: inside(container, "mount", "-o", f"remount,bind,{options}", path)


def unmount(path: str) -> Callable[[Container], None]:
    return lambda container: inside(container, "umount", path)


def move_away(container: Container) -> None:
    """Out of the pids cgroup, up to the tests' own."""
    directory = cgroups.of_process(container.pid, "pids")
    (directory.parent / "cgroup.procs").write_text(str(container.pid))


def allow_fuse(container: Container) -> None:
    directory = cgroups.of_process(container.pid, "devices")
    (directory / "devices.allow").write_text("c 10:229 rwm")


def rename(container: Container) -> None:
    subprocess.run(["nsenter", "-t", str(container.pid), "-u", "hostname", "else"], check=True)


def forward(container: Container) -> None:
    """Let the container's network namespace forward packets."""
    script = "echo 1 > /proc/sys/net/ipv4/ip_forward"
    subprocess.run(["nsenter", "-t", str(container.pid), "-n", "sh", "-c", script], check=True)


CHANGES: dict[str, tuple[Callable[[Container], None], set[str]]] = {
    "memory": (
        write("memory", "memory.limit_in_bytes", "memory.max", str(128 * MIB)),
        {"memory"},
    ),
    "pids": (write("pids", "pids.max", "pids.max", "max"), {"tasks"}),
    "cpu": (write("cpu", "cpu.cfs_quota_us", "cpu.max", "90000"), {"CPU time"}),
    "root": (remount("/", "rw"), {"/"}),
    "sysctls": (remount("/proc/sys", "rw"), {"/proc/sys"}),
    "flags": (remount("/dev/shm", "exec"), {"/dev/shm"}),
    "mask": (unmount("/proc/keys"), {"/proc/keys"}),
    "mount": (unmount("/dev/shm"), {"/dev/shm"}),
    "host name": (rename, {"host name"}),
    "sysctl": (forward, {"net.ipv4.ip_forward"}),
}


class TestChanges:
    @pytest.mark.parametrize("name", CHANGES)
    def test_exactly_that_row(self, container: Container, name: str) -> None:
        change, rows = CHANGES[name]
        change(container)
        proof = proof_of(container)
        assert mismatches(proof) == rows
        assert not proof.holds

    @pytest.mark.requires_cgroup_v1
    def test_devices(self, container: Container) -> None:
        allow_fuse(container)
        assert mismatches(proof_of(container)) == {"devices that may be used"}

    @pytest.mark.requires_cgroup_v2
    def test_device_filters(self, container: Container) -> None:
        directory = cgroups.of_process(container.pid, "devices")
        devices_attach.replace(str(directory), devices.program((DeviceRule(allow=True),)))
        assert mismatches(proof_of(container)) == {"devices that may be used"}
        assert "any-device" not in weak(proof_of(container))  # what it allows is not known

    @pytest.mark.requires_cgroup_v2
    def test_pids_on_v2(self, container: Container) -> None:
        CHANGES["pids"][0](container)
        assert mismatches(proof_of(container)) == {"tasks"}

    @pytest.mark.requires_cgroup_v1
    def test_another_cgroup(self, container: Container) -> None:
        move_away(container)
        found = mismatches(proof_of(container))
        assert found == {"path of pids", "tasks"}

    def test_mount_that_nobody_asked_for(self, container: Container) -> None:
        inside(container, "mount", "-t", "tmpfs", "none", "/tmp")
        proof = proof_of(container)
        row = proof.section(mounts.NAME).row("/tmp")
        assert (row.verdict, row.note) == (NOT_ASKED, "nobody asked for it")

    def test_stricter_limit_above(self, runtime: Runtime, bundle: BundleFactory) -> None:
        flags = asked()
        flags["linux"]["cgroupsPath"] = "/orlop-above/box"
        container = runtime.start(bundle(**flags))
        directory = cgroups.of_process(container.pid, "pids").parent
        (directory / "pids.max").write_text("20")
        proof = proof_of(container)
        row = proof.section("control groups").row("tasks")
        assert (row.verdict, row.observed) == (
            AS_ASKED,
            f"50 tasks; 20 tasks in force, set at {directory}",
        )
        container.stop()
        container.delete()
        for hierarchy in cgroups.hierarchies():
            (hierarchy.root / "orlop-above").rmdir()


# --- negative controls ----------------------------------------------------------------------

VARIABLE = re.compile(
    r"^\d+$|^(CPU time|memory|path|processes killed)|^(tasks|throttled|oom_score)$|(used|pressure)$"
)
"""Rows that differ between any two containers, or from one moment to the next."""


def facts(proof: Proof) -> dict[tuple[str, str], str]:
    """What is observed, without numbers that are other ones each time."""
    return {
        (section.name, row.what): re.sub(r"\d+", "N", row.observed)
        for section in proof.sections
        for row in section.rows
        if not VARIABLE.search(row.what) and row.what != "/"
    }


def of_kind(*kinds: str) -> set[tuple[str, str]]:
    return {("namespaces", kind) for kind in kinds}


FILTERED = {"seccomp", "filters", "allowed beyond Docker's default", "allow", "errno(EPERM)"}
FILTERED |= {"errno(ENOSYS)", "newer calls", "socket", "clone", "personality"}
SETS = {("capabilities", kind) for kind in ("effective", "permitted", "bounding")}

CONTROLS: dict[str, tuple[dict[str, Any], set[tuple[str, str]], set[str]]] = {
    "--pid host": ({"host": ["pid"]}, of_kind("pid"), {"host-pid"}),
    "--network host": (
        {"host": ["network"]},
        of_kind("network")
        | {("network", "network"), ("network", "interface lo")}
        | {("settings", "net.ipv4.ip_forward")},  # it is not asked for then
        {"host-network"},
    ),
    "--ipc host": ({"host": ["ipc"]}, of_kind("ipc"), {"host-ipc"}),
    "--uts host": (
        {"host": ["uts"]},
        of_kind("uts") | {("settings", "host name")},
        {"host-uts"},
    ),
    "--cgroupns host": ({"host": ["cgroup"]}, of_kind("cgroup"), {"host-cgroup-namespace"}),
    "--cap-add": (
        {"add": ["CAP_SYS_PTRACE"]},
        SETS | {("system calls", "errno(EPERM)")},  # fewer: Docker's filter lets more through
        {"capability-CAP_SYS_PTRACE"},
    ),
    "seccomp=unconfined": (
        {"seccomp": False},
        {("system calls", row) for row in FILTERED},
        {"no-seccomp"},
    ),
}


class TestNetwork:
    @pytest.mark.requires_iproute2
    def test_interface_and_what_the_host_has_of_it(self, container: Container) -> None:
        words = ["ip", "link", "add", "orlop-v", "type", "veth", "peer", "name", "eth7", "netns"]
        subprocess.run([*words, str(container.pid)], check=True)
        try:
            section = proof_of(container).section("network")
            assert "veth" in section.row("interface eth7").observed
            assert "other end orlop-v, host" in section.row("interface eth7").observed
            assert "veth" in section.row("on the host: orlop-v").observed
        finally:
            subprocess.run(["ip", "link", "del", "orlop-v"], check=True)


class TestNegativeControls:
    @pytest.mark.parametrize("flag", CONTROLS)
    def test_exactly_the_predicted_rows(
        self, runtime: Runtime, bundle: BundleFactory, flag: str
    ) -> None:
        flags, rows, rules = CONTROLS[flag]
        usual = proof_of(runtime.start(bundle(**asked())))
        weaker = proof_of(runtime.start(bundle(**asked(**flags))))
        before, after = facts(usual), facts(weaker)
        assert {key for key in before | after if before.get(key) != after.get(key)} == rows
        assert weak(weaker) - weak(usual) == rules
        assert weak(usual) <= weak(weaker)
        assert mismatches(weaker) == set()

    def test_privileged(self, runtime: Runtime, bundle: BundleFactory) -> None:
        proof = proof_of(runtime.start(bundle(**asked(privileged=True))))
        assert mismatches(proof) == set()
        expected = {
            "privileged",
            "any-device",
            "no-seccomp",
            "capability-CAP_SYS_ADMIN",
            "capability-CAP_SYS_MODULE",
            "unmasked-paths",
            "writable-proc-paths",
            "writable-sysfs",
            "writable-cgroups",
        }
        assert expected <= weak(proof)
        assert proof.weaknesses[0].rule == "privileged"

    def test_not_asked_but_there(self, runtime: Runtime, bundle: BundleFactory) -> None:
        """The configuration is what counts, not what the runtime has made of it."""
        container = runtime.start(bundle(**asked(host=["pid"], seccomp=False)))
        path = runtime.root / container.id / "config.json"
        config = json.loads(path.read_text())
        config["linux"]["namespaces"].append({"type": "pid"})
        config["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW"}
        config["process"]["noNewPrivileges"] = True
        config["process"]["capabilities"]["bounding"].remove("CAP_CHOWN")
        config["process"]["user"]["uid"] = 7
        path.write_text(json.dumps(config))
        assert mismatches(proof_of(container)) == {
            "pid",
            "seccomp",
            "no_new_privs",
            "bounding",
            "user of the first process",
        }


# --- targets --------------------------------------------------------------------------------


@contextmanager
def running(*words: str) -> Iterator[int]:
    """A process that waits; its PID."""
    command = subprocess.Popen(
        [*words, "sh", "-c", "echo ready; exec sleep 1000"], stdout=subprocess.PIPE
    )
    try:
        assert command.stdout is not None
        with command.stdout as out:
            assert out.readline() == b"ready\n"
            yield command.pid
    finally:
        command.kill()
        command.wait()


class TestTargets:
    def test_this_process(self) -> None:
        proof = prove(resolve(f"pid:{os.getpid()}"))
        assert proof.holds
        found = {row.observed.split(",")[0] for row in proof.section("namespaces").rows}
        assert found == {"the host's"}
        assert {"host-pid", "host-mount-namespace"} <= weak(proof)

    def test_unshared_process(self) -> None:
        with running("unshare", "--net", "--uts", "--mount") as pid:
            proof = prove(resolve(f"pid:{pid}"))
        own = {row.what for row in proof.section("namespaces").rows if "its own" in row.observed}
        assert own == {"network", "uts", "mount"}
        assert "host-root" in weak(proof)
        assert not weak(proof) & {"host-network", "host-uts", "host-mount-namespace"}

    def test_process_in_a_chroot(self, rootfs_template: RootfsTemplate, workspace: Path) -> None:
        root = rootfs_template.copy_to(workspace / "root")
        with running("unshare", "--mount", "chroot", str(root)) as pid:
            section = prove(resolve(f"pid:{pid}")).section(mounts.NAME)
        assert "chroot" in section.row("paths by descriptor").observed

    def test_processes_below(self) -> None:
        with running("sh", "-c", 'sleep 1000 & "$@"', "sh") as pid:
            members = prove(resolve(f"pid:{pid}")).facts.members
        assert (members[0].status.pid, members[0].depth) == (pid, 0)
        assert {member.status.name for member in members} >= {"sh", "sleep"}
        subprocess.run(["kill", *(str(m.status.pid) for m in members[1:])], check=False)

    def test_a_pid_that_belongs_to_another_by_now(self) -> None:
        me = processes.identify(os.getpid())
        stale = Target("pid:1", "process", me.replace(start_ticks=me.start_ticks - 1))
        with pytest.raises(NotFound):
            prove(stale)

    def test_process_that_ends_while_it_is_read(self, monkeypatch: pytest.MonkeyPatch) -> None:
        child = subprocess.Popen(["sleep", "1000"])
        target = resolve(f"pid:{child.pid}")
        read = snapshot.read_snapshot

        def read_and_kill() -> snapshot.Snapshot:
            found = read()
            child.kill()
            os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
            return found

        monkeypatch.setattr(reading, "read_snapshot", read_and_kill)
        with pytest.raises(NotFound, match="meanwhile|exist"):
            prove(target)
        child.wait()

    def test_ordinary_user(self, container: Container) -> None:
        """What may be read is told, and what is missing is said."""
        target = Target("x", "process", processes.identify(container.pid))
        told = as_user(65534, lambda: verdicts(prove(target)))
        assert told["namespaces", "pid"] == ["unreadable", "needs CAP_SYS_PTRACE over the process"]
        assert told["capabilities", "bounding"][0] == "not asked"
        assert told["control groups", "tasks"][1] == "50 tasks"


def verdicts(proof: Proof) -> list[list[str]]:
    names = ("as asked", "mismatch", "not asked", "unreadable")
    return [
        [section.name, row.what, names[row.verdict], row.observed]
        for section in proof.sections
        for row in section.rows
    ]


def as_user(uid: int, work: Callable[[], list[list[str]]]) -> dict[tuple[str, str], list[str]]:
    """What the work gives if an ordinary user does it, by its first two words."""
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            with os.fdopen(write_end, "w") as stream:
                json.dump(work(), stream)
            status = 0
        finally:
            os._exit(status)
    os.close(write_end)
    with os.fdopen(read_end) as stream:
        text = stream.read()
    assert os.waitpid(pid, 0)[1] == 0
    return {(section, what): rest for section, what, *rest in json.loads(text)}


@pytest.fixture(scope="module")
def daemon(session_directory: Path, rootfs_template: RootfsTemplate) -> Iterator[Docker]:
    need("docker")
    directory = session_directory / "docker-proof"
    directory.mkdir()
    image = archive(rootfs_template, directory)
    with running_daemon(directory, program_under_test(), image) as docker:
        yield docker


class TestDocker:
    @pytest.fixture
    def docker(
        self, daemon: Docker, session_directory: Path, monkeypatch: pytest.MonkeyPatch
    ) -> Iterator[Docker]:
        """The daemon as docker's own command finds it."""
        monkeypatch.setenv("DOCKER_HOST", f"unix://{session_directory}/docker-proof/docker.sock")
        yield daemon
        daemon.remove_all()

    def test_container_of_runc(self, docker: Docker, workspace: Path) -> None:
        limits = ["--memory", "64m", "--pids-limit", "50", "--cpus", "0.5"]
        always = ["run", "-d", "--network", "none", *limits]
        docker(*always, "--name", "good", "--read-only", IMAGE, "probe", "wait").ok()
        docker(
            *always, "--name", "bad", "--pid", "host", "--cap-add", "SYS_ADMIN",
            "-v", f"{workspace}/docker.sock:/run/docker.sock", "-v", f"{workspace}:/host",
            IMAGE, "probe", "wait",
        ).ok()  # fmt: skip
        good, bad = (prove(resolve(f"docker:{name}")) for name in ("good", "bad"))
        assert (mismatches(good), mismatches(bad)) == (set(), set())
        assert good.target.asked is not None
        assert weak(good) <= {"host-cgroup-namespace", "unmasked-paths", "weak-seccomp"}
        assert weak(bad) >= {"host-pid", "capability-CAP_SYS_ADMIN", "writable-root"}
        change = cgroups.of_process(good.target.process.pid, "pids") / "pids.max"
        change.write_text("60")
        assert mismatches(prove(resolve("docker:good"))) == {"tasks"}


# --- the command ----------------------------------------------------------------------------


class TestCommand:
    def test_it_holds(self, container: Container, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["proof", "--root", str(container.runtime.root), container.id]) == 0
        out = capsys.readouterr().out
        assert "everything that can be read is as it was asked" in out
        assert "MISMATCH" not in out
        assert max(map(len, out.splitlines())) <= 100

    def test_it_does_not(self, container: Container, capsys: pytest.CaptureFixture[str]) -> None:
        CHANGES["pids"][0](container)
        root = str(container.runtime.root)
        assert main(["proof", "--root", root, container.id]) == DIFFERENT
        assert "MISMATCH: 1 fact not as asked" in capsys.readouterr().out
        assert main(["proof", "--json", "--root", root, container.id]) == DIFFERENT
        (proof,) = json.loads(capsys.readouterr().out)["proofs"]
        assert proof["holds"] is False
        wrong = [
            row["what"]
            for section in proof["sections"]
            for row in section["rows"]
            if row["verdict"] == "mismatch"
        ]
        assert wrong == ["tasks"]

    def test_one_of_several_is_not_there(
        self, container: Container, capsys: pytest.CaptureFixture[str]
    ) -> None:
        root = str(container.runtime.root)
        status = main(["proof", "--json", "--root", root, container.id, "nobody"])
        captured = capsys.readouterr()
        assert status == FAILED
        assert "nobody" in captured.err
        assert [proof["name"] for proof in json.loads(captured.out)["proofs"]] == [container.id]

    def test_dead_process(self, capsys: pytest.CaptureFixture[str]) -> None:
        child = subprocess.Popen(["true"])
        child.wait()
        assert main(["proof", f"pid:{child.pid}"]) == FAILED
        assert "does not exist" in capsys.readouterr().err
