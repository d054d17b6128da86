"""The benchmark's own small C programs, compiled from their sources beside this file."""

from __future__ import annotations

import subprocess
from pathlib import Path

HERE = Path(__file__).parent


def compile_helper(name: str, directory: Path) -> Path:
    """The static program made from `name`.c, in `directory`.

    Raises:
        subprocess.CalledProcessError: the compiler refused it (its message is on stderr).
    """
    program = directory / name
    flags = ("-std=gnu17", "-O2", "-static", "-Wall", "-Wextra")
    subprocess.run(["cc", *flags, "-o", program, HERE / f"{name}.c"], check=True)
    return program
