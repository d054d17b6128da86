"""How the installed commands start: with all their modules from one file.

Importing a module means to look for it, to compare its source with its .pyc file, to open, read and
close that: fifteen system calls, for each of eighty modules. Here the code of every module that a
command has imported so far is in one file, `__pycache__/commands.<interpreter>` of the package.

It is what the .pyc files beside it are: another form of the sources, for whoever trusts those. A
module is taken from it only while its source has the size and the time of modification that it had
when it was put there. Everything else, and everything if the file is not there or not right, is
left to the import system. docs/decisions/0001-startup-budget.md has the measurements.
"""

from __future__ import annotations

import fcntl
import gc
import marshal
import os
import stat
import sys
from _frozen_importlib import ModuleSpec
from _frozen_importlib_external import MAGIC_NUMBER, SourceFileLoader
from binascii import crc32

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import NoReturn

    Stamp = tuple[int, int]
    Where = tuple[int, int, int]
    Entry = tuple[bool, Stamp, Where]

_PACKAGE = __name__.partition(".")[0]
_DIRECTORY = __file__.rpartition("/")[0]
_HEAD_SIZE = len(MAGIC_NUMBER) + 3 * 4
_OUT_OF_THE_WAY = 1000


def command(name: str, module: str) -> NoReturn:
    """Runs `main()` of a module of this package as a program of this name, and ends the process.

    Nothing that is registered with `atexit` runs.
    """
    _open_streams()
    gc.set_threshold(100_000)  # a command makes less and ends: 2 ms of looking for garbage
    sys.argv[0] = name
    kept = KeptModules(f"{_DIRECTORY}/__pycache__/commands.{sys.implementation.cache_tag}")
    sys.meta_path.insert(0, kept)
    __import__(module)
    status: int = sys.modules[module].main()
    kept.update()
    for stream in sys.stdout, sys.stderr:
        try:
            stream.flush()
        except OSError:
            status = status or 1
    os._exit(status)


def _open_streams() -> None:
    """Standard streams that the caller has closed lead to /dev/null.

    What is opened next would have their numbers, and get what is written to them.
    """
    for fd, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            nothing = os.open("/dev/null", os.O_RDWR)
            if nothing == fd:
                os.set_inheritable(fd, True)
            else:
                os.dup2(nothing, fd)
                os.close(nothing)
            setattr(sys, name, open(fd, mode, closefd=False))  # noqa: SIM115 - stays open


class KeptModules:
    """A finder of modules (sys.meta_path) that has their code from the file.

    The file is a head, the code of the modules and a table. The head is the interpreter's magic
    number, and where the table is; the table tells, by the module's name, whether it is a package,
    the time and the size of its source, and where its code is; and by "" the directory of the
    sources. Where something is means its place, its length and its checksum.
    """

    def __init__(self, file: str) -> None:
        self._file = file
        self._fd, self._size = _open(file)
        self._table: dict[str, Entry] = {}
        head = self._bytes(0, _HEAD_SIZE)
        if head.startswith(MAGIC_NUMBER):
            at, length, checksum = (int.from_bytes(head[n : n + 4], "little") for n in (4, 8, 12))
            if data := self._read((at, length, checksum)):
                table = marshal.loads(data)  # noqa: S302 - trusted as .pyc files are
                if table.pop("") == _DIRECTORY:
                    self._table = table

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """A module of the file whose source is as it was; None of any other."""
        entry = self._table.get(name)
        if entry is None:
            return None
        package, stamp, _ = entry
        source = _source(name, package)
        if _stamp(source) != stamp:
            return None
        spec = ModuleSpec(name, _Loader(name, source, self), origin=source)
        spec.has_location = True
        spec.cached = self._file
        if package:
            spec.submodule_search_locations = [source.rpartition("/")[0]]
        return spec

    def code(self, name: str) -> CodeType | None:
        """A module's code; None if the file turns out not to have it."""
        entry = self._table.get(name)
        data = self._read(entry[2]) if entry else b""
        if not data:
            self._table.pop(name, None)
            return None
        code: CodeType = marshal.loads(data)  # noqa: S302 - as above
        return code

    def update(self) -> None:
        """If modules were imported by other means, they are in the file afterwards, if possible."""
        if new := _imported_from_source(self._table):
            try:
                _write(self._file, self._content(new))
            except (OSError, ImportError, SyntaxError):  # read-only, full; a source that changes
                return

    def _read(self, where: Where) -> bytes:
        """What is there; nothing if that is cut off or its checksum is wrong.

        What a crash has left must not get to marshal: "(((((" is a tuple of 673 million tuples.
        """
        at, length, checksum = where
        data = self._bytes(at, length)
        return data if crc32(data) == checksum else b""

    def _bytes(self, at: int, length: int) -> bytes:
        try:
            return os.pread(self._fd, length, at) if at + length <= self._size else b""
        except OSError:
            return b""

    def _content(self, new: dict[str, SourceFileLoader]) -> bytes:
        """The content of a file with what is still right in this one, and these modules."""
        found: dict[str, tuple[bool, Stamp, bytes]] = {}
        for name, (package, stamp, where) in self._table.items():
            if _stamp(_source(name, package)) == stamp and (code := self._read(where)):
                found[name] = package, stamp, code
        for name, loader in new.items():
            if now := _stamp(loader.path):  # before the source is read: never newer than the code
                found[name] = loader.is_package(name), now, marshal.dumps(loader.get_code(name))
        table: dict[str, Entry | str] = {"": _DIRECTORY}
        at = _HEAD_SIZE
        for name, (package, stamp, code) in found.items():
            table[name] = package, stamp, (at, len(code), crc32(code))
            at += len(code)
        tail = marshal.dumps(table)
        head = (word.to_bytes(4, "little") for word in (at, len(tail), crc32(tail)))
        return b"".join((MAGIC_NUMBER, *head, *(code for _, _, code in found.values()), tail))


class _Loader(SourceFileLoader):
    """Loads a module that the file has."""

    def __init__(self, name: str, path: str, kept: KeptModules) -> None:
        super().__init__(name, path)
        self._kept = kept

    def get_code(self, fullname: str) -> CodeType | None:
        return self._kept.code(fullname) or super().get_code(fullname)


def _imported_from_source(table: dict[str, Entry]) -> dict[str, SourceFileLoader]:
    """The modules of the package that did not come from the file; but this one never does."""
    loaders = {
        name: module.__spec__.loader
        for name, module in sys.modules.items()
        if name.startswith(_PACKAGE + ".") and name != __name__ and module.__spec__
    }
    return {
        name: loader
        for name, loader in loaders.items()
        if type(loader) is SourceFileLoader or (type(loader) is _Loader and name not in table)
    }


def _source(name: str, package: bool) -> str:
    """The path of a module's source."""
    inner = name[len(_PACKAGE) :].replace(".", "/")
    return f"{_DIRECTORY}{inner}/__init__.py" if package else f"{_DIRECTORY}{inner}.py"


def _stamp(path: str) -> Stamp | None:
    """What changes with a file's content: its time of modification and its size."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _open(file: str) -> tuple[int, int]:
    """A descriptor and the size; no size if others than root and this user can write to the file.

    The descriptor is a high one: callers count theirs from 3 on (--preserve-fds, sd_listen_fds(3)).
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        low = os.open(file, flags)
    except OSError:
        return -1, 0
    try:
        found = os.fstat(low)
        own = found.st_uid in (0, os.geteuid()) and found.st_mode & 0o170022 == stat.S_IFREG
        fd = fcntl.fcntl(low, fcntl.F_DUPFD_CLOEXEC, _OUT_OF_THE_WAY)
    except OSError:  # RLIMIT_NOFILE is low
        return -1, 0
    finally:
        os.close(low)
    return fd, found.st_size if own else 0


def _write(file: str, content: bytes) -> None:
    """Makes the file have this content, all at once, if its directory belongs to this user."""
    directory = file.rpartition("/")[0]
    if os.stat(directory).st_uid != os.geteuid():
        return
    fresh = f"{file}.{os.getpid()}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(fresh, flags, 0o644)
    try:
        if os.write(fd, content) != len(content):
            raise OSError("short write")
        os.rename(fresh, file)
    except OSError:
        os.unlink(fresh)
        raise
    finally:
        os.close(fd)
