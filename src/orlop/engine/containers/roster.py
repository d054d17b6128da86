"""Which containers there are: in memory, and in the database as they were last written."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from orlop.engine.container import Container, State
from orlop.engine.documents import dumps, loads
from orlop.errors import AlreadyExists, InvalidArgument, NotFound

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from orlop.engine.database import Database

_SCHEMA = """
CREATE TABLE IF NOT EXISTS containers (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    description TEXT NOT NULL,
    state TEXT NOT NULL
) WITHOUT ROWID;
"""
_ID_LENGTH = 64


class Roster:
    """All containers by id and name. What is changed here is in the database when it returns."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._by_id: dict[str, Container] = {}
        self._ids: dict[str, str] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        database.define(_SCHEMA)
        for description, state in database.execute("SELECT description, state FROM containers"):
            container = loads(Container, str(description))
            self._keep(container.replace(state=loads(State, str(state))))

    def _keep(self, container: Container) -> None:
        self._by_id[container.id] = container
        self._ids[container.name] = container.id

    def get(self, ref: str) -> Container:
        """A container by its id, its name, or a unique beginning of its id.

        Raises:
            NotFound: there is none.
            InvalidArgument: several ids begin so.
        """
        bare = ref.removeprefix("/")
        found = self._by_id.get(bare) or self._by_id.get(self._ids.get(bare, ""))
        if found is not None:
            return found
        begun = [key for key in self._by_id if key.startswith(bare)] if bare else []
        if len(begun) > 1:
            raise InvalidArgument(f"{len(begun)} containers have ids that begin with {ref!r}")
        if not begun:
            raise NotFound("container", ref)
        return self._by_id[begun[0]]

    def find(self, container: str) -> Container | None:
        """The one of this whole id, None if it is gone."""
        return self._by_id.get(container)

    def all(self) -> tuple[Container, ...]:
        """All of them, the newest first."""
        return tuple(sorted(self._by_id.values(), key=lambda c: c.created_ns, reverse=True))

    @property
    def names(self) -> Mapping[str, str]:
        """The names that are taken, with the ids of those who have them."""
        return self._ids

    def lock(self, container: str) -> asyncio.Lock:
        """Held by the operation that changes this container."""
        lock = self._locks.get(container)
        if lock is None:
            lock = self._locks[container] = asyncio.Lock()
        return lock

    def add(self, container: Container) -> None:
        """A new container.

        Raises:
            AlreadyExists: its name is taken.
        """
        self.check_free(container.name)
        self._database.execute(
            "INSERT INTO containers VALUES (?, ?, ?, ?)",
            (container.id, container.name, _description(container), dumps(container.state)),
        )
        self._keep(container)

    def check_free(self, name: str) -> None:
        """Nobody has this name.

        Raises:
            AlreadyExists: somebody has.
        """
        holder = self._ids.get(name)
        if holder is not None:
            raise AlreadyExists(
                "container",
                name,
                hint=f"{holder[:12]} has the name; remove or rename it, or take another",
            )

    def change(self, container: str, **changes: Any) -> Container:
        """The container with other values in these fields of its own, not of its state.

        Raises:
            NotFound: it is gone.
        """
        before = self._present(container)
        after: Container = before.replace(**changes)
        self._database.execute(
            "UPDATE containers SET name = ?, description = ? WHERE id = ?",
            (after.name, _description(after), container),
        )
        if after.name != before.name:
            del self._ids[before.name]
        self._keep(after)
        return after

    def change_state(self, container: str, **changes: Any) -> Container:
        """The container with other values in these fields of its state.

        Raises:
            NotFound: it is gone.
        """
        before = self._present(container)
        after: Container = before.replace(state=before.state.replace(**changes))
        self._database.execute(
            "UPDATE containers SET state = ? WHERE id = ?", (dumps(after.state), container)
        )
        self._by_id[container] = after
        return after

    def drop(self, container: str) -> None:
        """There is no such container any more."""
        self._database.execute("DELETE FROM containers WHERE id = ?", (container,))
        gone = self._by_id.pop(container)
        del self._ids[gone.name]
        self._locks.pop(container, None)

    def _present(self, container: str) -> Container:
        found = self._by_id.get(container)
        if found is None:
            raise NotFound("container", container)
        return found


def _description(container: Container) -> str:
    """Everything but the state, which changes so much more often."""
    return dumps(container.replace(state=State()))
