"""Flags mean what they mean to Docker: the same words, and the two configurations side by side.

What differs is in a table with reasons, and each entry says exactly what the difference is.
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from orlop.errors import OrlopError
from orlop.intent.compose import Composed, compose
from orlop.intent.flags import parse_run
from orlop.intent.host_facts import HostFacts, read_host_facts
from orlop.intent.start import begin
from orlop.kernel.capabilities import NAMES
from orlop.launch.executor import sealed_launcher
from orlop.launch.plan import STAY
from orlop.runtime.config_document import document
from orlop.runtime.lifecycle.delete import delete
from orlop.runtime.state import Store
from tests.integration.intent.conftest import Composer
from tests.integration.support.rootfs import RootfsTemplate

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_docker]

CASES = (
    "--network none",
    "--network none -t -e A=b -e PATH=/x -e NOWHERE -w /work --entrypoint /bin/x --hostname h",
    "--network none --user 1000:1000 --group-add 5 --cap-add NET_ADMIN --cap-drop CHOWN",
    "--network none --user 33 --cap-drop ALL --cap-add chown",
    "--network none --cap-add ALL --cap-drop CHOWN --security-opt no-new-privileges",
    "--network none --read-only --tmpfs /run:size=1m,exec,mode=1770 --domainname d",
    "--network none --privileged --device /dev/null",
    "--network none --privileged --security-opt seccomp=unconfined --cap-drop CHOWN --read-only",
    "--network none --security-opt systempaths=unconfined --security-opt seccomp=unconfined",
    "--network host --pid host --ipc host --uts host",
    "--network host --add-host db:10.0.0.7 --dns 10.0.0.1 --dns-search example.com",
    "--network none --ipc none --cgroupns private",
    "--network none --ipc shareable --cgroupns host",
    "--network none --memory 256m --memory-reservation 100m --cpus 1.5 --pids-limit 99",
    "--network none --memory 1g --memory-swap -1 --memory-swappiness 5 --oom-kill-disable",
    "--network none --memory 1g --memory-swap 3g --cpu-shares 512 --cpu-period 50000"
    " --cpu-quota 20000 --cpuset-cpus 0 --cpuset-mems 0",
    "--network none --shm-size 1m --ulimit nofile=10:20 --ulimit core=0 --oom-score-adj 5",
    "--network none --sysctl net.ipv4.ip_forward=1 --sysctl net.ipv4.ping_group_range='0 5'",
    "--network none --device /dev/full:/dev/x:r --device /dev/fuse --device-cgroup-rule 'c 7:* rw'",
    "--network none -v /usr:/b:ro --mount type=bind,src=/etc,dst=/c,bind-propagation=rslave"
    " -v /usr/bin:/d:slave --mount type=bind,src=/usr,dst=/e,bind-nonrecursive,readonly"
    " --mount type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=1700",
)
COMMAND = ("true", "a b")


# --- two configurations as paths with values --------------------------------------------------

KEYS = {
    "mounts": "destination",
    "linux.namespaces": "type",
    "linux.devices": "path",
    "process.rlimits": "type",
}
UNORDERED = ("options", "bounding", "effective", "permitted", "Paths", "additionalGids")
LEFT_OUT = ("linux.seccomp",)  # the profiles have their own test; here only whether there is one


def flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Each value by its path; entries of lists that have a name are known by it."""
    if path in LEFT_OUT:
        yield path, "a profile"
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from flat(item, f"{path}.{key}" if path else key)
    elif path in KEYS:
        for item in value:
            name = item[KEYS[path]]
            yield f"{path}[{name}]", name
            yield from flat(item, f"{path}[{name}]")
    elif isinstance(value, list):
        yield path, sorted(value) if path.endswith(UNORDERED) else value
    else:
        yield path, value


# --- what is different on purpose -------------------------------------------------------------

Difference = Callable[[Any, Any], bool]


def absent(theirs: Any, _: Any) -> bool:
    return theirs is None


def another_place(theirs: Any, ours: Any) -> bool:
    return str(theirs).rsplit("/", 1)[-1] == str(ours).rsplit("/", 1)[-1]


def more_than(theirs: Any, ours: Any) -> bool:
    return set(theirs) < set(ours)


def of_options(known: set[str]) -> Difference:
    """Ours have these in addition, or theirs have."""
    return lambda theirs, ours: set(theirs) ^ set(ours) <= known


NEWER = {"CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE"}


def newer_capabilities(theirs: Any, ours: Any) -> bool:
    # Also what this root does not have itself: dockerd gives it, and its runtime cannot.
    lacking = set(NAMES) - set(ours)
    return set(ours) - set(theirs) == NEWER and set(theirs) - set(ours) <= lacking


DIFFERENCES: tuple[tuple[str, str, Difference], ...] = (
    ("ociVersion", "a later specification", lambda theirs, _: theirs.startswith("1.0")),
    ("root.path", "an overlay is mounted there by the container's process", lambda *_: True),
    ("hooks.prestart", "dockerd hands the network namespace over", lambda _, ours: ours is None),
    ("linux.cgroupsPath", "below another parent", another_place),
    ("linux.namespaces[cgroup]", "also on cgroup v1", absent),
    ("linux.namespaces[cgroup].type", "also on cgroup v1", absent),
    ("linux.namespaces[network]", "dockerd joins the host's by a path", lambda _, o: o is None),
    ("linux.namespaces[network].type", "the same", lambda _, ours: ours is None),
    ("linux.namespaces[network].path", "the same", lambda _, ours: ours is None),
    ("linux.maskedPaths", "later ones of Docker's", more_than),
    ("linux.resources.pids.limit", "processes are limited", absent),
    ("linux.resources.memory.swap", "-1 instead of nothing", lambda t, o: (t, o) == (None, -1)),
    ("process.rlimits[RLIMIT_NOFILE]", "open files are limited", absent),
    ("process.rlimits[RLIMIT_NOFILE].type", "open files are limited", absent),
    ("process.rlimits[RLIMIT_NOFILE].soft", "open files are limited", absent),
    ("process.rlimits[RLIMIT_NOFILE].hard", "open files are limited", absent),
    ("process.capabilities.bounding", "what dockerd 20.10 does not know", newer_capabilities),
    ("process.capabilities.effective", "what dockerd 20.10 does not know", newer_capabilities),
    ("process.capabilities.permitted", "what dockerd 20.10 does not know", newer_capabilities),
    ("domainname", "its own field since OCI 1.0.2", absent),
    ("linux.sysctl.kernel.domainname", "its own field", lambda _, ours: ours is None),
    ("mounts[/sys/fs/cgroup].options", "the kernel's default", of_options({"relatime"})),
    ("mounts[/etc/hosts].source", "another directory", another_place),
    ("mounts[/etc/hostname].source", "another directory", another_place),
    ("mounts[/etc/resolv.conf].source", "another directory", another_place),
    ("mounts[/dev/shm].type", "a bind, for others", lambda t, o: (t, o) == ("bind", "tmpfs")),
    ("mounts[/dev/shm].source", "the same", lambda theirs, _: theirs.endswith("/mounts/shm")),
    ("mounts[/dev/shm].options", "the same", lambda theirs, _: theirs == ["rbind", "rprivate"]),
    ("mounts[/b].options", "with what is mounted below, as Docker 25", of_options({"rro"})),
    ("mounts[/t].options", "bytes", of_options({"rprivate", "size=1m", "size=1048576"})),
    ("mounts[/run].options", "bytes", of_options({"rprivate", "size=1m", "size=1048576"})),
)
SAYS_NOTHING: tuple[Any, ...] = (None, 0, False, "", [], {})
"""What dockerd writes, or leaves out, for what nobody asked."""

# Each container has these devices whatever its configuration says (runtime-spec, Default Devices);
# dockerd also denies /dev/fuse, which nothing before has allowed, and allows /dev/console.
DOCKERS_DEVICES = [
    {"allow": False, "access": "rwm"},
    *(
        {"allow": True, "type": "c", "major": major, "minor": minor, "access": "rwm"}
        for major, minor in ((1, 5), (1, 3), (1, 9), (1, 8), (5, 0), (5, 1))
    ),
    {"allow": False, "type": "c", "major": 10, "minor": 229, "access": "rwm"},
]
NOTHING_ELSE = [{"allow": False, "type": "a", "access": "rwm"}]
ALL_DEVICES = {"allow": True, "access": "rwm"}


def rules(config: dict[str, Any], usual: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The device rules after those of every container."""
    given: list[dict[str, Any]] = config["linux"]["resources"].pop("devices")
    for rule in given:
        if rule.get("type") == "a" and rule["allow"]:
            del rule["type"]
        for number in ("major", "minor"):
            if rule.get(number) == -1:  # all of them
                del rule[number]
    return given[len(usual) :] if given[: len(usual)] == usual else given


def compared(theirs: dict[str, Any], ours: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """The differences that nothing in the table explains: path, Docker's value, ours."""
    docker, orlop = dict(flat(theirs)), dict(flat(ours))
    found = {}
    for path in docker.keys() | orlop.keys():
        pair = (docker.get(path), orlop.get(path))
        same = pair[0] == pair[1] or all(value in SAYS_NOTHING for value in pair)
        if not same and not any(path == known and is_it(*pair) for known, _, is_it in DIFFERENCES):
            found[path] = pair
    return found


@pytest.fixture(scope="module")
def host() -> HostFacts:
    return read_host_facts()


def ours(host: HostFacts, words: list[str], container: str) -> Composed:
    return compose(parse_run([*words, "/image", *COMMAND]), host, container)


@pytest.mark.parametrize("flags", CASES)
def test_the_same_configuration(dockers: Composer, host: HostFacts, flags: str) -> None:
    words = shlex.split(flags)
    theirs = dockers(*words, "IMAGE", *COMMAND)
    container = theirs["linux"]["cgroupsPath"].rsplit("/", 1)[-1]
    mine = json.loads(json.dumps(document(ours(host, words, container).spec)))
    assert rules(theirs, DOCKERS_DEVICES) == rules(mine, NOTHING_ELSE)
    assert compared(theirs, mine) == {}


def test_a_difference_is_found(dockers: Composer, host: HostFacts) -> None:
    theirs = dockers("--network", "none", "--memory", "256m", "IMAGE", *COMMAND)
    container = theirs["linux"]["cgroupsPath"].rsplit("/", 1)[-1]
    mine = document(ours(host, ["--network", "none", "--memory", "257m"], container).spec)
    assert {"linux.resources.memory.limit", "linux.resources.memory.swap"} <= set(
        compared(theirs, mine)
    )


# both refuse, and nothing is made
REFUSED = (
    "--uts host --hostname h",
    "--sysctl vm.swappiness=1",
    "--memory 1m",
    "--memory 6m --memory-reservation 7m",
    "--memory-swap 1g",
    "--memory 1g --memory-swap 100m",
    "--cpus 1000",
    "--cpus 1 --cpu-quota 20000",
    "--cpu-period 10",
    "--cpu-quota 10",
    "-v /usr:/x -v /etc:/x",
    "-v /usr:/x:ro,rw",
    "-v /usr:relative",
    "-v a/b:/x",
    "-v /usr:/",
    "--tmpfs /x:nonsense",
    "--mount type=bind,src=/nowhere/at/all,dst=/x",
    "--mount type=bind,dst=/x",
    "--mount type=nonsense,dst=/x",
    "--mount type=tmpfs,src=/usr,dst=/x",
    "--device /nowhere/at/all",
    "--ulimit nofile=2:1",
    "--ulimit nonsense=1",
    "--cap-add NONSENSE",
    "--security-opt nonsense=1",
    "--security-opt seccomp=/nowhere/at/all",
    "--user 4294967296",
    "--pid nonsense",
    "--env-file /nowhere/at/all",
    "--restart nonsense",
    "--rm --restart always",
    "--stop-signal NONSENSE",
    "-p 99999:1",
    "--nonsense",
)


@pytest.mark.parametrize("flags", REFUSED)
def test_what_docker_refuses_is_refused(dockers: Composer, host: HostFacts, flags: str) -> None:
    words = shlex.split(flags)
    if "--network" not in words and "-p" not in words:
        words += ["--network", "none"]
    assert dockers.refuses(*words, "IMAGE", *COMMAND)
    with pytest.raises(OrlopError):
        ours(host, words, "c")


# --- and they run -----------------------------------------------------------------------------


class Ran(NamedTuple):
    """What a container said, and its exit status."""

    status: int
    lines: list[str]


@pytest.fixture(scope="module", autouse=True)
def launcher() -> int:
    """This process's copy of the launcher, which stays."""
    return sealed_launcher()


@pytest.fixture
def run(workspace: Path, rootfs_template: RootfsTemplate) -> Callable[..., Ran]:
    """Runs a container of the busybox root file system with these flags."""
    image = rootfs_template.copy_to(workspace / "image")
    host = read_host_facts()

    def run(flags: str, script: str, image: str = str(image)) -> Ran:
        words = [*shlex.split(flags), "--cgroup-parent", "/", image, "/bin/sh", "-c", script]
        if "--network" not in words:
            words = ["--network", "none", *words]
        request = parse_run(words)
        composed = compose(request, host, workspace.name, data_root=str(workspace / "data"))
        store = Store(str(workspace / "state"))
        to_read, to_write = os.pipe()
        with open("/dev/null") as null, os.fdopen(to_read) as output:
            stdio = (null.fileno(), to_write, to_write)
            try:
                with begin(composed, store, pytest.fail, flags=STAY, stdio=stdio) as launch:
                    os.close(to_write)
                    return Ran(launch.wait_exit(), output.read().splitlines())
            finally:
                delete(store, composed.container, force=True)

    return run


def read(*files: str) -> str:
    """A command that prints the first of these files that there is."""
    return f"cat {' '.join(files)} 2>/dev/null || true"


MEMORY = read("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
PIDS = read("/sys/fs/cgroup/pids.max", "/sys/fs/cgroup/pids/pids.max")
STATUS = "sed -nE 's/^(CapEff|CapBnd|NoNewPrivs|Seccomp):[ \t]*//p' /proc/self/status"
INSIDE = (
    ("--user 1000:2000 --group-add 5", "id -u; id -g; id -G", ["1000", "2000", "2000 5"]),
    ("--memory 64m", MEMORY, [str(64 << 20)]),
    ("--pids-limit 99", PIDS, ["99"]),
    ("", PIDS, ["4096"]),
    ("--hostname box --domainname d", "hostname; cat /etc/hostname", ["box", "box"]),
    ("-e A=b -e B= -w /new/place", 'echo "$A$B"; pwd', ["b", "/new/place"]),
    ("--ulimit nofile=10:20", "ulimit -Sn; ulimit -Hn", ["10", "20"]),
    ("--oom-score-adj 500", "cat /proc/self/oom_score_adj", ["500"]),
    ("--sysctl net.ipv4.ip_forward=1", "cat /proc/sys/net/ipv4/ip_forward", ["1"]),
    ("--add-host db:10.0.0.7", "grep -w db /etc/hosts", ["10.0.0.7\tdb"]),
    ("--tmpfs /t:size=1m,mode=1770", "stat -c %a /t; df -k /t | sed 1d | tr -s ' ' | cut -d' ' -f2",
     ["1770", "1024"]),
    ("--shm-size 2m", "df -k /dev/shm | sed 1d | tr -s ' ' | cut -d' ' -f2", ["2048"]),
    ("--read-only", "touch /x 2>/dev/null || echo refused; touch /dev/shm/x && echo fine",
     ["refused", "fine"]),
    ("-v /usr:/u:ro", "touch /u/x 2>/dev/null || echo refused", ["refused"]),
    ("-v /etc/os-release:/x:ro", "test -f /x && test -s /x && echo file", ["file"]),
    ("-v /usr:/u:rslave -v /usr:/w:rshared", "ls -d /u/bin /w/bin", ["/u/bin", "/w/bin"]),
    ("--ipc none", "ls -d /dev/shm 2>/dev/null || echo none", ["none"]),
    ("--cap-drop ALL --security-opt no-new-privileges", STATUS,
     ["0" * 16, "0" * 16, "1", "2"]),
    ("--cap-drop ALL --cap-add chown --security-opt seccomp=unconfined", STATUS,
     [f"{1:016x}", f"{1:016x}", "0", "0"]),
    ("--device /dev/fuse:/dev/x:r", "true < /dev/x && echo read; { true > /dev/x; } 2>&1; true",
     ["read", "/bin/sh: can't create /dev/x: Operation not permitted"]),
    ("--privileged", "ls /dev/fuse; grep -c 'sysfs rw' /proc/mounts; head -c1 /proc/timer_list",
     ["/dev/fuse", "1", "T"]),
)  # fmt: skip


@pytest.mark.parametrize(("flags", "script", "expected"), INSIDE)
def test_inside(run: Callable[..., Ran], flags: str, script: str, expected: list[str]) -> None:
    ran = run(flags, script)
    assert ran.lines == expected
    assert ran.status == 0


def test_the_image_is_never_changed(run: Callable[..., Ran], workspace: Path) -> None:
    assert run("", "touch /new && rm /bin/probe && ls /new").lines == ["/new"]
    assert not (workspace / "image/new").exists()
    assert (workspace / "image/bin/probe").exists()
    assert (workspace / f"data/containers/{workspace.name}/layers/root.upper/new").exists()


def test_the_image_host(run: Callable[..., Ran]) -> None:
    script = "ls -A /root /home; touch /usr/from-inside && ls /usr/from-inside /etc/shadow 2>&1"
    assert run("", script, "host").lines == [
        "/home:",
        "",
        "/root:",
        "ls: cannot access '/etc/shadow': No such file or directory",
        "/usr/from-inside",
    ]
    assert not Path("/usr/from-inside").exists()


def test_joining_by_path(run: Callable[..., Ran]) -> None:
    kinds = {"network": "net", "ipc": "ipc", "uts": "uts", "pid": "pid"}
    flags = " ".join(f"--{kind} path:/proc/self/ns/{file}" for kind, file in kinds.items())
    ran = run(flags, "for kind in net ipc uts pid mnt; do readlink /proc/self/ns/$kind; done")
    own = [os.readlink(f"/proc/self/ns/{file}") for file in (*kinds.values(), "mnt")]
    assert ran.lines[:4] == own[:4]
    assert ran.lines[4] != own[4]
