"""What must stay as it is while somebody tries to reach it."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

Canaries = dict[str, tuple[object, ...]]


def look_at(top: Path) -> Canaries:
    """Everything about what is below a directory, but when it was read."""
    found: Canaries = {}
    for directory, directories, files in os.walk(top):
        for name in (".", *directories, *files):
            path = os.path.join(directory, name)
            status = os.lstat(path)
            content = ""
            if stat.S_ISREG(status.st_mode):
                content = hashlib.sha256(Path(path).read_bytes()).hexdigest()
            times = (status.st_mtime_ns, status.st_ctime_ns)
            found[path] = (status.st_mode, status.st_uid, status.st_gid, times, content)
    return found
