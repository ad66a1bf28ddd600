"""A local summariser of dialogue: BART-large-CNN, SAMSum models, Pegasus, T5, by hub name or folder."""

import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

from ...memory.errors import GenerationError
from ...memory.timeline import annotate, resolve_dates
from ...memory.types import NewEvent, Turn
from ..sentences import sentence_spans
from .kinds import MOST_EVENTS, kind_of, moment_of
from .sources import turns_behind

SUGGESTED_MODEL = "philschmid/bart-large-cnn-samsum"
MOST_TOKENS = 1024
"""Tokens that are read at once, less where the model's positions end earlier."""
MOST_WRITTEN = 142
"""Tokens of a summary, as BART-large-CNN was taught."""


class Seq2SeqSummarizer:
    """Each sentence of the model's summary is an event, or part of one where there are more than three.

    It cites the turns whose rare words it shares; a sentence that shares none is left out, since nobody said it. What
    does not fit the model's window is summarised window by window. The model is loaded when it is first used; one
    call at a time uses it. `device` is torch's word for where it runs, None for the best there is. Raises
    GenerationError when the model cannot be loaded or fails.
    """

    is_local = True

    def __init__(self, model: str, *, device: str | None = None) -> None:
        self._source = model
        self._device = device
        self._using = threading.Lock()

    @property
    def name(self) -> str:
        """The model's name or folder."""
        return self._source

    def events(self, turns: Sequence[Turn]) -> list[NewEvent]:
        """Return the events of turns of one session, at most three a window, in the order they were written."""
        found: list[NewEvent] = []
        with self._using:
            for window in self._model.windows(turns):
                summary = self._model.summary([_line(turn) for turn in window])
                found += _events(summary, window)
        return found

    @cached_property
    def _model(self) -> "_Model":
        return _Model(self._source, self._device)


def _line(turn: Turn) -> str:
    return f"{turn.speaker}: {annotate(turn.text, turn.dates)}".replace("\n", " ")


def _events(summary: str, turns: Sequence[Turn]) -> Iterator[NewEvent]:
    sentences = [summary[start:end] for start, end in sentence_spans(summary)] if summary.strip() else []
    told = [(sentence, behind) for sentence in sentences if (behind := turns_behind(sentence, turns))]
    size = -(-len(told) // MOST_EVENTS)  # sentences an event, rounded up
    for start in range(0, len(told), max(size, 1)):
        part = told[start : start + size]
        text = " ".join(sentence for sentence, _ in part)
        sources = sorted({turn.id: turn for _, behind in part for turn in behind}.values(), key=lambda t: t.position)
        said_at = sources[0].said_at
        dates = resolve_dates(text, said_at)
        yield NewEvent(
            text=annotate(text, dates),
            happened_at=moment_of(dates, said_at),
            kind=kind_of(text),
            turns=tuple(turn.id for turn in sources),
        )


class _Model:
    """The loaded model: what it can read at once, and what it writes of it."""

    def __init__(self, source: str, device: str | None) -> None:
        # transformers' classes are untyped where they are chosen by the folder's config
        self._tokenizer, self._model, self._device = _loaded(source, device)
        self._source = source
        config: Any = self._model.config
        positions = getattr(config, "max_position_embeddings", None) or getattr(config, "n_positions", None)
        self._window = min(MOST_TOKENS, int(positions or MOST_TOKENS))

    def windows(self, turns: Sequence[Turn]) -> Iterator[list[Turn]]:
        """Yield the turns in parts that fit the model; one that does not by itself is a part, and is cut."""
        room = self._window - self._tokenizer.num_special_tokens_to_add()
        part: list[Turn] = []
        spent = 0
        for turn in turns:
            size = len(self._tokenizer(_line(turn) + "\n", add_special_tokens=False).input_ids)
            if part and spent + size > room:
                yield part
                part, spent = [], 0
            part.append(turn)
            spent += size
        if part:
            yield part

    def summary(self, lines: Sequence[str]) -> str:
        """Return what the model writes of a dialogue, by beam search."""
        import torch

        text = "\n".join(lines)
        inputs = self._tokenizer(text, return_tensors="pt", truncation=True, max_length=self._window)
        try:
            with torch.inference_mode():
                written = self._model.generate(
                    input_ids=inputs["input_ids"].to(self._device),
                    attention_mask=inputs["attention_mask"].to(self._device),
                    max_new_tokens=min(MOST_WRITTEN, self._window - 1),
                    num_beams=4,
                    no_repeat_ngram_size=3,
                    do_sample=False,
                )
        except (RuntimeError, ValueError, IndexError) as error:
            raise GenerationError(f"{self._source} cannot summarise this session: {error}") from error
        summary: str = self._tokenizer.decode(written[0], skip_special_tokens=True)
        return summary.strip()


def _loaded(source: str, device: str | None) -> tuple[Any, Any, str]:
    """Return tokenizer, model and device, from this machine if they are on it, else from the hub."""
    import torch
    from safetensors import SafetensorError

    place = device or ("cuda" if torch.cuda.is_available() else "cpu")
    path = Path(source).expanduser()
    is_path = path.is_dir() or source.startswith(("/", ".", "~")) or source.count("/") > 1
    try:
        with _without_bars():
            try:
                tokenizer, model = _pretrained(str(path) if is_path else source, local_files_only=True)
            except OSError:
                if is_path:
                    raise
                tokenizer, model = _pretrained(source, local_files_only=False)
            return tokenizer, model.to(place).eval(), place
    except (OSError, ValueError, KeyError, RuntimeError, AssertionError, SafetensorError) as error:
        reason = (str(error).strip().splitlines() or [repr(error)])[0]  # torch without CUDA asserts
        raise GenerationError(
            f"Cannot load the summariser {source!r} on {place}: {reason.rstrip('.')}. Check summaries.device, and "
            f"summaries.model: a folder, or a hub name as {SUGGESTED_MODEL}, which needs a network the first time."
        ) from error


def _pretrained(source: str, *, local_files_only: bool) -> tuple[Any, Any]:
    # which class of tokenizer and of model, the folder decides: transformers types neither
    transformers: Any = import_module("transformers")
    tokenizer = transformers.AutoTokenizer.from_pretrained(source, local_files_only=local_files_only)
    return tokenizer, transformers.AutoModelForSeq2SeqLM.from_pretrained(source, local_files_only=local_files_only)


@contextmanager
def _without_bars() -> Generator[None]:
    """Keep transformers from drawing progress bars; its warnings of weights that are missing stay."""
    logs: Any = import_module("transformers.utils.logging")
    has_bars = logs.is_progress_bar_enabled()
    logs.disable_progress_bar()
    try:
        yield
    finally:
        if has_bars:
            logs.enable_progress_bar()
