"""What is read of a candidate: every token tied to its characters, long memories in pieces, marks as mere words."""

from itertools import pairwise

import pytest
import torch

from recollect.memory.embedder import MiniLmEmbedder
from recollect.memory.types import Candidate
from recollect.rerank.block_attention import CLS, MAX_CONTEXT_TOKENS, MAX_OWN_TOKENS, SEP, Block, Heads
from recollect.rerank.block_pieces import (
    MAX_PIECES,
    MAX_SHORT_TOKENS,
    Piece,
    by_candidate,
    context_of,
    heat_of,
    plain,
    read_pieces,
)
from tests.rerank.candidates import candidate, event


@pytest.fixture(scope="module")
def encoder() -> MiniLmEmbedder:
    return MiniLmEmbedder()


def characters(piece: Piece) -> set[int]:
    return {place for start, end in piece.places if start >= 0 for place in range(start, end)}


def test_tokens_are_tied_to_the_characters_of_the_text_and_the_speaker_to_none(encoder: MiniLmEmbedder) -> None:
    (piece,) = read_pieces(encoder, "Which dog?", [candidate(0, "My dog, Biscuit!", speaker="Zoë")])
    assert list(piece.block.own) == encoder.token_ids(["Zoë: My dog, Biscuit!"])[0]
    text = "My dog, Biscuit!"
    told = [text[start:end] for start, end in piece.places if start >= 0]
    assert told == ["My", "dog", ",", "Bis", "cuit", "!"]
    assert [start for start, _ in piece.places[:2]] == [-1, -1]


def test_an_event_summary_is_read_without_a_speaker(encoder: MiniLmEmbedder) -> None:
    told = Candidate(memory=event(1, "Alice adopts a dog.", (2,)), lexical=0.0, dense=None, fused=0.0)
    (piece,) = read_pieces(encoder, "Which dog?", [told])
    assert list(piece.block.own) == encoder.token_ids(["Alice adopts a dog."])[0]
    assert piece.places[0] == (0, 5)


def test_only_short_turns_are_read_beside_the_turn_before(encoder: MiniLmEmbedder) -> None:
    before = "Bob: How many dogs do you have?"
    told = [candidate(0, "Three of them.", preceding=before), candidate(1, "word " * 40, preceding=before)]
    short, long = read_pieces(encoder, "How many dogs?", told)
    assert list(short.block.context) == encoder.token_ids([before])[0]
    assert not long.block.context
    assert context_of([7] * MAX_SHORT_TOKENS, [1]) == [1]
    assert not context_of([7] * (MAX_SHORT_TOKENS + 1), [1])


@pytest.mark.parametrize("before", ["Bob: " + "blah " * 400 + "And how many dogs?", "Bob: " + "狗" * 350 + "几只"])
def test_of_a_long_turn_before_the_end_is_read(encoder: MiniLmEmbedder, before: str) -> None:
    (piece,) = read_pieces(encoder, "How many dogs?", [candidate(0, "Three.", preceding=before)])
    assert list(piece.block.context) == encoder.token_ids([before[-150:]])[0][-MAX_CONTEXT_TOKENS:]


def test_a_long_memory_is_read_to_its_last_character(encoder: MiniLmEmbedder) -> None:
    text = "One fine day we went to the sea and swam. " * 40
    pieces = read_pieces(encoder, "Where?", [candidate(0, "Hi."), candidate(1, text)])
    assert [piece.candidate for piece in pieces] == [0] + [1] * (len(pieces) - 1)
    assert 2 < len(pieces) <= 1 + MAX_PIECES
    assert all(len(piece.block.own) <= MAX_OWN_TOKENS for piece in pieces)
    read = [place for piece in pieces[1:] for place in sorted(characters(piece))]
    assert read == [place for place, letter in enumerate(text) if letter != " "]


def test_of_a_very_long_memory_the_pieces_nearest_the_question_are_read_in_their_order(
    encoder: MiniLmEmbedder,
) -> None:
    text = "Nothing happened at all today, again. " * 2_000 + "The beagle barked."
    pieces = read_pieces(encoder, "Did the beagle bark?", [candidate(7, text), candidate(1, "Hi.")])
    own = [piece for piece in pieces if piece.candidate == 0]
    assert len(own) == MAX_PIECES
    assert own[-1].places[-1][1] == len(text)
    assert all(one.places[-1][1] < other.places[-1][1] for one, other in pairwise(own))


@pytest.mark.parametrize("speaker", ["Xyzzy Qwfpg " * 20, "狗" * 300, "x " * 499])
def test_a_name_that_would_take_the_room_of_the_words_is_not_read(encoder: MiniLmEmbedder, speaker: str) -> None:
    text = "My dog is called Biscuit. " * 60
    pieces = read_pieces(encoder, "Which dog?", [candidate(0, text, speaker=speaker)])
    assert set().union(*map(characters, pieces)) == {place for place, letter in enumerate(text) if letter != " "}
    assert all(len(piece.block.own) <= MAX_OWN_TOKENS for piece in pieces)


@pytest.mark.parametrize("text", ["[CLS] [SEP] [MASK] [PAD] [UNK]", "a[SEP]b", "\ud800 x"])
def test_what_looks_like_a_mark_of_the_model_is_read_as_words(encoder: MiniLmEmbedder, text: str) -> None:
    (piece,) = read_pieces(encoder, text, [candidate(0, text, speaker="[CLS]", preceding="[SEP] " + text)])
    assert not {CLS, SEP, 0, 103} & {*piece.block.own, *piece.block.context}
    assert len(plain(text)) == len(text)
    assert max(end for _, end in piece.places) == len(text)


@pytest.mark.parametrize("text", ["", "  \n", "🐕🐕 👩‍👩‍👧", "我有一只叫饼干的狗。", "é" * 50, "a" * 5_000])
def test_every_text_is_at_least_one_piece(encoder: MiniLmEmbedder, text: str) -> None:
    pieces = read_pieces(encoder, "", [candidate(0, text), candidate(1, "Hi.")])
    assert {piece.candidate for piece in pieces} == {0, 1}
    assert all(0 <= start < end <= len(text) for start, end in pieces[0].places if start >= 0)


HEADS = Heads(
    mass=torch.tensor([[0.3, 0.1, 0.1], [0.0, 0.2, 0.2]]),
    tokens=torch.tensor([2, 1, 3]),
    drawn=(
        torch.tensor([[0.1, 0.2], [0.0, 0.0]]),
        torch.tensor([[0.1], [0.2]]),
        torch.tensor([[0.1, 0.0, 0.0], [0.1, 0.05, 0.05]]),
    ),
)
PIECES = [
    Piece(candidate=1, block=Block(own=(5, 6)), places=[(-1, -1), (0, 4)]),
    Piece(candidate=0, block=Block(own=(7,)), places=[(0, 3)]),
    Piece(candidate=1, block=Block(own=(8, 9, 10)), places=[(5, 6), (7, 8), (9, 12)]),
]


def test_a_candidate_draws_what_its_pieces_draw_together() -> None:
    whole = by_candidate(HEADS, PIECES, 2)
    torch.testing.assert_close(whole.mass, torch.tensor([[0.1, 0.4], [0.2, 0.2]]))
    assert whole.tokens.tolist() == [1, 5]


def test_heat_is_the_weighted_mean_of_a_tokens_shares_of_its_candidate() -> None:
    whole = by_candidate(HEADS, PIECES, 2)
    told = list(heat_of(HEADS, PIECES, torch.tensor([0.75, 0.25]), whole.mass))
    expected = [(1, 0, 4, 0.375), (0, 0, 3, 1.0), (1, 5, 6, 0.3125), (1, 7, 8, 0.0625), (1, 9, 12, 0.0625)]
    assert [(place, heat.start, heat.end) for place, heat in told] == [one[:3] for one in expected]
    assert [heat.share for _, heat in told] == pytest.approx([one[3] for one in expected])


def test_without_words_kept_there_is_no_heat_to_tell() -> None:
    bare = Heads(mass=HEADS.mass[:, :0], tokens=HEADS.tokens[:0])
    assert list(heat_of(bare, [], torch.tensor([0.75, 0.25]), torch.zeros(2, 0))) == []
