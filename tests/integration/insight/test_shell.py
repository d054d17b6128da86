"""The shell script of a start, run: its container beside the one that orlop starts from the same.

Both run the same report inside. All of it is compared, but for what has to differ between any two
containers, as inode numbers.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from orlop.insight.planning import plan_of_bundle
from orlop.insight.shell import script
from orlop.intent import host_image
from orlop.intent.compose import compose
from orlop.intent.flags import parse_run
from orlop.intent.host_facts import HostFacts, read_host_facts
from orlop.intent.preparation import MakeHostImage
from orlop.intent.start import begin, plan_of
from orlop.launch.plan import STAY
from orlop.runtime.lifecycle.delete import delete
from orlop.runtime.state import Store
from tests.integration.support import mountinfo
from tests.integration.support.bundles import REMOVE, Bundle, BundleFactory, Json
from tests.integration.support.processes import parse_status
from tests.integration.support.rootfs import RootfsTemplate, hand_over
from tests.integration.support.runtimes import Result, Runtime, execute

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_iproute2]

NAMESPACES = ("cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts")
STATUS = (
    *("Umask", "Uid", "Gid", "Groups", "NoNewPrivs", "Seccomp", "Seccomp_filters"),
    *("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "SigBlk"),
    *("Cpus_allowed", "Mems_allowed_list", "NSpid"),
)
CGROUPS = "/cg"
"""Where containers find all cgroup hierarchies of the host."""
V2_LIMITS = ("memory.max", "memory.low", "pids.max", "cpu.max", "cpu.weight")
LIMITS = (
    *("memory/memory.limit_in_bytes", "memory/memory.soft_limit_in_bytes"),
    *("pids/pids.max", "cpu/cpu.shares", "cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us"),
    *("cpuset/cpuset.cpus", "cpuset/cpuset.mems", "devices/devices.list"),
)
# Sections of lines; what it asks of /proc is asked about itself, PID $$.
REPORT = f"""
exec 2>&1
echo @status; cat /proc/$$/status
echo @namespaces; for ns in {" ".join(NAMESPACES)}; do readlink /proc/$$/ns/$ns; done
echo @mounts; cat /proc/$$/mountinfo
echo @modes; cut -d' ' -f5 /proc/$$/mountinfo | while read -r target; do
  stat -c '%n %F %a %u:%g' "$(printf %b "$target")"
done
echo @limits; cat /proc/$$/limits
echo @environment; tr '\\0' '\\n' < /proc/$$/environ
echo @oom; cat /proc/$$/oom_score_adj
echo @names; hostname; cat /proc/sys/kernel/domainname
echo @directory; readlink /proc/$$/cwd
echo @descriptors; ls /proc/$$/fd
echo @session; cut -d' ' -f1,6,7 < /proc/$$/stat
echo @labels; cat /proc/$$/attr/current
echo @cgroup; cat /proc/$$/cgroup
echo @limit-files
for file in {" ".join(LIMITS)}; do
  echo $file; cat {CGROUPS}/${{file%%/*}}/$CGROUP/${{file##*/}}
done
for file in {" ".join(V2_LIMITS)}; do echo $file; cat {CGROUPS}/$CGROUP/$file; done
echo @tasks; wc -l {CGROUPS}/pids/$CGROUP/tasks {CGROUPS}/$CGROUP/cgroup.procs
echo @dev; find /dev -exec stat -c '%n %F %a %u:%g %t,%T %N' {{}} ';'
echo @interfaces; cat /proc/net/dev | cut -d: -f1; cat /proc/net/if_inet6
echo @sysctls; cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/shmmni
echo @etc; cat /etc/hosts /etc/hostname /etc/resolv.conf
echo @scheduling; probe scheduling; probe io-priority; probe memory-policy
echo @clocks; probe clocks
echo @keyring; probe keyring
echo @writable; for path in / /tmp /proc/sys/kernel/shmmni /data; do
  [ -w $path ] && echo $path
done
echo @end
"""


class Report(NamedTuple):
    """What a container has said of itself, without what differs between any two."""

    sections: dict[str, Any]

    def differences(self, other: Report) -> dict[str, Any]:
        """What is in the one only and in the other only, by section."""
        ours, theirs = self.sections, other.sections
        return {
            name: (only(ours[name], theirs[name]), only(theirs[name], ours[name]))
            for name in ours
            if ours[name] != theirs[name]
        }


def only(one: Any, other: Any) -> Any:
    """The lines, or else the value, of the first that the second has not."""
    return [line for line in one if line not in other] if isinstance(one, list) else one


def parse(result: Result, keyring: str) -> Report:
    """The report in a container's output; `keyring` is the test's own session keyring."""
    assert "@end" in result.out, f"there is no complete report: {result}"
    sections: dict[str, Any] = {}
    for part in result.out.partition("@end")[0].split("@")[1:]:
        name, _, text = part.partition("\n")
        sections[name] = text.splitlines()
    status = parse_status("\n".join(sections["status"]))
    pid = status["Pid"]
    host = {os.readlink(f"/proc/self/ns/{kind}") for kind in os.listdir("/proc/self/ns")}
    sections["status"] = {key: status.get(key, "").replace(pid, "PID") for key in STATUS}
    sections["namespaces"] = [
        name if name in host else name.partition(":")[0] for name in sections["namespaces"]
    ]
    sections["mounts"] = sorted(map(mount, mountinfo.parse("\n".join(sections["mounts"]))))
    sections["environment"].sort()
    sections["session"] = [word == pid for word in " ".join(sections["session"]).split()]
    sections["clocks"] = [ahead(*line.split()) for line in sections["clocks"]]
    sections["keyring"] = sections["keyring"] == [keyring]
    sections["dev"].sort()
    sections["modes"].sort()
    return Report(sections)


def ahead(clock: str, seconds: str) -> int:
    """How far a container's clock runs ahead of the host's, in thousands of seconds."""
    now = time.clock_gettime(getattr(time, f"CLOCK_{clock.upper()}"))
    return round((int(seconds) - now) / 1000)


def mount(point: mountinfo.MountPoint) -> tuple[Any, ...]:
    """A mount without its numbers, and without the mode that one has given and one has set."""
    peers = sorted(word.partition(":")[0] for word in point.propagation)
    of_filesystem = [word for word in point.super_options if not word.startswith("mode=")]
    options = sorted(point.options), sorted(of_filesystem)
    return (point.target, point.fstype, point.source, point.root, *options, peers)


# --- from flags -------------------------------------------------------------------------------

FLAGS = (
    "",
    "--read-only --tmpfs /run:size=1m,exec,mode=1770 --tmpfs /tmp --domainname d -e 'A=b $(c)'",
    "--user 1000:1001 --group-add 5 --cap-add NET_ADMIN --cap-drop CHOWN -w /home/tester",
    "--user 1000 --cap-drop ALL --security-opt no-new-privileges -w /root/new/place",
    "--cap-drop ALL --cap-add CHOWN --security-opt seccomp=unconfined --hostname box",
    "--privileged",
    "--privileged --user 1000 --security-opt no-new-privileges",
    "--network host --pid host --ipc host --uts host --cgroupns host",
    "--memory 64m --memory-reservation 32m --cpus 1.5 --cpu-shares 512 --pids-limit 99"
    " --cpuset-cpus 0 --oom-score-adj 500",
    "--ulimit nofile=100:200 --ulimit core=0 --ulimit nproc=77 --shm-size 2m"
    " --sysctl net.ipv4.ip_forward=1 --sysctl kernel.shmmni=99",
    "--device /dev/full:/dev/x:r --security-opt systempaths=unconfined",
    "-v DATA:/data:ro -v 'DATA/a file':/var/run/file --mount type=bind,src=/usr,dst=/e,"
    "bind-nonrecursive,readonly --mount type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=1700",
    "--pids-limit 4 --memory 8m --dns 10.0.0.1 --dns-search example.com --add-host db:10.0.0.7",
)


@pytest.fixture(scope="module")
def host() -> HostFacts:
    return read_host_facts()


@pytest.fixture
def keyring(rootfs_template: RootfsTemplate) -> str:
    return execute([str(rootfs_template.probe), "keyring"]).out.strip()


@pytest.fixture
def data(workspace: Path) -> Path:
    """A directory to be shared, with an odd name in it."""
    directory = workspace / "da ta"
    directory.mkdir()
    (directory / "a file").write_text("content\n")
    return directory


@pytest.fixture
def image(workspace: Path, rootfs_template: RootfsTemplate) -> Path:
    """A root file system in which /var/run is a link, as in most."""
    root = rootfs_template.copy_to(workspace / "image")
    (root / "run").mkdir()
    (root / "var/run").symlink_to("/run")
    return root


ON_V2 = "WARNING: without the device filter: on cgroup v2"


def run_script(text: str, workspace: Path, *, lacks: str = "") -> Result:
    """Runs a script; it complains of nothing but what it lacks."""
    file = workspace / "script"
    file.write_text(text)
    result = execute(["bash", str(file)])
    complaints = [line for line in result.err.splitlines() if ON_V2 not in line]
    assert len(complaints) == bool(lacks), result
    assert all(lacks in line for line in complaints), result
    return result


@pytest.mark.parametrize("flags", FLAGS)
def test_the_same_container_from_flags(
    flags: str, workspace: Path, host: HostFacts, image: Path, data: Path, keyring: str
) -> None:
    name = workspace.name
    words = [word.replace("DATA", str(data)) for word in shlex.split(flags)]
    words += ["-v", f"/sys/fs/cgroup:{CGROUPS}:ro", "-e", f"CGROUP={name}"]
    words += [] if "--network" in words else ["--network", "none"]
    words += ["--cgroup-parent", "/", str(image), "/bin/sh", "-c", REPORT]
    composed = compose(parse_run(words), host, name, data_root=str(workspace / "data"))

    store = Store(str(workspace / "state"))
    output = workspace / "output"
    with output.open("wb") as file, open("/dev/null") as null:
        stdio = (null.fileno(), file.fileno(), file.fileno())
        try:
            with begin(composed, store, pytest.fail, flags=STAY, stdio=stdio) as launch:
                status = launch.wait_exit()
        finally:
            delete(store, name, force=True)
    real = parse(Result(("orlop",), status, output.read_text(), ""), keyring)

    execute(["rm", "-rf", "--one-file-system", str(workspace / "data/containers")]).ok()
    text = script(plan_of(composed), composed.origins, composed.preparations, composed.directory)
    made = parse(run_script(text, workspace).ok(), keyring)
    assert real.differences(made) == {}


def tree(directory: Path) -> list[str]:
    """What is in a directory, in all of its depth: names, modes, owners, devices, targets."""
    found = execute(["find", str(directory), "-printf", "%P %M %U:%G %l\n"]).ok().lines()
    nodes = execute(
        ["find", str(directory), "-type", "c", "-exec", "stat", "-c", "%t:%T", "{}", "+"]
    )
    return sorted(found) + nodes.lines()


def test_the_image_of_the_host(workspace: Path, host: HostFacts) -> None:
    command = ["sh", "-c", "cat /etc/shadow; ls -d /home /bin/env"]
    request = parse_run(["--network", "none", "--cgroup-parent", "/", "host", *command])
    composed = compose(request, host, workspace.name, data_root=str(workspace / "data"))
    text = script(plan_of(composed), composed.origins, composed.preparations, composed.directory)
    (workspace / "script").write_text(text)
    result = execute(["bash", str(workspace / "script")])
    assert result.lines() == ["/bin/env", "/home"]
    assert result.err.splitlines() == ["cat: /etc/shadow: No such file or directory"]

    (made,) = (one for one in composed.preparations if isinstance(one, MakeHostImage))
    host_image.make(made.facts, str(workspace / "image"))
    assert tree(Path(made.path)) == tree(workspace / "image")


# --- from configurations ----------------------------------------------------------------------

MAPS = {
    "uidMappings": [
        {"containerID": 0, "hostID": 100_000, "size": 2000},
        {"containerID": 2000, "hostID": 102_000, "size": 63_536},
    ],
    "gidMappings": [{"containerID": 0, "hostID": 200_000, "size": 65_536}],
}
HIDDEN = {
    "maskedPaths": ["/proc/keys", "/proc/acpi", "/sys/firmware", "/etc/group", "/var/run/x", "/no"],
    "readonlyPaths": ["/proc/sys", "/proc/sysrq-trigger", "/tmp", "/no"],
}
CGROUP_MOUNT = {
    "destination": "/sys/fs/cgroup",
    "type": "cgroup",
    "source": "cgroup",
    "options": ["nosuid", "noexec", "nodev", "relatime", "ro"],
}


def bind(source: str, destination: str, *options: str) -> Json:
    return {"destination": destination, "type": "bind", "source": source, "options": [*options]}


def tmpfs(destination: str, *options: str) -> Json:
    return {"destination": destination, "type": "tmpfs", "source": "t", "options": [*options]}


def capabilities(**sets: str) -> Json:
    """The five sets: those that are not named are empty."""
    kinds = ("bounding", "effective", "permitted", "inheritable", "ambient")
    return {kind: [f"CAP_{name}" for name in sets.get(kind, "").split()] for kind in kinds}


class Configuration(NamedTuple):
    """What a configuration has besides the base; DATA in mounts is a directory of the test.

    `lacks` is what the script says that it leaves out.
    """

    name: str
    namespaces: dict[str, Any] = {}  # noqa: RUF012 - nobody changes it
    mounts: tuple[Json, ...] = ()
    changes: Json = {}  # noqa: RUF012 - nobody changes it
    lacks: str = ""


LINK = "link of bind mounts to the host"
CONFIGURATIONS = (
    Configuration(
        "base",
        {"cgroup": None},
        (CGROUP_MOUNT,),
        {
            "linux": {
                "resources": {
                    "memory": {"limit": 64 << 20},
                    "pids": {"limit": 50},
                    "cpu": {"shares": 512, "quota": 50_000, "period": 100_000},
                }
            }
        },
    ),
    Configuration(
        "user namespace",
        {"user": None, "cgroup": None},
        (
            CGROUP_MOUNT,
            bind("DATA", "/data", "rbind", "ro", "nosuid"),
            bind("DATA/a file", "/etc/passwd", "bind"),
            tmpfs("/tmp", "tmpcopyup"),
        ),
        {
            "linux": {**MAPS, **HIDDEN},
            "process": {
                "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200}],
                "user": {"uid": 5, "gid": 6, "additionalGids": [7]},
                "capabilities": capabilities(bounding="KILL", permitted="KILL"),
            },
        },
    ),
    Configuration(
        "root of a user namespace",
        {"user": None, "time": None},
        (),
        {
            "linux": {
                **MAPS,
                "timeOffsets": {"monotonic": {"secs": 500_000}, "boottime": {"secs": 700_000}},
            },
        },
    ),
    Configuration(
        "mounts",
        {"cgroup": REMOVE},
        (
            CGROUP_MOUNT,
            tmpfs("/etc", "tmpcopyup", "ro", "nosuid"),
            tmpfs("/home", "size=1m"),
            tmpfs("/var/new place", "mode=1711", "noatime"),
            bind("DATA", "/var/run/sub", "rbind", "rslave"),
            bind("DATA", "/d", "bind", "ro", "nodev", "noexec", "private"),
            bind("DATA/a file", "/dev/file", "bind"),
            bind("/sys/fs/cgroup", "/rro", "rbind", "rro"),
            {"destination": "/home", "type": "none", "options": ["remount", "ro", "noexec"]},
        ),
        {
            "root": {"readonly": True},
            "linux": {
                **HIDDEN,
                "rootfsPropagation": "rshared",
                "devices": [
                    {"path": "/dev/pipe", "type": "p", "fileMode": 0o622, "uid": 3, "gid": 4},
                    {"path": "/dev/deep/full", "type": "c", "major": 1, "minor": 7},
                    {"path": "/dev/disk", "type": "b", "major": 7, "minor": 0, "fileMode": 0o600},
                ],
            },
        },
        LINK,
    ),
    Configuration("a slave root", {}, (), {"linux": {"rootfsPropagation": "slave"}}),
    Configuration(
        "ambient capabilities",
        {},
        (),
        {
            "process": {
                "user": {"uid": 1000, "gid": 1000, "umask": 0o77, "additionalGids": [1, 2]},
                "capabilities": capabilities(
                    bounding="KILL CHOWN SYS_ADMIN",
                    permitted="KILL CHOWN",
                    effective="KILL",
                    inheritable="KILL CHOWN",
                    ambient="KILL",
                ),
            },
        },
    ),
    Configuration(
        "fewer permitted than in the bounding set",
        {},
        (),
        {"process": {"capabilities": capabilities(bounding="KILL CHOWN", permitted="KILL")}},
    ),
    Configuration(
        "rights that can grow",
        {},
        (),
        {
            "process": {
                "noNewPrivileges": False,
                "capabilities": capabilities(bounding="KILL CHOWN", permitted="KILL CHOWN"),
            },
            "linux": {
                "seccomp": {
                    "defaultAction": "SCMP_ACT_ALLOW",
                    "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "errnoRet": 99}],
                }
            },
        },
    ),
    Configuration(
        "scheduling",
        {},
        (),
        {
            "process": {
                "scheduler": {"policy": "SCHED_BATCH", "nice": -3},
                "ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 6},
                "oomScoreAdj": 300,
                "rlimits": [{"type": "RLIMIT_CPU", "soft": 50, "hard": 60}],
            },
            "linux": {"personality": {"domain": "LINUX32"}},
        },
    ),
    Configuration(
        "odd words",
        {},
        (),
        {
            "process": {
                "cwd": "/home/a $(b) 'c'",
                "env": ["PATH=/bin", "A=\n'$(false) `x` \\", "B=\x01\x7f", "UID=4", "PWD=/x", "E="],
            },
            "hostname": "a_b",
            "domainname": "-n",
        },
    ),
)


@pytest.fixture
def elsewhere() -> Iterator[int]:
    """A process in namespaces of its own."""
    command = [
        "unshare",
        "--net",
        "--uts",
        "--ipc",
        "sh",
        "-c",
        "hostname there; echo; exec sleep 99",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process.pid
        process.kill()


@pytest.fixture
def configured(bundle: BundleFactory, data: Path) -> Callable[[Configuration], Bundle]:
    """Makes the bundle of a configuration."""

    def make(wanted: Configuration) -> Bundle:
        mounts = [
            {**mount, "source": mount.get("source", "").replace("DATA", str(data))}
            for mount in (*wanted.mounts, bind("/sys/fs/cgroup", CGROUPS, "rbind", "ro"))
        ]
        made = bundle(REPORT, namespaces=wanted.namespaces, mounts=mounts, **wanted.changes)
        made.config["process"]["env"].append(f"CGROUP={made.config['linux']['cgroupsPath']}")
        made.save()
        (made.rootfs / "run").mkdir()
        (made.rootfs / "var/run").symlink_to("/run")
        if "user" in wanted.namespaces:
            hand_over(made.rootfs, 100_000, 200_000)
            made.path.chmod(0o711)
        return made

    return make


def script_of(made: Bundle) -> str:
    return script(plan_of_bundle(str(made.path)).plan)


@pytest.mark.parametrize(
    "wanted",
    [
        pytest.param(wanted, id=wanted.name, marks=[pytest.mark.vm] * (wanted.name == "base"))
        for wanted in CONFIGURATIONS
    ],
)
def test_the_same_container_from_a_configuration(
    wanted: Configuration,
    configured: Callable[[Configuration], Bundle],
    runtime: Runtime,
    workspace: Path,
    keyring: str,
) -> None:
    made = configured(wanted)
    real = parse(runtime.run(made).ok(), keyring)
    result = run_script(script_of(made), workspace, lacks=wanted.lacks)
    by_hand = parse(result.ok(), keyring)
    if wanted.lacks == LINK:
        for one in (real, by_hand):
            one.sections["mounts"] = [row[:-1] for row in one.sections["mounts"]]
    assert real.differences(by_hand) == {}


def test_joined_namespaces(
    configured: Callable[[Configuration], Bundle],
    runtime: Runtime,
    workspace: Path,
    elsewhere: int,
    keyring: str,
) -> None:
    kinds = {"network": "net", "uts": "uts", "ipc": "ipc"}
    paths = {kind: f"/proc/{elsewhere}/ns/{file}" for kind, file in kinds.items()}
    made = configured(Configuration("", paths, (), {"hostname": REMOVE}))
    real = runtime.run(made).ok()
    by_hand = run_script(script_of(made), workspace, lacks="joined namespaces").ok()
    for file in kinds.values():
        assert os.readlink(f"/proc/{elsewhere}/ns/{file}") in by_hand.out
    assert "there" in by_hand.out.splitlines()
    assert parse(real, keyring).differences(parse(by_hand, keyring)) == {}


# --- hooks ------------------------------------------------------------------------------------

HOOKS = ("prestart", "createRuntime", "createContainer", "startContainer")


def test_hooks(bundle: BundleFactory, runtime: Runtime, workspace: Path, data: Path) -> None:
    def hook(kind: str) -> Json:
        where = "/data" if kind == "startContainer" else str(data)
        here = f'cd \'{where}\'; echo {kind} "$0" "$A"; readlink /proc/self/ns/uts'
        text = f"({here}; hostname; cat; echo) >> '{where}/record'"
        return {"path": "/bin/sh", "args": ["/bin/sh", "-c", text], "env": ["PATH=/bin", "A=b c"]}

    made = bundle(
        "cat /data/record",
        mounts=[bind(str(data), "/data", "bind")],
        hooks={kind: [{**hook(kind), "timeout": 20}] for kind in HOOKS[:-1]}
        | {"startContainer": [hook("startContainer")]},
    )
    real = runtime.run(made).ok().out
    (data / "record").unlink()
    by_hand = run_script(script_of(made), workspace).ok().out

    def plain(text: str) -> list[Any]:
        lines: list[Any] = [
            json.loads(line) if line.startswith("{") else line for line in text.splitlines()
        ]
        own = os.readlink("/proc/self/ns/uts")
        return [
            line | {"pid": line["pid"] > 0, "id": ""}
            if isinstance(line, dict)
            else line.replace(own, "host")
            if own in line
            else line.partition(":[")[0]
            for line in lines
        ]

    assert plain(by_hand) == plain(real)
    assert [line.split()[0] for line in by_hand.splitlines() if "b c" in line] == [*HOOKS]


# --- the script as a command ------------------------------------------------------------------


def test_stdin_and_status_are_the_programs(bundle: BundleFactory, workspace: Path) -> None:
    file = workspace / "script"
    file.write_text(script_of(bundle('read -r line; echo "<$line>"; exit 7')))
    result = execute(["bash", str(file)], stdin="a line\n")
    assert (result.out, result.err, result.status) == ("<a line>\n", "", 7)


def test_a_signal_is_reported(bundle: BundleFactory, workspace: Path) -> None:
    file = workspace / "script"
    made = bundle("kill -TERM $$", namespaces={"pid": REMOVE})
    file.write_text(script_of(made))
    assert execute(["bash", str(file)]).status == 128 + signal.SIGTERM


def test_a_script_that_is_ended_takes_its_container_along(
    bundle: BundleFactory, workspace: Path
) -> None:
    """The leak fixture looks for what it has left."""
    file = workspace / "script"
    file.write_text(script_of(bundle("probe wait")))
    with subprocess.Popen(["bash", file], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.terminate()
        assert process.wait() == 128 + signal.SIGTERM


@pytest.mark.parametrize("program", ["/no/such", "no-such", "/etc/passwd"])
def test_a_program_that_cannot_be_executed(
    program: str, bundle: BundleFactory, workspace: Path
) -> None:
    file = workspace / "script"
    file.write_text(script_of(bundle([program])))
    result = execute(["bash", str(file)])
    assert result.status == (126 if program == "/etc/passwd" else 127)
    assert program in result.err


def test_a_container_that_cannot_be_made(bundle: BundleFactory, workspace: Path) -> None:
    file = workspace / "script"
    made = bundle(mounts=[{"destination": "/x", "type": "no-such-type", "source": "none"}])
    file.write_text(script_of(made))
    execute(["bash", str(file)]).refused("mount:", "/x")


# --- the comparison itself --------------------------------------------------------------------

# What is taken out of the script, and the section of the report that has to tell.
FAULTS = (
    ("rights=(--no-new-privs)", "rights=()", "status"),
    ("--ipc", "", "namespaces"),
    ("run+=(setsid)", ":", "session"),
    ("mask /proc/keys", ":", "mounts"),
    ("protect /proc/sys\n", ":\n", "mounts"),
    ("umask 0022", "umask 0", "status"),
    ("8<&- 9>&-", "", "descriptors"),
    ("make_node /dev/full", ": /dev/full", "dev"),
    ('echo 0 > "$CGROUP_MEMORY/tasks"', ":", "cgroup"),
    ("run+=(perl", "without=(perl", "keyring"),
)


@pytest.mark.requires_cgroup_v1
@pytest.mark.parametrize(("text", "instead", "section"), FAULTS)
def test_a_fault_is_noticed(
    text: str,
    instead: str,
    section: str,
    configured: Callable[[Configuration], Bundle],
    runtime: Runtime,
    workspace: Path,
    keyring: str,
) -> None:
    made = configured(Configuration("", {}, (), {"linux": HIDDEN}))
    right = script_of(made)
    assert text in right
    real = parse(runtime.run(made).ok(), keyring)
    by_hand = parse(run_script(right.replace(text, instead), workspace).ok(), keyring)
    assert section in real.differences(by_hand)
