"""What must last, in one SQLite file below the data root.

Write-ahead log, without a sync for each transaction: the death of the engine loses nothing, the
death of the machine at most the last transactions, after which reconciling finds what is there.
Everything happens in the event loop's thread, and a transaction takes some ten microseconds;
but for moving the log's content into the database now and then, which waits for the disk.

See: sqlite.org/wal.html, sqlite.org/pragma.html#pragma_synchronous
"""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING

from orlop.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Database:
    """An open database; one engine has it for itself.

    Args:
        path: host path of its file; ":memory:" for none.

    Raises:
        Unavailable: it cannot be opened.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        try:
            self._connection = sqlite3.connect(path, isolation_level=None, timeout=5)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._connection.execute("PRAGMA wal_autocheckpoint = 0")
            self._connection.execute("PRAGMA foreign_keys = ON")
        except sqlite3.Error as error:
            raise Unavailable(f"cannot open the database {path}: {error}") from error

    def close(self) -> None:
        """Nothing can be asked any more."""
        self._connection.close()

    def checkpoint(self) -> None:
        """Moves what is in the log into the database; blocks. May be called in any thread.

        Raises:
            Unavailable: the disk does not take it now.
        """
        try:
            with contextlib.closing(sqlite3.connect(self._path, timeout=0)) as connection:
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        except sqlite3.Error as error:
            raise Unavailable(f"cannot write the database {self._path}: {error}") from error

    def define(self, schema: str) -> None:
        """Makes the tables of a service, unless they are there (CREATE TABLE IF NOT EXISTS ...)."""
        self._connection.executescript(schema)

    def execute(self, statement: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """Performs one statement; returns all rows."""
        return self._connection.execute(statement, values).fetchall()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All statements within are done, or, after an exception, none of them."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")
