"""Lines of a context, and what the span reader's spans become: quotations, short answers, dates, or none."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from recollect.agent.answer_lines import MOST_CHARACTERS, lines_of
from recollect.agent.asker import of_asker
from recollect.agent.generators.extractive import ExtractiveGenerator
from recollect.agent.ports import ABSTENTION
from recollect.agent.read_answers import FEATURES, ReaderModel, Reads, read_answers
from recollect.agent.span_reader import AnswerSpan, SpanReading
from recollect.memory.errors import EmbedderError
from recollect.memory.timeline import resolve_dates
from recollect.memory.types import Context, Turn
from tests.fakes import HashEmbedder

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def said(text: str, *, speaker: str = "Alice", number: int = 1) -> Turn:
    return Turn(
        id=number,
        user="alice",
        conversation="default",
        session="1",
        position=number,
        speaker=speaker,
        text=text,
        said_at=NOON,
        dates=resolve_dates(text, NOON),
    )


def around(*memories: Turn) -> Context:
    """A context whose first memory was ranked best."""
    scores = tuple(float(-place) for place in range(len(memories)))
    return Context(memories=memories, scores=scores, text="", tokens=0, budget=854)


class PointingReader:
    """Finds given words, each with its log share; everything else answers with share e^-30."""

    def __init__(self, words: Mapping[str, float], log_none: float = -1.0) -> None:
        self._words = words
        self._log_none = log_none
        self.asked: list[str] = []

    def read(self, question: str, lines: Sequence[str], before: Sequence[str] = ()) -> SpanReading:
        self.asked.append(question)
        spans = [self._span(place, line) for place, line in enumerate(lines)]
        ordered = sorted(spans, key=lambda span: -span.log_share)
        return SpanReading(spans=tuple(ordered), log_none=self._log_none)

    def _span(self, place: int, line: str) -> AnswerSpan:
        word, share = next(((w, s) for w, s in self._words.items() if w in line), (line.split()[-1], -30.0))
        start = line.index(word)
        return AnswerSpan(
            line=place, start=start, end=start + len(word), log_share=share, log_none=self._log_none, log_odds=0.0
        )


class BrokenReader:
    """Has lost its encoder."""

    def read(self, question: str, lines: Sequence[str], before: Sequence[str] = ()) -> SpanReading:
        raise EmbedderError("The weights are gone.")


MODEL = ReaderModel(
    prior_weight=0.0,
    support_weights=tuple(float(name == "lead") for name in FEATURES),
    support_bias=0.0,
    threshold=0.5,
    further_share=0.2,
)


def answered(question: str, reader: Reads, *memories: Turn, brief: bool = False, asker: str = "") -> str:
    generator = ExtractiveGenerator(
        HashEmbedder(),
        asker=asker,
        reader=reader,
        reader_model=MODEL,
        is_brief=brief,
    )
    return "".join(generator.stream(question, around(*memories), ()))


DOG = said("It rained. I adopted a beagle called Biscuit yesterday! Bye.")
CAT = said("We feed a cat.", speaker="Bob", number=2)


def test_the_sentence_that_holds_the_words_is_quoted() -> None:
    answer = answered("What did Alice adopt?", PointingReader({"beagle": -0.1}), CAT, DOG)
    assert answer == "Alice said on 2 March 2026, “I adopted a beagle called Biscuit yesterday!” [2]"


def test_a_brief_answer_is_the_words_themselves() -> None:
    reader = PointingReader({"a beagle called Biscuit": -0.1, "my": -9.0})
    assert answered("What did Alice adopt?", reader, DOG, brief=True) == "a beagle called Biscuit [1]"


def test_only_the_beginning_of_a_turn_is_read_with_what_was_said_before() -> None:
    long = said(" ".join(f"Sentence {n} has words enough." for n in range(40)), number=3)
    context = replace(around(DOG, long), preceding=("Bob: Any news?", "Bob: Tell me."))
    lines = lines_of(context)
    assert [line.before for line in lines if line.turn is DOG] == ["Bob: Any news?"]
    runs = [line.before for line in lines if line.turn is long]
    assert len(runs) > 1
    assert runs == ["Bob: Tell me.", *[""] * (len(runs) - 1)]
    assert {line.before for line in lines_of(around(DOG, long))} == {""}


def test_possessives_and_marks_around_a_brief_answer_go() -> None:
    turn = said("Who came? My sister, of course.")
    assert answered("Who came?", PointingReader({"My sister,": -0.1}), turn, brief=True) == "sister [1]"


def test_a_date_is_the_one_nearest_the_words() -> None:
    turn = said("Yesterday I slept and on 5 February 2026 I ran a marathon.")
    reader = PointingReader({"5 February": -0.1})
    assert answered("When did Alice run?", reader, turn, brief=True) == "5 February 2026 [1]"
    assert (
        answered("When did Alice sleep?", PointingReader({"Yesterday": -0.1}), turn, brief=True) == "1 March 2026 [1]"
    )


def test_yes_or_no_is_told_by_the_sentence() -> None:
    turn = said("I don't like rain.")
    assert answered("Does Alice like rain?", PointingReader({"rain": -0.1}), turn, brief=True) == "No [1]"


def test_a_list_has_further_answers_of_enough_weight_and_other_questions_one() -> None:
    reader = PointingReader({"beagle": -0.5, "cat": -1.0})
    assert answered("Which pets do they have?", reader, DOG, CAT, brief=True) == "beagle [1], cat [2]"
    assert answered("Which pet was adopted?", reader, DOG, CAT, brief=True) == "beagle [1]"
    rarer = PointingReader({"beagle": -0.5, "cat": -4.0})
    assert answered("Which pets do they have?", rarer, DOG, CAT, brief=True) == "beagle [1]"


def test_an_answer_behind_none_is_not_given() -> None:
    assert answered("What did Alice adopt?", PointingReader({"beagle": -3.0}, log_none=-0.1), DOG) == ABSTENTION
    assert answered("What did Alice adopt?", PointingReader({}), brief=True) == ABSTENTION


def test_without_the_encoder_sentences_are_weighed_by_their_features() -> None:
    generator = ExtractiveGenerator(HashEmbedder(), reader=BrokenReader(), reader_model=MODEL)
    plain = ExtractiveGenerator(HashEmbedder())
    question, context = "What did Alice adopt?", around(DOG, CAT)
    assert generator.told(question, context, ()) == plain.told(question, context, ())


def test_the_order_of_memories_counts_as_much_as_it_is_told_to() -> None:
    reader = PointingReader({"beagle": -1.0, "cat": -2.0})
    context = around(CAT, DOG)
    told = [read_answers("What?", context, reader, prior_weight=weight).answers[0].said for weight in (0.0, 0.9, 1.1)]
    assert told == ["beagle", "beagle", "cat"]


def test_shares_are_relative_to_the_best() -> None:
    reader = PointingReader({"beagle": -1.0, "cat": -2.0})
    found = read_answers("What?", around(DOG, CAT), reader, prior_weight=0.0)
    assert [one.share for one in found.answers] == pytest.approx([1.0, math.exp(-1.0)])
    assert found.features[FEATURES.index("lead")] == pytest.approx(0.0)


def test_words_of_somebody_else_about_himself_are_marked() -> None:
    other = FEATURES.index("other")
    mine = said("I love my cat.", speaker="Bob", number=2)
    reader = PointingReader({"cat": -0.1})

    def marked(question: str, *turns: Turn) -> float:
        return read_answers(question, around(*turns), reader, prior_weight=0.0).features[other]

    assert marked("What does Alice love?", mine, DOG) == 1.0
    assert marked("What does Bob love?", mine, DOG) == 0.0
    assert marked("What does Alice love?", said("Alice, you love my cat.", speaker="Bob", number=2), DOG) == 0.0


def test_a_question_about_me_is_read_as_one_about_the_asker() -> None:
    assert of_asker("Where do I keep my bike?", "Ann") == "Where do Ann keep Ann's bike?"
    assert of_asker("What am I afraid of?", "Ann") == "What is Ann afraid of?"
    assert of_asker("Is it mine? Imagine.", "Ann") == "Is it Ann's? Imagine."
    assert of_asker("Where do I live?", "") == "Where do I live?"
    reader = PointingReader({"beagle": -0.1})
    assert answered("What did I adopt?", reader, DOG, asker="Alice").startswith("You said on")
    assert reader.asked == ["What did Alice adopt?"]


def test_lines_are_what_was_said_long_turns_in_runs_of_sentences() -> None:
    long = said(" ".join(f"Sentence number {n} is here." for n in range(60)))
    lines = lines_of(around(CAT, long))
    assert lines[0].text == "Bob: We feed a cat."
    assert all(line.end - line.start <= MOST_CHARACTERS for line in lines)
    assert " ".join(line.turn.text[line.start : line.end] for line in lines[1:]) == long.text
    for line in lines:
        for sentence in line.sentences:
            at = line.text.index(sentence.text)
            assert line.sentence_at(at).text == sentence.text
    assert lines[0].sentence_at(0) == lines[0].sentences[0]  # the speaker's name


def test_what_the_question_repeats_is_no_line() -> None:
    asked = said("What did Alice adopt?", number=3)
    assert [line.number for line in lines_of(around(asked, DOG), question="What did Alice adopt?")] == [2]
