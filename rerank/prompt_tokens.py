"""A prompt as tokens: tokenised once, each token given to the span in which its first character stands.

METHODS 7.6. Many tokenizers begin a word's token with the space before it, which belongs to the piece before: the
first character that is no space decides. Otherwise a question would lose its first word.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..memory.errors import RerankError
from .prompt import Prompt, Rows, Span


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptTokens:
    """The tokens of a prompt, and which of them are rows and passages.

    `ids` int64 (tokens,); `offsets` are their characters in the prompt without leading space, `(0, 0)` for tokens
    without any; `rows` are places of tokens, `passages[d]` the tokens of passage d as `(start, end)`.
    """

    ids: Tensor
    offsets: tuple[Span, ...]
    rows: tuple[int, ...]
    passages: tuple[Span, ...]


def tokenised(prompt: Prompt, tokenizer: Any, *, rows: Rows) -> PromptTokens:  # transformers types it in part only
    """Tokenise a prompt as a whole, special tokens of the model's own included.

    Raises RerankError where the tokens do not tell the passages apart: spans must be in order, disjoint, not empty,
    and hold the passages' words.
    """
    encoded = tokenizer(prompt.text, return_offsets_mapping=True)
    offsets = tuple(_trimmed(prompt.text, int(start), int(end)) for start, end in encoded["offset_mapping"])
    places = [place for place, (start, end) in enumerate(offsets) if end > start]
    starts = [offsets[place][0] for place in places]

    def tokens_of(span: Span) -> Span:
        first, after = bisect_left(starts, span[0]), bisect_left(starts, span[1])
        return (places[first], places[after - 1] + 1) if first < after else (0, 0)

    passages = tuple(tokens_of(span) for span in prompt.passages)
    _check(prompt, offsets, passages)
    asked = tokens_of(prompt.rows(rows))
    if asked[0] == asked[1]:
        raise RerankError("The question and its instruction have no tokens; the tokenizer does not fit the model.")
    return PromptTokens(
        ids=torch.tensor(encoded["input_ids"]), offsets=offsets, rows=tuple(range(*asked)), passages=passages
    )


def _trimmed(text: str, start: int, end: int) -> Span:
    """Return the span without leading space, unless it is nothing else."""
    own = text[start:end]
    return (end - len(own.lstrip()), end) if own.strip() else (start, end)


def _check(prompt: Prompt, offsets: Sequence[Span], passages: Sequence[Span]) -> None:
    if max(end for _, end in offsets) > len(prompt.text):
        raise RerankError("The tokenizer does not count characters, so passages cannot be found; use another model.")
    before = 0
    for number, ((start, end), body) in enumerate(zip(passages, prompt.bodies, strict=True), start=1):
        if start >= end or start < before:
            raise RerankError(f"The tokenizer does not tell passage {number} from its neighbours; use another model.")
        words = [at for at in range(*body) if prompt.text[at].isalnum()]
        if words and not offsets[start][0] <= words[0] <= words[-1] < offsets[end - 1][1]:
            raise RerankError(f"The tokens of passage {number} leave out a part of it; use another model.")
        before = end


def neutral(text: str, marks: Sequence[str]) -> str:
    """Return a text of the same length in which no mark of the model, as `<|im_end|>`, stands any more.

    What people said may hold such marks; read as tokens they would end the user's words. Characters that no encoding
    has become "?".
    """
    for mark in marks:
        if mark in text:
            text = text.replace(mark, mark[0] + "¦" + mark[2:])
    return text.encode("utf-8", "replace").decode("utf-8")


def marks_of(tokenizer: Any) -> tuple[str, ...]:
    """Return the texts a tokenizer reads as a mark of its own: `<|im_end|>`, `[INST]`, `</s>` and their like."""
    added = [str(token) for token in tokenizer.added_tokens_decoder.values() if token.special]
    marks = sorted({*map(str, tokenizer.all_special_tokens), *added}, key=lambda mark: (-len(mark), mark))
    return tuple(mark for mark in marks if len(mark) > 2)


def counter(tokenizer: Any) -> Callable[[Sequence[str]], Sequence[int]]:
    """Return what counts the tokens of texts, special tokens left out."""

    def count(texts: Sequence[str]) -> Sequence[int]:
        if not texts:
            return []
        encoded = tokenizer(list(texts), add_special_tokens=False)
        return [len(ids) for ids in encoded["input_ids"]]

    return count
