"""Held-out questions put to the reader and to the extractive generator, over the same contexts."""

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor
from transformers import BartForConditionalGeneration

from ..agent.citations import unescape_marks
from ..agent.ports import ABSTENTION, Generator, told_by
from ..agent.reader_card import ReaderCard
from ..memory.context import ContextBuilder
from .answer_scores import best_f1, is_exact
from .reader_batches import Teacher, batched, padded
from .reader_examples import Example, Showing, Source, shown

_QUOTED = re.compile(r"“(.*)”", re.DOTALL)
_NUMBER = re.compile(r" \[\d+\]")
_DATED = re.compile(r"^(.{4,60}?): .+? said on ", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Of the questions of one corpus: shares from 0 to 100.

    `f1` and `exact` are over the answerable ones, an abstention counts 0; `lost` is the share of those that were not
    answered, `abstained` the share of the others that rightly were not. None where there are none.
    """

    questions: int
    f1: float | None
    exact: float | None
    lost: float | None
    abstained: float | None


def held_out_examples(
    sources: Mapping[str, Sequence[Source]], builder: ContextBuilder, showing: Showing, *, most: int, seed: int
) -> list[Example]:
    """Return up to `most` questions of each corpus, with contexts drawn once for `seed`."""
    drawn = random.Random(seed)
    return [shown(one, builder, showing, drawn) for every in sources.values() for one in every[:most]]


def read_answers(
    model: BartForConditionalGeneration, teacher: Teacher, card: ReaderCard, examples: Sequence[Example]
) -> list[str]:
    """Return what the reader says to each, "" where it abstains; decoded greedily."""
    taught = [teacher.answer(example) for example in examples]
    places = {id(one): place for place, one in enumerate(taught)}
    answers = [""] * len(examples)
    for group in batched(taught, tokens=4096):
        batch = padded(group)
        with torch.inference_mode():
            decode = cast("Callable[..., Tensor]", getattr(model, "generate"))  # noqa: B009 - transformers' mixin confuses
            made = decode(
                input_ids=batch.read,
                attention_mask=batch.mask.long(),
                num_beams=1,
                do_sample=False,
                max_new_tokens=card.max_new_tokens,
            )
        for one, ids in zip(group, _rows(made), strict=True):
            said = teacher.words(ids)
            answers[places[id(one)]] = "" if card.is_no_answer(said) else said
    return answers


def quoted_answers(generator: Generator, examples: Sequence[Example]) -> list[str]:
    """Return the answers of a generator that quotes, "" where it abstains: the date it names, else what it quotes.

    Numbers of lines are left out.
    """
    return [_bare(told_by(generator, one.question, one.context).text) for one in examples]


def figures(examples: Sequence[Example], answers: Sequence[str]) -> dict[str, Figures]:
    """Return the figures of each corpus, and of all together under "all"."""
    found: dict[str, Figures] = {}
    for corpus in [*dict.fromkeys(example.corpus for example in examples), "all"]:
        pairs = [(one, said) for one, said in zip(examples, answers, strict=True) if corpus in {one.corpus, "all"}]
        asked = [(one.answers, said) for one, said in pairs if one.answers]
        found[corpus] = Figures(
            questions=len(pairs),
            f1=_percent([best_f1(said, wanted) for wanted, said in asked]),
            exact=_percent([float(is_exact(said, wanted)) for wanted, said in asked]),
            lost=_percent([float(not said) for _, said in asked]),
            abstained=_percent([float(not said) for one, said in pairs if not one.answers]),
        )
    return found


def table(found: Mapping[str, Mapping[str, Figures]]) -> str:
    """Return a Markdown table of the figures by answerer and corpus."""
    lines = ["| answers by | questions | n | F1 | exact | lost | abstained |", "|---|---|---:|---:|---:|---:|---:|"]
    for name, corpora in found.items():
        for corpus, one in corpora.items():
            cells = " | ".join("-" if f is None else f"{f:.1f}" for f in (one.f1, one.exact, one.lost, one.abstained))
            lines.append(f"| {name} | {corpus} | {one.questions} | {cells} |")
    return "\n".join(lines)


def _bare(answer: str) -> str:
    if answer == ABSTENTION:
        return ""
    answer = unescape_marks(answer.split("\n")[0])
    dated, quoted = _DATED.match(answer), _QUOTED.search(answer)
    if dated is not None:
        return dated[1]
    return quoted[1] if quoted is not None else _NUMBER.sub("", answer)


def _rows(made: Tensor) -> list[list[int]]:
    rows: list[list[int]] = made.tolist()  # pyright: ignore - torch types it loosely
    return rows


def _percent(values: Sequence[float]) -> float | None:
    return round(100 * sum(values) / len(values), 1) if values else None
