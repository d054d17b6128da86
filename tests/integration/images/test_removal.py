"""Names, images and disk space that go, and what is in their way: Docker's rules."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from orlop.engine.container import ResolvedImage
from orlop.engine.images import Commit, ImageFilter, NewLayer
from orlop.errors import Conflict, InvalidArgument, NotFound
from orlop.image.config import ImageConfig
from tests.integration.images.conftest import BASE, TOP
from tests.integration.support.image_services import ImageService, image_service
from tests.integration.support.layouts import tar

pytestmark = [pytest.mark.requires_root]


def resolved(service: ImageService, ref: str) -> ResolvedImage:
    """An image of which a container is known at once, so that nothing is kept for it."""
    details = service.images.inspect(ref)
    return ResolvedImage(ref, details.summary.id, details.config, details.lowers)


def child(service: ImageService, parent: str, ref: str, workspace: Path) -> str:
    """An image on top of another one."""
    (workspace / "layer.tar").write_bytes(tar({f"of-{ref.replace(':', '-')}": b"x"}))
    layer = NewLayer(str(workspace / "layer.tar"))
    return service(service.images.commit(Commit(parent, ImageConfig(), layer, ref=ref)))


def remove(service: ImageService, ref: str, *, force: bool = False) -> list[str]:
    """What went, in order."""
    done = service(service.images.remove(ref, force=force))
    return [f"{kind} {text}" for kind, text in done.steps if not text.startswith("sha256:")] + [
        f"{kind} image" for kind, text in done.steps if kind == "deleted"
    ][:1]


class TestByName:
    def test_the_last_name_takes_the_image(self, service: ImageService) -> None:
        service.import_(BASE, "a:1")
        service(service.images.tag("a:1", "b:2"))
        assert remove(service, "a:1") == ["untagged a:1"]
        assert service.names() == ["b:2"]
        assert remove(service, "b:2") == ["untagged b:2", "deleted image"]
        assert service.leftovers() == []
        assert [event.action for event in service.told("untag", "delete")] == [
            "untag",
            "untag",
            "delete",
        ]

    def test_what_is_freed_is_told(self, service: ImageService) -> None:
        service.import_(TOP, "a:1")
        done = service(service.images.remove("a:1"))
        assert done.bytes > 6_000_000  # of the layer, and of its blob, which cannot be compressed

    def test_a_stopped_container_is_in_the_way(self, service: ImageService) -> None:
        service.import_(BASE, "a:1")
        service.containers.add(resolved(service, "a:1"))
        with pytest.raises(Conflict, match="stopped container 'c0'"):
            remove(service, "a:1")
        assert service.names() == ["a:1"]

    def test_but_not_if_there_is_another_name(self, service: ImageService) -> None:
        service.import_(BASE, "a:1")
        service(service.images.tag("a:1", "b:1"))
        service.containers.add(resolved(service, "a:1"), running=True)
        assert remove(service, "a:1") == ["untagged a:1"]

    def test_by_force_the_image_goes_and_the_container_keeps_its_files(
        self, service: ImageService
    ) -> None:
        service.import_(BASE, "a:1")
        container = service.containers.add(resolved(service, "a:1"))
        assert remove(service, "a:1", force=True) == ["untagged a:1", "deleted image"]
        assert Path(container.image.lowers[-1], "etc/os").read_bytes() == b"test\n"
        service.containers.some.clear()
        service(service.images.prune())
        assert service.leftovers() == []

    def test_by_force_a_running_container_leaves_the_image_without_a_name(
        self, service: ImageService
    ) -> None:
        image = service.import_(BASE, "a:1")
        service.containers.add(resolved(service, "a:1"), running=True)
        assert remove(service, "a:1", force=True) == ["untagged a:1"]
        assert service.names() == [image]

    def test_children_keep_their_parent(self, service: ImageService, workspace: Path) -> None:
        base = service.import_(BASE, "a:1")
        child(service, base, "b:1", workspace)
        assert remove(service, "a:1") == ["untagged a:1"]
        assert [row.id for row in service.images.list(ImageFilter(all=True))][1] == base
        assert service.names() == ["b:1"]
        assert remove(service, "b:1") == ["untagged b:1", "deleted image"]
        assert service.leftovers() == []

    def test_no_such_name(self, service: ImageService) -> None:
        for ref in ("none", "none:1", "0123456789ab", "sha256:" + "0" * 64):
            with pytest.raises(NotFound):
                remove(service, ref)


class TestById:
    def test_it_goes_with_its_name(self, service: ImageService) -> None:
        image = service.import_(BASE, "a:1")
        assert remove(service, image[7:15]) == ["untagged a:1", "deleted image"]
        assert service.leftovers() == []

    def test_several_names_need_force(self, service: ImageService) -> None:
        image = service.import_(BASE, "a:1")
        service(service.images.tag("a:1", "b:1"))
        with pytest.raises(Conflict, match="several names"):
            remove(service, image)
        assert remove(service, image, force=True) == [
            "untagged a:1",
            "untagged b:1",
            "deleted image",
        ]

    def test_containers_are_in_the_way(self, service: ImageService) -> None:
        image = service.import_(BASE, "a:1")
        service.containers.add(resolved(service, "a:1"))
        with pytest.raises(Conflict, match="stopped"):
            remove(service, image)
        service.containers.add(resolved(service, "a:1"), running=True)
        with pytest.raises(Conflict, match="running"):
            remove(service, image, force=True)
        assert service.names() == ["a:1"]

    def test_children_are_in_the_way(self, service: ImageService, workspace: Path) -> None:
        image = service.import_(BASE, "a:1")
        child(service, image, "b:1", workspace)
        with pytest.raises(Conflict, match="1 others were made from it"):
            remove(service, image, force=True)

    def test_a_beginning_that_several_have(self, service: ImageService) -> None:
        names = [service.import_(tar({"n": b"%d" % n}), f"a:{n}")[7] for n in range(17)]
        twice = next(first for first in names if names.count(first) > 1)
        with pytest.raises(InvalidArgument, match="ambiguous"):
            remove(service, f"sha256:{twice}")


class TestHost:
    def test_it_is_always_there(self, service: ImageService) -> None:
        (row,) = service.images.list()
        assert (row.tags, row.is_host) == (("host:latest",), True)
        assert service.images.inspect("host").summary == row
        assert service.images.inspect(row.id).summary == row
        assert service(service.images.resolve("host")).id == row.id
        assert len(service.images.history("host")) == 1

    def test_nothing_takes_it_away(self, service: ImageService) -> None:
        for ref in ("host", "host:latest", service.images.list()[0].id):
            with pytest.raises(Conflict):
                remove(service, ref, force=True)
        service.import_(BASE, "a")
        with pytest.raises(Conflict):
            service(service.images.tag("a", "host"))
        service(service.images.prune(ImageFilter(dangling=False)))
        assert len(service.images.list()) == 1


class TestDirectories:
    def test_one_stands_for_an_image(self, service: ImageService, workspace: Path) -> None:
        (workspace / "root").mkdir()
        found = service(service.images.resolve(str(workspace / "root")))
        assert found.lowers == (str(workspace / "root"),)
        assert found.id == ""

    def test_one_that_is_not_there(self, service: ImageService, workspace: Path) -> None:
        (workspace / "file").touch()
        for path in (f"{workspace}/none", f"{workspace}/file", "./none"):
            with pytest.raises(NotFound):
                service(service.images.resolve(path))


class TestPruning:
    def test_without_a_name(self, service: ImageService) -> None:
        service.import_(BASE, "a:1")
        first = service.import_(TOP, "a:1")  # takes the name away from the other
        assert len(service.images.list(ImageFilter(dangling=True))) == 1
        done = service(service.images.prune())
        assert len([step for step in done.steps if step[0] == "deleted"]) == 2
        assert service.names() == ["a:1"]
        assert service.images.inspect("a:1").summary.id == first
        assert len(service.told("prune")) == 1

    def test_all_that_nothing_uses(self, service: ImageService, workspace: Path) -> None:
        used = service.import_(BASE, "a:1")
        service.containers.add(resolved(service, child_name(service, used, workspace)))
        service.import_(TOP, "b:1")
        service(service.images.prune(ImageFilter(dangling=False)))
        assert service.names() == ["a:1", "c:1"]

    def test_labels_and_times(self, service: ImageService) -> None:
        service.import_(BASE, "a:1", "LABEL keep=yes")
        service.import_(TOP, "b:1", "LABEL keep=no")
        everything = ImageFilter(dangling=False)
        old = everything.replace(until_ns=time.time_ns() - 3600 * 10**9)
        service(service.images.prune(old))
        assert service.names() == ["a:1", "b:1"]
        service(service.images.prune(everything.replace(labels=("keep=no",))))
        assert service.names() == ["a:1"]
        service(service.images.prune(everything.replace(without_labels=("keep",))))
        assert service.names() == ["a:1"]


def child_name(service: ImageService, parent: str, workspace: Path) -> str:
    """The name of a new child."""
    child(service, parent, "c:1", workspace)
    return "c:1"


class TestListing:
    def rows(self, service: ImageService, **wanted: object) -> list[str]:
        found = service.images.list(ImageFilter(**wanted))  # type: ignore[arg-type]
        return [name for row in found if not row.is_host for name in row.tags or ("<none>",)]

    def test_filters(self, service: ImageService) -> None:
        service.import_(BASE, "a/x:1", "LABEL l=1")
        service.import_(TOP, "b:1", "LABEL l=2 m=3")
        service.import_(tar({"z": b""}), "b:1")
        service(service.images.tag("a/x:1", "a/x:2"))
        assert self.rows(service) == ["b:1", "<none>", "a/x:1", "a/x:2"]
        assert self.rows(service, dangling=True) == ["<none>"]
        assert self.rows(service, dangling=False) == ["b:1", "a/x:1", "a/x:2"]
        assert self.rows(service, labels=("l",)) == ["<none>", "a/x:1", "a/x:2"]
        assert self.rows(service, labels=("l=2", "m=3")) == ["<none>"]
        assert self.rows(service, references=("a/*:2",)) == ["a/x:2"]
        assert self.rows(service, references=("b", "a/x")) == ["b:1", "a/x:1", "a/x:2"]
        assert self.rows(service, before="b:1") == ["<none>", "a/x:1", "a/x:2"]
        assert self.rows(service, since="a/x:1") == ["b:1", "<none>"]
        with pytest.raises(NotFound):
            self.rows(service, before="none")
        with pytest.raises(InvalidArgument):
            self.rows(service, references=("[",))

    def test_sizes(self, service: ImageService, workspace: Path) -> None:
        base = service.import_(BASE, "a:1")
        service.containers.add(resolved(service, child_name(service, base, workspace)))
        rows = service.images.list(shared_size=True)
        sizes = {row.tags[0]: (row.size, row.shared_size, row.containers) for row in rows[:2]}
        assert sizes == {"a:1": (6, 6, 0), "c:1": (7, 6, 1)}
        usage = service.images.usage()
        assert (usage.layers_size, usage.reclaimable) == (7, 0)
        service.containers.some.clear()
        assert service.images.usage().reclaimable == 7


class TestOldImages:
    def test_by_age(self, workspace: Path) -> None:
        with image_service(workspace / "data") as first:
            first.import_(BASE, "old:1")
            first.import_(TOP, "used:1")
            used = resolved(first, "used:1")
        age(workspace / "data", days=3)
        two_days = 2 * 24 * 3600
        with image_service(workspace / "data", used=(used,), keep_images_s=two_days) as service:
            service.import_(tar({"z": b""}), "new:1")
            service(service.images.apply_policy())
            assert service.names() == ["new:1", "used:1"]

    def test_by_size_the_least_used_first(self, workspace: Path) -> None:
        with image_service(workspace / "data", keep_images_bytes=7_000_000) as service:
            service.import_(TOP, "first:1")
            service.import_(tar({"x": TOP}), "second:1")
            service(service.images.apply_policy())
            assert service.names() == ["second:1"]
            service.containers.add(resolved(service, "second:1"))
            service.import_(tar({"y": TOP}), "third:1")
            service(service.images.apply_policy())
            assert service.names() == ["second:1"]

    def test_off_is_the_default(self, service: ImageService) -> None:
        service.import_(BASE, "a:1")
        assert service(service.images.apply_policy()) == ()


def age(directory: Path, days: int) -> None:
    """All images were last used so long ago."""
    import sqlite3

    with sqlite3.connect(directory / "db.sqlite") as database:
        past = time.time_ns() - days * 24 * 3600 * 10**9
        database.execute("UPDATE images SET used_ns = ?", (past,))
    database.close()


def test_lost_layers_are_unpacked_again(workspace: Path) -> None:
    with image_service(workspace / "data") as first:
        first.import_(BASE, "a:1")
    for layer in (workspace / "data/layers").iterdir():
        (layer / "facts").unlink()
    with image_service(workspace / "data") as service:
        assert service.read("a:1", "etc/os") == b"test\n"


def test_an_image_without_its_blobs_is_forgotten(workspace: Path) -> None:
    with image_service(workspace / "data") as first:
        image = first.import_(BASE, "a:1")
        first.import_(TOP, "b:1")
    (workspace / "data/blobs/sha256" / image[7:]).write_bytes(b"{}")
    with image_service(workspace / "data") as service:
        assert service.names() == ["b:1"]
