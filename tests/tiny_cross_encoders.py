"""Tiny random cross-encoders, written to disk: BERT's and XLM-RoBERTa's ways to read a pair, and a decoder's."""

import string
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForSequenceClassification,
    BertTokenizer,
    XLMRobertaTokenizer,
)

from tests.tiny_models import tiny_config, tokenizer

WORDS = ("dog", "beagle", "biscuit", "wedding", "barn", "pizza", "knee", "run", "piano", "lisbon")
_CHARACTERS = string.ascii_letters + string.digits + ".,:;!?'-"


def write_cross_encoder(
    folder: Path, family: str = "bert", *, labels: int = 1, window: int = 64, has_head: bool = True
) -> Path:
    """Write a model that reads pairs of up to `window` tokens, with weights large enough to tell texts apart."""
    # RoBERTa's positions begin behind the one of the padding
    positions = window if family == "bert" else window + 2
    pad = 0 if family == "bert" else 1
    (_bert_tokenizer() if family == "bert" else _xlm_roberta_tokenizer()).save_pretrained(folder)
    config = AutoConfig.for_model(
        family,
        vocab_size=200,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=positions,
        num_labels=labels,
        pad_token_id=pad,
    )
    torch.manual_seed(11)
    model: Any = (AutoModelForSequenceClassification if has_head else AutoModel).from_config(config)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.ndim == 2 and "position" not in name and "type" not in name:
                weight.mul_(12.0)
    model.save_pretrained(folder)
    return folder


def write_decoder(folder: Path) -> Path:
    """Write a causal language model that knows `yes` and `no`, as Qwen3-Reranker does."""
    from transformers import AutoModelForCausalLM

    tokenizer(folder, ("yes\nno\n" * 9,))
    torch.manual_seed(11)
    model: Any = AutoModelForCausalLM.from_config(tiny_config("qwen3"))
    model.save_pretrained(folder)
    return folder


def _bert_tokenizer() -> BertTokenizer:
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    letters = [*string.ascii_lowercase, *string.digits, *".,:;!?'-"]
    vocabulary = [*pieces, *letters, *(f"##{letter}" for letter in letters)]
    return BertTokenizer(vocab={piece: number for number, piece in enumerate(vocabulary)})


def _xlm_roberta_tokenizer() -> XLMRobertaTokenizer:
    special = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    words = [(f"▁{word}", -2.0) for word in WORDS]
    letters = [(letter, -4.0) for letter in ("▁", *_CHARACTERS)]
    return XLMRobertaTokenizer(vocab=[*special, *words, *letters, ("<mask>", 0.0)])
