"""The benchmark of event summaries, on a miniature in LoCoMo's form."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.child import environment
from benchmarks.event_summaries import Gold, Made, golds, scored

ROOT = Path(__file__).parents[1]
SAID = (
    "Hey Ben, how are you?",
    "I adopted a beagle called Biscuit yesterday.",
    "That's great!",
    "My sister and I moved to Lyon in May.",
    "Bye!",
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    turns = [
        {"speaker": ("Ann", "Ben")[place % 2], "dia_id": f"D1:{place}", "text": text}
        for place, text in enumerate(SAID, 1)
    ]
    conversation = {
        "speaker_a": "Ann",
        "speaker_b": "Ben",
        "session_1_date_time": "1:56 pm on 8 May, 2023",
        "session_1": turns,
    }
    entry = {
        "sample_id": "c1",
        "conversation": conversation,
        "event_summary": {"events_session_1": {"Ann": ["Ann adopts a beagle."], "Ben": [], "date": "8 May, 2023"}},
        "observation": {
            "session_1_observation": {
                "Ann": [["Ann adopted a beagle.", "D1:2"], ["Ann talks.", "D1:9"]],
                "Ben": [["Ben moved to Lyon.", ["D1:4"]], ["Both met.", "D1:2; D1:4"]],
            }
        },
        "qa": [],
    }
    path = tmp_path / "locomo.json"
    path.write_text(json.dumps([entry]), encoding="utf-8")
    return path


def test_the_gold_is_what_people_wrote_and_the_turns_they_cite_that_there_are(file: Path) -> None:
    assert golds(file) == {("c1", "1"): Gold(text="Ann adopts a beagle.", cited=frozenset({"D1:2", "D1:4"}))}


def test_scores_are_means_over_sessions_that_have_a_gold() -> None:
    made = Made(texts=("ann adopts", "a beagle"), cited=("D1:2", "D1:3"))
    gold = Gold(text="Ann adopts a beagle.", cited=frozenset({"D1:2", "D1:4", "D1:5"}))
    found = scored([(made, gold), (made, Gold(text="", cited=frozenset()))])
    assert (found.rouge, found.precision, found.f1) == ((1.0,), (0.5,), (pytest.approx(0.4),))


def test_it_reports_the_summaries_beside_their_baselines(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    command = ["-m", "benchmarks.event_summaries", str(file), "--summarizer", "extractive", "--json", str(out)]
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=environment(), capture_output=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    report = json.loads(out.read_text(encoding="utf-8"))
    metrics = report["metrics"]
    assert report["n"]["sessions"] == 1
    assert 1 <= metrics["events a session, mean"] <= 3
    assert metrics["citations of no turn"] == 0
    assert metrics["evidence precision"] > metrics["evidence precision, random-3 turns"]
    assert {
        f"ROUGE-L F1, {name} {unit}" for name in ("lead-3", "random-3") for unit in ("turns", "sentences")
    } <= set(metrics)
