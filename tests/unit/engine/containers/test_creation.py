"""What is decided when a container is made."""

from __future__ import annotations

from typing import cast

import pytest

from orlop.engine.container import Container, MountPoint
from orlop.engine.containers.creation import check_handling, mount_points, with_volumes_from
from orlop.engine.containers.roster import Roster
from orlop.errors import InvalidArgument, NotFound
from orlop.intent.flags import parse_run
from orlop.intent.request import Bind, Request, Volume
from tests.unit.engine.containers.values import container


class OnlyDb:
    """A roster with one container, named db."""

    MOUNTS = (
        MountPoint("volume", "/data", "v1", "/volumes/v1/_data", "local"),
        MountPoint("bind", "/etc/x", source="/x", writable=False, propagation="rslave"),
        MountPoint("tmpfs", "/t"),
    )

    def get(self, ref: str) -> Container:
        if ref != "db":
            raise NotFound("container", ref)
        return container(name="db").replace(mounts=self.MOUNTS)


def request(flags: str) -> Request:
    return parse_run([*flags.split(), "host"])


def from_db(flags: str) -> Request:
    return with_volumes_from(request(flags), cast("Roster", OnlyDb()))


class TestVolumesOfOthers:
    def test_volumes_and_binds_come_along(self) -> None:
        assert from_db("--volumes-from db").mounts == (
            Volume("v1", "/data", copy=False, driver="local"),
            Bind("/x", "/etc/x", read_only=True, propagation="rslave"),
        )

    def test_read_only(self) -> None:
        volume, _ = from_db("--volumes-from db:ro").mounts
        assert isinstance(volume, Volume)
        assert volume.read_only

    def test_not_where_something_was_asked(self) -> None:
        found = from_db("--tmpfs /data --volumes-from db")
        assert [mount.target for mount in found.mounts] == ["/data", "/etc/x"]
        assert found.written["mounts[1]"] == "--volumes-from db"

    def test_of_nobody(self) -> None:
        with pytest.raises(NotFound):
            from_db("--volumes-from other")


def test_mount_points() -> None:
    asked = request("-v /a:/b:ro -v data:/v --tmpfs /t --mount type=bind,src=/c,dst=/d")
    volume = MountPoint("volume", "/v", "data", "/x/data")
    found = {point.target: point for point in mount_points(asked, [volume])}
    assert found == {
        "/b": MountPoint(
            "bind", "/b", source="/a", mode="ro", writable=False, propagation="rprivate"
        ),
        "/v": volume,
        "/t": MountPoint("tmpfs", "/t"),
        "/d": MountPoint("bind", "/d", source="/c", propagation="rprivate"),
    }


def test_what_is_asked_of_the_engine() -> None:
    check_handling(request("--rm --restart no --runtime runc"))
    with pytest.raises(InvalidArgument, match="--rm"):
        check_handling(request("--rm --restart on-failure"))
    with pytest.raises(InvalidArgument, match="kata"):
        check_handling(request("--runtime kata"))
