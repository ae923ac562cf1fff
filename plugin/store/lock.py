"""One process per SQLite file. The kernel drops the lock when its holder dies, however it dies."""

import fcntl
from pathlib import Path
from typing import IO

from plugin.store.engine import StoreError


class FileLock:
    """An exclusive lock beside the database; while it is held, every claim of another process is a dead one's.

    Raises
    ------
    StoreError
        If another process holds it.
    """

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(database.name + ".lock")
        self._handle: IO[str] = self._path.open("a")
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._handle.close()
            raise StoreError(
                f"another astranet works with {database}; SQLite serves one process, PostgreSQL serves many"
            ) from None

    def close(self) -> None:
        """Let go."""
        self._handle.close()
