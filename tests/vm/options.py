"""What may be asked of a virtual machine."""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass

import tests.vm

MACHINES = ("qemu", "uml")
SECURITY = ("apparmor", "selinux", "none")
SCRATCH_DIRECTORIES = ("/tmp", "/var/tmp", "/var/lib/containers")


@dataclass(frozen=True)
class Options:
    """One run. Paths are the host's; sizes in MiB, times in seconds."""

    command: tuple[str, ...]
    machine: str = "qemu"
    security: str = "apparmor"
    mem: int = 2048
    cpus: int = 2
    timeout: float = 1800
    share: tuple[str, ...] = ()
    scratch: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    tty: bool = False
    kernel: str = "*"
    accel: str = "tcg"
    verbose: bool = False


def parse(arguments: list[str]) -> Options:
    """The options of a command line; a wrong one ends the program with status 2."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.vm",
        description=tests.vm.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="%(prog)s [OPTION]... [--] COMMAND [ARGUMENT]...",
    )
    add = parser.add_argument
    add("--machine", choices=MACHINES, default=Options.machine)
    add("--security", choices=SECURITY, default=Options.security)
    add("--mem", type=int, default=Options.mem, metavar="MIB")
    add("--cpus", type=int, default=Options.cpus, metavar="N", help="qemu only")
    add("--timeout", type=float, default=Options.timeout, metavar="S")
    add("--share", type=os.path.realpath, action="append", default=[], metavar="DIR")
    add("--scratch", action="append", default=[], metavar="DIR")
    add("--env", action="append", default=[], metavar="NAME[=VALUE]")
    add("--tty", action="store_true", help="connect the command to this terminal")
    add("--kernel", default=Options.kernel, metavar="VERSION", help="qemu only: of /lib/modules")
    add("--accel", choices=["tcg", "kvm"], default=Options.accel, help="qemu only")
    add("--verbose", action="store_true", help="time the boot, log all that the kernel says")
    add("command", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    given = vars(parser.parse_args(arguments))
    given["command"] = given["command"][given["command"][:1] == ["--"] :]
    if not given["command"]:
        parser.error("no command given")
    for directory in given["share"]:
        if not os.path.isdir(directory):
            parser.error(f"--share {directory}: no such directory")
    if given["tty"] and not (os.isatty(0) and os.isatty(1)):
        parser.error("--tty: stdin and stdout are not a terminal")
    for name in ("command", "share", "scratch", "env"):
        given[name] = tuple(given[name])
    return Options(**given)
