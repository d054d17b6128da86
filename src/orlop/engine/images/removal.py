"""Names and images that are to go, by Docker's rules.

- A name goes alone as long as the image has others; with the last one goes the image, unless
  containers or other images need it.
- By its id an image goes with its name; with several only by force.
- What runs is always in the way; what is stopped, unless it is by force.

See: moby daemon/containerd or daemon/images, image_delete.go, for what is told in which order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.engine import events
from orlop.engine.images import host
from orlop.engine.images.answers import Removed
from orlop.engine.images.listing import fits
from orlop.errors import Conflict
from orlop.image import reference as references

if TYPE_CHECKING:
    from orlop.engine.container import Container
    from orlop.engine.events import Events
    from orlop.engine.images.answers import ImageFilter
    from orlop.engine.images.catalogue import Catalogue, Image
    from orlop.engine.images.collection import Collected, Collector
    from orlop.engine.images.usage import Users
    from orlop.image.reference import Reference

    Steps = list[tuple[str, str]]

_UNTAGGED = "untagged"
_DELETED = "deleted"


class Remover:
    """Removes names and images.

    Args:
        catalogue: knows them.
        collector: frees what they leave.
        users: knows which containers need them.
        bus: is told what happens.
    """

    def __init__(
        self, catalogue: Catalogue, collector: Collector, users: Users, bus: Events
    ) -> None:
        self._catalogue = catalogue
        self._collector = collector
        self._users = users
        self._events = bus

    async def remove(self, ref: str, *, force: bool, prune: bool) -> Removed:
        """See `Images.remove`."""
        host.check_not_host(ref, "remove")
        image = self._catalogue.find(ref)
        steps: Steps = []
        if self._catalogue.is_id_of(ref, image):
            self._check_by_id(ref, image, force=force)
            for name in self._catalogue.names(image.id):
                self._untag(image, name, steps)
            self._delete(image, steps, force=force, prune=prune)
        else:
            self._remove_name(ref, image, steps, force=force, prune=prune)
        return await self._collected(steps)

    async def prune(self, wanted: ImageFilter) -> Removed:
        """See `Images.prune`."""
        steps: Steps = []
        dangling = wanted.dangling is not False
        while unneeded := self._unneeded(wanted.replace(dangling=dangling or None)):
            for image in unneeded:
                self.drop(image, steps)
        gone = await self._collector.collect(partial_older_than_s=None if dangling else 0)
        done = _told(steps, gone)
        self._events.publish(
            events.Event(events.IMAGE, "prune", "", (("reclaimed", str(done.bytes)),))
        )
        return done

    def drop(self, image: Image, steps: Steps) -> None:
        """The image is gone, with all its names."""
        for name in self._catalogue.names(image.id):
            self._untag(image, name, steps)
        self._forget(image, steps)

    async def _collected(self, steps: Steps) -> Removed:
        if not any(kind == _DELETED for kind, _ in steps):
            return Removed(tuple(steps))
        return _told(steps, await self._collector.collect())

    def _unneeded(self, wanted: ImageFilter) -> list[Image]:
        """Images that fit, and that neither containers nor other images need."""
        needed = self._users.needed(self._catalogue)
        return [
            image
            for image in self._catalogue.all()
            if image.id not in needed
            and not self._catalogue.children(image.id)
            and fits(image, wanted, is_tagged=bool(self._catalogue.tags(image.id)))
        ]

    # --- by name ------------------------------------------------------------------------------

    def _remove_name(
        self, ref: str, image: Image, steps: Steps, *, force: bool, prune: bool
    ) -> None:
        name = references.parse(ref).with_default_tag()
        name = name.replace(tag="") if name.digest else name
        users = self._users.of(image.id)
        if users and not force and _is_single(self._catalogue.names(image.id)):
            raise Conflict(
                f"cannot remove the name {name.familiar!r}: {_who(users)} its image",
                hint="remove the container first, or force it (-f)",
            )
        self._untag(image, name, steps)
        self._untag_digests(image, name, steps)
        if self._catalogue.names(image.id):
            return
        if not users and not self._catalogue.children(image.id):
            self._forget(image, steps)
            if prune:
                self._prune_parents(image, steps)
        elif users and force and not any(u.is_running for u in users):
            self._delete(image, steps, force=True, prune=prune)

    def _untag_digests(self, image: Image, name: Reference, steps: Steps) -> None:
        """With its last tag in a repository, the digests that it has there go too."""
        if name.digest:
            return
        repository = name.repository()
        left = [n for n in self._catalogue.names(image.id) if n.repository() == repository]
        if all(other.digest for other in left):
            for other in left:
                self._untag(image, other, steps)

    # --- by id --------------------------------------------------------------------------------

    def _check_by_id(self, ref: str, image: Image, *, force: bool) -> None:
        users = self._users.of(image.id)
        if users and (users[0].is_running or not force):
            raise Conflict(
                f"cannot remove the image {ref!r}: {_who(users)} it",
                hint="remove the container first"
                if users[0].is_running
                else "remove the container first, or force it (-f)",
            )
        self._check_no_children(image)
        if not force and not _is_single(self._catalogue.names(image.id)):
            raise Conflict(
                f"cannot remove the image {ref!r}: it has several names",
                hint="remove these one by one, or force it (-f)",
            )

    def _delete(self, image: Image, steps: Steps, *, force: bool, prune: bool) -> None:
        users = self._users.of(image.id)
        if users and (users[0].is_running or not force):
            raise Conflict(f"cannot remove the image {image.id!r}: {_who(users)} it")
        self._check_no_children(image)
        self._forget(image, steps)
        if prune:
            self._prune_parents(image, steps)

    def _check_no_children(self, image: Image) -> None:
        if children := self._catalogue.children(image.id):
            raise Conflict(
                f"cannot remove the image {image.id!r}: {len(children)} others were made from it,"
                f" as {children[0].id}",
                hint="remove these first",
            )

    def _prune_parents(self, image: Image, steps: Steps) -> None:
        """What was only a step on the way to the image goes too."""
        parent = self._catalogue.get(image.parent)
        while parent is not None:
            needed = parent.id in self._users.needed(self._catalogue)
            if needed or self._catalogue.names(parent.id) or self._catalogue.children(parent.id):
                return
            self._forget(parent, steps)
            parent = self._catalogue.get(parent.parent)

    def _untag(self, image: Image, name: Reference, steps: Steps) -> None:
        self._catalogue.untag(name)
        steps.append((_UNTAGGED, name.familiar))
        self._publish(image, "untag", name.familiar)

    def _forget(self, image: Image, steps: Steps) -> None:
        self._catalogue.remove(image)
        steps.append((_DELETED, image.id))
        self._publish(image, "delete", image.id)

    def _publish(self, image: Image, action: str, name: str) -> None:
        labels = tuple(sorted(image.document.config.labels.items()))
        self._events.publish(events.of_image(image.id, action, name=name, labels=labels))


def _told(steps: Steps, gone: Collected) -> Removed:
    return Removed((*steps, *((_DELETED, diff_id) for diff_id in gone.layers)), gone.bytes)


def _is_single(names: tuple[Reference, ...]) -> bool:
    """Whether there is one name, not counting the digests of its repository."""
    tags = [name for name in names if not name.digest]
    if len(tags) > 1:
        return False
    return len({name.repository() for name in names}) <= 1


def _who(users: tuple[Container, ...]) -> str:
    how = "running" if users[0].is_running else "stopped"
    return f"the {how} container {users[0].name or users[0].id[:12]!r} uses"
