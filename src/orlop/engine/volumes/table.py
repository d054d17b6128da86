"""Volumes in the database: which there are, who has them, and what is half done.

A volume is FRESH until it was filled or used, FILLING while the image's files are copied into it,
READY then, and REMOVING while its files go.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from orlop.engine.volumes.answers import Volume

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orlop.engine.database import Database

FRESH = "fresh"
FILLING = "filling"
READY = "ready"
REMOVING = "removing"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS volumes (
    name TEXT PRIMARY KEY,
    created_ns INTEGER NOT NULL,
    labels TEXT NOT NULL,
    options TEXT NOT NULL,
    anonymous INTEGER NOT NULL,
    state TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS volume_users (
    volume TEXT NOT NULL,
    container TEXT NOT NULL,
    PRIMARY KEY (volume, container)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS volume_users_by_container ON volume_users (container);
"""
_COLUMNS = "name, created_ns, labels, options, anonymous"


class Table:
    """The tables of volumes. What a volume is, any thread may ask; all else is the event loop's.

    Args:
        database: where they are.
        directory: host directory of all volumes.
    """

    def __init__(self, database: Database, directory: str) -> None:
        self._database = database
        self._directory = directory
        database.define(_SCHEMA)
        rows = database.execute(f"SELECT {_COLUMNS}, state FROM volumes")  # noqa: S608
        self._volumes = {str(row[0]): self._volume(row[:-1]) for row in rows}
        self._states = {str(row[0]): str(row[-1]) for row in rows}

    def find(self, name: str) -> Volume | None:
        """The volume of that name, None if there is none."""
        return None if self._states.get(name) == REMOVING else self._volumes.get(name)

    def all(self) -> tuple[Volume, ...]:
        """All of them, by name."""
        return tuple(v for name in sorted(self._volumes) if (v := self.find(name)) is not None)

    def states(self) -> dict[str, str]:
        """All names, also of those that are being removed, with their states."""
        return dict(self._states)

    def state(self, name: str) -> str:
        """The state of one that exists."""
        return self._states[name]

    def add(self, volume: Volume, state: str = FRESH) -> Volume:
        """A new volume, or one that was being removed, again; returns it with its place."""
        row = (
            volume.name,
            volume.created_ns,
            json.dumps(volume.labels),
            json.dumps(volume.options),
            int(volume.anonymous),
        )
        statement = "INSERT OR REPLACE INTO volumes VALUES (?, ?, ?, ?, ?, ?)"
        self._database.execute(statement, (*row, state))
        self._states[volume.name] = state
        self._volumes[volume.name] = self._volume(row)
        return self._volumes[volume.name]

    def set_state(self, name: str, state: str) -> None:
        """It is in another state."""
        self._database.execute("UPDATE volumes SET state = ? WHERE name = ?", (state, name))
        self._states[name] = state

    def drop(self, name: str) -> None:
        """There is no such volume any more, and nobody has it."""
        with self._database.transaction():
            self._database.execute("DELETE FROM volume_users WHERE volume = ?", (name,))
            self._database.execute("DELETE FROM volumes WHERE name = ?", (name,))
        del self._volumes[name], self._states[name]

    def users(self, name: str) -> tuple[str, ...]:
        """Ids of the containers that have a volume."""
        return self._texts(
            "SELECT container FROM volume_users WHERE volume = ? ORDER BY container", name
        )

    def used_by(self, container: str) -> tuple[str, ...]:
        """Names of the volumes that a container has."""
        return self._texts(
            "SELECT volume FROM volume_users WHERE container = ? ORDER BY volume", container
        )

    def used(self) -> frozenset[str]:
        """Names of the volumes that some container has."""
        rows = self._database.execute("SELECT DISTINCT volume FROM volume_users")
        return frozenset(str(name) for (name,) in rows)

    def holders(self) -> Iterator[str]:
        """Ids of all containers that have volumes."""
        for (container,) in self._database.execute("SELECT DISTINCT container FROM volume_users"):
            yield str(container)

    def hold(self, name: str, container: str) -> None:
        """A container has a volume."""
        self._database.execute(
            "INSERT OR IGNORE INTO volume_users VALUES (?, ?)", (name, container)
        )

    def let_go(self, container: str) -> None:
        """A container has no volumes any more."""
        self._database.execute("DELETE FROM volume_users WHERE container = ?", (container,))

    def _texts(self, statement: str, value: str) -> tuple[str, ...]:
        return tuple(str(text) for (text,) in self._database.execute(statement, (value,)))

    def _volume(self, row: tuple[object, ...]) -> Volume:
        name, created_ns, labels, options, anonymous = row
        return Volume(
            str(name),
            f"{self._directory}/{name}/_data",
            int(str(created_ns)),
            tuple((key, value) for key, value in json.loads(str(labels))),
            tuple((key, value) for key, value in json.loads(str(options))),
            bool(anonymous),
        )
