"""The content store: blobs by their digests, each whole or not there at all.

    DIRECTORY/sha256/HEX     a blob, never changed
    DIRECTORY/partial/...    blobs on their way, whose digests are known; a later try goes on there
    DIRECTORY/new/...        blobs that are being made, whose digests are not known yet
    DIRECTORY/young/HEX      of a blob that may not be on the disk yet: since which boot

- A blob appears by a rename, after its digest was checked. One that only this machine has was
  written to the disk before. One that a registry has may be lost in a crash of the machine: it is
  young until `settle`, and when the machine has started anew in between it is read once more, and
  removed if it is damaged.
- Digests are computed while bytes pass by, never by reading a blob once more.
- A blob on its way can be read at the same time (`Ingest.reader`).
- Who works with blobs that nothing refers to yet holds them (`hold`), so that they are not
  collected. Everything here blocks, and may be called in any thread.

See: image-spec image-layout.md#blobs.
"""

from __future__ import annotations

import collections
import contextlib
import fcntl
import os
import tempfile
import threading
import time
from typing import TYPE_CHECKING

from orlop.errors import InvalidArgument, NotFound, SyscallError, Unavailable
from orlop.image import digest as digests
from orlop.kernel.machine import boot_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import BinaryIO

CHUNK = 1 << 20
"""Bytes that are moved at a time."""
PARTIAL_KEPT_S = 7 * 24 * 3600
"""How long a blob that did not come whole is kept for another try."""
_NO_BLOBS = ("partial", "new", "young")


class WrongContent(Unavailable):
    """What was sent is something else than what was asked for."""


class ContentStore:
    """Blobs below one directory, which is made if there is none.

    Args:
        directory: absolute host path; one engine has it for itself.

    Raises:
        SyscallError: the directory cannot be made.
    """

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self._lock = threading.Lock()
        self._held: collections.Counter[str] = collections.Counter()
        with _disk(directory):
            for name in (digests.SHA256, *_NO_BLOBS):
                os.makedirs(f"{directory}/{name}", mode=0o700, exist_ok=True)
            for name in os.listdir(f"{directory}/new"):  # of an engine that is dead
                os.unlink(f"{directory}/new/{name}")
            self._check_young()

    def path(self, digest: str) -> str:
        """Where the blob is, or would be."""
        algorithm, digits = digests.split(digests.parse(digest))
        return f"{self.directory}/{algorithm}/{digits}"

    def has(self, digest: str) -> bool:
        """Whether the blob is there."""
        return os.path.isfile(self.path(digest))

    def size(self, digest: str) -> int:
        """Its bytes.

        Raises:
            NotFound: it is not there.
        """
        try:
            return os.stat(self.path(digest)).st_size
        except FileNotFoundError:
            raise NotFound("blob", digest) from None

    def open(self, digest: str) -> BinaryIO:
        """The blob's bytes, without a buffer; the caller's to close.

        Raises:
            NotFound: it is not there.
        """
        try:
            return open(self.path(digest), "rb", buffering=0)
        except FileNotFoundError:
            raise NotFound("blob", digest) from None

    def read(self, digest: str) -> bytes:
        """All of a blob that is known to be small.

        Raises:
            NotFound: it is not there.
        """
        with self.open(digest) as blob:
            return blob.read()

    def put(self, data: bytes, *, fetched: bool = False) -> str:
        """The data are a blob; returns its digest. One that was fetched can be fetched again."""
        digest = digests.of(data)
        if not self.has(digest):
            with self.new() as blob:
                blob.write(data)
                blob.commit(fetched=fetched)
        return digest

    @contextlib.contextmanager
    def new(self) -> Iterator[NewBlob]:
        """A blob that is being made; what was not committed at the end is gone."""
        with _disk(self.directory):
            blob = NewBlob(self)
        try:
            yield blob
        finally:
            blob.close()

    @contextlib.contextmanager
    def ingest(self, digest: str, size: int) -> Iterator[Ingest]:
        """A blob that is on its way, locked against others who fetch the same one.

        What has come at the end is kept for the next try, unless it is known to be wrong. Waits
        while somebody else fetches it, and finds it `is_complete` then.

        Args:
            digest: of the blob.
            size: of it, in bytes.
        """
        with _disk(self.path(digest)):
            ingest = Ingest(self, digest, size)
        try:
            yield ingest
        finally:
            ingest.close()

    # --- what stays ---------------------------------------------------------------------------

    @contextlib.contextmanager
    def hold(self, names: Iterable[str]) -> Iterator[None]:
        """Blobs (or whatever else goes by a digest) that are not to be removed, there or not."""
        held = tuple(names)
        with self._lock:
            self._held.update(held)
        try:
            yield
        finally:
            with self._lock:
                self._held.subtract(held)
                self._held += collections.Counter()  # drops what nobody holds

    def is_held(self, name: str) -> bool:
        """Whether somebody holds it."""
        with self._lock:
            return bool(self._held[name])

    def remove(self, digest: str) -> int:
        """The blob is gone; returns the bytes that are free again."""
        try:
            size = os.stat(self.path(digest)).st_size
            os.unlink(self.path(digest))
        except FileNotFoundError:
            return 0
        return size

    def all(self) -> Iterator[tuple[str, int]]:
        """All blobs: their digests and sizes."""
        for algorithm in sorted(os.listdir(self.directory)):
            if algorithm in _NO_BLOBS:
                continue
            for entry in os.scandir(f"{self.directory}/{algorithm}"):
                with contextlib.suppress(FileNotFoundError):
                    yield f"{algorithm}:{entry.name}", entry.stat().st_size

    def forget_partial(self, older_than_s: float = PARTIAL_KEPT_S) -> int:
        """Blobs that came in part, so long ago, are gone; returns the bytes that are free again."""
        freed = 0
        for entry in os.scandir(f"{self.directory}/partial"):
            with contextlib.suppress(OSError):  # gone, or being fetched
                if time.time() - entry.stat().st_mtime < older_than_s:
                    continue
                descriptor = os.open(entry.path, os.O_RDWR | os.O_CLOEXEC)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    os.unlink(entry.path)
                    freed += os.fstat(descriptor).st_size
                finally:
                    os.close(descriptor)
        return freed

    def adopt(self, file: BinaryIO, temporary: str, digest: str, *, fetched: bool) -> None:
        """A file of this store is the blob from now on, and on the disk unless it was fetched."""
        target = self.path(digest)
        os.makedirs(os.path.dirname(target), mode=0o700, exist_ok=True)
        if fetched:
            # A file system that does not keep this has not kept the later rename either.
            with open(self._young_path(digest), "w") as mark:
                mark.write(boot_id())
            os.rename(temporary, target)
        else:
            os.fsync(file.fileno())
            os.rename(temporary, target)
            _sync_directory(os.path.dirname(target))

    # --- what may not be on the disk yet ------------------------------------------------------

    def settle(self) -> None:
        """All blobs are on the disk: a crash of the machine takes none any more. Slow."""
        with _disk(self.directory):
            young = os.listdir(f"{self.directory}/young")
            if young:
                os.sync()
            for name in young:
                os.unlink(f"{self.directory}/young/{name}")

    def _young_path(self, digest: str) -> str:
        return f"{self.directory}/young/{'-'.join(digests.split(digest))}"

    def _check_young(self) -> None:
        """Blobs that a crash of the machine has damaged are gone; the others may be relied on."""
        boot = boot_id()
        for entry in tuple(os.scandir(f"{self.directory}/young")):
            with open(entry.path) as mark:
                if mark.read() == boot:
                    continue
            digest = entry.name.replace("-", ":", 1)
            if self.has(digest) and not self._is_sound(digest):
                os.unlink(self.path(digest))
            os.unlink(entry.path)

    def _is_sound(self, digest: str) -> bool:
        found = digests.hasher(digest)
        with self.open(digest) as blob:
            while data := blob.read(CHUNK):
                found.update(data)
        return digests.finish(found) == digest

    def partial_path(self, digest: str) -> str:
        """Where the blob is while it is on its way."""
        return f"{self.directory}/partial/{'-'.join(digests.split(digest))}"


class NewBlob:
    """A blob whose digest comes out when all of it is there."""

    def __init__(self, store: ContentStore) -> None:
        self._store = store
        descriptor, self._path = tempfile.mkstemp(dir=f"{store.directory}/new")
        self._file = open(descriptor, "wb", buffering=0)  # noqa: SIM115
        self._hash = digests.hasher(digests.SHA256)
        self.size = 0

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """They are the next bytes; returns how many."""
        self._hash.update(data)
        with _disk(self._path):
            _write_all(self._file, data)
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        """Nothing is kept back: this makes it a file to those who write into one."""

    def commit(self, expected: str = "", *, fetched: bool = False) -> str:
        """All bytes were written: it is a blob of the store; returns its digest.

        Args:
            expected: what it has to be; "" for any.
            fetched: it could be had again if the machine crashed now.

        Raises:
            InvalidArgument: it should have another one.
        """
        digest = digests.finish(self._hash)
        if expected and digest != expected:
            raise InvalidArgument(f"the blob {expected} is damaged: it is {digest}")
        with _disk(self._path):
            self._store.adopt(self._file, self._path, digest, fetched=fetched)
        return digest

    def close(self) -> None:
        """What was not committed is gone."""
        self._file.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)


class Ingest:
    """A blob on its way. One thread writes; others may read what has come.

    Attributes:
        digest: of the blob.
        size: its bytes, when it is whole.
        offset: how many are here.
        is_complete: it was in the store already; there is nothing to do.
    """

    def __init__(self, store: ContentStore, digest: str, size: int) -> None:
        self.digest = digest
        self.size = size
        self._store = store
        self._path = store.partial_path(digest)
        self._hash = digests.hasher(digest)
        self._news = threading.Condition()
        self._is_sound = False
        self._failure: BaseException | None = None
        self._file, self.is_complete = self._lock()
        self.offset = size if self.is_complete else 0
        if self.is_complete:
            self._is_sound = True
        else:
            self._resume()

    def _lock(self) -> tuple[BinaryIO, bool]:
        """The file to write to, ours alone; or the blob, if it is there."""
        while True:
            if self._store.has(self.digest):
                return self._store.open(self.digest), True
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            file = open(descriptor, "r+b", buffering=0)  # noqa: SIM115
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.stat(self._path), os.fstat(descriptor)):
                    return file, False
            file.close()  # whoever had the lock has finished or given up

    def _resume(self) -> None:
        """Goes on behind what an earlier try has left."""
        if os.fstat(self._file.fileno()).st_size > self.size:
            self._file.truncate(0)
        while data := self._file.read(CHUNK):
            self._hash.update(data)
            self.offset += len(data)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """They are the next bytes.

        Raises:
            WrongContent: they are more than the blob has.
            SyscallError: the disk does not take them.
        """
        if self.offset + len(data) > self.size:
            raise self._wrong(f"it has more than the {self.size} bytes that were announced")
        with _disk(self._path):
            _write_all(self._file, data)
        self._hash.update(data)
        with self._news:
            self.offset += len(data)
            self._news.notify_all()

    def verify(self) -> None:
        """All bytes are here and are those that were asked for; readers come to their end.

        Raises:
            Unavailable: they are not.
            WrongContent: they are others, and are thrown away.
        """
        if self._is_sound:
            return
        if self.offset != self.size:
            raise Unavailable(
                f"cannot fetch {self.digest}: {self.offset} of {self.size} bytes came"
            )
        if digests.finish(self._hash) != self.digest:
            raise self._wrong("its digest is another one")
        with self._news:
            self._is_sound = True
            self._news.notify_all()

    def commit(self) -> None:
        """It is in the store.

        Raises:
            Unavailable: as `verify`.
        """
        self.verify()
        if not self.is_complete:
            with _disk(self._path):
                self._store.adopt(self._file, self._path, self.digest, fetched=True)
            self.is_complete = True

    def fail(self, error: BaseException) -> None:
        """Nothing more will come; readers get this error."""
        with self._news:
            self._failure = self._failure or error
            self._news.notify_all()

    def reader(self) -> IngestReader:
        """The blob's bytes from the first one on, as they come; the caller's to close."""
        return IngestReader(self, os.dup(self._file.fileno()))

    def wait_beyond(self, position: int) -> int:
        """How many bytes are here, more than this position; that itself at the verified end.

        Raises:
            Unavailable: nothing more will come.
        """
        with self._news:
            while self.offset <= position and not self._is_sound:
                if self._failure is not None:
                    raise Unavailable(f"cannot fetch {self.digest}: {self._failure}")
                self._news.wait()
            return self.offset

    def close(self) -> None:
        """Others may fetch it; readers who are not at the end get an error."""
        if not self._is_sound:
            self.fail(Unavailable("it was given up"))
        self._file.close()

    def _wrong(self, reason: str) -> WrongContent:
        """The error; and no later try begins with these bytes."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)
        error = WrongContent(f"what was sent is not {self.digest}: {reason}")
        self.fail(error)
        return error


class IngestReader:
    """A `LayerStream` of a blob on its way."""

    def __init__(self, ingest: Ingest, descriptor: int) -> None:
        self._ingest = ingest
        self._descriptor = descriptor
        self._position = 0

    def read(self, size: int = -1, /) -> bytes:
        """At most so many of the next bytes, when there are any; b"" at the end.

        Raises:
            Unavailable: no more will come, or they were not the right ones.
        """
        there = self._ingest.wait_beyond(self._position) - self._position
        data = os.pread(self._descriptor, min(there, size if size >= 0 else CHUNK), self._position)
        self._position += len(data)
        return data

    def close(self) -> None:
        """It is not read any more."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> IngestReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _write_all(file: BinaryIO, data: bytes | bytearray | memoryview) -> None:
    left = memoryview(data)
    while left:
        left = left[file.write(left) :]


def _sync_directory(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _disk(path: str) -> Iterator[None]:
    """What the disk refuses is an error of ours."""
    try:
        yield
    except SyscallError:
        raise
    except OSError as error:
        raise SyscallError("write", error.errno or 0, error.filename or path) from error
