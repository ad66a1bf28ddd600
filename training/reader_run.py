"""A whole training run of the reader: questions, updates, checkpoints, the table, the model that is written."""

import json
import logging
import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from transformers import BartForConditionalGeneration, PreTrainedTokenizerFast

from ..agent.generators.extractive import ExtractiveGenerator
from ..agent.read_answers import shipped_model
from ..agent.reader_card import write_card
from ..agent.reader_deltas import put_deltas, save_deltas
from ..agent.reader_weights import BEGIN, END, MASK, PAD, reader_network
from ..agent.span_reader import SpanReader
from ..memory.context import ContextBuilder
from ..memory.embedder import (
    MINILM_SHA256,
    MiniLmEmbedder,
    WordPieceCounter,
    fastest_dtype,
    load_tokenizer,
    minilm_folder,
)
from ..memory.minilm import MiniLm
from ..rerank.line_reader import LineReader
from .reader_examples import Example, Showing, Source
from .reader_measure import Figures, figures, held_out_examples, quoted_answers, read_answers, table
from .reader_sets import held_out, teaching
from .reader_training import Recipe, Trainer
from .run_log import note_down

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A recipe, and how often to save and to measure, in updates, and on how many questions of each corpus.

    `dates` is how many questions about dates are made to teach.
    """

    recipe: Recipe = field(default_factory=Recipe)
    save_every: int = 50
    measure_every: int = 500
    few: int = 60
    most: int = 300
    dates: int = 20_000


def run(
    data: Path, plan: Plan, *, folder: Path, out: Path, on_update: Callable[[int, int], object]
) -> dict[str, object]:
    """Train as planned from the last checkpoint in `folder`, write the model to the folder `out`, return the figures.

    `on_update` hears (updates made, updates in all). Losses and figures on the way go to `curve.jsonl`. `out` gets
    the model as transformers reads it, `recollect_reader.json`, `reader.safetensors` (what is ours alone, see
    `agent.reader_deltas`) and `table.md`. Raises DataFormatError when a set of `data` is missing or damaged.
    """
    taught, measured = _sources(data, folder, plan)
    base = MiniLm(minilm_folder(), sha256=MINILM_SHA256, dtype=torch.float32)
    trainer = Trainer(base, taught, plan.recipe, folder, dtype=fastest_dtype())
    few = _examples(measured, plan.few)
    while not trainer.is_done:
        losses = trainer.step()
        note_down(folder, update=trainer.update, **{name: round(loss, 4) for name, loss in losses.items()})
        if trainer.update % plan.save_every == 0 or trainer.is_done:
            trainer.save()
        if trainer.update % plan.measure_every == 0 and trainer.update > plan.recipe.copying:
            found = _measured(trainer, _reader(base, trainer), few)
            note_down(folder, update=trainer.update, held_out={name: asdict(one) for name, one in found.items()})
        on_update(trainer.update, plan.recipe.updates)
    reader = _reader(base, trainer)
    sha256 = write_reader(reader, trainer, out, plan.recipe)
    every = _examples(measured, plan.most)
    encoder = MiniLmEmbedder()
    quoting = ExtractiveGenerator(
        encoder,
        reader=SpanReader(LineReader(encoder)),
        reader_model=shipped_model(ranked_by_block=False),
        is_brief=True,
    )
    answered = {
        "reader": _measured(trainer, reader, every),
        "extractive": figures(every, quoted_answers(quoting, every)),
    }
    (out / "table.md").write_text(table(answered) + "\n", encoding="utf-8")
    return {"table": "\n" + table(answered), "folder": str(out), "sha256": sha256}


def write_reader(reader: BartForConditionalGeneration, trainer: Trainer, out: Path, recipe: Recipe) -> str:
    """Write the model, its tokenizer, card and deltas to `out`, and return the SHA-256 of the deltas."""
    out.mkdir(parents=True, exist_ok=True)
    reader.save_pretrained(out)  # pyright: ignore[reportUnknownMemberType] - transformers types it loosely
    tokenizer = load_tokenizer(minilm_folder())
    words = {
        name: tokenizer.id_to_token(number)
        for name, number in (
            ("pad_token", PAD),
            ("cls_token", BEGIN),
            ("bos_token", BEGIN),
            ("sep_token", END),
            ("eos_token", END),
            ("mask_token", MASK),
        )
    }
    named: Any = PreTrainedTokenizerFast  # it says no types
    named(tokenizer_object=tokenizer, unk_token="[UNK]", **words).save_pretrained(out)
    write_card(trainer.card, out)
    return save_deltas(trainer.averaged(), out / "reader.safetensors", shape=recipe.shape, card=trainer.card)


def _reader(base: MiniLm, trainer: Trainer) -> BartForConditionalGeneration:
    reader = reader_network(base, trainer.shape)
    put_deltas(reader, trainer.averaged(), shape=trainer.shape)
    return reader


def _measured(
    trainer: Trainer, reader: BartForConditionalGeneration, examples: Sequence[Example]
) -> dict[str, Figures]:
    return figures(examples, read_answers(reader, trainer.teacher, trainer.card, examples))


def _examples(sources: Mapping[str, Sequence[Source]], most: int) -> list[Example]:
    """Return held-out questions; contexts without their evidence are drawn nowhere, the sets have their own."""
    showing = replace(Showing(), without_evidence=0.0)
    return held_out_examples(sources, ContextBuilder(WordPieceCounter()), showing, most=most, seed=5)


def _sources(data: Path, folder: Path, plan: Plan) -> tuple[dict[str, list[Source]], dict[str, list[Source]]]:
    """Return what teaches and what measures, from `folder` where an earlier run left them (minutes to read)."""
    seed = plan.recipe.seed
    kept = folder / f"sources-{seed}.pickle"
    if not kept.exists():
        read = teaching(data, seed, dates=plan.dates), held_out(data, seed)
        kept.with_suffix(".new").write_bytes(pickle.dumps(read))
        kept.with_suffix(".new").replace(kept)
    found: tuple[dict[str, list[Source]], dict[str, list[Source]]] = pickle.loads(kept.read_bytes())  # ours
    for name, sources in found[0].items():
        _log.info("%s: %d questions", name, len(sources))
    (folder / "sets.json").write_text(
        json.dumps([{name: len(one) for name, one in part.items()} for part in found]) + "\n", encoding="utf-8"
    )
    return found
