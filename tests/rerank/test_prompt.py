"""Prompts: the published words, spans that hold what was put there, tokens that belong to the right passage (Q11)."""

from collections.abc import Sequence
from typing import Any

import pytest
import torch

from recollect.memory.errors import RerankError
from recollect.rerank.prompt import FORMS, LLAMA, PLAIN, QWEN, ROWS, FormName, Passage, Prompt, build, frame_of
from recollect.rerank.prompt_tokens import PromptTokens, counter, marks_of, neutral, tokenised
from tests.tiny_models import tokenizer

FORM_NAMES: tuple[FormName, ...] = ("qrhead", "qrranker")
NASTY = (
    Passage(title="8 May", text="Alice: I adopted a beagle."),
    Passage(title="8 May", text="Alice: I adopted a beagle."),
    Passage(title="", text='Bob: you wrote "[2] Alice: I adopted a beagle." to me'),
    Passage(title="", text="[1] [2] [3]"),
    Passage(title="六月", text="小明：我昨天收养了一只比格犬。"),
    Passage(title="", text="👩‍👩‍👧‍👦🐶🎉 brilliant 🎉"),
    Passage(title="", text=""),
    Passage(title="", text=" \n\n "),
    Passage(title="", text="  indented, and it ends\n\n"),
    Passage(title="e\u0301", text="cafe\u0301 au lait"),
)
QUESTION = "What is Alice's dog called?"


@pytest.fixture(scope="module")
def bpe(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return tokenizer(tmp_path_factory.mktemp("tokenizer"))


def decoded(tokens: PromptTokens, span: Sequence[int], bpe: Any) -> str:
    return str(bpe.decode(tokens.ids[slice(*span)]))


def test_the_form_of_qrhead_is_the_published_one() -> None:
    passages = [Passage(title="Dogs", text="Biscuit is a beagle."), Passage(title="", text="Pizza.")]
    assert build("Which dog?", passages, form="qrhead", frame=QWEN).text == (
        "<|im_start|>user Here are some paragraphs:\n\n[1] Dogs\nBiscuit is a beagle.\n\n[2] Pizza.\n\n"
        "Please find information that are relevant to the following query in the paragraphs above.\n\n"
        "Query: Which dog?<|im_end|>\n<|im_start|>assistant"
    )
    llama = build("Which dog?", passages, form="qrhead", frame=LLAMA).text
    assert llama.startswith(
        "<|start_header_id|>user<|end_header_id|> Here are some paragraphs: \n\n[1] Dogs\nBiscuit"
    )
    assert llama.endswith("Query: Which dog?<|eot_id|><|start_header_id|>assistant<|end_header_id|>")
    assert llama.count(" \n\n") == 4


def test_the_form_of_qrranker_ends_with_the_question() -> None:
    passages = [Passage(title="Dogs", text="Biscuit is a beagle.")]
    assert build("Which dog?", passages, form="qrranker", frame=QWEN).text == (
        "<|im_start|>user\nHere are some retrieved chunks:\n\n[1] Title: Dogs: Biscuit is a beagle.\n\n"
        "Use the retrieved chunks to answer the user's query.\n\nQuery: Which dog?"
    )


def test_summaries_of_events_come_before_the_passages() -> None:
    text = build("Q?", [Passage(title="", text="Pizza.")], form="qrranker", frame=QWEN, summaries="Alice moved.").text
    assert text.startswith(
        "<|im_start|>user\nHere are some session summaries that may help answer the query:\n\nAlice moved.\n\n"
        "Here are some retrieved chunks:\n\n[1] Pizza.\n\n"
    )


@pytest.mark.parametrize("form", FORM_NAMES)
def test_every_span_holds_what_was_put_there(form: FormName) -> None:
    prompt = build(QUESTION, NASTY, form=form, frame=QWEN)
    assert [prompt.text[slice(*body)] for body in prompt.bodies] == [passage.text for passage in NASTY]
    for number, (passage, span) in enumerate(zip(NASTY, prompt.passages, strict=True), start=1):
        assert prompt.text[slice(*span)].startswith(f"[{number}] ")
        assert prompt.text[slice(*span)].endswith(passage.title + passage.text if not passage.title else passage.text)
    assert prompt.text[slice(*prompt.question)] == QUESTION
    assert prompt.text[slice(*prompt.instruction)] == FORMS[form].instruction


@pytest.mark.parametrize("form", FORM_NAMES)
@pytest.mark.parametrize("frame", [PLAIN, QWEN])
def test_the_tokens_of_a_passage_are_its_own(form: FormName, frame: Any, bpe: Any) -> None:
    prompt = build(QUESTION, NASTY, form=form, frame=frame)
    tokens = tokenised(prompt, bpe, rows="question")
    assert len(tokens.passages) == len(NASTY)
    borders = [place for span in tokens.passages for place in span]
    assert borders == sorted(borders)
    assert all(start < end for start, end in tokens.passages)
    for number, (passage, span) in enumerate(zip(NASTY, tokens.passages, strict=True), start=1):
        text = decoded(tokens, span, bpe)
        assert passage.text.strip() in text
        assert text.lstrip().startswith(f"[{number}]")
        assert f"[{number + 1}] " not in text or passage.text.startswith(("Bob", "[1]"))


def test_an_emoji_of_several_tokens_belongs_to_its_passage_whole(bpe: Any) -> None:
    prompt = build("Which?", [Passage(title="", text="🐶"), Passage(title="", text="🐶")], form="qrhead")
    tokens = tokenised(prompt, bpe, rows="question")
    for span, body in zip(tokens.passages, prompt.bodies, strict=True):
        own = [place for place in range(*span) if tokens.offsets[place] == body]
        assert len(own) > 1
        assert decoded(tokens, (own[0], own[-1] + 1), bpe) == "🐶"


@pytest.mark.parametrize("form", FORM_NAMES)
def test_rows_are_those_of_the_question_of_the_instruction_too_or_all_that_follows(form: FormName, bpe: Any) -> None:
    prompt = build(QUESTION, NASTY[:2], form=form, frame=QWEN)
    texts = {}
    for which in ROWS:
        rows = tokenised(prompt, bpe, rows=which).rows
        assert list(rows) == list(range(rows[0], rows[-1] + 1))
        texts[which] = decoded(tokenised(prompt, bpe, rows=which), (rows[0], rows[-1] + 1), bpe)
    assert texts["question"].strip() == QUESTION
    assert texts["instruction+question"] == f"{FORMS[form].instruction}\n\nQuery: {QUESTION}"
    ending = "" if form == "qrranker" else "<|im_end|>\n<|im_start|>assistant"
    assert texts["to-the-end"] == texts["instruction+question"] + ending


def test_an_empty_question_has_rows_nevertheless(bpe: Any) -> None:
    assert tokenised(build("", NASTY[:1], form="qrhead"), bpe, rows="question").rows


def test_the_question_begins_after_the_same_tokens_whatever_is_asked(bpe: Any) -> None:
    real, null = (tokenised(build(q, NASTY, form="qrhead"), bpe, rows="to-the-end") for q in (QUESTION, "N/A"))
    shared = real.passages[-1][1]
    assert torch.equal(real.ids[:shared], null.ids[:shared])
    assert real.passages == null.passages
    assert real.rows[0] == null.rows[0]


def test_marks_of_the_model_in_what_people_say_are_no_marks(bpe: Any) -> None:
    marks = marks_of(bpe)
    assert {"<|im_start|>", "<|im_end|>", "<|endoftext|>"} <= set(marks)
    said = "she typed <|im_end|> and <|im_end|>\ud800 left"
    harmless = neutral(said, marks)
    assert len(harmless) == len(said)
    ids = bpe(harmless, add_special_tokens=False)["input_ids"]
    assert not set(ids) & set(bpe.all_special_ids)
    assert neutral("I <3 [brackets] | and <b>html</b>", marks) == "I <3 [brackets] | and <b>html</b>"


def test_the_frame_follows_from_the_marks_a_tokenizer_knows() -> None:
    assert frame_of(["<|endoftext|>", "<|im_start|>"]) == QWEN
    assert frame_of(["<|start_header_id|>"]) == LLAMA
    assert frame_of(["[INST]"]).suffix == "[/INST]"
    assert frame_of([]) == PLAIN


def test_tokens_are_counted_without_special_ones(bpe: Any) -> None:
    count = counter(bpe)
    assert count([]) == []
    assert list(count(["", "a", "a b"])) == [0, 1, len(bpe("a b")["input_ids"])]


def test_a_tokenizer_that_counts_bytes_is_found_out(bpe: Any) -> None:
    class CountsBytes:
        def __call__(self, text: str, **options: Any) -> dict[str, Any]:
            encoded = bpe(text, **options)
            mapping = [(len(text[:a].encode()), len(text[:b].encode())) for a, b in encoded["offset_mapping"]]
            return {"input_ids": encoded["input_ids"], "offset_mapping": mapping}

    with pytest.raises(RerankError, match="does not count characters"):
        tokenised(build(QUESTION, [NASTY[4], *NASTY[:2]], form="qrhead"), CountsBytes(), rows="question")


def test_without_passages_there_is_still_a_prompt(bpe: Any) -> None:
    prompt: Prompt = build(QUESTION, [], form="qrhead")
    assert tokenised(prompt, bpe, rows="question").passages == ()
