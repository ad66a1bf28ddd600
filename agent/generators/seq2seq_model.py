"""A loaded seq2seq reader: BART, T5 or the generator of a RAG model, its tokenizer, and its inputs."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...memory.errors import GenerationError

MOST_READ = 1024
"""Tokens of an input, less where the model's positions end earlier."""
SUGGESTED_MODEL = "facebook/rag-token-nq"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedReader:
    """`question_encoder` is DPR's with a RAG model, else None. transformers' classes are untyped."""

    model: Any
    tokenizer: Any
    question_encoder: Any
    device: str

    @property
    def window(self) -> int:
        """Tokens an input may have."""
        config = self.model.config
        positions = getattr(config, "max_position_embeddings", None) or getattr(config, "n_positions", None)
        return min(MOST_READ, int(positions or MOST_READ))

    @property
    def end(self) -> int:
        """The token that ends an answer."""
        return int(self.model.config.eos_token_id)

    @property
    def forced_first(self) -> int | None:
        """The token every answer begins with (`forced_bos_token_id`), None where any may."""
        forced: int | None = self.model.generation_config.forced_bos_token_id
        return forced

    @property
    def forced_last(self) -> int | None:
        """The end, where an answer of the most tokens has to have it (`forced_eos_token_id`), else None."""
        return None if self.model.generation_config.forced_eos_token_id is None else self.end

    @property
    def silent(self) -> frozenset[int]:
        """The tokens that no text is made of."""
        return frozenset(self.tokenizer.all_special_ids)

    def inputs(
        self, question: str, passages: Sequence[str], template: str, *, most_tokens: int = MOST_READ
    ) -> tuple[Tensor, Tensor]:
        """Return ids and mask (passages, length), padded; a passage that is too long is cut, the question never.

        Raises GenerationError where the question alone does not fit.
        """
        before, _, after = template.replace("{question}", question, 1).partition("{context}")
        if "{question}" not in template.partition("{context}")[0]:
            before = template.partition("{context}")[0]
            after = template.partition("{context}")[2].replace("{question}", question, 1)
        head, tail = self._ids(before), self._ids(after)
        opening, closing = self._special()
        head, tail = [*opening, *head], [*tail, *closing]
        window = min(self.window, most_tokens)
        room = window - len(head) - len(tail)
        if room < 1:
            raise GenerationError(f"The question is longer than the {window} tokens the reader reads; ask shorter.")
        rows = [[*head, *self._ids(passage)[:room], *tail] for passage in passages]
        longest = max(len(row) for row in rows)
        pad = int(self.tokenizer.pad_token_id)
        ids = torch.tensor([[*row, *[pad] * (longest - len(row))] for row in rows], device=self.device)
        mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows], device=self.device)
        return ids, mask

    def text(self, tokens: Sequence[int]) -> str:
        """Return tokens as text, without the special ones."""
        text: str = self.tokenizer.decode(list(tokens), skip_special_tokens=True)
        return text

    def tokens(self, text: str) -> tuple[int, ...]:
        """Return a text as an answer: its tokens and the end, behind the one every answer begins with."""
        first = () if self.forced_first is None else (self.forced_first,)
        return (*first, *self._ids(text), self.end)

    def _special(self) -> tuple[list[int], list[int]]:
        """Return the special tokens before and behind every input."""
        inside = self._ids("a")
        whole: list[int] = self.tokenizer("a").input_ids
        added = len(whole) - len(inside)
        before = next((n for n in range(added + 1) if whole[n : n + len(inside)] == inside), 0)
        return whole[:before], whole[before + len(inside) :]

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer(text, add_special_tokens=False).input_ids
        return ids


def load_reader(source: str, device: str | None) -> LoadedReader:
    """Load a seq2seq model or a RAG model, from this machine if it is on it; bf16 on a GPU that has it, else fp32.

    Raises GenerationError.
    """
    from safetensors import SafetensorError

    place = device or ("cuda" if torch.cuda.is_available() else "cpu")
    path = Path(source).expanduser()
    name = str(path) if path.exists() else source
    try:
        with _without_bars():
            try:
                return _loaded(name, place, is_local=True)
            except OSError:
                if path.exists():
                    raise
                return _loaded(name, place, is_local=False)
    except (OSError, ValueError, KeyError, RuntimeError, AssertionError, SafetensorError) as error:
        reason = (str(error).strip().splitlines() or [repr(error)])[0]  # torch without CUDA asserts
        raise GenerationError(
            f"Cannot load the reader {source!r} on {place}: {reason.rstrip('.')}. Check generator.device, and "
            f"generator.model: a folder, or a hub name as {SUGGESTED_MODEL}, which needs a network the first time."
        ) from error


@contextmanager
def _without_bars() -> Generator[None]:
    """Keep transformers from drawing progress bars; its warnings of weights that are missing stay."""
    logs: Any = import_module("transformers.utils.logging")  # untyped
    has_bars = logs.is_progress_bar_enabled()
    logs.disable_progress_bar()
    try:
        yield
    finally:
        if has_bars:
            logs.enable_progress_bar()


def dtype_on(place: str) -> torch.dtype:
    """Return bf16 on a GPU that computes with it, else fp32; sums of log-probabilities are fp32 with both."""
    has_bf16 = place.startswith("cuda") and torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.bfloat16 if has_bf16 else torch.float32


def _loaded(name: str, place: str, *, is_local: bool) -> LoadedReader:
    import transformers

    library: Any = transformers  # its loaders are untyped
    is_rag = library.AutoConfig.from_pretrained(name, local_files_only=is_local).model_type == "rag"
    loader = library.RagModel if is_rag else library.AutoModelForSeq2SeqLM
    whole: Any = loader.from_pretrained(name, local_files_only=is_local, dtype=dtype_on(place)).to(place).eval()
    folder = {"subfolder": "generator_tokenizer"} if is_rag else {}
    tokenizer: Any = library.AutoTokenizer.from_pretrained(name, local_files_only=is_local, **folder)
    return LoadedReader(
        model=whole.generator if is_rag else whole,
        tokenizer=tokenizer,
        question_encoder=whole.question_encoder if is_rag else None,
        device=place,
    )
