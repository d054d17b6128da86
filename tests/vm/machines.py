"""The two machines: which programs, kernels and options they take."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.vm.options import Options

# The programs, and the Debian packages that have them.
PROGRAMS = {
    "qemu": {"qemu-system-x86_64": "qemu-system-x86"},
    "uml": {"linux.uml": "user-mode-linux"},
}
PROGRAMS_OF_BOTH = {"busybox": "busybox-static", "mkfs.ext4": "e2fsprogs", "setpriv": "util-linux"}

# rcu_expedited: namespaces, mounts and cgroups wait for RCU all the time. The stall detectors would
# only report a busy host. tsc: QEMU's TSC is steady, and the alternative (HPET) traps on each read.
KERNEL_OPTIONS = (
    "panic=-1",
    "cgroup_no_v1=all",
    "rcupdate.rcu_expedited=1",
    "rcupdate.rcu_cpu_stall_suppress=1",
)
QEMU_KERNEL_OPTIONS = (
    "console=ttyS0",
    "tsc=reliable",
    "no_timer_check",
    "mitigations=off",
    "nowatchdog",
)
SECURITY_OPTIONS = {
    "apparmor": ("apparmor=1", "security=apparmor"),
    "selinux": ("security=selinux", "enforcing=0"),
    "none": ("lsm=landlock,yama",),
}


class GuestError(Exception):
    """The guest could not be built, did not start, or ended before its command."""


class Descriptor(Protocol):
    """A file or socket that the machine inherits."""

    def fileno(self) -> int: ...


@dataclass(frozen=True)
class Kernel:
    """A kernel image and the directory of its modules."""

    image: Path
    modules: Path


def fd_path(file: Descriptor) -> str:
    """The path by which a child opens an inherited file anew."""
    return f"/dev/fd/{file.fileno()}"


def find_programs(machine: str) -> dict[str, str]:
    """The paths of the programs that a machine needs.

    Raises:
        GuestError: some are missing; it names the Debian packages.
    """
    if platform.machine() != "x86_64":
        raise GuestError("the machines are x86-64 only")
    packages = PROGRAMS_OF_BOTH | PROGRAMS[machine]
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
    found = {name: shutil.which(name, path=path) or "" for name in packages}
    missing = [packages[name] for name in packages if not found[name]]
    if found["busybox"] and b"/ld-linux" in Path(found["busybox"]).read_bytes():
        missing.append("busybox-static")
    if missing:
        raise GuestError(f"missing programs: apt-get install {' '.join(missing)}")
    return found


def find_kernel(options: Options, programs: dict[str, str]) -> Kernel:
    """The newest kernel that fits the options.

    Raises:
        GuestError: there is none.
    """
    if options.machine == "uml":
        image = Path(programs["linux.uml"])
        version = subprocess.check_output([image, "--version"], text=True).strip()
        return Kernel(image, image.resolve().parents[1] / "lib/uml/modules" / version)
    candidates = sorted(
        Path("/lib/modules").glob(options.kernel),
        key=lambda modules: [int(part) for part in re.findall(r"\d+", modules.name)],
    )
    for modules in reversed(candidates):
        image = Path("/boot", f"vmlinuz-{modules.name}")
        if image.exists() and (modules / "modules.dep").exists():
            return Kernel(image, modules)
    raise GuestError(
        "no kernel in /boot with modules in /lib/modules: apt-get install linux-image-amd64"
    )


def command_line(
    options: Options,
    programs: dict[str, str],
    kernel: Kernel,
    files: dict[str, Descriptor],
    directory: str,
) -> list[str]:
    """The command that is the machine.

    Args:
        options: of this run.
        programs: as from `find_programs`.
        kernel: as from `find_kernel`.
        files: initramfs, scratch (disk image), console (log), and control, out, err (sockets).
        directory: an empty one that the machine may use while it runs.
    """
    level = "ignore_loglevel" if options.verbose else "loglevel=5"
    kernel_options = [*KERNEL_OPTIONS, *SECURITY_OPTIONS[options.security], level]
    if options.machine == "uml":
        return _uml(options, kernel, kernel_options, files, directory)
    return _qemu(options, programs, kernel, kernel_options, files)


def _uml(
    options: Options,
    kernel: Kernel,
    kernel_options: list[str],
    files: dict[str, Descriptor],
    directory: str,
) -> list[str]:
    command = [
        str(kernel.image),
        f"mem={options.mem}M",
        f"uml_dir={directory}",
        "noreboot",
        f"initrd={fd_path(files['initramfs'])}",
        f"ubd0={fd_path(files['scratch'])}",
        "con=null",
        "con0=null,fd:1",
        "ssl=null",
        *kernel_options,
    ]
    for number, name in enumerate(["control", "out", "err"]):
        command.append(f"ssl{number}=fd:{files[name].fileno()}")
    if options.tty:
        command.append("con1=fd:0")
    return command


def _qemu(
    options: Options,
    programs: dict[str, str],
    kernel: Kernel,
    kernel_options: list[str],
    files: dict[str, Descriptor],
) -> list[str]:
    scratch, console = fd_path(files["scratch"]), fd_path(files["console"])
    arguments = {
        "-display": "none",
        "-machine": "q35",
        "-accel": {"tcg": "tcg,thread=multi", "kvm": "kvm"}[options.accel],
        "-cpu": "max",
        "-smp": str(options.cpus),
        "-m": str(options.mem),
        "-kernel": str(kernel.image),
        "-initrd": fd_path(files["initramfs"]),
        "-append": " ".join([*QEMU_KERNEL_OPTIONS, *kernel_options]),
        "-chardev": f"file,id=console,path={console}",
        "-serial": "chardev:console",
        "-drive": f"file={scratch},if=virtio,format=raw,cache=unsafe,discard=unmap",
        "-device": "virtio-serial-pci",
    }
    command = [programs["qemu-system-x86_64"], "-nodefaults", "-no-user-config", "-no-reboot"]
    command += [word for pair in arguments.items() for word in pair]
    for name in ("control", "out", "err"):
        command += ["-chardev", f"socket,id={name},fd={files[name].fileno()}"]
        command += ["-device", f"virtserialport,chardev={name},name={name}"]
    if options.tty:
        command += ["-chardev", "stdio,id=tty,signal=off", "-device", "virtconsole,chardev=tty"]
    exports = [("root", "/", "on")]
    exports += [(f"share{number}", path, "off") for number, path in enumerate(options.share)]
    for tag, path, read_only in exports:
        # multidevs=remap: the host's root has other file systems mounted in it.
        command += [
            "-fsdev",
            f"local,id={tag},path={path.replace(',', ',,')},security_model=none,multidevs=remap,"
            f"readonly={read_only}",
            "-device",
            f"virtio-9p-pci,fsdev={tag},mount_tag={tag}",
        ]
    return command
