"""The offline summariser: which sentences it takes, how it tells them, and that it reads stored vectors alone."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from recollect.agent.summarizers.extractive import ExtractiveSummarizer, shipped_salience
from recollect.agent.summarizers.kinds import kind_of
from recollect.agent.summarizers.salience import FEATURES, centrality, said_in, salience
from recollect.memory.archive import Archive
from recollect.memory.session_events import SessionEvents
from recollect.memory.store import Store
from recollect.memory.types import NewTurn, Turn
from tests.fakes import HashEmbedder

from .conftest import SAID_AT, Session

TALK = (
    ("Alice", "Hey Ben! How are you?"),
    ("Ben", "Great, thanks! And you?"),
    ("Alice", "Wow, so busy. I adopted a beagle called Biscuit yesterday and took him to the park."),
    ("Ben", "That's wonderful!"),
    ("Ben", "My wife Carla and I got married in Lisbon in 2019."),
    ("Alice", "Bye, take care!"),
)


def vectors_of(turns: Sequence[Turn]) -> np.ndarray:
    return HashEmbedder().embed([f"{turn.speaker}: {turn.text}" for turn in turns], kind="passage")


def test_what_people_did_is_told_by_name_with_its_date_and_its_turn(session: Session) -> None:
    events = ExtractiveSummarizer(vectors_of).events(session(*TALK))
    told = {event.text: event for event in events}
    beagle = told["Alice adopted a beagle called Biscuit yesterday [1 March 2026] and took him to the park."]
    assert (beagle.turns, beagle.kind) == ((30,), "anchor")
    assert beagle.happened_at == SAID_AT.replace(day=1)
    wedding = told["Ben's wife Carla and they got married in Lisbon in 2019."]
    assert (wedding.turns, wedding.kind, wedding.happened_at) == ((50,), "anchor", SAID_AT)
    assert 1 <= len(events) <= 3
    assert [event.turns for event in events] == sorted(event.turns for event in events)


def test_every_session_of_people_has_one_to_three_events_and_others_none(session: Session) -> None:
    summarizer = ExtractiveSummarizer(vectors_of)
    assert len(summarizer.events(session(("Alice", "Hi.")))) == 1
    long = [("Alice", f"I visited city number {number} and saw {number + 3} friends.") for number in range(40)]
    assert 1 <= len(summarizer.events(session(*long))) <= 3
    assert summarizer.events([]) == []


def test_the_same_thing_said_twice_is_one_event(session: Session) -> None:
    twice = session(*[("Alice", "I adopted a beagle called Biscuit.")] * 3)
    assert [event.turns for event in ExtractiveSummarizer(vectors_of).events(twice)] == [(10,)]


def test_what_the_assistant_said_is_no_event(session: Session) -> None:
    (turn,) = session(("assistant", "I moved to Lyon and I married Carla in 2019."))
    reply = Turn(
        id=turn.id,
        user=turn.user,
        conversation=turn.conversation,
        session=turn.session,
        position=1,
        speaker=turn.speaker,
        text=turn.text,
        said_at=turn.said_at,
        metadata={"role": "assistant"},
    )
    assert ExtractiveSummarizer(vectors_of).events([reply]) == []


def test_an_event_is_cut_where_somebody_pastes_a_document(session: Session) -> None:
    (event,) = ExtractiveSummarizer(vectors_of).events(session(("Alice", "I read " + "word " * 5_000)))
    assert len(event.text) < 450
    assert event.text.endswith("…")


def test_stored_vectors_are_read_and_nothing_is_embedded_again(tmp_path: Path) -> None:
    embedder = HashEmbedder()
    archive = Archive(Store(tmp_path / "memory.db"), embedder)
    turns = archive.add_turns(
        "Alice", "default", [NewTurn(speaker=speaker, text=text, said_at=SAID_AT) for speaker, text in TALK]
    )
    embedder.embedded.clear()
    vectors = SessionEvents(archive).vectors(turns[::-1])
    assert embedder.embedded == []
    assert vectors == pytest.approx(vectors_of(turns[::-1]), abs=1e-6)
    archive.log.drop([turns[1].id])
    assert SessionEvents(archive).vectors(turns) == pytest.approx(vectors_of(turns), abs=1e-6)
    assert embedder.embedded == ["Ben: Great, thanks! And you?"]
    archive.close()


def test_features_are_what_they_say(session: Session) -> None:
    turns = session(("Alice", "We met Carla on Friday. Why?"), ("Ben", "Thanks, I will tell you!"))
    sentences = said_in(turns)
    rows = salience(sentences, vectors_of(turns))
    named = [dict(zip(FEATURES, row.tolist(), strict=True)) for row in rows]
    assert [(one["plural"], one["past"], one["dated"], one["asking"]) for one in named] == [
        (1.0, 1.0, 1.0, 0.0), (0.0, 0.0, 0.0, 1.0), (0.0, 0.0, 0.0, 0.0)
    ]  # fmt: skip
    assert (named[2]["own"], named[2]["plan"], named[2]["addressed"], named[2]["reaction"]) == (1.0, 1.0, 1.0, 1.0)
    assert named[0]["centrality"] == pytest.approx(float(np.prod(vectors_of(turns), axis=0).sum()), abs=1e-6)


def test_centrality_is_the_mean_cosine_to_the_others() -> None:
    vectors = HashEmbedder().embed(["a b", "b c", "c d"], kind="passage")
    cosines = vectors @ vectors.T
    expected = [(cosines[row].sum() - cosines[row, row]) / 2.0 for row in range(3)]
    assert centrality(vectors) == pytest.approx(expected, abs=1e-6)
    assert centrality(vectors[:1]).tolist() == [0.0]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("I got married last year.", "anchor"),
        ("I’m a nurse.", "anchor"),
        ("My daughter was born.", "anchor"),
        ("I watched a film.", "ephemeral"),
        ("It rained.", "ephemeral"),
    ],
)
def test_what_lasts_is_an_anchor(text: str, kind: str) -> None:
    assert kind_of(text) == kind


def test_the_shipped_weights_prefer_what_somebody_tells_of_himself(session: Session) -> None:
    turns = session(*TALK)
    sentences = said_in(turns)
    told = shipped_salience().probabilities(salience(sentences, vectors_of(turns)))
    best = sentences[int(told.argmax())]
    assert best.turn.position in (3, 5)
    assert told.min() >= 0.0
    assert told.max() <= 1.0
