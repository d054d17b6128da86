"""What every start imports may not load what takes longer than the start (docs/decisions)."""

from __future__ import annotations

import subprocess
import sys

import pytest

TOO_SLOW = (
    "dataclasses typing enum re json subprocess socket argparse pathlib contextlib logging inspect"
    " ctypes tempfile shutil hashlib signal collections"
)
MODULES = (
    "capabilities",
    "features",
    "idmap",
    "lsm",
    "mounts",
    "namespaces",
    "process",
    "seccomp",
    "seccomp_cache",
    "syscalls",
)


@pytest.mark.parametrize("module", MODULES)
def test_importing_is_cheap(module: str) -> None:
    program = (
        "import sys\n"
        f"import orlop.kernel.{module}\n"
        f"print(*sorted(set({TOO_SLOW!r}.split()) & sys.modules.keys()))\n"
    )
    # -S: site-packages may load anything, and are not what is measured.
    done = subprocess.run(
        [sys.executable, "-S", "-c", program],
        check=True,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    assert done.stdout.split() == []


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
