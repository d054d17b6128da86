"""What a test may need of the machine, by name: one table, one probe each.

A test says `@pytest.mark.requires_NAME`; `tests/conftest.py` skips it where the probe finds
something missing. The environment variable ORLOP_REQUIRE turns these skips into failures: a comma
list of names, of the groups below (`host`, `vm`), or `all`.

A fixture that needs something asks `need("name")` itself.
"""

from __future__ import annotations

import functools
import os
import shutil
import socket
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CGROUP_ROOT = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Precondition:
    """One thing that a machine has or lacks.

    Attributes:
        what: the sentence for people, "needs " goes before it.
        missing: returns why it is missing, "" if it is there.
        vm_only: true for what this project's tests find in the virtual machine (tests/vm)
            and not on the machine that they are developed on; tests that need it run there.
    """

    what: str
    missing: Callable[[], str]
    vm_only: bool = False


def _root() -> str:
    return "" if os.geteuid() == 0 else "not root"


def _programs(*names: str) -> Callable[[], str]:
    def probe() -> str:
        return ", ".join(f"no {name} on PATH" for name in names if not shutil.which(name))

    return probe


def _static_busybox() -> str:
    path = shutil.which("busybox")
    if not path:
        return "no busybox on PATH"
    return "busybox is not static" if b"/ld-linux" in Path(path).read_bytes() else ""


def _mounted(fstype: str, at: str | None = None) -> bool:
    lines = Path("/proc/self/mounts").read_text().splitlines()
    rows = [line.split() for line in lines]
    return any(row[2] == fstype and (at is None or row[1] == at) for row in rows)


def _cgroup_v1() -> str:
    return "" if _mounted("cgroup") else "no cgroup v1 hierarchy is mounted"


def _cgroup_v2() -> str:
    if not _mounted("cgroup2", str(CGROUP_ROOT)):
        return f"no cgroup2 file system at {CGROUP_ROOT}"
    controllers = (CGROUP_ROOT / "cgroup.controllers").read_text().split()
    lacking = {"memory", "pids", "cpu"}.difference(controllers)
    return f"no cgroup v2 controller {', '.join(sorted(lacking))}" if lacking else ""


def _v2_controllers() -> str:
    rows = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    mounts = [Path(row[1]) for row in rows if row[2] == "cgroup2"]
    there = any((mount / "cgroup.controllers").read_text().strip() for mount in mounts)
    return "" if there else "no cgroup v2 hierarchy with a controller for the tests"


def _cgroup_cpuset() -> str:
    names = {line.split(":")[1] for line in Path("/proc/self/cgroup").read_text().splitlines()}
    unified = CGROUP_ROOT / "cgroup.controllers"
    known = unified.read_text().split() if unified.exists() else ",".join(names).split(",")
    return "" if "cpuset" in known else "no cpuset controller"


def _apparmor() -> str:
    enabled = Path("/sys/module/apparmor/parameters/enabled")
    if not enabled.exists() or enabled.read_text().strip() != "Y":
        return "AppArmor is not enabled in this kernel"
    if not Path("/sys/kernel/security/apparmor").exists():
        return "securityfs is not mounted"
    return _programs("apparmor_parser")()


def _selinux() -> str:
    if not Path("/sys/fs/selinux/enforce").exists():
        return "SELinux is not enabled in this kernel"
    context = Path("/proc/self/attr/current").read_text()
    return "" if context.count(":") >= 2 else "no SELinux policy is loaded"


def _filesystem(name: str) -> Callable[[], str]:
    def probe() -> str:
        known = Path("/proc/filesystems").read_text().split()
        return "" if name in known else f"the kernel has no {name}"

    return probe


def _namespace(name: str) -> Callable[[], str]:
    def probe() -> str:
        there = Path("/proc/self/ns", name).exists()
        return "" if there else f"the kernel has no {name} namespaces"

    return probe


def _netem() -> str:
    """Tries it: the kernel loads it as a module when somebody wants it."""
    missing = _programs("tc")()
    if missing:
        return missing
    tried = subprocess.run(
        ["tc", "qdisc", "add", "dev", "lo", "root", "netem"], check=False, capture_output=True
    )
    if tried.returncode:
        return "the kernel has no sch_netem"
    subprocess.run(["tc", "qdisc", "del", "dev", "lo", "root"], check=True)
    return ""


def _sctp() -> str:
    """Tries it, as with netem."""
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP).close()
    except OSError:
        return "the kernel has no SCTP"
    return ""


def launcher() -> Path:
    """Where the launcher is: ORLOP_LAUNCH, or the package's own directory."""
    return Path(os.environ.get("ORLOP_LAUNCH") or ROOT / "src/orlop/_bin/orlop-launch")


def _launcher() -> str:
    return "" if launcher().exists() else f"{launcher()} is not built (make -C launch)"


def _docker() -> str:
    return _programs("dockerd", "docker", "containerd", "runc")()


def _compiler() -> str:
    return _programs("gcc", "musl-gcc")()


def _virtual_machine() -> str:
    if not any(Path("/boot").glob("vmlinuz-*")):
        return "no kernel in /boot"
    return _programs("qemu-system-x86_64", "linux.uml", "busybox")()


PRECONDITIONS = {
    "root": Precondition("root", _root),
    "launcher": Precondition("the launcher", _launcher),
    "cgroup_v1": Precondition("cgroup v1 hierarchies", _cgroup_v1),
    "cgroup_v2": Precondition("a unified cgroup v2 hierarchy", _cgroup_v2, vm_only=True),
    "v2_controllers": Precondition("cgroup v2 controllers", _v2_controllers, vm_only=True),
    "cgroup_cpuset": Precondition("the cpuset controller", _cgroup_cpuset),
    "apparmor": Precondition("AppArmor", _apparmor, vm_only=True),
    "selinux": Precondition("SELinux with a policy", _selinux, vm_only=True),
    "overlay": Precondition("overlayfs", _filesystem("overlay")),
    "userns": Precondition("user namespaces", _namespace("user")),
    "timens": Precondition("time namespaces", _namespace("time")),
    "busybox": Precondition("a static busybox", _static_busybox),
    "compiler": Precondition("a C compiler with a static libc", _compiler),
    "iproute2": Precondition("ip(8)", _programs("ip")),
    "shellcheck": Precondition("shellcheck(1)", _programs("shellcheck")),
    "nftables": Precondition("nft(8)", _programs("nft")),
    "netem": Precondition("netem in the kernel", _netem, vm_only=True),
    "sctp": Precondition("SCTP in the kernel", _sctp, vm_only=True),
    "dig": Precondition("dig(1)", _programs("dig")),
    "iperf3": Precondition("iperf3(1)", _programs("iperf3")),
    "strace": Precondition("strace(1)", _programs("strace")),
    "runc": Precondition("runc", _programs("runc")),
    "crun": Precondition("crun", _programs("crun")),
    "bwrap": Precondition("bubblewrap", _programs("bwrap")),
    "podman": Precondition("podman with conmon", _programs("podman", "conmon")),
    "docker": Precondition("dockerd with its daemons and client", _docker),
    "compose": Precondition("docker-compose", _programs("docker-compose")),
    "registry": Precondition(
        "a registry, and what fills it",
        _programs("docker-registry", "skopeo", "openssl", "htpasswd"),
    ),
    "debootstrap": Precondition("debootstrap(8)", _programs("debootstrap")),
    "zsh": Precondition("zsh", _programs("zsh")),
    "fish": Precondition("fish", _programs("fish")),
    "vm": Precondition("what tests/vm needs", _virtual_machine),
}

# Names that stand for several. `host`: everything that does not have to be looked for in the
# virtual machine. `vm...`: what the tests in the machines have to find there (scripts/vm-test).
_IN_VM = ("root", "launcher", "cgroup_v2", "v2_controllers", "busybox")
GROUPS = {
    "all": tuple(PRECONDITIONS),
    "host": tuple(name for name, entry in PRECONDITIONS.items() if not entry.vm_only),
    "vm": (*_IN_VM, "apparmor", "overlay", "userns"),
    "vm-qemu": (*_IN_VM, "apparmor", "overlay", "userns", "cgroup_cpuset", "netem", "sctp"),
    "vm-selinux": (*_IN_VM, "selinux"),
}


@functools.cache
def missing(name: str) -> str:
    """Why the precondition does not hold here, "" if it does. Probed once."""
    return PRECONDITIONS[name].missing()


def required(environment: str) -> frozenset[str]:
    """The names that a value of ORLOP_REQUIRE stands for.

    Raises:
        pytest.UsageError: it has a name in it that is none.
    """
    names: set[str] = set()
    for word in filter(None, (part.strip() for part in environment.split(","))):
        if word not in GROUPS and word not in PRECONDITIONS:
            raise pytest.UsageError(f"ORLOP_REQUIRE: there is no precondition {word!r}")
        names.update(GROUPS.get(word, (word,)))
    return frozenset(names)


def need(name: str) -> None:
    """Goes on if the precondition holds; else the test is skipped, or fails if it is required."""
    why = missing(name)
    if not why:
        return
    message = f"needs {PRECONDITIONS[name].what}: {why}"
    if name in required(os.environ.get("ORLOP_REQUIRE", "")):
        pytest.fail(f"{message} (required by ORLOP_REQUIRE)", pytrace=False)
    pytest.skip(message)
