"""Control groups on the real kernel: what is planned is in force, and what runs can be handled.

Each test runs on the machine's own layout and, where that is hybrid, on its v1 and v2 parts alone
as well, as far as these have the controllers.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orlop.errors import Conflict, DeadlineExceeded, SpecError, SyscallError, Unsupported
from orlop.kernel.cgroup import control, devices
from orlop.kernel.cgroup.creation import CpusetDirectory, Creation, Directory, Entry, create
from orlop.kernel.cgroup.detect import HYBRID, CgroupLayout, detect
from orlop.kernel.cgroup.devices_attach import load, replace
from orlop.kernel.cgroup.facts import HostFacts
from orlop.kernel.cgroup.live import Cgroup
from orlop.kernel.cgroup.resources import (
    BlockIo,
    Cpu,
    DeviceRule,
    HugepageLimit,
    Memory,
    Resources,
    ThrottleDevice,
)
from orlop.kernel.cgroup.settings import Place, Setting

pytestmark = [pytest.mark.requires_root, pytest.mark.vm]

MB = 1 << 20
SIGTERM, SIGKILL = 15, 9
WAIT_S = 20.0


def layouts() -> dict[str, CgroupLayout]:
    whole = detect()
    if whole.mode != HYBRID:
        return {"host": whole}
    parts = {
        "v1": CgroupLayout(tuple(h for h in whole.hierarchies if not h.v2)),
        "v2": CgroupLayout(tuple(h for h in whole.hierarchies if h.v2)),
    }
    return {"host": whole, **parts}


def on(*controllers: str) -> pytest.MarkDecorator:
    """Runs a test on all layouts that have these controllers ("blkio|io": one of them)."""
    fitting = [
        name
        for name, layout in layouts().items()
        if all(any(map(layout.of, names.split("|"))) for names in controllers)
    ]
    return pytest.mark.parametrize("layout", fitting, indirect=True)


@pytest.fixture
def layout(request: pytest.FixtureRequest) -> CgroupLayout:
    return layouts()[request.param]


# --- the launcher's part, in Python ---------------------------------------------------------


def perform(creation: Creation) -> None:
    """What the launcher does with the steps."""
    for step in creation.steps:
        match step:
            case Directory():
                os.makedirs(step.path, exist_ok=True)
            case CpusetDirectory():
                for name in ("cpuset.cpus", "cpuset.mems"):
                    if not Path(step.path, name).read_text().strip():
                        value = Path(step.path).parent.joinpath(name).read_text()
                        control.write(f"{step.path}/{name}", value)
            case Setting():
                try:
                    control.write(step.path, step.value)
                except SyscallError:
                    if not step.optional:
                        raise
    if creation.device_program:
        replace(creation.entry.directory, creation.device_program)


def spawn(entry: Entry, script: str) -> subprocess.Popen[str]:
    """A shell in the cgroup; returns when the script has said the line "ready"."""
    files = [*entry.tasks, *([f"{entry.directory}/cgroup.procs"] if entry.directory else [])]
    enter = 'for file; do echo 0 >"$file" || exit 97; done; '
    shell = subprocess.Popen(
        ["/bin/sh", "-c", enter + script, "sh", *files],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd="/",
    )
    assert shell.stdout is not None
    line = shell.stdout.readline()
    assert line == "ready\n", line + shell.stdout.read()
    return shell


SLEEPER = "echo ready; exec sleep 1000"
BUSY = "echo ready; while :; do :; done"
FORKER = "echo ready; while :; do sleep 0.01 & sleep 0.01; done 2>/dev/null"


def until(condition: Callable[[], bool], what: str) -> None:
    """Waits for something of which no event tells."""
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not in {WAIT_S} s"
        time.sleep(0.005)


class Box:
    """A cgroup of a test; processes and directories go when it ends."""

    def __init__(self, layout: CgroupLayout, path: str) -> None:
        self.layout = layout
        self.path = path
        self.shells: list[subprocess.Popen[str]] = []
        self.cgroup = Cgroup(())

    def make(self, resources: Resources | None = None) -> Cgroup:
        creation = create(self.layout, self.path, resources)
        self.cgroup = Cgroup.stored(creation.paths, self.layout)
        perform(creation)
        return self.cgroup

    def spawn(self, script: str, below: str = "") -> subprocess.Popen[str]:
        shell = spawn(self.cgroup.entry({"": below}), script)
        self.shells.append(shell)
        return shell

    def file(self, *names: str) -> Path:
        """The control file of this name, which v1 and v2 may call differently."""
        for directory in self.cgroup.paths().values():
            for name in names:
                if Path(directory, name).exists():
                    return Path(directory, name)
        raise AssertionError(f"no {' or '.join(names)}")

    def read(self, *names: str) -> str:
        return self.file(*names).read_text().strip()

    def end(self) -> None:
        self.cgroup.kill_all(SIGKILL)
        for shell in self.shells:
            shell.communicate(timeout=WAIT_S)
        self.cgroup.destroy()


@pytest.fixture
def top(layout: CgroupLayout) -> Iterator[str]:
    path = f"/orlop-test-cgroup-{os.getpid()}"
    enabled = enabled_controllers(layout)
    yield path
    for hierarchy in layout.hierarchies:
        directory = Path(hierarchy.directory(path))
        if directory.exists():
            directory.rmdir()
    for controller in enabled_controllers(layout) - enabled:
        assert layout.unified is not None
        with contextlib.suppress(SyscallError):  # somebody else has come to use it
            control.write(f"{layout.unified.mount}/cgroup.subtree_control", f"-{controller}")


def enabled_controllers(layout: CgroupLayout) -> set[str]:
    """Those that the v2 root gives its children, which a creation adds to."""
    if layout.unified is None:
        return set()
    return set(Path(layout.unified.mount, "cgroup.subtree_control").read_text().split())


@pytest.fixture
def box(layout: CgroupLayout, top: str) -> Iterator[Box]:
    made = Box(layout, f"{top}/box")
    try:
        yield made
    finally:
        made.end()


# --- creation -------------------------------------------------------------------------------


@on("memory", "pids", "cpu")
def test_limits_are_in_force(box: Box) -> None:
    box.make(
        Resources(
            memory=Memory(limit=64 * MB, reservation=32 * MB),
            cpu=Cpu(shares=512, quota=50000, period=200000),
            pids_limit=20,
        )
    )
    assert box.read("memory.limit_in_bytes", "memory.max") == str(64 * MB)
    assert box.read("memory.soft_limit_in_bytes", "memory.low") == str(32 * MB)
    assert box.read("pids.max") == "20"
    if box.layout.of("cpu") is box.layout.unified:
        assert (box.read("cpu.weight"), box.read("cpu.max")) == ("59", "50000 200000")
    else:
        assert box.read("cpu.shares") == "512"
        assert (box.read("cpu.cfs_quota_us"), box.read("cpu.cfs_period_us")) == ("50000", "200000")


@on()
def test_a_process_enters_every_hierarchy(box: Box) -> None:
    cgroup = box.make()
    shell = box.spawn(SLEEPER)
    assert cgroup.processes() == (shell.pid,)
    for directory in cgroup.paths().values():
        assert Path(directory, "cgroup.procs").read_text() == f"{shell.pid}\n"


@on("pids")
def test_more_processes_than_allowed_cannot_be_made(box: Box) -> None:
    box.make(Resources(pids_limit=2))
    sleep = "sleep 1000 >/dev/null 2>&1 &"
    shell = box.spawn(f"echo ready; read go; {sleep} echo one; {sleep} echo two")
    output, _ = shell.communicate("go\n", timeout=WAIT_S)
    assert "one" in output
    assert "two" not in output
    assert "fork" in output


@on("cpuset")
def test_cpusets_come_from_above_all_the_way_down(box: Box) -> None:
    box.path += "/one/two"
    try:
        box.make(Resources(cpu=Cpu(cpus="0")))
        shell = box.spawn(SLEEPER)
        assert os.sched_getaffinity(shell.pid) == {0}
        if box.layout.of("cpuset") is not box.layout.unified:
            assert box.read("cpuset.mems") != ""
    finally:
        box.end()
        for directory in map(Path, box.cgroup.paths().values()):
            directory.parent.rmdir()
            directory.parent.parent.rmdir()


@on()
def test_huge_pages(box: Box) -> None:
    resources = Resources(hugepage_limits=(HugepageLimit("2MB", 4 * MB),))
    if box.layout.of("hugetlb") is None:
        with pytest.raises(Unsupported, match="hugetlb"):
            box.make(resources)
        return
    box.make(resources)
    assert box.read("hugetlb.2MB.limit_in_bytes", "hugetlb.2MB.max") == str(4 * MB)
    with pytest.raises(Unsupported, match="4MB"):
        box.cgroup.update(Resources(hugepage_limits=(HugepageLimit("4MB", 4 * MB),)))


DIVISIBLE = [h.controllers[-1] for h in detect().hierarchies if h.v2 and h.controllers]


@pytest.mark.requires_v2_controllers
@on(*DIVISIBLE)
def test_a_further_process_enters_a_divided_cgroup_beside_the_first(box: Box) -> None:
    unified, controller = box.layout.unified, DIVISIBLE[0]
    assert unified is not None
    control.write(f"{unified.mount}/cgroup.subtree_control", f"+{controller}")
    cgroup = box.make()
    directory = Path(cgroup.paths()[unified.mount])
    control.write(f"{directory.parent}/cgroup.subtree_control", f"+{controller}")
    shell = box.spawn(SLEEPER)
    (directory / "init").mkdir()
    control.write(f"{directory}/init/cgroup.procs", str(shell.pid))
    control.write(f"{directory}/cgroup.subtree_control", f"+{controller}")
    entry = cgroup.entry(first_process=shell.pid)
    assert entry.directory == f"{directory}/init"
    box.shells.append(spawn(entry, SLEEPER))
    assert len(cgroup.processes()) == 2


@on()
def test_relative_paths_are_where_the_caller_is(layout: CgroupLayout) -> None:
    name = f"orlop-test-cgroup-{os.getpid()}"
    box = Box(layout, name)
    try:
        box.make()
        for hierarchy in layout.hierarchies:
            assert os.path.isdir(hierarchy.directory(name))
    finally:
        box.end()


@on()
def test_a_cgroup_in_use_is_refused(box: Box) -> None:
    cgroup = box.make()
    box.spawn(SLEEPER)
    with pytest.raises(Conflict, match="processes"):
        create(box.layout, box.path, None)
    cgroup.kill_all(SIGKILL)
    until(lambda: not cgroup.processes(), "the process has ended")
    assert create(box.layout, box.path, None).steps
    cgroup.freeze()
    with pytest.raises(Conflict, match="frozen"):
        create(box.layout, box.path, None)
    cgroup.thaw()


@on("blkio|io")
def test_block_io_throttle_is_accepted_by_the_kernel(box: Box) -> None:
    device = next(
        (
            path.joinpath("dev").read_text().strip()
            for path in Path("/sys/block").iterdir()
            if path.joinpath("device").exists() or path.name.startswith(("vd", "ubd", "sd"))
        ),
        None,
    )
    if device is None:
        pytest.skip("no block device")
    major, minor = map(int, device.split(":"))
    throttle = (ThrottleDevice(major, minor, MB),)
    box.make(Resources(block_io=BlockIo(throttle_read_bps_device=throttle)))
    assert device in box.read("blkio.throttle.read_bps_device", "io.max")
    lifted = (ThrottleDevice(major, minor, 0),)
    box.cgroup.update(Resources(block_io=BlockIo(throttle_read_bps_device=lifted)))
    assert device not in box.read("blkio.throttle.read_bps_device", "io.max")


@on()
def test_looking_for_files_leaves_nothing_behind(layout: CgroupLayout) -> None:
    before = {h.mount: sorted(os.listdir(h.mount)) for h in layout.hierarchies}
    for hierarchy in layout.hierarchies:
        place = Place(f"{hierarchy.mount}/orlop-none", hierarchy.mount, ("x",), hierarchy.v2)
        assert not HostFacts().files(place).has("x.none")
    for mount, names in before.items():
        assert not [name for name in set(os.listdir(mount)) - set(names) if "orlop-probe" in name]


# --- devices --------------------------------------------------------------------------------

NULL_ONLY = (DeviceRule(allow=False), DeviceRule(True, "c", 1, 3, "rw"))
PROBE = (
    "echo ready; read go; "
    "for d in null zero; do head -c 1 /dev/$d >/tmp/../dev/null 2>&1 && echo $d-read; done; "
    "echo x 2>&1 >/dev/zero && echo zero-write; echo x >/dev/null && echo null-write"
)


def probe(box: Box) -> set[str]:
    """Which accesses to /dev/null and /dev/zero succeed in the cgroup."""
    shell = box.spawn(PROBE)
    output, _ = shell.communicate("go\n", timeout=WAIT_S)
    return {line for line in output.split() if line.startswith(("null-", "zero-"))}


@on()
def test_devices_outside_the_list_cannot_be_opened(box: Box) -> None:
    box.make(Resources(devices=NULL_ONLY))
    assert probe(box) == {"null-read", "null-write"}


@on()
def test_device_rules_can_be_changed(box: Box) -> None:
    cgroup = box.make(Resources(devices=NULL_ONLY))
    cgroup.update(Resources(devices=(*NULL_ONLY, DeviceRule(True, "c", 1, 5, "r"))))
    assert probe(box) == {"null-read", "null-write", "zero-read"}
    cgroup.update(Resources(devices=(*NULL_ONLY, DeviceRule(True, "c", 1, 5, "w"))))
    assert probe(box) == {"null-read", "null-write", "zero-write"}
    cgroup.update(Resources(devices=(DeviceRule(allow=True),)))
    assert probe(box) == {"null-read", "null-write", "zero-read", "zero-write"}


@on()
def test_holes_in_wildcards(box: Box) -> None:
    rules = (
        DeviceRule(allow=False),
        DeviceRule(True, "c", 1, None, "rw"),
        DeviceRule(False, "c", 1, 5, "w"),
    )
    if box.layout.of("devices") is not None:
        with pytest.raises(Unsupported, match="cgroup v2"):
            box.make(Resources(devices=rules))
        return
    box.make(Resources(devices=rules))
    assert probe(box) == {"null-read", "null-write", "zero-read"}


def test_the_kernel_takes_large_device_programs() -> None:
    rules = tuple(
        DeviceRule(number % 3 != 0, "bca"[number % 3], 2**32 - 1 - number, None, "rw")
        for number in range(500)
    )
    os.close(load(devices.program(rules)))


def test_the_kernel_refuses_what_is_no_program() -> None:
    with pytest.raises(SyscallError, match="bpf"):
        load(b"\xff" * 16)


# --- freezing -------------------------------------------------------------------------------


def ticks(shell: subprocess.Popen[str]) -> int:
    fields = Path(f"/proc/{shell.pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


@on()
def test_frozen_processes_stand_still(box: Box) -> None:
    cgroup = box.make()
    shell = box.spawn(BUSY)
    assert not cgroup.frozen()
    cgroup.freeze()
    assert cgroup.frozen()
    before = ticks(shell)
    time.sleep(0.1)
    assert ticks(shell) == before
    cgroup.thaw()
    assert not cgroup.frozen()
    until(lambda: ticks(shell) > before, "it runs again")


@on()
def test_what_forks_all_the_time_can_be_frozen(box: Box) -> None:
    cgroup = box.make()
    for _ in range(3):
        box.spawn(FORKER)
    cgroup.freeze()
    assert cgroup.frozen()
    processes = cgroup.processes()
    time.sleep(0.05)
    assert cgroup.processes() == processes


# --- killing and removal --------------------------------------------------------------------


@on()
def test_sigkill_reaches_frozen_processes(box: Box) -> None:
    cgroup = box.make()
    shells = [box.spawn(SLEEPER), box.spawn(BUSY)]
    cgroup.freeze()
    cgroup.kill_all(SIGKILL)
    assert [shell.wait(timeout=WAIT_S) for shell in shells] == [-SIGKILL, -SIGKILL]
    assert not cgroup.frozen() or box.layout.of("freezer") is None


@on()
def test_sigkill_reaches_what_is_just_being_born(box: Box) -> None:
    cgroup = box.make()
    for _ in range(3):
        box.spawn(FORKER)
    cgroup.kill_all(SIGKILL)
    cgroup.destroy()
    assert not cgroup.exists()


@on()
def test_other_signals_leave_a_frozen_cgroup_frozen(box: Box) -> None:
    cgroup = box.make()
    shell = box.spawn(SLEEPER)
    cgroup.freeze()
    cgroup.kill_all(SIGTERM)
    assert cgroup.frozen()  # on v2 the process ends nevertheless, as always by a fatal signal
    cgroup.thaw()
    assert shell.wait(timeout=WAIT_S) == -SIGTERM


@on()
def test_signals_reach_sub_cgroups(box: Box) -> None:
    cgroup = box.make()
    for directory in cgroup.paths().values():
        Path(directory, "sub").mkdir()
        if Path(directory, "cpuset.effective_cpus").exists():  # v1
            for name in ("cpuset.cpus", "cpuset.mems"):
                control.write(f"{directory}/sub/{name}", control.read(f"{directory}/{name}"))
    shells = [box.spawn(SLEEPER, "sub")]
    assert cgroup.processes() == (shells[0].pid,)
    cgroup.kill_all(SIGTERM)
    assert shells[0].wait(timeout=WAIT_S) == -SIGTERM


@on()
def test_destroy_waits_for_what_is_ending(box: Box) -> None:
    cgroup = box.make()
    shell = box.spawn("trap 'sleep 0.3; exit 0' TERM; echo ready; while :; do sleep 0.05; done")
    cgroup.kill_all(SIGTERM)
    cgroup.destroy()
    assert not cgroup.exists()
    assert shell.wait(timeout=WAIT_S) == 0


@on()
def test_destroy_gives_up_and_names_who_is_in_the_way(box: Box) -> None:
    cgroup = box.make()
    shell = box.spawn(SLEEPER)
    with pytest.raises(DeadlineExceeded, match=str(shell.pid)):
        cgroup.destroy(timeout_s=0.1)
    assert cgroup.exists()


# --- updates --------------------------------------------------------------------------------


@on("memory")
def test_memory_can_be_raised_and_lowered_together_with_swap(box: Box) -> None:
    cgroup = box.make(Resources(memory=Memory(limit=64 * MB, swap=64 * MB)))
    for limit, swap in ((256, 512), (32, 32), (512, 512), (16, 600)):
        cgroup.update(Resources(memory=Memory(limit=limit * MB, swap=swap * MB)))
        assert box.read("memory.limit_in_bytes", "memory.max") == str(limit * MB)
        if box.layout.of("memory") is box.layout.unified:
            assert box.read("memory.swap.max") == str((swap - limit) * MB)
        else:
            assert box.read("memory.memsw.limit_in_bytes") == str(swap * MB)
    with pytest.raises(SpecError):
        cgroup.update(Resources(memory=Memory(limit=601 * MB)))
    cgroup.update(Resources(memory=Memory(limit=-1)))
    assert box.read("memory.limit_in_bytes", "memory.max") in ("max", str((1 << 63) - 4096))


@on("cpu")
def test_cpu_bandwidth_can_be_changed_in_all_directions(box: Box) -> None:
    cgroup = box.make(Resources(cpu=Cpu(quota=50000, period=100000)))
    parent = box.file("cpu.cfs_quota_us", "cpu.max").parent.parent
    v2 = box.layout.of("cpu") is box.layout.unified
    # A limit above makes the order of the writes matter.
    control.write(f"{parent}/{'cpu.max' if v2 else 'cpu.cfs_quota_us'}", "50000")
    for quota, period in ((100000, 200000), (10000, 20000), (25000, 50000), (5000, 1000000)):
        cgroup.update(Resources(cpu=Cpu(quota=quota, period=period)))
        if v2:
            assert box.read("cpu.max") == f"{quota} {period}"
        else:
            assert box.read("cpu.cfs_quota_us") == str(quota)
            assert box.read("cpu.cfs_period_us") == str(period)
    cgroup.update(Resources(cpu=Cpu(quota=40000, burst=30000)))
    cgroup.update(Resources(cpu=Cpu(quota=20000, burst=10000)))
    assert box.read("cpu.cfs_burst_us", "cpu.max.burst") == "10000"
    with pytest.raises(SpecError, match=r"cpu\.quota"):
        cgroup.update(Resources(cpu=Cpu(quota=5000)))


@on("cpu")
def test_weight_and_idleness(box: Box) -> None:
    cgroup = box.make(Resources(cpu=Cpu(shares=2048, idle=1)))
    assert box.read("cpu.idle") == "1"
    cgroup.update(Resources(cpu=Cpu(shares=512, idle=0)))
    assert box.read("cpu.idle") == "0"
    assert box.read("cpu.shares", "cpu.weight") in ("512", "59")


@on("cpu", "pids")
def test_a_refused_update_changes_nothing(box: Box) -> None:
    cgroup = box.make(Resources(cpu=Cpu(shares=512), pids_limit=20))
    bad = {"cpu.weight": "0"} if box.layout.unified is box.layout.of("cpu") else {}
    resources = Resources(cpu=Cpu(shares=1024, cpus="4095"), pids_limit=30, unified=bad)
    if not bad and box.layout.of("cpuset") is None:
        pytest.skip("nothing here that the kernel would refuse")
    if bad:
        resources = resources.replace(cpu=Cpu(shares=1024))
    with pytest.raises(SyscallError):
        cgroup.update(resources)
    assert box.read("pids.max") == "20"
    assert box.read("cpu.shares", "cpu.weight") in ("512", "59")


GROW = "x=$(head -c {size} /dev/zero | tr '\\0' x); echo ready; read go"


@on("memory")
def test_memory_below_what_is_in_use_is_refused(box: Box) -> None:
    cgroup = box.make(Resources(memory=Memory(limit=256 * MB, swap=256 * MB)))
    box.spawn(GROW.format(size=16 * MB))
    tight = Memory(limit=4 * MB, swap=4 * MB, check_before_update=True)
    with pytest.raises(Conflict, match="in use"):
        cgroup.update(Resources(memory=tight))
    assert box.read("memory.limit_in_bytes", "memory.max") == str(256 * MB)
    assert len(cgroup.processes()) == 1


# --- what is used ---------------------------------------------------------------------------


@on()
def test_statistics(box: Box) -> None:
    cgroup = box.make(Resources())
    shell = box.spawn("i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; " + GROW.format(size=MB))
    stats = cgroup.stats()
    if box.layout.of("cpuacct") or box.layout.of("cpu"):
        assert 0 < stats.cpu.total < WAIT_S * 10**9
        assert stats.cpu.user + stats.cpu.kernel > 0
    if box.layout.of("memory"):
        assert MB < stats.memory.usage.usage < 64 * MB
        assert stats.memory.usage.limit > 1 << 60
        assert stats.memory.raw
    if box.layout.of("pids"):
        assert (stats.pids.current, stats.pids.limit) == (1, 0)
    if box.layout.of("cpuset"):
        assert set(stats.cpuset.cpus) >= os.sched_getaffinity(shell.pid)
    shell.communicate("go\n", timeout=WAIT_S)


@on("cpu")
def test_throttling_is_counted(box: Box) -> None:
    cgroup = box.make(Resources(cpu=Cpu(quota=1000, period=100000)))
    box.spawn(BUSY)
    until(lambda: cgroup.stats().cpu.throttled_time > 0, "it is throttled")
    assert cgroup.stats().cpu.throttled_periods > 0


HUNGRY = "echo ready; read go; x=$(head -c 64000000 /dev/zero | tr '\\0' x); echo survived"


@on("memory")
def test_running_out_of_memory_is_told(box: Box) -> None:
    cgroup = box.make(Resources(memory=Memory(limit=16 * MB, swap=16 * MB)))
    shell = box.spawn(HUNGRY)
    with cgroup.oom_watch() as watch:
        assert watch.kills() == 0
        assert not watch.wait(timeout_s=0.01)
        output, _ = shell.communicate("go\n", timeout=WAIT_S)
        assert "survived" not in output
        events = iter(watch)
        assert next(events) >= 1
        assert cgroup.stats().memory.oom_kills >= 1
        cgroup.destroy()
        assert all(kills >= 1 for kills in events)  # and it ends
        assert watch.over


@on("memory")
def test_an_end_without_oom_ends_the_watch(box: Box) -> None:
    cgroup = box.make(Resources(memory=Memory(limit=64 * MB)))
    shell = box.spawn(SLEEPER)
    with cgroup.oom_watch() as watch:
        cgroup.kill_all(SIGKILL)
        shell.wait(timeout=WAIT_S)
        cgroup.destroy()
        assert list(watch) == []
        assert watch.kills() == 0


@on()
def test_watching_needs_the_controller(box: Box) -> None:
    if box.layout.of("memory") is not None:
        box.layout = CgroupLayout(
            tuple(h for h in box.layout.hierarchies if "memory" not in h.controllers)
        )
    if not box.layout.hierarchies:
        box.layout = CgroupLayout((detect().hierarchies[0].replace(controllers=()),))
    with pytest.raises(Unsupported, match="memory"):
        box.make().oom_watch()
