"""Whom a question names."""

from recollect.rerank.speakers import named_speakers


def test_who_is_named_counts_for_and_the_others_against() -> None:
    assert named_speakers("What is Melanie's dog called?", ["Melanie", "Caroline", "Melanie"]) == [1.0, -1.0, 1.0]


def test_any_word_of_a_name_in_any_case_names_its_speaker() -> None:
    assert named_speakers("where does dr geller live", ["Ross Geller", "Rachel Green"]) == [1.0, -1.0]


def test_a_question_that_names_nobody_or_everybody_tells_nothing_apart() -> None:
    assert named_speakers("Who has a dog?", ["Ann", "Bo"]) == [0.0, 0.0]
    assert named_speakers("How do Ann and Bo know each other?", ["Ann", "Bo"]) == [1.0, 1.0]
    assert named_speakers("Anna's dog?", ["Ann", ""]) == [0.0, 0.0]
    assert named_speakers("Anyone?", []) == []
