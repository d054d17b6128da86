"""A /proc or /sys that is not the kernel's, and writes that are led astray.

CVE-2019-16884, CVE-2019-19921, CVE-2023-27561, CVE-2023-28642: /proc or /sys of the image is a
symlink or a volume, so labels are "set" in ordinary files, and masks protect nothing.
CVE-2025-52881: the runtime's own writes to /proc (labels, sysctls, scores) end in other files.
CVE-2022-0811: a sysctl's value or name that sets another one.

runc 1.1.5 fails the race (a sysctl is not set and the container runs all the same), and writes a
sysctl into an image's own /proc.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.escapes.conftest import Trap
from tests.integration.escapes.support import (
    READ_ONLY,
    ROUNDS,
    SYSCTL,
    Canaries,
    bind,
    fingerprint,
    flipping,
    process,
)
from tests.integration.support.bundles import Bundle
from tests.integration.support.runtimes import Container, Runtime

pytestmark = pytest.mark.requires_root

DEFAULT_TTL = "71"
TTL = {"net.ipv4.ip_default_ttl": DEFAULT_TTL}


def fake_proc(directory: Path, target: Path | None = None) -> list[Path]:
    """A directory that looks like /proc: its files are ordinary ones, or symlinks to `target`."""
    files = [
        directory / name
        for name in (
            *("self/attr/current", "self/attr/exec", "self/attr/apparmor/exec"),
            *("thread-self/attr/exec", "thread-self/attr/apparmor/exec"),
            *("self/oom_score_adj", "1/oom_score_adj", "self/setgroups", "self/uid_map"),
            *("sys/net/ipv4/ip_default_ttl", "sys/kernel/shm_rmid_forced", "sysrq-trigger"),
        )
    ]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        if target:
            file.symlink_to(target)
        else:
            file.write_text("")
    return files


def setting(container: Container, name: str) -> str:
    """A sysctl as it is in the container's network namespace, through the host's procfs."""
    answer = subprocess.run(
        ["nsenter", "-t", str(container.pid), "-n", "cat", f"/proc/sys/{name}"],
        check=True,
        capture_output=True,
        text=True,
    )
    return answer.stdout.strip()


# --- symlinks and volumes -----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["proc", "sys"])
@pytest.mark.parametrize("goal", ["/evil", "evil", "../../../../../evil", "/proc-real", "nowhere"])
def test_a_symlink_where_the_kernels_file_system_belongs(
    runtime: Runtime, trap: Trap, name: str, goal: str
) -> None:
    """Refused: whatever is mounted behind the symlink, the image chooses what /proc is."""
    victim = trap(["true"], process=process())
    (victim.rootfs / name).rmdir()
    (victim.rootfs / "evil").mkdir()
    (victim.rootfs / "proc-real").mkdir()
    (victim.rootfs / name).symlink_to(goal)
    runtime.run(victim).refused(f"/{name}")


@pytest.mark.parametrize("name", ["proc", "sys"])
def test_a_symlink_out_of_the_root(
    runtime: Runtime, trap: Trap, canaries: Canaries, name: str
) -> None:
    victim = trap(["true"], process=process())
    (victim.rootfs / name).rmdir()
    (victim.rootfs / name).symlink_to(canaries.path / "dir")
    runtime.run(victim).refused(f"/{name}")


def test_a_file_where_a_file_system_belongs(runtime: Runtime, trap: Trap) -> None:
    for name in ("proc", "sys"):
        victim = trap(["true"], process=process())
        (victim.rootfs / name).rmdir()
        (victim.rootfs / name).write_text("")
        runtime.run(victim).refused(f"/{name}")


def check_writes_were_not_redirected(runtime: Runtime, victim: Bundle, fakes: list[Path]) -> bool:
    """Create the victim; afterwards either it was refused, or what was asked for is really set."""
    before = [fingerprint(path) for path in fakes]
    attempt = runtime.new_id()
    result = runtime("create", "--bundle", victim.path, attempt)
    try:
        assert [fingerprint(path) for path in fakes] == before, f"written to fakes: {result}"
        if result.status:
            return False
        container = Container(runtime, attempt, victim, out=None)  # type: ignore[arg-type]
        assert setting(container, "net/ipv4/ip_default_ttl") == DEFAULT_TTL
        assert Path(f"/proc/{container.pid}/oom_score_adj").read_text().strip() == "321"
    finally:
        runtime("delete", "--force", attempt)
    return True


@pytest.mark.parametrize("where", ["volume first", "volume over", "volume only", "image"])
def test_a_volume_at_proc(runtime: Runtime, trap: Trap, workspace: Path, where: str) -> None:
    victim = trap(process=process(oomScoreAdj=321), linux={"sysctl": TTL})
    volume = victim.rootfs / "proc" if where == "image" else workspace / "volume"
    fakes = fake_proc(volume)
    mounts = victim.config["mounts"]
    proc = next(mount for mount in mounts if mount["destination"] == "/proc")
    others = [mount for mount in mounts if mount is not proc]
    order = {
        "volume first": [bind(volume, "/proc"), proc],
        "volume over": [proc, bind(volume, "/proc")],
        "volume only": [bind(volume, "/proc")],
        "image": [],
    }
    victim.config["mounts"] = [*order[where], *others]
    victim.save()
    check_writes_were_not_redirected(runtime, victim, fakes)


@pytest.mark.parametrize(
    "part", ["self/attr", "thread-self/attr", "self", "sys", "sys/net/ipv4", "1", "tty", "."]
)
@pytest.mark.parametrize("through", ["directly", "a symlink"])
@pytest.mark.parametrize("trap_kind", ["files", "symlinks"])
def test_a_volume_over_a_part_of_proc(
    runtime: Runtime, trap: Trap, workspace: Path, part: str, through: str, trap_kind: str
) -> None:
    """CVE-2025-52881: what covers a part of /proc receives the writes that were meant for it."""
    volume = workspace / "volume"
    fakes = fake_proc(volume, SYSCTL if trap_kind == "symlinks" else None)
    victim = trap(process=process(oomScoreAdj=321), linux={"sysctl": TTL})
    source = volume / part if (volume / part).exists() else volume
    target = "/link" if through == "a symlink" else f"/proc/{part}"
    (victim.rootfs / "link").symlink_to(f"/proc/{part}")
    victim.config["mounts"].append(bind(source, target))
    victim.save()
    check_writes_were_not_redirected(runtime, victim, fakes)


@pytest.mark.slow
def test_proc_is_covered_by_a_race(runtime: Runtime, trap: Trap, workspace: Path) -> None:
    """The target is an ordinary directory when it is checked, a part of /proc when it is used."""
    at_once = 4
    shared = workspace / "shared"
    parts = ["sys/net/ipv4", "sys", "self", "self/attr"]
    for number in range(at_once):
        (shared / f"t{number}").mkdir(parents=True)
        (shared / f"t{number}.evil").symlink_to(f"/proc/{parts[number % len(parts)]}")
    volume = workspace / "volume"
    fakes = fake_proc(volume) + fake_proc(workspace / "links", SYSCTL)
    flipping(runtime, trap(["attack", "flip", "/vol"], mounts=[bind(shared, "/vol")]))
    victim = trap(process=process(oomScoreAdj=321), linux={"sysctl": TTL})
    victim.config["mounts"].append(bind(shared, "/vol"))
    for number in range(at_once):
        source = (volume, workspace / "links")[number % 2] / parts[number % len(parts)]
        victim.config["mounts"].append(bind(source, f"/vol/t{number}"))
    victim.save()
    ran = 0
    for _ in range(ROUNDS // at_once):
        ran += check_writes_were_not_redirected(runtime, victim, fakes)
    assert ran


def test_read_only_paths_below_a_covered_proc(
    runtime: Runtime, trap: Trap, workspace: Path
) -> None:
    """A second procfs, or a copy of a part of it, does not stay writable."""
    victim = trap(
        f"echo 4711 > {SYSCTL}; echo 4711 > /second{str(SYSCTL)[5:]}",
        process=process(),
        linux={"readonlyPaths": [*READ_ONLY, "/second/sys"]},
    )
    victim.config["mounts"].append(
        {"destination": "/second", "type": "proc", "source": "proc", "options": ["ro"]}
    )
    victim.save()
    runtime.run(victim)


# --- labels --------------------------------------------------------------------------------------

PROFILE = "orlop-escapes"


@pytest.fixture
def profile() -> Iterator[str]:
    """An AppArmor profile, loaded, that allows everything."""
    rules = (
        f"profile {PROFILE} {{ file, capability, network, mount, pivot_root, ptrace, signal, }}\n"
    )
    subprocess.run(["apparmor_parser", "--replace"], input=rules, text=True, check=True)
    yield PROFILE
    subprocess.run(["apparmor_parser", "--remove"], input=rules, text=True, check=True)


@pytest.mark.requires_apparmor
@pytest.mark.parametrize("through", ["directly", "a symlink", "all of /proc"])
@pytest.mark.parametrize("trap_kind", ["files", "symlinks"])
def test_labels_are_not_written_to_fakes(
    runtime: Runtime, trap: Trap, workspace: Path, profile: str, through: str, trap_kind: str
) -> None:
    """CVE-2019-16884, CVE-2019-19921: a container that looks confined and is not."""
    volume = workspace / "volume"
    fakes = fake_proc(volume, SYSCTL if trap_kind == "symlinks" else None)
    victim = trap(process=process(apparmorProfile=profile))
    (victim.rootfs / "link").symlink_to("/proc/self/attr")
    mount = {
        "directly": bind(volume / "self/attr", "/proc/self/attr"),
        "a symlink": bind(volume / "self/attr", "/link"),
        "all of /proc": bind(volume, "/proc"),
    }
    victim.config["mounts"].append(mount[through])
    victim.save()
    before = [fingerprint(path) for path in fakes]
    attempt = runtime.new_id()
    result = runtime("run", "--detach", "--bundle", victim.path, attempt)
    try:
        assert [fingerprint(path) for path in fakes] == before
        if result.status == 0:
            pid = runtime("state", attempt).ok().json()["pid"]
            label = Path(f"/proc/{pid}/attr/current").read_text()
            assert label.split()[0] == profile
    finally:
        runtime("delete", "--force", attempt)


# --- sysctls -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "kernel.printk_ratelimit_burst",
        "kernel/printk_ratelimit_burst",
        "net.ipv4.ip_default_ttl/../../../kernel/printk_ratelimit_burst",
        "net/../kernel/printk_ratelimit_burst",
        "net.../kernel.printk_ratelimit_burst",
        "net/ipv4/../../kernel/printk_ratelimit_burst",
        "../sys/kernel/printk_ratelimit_burst",
        "/proc/sys/kernel/printk_ratelimit_burst",
        "kernel.shm_rmid_forced/../printk_ratelimit_burst",
        "kernel.msg/../printk_ratelimit_burst",
        "fs.mqueue/../../kernel/printk_ratelimit_burst",
        "net.ipv4.ip_default_ttl\nkernel.printk_ratelimit_burst",
        "",
        ".",
        "net",
        "net.",
    ],
)
def test_names_that_are_not_of_the_containers_namespaces(
    runtime: Runtime, trap: Trap, name: str
) -> None:
    victim = trap(["true"], process=process(), linux={"sysctl": {name: "4711"}})
    runtime.run(victim).refused()


@pytest.mark.parametrize(
    "value",
    [
        "0+kernel.printk_ratelimit_burst=4711",
        "0\nkernel.printk_ratelimit_burst=4711",
        "0\n4711",
        "0 kernel.printk_ratelimit_burst=4711",
        "0;kernel.printk_ratelimit_burst=4711",
        "0,kernel.printk_ratelimit_burst=4711",
    ],
)
def test_values_that_set_another_setting(runtime: Runtime, trap: Trap, value: str) -> None:
    """CVE-2022-0811: written as it is, in one piece, the kernel ignores or refuses the rest."""
    victim = trap(["true"], process=process(), linux={"sysctl": {"kernel.shm_rmid_forced": value}})
    runtime.run(victim)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("net.ipv4.ip_default_ttl", "network"), ("kernel.shm_rmid_forced", "ipc")],
)
def test_settings_of_a_namespace_that_is_the_hosts(
    runtime: Runtime, trap: Trap, name: str, kind: str
) -> None:
    """Without a namespace of its own, a container's sysctl would be the host's."""
    victim = trap(["true"], process=process(), linux={"sysctl": {name: "0"}})
    namespaces = victim.config["linux"]["namespaces"]
    victim.config["linux"]["namespaces"] = [ns for ns in namespaces if ns["type"] != kind]
    victim.save()
    runtime.run(victim).refused(name)


def test_the_hosts_namespace_by_path_is_still_the_hosts(runtime: Runtime, trap: Trap) -> None:
    victim = trap(
        ["true"],
        process=process(),
        linux={"sysctl": {"net.ipv4.ip_default_ttl": "99"}},
        namespaces={"network": "/proc/self/ns/net"},
    )
    runtime.run(victim).refused("net.ipv4.ip_default_ttl")
