"""The guest's first file system: busybox, the modules for the boot, the scripts, and the job."""

from __future__ import annotations

import lzma
import os
import shlex
import subprocess
from pathlib import Path

from tests.vm.options import SCRATCH_DIRECTORIES, Options

SCRIPTS = Path(__file__).with_name("guest")

# What stage 1 needs to reach the root file system (as far as it is not built in) ...
BOOT_MODULES = {
    "qemu": "virtio_pci virtio_console virtio_blk crc32c_generic ext4 9pnet_virtio 9p overlay",
    "uml": "ext4 hostfs overlay",
}
# ... and what container engines want there, or load with a modprobe that a nested container could
# not run. All the rest the kernel loads from /lib/modules when it is used.
ENGINE_MODULES = """
    fuse tun loop veth bridge br_netfilter dummy ifb sch_tbf sch_ingress
    nf_tables nft_chain_nat nft_compat ip_tables iptable_filter iptable_nat
    ip6_tables ip6table_filter ip6table_nat xt_MASQUERADE xt_conntrack xt_comment
"""
ENVIRONMENT = """
    PATH HOME USER LOGNAME SHELL TERM LANG LC_ALL LC_CTYPE TZ VIRTUAL_ENV CI
"""  # what the guest's command gets of the caller's
DIRECTORIES = ("bin", "modules", "proc", "sys", "dev", "host", "scratch", "root", "cwd")


def make_initramfs(options: Options, modules: Path, busybox: str) -> bytes:
    """A cpio archive; `modules` is the directory of the kernel's modules."""
    functions = (f"{options.machine}.sh", "common.sh")
    files = {
        "init": (SCRIPTS / "stage1.sh").read_bytes(),
        "stage2": (SCRIPTS / "stage2.sh").read_bytes(),
        "functions": b"".join((SCRIPTS / name).read_bytes() for name in functions),
        "job": job(options, modules).encode(),
        "bin/busybox": Path(busybox).read_bytes(),
    }
    order = []
    for module in in_order(modules, BOOT_MODULES[options.machine].split()):
        order.append(module.name.partition(".")[0] + ".ko")
        files[f"modules/{order[-1]}"] = unpacked(module)
    files["modules/order"] = "\n".join(order).encode()
    return cpio(
        [(name, 0o040755, b"") for name in DIRECTORIES]
        + [(name, 0o100755, data) for name, data in files.items()]
    )


def job(options: Options, modules: Path) -> str:
    """Shell text that tells the guest's scripts what to run, and where."""
    environment = {name: os.environ[name] for name in ENVIRONMENT.split() if name in os.environ}
    for item in options.env:
        name, given, value = item.partition("=")
        if given or name in os.environ:
            environment[name] = value if given else os.environ[name]
    terminal = ""
    if options.tty:  # its size, for stty
        columns, lines = os.get_terminal_size()
        terminal = f"rows {lines} columns {columns}"
    assignments = [f"{name}={value}" for name, value in environment.items()]
    # With a slash in its name, env is the real one and not busybox' applet.
    start = shlex.join(["/usr/bin/env", "-i", *assignments, *options.command])
    scratch = " ".join(dict.fromkeys([*SCRATCH_DIRECTORIES, *options.scratch]))
    return "\n".join(
        [
            f"cwd={shlex.quote(os.getcwd())}",
            f"set -- {shlex.join(options.share)}",
            f"scratch={shlex.quote(scratch)}",
            f"modules={shlex.quote(' '.join(ENGINE_MODULES.split()))}",
            f"modules_directory={shlex.quote(str(modules))}",
            f"terminal={shlex.quote(terminal)}",
            # If stdout and stderr are the same file, one stream keeps them in order.
            f"errors={'out' if os.path.sameopenfile(1, 2) else 'err'}",
            "starter=setsid",
            f"start() {{ exec $starter {start}; }}",
            "",
        ]
    )


def in_order(directory: Path, names: list[str]) -> list[Path]:
    """The files of these modules, each behind those that it depends on."""
    files, needs = {}, {}
    for line in (directory / "modules.dep").read_text().splitlines():
        file, _, dependencies = line.partition(":")
        files[Path(file).name.partition(".")[0].replace("-", "_")] = file
        needs[file] = dependencies.split()  # complete, each before those it needs itself
    order: dict[str, None] = {}
    for name in names:
        if name in files:  # else it is built in
            order.update(dict.fromkeys([*reversed(needs[files[name]]), files[name]]))
    return [directory / file for file in order]


def unpacked(module: Path) -> bytes:
    """A module's contents."""
    data = module.read_bytes()
    if module.suffix == ".xz":
        return lzma.decompress(data)
    if module.suffix == ".zst":
        done = subprocess.run(["zstd", "-dcq"], input=data, stdout=subprocess.PIPE, check=True)
        return done.stdout
    return data


def cpio(entries: list[tuple[str, int, bytes]]) -> bytes:
    """A cpio archive ("newc", as initramfs-buffer-format in the kernel's documentation has it).

    Entries are name, mode and data.
    """
    archive = bytearray()
    for inode, (name, mode, data) in enumerate([*entries, ("TRAILER!!!", 0, b"")], 1):
        encoded = name.encode() + b"\0"
        fields = [inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(encoded), 0]
        archive += b"070701" + b"".join(b"%08X" % field for field in fields) + encoded
        archive += bytes(-len(archive) % 4) + data
        archive += bytes(-len(archive) % 4)
    return bytes(archive)
