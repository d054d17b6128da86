"""Archives in tests: sent to containers, and fetched from them."""

from __future__ import annotations

import io
import subprocess
import tarfile
from collections.abc import AsyncIterator
from typing import Any

from orlop.engine.roots import Roots
from tests.integration.support.engines import Live

Members = dict[str, tarfile.TarInfo]


async def chunks(data: bytes, size: int = 1000) -> AsyncIterator[bytes]:
    """The data as it may come from a client."""
    for at in range(0, len(data), size):
        yield data[at : at + size]


def packed(*members: tuple[str, bytes | None], **fields: Any) -> bytes:
    """An archive of files, and directories where there is no content."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.type = tarfile.DIRTYPE if content is None else tarfile.REGTYPE
            info.mode = 0o755 if content is None else 0o644
            info.size = len(content or b"")
            for field, value in fields.items():
                setattr(info, field, value)
            archive.addfile(info, io.BytesIO(content or b""))
    return file.getvalue()


async def _joined(stream: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in stream])


def get(live: Live, ref: str, path: str) -> bytes:
    """The archive of what is at a container path."""

    async def fetch() -> bytes:
        _, archive = await live.engine.archives.get(ref, path)
        return await _joined(archive)

    return live(fetch())


def export(live: Live, ref: str) -> bytes:
    """The archive of all files of a container."""

    async def fetch() -> bytes:
        return await _joined(await live.engine.archives.export(ref))

    return live(fetch())


def put(live: Live, ref: str, path: str, archive: bytes, **options: bool) -> None:
    """Sends an archive to a container path."""
    live(live.engine.archives.put(ref, path, chunks(archive), **options))


def inside(live: Live, ref: str, script: str) -> None:
    """A shell has executed a script in the root of a container that does not run."""

    def run(root: int) -> None:
        # From this thread, which has the container's mounts to itself.
        command = ["chroot", f"/proc/self/fd/{root}", "/bin/sh", "-ec", script]
        subprocess.run(
            command, pass_fds=[root], check=True, env={"PATH": "/bin:/usr/sbin:/usr/bin"}
        )

    roots_of(live).work(live.get(ref), run, writable=True)


def roots_of(live: Live) -> Roots:
    """What the engine knows of its containers' roots."""
    store = live.containers.store
    return Roots(live.settings, store, live.engine.volumes.placed)


def members(archive: bytes) -> Members:
    """The entries of an archive by name, in order."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        return {member.name: member for member in opened.getmembers()}


def content(archive: bytes, name: str) -> bytes:
    """The content of one of its files."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        file = opened.extractfile(name)
        assert file is not None
        return file.read()
