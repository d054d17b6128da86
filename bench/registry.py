"""A registry on the loopback, Debian's docker-registry, with one image in it."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench.place import Place

_CONFIG = """\
version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {directory}/blobs}}, redirect: {{disable: true}}}}
http: {{addr: "{address}"}}
"""
_START_TAKES_S = 10.0


@dataclass(frozen=True)
class Registry:
    """A registry that answers.

    Attributes:
        image: the reference of what is in it.
        compressed_bytes: what its layer takes there.
    """

    image: str
    compressed_bytes: int


@contextlib.contextmanager
def running_registry(place: Place, layer: Path) -> Iterator[Registry | None]:
    """The registry with an image of this layer (an archive), or None where there is none."""
    if not shutil.which("docker-registry") or not shutil.which("skopeo"):
        yield None
        return
    directory = place.fresh("registry")
    directory.mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    config = directory / "config.yml"
    config.write_text(_CONFIG.format(directory=directory, address=address))
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(["docker-registry", "serve", config], stdout=log, stderr=log)
    image = f"{address}/system:latest"
    try:
        yield _filled(directory, image, layer) if _answers(address, process) else None
    finally:
        process.kill()
        process.wait()


def _answers(address: str, process: subprocess.Popen[bytes]) -> bool:
    host, _, port = address.partition(":")
    deadline = time.monotonic() + _START_TAKES_S
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection((host, int(port))):
            return True
        time.sleep(0.05)
    return False


def _filled(directory: Path, image: str, layer: Path) -> Registry:
    """The registry with the image, whose layer is compressed with gzip on its way."""
    command = ["skopeo", "copy", "--dest-tls-verify=false", f"tarball:{layer}", f"docker://{image}"]
    subprocess.run(command, check=True, capture_output=True)
    blobs = (path.stat().st_size for path in directory.rglob("data"))
    return Registry(image, max(blobs))
