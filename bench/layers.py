"""Unpacking a layer, beside tar and umoci: a Debian system as one archive, compressed with gzip.

Beside them is what it costs at least: decompressing and the digest alone, and tar without writing.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import time
from typing import TYPE_CHECKING

from bench.harness import Called, SubjectFailed
from orlop.storage.decompress import Ahead, decompressed, hashed
from orlop.storage.layers import LayerStore
from orlop.storage.removal import remove_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from bench.harness import Subject
    from bench.place import Place

OURS = "orlop"
TAR = "tar -xzf"
UMOCI = "umoci unpack"
FLOOR = "decompress and digest"
_READ = 1 << 20
_TREES = ("/usr/lib/python3", "/usr/lib/python3.11", "/usr/share/doc", "/usr/sbin")


def archive(place: Place) -> Path:
    """An archive of some of this machine's own programs, modules and documents."""
    path = place.directory / "layer.tar"
    trees = [tree for tree in _TREES if os.path.isdir(tree)]
    command: list[str | Path] = ["tar", "-C", "/", "--ignore-failed-read", "-cf", path, *trees]
    subprocess.run(command, check=False, stderr=subprocess.DEVNULL)
    return path


def compressed(path: Path) -> Path:
    """The same, compressed as most layers are."""
    subprocess.run(["gzip", "-k", "-1", path], check=True)
    return path.with_suffix(".tar.gz")


def subjects(place: Place) -> list[Subject]:
    """Ways of unpacking it."""
    plain = archive(place)
    layer = compressed(plain)
    found: list[Subject] = [
        _Unpacking(OURS, place.directory / "ours", lambda target: _ours(target, layer)),
        _Unpacking(TAR, place.directory / "tar", lambda target: _tar(target, layer)),
        Called(FLOOR, lambda: _digest(layer)),
    ]
    if shutil.which("umoci"):
        image = _umoci_image(place, plain)
        unpack = _Unpacking(UMOCI, place.directory / "umoci-out", lambda t: _umoci(t, image))
        found.append(unpack)
    return found


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_READ):
            yield chunk


class _Unpacking:
    """One way to unpack it; removing what was unpacked before does not count."""

    def __init__(self, name: str, target: Path, work: Callable[[Path], int]) -> None:
        self.name = name
        self._target = target
        self._work = work

    def once(self) -> float:
        """Unpack it once."""
        remove_path(str(self._target))
        self._target.mkdir()
        begin = time.perf_counter()
        if self._work(self._target):
            raise SubjectFailed(f"{self.name}: it failed")
        return time.perf_counter() - begin

    def close(self) -> None:
        """Remove it."""
        remove_path(str(self._target))


def _ours(target: Path, layer: Path) -> int:
    return 0 if LayerStore(str(target)).add(_chunks(layer)).size else 1


def _tar(target: Path, layer: Path) -> int:
    command: list[str | Path] = ["tar", "-xzf", layer, "-C", target]
    return subprocess.run(command, check=False).returncode


def _umoci(target: Path, image: str) -> int:
    command: list[str | Path] = ["umoci", "unpack", "--image", image, target / "bundle"]
    return subprocess.run(command, check=False, capture_output=True).returncode


def _umoci_image(place: Place, layer: Path) -> str:
    """An image whose only layer is the archive."""
    image = f"{place.directory}/umoci:latest"
    for words in (
        ("init", "--layout", f"{place.directory}/umoci"),
        ("new", "--image", image),
        ("raw", "add-layer", "--image", image, str(layer)),
    ):
        subprocess.run(["umoci", *words], check=True, capture_output=True)
    return image


def _digest(layer: Path) -> int:
    digest = hashlib.sha256()
    with (
        Ahead(decompressed(_chunks(layer)), "decompress") as plain,
        Ahead(hashed(plain, digest), "digest") as checked,
    ):
        for _ in checked:
            pass
    return 0
