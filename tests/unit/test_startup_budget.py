"""What `orlop-runtime` imports on the way to a container: docs/decisions/0001-startup-budget.md."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.preconditions import ROOT

EXPENSIVE = """
    argparse asyncio collections contextlib ctypes dataclasses enum functools hashlib inspect json
    logging pathlib random re shutil signal socket subprocess tempfile threading traceback typing
"""
LAYERS = ("kernel", "launch", "runtime", "intent", "insight", "client", "faces/cli")
LISTING = ("ps", "images", "inspect", "history", "stats", "events", "info", "version", "top", "why")

# Imported where they are needed, by commands that move whole trees of files or stay for long.
SLOW = (
    "orlop.faces.cli.copying.outside",
    "orlop.faces.cli.cp_",
    "orlop.faces.cli.daemon_",
    "orlop.faces.cli.registries",
)


def modules() -> list[str]:
    """Every module of the layers below, and of verbs that people wait for."""
    source = ROOT / "src"
    files = [*source.glob("orlop/*.py")]
    for layer in LAYERS:
        files += source.glob(f"orlop/{layer}/**/*.py")
    files += [source / f"orlop/faces/cli/{verb}_.py" for verb in LISTING]
    names = {name_of(file.relative_to(source)) for file in files}
    assert names.issuperset(SLOW)
    return sorted(names.difference(SLOW))


def name_of(file: Path) -> str:
    return ".".join(file.with_suffix("").parts).removesuffix(".__init__")


REPORT = """
import importlib, sys
sys.path.append(sys.argv[1])
for name in sys.argv[2:]:
    before = set(sys.modules)
    importlib.import_module(name)
    print(name, *sorted(set(sys.modules) - before))
"""


def test_no_module_imports_something_expensive() -> None:
    # One interpreter as orlop-runtime starts it: what is expensive shows where it comes first.
    command = [sys.executable, "-I", "-S", "-c", REPORT, str(ROOT / "src"), *modules()]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    imported = dict(line.split(" ", 1) for line in done.stdout.splitlines() if " " in line)
    assert len(done.stdout.splitlines()) == len(modules())
    found = {name: set(new.split()) & set(EXPENSIVE.split()) for name, new in imported.items()}
    assert {name: new for name, new in found.items() if new} == {}
