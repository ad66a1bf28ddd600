"""A prompt cut to what a model can read: what goes first, what never goes, and what is said of it."""

from datetime import UTC, datetime

import pytest

from recollect.agent.prompt_fit import Prompt, Room, estimated_tokens, prompt_within
from recollect.memory.types import Context, Turn

DAYS = ("2 March 2026", "9 March 2026")
QUESTION = "What did I adopt?"


def turn(number: int, text: str, *, speaker: str = "Alice") -> Turn:
    said_at = datetime(2026, 3, 10, tzinfo=UTC)
    return Turn(
        id=number,
        user="u",
        conversation="c",
        session="s",
        position=number,
        speaker=speaker,
        text=text,
        said_at=said_at,
    )


def context(*scores: float) -> Context:
    """One memory a score; the first two were said on the first day."""
    memories = tuple(turn(number, f"memory {number} " + "x" * 300) for number in range(1, len(scores) + 1))
    lines: list[str] = []
    for number, memory in enumerate(memories, 1):
        if number in (1, 3):
            lines.append(DAYS[number // 3])
        lines.append(f"[{number}] Alice: {memory.text}")
    return Context(memories=memories, scores=scores, text="\n".join(lines), tokens=0, budget=854)


def window(turns: int) -> list[Turn]:
    return [turn(100 + number, f"window {number} " + "y" * 300) for number in range(turns)]


def text_of(prompt: Prompt) -> str:
    return "\n".join(message.content for message in prompt.messages)


def fixed() -> int:
    """Tokens of the rules and the question alone."""
    return estimated_tokens(prompt_within(Room(), QUESTION, context()).messages)


def test_what_fits_is_whole_and_nothing_is_said() -> None:
    whole = prompt_within(Room(), QUESTION, context(1.0, 2.0), window(3))
    assert prompt_within(Room(tokens=100_000), QUESTION, context(1.0, 2.0), window(3)) == whole
    assert (whole.unseen, whole.cut) == (frozenset(), "")


def test_the_oldest_turns_of_the_window_go_first_and_no_more_than_needed() -> None:
    whole = estimated_tokens(prompt_within(Room(), QUESTION, context(1.0, 2.0), window(4)).messages)
    cut = prompt_within(Room(tokens=whole - 150), QUESTION, context(1.0, 2.0), window(4))
    assert "window 0" not in text_of(cut)
    assert "window 1" not in text_of(cut)
    assert "window 2" in text_of(cut)
    assert "window 3" in text_of(cut)
    assert "[1] Alice" in text_of(cut)
    assert cut.unseen == frozenset()
    assert "2 of the window's turns were left out" in cut.cut
    assert "hosted.context_tokens" in cut.cut


def test_then_the_worst_memories_go_and_the_others_keep_their_numbers() -> None:
    cut = prompt_within(Room(tokens=fixed() + 250), QUESTION, context(0.5, 0.1, 0.9), window(2))
    assert "window" not in text_of(cut).replace("window's", "")
    assert cut.unseen == {2}
    assert "[1] Alice: memory 1" in text_of(cut)
    assert "memory 2" not in text_of(cut)
    assert f"{DAYS[1]}\n[3] Alice: memory 3" in text_of(cut)
    assert "2 of the window's turns and 1 of the memories were left out" in cut.cut


def test_a_day_of_which_nothing_is_left_is_not_named() -> None:
    cut = prompt_within(Room(tokens=fixed() + 140), QUESTION, context(0.2, 0.1, 0.9))
    assert cut.unseen == {1, 2}
    assert DAYS[0] not in text_of(cut)
    assert DAYS[1] in text_of(cut)


def test_the_older_of_equally_good_memories_goes_first() -> None:
    assert prompt_within(Room(tokens=fixed() + 140), QUESTION, context(0.5, 0.5, 0.5)).unseen == {1, 2}


@pytest.mark.parametrize("spare", range(0, 1000, 90))
def test_what_is_cut_fits_wherever_the_question_does(spare: int) -> None:
    cut = prompt_within(Room(tokens=fixed() + spare), QUESTION, context(0.5, 0.1, 0.9), window(5))
    assert estimated_tokens(cut.messages) <= fixed() + spare


def test_the_question_is_never_cut_and_a_room_it_does_not_fit_is_told() -> None:
    question = "Why? " * 500
    cut = prompt_within(Room(tokens=600), question, context(0.5, 0.1), window(2))
    assert cut.messages[-1].content.endswith(question)
    assert cut.unseen == {1, 2}
    assert "(none)" in text_of(cut)
    assert "The question alone takes more" in cut.cut


def test_the_turn_that_asks_stays_with_its_day() -> None:
    asked = turn(200, QUESTION)
    cut = prompt_within(Room(tokens=fixed() + 40), QUESTION, context(0.5), [*window(2), asked])
    assert cut.messages[-1].content.endswith(f"Today is Tuesday, 10 March 2026.\nAlice: {QUESTION}")
    assert cut.unseen == {1}


def test_the_rules_of_the_style_are_sent() -> None:
    chat, short = (prompt_within(Room(style=style), QUESTION, context()) for style in ("chat", "short"))
    assert "fewer than six words" in short.messages[0].content
    assert "fewer than six words" not in chat.messages[0].content


def test_other_scripts_count_by_their_bytes() -> None:
    question = "犬の名前は何ですか"
    longer = estimated_tokens(prompt_within(Room(), question, context()).messages)
    shorter = estimated_tokens(prompt_within(Room(), "", context()).messages)
    assert longer - shorter >= len(question)
