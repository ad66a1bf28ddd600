"""A miniature in LongMemEval's published shape, every oddity included; all sentences are ours."""

from typing import Any


def said(role: str, content: str | None, **more: object) -> dict[str, object]:
    return {"role": role, "content": content, **more}


def _bicycle() -> dict[str, Any]:
    """Sessions out of order, one empty, one twice, one dated after the question, one turn blank."""
    return {
        "question_id": "q_bike",
        "question_type": "single-session-user",
        "question": "How many gears does my bicycle have?",
        "answer": 21,
        "question_date": "2023/05/30 (Tue) 21:56",
        "haystack_session_ids": ["answer_1", "filler_1", "filler_2", "filler_1", "late_1"],
        "haystack_dates": [
            "2023/05/21 (Sun) 10:00",
            "2023/05/20 (Sat) 02:21",
            "2023/05/22 (Mon) 08:00",
            "2023/05/23 (Tue) 00:05",
            "2023/05/31 (Wed) 09:00",
        ],
        "haystack_sessions": [
            [
                said("user", "My bicycle has twenty-one gears.", has_answer=True),
                said("assistant", "That is plenty for hills.", has_answer=False),
            ],
            [said("user", "Name a fruit."), said("assistant", "A quince.")],
            [],
            [said("user", "Name a fruit."), said("assistant", "A quince.")],
            [said("user", " "), said("assistant", "Good morning."), said("user", None)],
        ],
        "answer_session_ids": ["answer_1"],
    }


def _flat() -> dict[str, Any]:
    """Two answer sessions without a marked turn, one that is absent; a session and the question without a date."""
    return {
        "question_id": "q_flat",
        "question_type": "multi-session",
        "question": "Which rooms did I paint?",
        "answer": "the hall and the attic",
        "question_date": "some day",
        "haystack_session_ids": ["answer_a", "other", "answer_b"],
        "haystack_dates": ["2023/01/01 (Sun) 12:00", None, "2023/01/03 (Tue) 12:00"],
        "haystack_sessions": [
            [said("user", "I painted the hall."), said("assistant", "Which colour?")],
            [said("user", "Good night.")],
            [said("user", "The attic is painted too.")],
        ],
        "answer_session_ids": ["answer_a", "answer_b", "answer_c"],
    }


def _piano() -> dict[str, Any]:
    """Nobody told it; of two answer sessions one has no marked turn."""
    return {
        "question_id": "q_piano_abs",
        "question_type": "knowledge-update",
        "question": "Who tunes my piano?",
        "answer": "You told of a harp, never of a piano.",
        "question_date": "2023/02/01 (Wed) 12:00",
        "haystack_session_ids": ["answer_x", "answer_y"],
        "haystack_dates": ["2023/01/01 (Sun) 12:00", "2023/01/02 (Mon) 12:00"],
        "haystack_sessions": [
            [said("user", "Odile tunes my harp.", has_answer=True)],
            [said("user", "The harp is golden.", has_answer=False)],
        ],
        "answer_session_ids": ["answer_x", "answer_y"],
    }


def miniature() -> list[Any]:
    """Three questions, each with its history."""
    return [_bicycle(), _flat(), _piano()]
