"""`--rerank cross_encoder`: a model that reads the question and one memory at a time and says how well they fit.

METHODS section 4.1. Any cross-encoder of the sentence-transformers library: BGE's rerankers, the MiniLM ones of
MS MARCO, Re2G's with two labels, Qwen3-Reranker.
"""

import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from logging import getLogger
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..memory.errors import RerankError
from ..memory.types import NO_EFFORT, Candidate, Effort, EventSummary, Memory, ScoredMemory
from .base import Ranking, logged, speaker_prefix, stages_of
from .pieces import pieces_of
from .reading_meter import ReadingMeter

if TYPE_CHECKING:
    from torch import Tensor

_log = getLogger(__name__)

SUGGESTED_MODEL = "BAAI/bge-reranker-v2-m3"
WINDOW = 512
"""Tokens of a question and a memory together, as BGE's `compute_score` reads; less where the model ends earlier."""

MOST_PIECES = 64
"""More of one memory is not read; the answer to a question is not worth the minutes that would take."""

_BATCH = 32
_HEADS = ("ForSequenceClassification", "ForCausalLM")


class CrossEncoderReranker:
    """Scores each memory beside the question with a cross-encoder, by hub name or local folder.

    The score is the model's raw logit (its sigmoid orders alike); of a model with two labels, log p(relevant)
    (Re2G, Glass et al. 2022, section 3; METHODS 3.1). The question is kept whole up to 3/4 of the window. A memory
    that does not fit beside it is read in pieces of whole turns or sentences, and the best piece counts. Scores do
    not depend on the order of the candidates, and equal texts get equal scores.

    The model is loaded when it is first used; a hub name is downloaded then. One call at a time uses it.
    `device` is torch's word for where it runs, None for the best there is. Raises RerankError when the model cannot
    be loaded, is no cross-encoder, or fails.
    """

    name = "cross_encoder"
    reads_events = False

    def __init__(self, model: str, *, device: str | None = None, window: int = WINDOW) -> None:
        self._source = model
        self._device = device
        self._window = window
        self._using = threading.Lock()  # tokenizers are set up for each call and not made for two at once

    def rank(
        self, question: str, candidates: Sequence[Candidate], *, events: Sequence[EventSummary] = ()
    ) -> list[ScoredMemory]:
        """Return every candidate once, best first; equal scores keep the order they came in."""
        return logged(self.ranking(question, candidates), _log)

    def ranking(
        self, question: str, candidates: Sequence[Candidate], *, events: Sequence[EventSummary] = ()
    ) -> Ranking:
        """Return what `rank` does; `problems` tells of a question or of memories too long to be read whole."""
        if not candidates:
            return Ranking(memories=(), effort=NO_EFFORT)
        with self._using:
            reading = self._model.read(question, [candidate.memory for candidate in candidates])
            by_passage, effort = self._model.scores(reading)
        scores = [max(by_passage[passage] for passage in passages) for passages in reading.passages]
        order = sorted(range(len(candidates)), key=lambda place: -scores[place])
        ranked = (
            ScoredMemory(
                memory=candidates[place].memory,
                score=scores[place],
                stages={**stages_of(candidates[place]), self.name: scores[place]},
                preceding=candidates[place].preceding,
            )
            for place in order
        )
        return Ranking(memories=tuple(ranked), problems=reading.problems, effort=effort)

    @cached_property
    def _model(self) -> "_CrossEncoder":
        return _CrossEncoder(self._source, self._device, self._window)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """What the model is shown: the question, and for each memory the passages it is read as, at least one."""

    question: str
    passages: Sequence[Sequence[str]]
    problems: tuple[str, ...]


class _CrossEncoder:
    """The loaded model: how much it can read, and what it says."""

    def __init__(self, source: str, device: str | None, window: int) -> None:
        self._source = source
        # sentence-transformers publishes no types that hold for every version
        self._model: Any = _loaded(source, device)
        self._refuse_untrained()
        self._window = min(window, _positions(self._model))
        self._special = self._special_tokens()
        self._meter = ReadingMeter(self._model)

    def read(self, question: str, memories: Sequence[Memory]) -> _Reading:
        """Return question and memories as texts that fit into the window together."""
        problems: list[str] = []
        cut = pieces_of(question, room=max(3 * self._window // 4 - self._special, 1), count=self._count)
        if len(cut) > 1:
            end = cut[0][1]
            problems.append(f"The question is too long for {self._source}; its first {end} characters were read.")
            question = question[:end]
        room = max(self._window - self._special - self._count([question])[0], 1)
        whole = [speaker_prefix(memory) + memory.text for memory in memories]
        is_long = [size > room for size in self._count(whole)]
        passages: list[list[str]] = []
        for memory, text, must_cut in zip(memories, whole, is_long, strict=True):
            pieces = list(self._pieces(memory, room)) if must_cut else [text]
            if len(pieces) > MOST_PIECES:
                problems.append(
                    f"Memory {memory.id} is {len(pieces)} pieces long to {self._source}; the first {MOST_PIECES} were"
                    " read."
                )
            passages.append(pieces[:MOST_PIECES])
        return _Reading(question=question, passages=passages, problems=tuple(problems))

    def scores(self, reading: _Reading) -> tuple[dict[str, float], Effort]:
        """Return the score of each passage, equal ones being read once, so that a tie is one; and what it took."""
        import torch

        self._meter.clear()
        passages = list(dict.fromkeys(passage for passages in reading.passages for passage in passages))
        pairs = [(reading.question, passage) for passage in passages]
        try:
            logits: Tensor = self._model.predict(
                pairs,
                batch_size=_BATCH,  # sorted by length
                activation_fn=torch.nn.Identity(),
                convert_to_tensor=True,
                show_progress_bar=False,
            )
        except (RuntimeError, IndexError, ValueError) as error:  # no memory left, files that do not belong together
            raise RerankError(
                f"The cross-encoder {self._source!r} failed on {len(pairs)} passages: {error}. Free some memory, or"
                " set rerank.model to another model."
            ) from error
        return dict(zip(passages, self._read_off(logits.float().cpu()), strict=True)), self._meter.effort()

    def _read_off(self, logits: "Tensor") -> list[float]:
        import torch

        if logits.ndim == 2 and logits.shape[1] == 2:  # irrelevant, relevant
            logits = logits.log_softmax(1)[:, 1]
        if logits.ndim != 1:
            raise RerankError(
                f"The model {self._source!r} has {logits.shape[1]} labels; a reranker has one or two. Set"
                " rerank.model to another model."
            )
        if not torch.isfinite(logits).all():
            raise RerankError(f"The model {self._source!r} returned NaN or infinite scores; use another one.")
        return [float(logit) for logit in logits]

    def _pieces(self, memory: Memory, room: int) -> Iterator[str]:
        """Yield a memory in pieces; each tells the speaker, unless the name alone takes half the room."""
        prefix = speaker_prefix(memory)
        taken = self._count([prefix])[0]
        text, prefix, taken = (memory.text, prefix, taken) if taken <= room // 2 else (prefix + memory.text, "", 0)
        for start, end in pieces_of(text, room=room - taken, count=self._count):
            yield prefix + text[start:end].strip()

    def _count(self, texts: Sequence[str]) -> list[int]:
        """Return the tokens of each text, without special ones."""
        tokenize: Any = self._model.tokenizer
        encoded = tokenize(list(texts), add_special_tokens=False, truncation=False, padding=False, verbose=False)
        return [len(ids) for ids in encoded["input_ids"]]

    def _special_tokens(self) -> int:
        """Return how many tokens a pair takes beside its texts: separators, or a whole chat template."""
        model: Any = self._model
        prompts: dict[str, str] = model.prompts or {}
        prompt = prompts.get(model.default_prompt_name)
        read = model.preprocess([("a", "a")], prompt=prompt)["input_ids"].shape[-1]
        return int(read) - sum(self._count(["a", "a"]))

    def _refuse_untrained(self) -> None:
        """Refuse an encoder whose scores would come from a head of random numbers."""
        architectures: Sequence[str] = getattr(self._model.config, "architectures", None) or ()
        is_plain = len(self._model) == 1  # further modules compute the score
        if is_plain and architectures and not any(one.endswith(_HEADS) for one in architectures):
            raise RerankError(
                f"{self._source!r} is no cross-encoder but a {architectures[0]}: it cannot score a pair. Set"
                f" rerank.model to a reranker, say {SUGGESTED_MODEL}."
            )


def _loaded(source: str, device: str | None) -> Any:
    """Load from a folder or the hub's cache on this machine, else from the hub."""
    from safetensors import SafetensorError
    from sentence_transformers import CrossEncoder

    path = Path(source).expanduser()
    is_path = path.is_dir() or source.startswith(("/", ".", "~")) or source.count("/") > 1
    place = str(path) if is_path else source
    try:
        with _without_bars():
            try:
                return CrossEncoder(place, device=device, local_files_only=True)
            except OSError:
                if is_path:
                    raise
                return CrossEncoder(place, device=device)
    except (OSError, ValueError, KeyError, RuntimeError, AssertionError, SafetensorError) as error:
        reason = (str(error).strip().splitlines() or [repr(error)])[0]  # torch without CUDA asserts
        raise RerankError(
            f"Cannot load the cross-encoder {source!r}: {reason.rstrip('.')}. Check rerank.device, and"
            f" rerank.model: a folder, or a hub name as {SUGGESTED_MODEL}, which needs a network the first time."
        ) from error


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


def _positions(model: Any) -> int:
    """Return how many tokens the model can place; RoBERTa's family counts its positions from behind the padding."""
    longest = int(model.tokenizer.model_max_length)
    for module in model.modules():
        table = getattr(module, "position_embeddings", None)
        if table is not None and hasattr(table, "num_embeddings"):
            padding = table.padding_idx
            longest = min(longest, table.num_embeddings - (0 if padding is None else padding + 1))
    return longest
