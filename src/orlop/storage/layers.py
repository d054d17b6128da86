"""Unpacked layers, one directory for each, shared by all images that have them; never changed.

    layers/0123456789ab/tree   what the layer has, whiteouts as overlayfs takes them
    layers/0123456789ab/facts  a JSON object: `Layer`
    layers/.new-*              being unpacked, or being removed

A layer is known by the digest of its archive (its diff id), not by that of the chain of layers
below it: its directory is the same wherever it lies, so it is unpacked once, and the layers of an
image are unpacked at the same time. See docs/decisions/0012-layers-by-diff-id.md.

A directory has its name, which is short because overlays of many layers are mounted by all their
names, only when it is whole. Leftovers of a crash of the engine are removed when the store is
opened next; what may not have reached the disk before a crash of the machine is removed as well.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import os
import threading

from orlop.errors import NotFound, SyscallError
from orlop.kernel.machine import boot_id
from orlop.records import Record, fields, values
from orlop.storage import removal
from orlop.storage.decompress import Ahead, decompressed, hashed
from orlop.storage.extract import OVERLAY, Rules, extract
from orlop.storage.tar.entry import ArchiveError
from orlop.storage.tar.reader import TarReader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

TREE = "tree"
_FACTS = "facts"
_NEW = ".new-"
_SHORT = 12
_ALGORITHM = "sha256:"


class Layer(Record):
    """An unpacked layer.

    Attributes:
        diff_id: "sha256:..." of its archive, uncompressed.
        directory: name of its directory in the store.
        size: bytes of its files.
        files: how many entries its archive has.
        implicit: directories that it has files in, but says nothing about.
        boot: of the machine, since when it may not be on the disk yet; "" when it is.
        of: diff ids of the layers that it is made for; it goes with the first of them. Empty for
            a layer of its own.
    """

    diff_id: str
    directory: str
    size: int
    files: int
    implicit: tuple[str, ...] = ()
    boot: str = ""
    of: tuple[str, ...] = ()


class LayerStore:
    """The layers below one host directory; one engine has it for itself. Threads may share it.

    Args:
        root: host directory; is made.
        rules: how layers are unpacked here.

    Raises:
        SyscallError: it cannot be used.
    """

    def __init__(self, root: str, rules: Rules | None = None) -> None:
        self.root = root
        self._rules = rules or Rules(whiteouts=OVERLAY, fresh=True)
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        try:
            os.makedirs(root, mode=0o700, exist_ok=True)
            self._layers = {layer.diff_id: layer for layer in self._scan()}
        except OSError as error:
            raise SyscallError("open the layer store", error.errno or 0, root) from error

    # --- looking ------------------------------------------------------------------------------

    def get(self, diff_id: str) -> Layer:
        """The layer of that digest.

        Raises:
            NotFound: it is not unpacked.
        """
        layer = self._layers.get(diff_id)
        if layer is None:
            raise NotFound("layer", diff_id)
        return layer

    def has(self, diff_id: str) -> bool:
        """Whether that layer is unpacked."""
        return diff_id in self._layers

    def all(self) -> tuple[Layer, ...]:
        """All of them."""
        return tuple(self._layers.values())

    def tree(self, diff_id: str) -> str:
        """The host directory with the layer's files.

        Raises:
            NotFound: it is not unpacked.
        """
        return f"{self.root}/{self.get(diff_id).directory}/{TREE}"

    def lowers(self, diff_ids: Iterable[str]) -> tuple[str, ...]:
        """The host directories that an overlay of these layers has, the uppermost first.

        There may be one more on top: see `orlop.storage.implicit`.

        Args:
            diff_ids: from the lowest layer to the uppermost, as an image has them.

        Raises:
            NotFound: one is not unpacked.
            SyscallError: directories of one that it says nothing about cannot be made.
        """
        from orlop.storage.implicit import attributes_layer

        layers = [self.get(diff_id) for diff_id in diff_ids]
        trees = [f"{self.root}/{layer.directory}/{TREE}" for layer in reversed(layers)]
        top = attributes_layer(self, layers)
        return (*([top] if top else []), *trees)

    # --- changing -----------------------------------------------------------------------------

    def add(
        self,
        chunks: Iterable[bytes],
        diff_id: str = "",
        *,
        warn: Callable[[str], None] = lambda _: None,
    ) -> Layer:
        """The archive is unpacked as a layer: all of it, or nothing.

        Reading and decompressing, the digest, and writing go on at the same time.

        Args:
            chunks: the archive, compressed in any way or not.
            diff_id: what its digest has to be, uncompressed; "" for any.
            warn: gets a text for what was left out.

        Raises:
            ArchiveError: it is damaged or hostile, or its digest is another one.
            Unavailable: the disk is nearly full.
            SyscallError: it cannot be written for another reason.
        """
        known = self._layers.get(diff_id)
        if known is not None:
            return known
        with self._new_directory() as (path, tree):
            digest = hashlib.sha256()
            with (
                Ahead(decompressed(chunks), "layer-decompress") as plain,
                Ahead(hashed(plain, digest), "layer-digest") as checked,
            ):
                reader = TarReader(checked)
                done = extract(reader, tree, self._rules, warn)
                reader.finish()
            found = _ALGORITHM + digest.hexdigest()
            if diff_id and found != diff_id:
                raise ArchiveError(f"the layer is {found}, not {diff_id} as its image says")
            implicit = tuple(map(os.fsdecode, done.implicit))
            layer = Layer(found, "", done.size, done.files, implicit, boot_id())
            return self._commit(path, layer)

    def adopt(self, diff_id: str, of: tuple[str, ...], fill: Callable[[int], None]) -> Layer:
        """A layer whose files are made by a function; of the same digest there is one only.

        Args:
            diff_id: what it is known by.
            of: see `Layer.of`.
            fill: gets the descriptor of the layer's directory, which is empty.

        Raises:
            What `fill` raises; then nothing was made.
        """
        known = self._layers.get(diff_id)
        if known is not None:
            return known
        with self._new_directory() as (path, tree):
            fill(tree)
            return self._commit(path, Layer(diff_id, "", 0, 0, (), boot_id(), of))

    def remove(self, diff_id: str) -> int:
        """The layer is gone, if it was there; returns how many bytes its files had.

        No container may be using it: that is for the caller to know.

        Raises:
            SyscallError: it cannot be removed; it is gone from the store all the same.
        """
        for made in self.all():
            if diff_id in made.of:
                self.remove(made.diff_id)
        with self._lock:
            layer = self._layers.pop(diff_id, None)
            if layer is None:
                return 0
            doomed = self._new_name()
            os.rename(f"{self.root}/{layer.directory}", doomed)
        _remove(doomed)
        return layer.size

    def settle(self) -> None:
        """All layers are on the disk: a crash of the machine takes none of them any more. Slow."""
        young = [layer for layer in self.all() if layer.boot]
        if not young:
            return
        os.sync()
        for layer in young:
            settled = layer.replace(boot="")
            with self._lock:
                if self._layers.get(layer.diff_id) == layer:
                    _write_facts(f"{self.root}/{layer.directory}", settled)
                    self._layers[layer.diff_id] = settled

    # --- on disk ------------------------------------------------------------------------------

    def _scan(self) -> Iterator[Layer]:
        """The layers that there are; leftovers are removed."""
        boot = boot_id()
        for name in sorted(os.listdir(self.root)):
            path = f"{self.root}/{name}"
            layer = None if name.startswith(_NEW) else _read_facts(path, name)
            if layer is None or layer.boot not in ("", boot):
                _remove(path)
            else:
                yield layer

    @contextlib.contextmanager
    def _new_directory(self) -> Iterator[tuple[str, int]]:
        """Path of a directory that is not in the store yet, and a descriptor of its tree."""
        path = self._new_name()
        tree = -1
        try:
            os.makedirs(f"{path}/{TREE}", mode=0o755)
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
            tree = os.open(f"{path}/{TREE}", flags)
            os.fchmod(tree, 0o755)  # whatever the umask is
            yield path, tree
        finally:
            if tree >= 0:
                os.close(tree)
            _remove(path)  # unless it has its name by now

    def _new_name(self) -> str:
        return f"{self.root}/{_NEW}{os.getpid()}-{next(self._numbers)}"

    def _commit(self, path: str, layer: Layer) -> Layer:
        with self._lock:
            known = self._layers.get(layer.diff_id)
            if known is not None:  # another thread was faster
                return known
            layer = layer.replace(directory=self._free_name(layer.diff_id))
            _write_facts(path, layer)
            try:
                os.rename(path, f"{self.root}/{layer.directory}")
            except OSError as error:
                raise SyscallError("rename", error.errno or 0, path) from error
            self._layers[layer.diff_id] = layer
            return layer

    def _free_name(self, diff_id: str) -> str:
        """A short name, which another layer with the same first digits does not have."""
        short = diff_id.removeprefix(_ALGORITHM)[:_SHORT]
        names = itertools.chain([short], (f"{short}-{n}" for n in itertools.count(1)))
        return next(name for name in names if not os.path.exists(f"{self.root}/{name}"))


def _read_facts(path: str, name: str) -> Layer | None:
    """What is known of the layer in that directory, None if it is none or a broken one."""
    try:
        with open(f"{path}/{_FACTS}", encoding="utf-8", errors="surrogateescape") as file:
            found = json.load(file)
        known = {field: found[field] for field in fields(Layer) if field in found}
        layer = Layer(**known)
        return layer.replace(directory=name, implicit=tuple(layer.implicit), of=tuple(layer.of))
    except (OSError, ValueError, TypeError):
        return None


def _write_facts(path: str, layer: Layer) -> None:
    text = json.dumps(dict(zip(fields(layer), values(layer), strict=True)))
    fresh = f"{path}/{_FACTS}.new"
    with open(fresh, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(text)
    os.rename(fresh, f"{path}/{_FACTS}")


def _remove(path: str) -> None:
    try:
        removal.remove_path(path)
    except OSError as error:
        raise SyscallError("remove", error.errno or 0, path) from error
