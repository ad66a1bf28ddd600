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


def test_part_of_a_word_names_nobody() -> None:
    assert named_speakers("Which animal lives annually in the barn?", ["Ann", "Al"]) == [0.0, 0.0]


def test_an_apostrophe_s_is_no_name() -> None:
    assert named_speakers("What's Ross's job?", ["Rachel's Date", "Ross"]) == [-1.0, 1.0]
    assert named_speakers("What’s Rachel’s job?", ["Rachel’s Date", "Ross"]) == [1.0, -1.0]


def test_accents_and_other_scripts_are_read_as_they_are_written() -> None:
    assert named_speakers("Where does ZOË live?", ["Zoë", "Bo"]) == [1.0, -1.0]
    assert named_speakers("Где живёт Анна?", ["Анна", "Bo"]) == [1.0, -1.0]


def test_what_nobody_says_counts_against_where_somebody_is_named() -> None:
    assert named_speakers("What did Ann say?", ["", "Ann"]) == [-1.0, 1.0]
