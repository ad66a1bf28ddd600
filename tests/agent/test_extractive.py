"""The offline generator quotes what was said, with who and when, or says that it does not remember."""

import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
import snowballstemmer
from hypothesis import given
from hypothesis import strategies as st

from recollect.agent.citations import parse_citations, unescape_marks
from recollect.agent.evidence import FEATURES, SUPPORT, evidence, is_when, stem
from recollect.agent.generators.extractive import (
    ACKNOWLEDGEMENT,
    EvidenceModel,
    ExtractiveGenerator,
    is_question,
    shipped_model,
)
from recollect.agent.ports import ABSTENTION, Told, told_by
from recollect.agent.sentences import sentence_spans, sentences_of
from recollect.memory.embedder import MiniLmEmbedder
from recollect.memory.timeline import resolve_dates
from recollect.memory.types import Context, EventSummary, Memory, Turn
from tests.fakes import HashEmbedder, ScriptedGenerator

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
DOG = "I adopted a beagle called Biscuit yesterday."


def said(text: str, *, speaker: str = "Alice", number: int = 1, role: str | None = None) -> Turn:
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
        metadata={} if role is None else {"role": role},
    )


def around(*memories: Memory, scores: tuple[float, ...] | None = None) -> Context:
    """A context whose first memory was ranked best."""
    ranks = scores or tuple(float(-place) for place in range(len(memories)))
    return Context(memories=memories, scores=ranks, text="", tokens=0, budget=854)


def trusting(**weights: float) -> EvidenceModel:
    """A model that never abstains and scores sentences by the given weights."""
    return EvidenceModel(
        weights=tuple(weights.get(feature, 0.0) for feature in FEATURES),
        support_weights=(0.0,) * len(SUPPORT),
        support_bias=0.0,
        threshold=0.0,
        quote_share=0.9,
    )


def answered(
    question: str,
    *memories: Memory,
    model: EvidenceModel | None = None,
    asker: str = "",
    history: tuple[Turn, ...] = (),
) -> str:
    generator = ExtractiveGenerator(HashEmbedder(), asker=asker, model=model or trusting(coverage=5.0))
    return "".join(generator.stream(question, around(*memories), history))


def test_an_answer_begins_with_a_capital_letter_whatever_it_begins_with() -> None:
    marathon = said("I ran a marathon last week.", speaker="élodie")
    assert answered("When was the marathon?", marathon).startswith("The week before 2 March 2026: élodie said on")
    assert answered("What did élodie run?", marathon).startswith("Élodie said on 2 March 2026, ")


# -- with the shipped model ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def minilm() -> MiniLmEmbedder:
    return MiniLmEmbedder()


def test_the_shipped_model_answers_when_with_the_day_and_abstains_elsewhere(minilm: MiniLmEmbedder) -> None:
    generator = ExtractiveGenerator(minilm, asker="alice")
    context = around(
        said(DOG, number=1),
        said("It rained all day.", number=2, speaker="Bob"),
        said("We cooked pasta with mushrooms.", number=3),
    )
    answer = "".join(generator.stream("When did I adopt my dog?", context, ()))
    assert answer.startswith("1 March 2026")
    assert f"“{DOG}” [1]" in answer
    assert "2 March 2026" in answer  # the day it was said
    for unrelated in ("Which laptop does the accountant use?", "What is the capital of Peru?", "What is my salary?"):
        assert "".join(generator.stream(unrelated, context, ())) == ABSTENTION


def test_the_shipped_model_knows_every_feature() -> None:
    model = shipped_model()
    assert len(model.weights) == len(FEATURES)
    assert len(model.support_weights) == len(SUPPORT)
    assert 0 < model.threshold < 1
    assert 0 < model.quote_share <= 1


# -- quoting -------------------------------------------------------------------------------------


def test_the_sentence_that_answers_is_quoted_verbatim_with_its_number() -> None:
    turn = said("We went out. My dog's name is “Biscuit” — really!  He is small.", number=2)
    answer = answered("What is my dog's name?", said("It rained.", number=1), turn)
    assert "“My dog's name is “Biscuit” — really!” [2]" in answer
    assert "2 March 2026" in answer
    assert "Alice" in answer


def test_the_asker_is_addressed_as_you_and_others_by_name() -> None:
    assert answered("Which dog?", said("I have a dog.", speaker="Alice"), asker="ALICE").startswith("You said on")
    assert answered("Which dog?", said("I have a dog.", speaker="Bob"), asker="alice").startswith("Bob said on")


def test_several_answers_are_quoted_line_by_line_when_several_are_asked_for() -> None:
    memories = (said("I read the book Emma.", number=1), said("I read the book Dune.", number=2))
    generator = ExtractiveGenerator(HashEmbedder(), model=trusting(coverage=5.0))
    pieces = list(generator.stream("Which books did she read?", around(*memories), ()))
    assert len(pieces) == 2
    text = "".join(pieces)
    assert [line[-3:] for line in text.splitlines()] == ["[1]", "[2]"]
    assert len(list(generator.stream("When did she read the book?", around(*memories), ()))) == 1


def test_every_citation_of_an_answer_resolves() -> None:
    memories = tuple(said(f"I read the book number {n}.", number=n) for n in range(1, 6))
    text = answered("Which books did she read?", *memories)
    citations, dropped = parse_citations(text, around(*memories), lambda _: [])
    assert dropped == 0
    assert citations
    for citation in citations:
        assert citation.turn.text in text


def test_marks_inside_a_quotation_are_no_citations() -> None:
    memories = (
        said("It rained [1].", number=1),
        said("The dog manual [1], [2-9] is good.", number=2, speaker="Ann [1]"),
    )
    text = answered("Is the dog manual good?", *memories)
    citations, dropped = parse_citations(text, around(*memories), lambda _: [])
    assert [citation.number for citation in citations] == [2]
    assert dropped == 0
    assert "Ann [1] said on" in unescape_marks(text)
    assert "“The dog manual [1], [2-9] is good.” [2]" in unescape_marks(text)


def test_a_date_comes_from_the_sentence_before_the_turn_and_the_day_it_was_said() -> None:
    own = said("I saw rain last Friday. I adopted a dog yesterday.")
    assert answered("When did she adopt a dog?", own).startswith("1 March 2026: ")
    turn = said("It was yesterday. I adopted a dog.")
    assert answered("When did she adopt a dog?", turn).startswith("1 March 2026: ")
    assert answered("When did she adopt a dog?", said("I adopted a dog.")).startswith("2 March 2026: ")


def test_only_when_questions_begin_with_a_date() -> None:
    assert answered("Which dog did she adopt?", said(DOG)).startswith("Alice said on 2 March 2026, “I adopted")


# -- abstaining ----------------------------------------------------------------------------------


def test_below_the_threshold_nothing_is_remembered() -> None:
    doubting = EvidenceModel(
        weights=(0.0,) * len(FEATURES),
        support_weights=(0.0,) * len(SUPPORT),
        support_bias=0.0,
        threshold=0.51,
        quote_share=0.7,
    )
    assert answered("Which dog?", said(DOG), model=doubting) == ABSTENTION


def test_an_empty_context_is_no_evidence() -> None:
    assert answered("Which dog?") == ABSTENTION


def test_what_the_assistant_said_and_what_events_say_is_no_quotation() -> None:
    event = EventSummary(
        id=2,
        user="a",
        conversation="c",
        session="1",
        text="Alice got a dog.",
        happened_at=NOON,
        kind="anchor",
        turns=(1,),
    )
    assert answered("Which dog?", said("The dog is Rex.", role="assistant"), event) == ABSTENTION


def test_what_was_asked_before_is_no_answer() -> None:
    question = "What is my dog called?"
    assert answered(question, said("what is my  dog called?", speaker="Bob")) == ABSTENTION
    assert answered(question, said("My dog, what is he called?"), asker="alice") == ABSTENTION
    answer = answered(question, said(question, number=1), said("My dog is called Rex.", number=2), asker="alice")
    assert "“My dog is called Rex.” [2]" in answer


def test_earlier_questions_do_not_push_the_answer_down() -> None:
    context = around(
        said("Where is it?", number=1),
        said("The key is here.", number=2),
        said("Rain.", number=3),
        scores=(9.0, 1.0, 0.5),
    )
    grades = {s.text: s.first_stage for s in sentences_of(context, question="Where is my key?", asker="alice")}
    assert grades == {"The key is here.": 1.0, "Rain.": 0.0}


def test_the_only_memory_is_the_best_one() -> None:
    (sentence,) = sentences_of(around(said("Rain."), scores=(-3.0,)))
    assert sentence.first_stage == 1.0
    assert sentences_of(around()) == []


def test_a_question_about_one_speaker_is_not_about_another() -> None:
    memories = (said("I have a dog.", speaker="Alice", number=1), said("I have a dog.", speaker="Bob", number=2))
    found = evidence("Does Bob have a dog?", sentences_of(around(*memories)), HashEmbedder())
    named, other = FEATURES.index("named"), FEATURES.index("other_self")
    assert found.features[:, named].tolist() == [0.0, 1.0]
    assert found.features[:, other].tolist() == [1.0, 0.0]
    found = evidence("Do I have a dog?", sentences_of(around(*memories)), HashEmbedder(), asker="Alice")
    assert found.features[:, named].tolist() == [1.0, 0.0]
    found = evidence("Who has a dog?", sentences_of(around(*memories)), HashEmbedder())
    assert not found.features[:, [named, other]].any()
    told = (said("Your dog is lovely.", speaker="Alice", number=1), said("Nice.", speaker="Bob", number=2))
    found = evidence("Does Bob have a dog?", sentences_of(around(*told)), HashEmbedder())
    assert found.features[:, other].tolist() == [0.0, 0.0]  # Alice speaks of Bob, not of herself


def test_the_right_speaker_is_quoted() -> None:
    memories = (said("I have a dog.", speaker="Alice", number=1), said("I have a dog.", speaker="Bob", number=2))
    model = trusting(coverage=1.0, other_self=-2.0)
    assert answered("Does Bob have a dog?", *memories, model=model).endswith("[2]")
    assert answered("Does Alice have a dog?", *memories, model=model).endswith("[1]")


# -- chat ----------------------------------------------------------------------------------------


def test_statements_in_a_chat_are_acknowledged() -> None:
    assert answered("I adopted a cat today.", said(DOG), history=(said("x"),)) == ACKNOWLEDGEMENT
    assert answered("Which dog?", said(DOG), history=(said("x"),)) != ACKNOWLEDGEMENT
    assert answered("beagle Biscuit", said(DOG)) != ACKNOWLEDGEMENT  # without a chat everything is asked


@pytest.mark.parametrize(
    "text",
    [
        "What is my dog called",
        "when did I move?",
        "And where do I live",
        "You know my dog's name, right?",
        "“Biscuit?”",
        "please remind me of Anna's birthday",
        "Tell me about Anna",
        "  who is it",
        "Did I lock the door",
    ],
)
def test_questions_are_told_by_their_first_word_or_last_mark(text: str) -> None:
    assert is_question(text)


@pytest.mark.parametrize(
    "text", ["I adopted a dog.", "My sister told me a story", "Thanks", "Nothing to whatever", "Isabel came", "7"]
)
def test_statements_are_no_questions(text: str) -> None:
    assert not is_question(text)


@pytest.mark.parametrize(
    "question",
    [
        "When did I adopt my dog?",
        "And when was it",
        "What day was it?",
        "In which year did we meet?",
        "on what date is it",
        "How long ago did we meet?",
        "Which month?",
    ],
)
def test_questions_for_a_date(question: str) -> None:
    assert is_when(question)


@pytest.mark.parametrize(
    "question",
    ["What did I do when it rained?", "How long is it?", "Whenever", "Which dog?", "What daydreams did I have?"],
)
def test_questions_for_something_else(question: str) -> None:
    assert not is_when(question)


# -- sentences -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("  A line\nanother line \n\n", ["A line", "another line"]),
        ("“Really?” she said… and left.", ["“Really?”", "she said…", "and left."]),
        ("...", ["..."]),
        ("Hm ... yes", ["Hm ...", "yes"]),
    ],
)
def test_texts_are_split_into_sentences(text: str, sentences: list[str]) -> None:
    assert [text[start:end] for start, end in sentence_spans(text)] == sentences


@given(text=st.text(st.sampled_from("ab .!?…\n\t\"')”漢é9"), min_size=1) | st.text(min_size=1))
def test_spans_lie_in_the_text_in_order_apart_and_lose_no_letter(text: str) -> None:
    spans = sentence_spans(text)
    assert spans
    position = 0
    for start, end in spans:
        assert position <= start < end <= len(text)
        assert not any(character.isalnum() for character in text[position:start])
        position = end
    assert not any(character.isalnum() for character in text[position:])
    if any(character.isalnum() for character in text):
        assert all(text[start:end] == text[start:end].strip() for start, end in spans)


def test_when_the_embedder_fails_words_alone_decide() -> None:
    embedder = HashEmbedder()
    embedder.is_broken = True
    generator = ExtractiveGenerator(embedder, model=trusting(coverage=5.0))
    assert "".join(generator.stream("Which dog was adopted?", around(said(DOG)), [])).endswith("[1]")


def test_threads_stem_words_as_one_does() -> None:
    endings = ("ing", "ed", "ation", "ations", "ly", "ness", "ies", "izer", "fulness", "s", "ement")
    words = [start + end for start in ("adopt", "relation", "hope", "organiz", "generous") for end in endings]
    alone = {word: snowballstemmer.stemmer("english").stemWord(word) for word in words}
    wrong: list[str] = []

    def stem_all(first: int) -> None:
        for _ in range(30):
            stem.cache_clear()
            wrong.extend(word for word in words[first:] + words[:first] if stem(word) != alone[word])

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(stem_all, range(0, 40, 10)))
    finally:
        sys.setswitchinterval(before)
    assert wrong == []


def test_a_whole_answer_is_what_streams_with_how_sure_it_is() -> None:
    context = around(said(DOG), said("The weather was grey.", number=2))
    generator = ExtractiveGenerator(MiniLmEmbedder())
    for question in ("When did Alice adopt a beagle?", "Which instrument does Bob's cousin play?"):
        told = generator.told(question, context, ())
        assert told.text == "".join(generator.stream(question, context, ()))
        assert told.confidence is not None
        assert (told.confidence < shipped_model().threshold) == (told.text == ABSTENTION)


def test_without_a_sentence_it_is_sure_of_nothing() -> None:
    told = ExtractiveGenerator(HashEmbedder(), model=trusting()).told("When?", around(), ())
    assert (told.text, told.confidence) == (ABSTENTION, 0.0)


def test_any_generator_gives_a_whole_answer() -> None:
    assert told_by(ScriptedGenerator("On ", "1 March."), "When?", around()) == Told(text="On 1 March.")


def briefly(question: str, *memories: Memory, model: EvidenceModel | None = None) -> str:
    generator = ExtractiveGenerator(HashEmbedder(), model=model or trusting(first_stage=1.0), is_brief=True)
    return "".join(generator.stream(question, around(*memories), ()))


def test_a_brief_answer_is_the_words_that_answer_and_their_number() -> None:
    assert briefly("What did Alice adopt?", said(DOG)) == "a beagle called Biscuit yesterday [1]"


def test_a_brief_answer_to_when_is_a_date() -> None:
    assert briefly("When did Alice adopt a dog?", said(DOG)) == "1 March 2026 [1]"
    assert briefly("When did Alice adopt a dog?", said("I adopted a dog.")) == "2 March 2026 [1]"  # when it was said


def test_a_brief_list_has_commas_between_its_parts() -> None:
    pets = said("I feed a beagle."), said("I feed an old cat.", number=2)
    assert briefly("Which pets does Alice feed?", *pets, model=trusting()) == "a beagle [1], an old cat [2]"


def test_a_brief_answer_can_be_that_it_was_not_told() -> None:
    assert briefly("What did Alice adopt?") == ABSTENTION


def test_marks_in_a_brief_answer_are_no_citations() -> None:
    answer = briefly("What did Alice adopt?", said("I adopted dog [3]."))
    citations, dropped = parse_citations(answer, around(said(DOG)), lambda _: ())
    assert ([citation.number for citation in citations], dropped) == ([1], 0)
