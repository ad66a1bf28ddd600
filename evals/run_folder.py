"""Writes the folder of a run, a new one or one to continue; what lies in it is told by `stored_run.py`.

A record is handed to the system at once, so that a run killed with -9 has asked one question in vain at most; it is
forced to the disk in groups, so that a machine that fails costs a few. Continuing drops a last line that was torn.
"""

import os
import threading
import time
from collections.abc import Collection, Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from ..memory.errors import RunError
from .folder_lock import locked
from .plan import Plan, plan_changes, plan_json
from .problems import Problem
from .protocol import RunProtocol, SystemDescription
from .protocol_json import protocol_json
from .protocol_warnings import protocol_warnings
from .record import IngestRecord, Record
from .record_json import record_line
from .stored_run import (
    LOCK,
    PLAN,
    PROBLEMS,
    PROTOCOL,
    RECORDS,
    STORE,
    USAGE,
    Usage,
    is_torn,
    load_run,
    problems_json,
    read_records,
    read_usage,
    usage_json,
)

SYNC_RECORDS, SYNC_S = 64, 5.0
"""Records are forced to the disk after so many, or so many seconds."""


class RunFolder:
    """An open run: what it has already, and where the rest goes. Made by `open_run`; threads may share it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._answered: set[tuple[str, str, str]] = set()
        self._ingested: set[tuple[str, str | None, str]] = set()
        records = path / RECORDS
        _drop_torn_line(records)
        for record in read_records(records):
            self._note(record)
        self._file = records.open("ab", buffering=0)
        self._unsynced, self._synced = 0, time.monotonic()

    @property
    def store(self) -> Path:
        """The folder for what is ingested."""
        return self.path / STORE

    @property
    def answered(self) -> Collection[tuple[str, str, str]]:
        """System, unit and question of every record with a result: those that failed are asked again."""
        return self._answered

    @property
    def ingested(self) -> Collection[tuple[str, str | None, str]]:
        """System, unit and conversation of every ingest that was recorded."""
        return self._ingested

    def append(self, record: Record) -> None:
        """Write a record. Raises RunError where the disk is full or gone."""
        line = record_line(record).encode()
        with self._lock:
            try:
                self._write(line)
            except OSError as error:
                raise RunError(
                    f"{self.path / RECORDS} cannot be written ({error.strerror}); make room and continue the run."
                ) from error
            self._note(record)

    def close(self) -> None:
        """Force everything to the disk."""
        with self._lock:
            os.fsync(self._file.fileno())
            self._file.close()

    def _write(self, line: bytes) -> None:
        while line:  # one write as a rule; a disk that fills up takes a part
            line = line[self._file.write(line) or 0 :]
        self._unsynced += 1
        if self._unsynced >= SYNC_RECORDS or time.monotonic() - self._synced >= SYNC_S:
            os.fsync(self._file.fileno())
            self._unsynced, self._synced = 0, time.monotonic()

    def _note(self, record: Record) -> None:
        if isinstance(record, IngestRecord):
            self._ingested.add(record.key)
        elif record.error is None:
            self._answered.add(record.key)


@contextmanager
def open_run(
    path: Path, plan: Plan, protocol: RunProtocol, *, problems: tuple[Problem, ...] = ()
) -> Generator[RunFolder]:
    """Begin a run in `path`, an absent or empty folder, or continue the one that is there; it is closed at the end.

    Raises RunError where another run is at work in it, where it holds anything else, or where plan or data are not
    what they were (systems may be added), saying what differs.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"The folder {path} cannot be made ({error.strerror}); choose another.") from error
    with locked(path / LOCK):
        if _is_begun(path):
            _refuse_another(path, plan, protocol)
        _replace(path / PROBLEMS, problems_json(problems))
        _replace(path / PROTOCOL, protocol_json(protocol))
        _replace(path / PLAN, plan_json(plan))  # last: with it the run has begun
        folder = RunFolder(path)
        try:
            yield folder
        finally:
            folder.close()


def add_usage(path: Path, *, wall_s: float, peak_rss_mib: float | None) -> None:
    """Add what a process took to what those before it did."""
    before = read_usage(path)
    peaks = [peak for peak in (before.peak_rss_mib, peak_rss_mib) if peak is not None]
    usage = Usage(wall_s=round(before.wall_s + wall_s, 1), peak_rss_mib=round(max(peaks), 1) if peaks else None)
    _replace(path / USAGE, usage_json(usage))


def _is_begun(path: Path) -> bool:
    if (path / PLAN).exists():
        return True
    strangers = sorted(one.name for one in path.iterdir() if one.name not in (LOCK, PROBLEMS, PROTOCOL, STORE))
    if strangers:
        raise RunError(f"{path} holds {strangers[0]} and no run; choose an empty folder.")
    return False


def _refuse_another(path: Path, plan: Plan, protocol: RunProtocol) -> None:
    before = load_run(path)
    changes = [*plan_changes(before.plan, plan), *_protocol_changes(before.protocol, protocol)]
    if changes:
        raise RunError(f"{path} holds another run: {'; '.join(changes)}. Choose another folder, or run it as it was.")


def _protocol_changes(before: RunProtocol, after: RunProtocol) -> list[str]:
    """Return every condition that is not what it was; files may have moved, systems and units have come."""
    changes: list[str] = []
    was, now = (sorted(one.sha256 for one in protocol.data.values()) for protocol in (before, after))
    if was != now:
        changes.append(f"the data has changed ({before.dataset}, then {after.dataset})")
    masked = [replace(protocol, data={}, units={}) for protocol in (before, after)]
    changes += [warning.rstrip(".") for warning in protocol_warnings(*masked)]
    described = {(one.name, one.unit): one for one in after.systems}
    for one in before.systems:
        changes += _option_changes(one, described.get((one.name, one.unit), one))
    return changes


def _option_changes(before: SystemDescription, after: SystemDescription) -> list[str]:
    names = dict.fromkeys((*before.options, *after.options))
    pairs = [(name, before.options.get(name), after.options.get(name)) for name in names]
    return [f"{before.name}: {name} was {was or 'not there'}, is {now}" for name, was, now in pairs if was != now]


def _drop_torn_line(path: Path) -> None:
    """Cut off what a process that was killed, or a machine that failed, left of its last line."""
    if not path.exists():
        return
    with path.open("r+b") as file:
        whole = 0
        for line in file:
            if is_torn(line):
                break
            whole += len(line)
        file.truncate(whole)


def _replace(path: Path, text: str) -> None:
    """Write a file so that at every moment the old one or the new one is there, whole."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise RunError(f"{path} cannot be written ({error.strerror}); choose another folder.") from error
