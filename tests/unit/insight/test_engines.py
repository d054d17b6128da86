"""Who has made a container, told by cgroup paths and command lines."""

from __future__ import annotations

import pytest

from orlop.insight.engines import Origin, container_of, origin_of
from tests.unit.insight.snapshots import ID


@pytest.mark.parametrize(
    ("path", "engine", "found"),
    [
        (f"/docker/{ID}", "docker", ID),
        (f"/system.slice/docker-{ID}.scope", "docker", ID),
        (f"/docker/{ID}/init.scope", "docker", ID),
        (f"/machine.slice/libpod-{ID}.scope/container", "podman", ID),
        (f"/libpod_parent/libpod-{ID}", "podman", ID),
        (f"/kubepods.slice/kubepods-pod1.slice/crio-{ID}.scope", "cri-o", ID),
        (f"/kubepods.slice/kubepods-pod1.slice/cri-containerd-{ID}.scope", "containerd", ID),
        ("/machine.slice/machine-web.scope/payload", "systemd-nspawn", "web"),
        ("/machine.slice/systemd-nspawn@web.service/payload", "systemd-nspawn", "web"),
        ("/lxc.payload.web", "lxc", "web"),
        ("/lxc/web/ns", "lxc", "web"),
        (f"/my-own/{ID}", "", ID),
        (f"/../../docker/{ID}", "docker", ID),
        # not a container
        ("/", "", ""),
        (f"/machine.slice/libpod-conmon-{ID}.scope", "", ""),
        ("/system.slice/docker.service", "", ""),
        ("/system.slice/docker-foo.scope", "", ""),
        ("/user.slice/user-0.slice", "", ""),
        ("/lxc", "", ""),
    ],
)
def test_a_container_is_known_by_its_cgroup_path(path: str, engine: str, found: str) -> None:
    assert container_of(("/", path)) == Origin(engine, found)


def test_the_outermost_name_counts() -> None:
    other = "f" * 64
    inside = f"/docker/{ID}/docker-{other}.scope"
    assert container_of((inside,)).id == ID


SHIM = ("/usr/bin/containerd-shim-runc-v2", "-namespace", "moby", "-id", ID, "-address", "x")


def test_a_cgroup_of_nobody_belongs_to_whom_the_parent_does() -> None:
    assert origin_of((f"/custom/{ID}",), ("nginx",), SHIM) == Origin("docker", ID)
    assert origin_of((f"/custom/{ID}",), ("nginx",), ("init",)) == Origin("container", ID)


def test_without_a_cgroup_the_monitor_tells() -> None:
    assert origin_of(("/",), ("nginx",), SHIM) == Origin("docker", ID)
    kubernetes = tuple("k8s.io" if word == "moby" else word for word in SHIM)
    assert origin_of(("/",), ("nginx",), kubernetes).engine == "containerd"
    conmon = ("/usr/bin/conmon", "-c", ID, "-u", ID, "-n", "web")
    assert origin_of(("/",), ("nginx",), conmon) == Origin("podman", ID, "web")


@pytest.mark.parametrize(
    ("own", "parent", "engine"),
    [
        (("bwrap", "--bind"), ("bash",), "bwrap"),
        (("sleep", "1"), ("/usr/bin/unshare", "-pf"), "unshare"),
        (("orlop-launch", "box"), ("init",), "orlop"),
        (("sleep", "1"), ("bash",), ""),
        ((), (), ""),
    ],
)
def test_small_tools_are_known_by_their_program(
    own: tuple[str, ...], parent: tuple[str, ...], engine: str
) -> None:
    assert origin_of(("/",), own, parent) == Origin(engine)
