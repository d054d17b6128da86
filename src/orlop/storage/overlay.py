"""Overlays on the host's side: whether they can be had, and one that is attached nowhere.

See: Documentation/filesystems/overlayfs.rst; `orlop.runtime.layers` for those of containers.
"""

from __future__ import annotations

import errno
import os
import tempfile

from orlop.errors import SyscallError
from orlop.kernel import new_mounts
from orlop.kernel.mounts import MOUNT_ATTR_RDONLY
from orlop.runtime.layers import escaped
from orlop.storage import removal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_LONGEST_VALUE = 255
_UNKNOWN_KEY = (errno.EINVAL, errno.ENOPARAM if hasattr(errno, "ENOPARAM") else errno.EINVAL)


def mount(
    lowers: Sequence[str], *, upper: str = "", work: str = "", place: str = "", attributes: int = 0
) -> int:
    """A descriptor (the caller's to close) of an overlay that is attached nowhere.

    Without `upper` nothing can be written to it, and of one lower directory alone it is a copy of
    the mount that this is on.

    Args:
        lowers: host directories, the uppermost first.
        upper: host directory of what is written, on a file system that can be one; "" for none.
        work: empty directory on the same one.
        place: for many lowers on kernels before 6.8; see `new_mounts.classic_filesystem`.
        attributes: MOUNT_ATTR_ bits.

    Raises:
        SyscallError: the kernel refuses.
    """
    if not upper:
        attributes |= MOUNT_ATTR_RDONLY
    if not upper and len(lowers) == 1:
        return _directory(lowers[0], attributes)
    own = [f"upperdir={upper}", f"workdir={work}"] if upper else []
    try:
        # One layer at a time, without escapes: since Linux 6.8.
        options = [f"lowerdir+={lower}" for lower in lowers]
        return new_mounts.new_filesystem("overlay", [*options, *own], attributes)
    except SyscallError as error:
        if error.path != "lowerdir+":
            raise
    joined = "lowerdir=" + ":".join(map(escaped, lowers))
    own = [f"upperdir={escaped(upper)}", f"workdir={escaped(work)}"] if upper else []
    if not place or max(map(len, (joined, *own))) <= _LONGEST_VALUE:
        return new_mounts.new_filesystem("overlay", [joined, *own], attributes)
    return new_mounts.classic_filesystem("overlay", ",".join([joined, *own]), place, attributes)


def _directory(path: str, attributes: int) -> int:
    copy = new_mounts.clone_tree(-100, path, recursive=False)
    try:
        new_mounts.set_attributes(copy, attributes)
    except BaseException:
        os.close(copy)
        raise
    return copy


def can_be_upper(directory: str) -> bool:
    """Whether what overlays write can go to this host directory; leaves nothing in it.

    Not on another overlay or on NFS, nor, without rights, on what has no attributes for users.
    """
    own = tempfile.mkdtemp(prefix=".overlay-", dir=directory)
    try:
        for name in ("lower", "upper", "work"):
            os.mkdir(f"{own}/{name}")
        os.close(mount([f"{own}/lower"], upper=f"{own}/upper", work=f"{own}/work"))
    except SyscallError:
        return False
    else:
        return True
    finally:
        removal.remove_path(own)
