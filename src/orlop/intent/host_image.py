"""The image `host`: the machine's own programs as a root file system, without any download.

/usr, /etc and /opt of the host, copy-on-write; nothing else of it. Homes, /var, /run, /boot and
/srv are empty or missing, and whatever below /etc an ordinary user of the host may not read is left
out: password hashes, host keys, private certificates.

The rest of the root, and the whiteouts that hide the secrets, are two small layers. They are made
once for each state of the host, and never changed, since containers may be using them.
"""

from __future__ import annotations

import os
import stat
from _thread import get_ident

from orlop.errors import SyscallError
from orlop.records import Record, values
from orlop.runtime.layers import Overlay

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_SHARED = ("usr", "etc", "opt")

# name, mode of the directories that every system has and that start empty
_EMPTY = (
    ("dev", 0o755),
    ("home", 0o755),
    ("proc", 0o755),
    ("root", 0o700),
    ("run", 0o755),
    ("srv", 0o755),
    ("sys", 0o755),
    ("tmp", 0o1777),
    ("var", 0o755),
    ("var/cache", 0o755),
    ("var/lib", 0o755),
    ("var/log", 0o755),
    ("var/tmp", 0o1777),
)
_WHITEOUT = os.makedev(0, 0)


class HostImageFacts(Record):
    """What the host's own files are like.

    Attributes:
        shared: those of /usr, /etc and /opt that there are, without the slash.
        links: name and target of the links in / that lead to /usr, as bin, usr/bin.
        secrets: paths below /etc that are left out, with the modes of the directories above them.
    """

    shared: tuple[str, ...] = ("usr", "etc")
    links: tuple[tuple[str, str], ...] = ()
    secrets: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """A name that differs for every other state of the host."""
        from _blake2 import blake2b  # hashlib would load OpenSSL

        name: str = blake2b(repr(values(self)).encode(), digest_size=8).hexdigest()
        return name


def read_host_image() -> HostImageFacts:
    """The facts as they are now; some milliseconds. Needs no rights."""
    found = ((n, os.readlink(f"/{n}")) for n in sorted(os.listdir("/")) if os.path.islink(f"/{n}"))
    links = tuple((n, target) for n, target in found if target.lstrip("/").startswith("usr/"))
    shared = tuple(name for name in _SHARED if os.path.isdir(f"/{name}"))
    hidden = sorted(os.path.relpath(path, "/etc") for path in secrets("/etc"))
    return HostImageFacts(shared, links, tuple(hidden))


def secrets(directory: str) -> Iterator[str]:
    """Host paths below a directory that others than owner and group may not read."""
    for entry in os.scandir(directory):
        try:
            mode = entry.stat(follow_symlinks=False).st_mode
        except FileNotFoundError:  # it has just been removed
            continue
        if stat.S_ISLNK(mode):
            continue
        wanted = stat.S_IROTH | stat.S_IXOTH if stat.S_ISDIR(mode) else stat.S_IROTH
        if mode & wanted != wanted:
            yield entry.path
        elif stat.S_ISDIR(mode):
            yield from secrets(entry.path)


def overlays(facts: HostImageFacts, directory: str) -> tuple[Overlay, ...]:
    """The image as overlays; its own layers are in this host directory. Pure."""
    root = Overlay("/", (f"{directory}/root",), "root")
    own = {"etc": (f"{directory}/etc",)}
    return (
        root,
        *(Overlay(f"/{name}", (*own.get(name, ()), f"/{name}"), name) for name in facts.shared),
    )


def directories(facts: HostImageFacts) -> tuple[tuple[str, int], ...]:
    """The root layer's directories, each after those above it, and their modes."""
    return (*_EMPTY, *((name, 0o755) for name in facts.shared))


def make(facts: HostImageFacts, directory: str) -> None:
    """Makes the image's own layers in this host directory, all at once, unless they are there.

    Raises:
        SyscallError: they cannot be made; whiteouts take CAP_MKNOD.
    """
    if os.path.isdir(directory):
        return
    fresh = f"{directory}.{os.getpid()}-{get_ident()}"  # an engine has several threads at it
    try:
        os.makedirs(fresh, mode=0o755)
        _make_root(facts, f"{fresh}/root")
        _make_whiteouts(facts, f"{fresh}/etc")
        os.rename(fresh, directory)
    except OSError as error:
        _remove(fresh)
        if not os.path.isdir(directory):  # another process was first
            raise SyscallError(
                "make the image host", error.errno or 0, error.filename or directory
            ) from error


def _make_root(facts: HostImageFacts, root: str) -> None:
    os.mkdir(root)
    for name, mode in directories(facts):
        os.mkdir(f"{root}/{name}")
        os.chmod(f"{root}/{name}", mode)
    for name, target in facts.links:
        os.symlink(target, f"{root}/{name}")


def _make_whiteouts(facts: HostImageFacts, layer: str) -> None:
    """A whiteout for every secret: a name that does not exist in the container."""
    os.mkdir(layer)
    for path in facts.secrets:
        above = ""
        for part in os.path.dirname(path).split("/"):
            above = os.path.join(above, part)
            if above and not os.path.isdir(f"{layer}/{above}"):
                os.mkdir(f"{layer}/{above}")
                os.chmod(f"{layer}/{above}", os.stat(f"/etc/{above}").st_mode & 0o7777)
        os.mknod(f"{layer}/{path}", stat.S_IFCHR, _WHITEOUT)


def _remove(directory: str) -> None:
    for above, directories, files in os.walk(directory, topdown=False):
        for name in files:
            os.unlink(f"{above}/{name}")
        for name in directories:
            path = f"{above}/{name}"
            os.unlink(path) if os.path.islink(path) else os.rmdir(path)
    if os.path.isdir(directory):
        os.rmdir(directory)
