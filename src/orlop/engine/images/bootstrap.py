"""Images made of a distribution's own packages, by debootstrap, where no registry can be reached.

debootstrap runs in mount and PID namespaces of its own, so neither a mount nor a process of it is
left, however it ends. What it makes is an archive, which is imported like any other.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from typing import TYPE_CHECKING

from orlop.errors import InvalidArgument, Unavailable, Unsupported
from orlop.records import Record
from orlop.storage.archive import archived

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from orlop.image.reference import Reference

    Told = Callable[[str], None]

_SCRIPTS = "/usr/share/debootstrap/scripts"
_UNWANTED = (b"var/cache/apt/archives/", b"var/lib/apt/lists/", b"var/log/")
_LAST_LINES = 5
CHANGES = (
    'CMD ["/bin/bash"]',
    "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
)
"""How its containers start, as instructions of a Dockerfile."""


class Distribution(Record):
    """Where packages come from.

    Attributes:
        mirror: URL.
        latest: the suite that `latest` stands for.
    """

    mirror: str
    latest: str


DISTRIBUTIONS = {
    "debian": Distribution("http://deb.debian.org/debian", "stable"),
    "ubuntu": Distribution("http://archive.ubuntu.com/ubuntu", "noble"),
}


def suite_of(name: Reference) -> tuple[Distribution, str]:
    """The distribution and suite that a name stands for, as debian:bookworm.

    Raises:
        InvalidArgument: it stands for none.
        Unsupported: there is no debootstrap, or it does not know the suite.
    """
    distribution = DISTRIBUTIONS.get(name.path.rpartition("/")[2])
    if distribution is None or name.digest:
        raise InvalidArgument(
            f"cannot make {name.familiar!r} of packages",
            hint=f"possible are {', '.join(f'{known}:SUITE' for known in DISTRIBUTIONS)}",
        )
    if shutil.which("debootstrap") is None:
        raise Unsupported("making images of packages", needs="the program debootstrap")
    suite = distribution.latest if name.tag in ("", "latest") else name.tag
    if not os.path.exists(f"{_SCRIPTS}/{suite}"):
        raise Unsupported(f"the suite {suite!r}", needs="a debootstrap that knows it")
    return distribution, suite


@contextlib.contextmanager
def tree(distribution: Distribution, suite: str, scratch: str, told: Told) -> Iterator[str]:
    """A host directory with the suite's minimal system, gone afterwards. Blocks for minutes.

    Args:
        distribution: where packages come from.
        suite: of it.
        scratch: absolute host directory to make it in.
        told: gets what debootstrap says, line by line.

    Raises:
        Unavailable: debootstrap failed.
    """
    directory = tempfile.mkdtemp(prefix="bootstrap-", dir=scratch)
    try:
        _run(distribution, suite, directory, told)
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def archive(directory: str) -> Iterator[bytes]:
    """The tree as an archive, without what only its making has left."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield from archived(descriptor, ".", "", _is_wanted)
    finally:
        os.close(descriptor)


def _is_wanted(path: bytes, _status: os.stat_result) -> bool:
    return not path.startswith(_UNWANTED)


def _run(distribution: Distribution, suite: str, directory: str, told: Told) -> None:
    namespaces = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
    words = ["debootstrap", "--variant=minbase", suite, directory, distribution.mirror]
    process = subprocess.Popen(
        [*namespaces, "--", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", **_proxies()},
    )
    last: list[str] = []
    is_over = False
    try:
        assert process.stdout is not None  # noqa: S101 - a pipe was asked for
        for line in process.stdout:
            last = [*last, line.strip()][-_LAST_LINES:]
            told(line.strip())
        is_over = True
    finally:
        # After its last line it ends by itself; else somebody has given up on it.
        if not is_over:
            process.send_signal(signal.SIGKILL)
        process.communicate()
    if process.returncode:
        raise Unavailable(f"debootstrap {suite} failed: {' / '.join(last)}")


def _proxies() -> dict[str, str]:
    names = ("http_proxy", "https_proxy", "no_proxy")
    return {name: os.environ[name] for name in names if name in os.environ}
