"""Compiling a filter needs ctypes, and so time; a start whose filter is known must not pay it."""

from __future__ import annotations

import subprocess
import sys


def test_a_cached_filter_needs_no_ctypes(tmp_path: object) -> None:
    program = (
        "import sys\n"
        "from orlop.kernel import seccomp\n"
        "from orlop.runtime.seccomp_default import default_profile\n"
        "import os\n"
        f"seccomp.compile(default_profile((), os.uname().machine), '{tmp_path}/filters')\n"
        "print('ctypes' in sys.modules)\n"
    )
    answers = [
        subprocess.run(
            [sys.executable, "-S", "-c", program],
            check=True,
            capture_output=True,
            text=True,
            env={"PYTHONPATH": ":".join(sys.path)},
        ).stdout.strip()
        for _ in range(2)
    ]
    assert answers == ["True", "False"]
