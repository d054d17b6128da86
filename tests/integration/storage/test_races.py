"""Containers that change their files while the host works on them.

A program in the container exchanges a directory for a link that leads out of it, as fast as it can.
Whatever is read or written then is the container's own.

See: CVE-2018-15664, CVE-2026-41567, CVE-2026-41568.
"""

from __future__ import annotations

import contextlib
import io
import lzma
import os
import tarfile
import time
from pathlib import Path

import pytest

from orlop.errors import OrlopError
from tests.integration.storage.copies import get, packed, put
from tests.integration.support.engines import Live

pytestmark = [pytest.mark.requires_root, pytest.mark.requires_busybox]

FOR_S = 1.5

# Exchanges the names d and l: a directory, and a link out of the root.
EXCHANGE = """
mkdir /r; mkdir /r/d /r/d/below; echo mine > /r/d/file; ln -s {outside} /r/l; mkfifo /r/d/below/fifo
echo ready
while :; do mv /r/d /r/x; mv /r/l /r/d; mv /r/d /r/l; mv /r/x /r/d; done
"""


@pytest.fixture
def outside(workspace: Path) -> Path:
    """A directory of the host with something that nobody may read or write."""
    path = workspace / "outside"
    (path / "below").mkdir(parents=True)
    (path / "file").write_text("secret of the host")
    return path


@pytest.fixture
def key(live: Live, outside: Path) -> str:
    found = live.run(EXCHANGE.format(outside=outside))
    live.until(lambda: "ready" in live.log(found))
    return found


def untouched(outside: Path) -> bool:
    return (
        (outside / "file").read_text() == "secret of the host"
        and sorted(os.listdir(outside)) == ["below", "file"]
        and not list((outside / "below").iterdir())
    )


def test_reading(live: Live, key: str, outside: Path) -> None:
    """No archive of it has a byte of the host's."""
    ends = time.monotonic() + FOR_S
    got = 0
    while time.monotonic() < ends:
        for path in ("/r/d/file", "/r/d/", "/r"):
            with contextlib.suppress(OrlopError):
                archive = get(live, key, path)
                assert b"secret of the host" not in archive
                with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
                    got += len(opened.getmembers())
    assert got
    assert untouched(outside)


def test_writing(live: Live, key: str, outside: Path) -> None:
    """No file of an archive is ever outside of it."""
    ends = time.monotonic() + FOR_S
    archive = packed(("below", None), ("below/new", b"evil"), ("file", b"evil"), ("new", b"evil"))
    written = 0
    while time.monotonic() < ends:
        for path in ("/r/d", "/r/d/below"):
            with contextlib.suppress(OrlopError):
                put(live, key, path, archive)
                written += 1
        assert untouched(outside)
    assert written


def test_looking(live: Live, key: str, outside: Path) -> None:
    """What is told of a path is never the host's."""
    size = (outside / "file").stat().st_size
    ends = time.monotonic() + FOR_S / 2
    while time.monotonic() < ends:
        with contextlib.suppress(OrlopError):
            assert live(live.engine.archives.stat(key, "/r/d/file")).size != size


def test_no_program_of_the_container_is_started(live: Live, workspace: Path) -> None:
    """A compressed archive is decompressed here, whatever the container has as xz."""
    canary = workspace / "canary"
    script = f"printf '#!/bin/sh\\ntouch {canary} /was-here\\ncat\\n' > /bin/xz; chmod 755 /bin/xz"
    for name in ("unpigz", "gzip", "bzip2", "zstd", "tar"):
        script += f"; cp /bin/xz /bin/{name}"
    key = live.run(f"{script}; echo ready; while :; do sleep 0.1; done")
    live.until(lambda: "ready" in live.log(key))
    put(live, key, "/tmp", lzma.compress(packed(("a", b"1"))))
    assert not canary.exists()
    with pytest.raises(OrlopError, match="does not exist"):
        live(live.engine.archives.stat(key, "/was-here"))


def test_a_container_that_ends_meanwhile(live: Live) -> None:
    """It is read as far as it goes, or refused; nothing of another process is taken for it."""
    for delay in (0.0, 0.01, 0.03):
        key = live.run(f"sleep {delay}")
        while live.get(key).is_running:
            with contextlib.suppress(OrlopError):
                assert b"root:" in get(live, key, "/etc/passwd")
        assert b"root:" in get(live, key, "/etc/passwd")
