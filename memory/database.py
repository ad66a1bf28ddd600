"""One SQLite file, opened safely: migrations, write-ahead log, one way to write, errors in our own words."""

import sqlite3
import threading
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from .errors import ClosedError, NotAStore, StoreBusy, StoreError, StoreFull, StoreReadOnly, StoreTooNew
from .migrations import APPLICATION_ID, MIGRATIONS

Row = tuple[Any, ...]  # SQLite's columns are dynamically typed; the store names each one as it reads it

_NO_MORE_ROOM = (sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE)
"""What SQLite says at a quota or a file size limit, and when no room is left for the `-shm` file."""


class SqliteFile:
    """A connection shared by the threads of one process; every use of it is serialised by one lock.

    Raises NotAStore, StoreTooNew, StoreReadOnly, StoreFull, StoreBusy or StoreError.
    """

    def __init__(self, path: Path, *, busy_timeout_s: float = 60.0) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._closed = False
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except (OSError, ValueError) as error:  # ValueError: a name that no file can have
            raise StoreReadOnly(f"Cannot create the folder of {path}: {error}. Choose a writable path.") from error
        with self._own_errors():
            try:
                connection = sqlite3.connect(path, timeout=busy_timeout_s, check_same_thread=False)
            except ValueError as error:
                raise StoreReadOnly(f"{str(path)!r} is no file name: {error}. Choose another path.") from error
            self._connection = connection
            try:
                self._database = Database(connection)
                self._migrate()
                self._enable_wal(busy_timeout_s)
                connection.execute("pragma synchronous = full")
                connection.execute("pragma foreign_keys = on")
            except BaseException:
                connection.close()
                raise

    def _migrate(self) -> None:
        self._refuse_foreign_files()
        if self._version() == len(MIGRATIONS):
            return
        try:
            self._connection.execute("begin exclusive")
            # read again under the lock: another process may have migrated in between
            for step in MIGRATIONS[self._version() :]:
                step(self._database)
            self._connection.execute(f"pragma user_version = {len(MIGRATIONS)}")
            self._connection.execute(f"pragma application_id = {APPLICATION_ID}")
            self._connection.execute("commit")
        except BaseException:
            self._connection.rollback()
            raise

    def _enable_wal(self, busy_timeout_s: float) -> None:
        """Switch to the write-ahead log, waiting for other processes: SQLite itself refuses that wait at once."""
        deadline = time.monotonic() + busy_timeout_s
        while True:
            try:
                self._database.enable_wal()
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
            time.sleep(0.01)

    def _version(self) -> int:
        version: int = self._connection.execute("pragma user_version").fetchone()[0]
        return version

    def _refuse_foreign_files(self) -> None:
        application: int = self._connection.execute("pragma application_id").fetchone()[0]
        tables: int = self._connection.execute("select count(*) from sqlite_master").fetchone()[0]
        if application != APPLICATION_ID and (tables or self._version()):
            # a second process may have created the store between the two reads
            application = self._connection.execute("pragma application_id").fetchone()[0]
            if application != APPLICATION_ID:
                raise NotAStore(
                    f"{self.path} is an SQLite database of another program; nothing was changed. "
                    "Choose another path for the Recollect store."
                )
        if self._version() > len(MIGRATIONS):
            raise StoreTooNew(
                f"{self.path} was written by a newer Recollect (store version {self._version()}, this program "
                f"knows {len(MIGRATIONS)}). Nothing was changed; upgrade with: pip install --upgrade recollect"
            )

    @contextmanager
    def atomic(self) -> Generator[None]:
        """Everything inside is committed together, or not at all; nested blocks join the outer one."""
        with self._lock, self._own_errors():
            self._refuse_closed()
            if self._connection.in_transaction:
                with self._database.atomic():
                    yield
                return
            try:
                # immediate: a lock that is upgraded later fails at once when two processes try it
                self._connection.execute("begin immediate")
                yield
                self._connection.execute("commit")
            except BaseException:
                self._connection.rollback()
                raise

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """Return all rows of a query."""
        with self._lock, self._own_errors():
            self._refuse_closed()
            return self._connection.execute(sql, parameters).fetchall()

    def row(self, sql: str, parameters: Sequence[object] = ()) -> Row | None:
        """Return the first row of a query, or None when there is none."""
        with self._lock, self._own_errors():
            self._refuse_closed()
            found: Row | None = self._connection.execute(sql, parameters).fetchone()
            return found

    def write(self, sql: str, parameters: Sequence[object] = ()) -> int:
        """Execute one statement inside `atomic` and return the id of the last inserted row."""
        with self.atomic():
            return self._connection.execute(sql, parameters).lastrowid or 0

    def write_many(self, sql: str, rows: Sequence[Sequence[object]]) -> None:
        """Execute one statement once for each row, inside `atomic`."""
        with self.atomic():
            self._connection.executemany(sql, rows)

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._connection.close()

    @property
    def is_closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    def _refuse_closed(self) -> None:
        if self._closed:
            raise ClosedError(f"The store {self.path} is closed; open it again to use it.")

    @contextmanager
    def _own_errors(self) -> Generator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise own_error(error, self.path) from error


def own_error(error: sqlite3.Error, path: Path) -> StoreError:
    """Say an SQLite error in our own words: what failed, on what, what to do."""
    extended = getattr(error, "sqlite_errorcode", None) or 0
    code = extended & 0xFF  # the low byte is the primary code
    if code == sqlite3.SQLITE_FULL or extended in _NO_MORE_ROOM:
        return StoreFull(
            f"No space is left for {path} ({error}); the last write was rolled back and nothing before it is lost. "
            "Free some space, or lift the quota or file size limit, and try again."
        )
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreBusy(f"Another process kept {path} locked for too long; nothing was written. Try again.")
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return StoreReadOnly(
            f"Cannot open {path} for writing ({error}). Check that the folder exists and that you may write "
            "to it and to the file, or choose another path."
        )
    if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return NotAStore(
            f"{path} is no Recollect store, or is damaged ({error}). It was left as it is; restore a backup, "
            "or try: sqlite3 FILE .recover"
        )
    return StoreError(f"SQLite failed on {path}: {error}")
