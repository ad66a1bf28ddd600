"""Training the reader: what it is shown, where it may copy from, that it learns and goes on where it stopped."""

import itertools
import json
import random
from pathlib import Path
from typing import Any

import pytest
import torch

from recollect.agent.reader_card import ReaderCard, read_card
from recollect.agent.reader_weights import BEGIN, END, ReaderShape
from recollect.memory.context import ContextBuilder
from recollect.memory.embedder import MINILM_SHA256, WordPieceCounter, load_tokenizer, minilm_folder
from recollect.memory.minilm import MiniLm
from recollect.training.answer_scores import best_f1, is_exact
from recollect.training.reader_batches import IGNORED, Teacher, batched, padded
from recollect.training.reader_dates import dated_sources
from recollect.training.reader_examples import Example, Said, Showing, Source, renamed, shown
from recollect.training.reader_measure import figures, table
from recollect.training.reader_run import Plan, run
from recollect.training.reader_sets import held_out, teaching
from recollect.training.reader_training import Recipe, Trainer
from tests.training.data_sets import asked, doc, write_set

SHAPE = ReaderShape(decoder_layers=1, first_layer=5)
DOG = Source(
    corpus="msc",
    question="What does Ann have?",
    answers=("a beagle",),
    evidence=(Said(speaker="Ann", text="I have a beagle."),),
    others=(Said(speaker="Ben", text="I like tea."), Said(speaker="Ben", text="It rained all day.")),
)
SMALL = Recipe(
    copying=2, answering=4, examples=4, warm_up=1, step=1e-3, encoder_step=1e-4, shape=SHAPE, shares={"msc": 1.0}
)


@pytest.fixture(scope="module")
def base() -> MiniLm:
    return MiniLm(minilm_folder(), sha256=MINILM_SHA256, dtype=torch.float32)


@pytest.fixture(scope="module")
def teacher() -> Teacher:
    return Teacher(load_tokenizer(minilm_folder()), ReaderCard())


def an_example(source: Source = DOG, *, without: float = 0.0, seed: int = 1) -> Example:
    showing = Showing(without_evidence=without)
    return shown(source, ContextBuilder(WordPieceCounter()), showing, random.Random(seed))


@pytest.mark.parametrize("seed", range(8))
def test_the_evidence_is_always_shown_whole(seed: int) -> None:
    long = Said(speaker="Ann", text="word " * 90 + "and I have a beagle.")
    source = Source(corpus="msc", question="?", answers=("a beagle",), evidence=(long,), others=DOG.others)
    assert "word and I have a beagle." in an_example(source, seed=seed).context.text


def test_without_its_evidence_a_question_has_no_answer() -> None:
    example = an_example(without=1.0)
    assert example.answers == ()
    assert "beagle" not in example.context.text
    assert "Ben" in example.context.text


def test_a_conversation_keeps_its_order() -> None:
    source = Source(
        corpus="msc",
        question="?",
        answers=("two",),
        evidence=(Said(speaker="A", text="two", at=2),),
        others=(Said(speaker="B", text="three", at=3), Said(speaker="B", text="one", at=1)),
    )
    orders = {tuple(one.text for one in an_example(source, seed=seed).context.memories) for seed in range(9)}  # type: ignore[union-attr]  # turns
    assert orders <= {("two",), ("two", "three"), ("one", "two", "three")}
    assert ("one", "two", "three") in orders


def test_names_are_exchanged_everywhere_at_once() -> None:
    other = renamed(DOG, {"Ann": "Ben", "Ben": "Ann"})
    assert other.question == "What does Ben have?"
    assert [one.speaker for one in (*other.evidence, *other.others)] == ["Ben", "Ann", "Ann"]


def test_dates_asked_for_are_those_written_behind_the_words() -> None:
    sources = list(itertools.islice(dated_sources(3), 60))
    assert sources == list(itertools.islice(dated_sources(3), 60))
    assert any(not source.answers for source in sources)
    for source in (one for one in sources if one.answers):
        text = an_example(source).context.text
        assert source.answers[0] in text or source.answers[0] in source.evidence[0].text


def test_an_answer_is_copied_from_where_it_stands(teacher: Teacher) -> None:
    taught = teacher.answer(an_example())
    assert taught.read[0] == BEGIN
    assert taught.read.count(END) == 2
    assert teacher.words(taught.said) == "a beagle"
    for token, places in zip(taught.said[:-1], taught.copied, strict=False):
        assert places
        assert all(taught.read[place] == token for place in places)
        assert all(place > taught.read.index(END) for place in places)
    assert taught.copied[-1] == ()


def test_what_is_not_answered_is_read_off_the_first_token(teacher: Teacher) -> None:
    taught = teacher.answer(an_example(without=1.0))
    assert teacher.words(taught.said) == ReaderCard().no_answer
    assert taught.copied[0] == (0,)


def test_words_to_repeat_stand_in_the_context(teacher: Teacher) -> None:
    drawn = random.Random(2)
    for _ in range(20):
        taught = teacher.repeat(an_example(), drawn)
        assert all(taught.copied[:-1])


def test_a_batch_pads_what_is_read_and_ignores_what_is_not_said(teacher: Teacher) -> None:
    taught = [teacher.answer(an_example()), teacher.answer(an_example(without=1.0))]
    batch = padded(taught)
    lengths = torch.tensor([len(one.read) for one in taught])
    steps = torch.tensor([len(one.said) for one in taught])
    assert torch.equal(batch.mask.sum(1), lengths)
    assert torch.equal((batch.wanted != IGNORED).sum(1), steps)
    assert torch.equal(batch.given[:, 0], torch.tensor([BEGIN, BEGIN]))
    assert torch.equal(batch.given[0, 1 : steps[0]], batch.wanted[0, : steps[0] - 1])
    assert torch.equal(batch.copied.any(2).sum(1), torch.tensor([len(taught[0].said) - 1, 1]))


def test_batches_are_of_like_length_and_no_longer_than_asked(teacher: Teacher) -> None:
    taught = [teacher.answer(an_example(seed=seed)) for seed in range(20)]
    groups = batched(taught, tokens=200)
    assert sorted(map(id, itertools.chain(*groups))) == sorted(map(id, taught))
    assert all(max(len(one.read) for one in group) * len(group) <= 200 for group in groups)


def trained(base: MiniLm, folder: Path, *, until: int, recipe: Recipe = SMALL) -> Trainer:
    folder.mkdir(exist_ok=True)
    trainer = Trainer(base, {"msc": [DOG]}, recipe, folder, dtype=torch.float32)
    while trainer.update < until:
        trainer.step()
    return trainer


def test_an_interrupted_run_ends_where_a_whole_one_does(base: MiniLm, tmp_path: Path) -> None:
    whole = trained(base, tmp_path / "whole", until=2)
    trained(base, tmp_path / "parts", until=1).save()
    parts = trained(base, tmp_path / "parts", until=2)
    for name, one in whole.averaged().items():
        assert torch.equal(one, parts.averaged()[name]), name


def test_the_loss_falls_and_the_lower_layers_stay(base: MiniLm, tmp_path: Path) -> None:
    trainer = trained(base, tmp_path, until=2)
    before = {name: one.clone() for name, one in trainer.model.named_parameters() if "encoder.layers.4." in name}
    first = trainer.step()
    losses = [trainer.step() for _ in range(3)]
    assert losses[-1]["loss"] < first["loss"]
    assert all(torch.equal(dict(trainer.model.named_parameters())[name], one) for name, one in before.items())


def test_answers_are_scored_as_squad_does() -> None:
    assert is_exact("The Beagle!", ["a cat", "beagle"])
    assert best_f1("a brown beagle", ["beagle"]) == pytest.approx(2 / 3)
    assert best_f1("", ["beagle"]) == 0.0


def test_figures_tell_answers_lost_from_questions_rightly_left() -> None:
    examples = [an_example(), an_example(), an_example(without=1.0), an_example(without=1.0)]
    found = figures(examples, ["beagle", "", "", "a cat"])["all"]
    assert (found.f1, found.exact, found.lost, found.abstained) == (50.0, 50.0, 50.0, 50.0)
    assert "| reader | all | 4 | 50.0 | 50.0 | 50.0 | 50.0 |" in table({"reader": {"all": found}})


@pytest.fixture
def data(tmp_path: Path) -> Path:
    root = tmp_path / "data"
    words = "The old tower was built in 1820. It stands in Ghent. It has a clock."
    for name, split in (("squad1", "train"), ("squad2dev", "dev")):
        articles = [f"{name}-{number}" for number in range(12)]
        questions = [
            asked(one, "Where is the tower?", 0, answers=["Ghent"], unanswerable=False, para=0, split=split)
            for one in articles
        ]
        unknown = [asked(one, "Who built it?", unanswerable=True, para=0, split=split) for one in articles]
        docs = [doc(one, [{"id": 0, "text": words}], title="Tower", split=split) for one in articles]
        write_set(root / name, docs=docs, qa=[*questions, *(unknown if name == "squad2dev" else [])])
    for name in ("msc", "friendsqa"):
        docs: list[dict[str, object]] = []
        qa: list[dict[str, object]] = []
        for split in ("train", "dev"):
            talk = [
                {"id": "1", "speaker": "Ann", "text": "I have a cat."},
                {"id": "2", "speaker": "Bo", "text": "Me too."},
            ]
            docs.append(doc(split, talk, split=split))
            qa.append(asked(split, "What does Ann have?", "1", answers=["a cat"], split=split, type="group"))
        write_set(root / name, docs=docs, qa=qa)
    towers = {
        "passages": [
            {"id": 0, "title": "Tower", "text": words},
            {"id": 1, "title": "Ghent", "text": "Ghent is a city."},
        ],
        "evidence_sentences": [[0, "It stands in Ghent."]],
    }
    hops = [asked("m", "Where?", 0, answers=["Ghent"], **{**towers, "split": split}) for split in ("train", "dev")]
    write_set(root / "multihop", qa=hops)
    return root


def test_no_article_both_teaches_and_measures(data: Path) -> None:
    taught, measured = teaching(data, 1, dates=5), held_out(data, 1)
    assert set(taught) == set(measured) == set(Recipe().shares)
    assert all(taught.values())
    assert all(measured.values())
    unanswerable = [one for one in taught["unanswerable"] if one.question == "Who built it?"]
    assert 0 < len(unanswerable) < 12
    assert len(unanswerable) + len([one for one in measured["unanswerable"] if one.question == "Who built it?"]) == 12


def test_a_run_writes_a_model_that_transformers_reads_and_a_table(data: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

    out, folder = tmp_path / "out", tmp_path / "run"
    folder.mkdir()
    recipe = Recipe(copying=1, answering=1, examples=2, shape=SHAPE)
    plan = Plan(recipe=recipe, save_every=1, measure_every=2, few=1, most=2, dates=9)
    heard: list[tuple[int, int]] = []
    result = run(data, plan, folder=folder, out=out, on_update=lambda made, of: heard.append((made, of)))
    assert heard == [(1, 2), (2, 2)]
    assert "| extractive | all |" in (out / "table.md").read_text(encoding="utf-8")
    assert "| reader | dates |" in str(result["table"])
    assert [json.loads(line)["update"] for line in (folder / "curve.jsonl").read_text().splitlines()] == [1, 2, 2]
    card = read_card(out)
    load_tokens: Any = AutoTokenizer.from_pretrained  # pyright: ignore - typed loosely
    load_model: Any = AutoModelForSeq2SeqLM.from_pretrained  # pyright: ignore
    tokenizer, model = load_tokens(out), load_model(out)
    assert card is not None
    ids = tokenizer(card.shown("Where?", "[1] Ann: in Ghent"), return_tensors="pt", return_token_type_ids=False)
    assert ids["input_ids"][0, 0] == BEGIN
    assert int((ids["input_ids"] == END).sum()) == 2
    made = model.generate(**ids, max_new_tokens=2)
    assert made[0, 0] == BEGIN
