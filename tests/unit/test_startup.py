"""orlop.startup: modules from one file, with a small package of its own that tells what it is."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.preconditions import ROOT

MAIN = """
import json, os, sys
import {name}.part, {name}.inner.deep

def main():
    modules = [sys.modules[__name__], {name}.part, {name}.inner, {name}.inner.deep]
    print(json.dumps({{
        "answer": {name}.part.answer(),
        "kept": sorted(m.__name__ for m in modules if type(m.__loader__).__name__ == "_Loader"),
        "files": [m.__file__ for m in modules],
        "paths": list({name}.inner.__path__),
        "filename": {name}.part.answer.__code__.co_filename,
        "lowest": os.dup(0),
        "argv": sys.argv,
    }}))
    return 7
"""
PART = """
def answer():
    return {answer}
"""


@dataclass(frozen=True)
class Package:
    """A package in a directory of its own, and the file that keeps its modules."""

    directory: Path

    @property
    def file(self) -> Path:
        tag = sys.implementation.cache_tag
        return self.directory / f"pack/__pycache__/commands.{tag}"

    @property
    def part(self) -> Path:
        return self.directory / "pack/part.py"

    @property
    def modules(self) -> list[str]:
        return ["pack.inner", "pack.inner.deep", "pack.main", "pack.part"]

    def command(self) -> list[str]:
        program = (
            "import sys; sys.path.append(sys.argv.pop(1)); import pack.startup;"
            "pack.startup.command('prog', 'pack.main')"
        )
        return [sys.executable, "-I", "-S", "-c", program, str(self.directory), "word"]

    def run(self) -> dict[str, object]:
        done = subprocess.run(
            ["prlimit", "--as=1000000000", *self.command()],
            check=False,
            capture_output=True,
            text=True,
        )
        assert (done.returncode, done.stderr) == (7, "")
        said: dict[str, object] = json.loads(done.stdout)
        return said


@pytest.fixture
def package(tmp_path: Path) -> Package:
    pack = tmp_path / "pack"
    (pack / "inner").mkdir(parents=True)
    for name in ("__init__.py", "inner/__init__.py", "inner/deep.py"):
        (pack / name).touch()
    (pack / "main.py").write_text(MAIN.format(name="pack"))
    (pack / "part.py").write_text(PART.format(answer=1))
    shutil.copy(ROOT / "src/orlop/startup.py", pack)
    return Package(tmp_path)


def rewrite(path: Path, text: str) -> None:
    """Another content at another time; .pyc files tell seconds apart."""
    before = path.stat().st_mtime_ns
    path.write_text(text)
    os.utime(path, ns=(before + 2 * 10**9, before + 2 * 10**9))


def test_the_second_time_all_modules_are_from_the_file(package: Package) -> None:
    first, second = package.run(), package.run()
    assert first.pop("kept") == []
    assert second.pop("kept") == package.modules
    assert first == second
    assert first["argv"] == ["prog", "word"]
    assert first["paths"] == [str(package.directory / "pack/inner")]
    assert first["filename"] == str(package.part)


def test_it_does_not_need_the_pyc_files(package: Package) -> None:
    package.run()
    for file in package.directory.glob("pack/**/*.pyc"):
        file.unlink()
    assert package.run()["kept"] == package.modules


def test_a_file_that_is_right_is_left_alone(package: Package) -> None:
    package.run()
    before = package.file.stat()
    package.run()
    assert package.file.stat().st_mtime_ns == before.st_mtime_ns
    assert package.file.stat().st_ino == before.st_ino


@pytest.mark.parametrize("text", ["def answer():\n    return 2\n", "# longer\n" + PART])
def test_a_changed_source_counts(package: Package, text: str) -> None:
    package.run()
    rewrite(package.part, text.format(answer=2))
    said = package.run()
    assert said["answer"] == 2
    assert said["kept"] == ["pack.inner", "pack.inner.deep", "pack.main"]
    assert package.run()["kept"] == package.modules
    assert package.run()["answer"] == 2


def test_a_source_of_the_same_size_counts(package: Package) -> None:
    package.run()
    rewrite(package.part, PART.format(answer=3))
    assert package.run()["answer"] == 3


def test_a_module_that_is_gone_is_gone(package: Package) -> None:
    package.run()
    package.part.unlink()
    done = subprocess.run(package.command(), check=False, capture_output=True, text=True)
    assert "No module named 'pack.part'" in done.stderr


def test_what_is_gone_is_not_kept_for_ever(package: Package) -> None:
    rewrite(package.part, PART.format(answer='"' + 100_000 * "x" + '"'))
    package.run()
    size = package.file.stat().st_size
    package.part.unlink()
    main = package.directory / "pack/main.py"
    rewrite(main, "def main():\n    return 7\n")
    subprocess.run(package.command(), check=False)
    assert package.file.stat().st_size < size - 100_000


def test_a_package_that_was_moved_names_its_new_place(package: Package, tmp_path: Path) -> None:
    package.run()
    (tmp_path / "other").mkdir()
    shutil.move(tmp_path / "pack", tmp_path / "other/pack")
    said = Package(tmp_path / "other").run()
    assert said["kept"] == []
    assert said["filename"] == str(tmp_path / "other/pack/part.py")


@pytest.mark.parametrize("length", [0, 3, 4, 8, 9, 12, 13, 300, -1])
def test_a_file_that_is_cut_off_does_no_harm(package: Package, length: int) -> None:
    package.run()
    content = package.file.read_bytes()
    package.file.write_bytes(content[:length])
    assert package.run()["kept"] == []
    assert package.run()["kept"] == package.modules


@pytest.mark.parametrize("fill", [b"\0", b"\xff", b"("])  # "(" is a tuple of 673 million tuples
@pytest.mark.parametrize("begin", [4, 8, 12, 500])
def test_garbage_does_no_harm(package: Package, begin: int, fill: bytes) -> None:
    package.run()
    size = package.file.stat().st_size
    package.file.write_bytes(package.file.read_bytes()[:begin] + fill * (size - begin))
    assert package.run()["kept"] == []
    assert package.run()["kept"] == package.modules


def test_code_that_has_changed_is_not_used(package: Package) -> None:
    package.run()
    content = bytearray(package.file.read_bytes())
    content[20] ^= 1  # in the code of the first module
    package.file.write_bytes(content)
    said = package.run()
    assert said["answer"] == 1
    assert package.file.read_bytes() != content
    before = package.file.stat().st_ino
    package.run()
    assert package.file.stat().st_ino == before


def test_the_file_of_another_interpreter_is_not_used(package: Package) -> None:
    package.run()
    content = package.file.read_bytes()
    package.file.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    assert package.run()["kept"] == []
    assert package.run()["kept"] == package.modules


@pytest.mark.parametrize("mode", [0o664, 0o646, 0o666])
def test_a_file_that_others_can_write_is_not_used(package: Package, mode: int) -> None:
    package.run()
    package.file.chmod(mode)
    assert package.run()["kept"] == []


@pytest.mark.parametrize("kind", ["link", "fifo", "directory"])
def test_what_is_no_file_is_not_used(package: Package, tmp_path: Path, kind: str) -> None:
    package.run()
    package.file.rename(tmp_path / "moved")
    if kind == "link":
        package.file.symlink_to(tmp_path / "moved")
    elif kind == "fifo":
        os.mkfifo(package.file)
    else:
        package.file.mkdir()
    assert package.run()["kept"] == []


def test_without_a_place_to_write_it_works(package: Package) -> None:
    cache = package.file.parent
    cache.touch()  # a file, where a directory would be made
    assert [package.run()["kept"] for _ in range(2)] == [[], []]
    assert cache.is_file()


def test_no_descriptor_stays_open(package: Package) -> None:
    # `--preserve-fds` and socket activation count on what is open, from 3 on.
    assert [package.run()["lowest"] for _ in range(2)] == [3, 3]


def test_many_at_once(package: Package) -> None:
    running = [
        subprocess.Popen(package.command(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for _ in range(8)
    ]
    for each in running:
        _, errors = each.communicate()
        assert (each.returncode, errors) == (7, b"")
    assert package.run()["kept"] == package.modules
    assert [file.name for file in package.file.parent.glob("commands*")] == [package.file.name]
