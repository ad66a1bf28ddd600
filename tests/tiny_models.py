"""Tiny random decoders and a tokenizer, written to disk: every family through the same door as the real ones."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

FAMILIES = ("qwen3", "qwen2", "llama", "mistral")

_SHAPE: dict[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 5,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "vocab_size": 600,
    "max_position_embeddings": 4096,
    "bos_token_id": None,
    "eos_token_id": 0,
    "pad_token_id": 0,
}
_OWN: dict[str, dict[str, Any]] = {
    "llama": {
        "rope_parameters": {
            "rope_type": "llama3",
            "rope_theta": 10000.0,
            "factor": 4.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 64,
        }
    },
    "mistral": {"sliding_window": None},
}
"""What a family has beside the common shape: Llama 3's RoPE scaling, and no window for Mistral unless asked for."""

HEADS = {1: (5, 0), 2: (3,), 3: (7, 2, 4)}
"""Heads of several layers, out of order and with shared and unshared keys; the top layer is above them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """Random tokens with two documents and a question: what captures are asked about."""

    ids: torch.Tensor  # (1, tokens)
    rows: torch.Tensor  # (1, rows)
    member: torch.Tensor  # (1, tokens, 2)


def tiny_config(family: str, **changes: Any) -> Any:
    """Return the configuration of a family at a size that runs in milliseconds."""
    return AutoConfig.for_model(family, **{**_SHAPE, **_OWN.get(family, {}), **changes})


def tiny_model(family: str, **changes: Any) -> Any:
    """Return a base model with random weights, always the same ones."""
    return _random(family, changes).base_model.eval()


def _random(family: str, changes: dict[str, Any]) -> Any:
    """A causal language model whose attention is sharper than it is at initialisation."""
    torch.manual_seed(7)
    model = AutoModelForCausalLM.from_config(tiny_config(family, **changes))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name.endswith(("q_proj.weight", "k_proj.weight")):
                weight.mul_(6.0)
            elif name.endswith("q_norm.weight"):
                weight.mul_(3.0)
    return model


def prompt(tokens: int = 75, seed: int = 3) -> Prompt:
    """Return random ids; documents at 5 to 19 and 20 to 49, the question's rows near the end, with text after it."""
    torch.manual_seed(seed)
    member = torch.zeros(1, tokens, 2)
    member[:, 5:20, 0] = member[:, 20:50, 1] = 1.0
    rows = torch.arange(tokens - 15, tokens - 4)[None]
    return Prompt(ids=torch.randint(1, 600, (1, tokens)), rows=rows, member=member)


def tokenizer(folder: Path, texts: tuple[str, ...] = ()) -> PreTrainedTokenizerFast:
    """Train a byte-level BPE tokenizer on a few lines and write it to `folder`; any text has tokens."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=600, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    bpe.train_from_iterator([*_LINES, *texts], trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token=special[0], pad_token=special[0])
    fast.save_pretrained(folder)
    return fast


def write_model(folder: Path, family: str = "qwen3", **changes: Any) -> Path:
    """Write a causal language model with random weights and its tokenizer to `folder`, as hubs keep them."""
    _random(family, changes).save_pretrained(folder)
    tokenizer(folder)
    return folder


def write_heads(path: Path, heads: list[tuple[int, int]], **changes: Any) -> Path:
    """Write a head set for the tiny models."""
    told = {
        "model_id": "tiny",
        "layers": 5,
        "heads_per_layer": 8,
        "heads": heads,
        "dataset": "none",
        "source": "tests",
        "note": "",
    }
    path.write_text(json.dumps({**told, **changes}), encoding="utf-8")
    return path


_LINES = (
    "Here are some retrieved chunks: [1] Alice: I adopted a beagle called Biscuit yesterday.",
    "Use the retrieved chunks to answer the user's query. Query: What is Alice's dog called?",
    "Please find information that are relevant to the following query in the paragraphs above.",
    "We had pizza with anchovies and the wedding is in a barn near Ghent.",
)
