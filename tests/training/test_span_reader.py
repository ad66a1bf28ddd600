"""Training the span reader: where answers lie, what is lost, and an interrupted run ends where a whole one does."""

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
import torch

from recollect.agent.span_reader import SpanReader
from recollect.memory.embedder import MiniLmEmbedder, minilm_folder
from recollect.memory.minilm import MiniLm
from recollect.rerank.line_reader import LineReader
from recollect.rerank.span_logits import Logits
from recollect.rerank.span_weights import load_weights, save_weights
from recollect.training.reader_examples import Said, Source
from recollect.training.span_examples import Showing, Spans, spans_of
from recollect.training.span_measure import measure
from recollect.training.span_reader import Recipe, Stage, Trainer, ordering_loss, parts, span_loss, telling_loss
from recollect.training.span_sources import span_sources
from recollect.training.written_questions import written_questions
from tests.training.data_sets import asked, doc, write_set

WHOLE = Showing(most_others=4, without_evidence=0.0)


@pytest.fixture(scope="module")
def encoder() -> MiniLmEmbedder:
    return MiniLmEmbedder(dtype=torch.float32)


@pytest.fixture(scope="module")
def base() -> MiniLm:
    whole = MiniLm(minilm_folder(), sha256=None, dtype=torch.float32)
    return whole.with_layers(whole.layers[:1])


def source(question: str, *answers: str, told: str = "", others: Sequence[str] = (), **rest: object) -> Source:
    return Source(
        corpus=str(rest.get("corpus", "written")),
        question=question,
        answers=answers,
        evidence=(Said(speaker="Ann", text=told),) if told else (),
        others=tuple(Said(speaker="Ben", text=text) for text in others),
        said_on=rest.get("said_on"),  # type: ignore[arg-type]
    )


def gold(one: Source, encoder: MiniLmEmbedder) -> set[str]:
    """The words that are taught as an answer."""
    spans = spans_of(one, encoder, WHOLE, random.Random(1))
    return {
        spans.lines[spans.rows[row].line][spans.rows[row].offsets[first][0] : spans.rows[row].offsets[last][1]]
        for (row, first), (_, last) in zip(spans.starts, spans.ends, strict=True)
    }


def test_an_answer_is_found_where_it_stands_as_whole_words(encoder: MiniLmEmbedder) -> None:
    assert gold(source("Which pet?", "Cat", told="A cat, no caterpillar."), encoder) == {"cat"}
    assert gold(source("Who says so?", "Ann", told="I say so."), encoder) == {"Ann"}


def test_an_answer_in_other_words_is_the_run_of_words_most_like_it(encoder: MiniLmEmbedder) -> None:
    one = source("What does she run?", "she runs a small bakery", told="Well, I have run a small bakery since May.")
    assert gold(one, encoder) == {"run a small bakery"}
    assert gold(source("What?", "a trumpet", told="I played all night."), encoder) == set()


def test_a_date_is_the_expression_that_means_it(encoder: MiniLmEmbedder) -> None:
    day = datetime(2023, 5, 9, 10)
    one = source("When did Ann ski?", "8 May 2023", told="I skied yesterday, not last year.", said_on=day)
    assert gold(one, encoder) == {"yesterday"}


def test_lines_without_the_words_still_tell_and_other_lines_do_not(encoder: MiniLmEmbedder) -> None:
    one = source("What?", "a trumpet", told="I played all night.", others=["A trumpet!", "Rain."])
    spans = spans_of(one, encoder, WHOLE, random.Random(2))
    assert spans.starts == ()
    assert [spans.lines[spans.rows[row].line] for row in spans.telling] == ["Ann: I played all night."]


def test_without_its_evidence_a_question_has_no_answer(encoder: MiniLmEmbedder) -> None:
    one = source("Which pet?", "cat", told="A cat.", others=["Rain.", "Snow."])
    spans = spans_of(one, encoder, replace(WHOLE, without_evidence=1.0), random.Random(1))
    assert (spans.answers, spans.telling, spans.starts) == ((), (), ())
    assert all(line.startswith("Ben: ") for line in spans.lines)


def test_the_loss_is_minus_the_log_share_of_the_gold_places() -> None:
    start = torch.tensor([0.0, 1.0, 2.0, 0.5, -1.0])
    end = torch.tensor([0.3, 0.0, 1.0, 2.0, 0.1])
    logits = Logits(
        row=torch.tensor([0, 0, 0, 1, 1]), start=start, end=end, begins=torch.tensor([0, 3]), tells=torch.zeros(2)
    )
    common = {"corpus": "", "question": "", "lines": (), "answers": (), "rows": ()}
    spans = Spans(**common, starts=((0, 0),), ends=((0, 1),), telling=(0,))  # type: ignore[arg-type]
    wanted = -start.log_softmax(0)[1] - end.log_softmax(0)[2]
    assert float(span_loss(logits, spans)) == pytest.approx(float(wanted))

    nothing = replace(spans, starts=(), ends=(), telling=())
    wanted = -(start.softmax(0)[[0, 3]].sum().log() + end.softmax(0)[[0, 3]].sum().log())
    assert float(span_loss(logits, nothing)) == pytest.approx(float(wanted))

    telling = replace(spans, starts=(), ends=(), telling=(1,))
    wanted = -(start.log_softmax(0)[4] + end.log_softmax(0)[4])
    assert float(span_loss(logits, telling)) == pytest.approx(float(wanted))


def test_questions_read_together_are_told_apart() -> None:
    every = Logits(
        row=torch.tensor([0, 0, 1, 1, 1, 2]),
        start=torch.arange(6.0),
        end=-torch.arange(6.0),
        begins=torch.tensor([0, 2, 5]),
        tells=torch.tensor([0.1, 0.2, 0.3]),
    )

    class Two:
        rows = (1, 2)

    class One:
        rows = (1,)

    first, second = parts(every, [Two(), One()])  # type: ignore[list-item]
    assert first.start.tolist() == [0, 1, 2, 3, 4]
    assert first.begins.tolist() == [0, 2]
    assert (first.tells.tolist(), second.tells.tolist()) == (pytest.approx([0.1, 0.2]), pytest.approx([0.3]))
    assert (second.start.tolist(), second.begins.tolist(), second.row.tolist()) == ([5.0], [0], [0])


def test_each_row_is_taught_whether_it_answers() -> None:
    logits = Logits(
        row=torch.tensor([0, 1]),
        start=torch.zeros(2),
        end=torch.zeros(2),
        begins=torch.tensor([0, 1]),
        tells=torch.tensor([2.0, -1.0]),
    )
    common = {"corpus": "", "question": "", "lines": (), "answers": (), "starts": (), "ends": ()}
    spans = Spans(**common, rows=(1, 2), telling=(0,))  # type: ignore[arg-type]
    wanted = torch.tensor([2.0, 1.0]).sigmoid().log().sum()
    assert float(telling_loss(logits, spans)) == pytest.approx(-float(wanted))


def test_rows_that_tell_are_taught_to_stand_before_the_others() -> None:
    tells = torch.tensor([2.0, -1.0, 0.5, 1.0])
    places = torch.arange(4)
    logits = Logits(row=places, start=torch.zeros(4), end=torch.zeros(4), begins=places, tells=tells)
    common = {"corpus": "", "question": "", "lines": (), "answers": (), "starts": (), "ends": ()}
    spans = Spans(**common, rows=(1, 2, 3, 4), telling=(0, 2))  # type: ignore[arg-type]
    # each against the rows that do not tell, not against one another
    wanted = -(tells[[0, 1, 3]].log_softmax(0)[0] + tells[[2, 1, 3]].log_softmax(0)[0]) / 2
    assert float(ordering_loss(logits, spans)) == pytest.approx(float(wanted))
    for alike in ((), (0, 1, 2, 3)):
        assert float(ordering_loss(logits, replace(spans, telling=alike))) == 0.0


def test_stages_follow_one_another_each_with_its_own_steps() -> None:
    recipe = Recipe(
        stages=(
            Stage(updates=10, step=1.0, warm_up=2),
            Stage(updates=20, step=0.5, warm_up=4, contexts=0.5),
        )
    )
    assert recipe.updates == 30
    assert [recipe.step(0), recipe.step(1), recipe.step(6)] == pytest.approx([0.5, 0.9, 0.4])
    assert [recipe.at(9)[0].contexts, recipe.at(10)[0].contexts] == [0.0, 0.5]
    assert [recipe.step(10), recipe.step(20)] == pytest.approx([0.125, 0.25])
    assert recipe.step(30) == pytest.approx(0.01)  # the optimiser asks once more than there are updates
    short = recipe.shortened(6)
    assert [stage.updates for stage in short.stages] == [2, 4]
    assert recipe.shortened(None) == recipe


SOURCES: Mapping[str, Sequence[Source]] = {
    "written": [
        source(f"Which pet has {n}?", "cat", told=f"A cat for {n}.", others=["Rain.", "Snow."]) for n in "abcd"
    ],
    "exchanged": [source(f"Which car has {n}?", others=["A cat.", "Rain."], corpus="exchanged") for n in "abcd"],
}
RECIPE = Recipe(
    stages=(Stage(updates=4, step=1e-3, warm_up=1),), questions=3, rank=2, shares={"written": 0.5, "exchanged": 0.5}
)


def test_an_interrupted_run_ends_where_a_whole_one_does(
    base: MiniLm, encoder: MiniLmEmbedder, tmp_path: Path
) -> None:
    whole = Trainer(base, encoder, SOURCES, RECIPE, tmp_path)
    losses = [whole.step() for _ in range(4)]
    part = tmp_path / "part"
    part.mkdir()
    first = Trainer(base, encoder, SOURCES, RECIPE, part)
    again = [first.step(), first.step()]
    first.save()
    second = Trainer(base, encoder, SOURCES, RECIPE, part)
    again += [second.step(), second.step()]
    assert again == losses
    assert second.is_done
    assert torch.equal(second.weights().head, whole.weights().head)
    assert torch.equal(second.weights().adapter.up["0.qkv"], whole.weights().adapter.up["0.qkv"])


def test_what_ships_is_the_mean_of_the_ends_of_all_stages(
    base: MiniLm, encoder: MiniLmEmbedder, tmp_path: Path
) -> None:
    stage = RECIPE.stages[0]
    recipe = replace(RECIPE, stages=(replace(stage, updates=2), replace(stage, updates=2)))
    trainer = Trainer(base, encoder, SOURCES, recipe, tmp_path)
    for _ in range(2):
        trainer.step()
    first = trainer.weights().head
    trainer.save()
    trainer = Trainer(base, encoder, SOURCES, recipe, tmp_path)  # the first end outlives an interruption
    for _ in range(2):
        trainer.step()
    last = trainer._course.averaged()["head"]  # pyright: ignore[reportPrivateUsage]
    assert torch.allclose(trainer.weights().head, (first + last) / 2)
    assert trainer.weights().adapter.up["0.qkv"].shape[1] == recipe.rank


def test_training_learns_its_questions(base: MiniLm, encoder: MiniLmEmbedder, tmp_path: Path) -> None:
    recipe = replace(RECIPE, stages=(Stage(updates=30, step=4e-3, warm_up=1),), questions=4, average=0.5)
    trainer = Trainer(base, encoder, SOURCES, recipe, tmp_path)
    losses = [trainer.step() for _ in range(30)]
    assert sum(losses[-5:]) < 0.5 * sum(losses[:5])


def test_measuring_tells_how_well_the_words_match(encoder: MiniLmEmbedder, base: MiniLm, tmp_path: Path) -> None:
    reader = SpanReader(LineReader(encoder, Trainer(base, encoder, SOURCES, RECIPE, tmp_path).weights()))
    found = measure(reader, SOURCES, most=3, seed=1)
    assert found.keys() == {"written"}
    assert found["written"]["questions"] == 3
    assert all(0 <= found["written"][name] <= 100 for name in ("f1", "exact", "line"))
    assert 0 <= found["written"]["separation"] <= 1


def _data(folder: Path) -> Path:
    """All sets in small; of MSC a conversation that questions were written about."""
    written = next(one for one in written_questions() if one.kind == "single")
    mine = [one for one in written_questions() if one.conversation == written.conversation]
    refs = sorted({ref for one in mine for ref in one.turns})
    turns = [
        {"id": ref, "speaker": ("Cedric", "Opal")[n % 2], "text": f"Turn {n}.", "session": 1, "time": "2022-01-01"}
        for n, ref in enumerate(refs)
    ]
    write_set(folder / "msc", docs=[doc(written.conversation, turns)], qa=[])
    write_set(folder / "squad1", docs=[doc("s", ["The cat sat. It ran off."])], qa=[])
    write_set(folder / "squad2dev", docs=[doc("d", ["x"], split="dev")], qa=[])
    scene = [{"id": "u0", "speaker": "Ross", "text": "I like rain."}, {"id": "u1", "speaker": "Joey", "text": "Hm."}]
    qa = [asked("f", "What does Ross like?", "u0", answers=["rain"])]
    write_set(folder / "friendsqa", docs=[doc("f", scene)], qa=qa)
    write_set(folder / "multihop", qa=[])
    return folder


def test_questions_are_also_asked_of_somebody_else(encoder: MiniLmEmbedder, tmp_path: Path) -> None:
    found = span_sources(_data(tmp_path), "train", encoder, 5)
    assert found["written"]
    assert all(one.evidence for one in found["written"])
    exchanged = {one.question: one for one in found["exchanged"]}
    assert exchanged
    assert not any(one.answers or one.evidence for one in exchanged.values())
    (friends,) = [one for one in exchanged.values() if "like" in one.question and one.others[0].speaker == "Ross"]
    assert friends.question == "What does Joey like?"
    assert json.dumps([one.text for one in friends.others]) == '["I like rain.", "Hm."]'


def test_what_was_trained_is_loaded_again(base: MiniLm, encoder: MiniLmEmbedder, tmp_path: Path) -> None:
    weights = Trainer(base, encoder, SOURCES, RECIPE, tmp_path).weights()
    sha256 = save_weights(weights, tmp_path / "w.safetensors")
    assert torch.equal(load_weights(tmp_path / "w.safetensors", sha256=sha256).head, weights.head)
