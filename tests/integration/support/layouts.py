"""Images out of nothing, as OCI layouts: what tests push, load and compare."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
CREATED = "2024-02-03T04:05:06Z"


def digest(data: bytes) -> str:
    """Of the data."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def tar(files: Mapping[str, bytes]) -> bytes:
    """An archive of regular files; a name that ends with a slash is a directory."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name.rstrip("/"))
            entry.type = tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE
            entry.mode = 0o755
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


class Layout:
    """An OCI layout in a directory, which is made."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        (directory / "blobs/sha256").mkdir(parents=True)
        (directory / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
        self._entries: list[dict[str, Any]] = []

    def blob(self, data: bytes) -> str:
        """The data are a blob; returns its digest."""
        name = digest(data)
        (self.directory / "blobs/sha256" / name.removeprefix("sha256:")).write_bytes(data)
        return name

    def add(
        self,
        layers: Sequence[bytes],
        *,
        name: str = "latest",
        config: Mapping[str, Any] | None = None,
        compressed: bool = True,
        **platform: str,
    ) -> str:
        """An image of these archives; returns its id.

        Args:
            layers: tar archives, the lowest first.
            name: in the layout.
            config: the member "config" of its configuration.
            compressed: with gzip.
            platform: os, architecture, variant.
        """
        where = {"os": "linux", "architecture": "amd64"} | platform
        document = {
            **where,
            "created": CREATED,
            "config": dict(config or {}),
            "rootfs": {"type": "layers", "diff_ids": [digest(layer) for layer in layers]},
            "history": [
                {"created": CREATED, "created_by": f"step {n}"} for n in range(len(layers))
            ],
        }
        raw = json.dumps(document).encode()
        packed = [gzip.compress(layer, 1, mtime=0) if compressed else layer for layer in layers]
        kind = f"{LAYER}+gzip" if compressed else LAYER
        manifest = json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": {"mediaType": CONFIG, "digest": self.blob(raw), "size": len(raw)},
                "layers": [
                    {"mediaType": kind, "digest": self.blob(layer), "size": len(layer)}
                    for layer in packed
                ],
            }
        ).encode()
        entry = {
            "mediaType": MANIFEST,
            "digest": self.blob(manifest),
            "size": len(manifest),
            "platform": where,
            "annotations": {"org.opencontainers.image.ref.name": name},
        }
        self._entries.append(entry)
        self._write()
        return digest(raw)

    def bundle(self, name: str = "latest") -> str:
        """All images so far become one of several platforms; returns its digest."""
        entries = [{k: v for k, v in e.items() if k != "annotations"} for e in self._entries]
        index = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).encode()
        self._entries = [
            {
                "mediaType": INDEX,
                "digest": self.blob(index),
                "size": len(index),
                "annotations": {"org.opencontainers.image.ref.name": name},
            }
        ]
        self._write()
        return digest(index)

    def _write(self) -> None:
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": self._entries}
        (self.directory / "index.json").write_text(json.dumps(index))
