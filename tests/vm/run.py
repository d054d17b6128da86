"""Boots a guest, passes its output on, and waits for its exit status."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator

from tests.vm.initramfs import make_initramfs
from tests.vm.machines import (
    Descriptor,
    GuestError,
    command_line,
    fd_path,
    find_kernel,
    find_programs,
)
from tests.vm.options import Options

SCRATCH_BYTES = 16 << 30  # sparse: costs only what the guest writes
PORTS = ("control", "out", "err")
CHUNK_BYTES = 1 << 16
LOG_LINES = 60


def run(options: Options) -> int:
    """Runs the command in a fresh guest; returns its exit status.

    Raises:
        GuestError: the guest failed, not the command.
        TimeoutError: no result within `options.timeout`.
    """
    deadline = time.monotonic() + options.timeout
    with contextlib.ExitStack() as stack:
        if options.tty:
            stack.callback(termios.tcsetattr, 0, termios.TCSADRAIN, termios.tcgetattr(0))
        console = stack.enter_context(tempfile.TemporaryFile())
        try:
            machine, ports = stack.enter_context(_machine(options, console))
            return _relay(ports, machine, deadline, verbose=options.verbose)
        except GuestError as error:
            console.seek(0)
            log = console.read().decode(errors="replace").replace("\r", "").splitlines()
            said = "\n".join(log[-LOG_LINES:])
            raise GuestError(f"{error}\n--- the kernel's last messages ---\n{said}") from None


@contextlib.contextmanager
def _machine(
    options: Options, console: Descriptor
) -> Iterator[tuple[subprocess.Popen[bytes], dict[str, socket.socket]]]:
    """A running machine, and the host's ends of its ports; it is killed at the end."""
    programs = find_programs(options.machine)
    kernel = find_kernel(options, programs)
    with contextlib.ExitStack() as stack:
        # Files without names (the machine opens /dev/fd/N): nothing can be left behind.
        initramfs = stack.enter_context(tempfile.TemporaryFile())
        initramfs.write(make_initramfs(options, kernel.modules, programs["busybox"]))
        initramfs.flush()
        scratch = stack.enter_context(tempfile.TemporaryFile(dir="/var/tmp"))
        scratch.truncate(SCRATCH_BYTES)
        mkfs = [programs["mkfs.ext4"], "-q", "-F", "-E", "lazy_itable_init=1"]
        mkfs += ["-O", "^has_journal", fd_path(scratch)]
        subprocess.run(mkfs, pass_fds=[scratch.fileno()], check=True)
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="orlop-vm-"))
        pairs = {name: socket.socketpair() for name in PORTS}
        files: dict[str, Descriptor] = {name: pair[1] for name, pair in pairs.items()}
        files |= {"initramfs": initramfs, "scratch": scratch, "console": console}
        leash = (programs["setpriv"], "--pdeathsig", "KILL")  # it must not outlive this process
        # User-mode Linux logs to its stdout; QEMU has its own errors to tell there.
        log = console.fileno() if options.machine == "uml" else None
        machine = subprocess.Popen(
            [*leash, *command_line(options, programs, kernel, files, directory)],
            pass_fds=[file.fileno() for file in files.values()],
            stdin=None if options.tty else subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        stack.callback(machine.wait)
        stack.callback(os.killpg, machine.pid, signal.SIGKILL)
        for ours, theirs in pairs.values():
            stack.enter_context(ours)
            theirs.close()
        yield machine, {name: pair[0] for name, pair in pairs.items()}


def _relay(
    ports: dict[str, socket.socket],
    machine: subprocess.Popen[bytes],
    deadline: float,
    *,
    verbose: bool,
) -> int:
    """Copies the guest's output until it said its exit status and all of the output is here."""
    started = time.monotonic()
    with selectors.DefaultSelector() as selector, open(os.pidfd_open(machine.pid), "rb") as ended:
        for name, port in ports.items():
            selector.register(port, selectors.EVENT_READ, name)
        selector.register(ended, selectors.EVENT_READ, "ended")
        received = {"out": 0, "err": 0}
        expected: dict[str, int] = {}
        status = 0
        line = b""
        while received != expected:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise TimeoutError
            ready = {key.data for key, _ in selector.select(remaining)}
            for name in received.keys() & ready:
                data = ports[name].recv(CHUNK_BYTES)
                received[name] += len(data)
                _write_all({"out": 1, "err": 2}[name], data)
            # After the output, and before the end: what the guest said before it ended counts.
            news = ports["control"].recv(CHUNK_BYTES) if "control" in ready else b""
            *lines, line = (line + news).split(b"\n")
            for keyword, _, rest in (said.decode().partition(" ") for said in lines):
                if verbose:
                    elapsed = time.monotonic() - started
                    sys.stderr.write(f"vm: {elapsed:.1f} s: {keyword} {rest}\n")
                if keyword == "fail":
                    raise GuestError(rest)
                if keyword == "exit":
                    status, *counts = map(int, rest.split())
                    expected = dict(zip(received, counts, strict=True))
            if not news and ready & {"control", "ended"}:
                raise GuestError("the guest ended before its command did")
    return status


def _write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]
