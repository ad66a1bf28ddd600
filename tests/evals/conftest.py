"""A miniature in LoCoMo's published shape, every oddity included; all sentences are ours."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

WriteLocomo = Callable[[Any], Path]


def _turn(dia_id: str, speaker: str, text: str, **more: object) -> dict[str, object]:
    return {"speaker": speaker, "dia_id": dia_id, "text": text, **more}


def _question(question: str, category: int, evidence: object, **more: object) -> dict[str, object]:
    return {"question": question, "category": category, "evidence": evidence, **more}


def _garden() -> dict[str, object]:
    """Nine usable turns, seven questions; session 3 has no turns, 4 no date, 5 only a date."""
    return {
        "sample_id": "conv-1",
        "conversation": {
            "speaker_a": "Ines",
            "speaker_b": "Tomas",
            "session_2_date_time": "12:05 am on 1 March, 2024",
            "session_2": [
                _turn("D2:1", "Ines", "The tomatoes sprouted."),
                _turn("D2:2", "Tomas", "Look!", blip_caption="a red wheelbarrow", query="secret gold answer"),
                _turn("D2:3", "Ines", "", blip_caption="a row of seedlings", img_url=["x"], query="secret"),
            ],
            "session_1_date_time": "1:56 pm on 29 February, 2024",
            "session_1": [
                _turn("D1:1", "Ines", "I rented an allotment."),
                _turn("D1:2", "Tomas", "Which plot is it?"),
                _turn("D1:3", "Ines", "Plot nine, by the canal."),
            ],
            "session_3_date_time": "9:00 am on 2 March, 2024",
            "session_3": [],
            "session_4": [
                _turn("D4:1", "Tomas", "My sister Alba moved to Porto."),
                _turn("D4:2", "Ines", "   "),
                _turn("D4:3", "Tomas", "She bakes bread.", blip_caption=None),
                _turn("D4:04", "Ines", "Here", img_url=["x"]),
            ],
            "session_5_date_time": "9:00 am on 5 March, 2024",
        },
        "qa": [
            _question("What grows?", 1, ["D2:1; D1:3"], answer="tomatoes at plot nine"),
            _question("When was it rented?", 2, ["D1:01"], answer=2024),
            _question("Would Ines like a spade?", 3, [], answer="Likely yes"),
            _question("Which plot?", 4, ["D1:3", "D", "D9:9"], answer="nine"),
            _question("Who moved?", 4, "['D:4:1', 'D4:3']", answer=0.5),
            _question("Who bakes rye?", 5, ["D4:3"], adversarial_answer="Ines"),
            _question("What is blank?", 4, ["D4:2"], answer="nothing"),
        ],
    }


def _train() -> dict[str, object]:
    return {
        "sample_id": "conv-2",
        "conversation": {
            "speaker_a": "Wen",
            "speaker_b": "Aoife",
            "session_1_date_time": "12:30 pm on 3 June, 2023",
            "session_1": [
                _turn("D1:1", "Wen", "I took the night train."),
                _turn("D1:2", "Aoife", "Did you sleep?"),
                _turn("D1:3", "Wen", "Hardly, the heating roared."),
            ],
        },
        "qa": [_question("How did Wen travel?", 4, ["D1:1 D1:3"], answer="by night train")],
    }


@pytest.fixture
def conversations() -> list[Any]:
    """The miniature as JSON values, for a test to bend."""
    return [_garden(), _train()]


@pytest.fixture
def write_locomo(tmp_path: Path) -> WriteLocomo:
    def write(value: Any) -> Path:
        path = tmp_path / "mini.json"
        path.write_text(json.dumps(value), encoding="utf-8")
        return path

    return write


@pytest.fixture
def mini_file(write_locomo: WriteLocomo, conversations: list[Any]) -> Path:
    return write_locomo(conversations)
