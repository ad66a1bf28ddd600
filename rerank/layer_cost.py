"""What reading costs a model of transformers: floating-point operations, from the shapes of its layers alone."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from torch import nn

_LINEAR = ("Linear", "Conv1D")
_ENTERING = ("q_proj", "k_proj", "v_proj", "qkv_proj", "query_key_value", "c_attn", "Wqkv")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """One reading: `texts` of `tokens` each, padding included, after `past` tokens that were read before."""

    tokens: int
    past: int = 0
    texts: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerCost:
    """The layers of a model: how many weights the linear maps of each have, and how wide all its heads are together.

    `entering` are the weights of the last layer's maps to queries, keys and values.
    """

    weights: tuple[int, ...]
    entering: int
    width: int

    def flops(self, passes: Iterable[Pass], *, stops: bool = False) -> float:
        """Return what readings take, a multiply and an add being two; with `stops` the last layer's attention is not
        computed.

        Only matrix products of the layers are counted: for texts of T tokens after P, each layer takes 2 T W for its
        W weights and 4 T (T + P) d for the attention of heads that are d wide together, as if every token looked at
        all others. Norms, activations, embeddings and the head that reads a score off are some percent more.
        """
        total = 0
        last = self.entering if stops else self.weights[-1]
        for one in passes:
            maps = 2 * one.tokens * (sum(self.weights[:-1]) + last)
            looks = 4 * one.tokens * (one.tokens + one.past) * self.width
            total += one.texts * (maps + looks * (len(self.weights) - stops))
        return float(total)


def layer_cost(model: nn.Module) -> LayerCost | None:
    """Return what reading costs a model with `config`, None where its shape does not tell.

    It does not for mixtures of experts, of which each token uses a few, nor for layers that are made of anything but
    linear maps.
    """
    config: Any = model.config
    config = config.get_text_config() if hasattr(config, "get_text_config") else config
    count, heads = getattr(config, "num_hidden_layers", None), getattr(config, "num_attention_heads", None)
    if not isinstance(count, int) or not isinstance(heads, int) or _has_experts(config):
        return None
    layers = next((one for one in model.modules() if isinstance(one, nn.ModuleList) and len(one) == count), None)
    if layers is None:
        return None
    weights = tuple(sum(_maps(layer).values()) for layer in layers)
    entering = sum(held for name, held in _maps(layers[-1]).items() if name.rpartition(".")[2] in _ENTERING)
    wide = getattr(config, "head_dim", None) or config.hidden_size // heads
    return LayerCost(weights=weights, entering=entering, width=heads * wide) if all(weights) else None


def _maps(layer: Any) -> dict[str, int]:
    """Return the weights of a layer's linear maps by name; GPT-2 calls them Conv1D."""
    named: Iterable[tuple[str, Any]] = layer.named_modules()  # torch types weights as whatever a module may hold
    return {name: int(one.weight.numel()) for name, one in named if type(one).__name__ in _LINEAR}


def _has_experts(config: object) -> bool:
    return any(getattr(config, name, None) for name in ("num_experts", "num_local_experts", "n_routed_experts"))
