"""Two processes and all their threads share one store; the long version is `benchmarks/concurrency.py`."""

from pathlib import Path

from benchmarks.concurrency import create_together, work_together


def test_two_processes_write_and_read_one_store_and_find_each_others_turns(tmp_path: Path) -> None:
    outcome = work_together(5.0, tmp_path)
    assert outcome.problems == []
    for what in ("stored", "forgotten", "events", "recalled", "read"):
        assert outcome.counts[what] > 0


def test_two_processes_create_the_same_store_at_the_same_moment(tmp_path: Path) -> None:
    outcome = create_together(10, tmp_path)
    assert outcome.problems == []
    assert outcome.counts["created"] == 10
