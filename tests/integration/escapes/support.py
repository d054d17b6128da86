"""What the escapes share: canaries on the host's side, and the configurations attackers like."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.integration.support.bundles import Bundle, Json
from tests.integration.support.runtimes import Container, Result, Runtime

ROUNDS = int(os.environ.get("ORLOP_TEST_ROUNDS", "1000"))
"""How often a race is tried."""

DOCKER_CAPABILITIES = [
    f"CAP_{name}"
    for name in (
        *("CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP"),
        *("NET_BIND_SERVICE", "NET_RAW", "SYS_CHROOT", "MKNOD", "AUDIT_WRITE", "SETFCAP"),
    )
]

MASKED = ["/proc/acpi", "/proc/keys", "/proc/timer_list", "/sys/firmware"]
READ_ONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]

SYSCTL = Path("/proc/sys/kernel/printk_ratelimit_burst")
"""A setting of the whole host that is harmless to lose, writable for any root without capabilities:
what the attacks aim at instead of core_pattern."""


def process(*, capabilities: list[str] | None = None, **more: Any) -> Json:
    """The `process` of a container as Docker starts it."""
    own = DOCKER_CAPABILITIES if capabilities is None else capabilities
    return {
        "capabilities": dict.fromkeys(("bounding", "effective", "permitted"), own),
        **more,
    }


def bind(source: Path, destination: str, *options: str) -> Json:
    """A bind mount of a host path."""
    return {
        "destination": destination,
        "type": "bind",
        "source": str(source),
        "options": ["rbind", *options],
    }


def inside(container_or_rootfs: Path, host_path: Path) -> Path:
    """Where a host path would be if it were resolved inside a root file system, as it should be."""
    return container_or_rootfs / str(host_path).lstrip("/")


def mounted(listing: str, source: Path | str) -> list[str]:
    """Where a bind mount of `source` is, in a text in the form of /proc/PID/mountinfo."""
    rows = [line.split() for line in listing.splitlines()]
    return [row[4] for row in rows if len(row) > 4 and row[3].endswith(str(source))]


# --- canaries -----------------------------------------------------------------------------------


def fingerprint(path: Path) -> tuple[object, ...]:
    """All that a write, a chmod, a chown, a removal or a replacement would change."""
    try:
        st = path.lstat()
    except FileNotFoundError:
        return ("absent",)
    content: object = None
    if stat.S_ISREG(st.st_mode):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
    elif stat.S_ISLNK(st.st_mode):
        content = os.readlink(path)
    elif stat.S_ISDIR(st.st_mode):
        content = tuple(sorted(os.listdir(path)))
    mode = (st.st_mode, st.st_uid, st.st_gid, st.st_rdev, st.st_ino)
    return (*mode, st.st_mtime_ns, st.st_ctime_ns, content)


class Canaries:
    """Files and directories outside of every container that no container may change.

    Attributes:
        path: the directory that holds them: `secret` (a file), `dir` (an empty directory),
            `etc/passwd` and `etc/group` (which know a user named `canary`).
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        (path / "dir").mkdir(parents=True)
        (path / "etc").mkdir()
        (path / "secret").write_text("tweet\n")
        (path / "etc/passwd").write_text("root:x:0:0::/stolen:/bin/sh\ncanary:x:4242:4242::/:\n")
        (path / "etc/group").write_text("canary:x:4242:\n")
        self._watched = [path, *path.rglob("*")]
        self._before = self._look()

    def watch(self, *paths: Path) -> None:
        """Watch further paths, as they are now."""
        self._watched += paths
        self._before = self._look()

    def _look(self) -> dict[Path, tuple[object, ...]]:
        return {path: fingerprint(path) for path in self._watched}

    def check(self) -> None:
        """Fail if one of them is not as it was.

        Raises:
            AssertionError: it names what has changed.
        """
        now = self._look()
        changed = {
            str(path): (before, now[path])
            for path, before in self._before.items()
            if now[path] != before
        }
        assert not changed, f"a container changed the host: {changed}"


# --- the host -----------------------------------------------------------------------------------

_SETTINGS = (
    SYSCTL,
    Path("/proc/sys/kernel/core_pattern"),
    Path("/proc/sys/kernel/core_uses_pid"),
    Path("/proc/sys/kernel/modprobe"),
    Path("/proc/sys/kernel/hostname"),
    Path("/proc/sys/kernel/domainname"),
    Path("/proc/sys/kernel/sysrq"),
    Path("/proc/sys/kernel/shm_rmid_forced"),
    Path("/proc/sys/net/ipv4/ip_forward"),
    Path("/sys/kernel/uevent_helper"),
)
_DEVICES = tuple(
    Path("/dev", name)
    for name in ("null", "zero", "full", "random", "urandom", "tty", "console", "ptmx")
)


def _settings() -> dict[Path, str]:
    agents = Path("/sys/fs/cgroup").glob("*/release_agent")
    found = {}
    for path in (*_SETTINGS, *agents):
        with contextlib.suppress(FileNotFoundError):
            found[path] = path.read_text()
    return found


def _devices() -> dict[str, tuple[int, ...] | None]:
    found: dict[str, tuple[int, ...] | None] = {}
    for path in _DEVICES:
        try:
            st = path.lstat()
        except FileNotFoundError:
            found[str(path)] = None
        else:
            found[str(path)] = (st.st_mode, st.st_uid, st.st_gid, st.st_rdev, st.st_ino)
    return found


def _mounts() -> list[str]:
    """The host's own mounts of what containers get instances of."""
    wanted = re.compile(r"/(proc|sys|dev)(/|$)")
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return [line for line in lines if wanted.match(line.split()[4])]


@contextlib.contextmanager
def host_untouched() -> Iterator[None]:
    """Fails if settings, devices or mounts of the host are different at the end.

    Settings are put back, so that an attack that succeeds harms nobody.
    """
    settings, devices, mounts = _settings(), _devices(), _mounts()
    try:
        yield
    finally:
        changed = {}
        for path, now in _settings().items():
            if now != settings.get(path):
                changed[str(path)] = (settings.get(path), now)
                path.write_text(settings.get(path, ""))
        assert not changed, f"a container changed settings of the host: {changed}"
        assert _devices() == devices
        assert _mounts() == mounts


class RuntimeFiles:
    """The files of which a runtime consists: its program, interpreter, launcher and libraries.

    They are put back if an attack overwrites them.
    """

    def __init__(self, program: Path, backup: Path) -> None:
        backup.mkdir()
        self._copies = {}
        for number, path in enumerate(sorted(_files_of(program))):
            self._copies[path] = backup / str(number)
            shutil.copy2(path, self._copies[path])
        self._before = {path: fingerprint(path) for path in self._copies}

    def check(self) -> None:
        """Fail if one of the files is not as it was."""
        changed = [path for path, before in self._before.items() if fingerprint(path) != before]
        for path in changed:
            fresh = path.with_name(f"{path.name}.restored")
            shutil.copy2(self._copies[path], fresh)
            fresh.replace(path)
        assert not changed, f"a container overwrote the runtime: {changed}"


def _files_of(program: Path) -> set[Path]:
    found = {program.resolve()}
    with program.open("rb") as file:
        first = file.readline(256)
    if first.startswith(b"#!"):
        found.add(Path(first[2:].split()[0].decode()).resolve())
    launcher = os.environ.get("ORLOP_LAUNCH")
    root = Path(__file__).resolve().parents[3]
    found |= {Path(launcher)} if launcher else set((root / "src/orlop/_bin").glob("*"))
    for library in ("libc.so.6", "libseccomp.so.2"):
        found |= {path.resolve() for path in Path("/usr/lib").glob(f"*-linux-gnu/{library}")}
    return found


# --- attackers ----------------------------------------------------------------------------------


def flipping(runtime: Runtime, attacker: Bundle) -> Container:
    """The attacker's container, once it exchanges the entries of its shared directory."""
    container = runtime.start(attacker)
    assert container.out.line() == "flipping"
    return container


def nothing_reached(result: Result) -> None:
    """Fail if `attack reach` found the host."""
    assert "reached" not in result.out, f"the host's files can be reached: {result}"
    assert "(unreachable)" not in result.out, f"the working directory is outside: {result}"
