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

import gc
import marshal
import os
import sys
from _frozen_importlib import ModuleSpec
from _frozen_importlib_external import MAGIC_NUMBER, SourceFileLoader
from binascii import crc32

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import NoReturn

    Stamp = tuple[int, int]
    Entry = tuple[bool, Stamp, int, int]

_PACKAGE = __name__.partition(".")[0]
_DIRECTORY = __file__.rpartition("/")[0]
_WORD = 4


def command(name: str, module: str) -> NoReturn:
    """Runs `main()` of a module of this package as a program of this name, and ends the process.

    Nothing that is registered with `atexit` runs.
    """
    gc.set_threshold(100_000)  # a command makes less and ends: 2 ms of looking for garbage
    sys.argv[0] = name
    kept = KeptModules(f"{_DIRECTORY}/__pycache__/commands.{sys.implementation.cache_tag}")
    sys.meta_path.insert(0, kept)
    __import__(module)
    status: int = sys.modules[module].main()
    kept.update()
    for stream in sys.stdout, sys.stderr:
        try:
            if stream:  # None if the caller closed it
                stream.flush()
        except OSError:
            status = status or 1
    os._exit(status)


class KeptModules:
    """A finder of modules (sys.meta_path) that has their code from the file.

    The file is the interpreter's magic number, a checksum, the length of a table, the table and the
    code. The table tells, by the module's name, whether it is a package, the time and the size of
    its source, and where its code begins and ends; and by "" the directory of the sources.
    """

    def __init__(self, file: str) -> None:
        self._file = file
        self._code = memoryview(b"")
        self._table: dict[str, Entry] = {}
        data = memoryview(_read(file))
        magic, checksum, length = (data[at : at + _WORD] for at in (0, _WORD, 2 * _WORD))
        # Without a checksum a file that a crash has left could take all memory.
        if magic == MAGIC_NUMBER and length and _int(checksum) == crc32(data[2 * _WORD :]):
            begin = 3 * _WORD + _int(length)
            table = marshal.loads(data[3 * _WORD : begin])  # noqa: S302 - trusted as .pyc files are
            if table.pop("") == _DIRECTORY:
                self._table, self._code = table, data[begin:]

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """A module of the file whose source is as it was; None of any other."""
        entry = self._table.get(name)
        if entry is None:
            return None
        package, stamp, _, _ = entry
        source = _source(name, package)
        if _stamp(source) != stamp:
            return None
        spec = ModuleSpec(name, _Loader(name, source, self), origin=source)
        spec.has_location = True
        spec.cached = self._file
        if package:
            spec.submodule_search_locations = [source.rpartition("/")[0]]
        return spec

    def code(self, name: str) -> CodeType:
        """The code of a module that the file has."""
        _, _, begin, end = self._table[name]
        code: CodeType = marshal.loads(self._code[begin:end])  # noqa: S302 - as above
        return code

    def update(self) -> None:
        """If modules were imported by other means, they are in the file afterwards, if possible."""
        if new := _imported_from_source():
            try:
                _write(self._file, self._with(new))
            except (OSError, ImportError, SyntaxError):  # read-only, full; a source that changes
                return

    def _with(self, new: dict[str, SourceFileLoader]) -> bytes:
        """The content of a file with what is still right in this one, and these modules."""
        found: dict[str, tuple[bool, Stamp, bytes | memoryview]] = {}
        for name, (package, stamp, begin, end) in self._table.items():
            if _stamp(_source(name, package)) == stamp:
                found[name] = package, stamp, self._code[begin:end]
        for name, loader in new.items():
            if now := _stamp(loader.path):  # before the source is read: never newer than the code
                found[name] = loader.is_package(name), now, marshal.dumps(loader.get_code(name))
        table: dict[str, Entry | str] = {"": _DIRECTORY}
        at = 0
        for name, (package, stamp, code) in found.items():
            table[name] = package, stamp, at, at + len(code)
            at += len(code)
        head = marshal.dumps(table)
        parts = (
            len(head).to_bytes(_WORD, "little"),
            head,
            *(code for _, _, code in found.values()),
        )
        body = b"".join(parts)
        return MAGIC_NUMBER + crc32(body).to_bytes(_WORD, "little") + body


class _Loader(SourceFileLoader):
    """Loads a module that the file has."""

    def __init__(self, name: str, path: str, kept: KeptModules) -> None:
        super().__init__(name, path)
        self._kept = kept

    def get_code(self, fullname: str) -> CodeType:
        return self._kept.code(fullname)


def _imported_from_source() -> dict[str, SourceFileLoader]:
    """The modules of the package that were not found in the file; this one never is."""
    loaders = {
        name: module.__spec__.loader
        for name, module in sys.modules.items()
        if name.startswith(_PACKAGE + ".") and name != __name__ and module.__spec__
    }
    return {name: loader for name, loader in loaders.items() if type(loader) is SourceFileLoader}


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


def _int(word: memoryview) -> int:
    return int.from_bytes(word, "little")


def _read(file: str) -> bytes:
    """The content; nothing of a file that others than root and this user can write."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        fd = os.open(file, flags)
    except OSError:
        return b""
    try:
        found = os.fstat(fd)
        own = found.st_uid in (0, os.geteuid()) and not found.st_mode & 0o022
        return os.read(fd, found.st_size) if own else b""
    except OSError:
        return b""
    finally:
        os.close(fd)


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
