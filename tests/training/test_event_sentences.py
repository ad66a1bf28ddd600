"""Fitting the extractive summariser on a miniature of MSC."""

import json
import lzma
from pathlib import Path

import pytest

from recollect.agent.summarizers.salience import FEATURES
from recollect.memory.errors import DataFormatError
from recollect.training.event_sentences import fit_sentences, write_sentences
from tests.fakes import HashEmbedder

TOLD = ("I work as a baker.", "I have two dogs.", "I moved to Lyon last year.", "I play the piano.")


def write(path: Path, records: list[dict[str, object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with lzma.open(path, "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(record) + "\n" for record in records)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Conversations in which one in three turns tells a fact, the others react."""
    docs: list[dict[str, object]] = []
    facts: list[dict[str, object]] = []
    for number in range(12):
        texts = [text for told in TOLD for text in ("Wow, that sounds great!", told, "How are you today?")]
        passages = [
            {"id": f"D1:{place}", "speaker": "Ann" if place % 2 else "Bob", "text": text, "session": 1}
            for place, text in enumerate(texts, 1)
        ]
        split = "dev" if number % 4 == 0 else "train"
        docs.append({"doc_id": f"m{number}", "split": split, "passages": passages})
        for place, text in enumerate(texts, 1):
            if text in TOLD:
                fact = {"doc_id": f"m{number}", "split": split, "fact_3p": text, "evidence": [f"D1:{place}"]}
                facts.append(fact)
    write(tmp_path / "msc" / "docs.jsonl.xz", docs)
    write(tmp_path / "msc" / "facts.jsonl.xz", facts)
    write(tmp_path / "msc" / "qa.jsonl.xz", [])
    return tmp_path


def test_sentences_that_tell_facts_are_told_from_those_that_do_not(data: Path, tmp_path: Path) -> None:
    fitted = fit_sentences(data, HashEmbedder())
    assert fitted.precision_at_3 == 1.0
    assert fitted.random_at_3 == pytest.approx(1 / 3)
    weights = dict(zip(FEATURES, fitted.weights, strict=True))
    assert weights["own"] > 0.0 > weights["reaction"]
    write_sentences(fitted, tmp_path / "out.json")
    stored = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
    assert list(stored["weights"]) == list(FEATURES)
    assert stored["bias"] == pytest.approx(fitted.bias, abs=1e-5)


def test_a_folder_without_the_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataFormatError, match="does not exist"):
        fit_sentences(tmp_path, HashEmbedder())
