"""Cutting long texts: everything is kept, pieces fit, and cuts fall where a reader would cut."""

from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from recollect.rerank.pieces import pieces_of


def words(texts: Sequence[str]) -> list[int]:
    return [len(text.split()) for text in texts]


def characters(texts: Sequence[str]) -> list[int]:
    return [len(text) for text in texts]


def superadditive(texts: Sequence[str]) -> list[int]:
    """Counts more for a whole than for its parts, as no tokenizer should and some do."""
    return [len(text) + len(text) // 4 for text in texts]


def cut(text: str, room: int) -> list[str]:
    return [text[start:end] for start, end in pieces_of(text, room=room, count=words)]


def test_a_text_that_fits_is_one_piece() -> None:
    assert cut("I adopted a beagle.\nHe is called Biscuit.", 8) == ["I adopted a beagle.\nHe is called Biscuit."]
    assert cut("", 8) == [""]


def test_turns_are_kept_whole_where_they_fit() -> None:
    text = "Alice: I adopted a beagle.\nBen: How lovely!\nAlice: He is called Biscuit."
    assert cut(text, 8) == ["Alice: I adopted a beagle.\nBen: How lovely!\n", "Alice: He is called Biscuit."]


def test_a_long_turn_is_cut_between_sentences_and_a_long_sentence_between_words() -> None:
    assert cut("One two three. Four five! “Six?” Seven eight.", 4) == [
        "One two three. ",
        "Four five! “Six?” ",
        "Seven eight.",
    ]
    assert cut("one two three four five six seven", 3) == ["one two three ", "four five six ", "seven"]


def test_text_without_blanks_is_cut_anywhere() -> None:
    spans = pieces_of("漢" * 100, room=35, count=characters)
    assert [end - start for start, end in spans] == [32, 32, 32, 4]
    assert pieces_of("猫がいる。犬がいる。", room=6, count=characters) == [(0, 5), (5, 10)]


def test_a_character_that_takes_more_than_all_room_is_still_a_piece() -> None:
    assert pieces_of("ab", room=0, count=characters) == [(0, 1), (1, 2)]


@given(
    text=st.text(alphabet=st.sampled_from('ab .!?\n。漢\t"“…'), max_size=300),
    room=st.integers(2, 40),
    count=st.sampled_from([words, characters, superadditive]),
)
def test_pieces_are_the_whole_text_and_fit(text: str, room: int, count: object) -> None:
    assert callable(count)
    spans = pieces_of(text, room=room, count=count)
    assert spans[0][0] == 0
    assert spans[-1][1] == len(text)
    assert all(one[1] == other[0] for one, other in pairwise(spans))
    assert all(count([text[start:end]])[0] <= room for start, end in spans)
