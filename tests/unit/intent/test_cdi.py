"""Devices of the Container Device Interface: what their files say is in the configuration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orlop.errors import InvalidArgument, NotFound, Unsupported
from orlop.intent.cdi import (
    Specifications,
    devices_of_spec,
    names_of_gpus,
    parse,
    parse_yaml,
    read_specifications,
)
from orlop.intent.compose import Composed, compose
from orlop.intent.flags import parse_run
from orlop.intent.preparation import MakeDirectory, WriteFile
from orlop.intent.request import Gpus
from orlop.kernel.cgroup.resources import DeviceRule
from orlop.runtime.spec import Device, Hook, Mount, NetDevice
from tests.unit.intent.hosts import HOST, FixedLookup

SPEC: dict[str, Any] = {
    "cdiVersion": "0.6.0",
    "kind": "vendor.com/net",
    "containerEdits": {"env": ["VENDOR=1"], "additionalGids": [44]},
    "devices": [
        {
            "name": "one",
            "containerEdits": {
                "deviceNodes": [
                    {"path": "/dev/one", "hostPath": "/dev/fuse"},
                    {"path": "/dev/two", "type": "c", "major": 7, "minor": 8, "permissions": "r"},
                ],
                "mounts": [
                    {"hostPath": "/lib/x", "containerPath": "/usr/x", "options": ["ro", "bind"]}
                ],
                "hooks": [{"hookName": "createRuntime", "path": "/bin/h", "args": ["h", "a"]}],
                "netDevices": [{"hostInterfaceName": "eth5", "name": "fast"}],
            },
        },
        {"name": "two", "containerEdits": {"env": ["TWO=2"]}},
    ],
}


# As `nvidia-ctk cdi generate` writes it.
NVIDIA_YAML = """\
---
cdiVersion: 0.5.0
containerEdits:
  deviceNodes:
  - path: /dev/nvidiactl
  env:
  - NVIDIA_VISIBLE_DEVICES=void
  hooks:
  - args:
    - nvidia-cdi-hook
    - update-ldcache
    - --folder
    - /lib
    hookName: createContainer
    path: /usr/bin/nvidia-cdi-hook
  mounts:
  - containerPath: /usr/bin/nvidia-smi
    hostPath: /usr/bin/nvidia-smi
    options: [ro, nosuid, nodev, bind]
devices:
- containerEdits:
    deviceNodes:
    - fileMode: 432
      path: /dev/nvidia0
  name: "0"
- containerEdits:
    deviceNodes:
    - path: /dev/nvidia0
  name: "0:1"
- containerEdits:
    deviceNodes:
    - path: /dev/nvidia0
  name: all
kind: nvidia.com/gpu
"""


class CdiLookup(FixedLookup):
    def cdi(self) -> Specifications:
        return Specifications(devices_of_spec(parse(json.dumps(SPEC).encode())), ("/x: is bad",))


def composed(flags: str) -> Composed:
    host = HOST.replace(lookup=CdiLookup())
    return compose(parse_run([*flags.split(), "host", "ls"]), host)


class TestEdits:
    MADE = composed("--device vendor.com/net=one --device vendor.com/net=two")

    def test_environment_and_groups(self) -> None:
        process = self.MADE.spec.process
        assert process is not None
        assert process.env[-2:] == ("VENDOR=1", "TWO=2")  # what both need is there once
        assert 44 in process.user.additional_gids

    def test_a_variable_takes_the_place_of_one_of_its_name(self) -> None:
        process = composed("-e VENDOR=0 -e A=1 --device vendor.com/net=two").spec.process
        assert process is not None
        assert process.env[-3:] == ("VENDOR=1", "A=1", "TWO=2")

    def test_hooks_find_the_root_and_the_configuration(self) -> None:
        name = f"{self.MADE.directory}/config.json"
        written = {s.path: s.text for s in self.MADE.preparations if isinstance(s, WriteFile)}
        root = json.loads(written[name])["root"]["path"]
        assert MakeDirectory(root) in self.MADE.preparations
        plain = composed("--device vendor.com/net=two")
        assert not any(step.path.endswith("config.json") for step in plain.preparations)

    def test_nodes_are_those_of_the_host_unless_they_say_otherwise(self) -> None:
        assert self.MADE.spec.linux.devices == (
            Device("c", "/dev/one", 10, 229, 0o666, 0, 0),
            Device("c", "/dev/two", 7, 8),
        )

    def test_they_may_be_used(self) -> None:
        resources = self.MADE.spec.linux.resources
        assert resources is not None
        assert resources.devices[-2:] == (
            DeviceRule(True, "c", 10, 229, "rwm"),
            DeviceRule(True, "c", 7, 8, "r"),
        )

    def test_mounts_hooks_and_network_devices(self) -> None:
        spec = self.MADE.spec
        assert spec.mounts[-1] == Mount("/usr/x", "bind", "/lib/x", ("ro", "bind"))
        assert spec.hooks.create_runtime == (Hook("/bin/h", ("h", "a")),)
        assert spec.linux.net_devices == {"eth5": NetDevice("fast")}

    def test_causes(self) -> None:
        cause = "--device vendor.com/net=one"
        last = len(self.MADE.spec.mounts) - 1
        for field in ("linux.devices[0]", f"mounts[{last}].source", "hooks.createRuntime"):
            assert self.MADE.origin(field) == cause


def test_a_device_that_nobody_knows() -> None:
    with pytest.raises(NotFound, match=r"vendor\.com/net=three") as told:
        composed("--device vendor.com/net=three")
    assert "/x: is bad" in told.value.hint


@pytest.mark.parametrize(
    ("gpus", "names"),
    [
        (Gpus(), ("nvidia.com/gpu=all",)),
        (Gpus(2), ("nvidia.com/gpu=0", "nvidia.com/gpu=1")),
        (Gpus(0, ("3", "GPU-x")), ("nvidia.com/gpu=3", "nvidia.com/gpu=GPU-x")),
        (Gpus(0, ("amd.com/gpu=1",), "cdi"), ("amd.com/gpu=1",)),
    ],
)
def test_gpus(gpus: Gpus, names: tuple[str, ...]) -> None:
    assert names_of_gpus(gpus) == names


def test_gpus_of_a_driver_without_known_names() -> None:
    with pytest.raises(Unsupported, match="other"):
        names_of_gpus(Gpus(driver="other"))


class TestFiles:
    @pytest.fixture
    def directories(self, tmp_path: Path) -> tuple[Path, Path]:
        for name in ("etc", "run"):
            (tmp_path / name).mkdir()
        return tmp_path / "etc", tmp_path / "run"

    @staticmethod
    def write(path: Path, **changes: object) -> None:
        path.write_text(json.dumps(SPEC | changes))

    def test_the_more_important_directory_counts(self, directories: tuple[Path, Path]) -> None:
        etc, run = directories
        self.write(etc / "a.json")
        self.write(run / "b.json", containerEdits={"env": ["RUN=1"]})
        found = read_specifications(map(str, directories))
        assert found.devices["vendor.com/net=two"].env == ("RUN=1", "TWO=2")
        assert found.broken == ()

    def test_a_broken_file_spoils_only_itself(self, directories: tuple[Path, Path]) -> None:
        etc, _ = directories
        self.write(etc / "a.json")
        (etc / "b.json").write_text("{")
        (etc / "c.yaml").write_text("kind: [x")
        (etc / "d.txt").write_text("nothing")
        self.write(etc / "e.json")  # the same devices once more
        self.write(etc / "f.json", devices=[{"name": "x", "containerEdits": {"hooks": [{}]}}])
        found = read_specifications([str(etc), str(etc / "missing")])
        assert set(found.devices) == {"vendor.com/net=one", "vendor.com/net=two"}
        assert len(found.broken) == 4
        assert any("YAML" in text and "c.yaml" in text for text in found.broken)

    def test_files_in_yaml(self, directories: tuple[Path, Path]) -> None:
        etc, run = directories
        (etc / "nvidia.yaml").write_text(NVIDIA_YAML)
        (run / "other.yml").write_text(json.dumps(SPEC))  # which is YAML, too
        found = read_specifications(map(str, directories))
        assert found.broken == ()
        assert set(found.devices) == {
            *("nvidia.com/gpu=0", "nvidia.com/gpu=0:1", "nvidia.com/gpu=all"),
            *("vendor.com/net=one", "vendor.com/net=two"),
        }
        edits = found.devices["nvidia.com/gpu=0"]
        assert edits.env == ("NVIDIA_VISIBLE_DEVICES=void",)
        assert [node.path for node in edits.device_nodes] == ["/dev/nvidiactl", "/dev/nvidia0"]
        assert edits.device_nodes[1].file_mode == 0o660
        assert edits.hooks[0].args == ("nvidia-cdi-hook", "update-ldcache", "--folder", "/lib")
        assert edits.mounts[0].options == ("ro", "nosuid", "nodev", "bind")

    def test_what_cannot_be_done_is_said(self) -> None:
        class Rdt(FixedLookup):
            def cdi(self) -> Specifications:
                spec = SPEC | {"containerEdits": {"intelRdt": {}}}
                return Specifications(devices_of_spec(parse(json.dumps(spec).encode())))

        request = parse_run(["--device", "vendor.com/net=two", "host"])
        with pytest.raises(Unsupported, match="intelRdt"):
            compose(request, HOST.replace(lookup=Rdt()))


@pytest.mark.parametrize("text", [b"[]", b"{}", b'{"cdiVersion":"1","kind":"a/b","devices":7}'])
def test_no_specification(text: bytes) -> None:
    with pytest.raises(InvalidArgument):
        parse(text)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"- a",
        b"kind: 2020-01-01",
        b"\xff\xfe\xfd",
        b"&a [*a]",
        b"!!python/object/apply:os.getpid []",
        b"x: " + b"[" * 5000,
    ],
)
def test_no_specification_in_yaml(text: bytes) -> None:
    with pytest.raises(InvalidArgument):
        parse_yaml(text)
