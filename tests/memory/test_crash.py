"""A writer killed at any moment leaves a store in which everything it reported is there, and nothing half."""

import os
from pathlib import Path

import pytest

from benchmarks.crash import Ledger, Tally, crash_rounds, violations_of
from benchmarks.crash_writer import CONVERSATION, USER, batch_of, open_archive

pytestmark = pytest.mark.skipif(os.name == "nt", reason="SIGKILL is POSIX")


def test_killed_writers_leave_whole_stores(tmp_path: Path) -> None:
    tally = crash_rounds(12, tmp_path, seed=7, rounds_of_a_store=6)
    assert tally.violations == []
    assert tally.rounds == 12
    assert tally.batches > 0
    assert sum(tally.hits.values()) == 12


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        ("delete from memories where ref = '1/0'", "batch 1 was reported as stored"),
        ("update memories set text = 'x' where ref = '1/0'", "is not what was said"),
        ("update memories set position = 9999 where ref = '1/0'", "positions of session"),
        ("delete from vectors where memory_id = 2", "rows of vector"),
        ("delete from date_mentions where memory_id = 2", "has the dates"),
        ("delete from lexical where rowid = 2", "rows of words"),
        ("update lexical set context = '' where rowid = 2", "lexical search differs"),
    ],
)
def test_the_check_after_a_crash_notices_what_is_wrong(tmp_path: Path, damage: str, complaint: str) -> None:
    ledger = Ledger(store=1, path=tmp_path / "1.db")
    archive = open_archive(ledger.path)
    for number in (0, 1):
        archive.add_turns(USER, CONVERSATION, batch_of(1, number))
    archive.close()
    ledger.begun, ledger.stored = {0, 1}, {0, 1}
    assert list(violations_of(ledger, Tally())) == []
    archive = open_archive(ledger.path)
    archive.store.file.write(damage)
    archive.close()
    assert any(complaint in violation for violation in violations_of(ledger, Tally()))
