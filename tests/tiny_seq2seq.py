"""Tiny random seq2seq models and RAG models, in memory and on disk, and what they say of every answer there is."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# mypy: disable-error-code=no-untyped-call
# torch and transformers type tolist, backward, manual_seed and their loaders loosely

from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import BartConfig, BartForConditionalGeneration, DPRConfig, DPRQuestionEncoder, RagConfig

from tests.tiny_models import tokenizer

END = 2
PAD = 1
START = 2


def bart_config(vocabulary: int = 8, **changes: Any) -> BartConfig:
    """A BART of 2 layers of 16; nothing is forced, as trained generators need nothing."""
    shape: dict[str, Any] = {
        "vocab_size": vocabulary,
        "d_model": 16,
        "encoder_layers": 2,
        "decoder_layers": 2,
        "encoder_attention_heads": 2,
        "decoder_attention_heads": 2,
        "encoder_ffn_dim": 32,
        "decoder_ffn_dim": 32,
        "max_position_embeddings": 512,
        "forced_eos_token_id": None,
        "forced_bos_token_id": None,
        "decoder_start_token_id": START,
        "bos_token_id": 0,
        "pad_token_id": PAD,
        "eos_token_id": END,
        "init_std": 0.5,
        "dropout": 0.0,
    }
    return BartConfig(**{**shape, **changes})


def bart(seed: int = 0, vocabulary: int = 8, **changes: Any) -> Any:
    """A BART with random weights, large enough that documents and tokens differ."""
    torch.manual_seed(seed)
    return BartForConditionalGeneration(bart_config(vocabulary, **changes)).eval()


def documents(seed: int = 0, count: int = 3, length: int = 6, vocabulary: int = 8) -> tuple[Tensor, Tensor]:
    """Random inputs of different lengths, padded: ids and mask, (count, length)."""
    made = torch.Generator().manual_seed(100 + seed)
    ids = torch.randint(3, vocabulary, (count, length), generator=made)
    mask = torch.ones_like(ids)
    for row in range(1, count):
        mask[row, length - row % 3 :] = 0
    return ids.masked_fill(mask == 0, PAD), mask


def scores(seed: int = 0, count: int = 3) -> Tensor:
    """Random scores of documents, (count,)."""
    return torch.randn(count, generator=torch.Generator().manual_seed(200 + seed))


def every_answer(most_tokens: int, vocabulary: int = 8) -> Iterator[tuple[int, ...]]:
    """Every answer of at most so many tokens: ended, or cut at the most tokens."""
    words = [word for word in range(vocabulary) if word != END]
    for length in range(most_tokens):
        yield from ((*said, END) for said in product(words, repeat=length))
    yield from product(words, repeat=most_tokens)


def exact_log_probs(model: Any, ids: Tensor, mask: Tensor, answers: Sequence[tuple[int, ...]]) -> Tensor:
    """The log-probability of each token of each answer with each document, (answers, k, tokens), 0 behind the end.

    Computed without any cache, one full pass a document.
    """
    longest = max(len(answer) for answer in answers)
    targets = torch.tensor([[*answer, *[END] * (longest - len(answer))] for answer in answers])
    is_said = torch.tensor([[place < len(answer) for place in range(longest)] for answer in answers])
    inputs = torch.cat([torch.full_like(targets[:, :1], START), targets[:, :-1]], 1)
    found = []
    for row in range(len(ids)):
        logits = model(
            input_ids=ids[row : row + 1].expand(len(answers), -1),
            attention_mask=mask[row : row + 1].expand(len(answers), -1),
            decoder_input_ids=inputs,
            use_cache=False,
        ).logits
        found.append(logits.log_softmax(-1).gather(-1, targets[..., None]).squeeze(-1) * is_said)
    return torch.stack(found, 1)


def plain(tokens: Tensor) -> tuple[int, ...]:
    """What transformers generated, without the start and what fills the row up."""
    said = tokens.tolist()[1:]
    return tuple(said[: said.index(END) + 1] if END in said else said)


def rag_config(vocabulary: int = 8, **changes: Any) -> Any:
    """A tiny RAG: DPR's question encoder and BART."""
    encoder = DPRConfig(
        vocab_size=30,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
    )
    rag: Any = RagConfig.from_question_encoder_generator_configs(
        encoder, bart_config(vocabulary, **changes), n_docs=3
    )
    for name in ("bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id"):
        setattr(rag, name, getattr(rag.generator, name))
    return rag


def rag(kind: Any, generator: Any, *, documents: int = 3) -> Any:
    """transformers' RAG of this kind around a generator, with a random question encoder and no retriever."""
    torch.manual_seed(5)
    config = rag_config(generator.config.vocab_size)
    config.n_docs = documents
    return kind(
        config=config, question_encoder=DPRQuestionEncoder(config.question_encoder), generator=generator
    ).eval()


def write_bart(folder: Path, *, seed: int = 3, **changes: Any) -> Path:
    """Write a BART with random weights and a tokenizer of 600 pieces, as hubs keep them."""
    written = tokenizer(folder)
    end = written.eos_token_id
    ids = {"eos_token_id": end, "pad_token_id": end, "decoder_start_token_id": end, "bos_token_id": end}
    bart(seed, len(written), **{**ids, **changes}).save_pretrained(folder)
    return folder
