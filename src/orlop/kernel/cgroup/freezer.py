"""Stops and continues all processes of a cgroup, sub-cgroups included.

See: the kernel's admin-guide/cgroup-v1/freezer-subsystem.rst; cgroup-v2.rst, cgroup.freeze.
"""

from __future__ import annotations

import time

from orlop.errors import DeadlineExceeded
from orlop.kernel.cgroup import control
from orlop.kernel.cgroup.detect import detect
from orlop.kernel.cgroup.events import EventFile
from orlop.kernel.process import cgroup_paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Freezer(Protocol):
        """Freezes one cgroup. One that does not exist any more is thawed, and stays so."""

        def freeze(self, timeout_s: float) -> None:
            """No process of the cgroup runs.

            Raises:
                DeadlineExceeded: one cannot be stopped (it is in an uninterruptible wait); all of
                    them go on.
            """

        def thaw(self) -> None:
            """They go on."""

        def frozen(self) -> bool:
            """Whether this cgroup was frozen, and not merely one above it."""


_THAW_EVERY = 50
_SHORT_S, _LONG_S = 0.00001, 0.01


class FreezerV1:
    """The v1 freezer controller."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._state = f"{directory}/freezer.state"

    def freeze(self, timeout_s: float) -> None:
        """As `Freezer`.

        While processes appear, the kernel can get stuck in FREEZING. Writing the state again makes
        it try again, and letting the new ones arrive now and then helps (runc's experience:
        opencontainers/cgroups fs/freezer.go). It tells nobody when it is done.
        """
        deadline = time.monotonic() + timeout_s
        attempt = 0
        while self._write("FROZEN") and self._read() != "FROZEN":
            attempt += 1
            if time.monotonic() > deadline:
                self.thaw()
                raise DeadlineExceeded(f"cannot freeze {self._directory} in {timeout_s} s")
            if attempt % _THAW_EVERY == 0:
                self.thaw()
                time.sleep(_LONG_S)
            elif attempt % (_THAW_EVERY // 2) == 0:
                time.sleep(_SHORT_S)

    def thaw(self) -> None:
        """As `Freezer`."""
        self._write("THAWED")

    def frozen(self) -> bool:
        """As `Freezer`. What is just being frozen counts as frozen."""
        return control.read_or(f"{self._directory}/freezer.self_freezing", "0").strip() == "1"

    def _write(self, state: str) -> bool:
        return control.write_if_there(self._state, state)

    def _read(self) -> str:
        return control.read_or(self._state, "THAWED").strip()


class FreezerV2:
    """cgroup.freeze, which every v2 cgroup but the root has (since Linux 5.2)."""

    def __init__(self, directory: str) -> None:
        self._directory = directory

    def freeze(self, timeout_s: float) -> None:
        """As `Freezer`."""
        if not self._write("1"):
            return
        with EventFile(f"{self._directory}/cgroup.events") as events:
            if not events.wait_until("frozen", 1, timeout_s):
                self.thaw()
                raise DeadlineExceeded(f"cannot freeze {self._directory} in {timeout_s} s")

    def thaw(self) -> None:
        """As `Freezer`."""
        self._write("0")

    def frozen(self) -> bool:
        """As `Freezer`."""
        return control.read_or(f"{self._directory}/cgroup.freeze", "0").strip() == "1"

    def _write(self, value: str) -> bool:
        return control.write_if_there(f"{self._directory}/cgroup.freeze", value)


def holds(pid: int) -> bool:
    """Whether a v1 freezer has stopped a process, or is about to.

    Such a process does not even stop for a tracer, unlike one that a v2 cgroup has frozen. A
    freezer that is not mounted here cannot be asked, and counts as none.
    """
    hierarchy = detect().of("freezer")
    if hierarchy is None or hierarchy.v2:
        return False
    paths = cgroup_paths(pid)
    path = next((path for names, path in paths.items() if "freezer" in names.split(",")), "/..")
    if path.startswith("/.."):  # above what is mounted here
        return False
    state = control.read_or(f"{hierarchy.directory(path)}/freezer.state", "THAWED")
    return state.strip() != "THAWED"
