"""Execs below the run directory: what an engine that comes later has to know of them.

<directory>/<id>/exec.json   what was asked, and of which container
<directory>/<id>/shim.sock   its launcher, while it lives
<directory>/<id>/report      how it has ended
"""

from __future__ import annotations

import os
import shutil

from orlop.engine import documents
from orlop.engine.exec_request import Exec
from orlop.errors import InternalError

_REQUEST = "exec.json"


class Kept:
    """The directory of all execs; a host path. It is made when it is needed."""

    def __init__(self, directory: str) -> None:
        self._directory = directory

    def path(self, exec_id: str) -> str:
        """The host directory of one exec."""
        return os.path.join(self._directory, exec_id)

    def write(self, started: Exec) -> str:
        """The exec will be found again; returns its directory."""
        path = self.path(started.id)
        os.makedirs(path, mode=0o700)
        fd = os.open(os.path.join(path, _REQUEST), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.write(fd, documents.dumps(started).encode())
        finally:
            os.close(fd)
        return path

    def read(self) -> list[Exec]:
        """All that are kept; what cannot be understood is removed."""
        found = []
        for name in sorted(os.listdir(self._directory)) if self._exists() else ():
            try:
                with open(os.path.join(self.path(name), _REQUEST)) as file:
                    found.append(documents.loads(Exec, file.read()))
            except (OSError, ValueError, InternalError):  # half written, or of a newer engine
                self.remove(name)
        return found

    def remove(self, exec_id: str) -> None:
        """Nothing is left of an exec."""
        shutil.rmtree(self.path(exec_id), ignore_errors=True)

    def _exists(self) -> bool:
        return os.path.isdir(self._directory)
