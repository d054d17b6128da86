"""A program of this machine in a fresh container, and what it sees beside what the host sees.

The container gets the root file system `host` (this machine's own /usr, /etc and /opt,
copy-on-write, without secrets and homes), namespaces of its own, Docker's default capabilities and
seccomp profile, and limits of memory, CPU and processes. Every fact is read twice: by a shell
inside, and by this script outside.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import TextIO

from orlop.intent.compose import Composed, compose
from orlop.intent.flags import parse_run
from orlop.intent.host_facts import read_host_facts
from orlop.intent.start import begin
from orlop.kernel import capabilities, process
from orlop.kernel.cgroup.detect import detect
from orlop.kernel.namespaces import NAMESPACES
from orlop.launch.plan import STAY
from orlop.runtime.lifecycle.delete import delete
from orlop.runtime.state import Store

FLAGS = """
    --memory 256m --cpus 0.5 --pids-limit 64 --network none --hostname first-container
    --security-opt no-new-privileges
"""

# Runs inside. Prints "key=value" lines, then waits until stdin is closed.
INSIDE = r"""
say() { printf '%s=%s\n' "$1" "$2"; }
first() { for f in "$@"; do [ -r "$f" ] && { cat "$f"; return; }; done; echo '?'; }
say pid $$
say processes "$(ls -d /proc/[0-9]* | wc -l)"
say hostname "$(cat /proc/sys/kernel/hostname)"
say user "$(id -u):$(id -g)"
for n in user pid net mnt ipc uts cgroup time; do
  say "ns.$n" "$(readlink /proc/self/ns/$n | tr -dc 0-9)"
done
say devices "$(sed 1,2d /proc/net/dev | cut -d: -f1 | tr -d ' ' | tr '\n' ' ')"
local_addresses() { awk '/32 host LOCAL/ {print a} {a = $2}' /proc/net/fib_trie | sort -u; }
say addresses "$(local_addresses | tr '\n' ' ')"
say mounts "$(wc -l </proc/self/mountinfo)"
say memory "$(first /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes)"
say cpu "$(first /sys/fs/cgroup/cpu.max /sys/fs/cgroup/cpu/cpu.cfs_quota_us)"
say pids "$(first /sys/fs/cgroup/pids.max /sys/fs/cgroup/pids/pids.max)"
say homes "$(ls -A /home /root | grep -vc -e '^$' -e ':$')"
[ -e /etc/shadow ] && say shadow there || say shadow missing
touch /usr/written-inside && say usr written
awk -F'\t' '/^(CapEff|Seccomp|NoNewPrivs):/ {print $1 $2}' /proc/self/status | tr : =
echo end
read -r _ || exit 0
"""


def main() -> int:
    """Runs the container and prints the comparison."""
    work = Path(tempfile.mkdtemp(prefix="orlop-first-"))
    store = Store(str(work / "state"))
    request = parse_run([*FLAGS.split(), "host", "/bin/sh", "-c", INSIDE])
    composed = compose(request, read_host_facts(), work.name, data_root=str(work))
    try:
        return show(composed, store)
    finally:
        delete(store, work.name, force=True)
        shutil.rmtree(work)


def show(composed: Composed, store: Store) -> int:
    """Starts the container, lets it say what it sees, and looks at it from outside meanwhile."""
    to_read, stdin = os.pipe()
    stdout, to_write = os.pipe()
    began = time.perf_counter()
    stdio = (to_read, to_write, 2)
    with begin(composed, store, print, flags=STAY, stdio=stdio) as launch:
        os.close(to_write)
        with os.fdopen(stdout) as lines:
            inside = read_facts(lines)
        took_ms = (time.perf_counter() - began) * 1000
        print_comparison(inside, first_process(store, composed.container), took_ms)
        os.close(stdin)
        return launch.wait_exit()


def read_facts(lines: TextIO) -> dict[str, str]:
    """What the program inside says, up to its line `end`."""
    facts: dict[str, str] = {}
    for line in lines:
        if line == "end\n":
            return facts
        key, _, value = line.rstrip("\n").partition("=")
        facts[key] = value.strip()
    raise SystemExit("the container ended early")


def first_process(store: Store, container: str) -> int:
    """The PID on the host of the container's first process."""
    process = store.open(container, lock=False).read().process
    assert process is not None
    return process.pid


def cgroup_file(pid: int, controller: str, v1: str, v2: str) -> tuple[str, str]:
    """Path on the host, and content, of a control file of a process's cgroup."""
    layout = detect()
    hierarchy = layout.of(controller)
    if hierarchy is None:
        return "no such controller", "?"
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, names, path = line.split(":", 2)
        if (hierarchy.v2 and not names) or controller in names.split(","):
            file = Path(hierarchy.mount + path) / (v2 if hierarchy.v2 else v1)
            return str(file), file.read_text().strip()
    return "?", "?"


def local_addresses() -> list[str]:
    """The IPv4 addresses of this network namespace, as the kernel's routing table has them."""
    lines = Path("/proc/net/fib_trie").read_text().splitlines()
    local = {before.split()[1] for before, line in pairwise(lines) if "/32 host LOCAL" in line}
    return sorted(local)


def print_comparison(inside: dict[str, str], pid: int, took_ms: float) -> None:
    """The table."""
    host = process.read_status(os.getpid())
    outside = process.read_status(pid)
    rows: list[tuple[str, str, str]] = [("", "inside the container", "on the host")]
    rows.append(("process", f"PID {inside['pid']}", f"PID {pid} (NSpid {outside.namespace_pids})"))
    count = sum(name.isdecimal() for name in os.listdir("/proc"))
    rows.append(("processes to be seen", inside["processes"], str(count)))
    rows.append(("host name", inside["hostname"], os.uname().nodename))
    own = process.namespaces(os.getpid())
    for kind in NAMESPACES:
        theirs = inside[f"ns.{kind.file}"]
        shared = "shared" if theirs == str(own[kind.name]) else "isolated"
        rows.append((f"{kind.name} namespace", f"{theirs}  {shared}", str(own[kind.name])))
    devices = " ".join(sorted(name for name in os.listdir("/sys/class/net")))
    rows.append(("network devices", inside["devices"], devices))
    rows.append(("addresses", inside["addresses"], " ".join(local_addresses())))
    mounts = len(Path("/proc/self/mountinfo").read_text().splitlines())
    rows.append(("mounts", inside["mounts"], str(mounts)))
    homes = sum(len(os.listdir(home)) for home in ("/home", "/root") if os.path.isdir(home))
    rows.append(("/home and /root", f"{inside['homes']} entries", f"{homes} entries"))
    rows.append(("/etc/shadow", inside["shadow"], "there" if os.path.exists("/etc/shadow") else ""))
    written = "there" if os.path.exists("/usr/written-inside") else "untouched"
    rows.append(("/usr", inside.get("usr", "refused"), written))
    for name, controller, v1, v2 in (
        ("memory limit", "memory", "memory.limit_in_bytes", "memory.max"),
        ("CPU quota", "cpu", "cpu.cfs_quota_us", "cpu.max"),
        ("process limit", "pids", "pids.max", "pids.max"),
    ):
        path, value = cgroup_file(pid, controller, v1, v2)
        rows.append((name, inside[name.split()[0].lower().replace("process", "pids")], value))
        rows.append(("", "", path))
    granted = capabilities.names(int(inside["CapEff"], 16))
    rows.append(
        (
            "capabilities",
            f"{len(granted)} effective",
            f"{len(capabilities.names(host.capabilities.effective))} effective",
        )
    )
    rows.append(("seccomp mode", seccomp(inside["Seccomp"]), seccomp(str(host.seccomp_mode))))
    rows.append(("no_new_privs", inside["NoNewPrivs"], str(int(host.no_new_privileges))))
    print_table(rows)
    short = ", ".join(name.removeprefix("CAP_").lower() for name in granted)
    print(f"\nits capabilities: {short}")
    print(f"from the command to the last fact: {took_ms:.0f} ms")


def seccomp(mode: str) -> str:
    """A seccomp mode in words."""
    return {"0": "0 (off)", "2": "2 (filter)"}.get(mode, mode)


def print_table(rows: list[tuple[str, str, str]]) -> None:
    """Aligned columns; on a terminal with colours."""
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    for number, (name, inside, outside) in enumerate(rows):
        left = name.ljust(widths[0])
        middle = inside.ljust(widths[1])
        if colour:
            tone = "1" if number == 0 else "31" if "shared" in inside else "32"
            left, middle = f"\033[2m{left}\033[0m", f"\033[{tone}m{middle}\033[0m"
        print(f"{left}  {middle}  {outside}".rstrip())


if __name__ == "__main__":
    sys.exit(main())
