"""Plans: read from TOML, written and read as JSON, refused where a key or a value is none."""

from dataclasses import replace
from pathlib import Path

import pytest

from recollect.config_keys import RERANKERS as CONFIGURED
from recollect.evals.plan import AnswerPlan, Plan, plan_changes, plan_json
from recollect.evals.plan_file import expanded, read_plan, read_plan_json
from recollect.evals.system_spec import BASELINES, RERANKERS, SystemSpec, known_names, spec_named
from recollect.memory.errors import ConfigError, InvalidInput

FULL = """
data = ["one.json", "/data/two.json"]
systems = ["none", "block + events", "bm25", { name = "qr 4B", reranker = "qr", model = "Q/4B", units = ["chunk"] }]
units = ["turn", "chunk"]
budgets = [854, 256]
ks = [5, 1, 5]
categories = "temporal"
sample = 20
seed = 7
parallel = 2

[answers]
generator = "hosted"
judge = "judge-1"
audit = "audit.json"

[settings]
recall.fusion = "rrf"
"embedder.name" = "minilm"
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "plan.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return read_plan(written(tmp_path, FULL))


def test_a_plan_says_everything(plan: Plan, tmp_path: Path) -> None:
    assert plan.data == (str(tmp_path / "one.json"), "/data/two.json")
    assert plan.order == (
        ("none", "turn"), ("block + events", "turn"), ("BM25", "turn"),
        ("none", "chunk"), ("block + events", "chunk"), ("BM25", "chunk"), ("qr 4B", "chunk"),
    )  # fmt: skip
    assert (plan.budgets, plan.ks, plan.categories) == ((256, 854), (1, 5), ("temporal",))
    assert (plan.sample, plan.seed, plan.parallel) == (20, 7, 2)
    assert plan.answers == AnswerPlan(generator="hosted", judge="judge-1", audit=str(tmp_path / "audit.json"))
    assert plan.settings == {"recall.fusion": "rrf", "embedder.name": "minilm"}
    assert plan.systems[-1] == SystemSpec(name="qr 4B", unit="chunk", reranker="qr", model="Q/4B")


def test_a_plan_is_read_from_json_as_it_was(plan: Plan) -> None:
    assert read_plan_json(plan_json(plan), file="plan.json") == plan
    bare = Plan(data=("a",), systems=(spec_named("listwise_llm"),))
    assert read_plan_json(plan_json(bare), file="plan.json") == bare


def test_defaults_are_those_of_the_field(tmp_path: Path) -> None:
    plan = read_plan(written(tmp_path, 'data = "a.json"\nsystems = ["none"]'))
    assert (plan.budgets, plan.ks) == ((256, 512, 854, 2048), (1, 3, 5, 10, 25))
    assert (plan.units, plan.categories, plan.sample, plan.seed, plan.answers) == (("turn",), (), None, 0, None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('data = ["a"]\nsystem = ["none"]', "'system' is no key here; did you mean 'systems'"),
        ('data = ["a"]\nsystems = ["blok"]', "'blok' is no system; did you mean 'block'"),
        ('data = ["a"]\nsystems = [{ name = "x", rerankr = "qr" }]', "'rerankr' is no key here; did you mean 'rer"),
        ('data = ["a"]\nsystems = [{ name = "x", reranker = "q" }]', "'q' is unknown; did you mean 'qr'"),
        ('data = ["a"]\nsystems = ["none"]\n[answers]\njugde = "x"', "'jugde' is no key here; did you mean 'judge'"),
        ('data = ["a"]\nsystems = ["none"]\nunits = ["tern"]', "'tern' is no unit; units are turn, window"),
        ('data = ["a"]\nsystems = ["none", "None"]', "The plan has none twice"),
        ('data = ["a"]\nsystems = []', "The plan names no systems"),
        ('systems = ["none"]', "The plan names no data"),
        ('data = ["a"]\nsystems = ["none"]\nsample = 0', "sample = 0: expected a whole number of at least 1"),
        ('data = ["a"]\nsystems = ["none"]\nbudgets = ["x"]', r"plan.toml, budgets\[0\]: expected a whole number"),
        ('data = ["a"]\nsystems = ["none"]\n[settings]\na = true', "settings.a: expected a text or a number"),
        ("data = [", "is no TOML"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_plan_is_said_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read_plan(written(tmp_path, text))


def test_a_number_that_is_a_rank_and_a_budget_is_refused() -> None:
    with pytest.raises(InvalidInput, match="25 is both"):
        Plan(data=("a",), systems=(spec_named("none"),), budgets=(25,))


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.toml cannot be read"):
        read_plan(tmp_path / "absent.toml")
    with pytest.raises(ConfigError, match=r"plan\.json: no JSON"):
        read_plan_json("{", file="plan.json")


ANSWERS = (
    "generator hosted, budget 854, judge judge-1, judge_base_url https://api.openai.com/v1, "
    "judge_key_variable OPENAI_API_KEY, audit "
)


def test_systems_may_be_added_and_data_may_move_and_nothing_else_changes(plan: Plan, tmp_path: Path) -> None:
    more = replace(plan, systems=(spec_named("random"), *plan.systems), data=("elsewhere",), parallel=9)
    assert plan_changes(plan, more) == []
    other = replace(plan, seed=8, categories=(), answers=None, systems=(replace(plan.systems[0], fusion="z"),))
    assert plan_changes(plan, other) == [
        'categories = none, not ["temporal"]',
        "seed = 8, not 7",
        f"answers = none, not {ANSWERS}{tmp_path / 'audit.json'}",
        "none has fusion: z, not nothing",
        *[f"{spec.label} is no longer asked" for spec in plan.systems[1:]],
    ]


def test_names_stand_for_systems() -> None:
    assert spec_named("ORACLE") == SystemSpec(name="oracle", kind="oracle")
    assert spec_named("Block + Events") == SystemSpec(name="block + events", reranker="block", events=True)
    assert spec_named("listwise_llm").is_hosted
    assert len(known_names()) == len(set(map(str.lower, known_names())))
    assert {spec_named(name).name for name in known_names()} == set(known_names())


def test_every_reranker_of_the_configuration_can_be_asked() -> None:
    assert RERANKERS == CONFIGURED
    assert not set(RERANKERS) & set(BASELINES)


def test_every_system_is_expanded_to_every_unit() -> None:
    found = expanded([spec_named("none"), spec_named("BM25")], ["turn", "chunk"])
    assert [spec.label for spec in found] == ["none", "BM25", "none, chunk", "BM25, chunk"]
