"""Where a benchmark lives: its directory, its helpers, the names of its kernel objects."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bench.build import compile_helper
from bench.bundle import make_rootfs
from bench.filter import write_bpf

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self


_MEMORY = "/dev/shm"  # a tmpfs everywhere


def _orlop_runtime() -> Path | None:
    """The runtime to measure: $ORLOP_BENCH_RUNTIME, or the one beside this interpreter."""
    chosen = os.environ.get("ORLOP_BENCH_RUNTIME") or shutil.which(
        "orlop-runtime", path=str(Path(sys.executable).parent)
    )
    return Path(chosen) if chosen else None


class Place:
    """A directory with all that the subjects need; gone at the end, with the cgroups."""

    def __init__(self) -> None:
        self.tag = f"orlop-bench-{os.getpid()}"
        self.directory = Path(tempfile.mkdtemp(prefix=f"{self.tag}-"))
        self._states = Path(tempfile.mkdtemp(prefix=f"{self.tag}-", dir=_MEMORY))
        self.floor = compile_helper("floor", self.directory)
        self.spawn = compile_helper("spawn", self.directory)
        self.rootfs = make_rootfs(self.directory, compile_helper("true", self.directory))
        self.filter = self.directory / "filter.bpf"
        write_bpf(self.filter)
        self.orlop_runtime = _orlop_runtime()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for hierarchy in Path("/sys/fs/cgroup").iterdir():
            for left in hierarchy.glob(f"{self.tag}*"):
                left.rmdir()
        # One file system: should a start have left a mount here, the host's files stay.
        made = (self.directory, self._states)
        subprocess.run(["rm", "-rf", "--one-file-system", *made], check=True)

    def fresh(self, name: str) -> Path:
        """A path in the directory that is used for this only."""
        return self.directory / name

    def state(self, name: str) -> Path:
        """A state directory for a runtime, in memory as /run is on most machines."""
        return self._states / name

    @staticmethod
    def path(program: str) -> Path:
        """The program itself, not a link to it."""
        return Path(program).resolve()
