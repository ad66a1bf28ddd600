"""Head sets: the published lists ship, belong to their models, and say so when there is none."""

import json
from pathlib import Path

import pytest

from recollect.memory.errors import RerankError
from recollect.rerank.heads import HeadSet, heads_for, read_heads, shipped_heads

QWEN = "Qwen/Qwen3-4B-Instruct-2507"
PUBLISHED = {
    ("meta-llama/Llama-3.2-1B-Instruct", "NQ"): ((16, 32), 16, (8, 21), (8, 20)),
    ("meta-llama/Llama-3.2-3B-Instruct", "LME"): ((28, 24), 16, (15, 18), (17, 2)),
    ("meta-llama/Llama-3.2-3B-Instruct", "NQ"): ((28, 24), 16, (13, 16), (18, 11)),
    ("meta-llama/Llama-3.2-3B-Instruct", "MuSiQue"): ((28, 24), 16, (12, 1), (9, 23)),
    ("meta-llama/Llama-3.1-8B-Instruct", "LME"): ((32, 32), 16, (13, 18), (14, 22)),
    ("meta-llama/Llama-3.1-8B-Instruct", "NQ"): ((32, 32), 16, (14, 22), (20, 14)),
    ("meta-llama/Llama-3.1-70B-Instruct", "LME"): ((80, 64), 32, (35, 17), (38, 55)),
    ("meta-llama/Llama-3.1-70B-Instruct", "NQ"): ((80, 64), 32, (31, 32), (35, 3)),
    ("Qwen/Qwen2.5-7B-Instruct", "NQ"): ((28, 28), 16, (16, 19), (20, 21)),
    (QWEN, "NarrativeQA"): ((36, 32), 16, (20, 15), (21, 31)),
    (QWEN, "FIRE"): ((36, 32), 16, (21, 8), (16, 21)),
    ("MindscapeRAG/QRRanker", "NarrativeQA"): ((25, 32), 16, (20, 15), (21, 31)),
    ("Qwen/Qwen3-32B", "FIRE"): ((64, 64), 16, (41, 14), (59, 26)),
    ("Qwen/Qwen3-Embedding-8B", "FIRE"): ((36, 32), 16, (19, 24), (18, 17)),
    ("Qwen/Qwen2-0.5B-Instruct", "NQ"): ((24, 14), 16, (9, 10), (21, 2)),
}
"""By model and data set: the model's size, how many heads, the first and the last one."""


def of(model: str, choice: str | None = None, size: tuple[int, int] = (36, 32)) -> HeadSet:
    return heads_for(model, choice, layers=size[0], heads_per_layer=size[1])


def test_every_published_list_ships() -> None:
    shipped = {
        (one.model_id, one.dataset): ((one.layers, one.heads_per_layer), len(one.heads), one.heads[0], one.heads[-1])
        for one in shipped_heads()
    }
    assert shipped == PUBLISHED
    assert all(one.source for one in shipped_heads())


def test_the_heads_of_the_paper_are_those_of_its_model_and_lie_below_layer_25() -> None:
    paper = of(QWEN)
    assert paper.heads == (
        *((20, 15), (21, 11), (17, 27), (23, 10), (22, 4), (21, 10), (21, 8), (21, 18)),
        *((18, 15), (18, 19), (17, 25), (17, 17), (24, 13), (17, 4), (19, 12), (21, 31)),
    )
    assert paper.top == 24
    assert of("MindscapeRAG/QRRanker", size=(25, 32)).heads == paper.heads


@pytest.mark.parametrize(
    "name",
    [QWEN, QWEN.lower(), QWEN.upper(), "/models/Qwen3-4B-Instruct-2507", "models/qwen3-4b-instruct-2507/"],
)
def test_a_model_is_known_by_its_name_in_any_case_and_by_the_name_of_its_folder(name: str) -> None:
    assert of(name).model_id == QWEN


def test_of_several_sets_that_on_conversations_is_preferred_and_another_can_be_named() -> None:
    llama, size = "meta-llama/Llama-3.2-3B-Instruct", (28, 24)
    assert of(llama, size=size).dataset == "LME"
    assert of(llama, "nq", size=size).dataset == "NQ"
    with pytest.raises(RerankError, match=r"nor a data set whose heads are known for .*: LME, NQ, MuSiQue"):
        of(llama, "SQuAD", size=size)


def test_an_unknown_model_names_the_known_ones_and_how_to_find_its_heads() -> None:
    with pytest.raises(RerankError) as caught:
        of("acme/Coyote-7B")
    assert "recollect heads detect acme/Coyote-7B --data FILE" in str(caught.value)
    assert QWEN in str(caught.value)
    with pytest.raises(RerankError, match="No heads are known"):
        of("Qwen/Qwen3-4B")  # another model of the family has other heads


def test_heads_can_be_written_out() -> None:
    assert of("acme/Coyote-7B", "20-15, 3-0").heads == ((20, 15), (3, 0))
    with pytest.raises(RerankError, match=r"no 36-1"):
        of("acme/Coyote-7B", "20-15,36-1")
    with pytest.raises(RerankError, match="head twice"):
        of("acme/Coyote-7B", "20-15,20-15")


def test_a_set_that_was_written_is_read_back(tmp_path: Path) -> None:
    found = HeadSet(
        model_id="acme/Coyote", layers=6, heads_per_layer=4, heads=((5, 1), (0, 3)), dataset="mine", source="détecté"
    )
    found.write(tmp_path / "coyote.json")
    assert read_heads(tmp_path / "coyote.json") == found
    assert of("anything", str(tmp_path / "coyote.json"), (6, 4)) == found


def test_a_set_of_another_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RerankError, match=r"does not fit a model of 36 layers of 16 heads: no 20-31"):
        HeadSet(model_id="m", layers=36, heads_per_layer=32, heads=((20, 31), (3, 0))).check_fits(
            layers=36, heads_per_layer=16
        )
    with pytest.raises(RerankError, match="Heads belong to one model"):
        of(QWEN, size=(36, 64))
    assert of(QWEN, size=(25, 32)).top == 24  # cut above the top layer it still has them all
    with pytest.raises(RerankError, match="no 24-13"):
        of(QWEN, size=(24, 32))


@pytest.mark.parametrize(
    "text",
    [
        "no JSON",
        "[]",
        "{}",
        json.dumps({"model_id": "m", "layers": 2, "heads_per_layer": 2, "heads": []}),
        json.dumps({"model_id": "m", "layers": 2, "heads_per_layer": 2, "heads": [[0]]}),
        json.dumps({"model_id": "m", "layers": 2, "heads_per_layer": 2, "heads": [["a", 1]]}),
        json.dumps({"model_id": "m", "layers": 2, "heads_per_layer": 2, "heads": [[0.5, 1]]}),
        json.dumps({"model_id": "m", "layers": 2, "heads_per_layer": 2, "heads": [[2, 1]]}),
        json.dumps({"model_id": "m", "layers": 2, "heads_per_layer": 2, "heads": 7}),
    ],
)
def test_a_file_that_holds_no_head_set_is_named(text: str, tmp_path: Path) -> None:
    file = tmp_path / "heads.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(RerankError, match=r"heads\.json"):
        read_heads(file)
    with pytest.raises(RerankError, match=r"gone\.json"):
        read_heads(tmp_path / "gone.json")


def test_heads_are_grouped_by_layer_and_the_best_ones_can_be_taken() -> None:
    found = HeadSet(model_id="m", layers=6, heads_per_layer=4, heads=((5, 1), (0, 3), (5, 0)))
    assert found.by_layer() == {0: (3,), 5: (0, 1)}
    assert found.best(2).heads == ((5, 1), (0, 3))
    assert found.best(9) == found
