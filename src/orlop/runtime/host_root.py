"""The root file system `host`: the machine's own programs, in a container, without any image.

/usr, /etc and /opt of the host, copy-on-write (overlayfs); nothing else of it. Homes, /var, /run,
/boot and /srv are empty or missing, and whatever below /etc an ordinary user of the host may not
read is left out: password hashes, host keys, private certificates.
"""

from __future__ import annotations

import os
import stat

from orlop.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

SHARED = ("usr", "etc", "opt")

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


class HostRoot(Record):
    """A prepared root: its directory, and the mounts that fill it, as in config.json."""

    path: str
    mounts: tuple[dict[str, object], ...]


def prepare(directory: str) -> HostRoot:
    """Makes a root and its writable layers in an empty host directory, which holds all changes.

    The directory has to be on a file system that can be an overlay's upper layer (not an overlay
    itself). The mounts belong before those of /proc, /dev and /sys.
    """
    root = os.path.join(directory, "root")
    os.mkdir(root, 0o755)
    for name, mode in _EMPTY:
        path = os.path.join(root, name)
        os.mkdir(path)
        os.chmod(path, mode)
    for name in os.listdir("/"):
        if os.path.islink(f"/{name}") and os.readlink(f"/{name}").lstrip("/").startswith("usr/"):
            os.symlink(os.readlink(f"/{name}"), os.path.join(root, name))
    mounts = tuple(_layered(directory, root, name) for name in SHARED if os.path.isdir(f"/{name}"))
    for secret in secrets("/etc"):
        _leave_out(os.path.join(directory, "etc.upper"), os.path.relpath(secret, "/etc"))
    return HostRoot(root, mounts)


def _layered(directory: str, root: str, name: str) -> dict[str, object]:
    upper, work = (os.path.join(directory, f"{name}.{part}") for part in ("upper", "work"))
    for path in (os.path.join(root, name), upper, work):
        os.mkdir(path, 0o755)
    return {
        "destination": f"/{name}",
        "type": "overlay",
        "source": "overlay",
        "options": [f"lowerdir=/{name}", f"upperdir={upper}", f"workdir={work}"],
    }


def secrets(directory: str) -> Iterator[str]:
    """Host paths below a directory that others than owner and group may not read."""
    for entry in os.scandir(directory):
        mode = entry.stat(follow_symlinks=False).st_mode
        if stat.S_ISLNK(mode):
            continue
        wanted = stat.S_IROTH | stat.S_IXOTH if stat.S_ISDIR(mode) else stat.S_IROTH
        if mode & wanted != wanted:
            yield entry.path
        elif stat.S_ISDIR(mode):
            yield from secrets(entry.path)


def _leave_out(upper: str, path: str) -> None:
    """Puts a whiteout into the writable layer, so that the name does not exist in the container."""
    parent = os.path.dirname(path)
    made = upper
    for part in filter(None, parent.split("/")):
        made = os.path.join(made, part)
        if not os.path.isdir(made):
            os.mkdir(made)
            os.chmod(
                made, os.stat(os.path.join("/etc", os.path.relpath(made, upper))).st_mode & 0o7777
            )
    os.mknod(os.path.join(upper, path), stat.S_IFCHR, _WHITEOUT)
