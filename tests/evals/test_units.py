"""Units: every turn in exactly one, none across sessions, as long as they say."""

from pathlib import Path

import pytest

from recollect.evals.dataset import Conversation
from recollect.evals.locomo import load_locomo
from recollect.evals.units import TURNS, ChunkUnit, make_unit
from recollect.memory.errors import InvalidInput
from tests.fakes import count_words


@pytest.fixture
def conversation(mini_file: Path) -> Conversation:
    return load_locomo(mini_file).conversations[0]


def groups(conversation: Conversation, name: str) -> list[list[str]]:
    """Return the turns of each unit, in the order said; units are named by their first turn."""
    found: dict[str, list[str]] = {}
    for turn, unit in make_unit(name, count_words).of(conversation).items():
        found.setdefault(unit, []).append(turn)
    assert all(unit == turns[0] for unit, turns in found.items())
    return list(found.values())


@pytest.mark.parametrize("name", ["turn", "window", "chunk", "session"])
def test_every_turn_is_in_exactly_one_unit_of_its_session(conversation: Conversation, name: str) -> None:
    units = groups(conversation, name)
    assert [turn for unit in units for turn in unit] == [turn.id for turn in conversation.turns]
    session = {turn.id: turn.session for turn in conversation.turns}
    assert all(len({session[turn] for turn in unit}) == 1 for unit in units)


def test_a_session_is_one_unit_and_a_turn_is_one(conversation: Conversation) -> None:
    assert len(groups(conversation, "session")) == len({turn.session for turn in conversation.turns})
    assert len(groups(conversation, "turn")) == len(conversation.turns)


def test_windows_hold_three_turns_and_the_rest_of_a_session(mini_file: Path) -> None:
    (single,) = [one for one in load_locomo(mini_file).conversations if one.id == "conv-2"]
    assert groups(single, "window") == [["D1:1", "D1:2", "D1:3"]]
    unit = ChunkUnit(count=count_words, target_tokens=1000, most_turns=2)
    assert [len(chunk.turns) for chunk in unit.chunks(single.turns)] == [2, 1]


def test_parts_of_a_chunk_count_their_own_tokens(mini_file: Path) -> None:
    turns = load_locomo(mini_file).conversations[1].turns
    unit = ChunkUnit(count=count_words, target_tokens=1000, most_turns=2)
    counted = [count_words(f"{turn.speaker}: {turn.text}") for turn in turns]
    assert [chunk.tokens for chunk in unit.chunks(turns)] == [sum(counted[:2]), counted[2]]


def test_a_unit_is_described_with_its_length_and_number(mini_file: Path) -> None:
    conversation = load_locomo(mini_file).conversations[1]
    tokens = sum(count_words(f"{turn.speaker}: {turn.text}") for turn in conversation.turns)
    told = make_unit("session", count_words).described([conversation])
    assert told == f"session, in tokens ({tokens:.1f} on average, 1.0 a conversation)"
    assert TURNS.described([conversation]) == "turn"


def test_no_other_unit_is_known() -> None:
    with pytest.raises(InvalidInput, match="turn, window, chunk and session"):
        make_unit("page", count_words)
