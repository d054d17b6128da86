"""Manifests, indexes and configurations: what is taken, and what strangers may not do."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orlop.errors import InvalidArgument, Unsupported
from orlop.image import digest as digests
from orlop.image import document as documents
from orlop.image import manifest as manifests
from orlop.image import media, times
from orlop.image.config import HealthCheck, ImageConfig
from orlop.image.document import ImageDocument, Step
from orlop.image.manifest import Descriptor, Index, Manifest
from orlop.image.platform import Platform

D = "sha256:" + "0123456789abcdef" * 4


def blob(kind: str = media.OCI_LAYER_GZIP, **more: Any) -> dict[str, Any]:
    return {"mediaType": kind, "digest": D, "size": 5, **more}


def manifest(**more: Any) -> dict[str, Any]:
    return {"schemaVersion": 2, "config": blob(media.OCI_CONFIG), "layers": [blob()], **more}


def raw(value: Any) -> bytes:
    return json.dumps(value).encode()


class TestManifests:
    def test_of_the_oci(self) -> None:
        text = raw(manifest(mediaType=media.OCI_MANIFEST, annotations={"a": "b"}, extra=[1]))
        parsed = manifests.parse(text, media.OCI_MANIFEST)
        assert isinstance(parsed, Manifest)
        assert parsed.descriptor == Descriptor(media.OCI_MANIFEST, digests.of(text), len(text))
        assert parsed.raw == text
        assert parsed.layers == (Descriptor(media.OCI_LAYER_GZIP, D, 5),)

    def test_of_docker(self) -> None:
        value = manifest(config=blob(media.DOCKER_CONFIG), layers=[blob(media.DOCKER_LAYER_GZIP)])
        parsed = manifests.parse(raw(value), f"{media.DOCKER_MANIFEST}; charset=utf-8")
        assert parsed.descriptor.media_type == media.DOCKER_MANIFEST

    def test_what_is_written_is_read(self) -> None:
        config = Descriptor(media.OCI_CONFIG, D, 7)
        layers = (Descriptor(media.OCI_LAYER_ZSTD, D, 8, ("https://x",)),)
        made = manifests.write_manifest(config, layers)
        assert manifests.parse(made.raw) == made

    def test_nulls_are_as_good_as_nothing(self) -> None:
        layer = blob(urls=None, annotations=None, platform=None)
        assert isinstance(manifests.parse(raw(manifest(layers=[layer]))), Manifest)

    @pytest.mark.parametrize(
        "value",
        [
            [],
            {},
            "text",
            manifest(config=None),
            manifest(layers="x"),
            manifest(layers=[{}]),
            manifest(layers=[blob(size=-1)]),
            manifest(layers=[blob(size=1 << 60)]),
            manifest(layers=[blob(size="5")]),
            manifest(layers=[blob(size=True)]),
            manifest(layers=[blob(digest="sha256:12")]),
            manifest(layers=[blob(digest="sha256:../../x")]),
            manifest(layers=[blob("application/octet-stream")]),
            manifest(layers=[blob()] * 501),
            manifest(config=blob("application/vnd.cncf.helm.config.v1+json")),
            manifest(manifests=[]),
            {"schemaVersion": 2, "mediaType": media.OCI_MANIFEST, "manifests": []},
            manifest(mediaType=media.OCI_INDEX),
        ],
    )
    def test_what_makes_no_sense_is_refused(self, value: Any) -> None:
        with pytest.raises(InvalidArgument):
            manifests.parse(raw(value))

    def test_another_type_than_it_says(self) -> None:
        text = raw(manifest(mediaType=media.OCI_MANIFEST))
        with pytest.raises(InvalidArgument):
            manifests.parse(text, media.DOCKER_MANIFEST)

    def test_the_first_schema_is_told_apart(self) -> None:
        for value in ({"schemaVersion": 1, "fsLayers": []}, {"fsLayers": [{"blobSum": D}]}):
            with pytest.raises(Unsupported):
                manifests.parse(raw(value))

    def test_too_large(self) -> None:
        with pytest.raises(InvalidArgument):
            manifests.parse(b" " * (manifests.MANIFEST_LIMIT + 1))

    def test_too_deep(self) -> None:
        with pytest.raises(InvalidArgument):
            manifests.parse(b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}")

    @given(st.binary(max_size=200))
    def test_any_bytes_are_one_or_an_error(self, data: bytes) -> None:
        with contextlib.suppress(InvalidArgument, Unsupported):
            manifests.parse(data)


def entry(architecture: str, variant: str = "", **annotations: str) -> dict[str, Any]:
    where = {"os": "linux", "architecture": architecture, "variant": variant}
    digest = digests.of(f"{architecture}{variant}{annotations}".encode())
    return {
        "mediaType": media.OCI_MANIFEST,
        "digest": digest,
        "size": 1,
        "platform": where,
        "annotations": annotations,
    }


class TestIndexes:
    def test_the_best_entry_is_chosen(self) -> None:
        entries = [
            entry("amd64", **{"vnd.docker.reference.type": "attestation-manifest"}),
            entry("arm64"),
            entry("amd64"),
        ]
        index = manifests.parse(raw({"schemaVersion": 2, "manifests": entries}))
        assert isinstance(index, Index)
        chosen = manifests.choose(index, Platform())
        assert chosen is not None
        assert chosen.digest == entries[2]["digest"]
        assert manifests.choose(index, Platform(architecture="s390x")) is None

    def test_too_many_entries(self) -> None:
        with pytest.raises(InvalidArgument):
            manifests.parse(raw({"schemaVersion": 2, "manifests": [entry("amd64")] * 10_001}))


class TestConfigurations:
    WHOLE = ImageDocument(
        Platform(architecture="arm", variant="v7"),
        ImageConfig(
            ("A=1",),
            ("e",),
            (),
            "me:us",
            "/srv",
            ("/v",),
            ("80/tcp",),
            {"l": "1"},
            "SIGINT",
            HealthCheck(("CMD", "x"), 1, 2, 3, 4, 5),
            ("/bin/bash", "-c"),
            ("RUN x",),
        ),
        (D,),
        (Step(10**18 + 5, "by", "who", "why"), Step(is_empty=True)),
        10**18 + 5,
        "author",
        "comment",
        "c" * 64,
        "1.0",
    )

    def test_what_is_written_is_read(self) -> None:
        read = documents.parse(documents.write(self.WHOLE))
        assert read.replace(raw_config=b"{}") == self.WHOLE
        assert json.loads(read.raw_config)["Cmd"] == []

    def test_docker_writes_nulls(self) -> None:
        names = "User ExposedPorts Env Entrypoint Cmd Volumes WorkingDir Labels Healthcheck"
        empty = dict.fromkeys(names.split())
        value = {"config": empty, "rootfs": None, "history": None, "created": None, "os": "linux"}
        assert documents.parse(raw(value)).config == ImageConfig()
        assert documents.parse(raw({"config": None})).config == ImageConfig()

    def test_a_command_may_be_one_text(self) -> None:
        assert documents.parse(raw({"config": {"Cmd": "sh"}})).config.command == ("sh",)

    @pytest.mark.parametrize(
        "value",
        [
            [],
            {"config": []},
            {"config": {"Env": "A=1"}},
            {"config": {"Labels": {"a": 1}}},
            {"rootfs": {"diff_ids": ["x"]}},
            {"rootfs": {"diff_ids": [D] * 501}},
            {"rootfs": {"diff_ids": ["sha512:" + "0" * 128]}},
            {"history": [{}] * 5001},
        ],
    )
    def test_what_makes_no_sense_is_refused(self, value: Any) -> None:
        with pytest.raises(InvalidArgument):
            documents.parse(raw(value))


@pytest.mark.parametrize(
    ("text", "at_ns"),
    [
        ("1970-01-01T00:00:01Z", 10**9),
        ("1970-01-01T00:00:00.000000001Z", 1),
        ("1970-01-01T01:00:00.5+01:00", 5 * 10**8),
        ("1970-01-01T00:00:00.1234567891234Z", 123456789),
        ("0001-01-01T00:00:00Z", 0),
        ("2024-13-01T00:00:00Z", 0),
        ("9999-12-31T23:59:59-23:59", 253402387139 * 10**9),
        ("yesterday", 0),
        ("", 0),
    ],
)
def test_times(text: str, at_ns: int) -> None:
    assert times.parse(text) == at_ns


@given(st.integers(0, 253402300799 * 10**9))
def test_times_are_read_back(at_ns: int) -> None:
    assert times.parse(times.show(at_ns)) == at_ns
