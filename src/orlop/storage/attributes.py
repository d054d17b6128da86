"""Extended attributes that go into archives and come out of them.

What the overlay keeps about its own (redirects, origins) is not for archives to say: a layer could
make files of others appear.
"""

from __future__ import annotations

import errno
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

CAPABILITY = "security.capability"
TRUSTED_OVERLAY = "trusted.overlay."
USER_OVERLAY = "user.overlay."
OPAQUE = "opaque"

_CARRIED = (CAPABILITY, "security.ima", "system.posix_acl_", "trusted.", "user.")
_OF_OVERLAY = (TRUSTED_OVERLAY, USER_OVERLAY)

# EPERM: user.* on what is neither file nor directory, or trusted.* without rights
_TOLERATED = (errno.ENOTSUP, errno.EPERM)


def is_carried(name: str) -> bool:
    """Whether an attribute of that name belongs to a file wherever it is."""
    return name.startswith(_CARRIED) and not name.startswith(_OF_OVERLAY)


def apply(target: int | str, attributes: Iterable[tuple[str, bytes]]) -> None:
    """A file has these attributes, as far as its file system can hold them.

    Args:
        target: a descriptor, or a path of our own (/proc/self/fd/N).
        attributes: names with values.

    Raises:
        OSError: it cannot have one, for another reason than that.
    """
    for name, value in attributes:
        if not is_carried(name):
            continue
        try:
            os.setxattr(target, os.fsencode(name), value)
        except OSError as error:
            if error.errno not in _TOLERATED or (name == CAPABILITY and error.errno == errno.EPERM):
                raise


def read(target: int | str) -> Iterator[tuple[str, bytes]]:
    """The attributes of a file that belong into an archive, by name.

    Args:
        target: a descriptor, or a path of our own (/proc/self/fd/N).
    """
    try:
        names = os.listxattr(target)
    except OSError as error:
        if error.errno in (errno.ENOTSUP, errno.EPERM, errno.EACCES):
            return
        raise
    for name in sorted(filter(is_carried, names)):
        try:
            yield name, os.getxattr(target, name)
        except OSError as error:  # it was removed meanwhile
            if error.errno not in (errno.ENODATA, errno.ENOTSUP, errno.EPERM):
                raise
