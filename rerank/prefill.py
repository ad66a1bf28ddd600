"""Prefill-once memory: long texts stay read as keys and values, so that a question costs only its own tokens.

METHODS 7.4 and 7.5. What is kept of a text are the keys and values of its tokens up to the top layer with QR heads
(of that layer the keys alone). A decoder looks back only, so a kept text serves every text that begins with the same
tokens: the tokens both begin with are used, the rest is read. Token ids are compared each time, so an edited,
shortened or reordered text can never be answered from what was kept of the old one.
"""

import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from transformers import DynamicCache

from ..memory.errors import RerankError
from .attention import fork, prefill

if TYPE_CHECKING:
    from transformers import PreTrainedModel

DEFAULT_BUDGET_BYTES = 2 * 2**30
"""Holds one LoCoMo conversation of 18,000 tokens with Qwen3-4B up to layer 24 in bf16: 100,352 bytes a token."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, weakref_slot=True)
class Prefix:
    """A text that was read: `ids` int64 (tokens,) on the CPU, and its keys and values, never changed once made.

    `computed` tokens were read to make it; the others were taken over from what was kept. Two are equal if they are
    the same object.
    """

    ids: Tensor
    cache: DynamicCache
    computed: int

    @property
    def bytes(self) -> int:
        """The memory of all its tensors, whether all of it is in use or not."""
        tensors = [self.ids, *(t for layer in _layers(self.cache) for t in (layer.keys, layer.values))]
        return sum(tensor.untyped_storage().nbytes() for tensor in tensors)


class PrefilledTexts:
    """Texts by key, read once; the least recently used are dropped when all together exceed `budget_bytes`.

    A text above the budget is served and not kept. Safe to use from several threads: what is kept is replaced and
    never changed, a text that is kept is found without waiting, and one text at a time is read. While a text grows
    there are two copies of it, the second outside the budget. Raises RerankError for a budget below 0.
    """

    def __init__(self, decoder: "PreTrainedModel", *, top: int, budget_bytes: int = DEFAULT_BUDGET_BYTES) -> None:
        if budget_bytes < 0:
            raise RerankError(f"A prefill budget of {budget_bytes} bytes is not possible; give 0 to keep nothing.")
        self._decoder = decoder
        self._top = top
        self._budget_bytes = budget_bytes
        self._kept: OrderedDict[Hashable, Prefix] = OrderedDict()
        self._keeping = threading.Lock()
        self._reading = threading.Lock()

    @property
    def bytes(self) -> int:
        """The memory of all that is kept."""
        with self._keeping:
            return sum(prefix.bytes for prefix in self._kept.values())

    @property
    def keys(self) -> tuple[Hashable, ...]:
        """The keys of the texts that are kept, the least recently used first."""
        with self._keeping:
            return tuple(self._kept)

    def read(self, key: Hashable, ids: Tensor) -> Prefix:
        """Return the text `ids`, int64 (tokens,), read up to the top layer; keep it under `key`.

        What the text kept under `key` begins with in common is not read again (METHODS 7.5).
        Raises RerankError for a text without tokens.
        """
        if ids.dim() != 1 or not len(ids):
            raise RerankError(f"A text to keep is one row of tokens, at least one; this is {tuple(ids.shape)}.")
        wanted = ids.cpu()
        found = self._found(key, wanted)
        if found is not None:
            return found
        with self._reading:
            found = self._found(key, wanted)  # another thread may have read it meanwhile
            if found is None:
                found = self._extended(self._used(key), wanted)
                self._keep(key, found)
            return found

    def forget(self, key: Hashable) -> None:
        """Drop the text under `key`, if one is kept."""
        with self._keeping:
            self._kept.pop(key, None)

    def clear(self) -> None:
        """Drop every text."""
        with self._keeping:
            self._kept.clear()

    def _used(self, key: Hashable) -> Prefix | None:
        with self._keeping:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def _found(self, key: Hashable, ids: Tensor) -> Prefix | None:
        kept = self._used(key)
        return kept if kept is not None and torch.equal(kept.ids, ids) else None

    def _extended(self, kept: Prefix | None, ids: Tensor) -> Prefix:
        """Return `ids` read, on top of what `kept` has in common with it."""
        common = 0 if kept is None else shared_length(kept.ids, ids)
        past = fork(kept.cache, length=common) if kept is not None and common else None
        rest = ids[common:]
        with torch.no_grad():
            if past is None or len(rest):
                device = self._decoder.device
                past = prefill(self._decoder, rest[None].to(device), top=self._top, past=past)
            else:
                for layer in _layers(past):  # a view of a longer text would keep all of it in memory
                    layer.keys, layer.values = layer.keys.clone(), layer.values.clone()
        highest = _layers(past)[self._top]
        highest.values = highest.values[..., :0, :].clone()  # a reading stops there before values are used
        return Prefix(ids=ids.clone(), cache=past, computed=len(rest))

    def _keep(self, key: Hashable, prefix: Prefix) -> None:
        with self._keeping:
            self._kept.pop(key, None)
            if prefix.bytes > self._budget_bytes:
                return
            self._kept[key] = prefix
            used = sum(one.bytes for one in self._kept.values())
            while used > self._budget_bytes:
                _, dropped = self._kept.popitem(last=False)
                used -= dropped.bytes


def shared_length(one: Tensor, other: Tensor) -> int:
    """Return how many tokens two texts, int64 (tokens,), begin with in common."""
    length = min(len(one), len(other))
    differing = (one[:length] != other[:length]).nonzero()
    return int(differing[0]) if len(differing) else length


def _layers(cache: DynamicCache) -> list[Any]:
    """Return the layers of a cache; transformers types them in part only."""
    layers: list[Any] = list(cache.layers)
    return layers
