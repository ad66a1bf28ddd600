"""What an answer out of several documents costs, against transformers' RAG classes with the same weights.

    OMP_NUM_THREADS=1 python -m benchmarks.marginal --json out.json

A BART of BART-base's size with random weights, 5 documents, 4 beams, answers cut at 10 tokens. Our side and
transformers' take turns (A B A B) and have to say the same. Documents are all of one length: transformers'
RAG-Sequence gives its generator no attention mask (modeling_rag.py: `model_kwargs["attention_mask"] = None`), which
is then made from the padding token. No length penalty is asked for: none may enter a marginal. Figures are processor
seconds of one thread, medians; a ratio above 1 says that we are faster.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.figures import Figure, Report, load_average, median
from recollect.agent.marginal.beams import Limits
from recollect.agent.marginal.decoding import rag_sequence, rag_token, result_of
from recollect.agent.marginal.document_decoder import DocumentDecoder
from recollect.agent.marginal.prior import log_prior

VOCABULARY = 50_265
PAD, END = 1, 2
DECODINGS = ("rag-token", "rag-sequence")
WANTED_RATIO = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One question to a model: ids int64 (documents, length), scores float (documents,), and the limits."""

    generator: Any  # transformers' models are untyped
    ids: Tensor
    scores: Tensor
    limits: Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Laps:
    """Processor seconds of both sides of one decoding, and in how many of the rounds both said the same."""

    ours_s: list[float]
    theirs_s: list[float]
    agreed: int

    @property
    def ratio(self) -> float:
        """How often ours fits into theirs."""
        return median(self.theirs_s) / median(self.ours_s)


def bart(layers: int, width: int) -> Any:
    """Return a BART of so many layers a side with random weights that are always the same."""
    import transformers

    library: Any = transformers  # its configurations are typed loosely
    torch.manual_seed(0)  # pyright: ignore[reportUnknownMemberType]
    config = library.BartConfig(
        vocab_size=VOCABULARY,
        d_model=width,
        encoder_layers=layers,
        decoder_layers=layers,
        encoder_attention_heads=width // 64,
        decoder_attention_heads=width // 64,
        encoder_ffn_dim=4 * width,
        decoder_ffn_dim=4 * width,
        pad_token_id=PAD,
        bos_token_id=0,
        eos_token_id=END,
        decoder_start_token_id=END,
        forced_eos_token_id=None,
        forced_bos_token_id=None,
        init_std=0.1,  # so that documents and words differ, and no answer wins by rounding
    )
    return library.BartForConditionalGeneration(config).eval()


def ours(task: Task, decoding: str) -> list[int]:
    """Return the tokens of our answer."""
    decoder = DocumentDecoder(task.generator, task.ids, torch.ones_like(task.ids))
    prior = log_prior(task.scores)
    if decoding == "rag-token":
        return list(result_of(rag_token(decoder, prior, task.limits)).tokens)
    return list(rag_sequence(decoder, prior, task.limits).tokens)


def theirs(task: Task, model: Any) -> list[int]:
    """Return the tokens of transformers' answer, without the start and what fills the row up."""
    found = model.generate(
        context_input_ids=task.ids,
        context_attention_mask=torch.ones_like(task.ids),
        doc_scores=task.scores[None],
        n_docs=len(task.ids),
        num_beams=task.limits.beams,
        max_length=task.limits.most_tokens + 1,
        length_penalty=0.0,
        early_stopping=False,
    )
    said: list[int] = found[0].tolist()[1:]
    return said[: said.index(END) + 1] if END in said else said


def rag(kind: Any, generator: Any, documents: int) -> Any:
    """Return transformers' RAG of this kind around the generator; the question encoder, never run, is tiny."""
    import transformers

    library: Any = transformers
    encoder = library.DPRConfig(
        vocab_size=30, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
    )
    config = library.RagConfig.from_question_encoder_generator_configs(encoder, generator.config, n_docs=documents)
    for name in ("bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id"):
        setattr(config, name, getattr(generator.config, name))
    return kind(config=config, question_encoder=library.DPRQuestionEncoder(encoder), generator=generator).eval()


def in_turns(tasks: Sequence[Task], one: Callable[[Task], list[int]], other: Callable[[Task], list[int]]) -> Laps:
    """Run both sides on each task after a first one that is not timed, the one that begins changing."""
    spent: tuple[list[float], list[float]] = ([], [])
    agreed = 0
    for number, task in enumerate([tasks[0], *tasks]):
        said: dict[int, list[int]] = {}
        for side in (0, 1) if number % 2 else (1, 0):
            begun = time.process_time()
            said[side] = (one, other)[side](task)
            if number:
                spent[side].append(time.process_time() - begun)
        agreed += bool(number) and said[0] == said[1]
    return Laps(ours_s=spent[0], theirs_s=spent[1], agreed=agreed)


@torch.inference_mode()
def measure(given: argparse.Namespace) -> Report:
    """Time both decodings on every task."""
    from transformers import RagSequenceForGeneration, RagTokenForGeneration

    load, generator = load_average(), bart(given.layers, given.width)
    made = torch.Generator().manual_seed(1)
    limits = Limits(beams=given.beams, most_tokens=given.tokens, end=END)
    tasks = [
        Task(
            generator=generator,
            ids=torch.randint(3, VOCABULARY, (given.documents, given.length), generator=made),
            scores=torch.randn(given.documents, generator=made),
            limits=limits,
        )
        for _ in range(given.repetitions)
    ]
    kinds = {"rag-token": RagTokenForGeneration, "rag-sequence": RagSequenceForGeneration}
    laps: dict[str, Laps] = {}
    for decoding in DECODINGS:
        model = rag(kinds[decoding], generator, given.documents)
        laps[decoding] = in_turns(tasks, partial(ours, decoding=decoding), partial(theirs, model=model))
    return Report(
        benchmark="marginal",
        protocol={
            "layers": given.layers,
            "width": given.width,
            "threads": torch.get_num_threads(),
            "dtype": "float32",
        },
        n={"documents": given.documents, "beams": given.beams, "input tokens": given.length, "questions": len(tasks)},
        figures=figures(laps, len(tasks)),
        repetitions={
            f"{d} {side}": s
            for d, one in laps.items()
            for side, s in (("ours", one.ours_s), ("theirs", one.theirs_s))
        },
        load=(load, load_average()),
    )


def figures(laps: dict[str, Laps], questions: int) -> tuple[Figure, ...]:
    """Return of each decoding the ratio, how often both said the same, and the seconds of both."""
    found: list[Figure] = []
    for decoding, one in laps.items():
        ratio = Figure(
            name=f"{decoding}: transformers / ours", value=one.ratio, unit="x", bound="at least", target=WANTED_RATIO
        )
        same = Figure(name=f"{decoding}: same answers", value=one.agreed / questions, bound="at least", target=1.0)
        found += [ratio, same]
        found.append(Figure(name=f"{decoding}: ours", value=median(one.ours_s), unit="CPU-s"))
        found.append(Figure(name=f"{decoding}: transformers", value=median(one.theirs_s), unit="CPU-s"))
    return tuple(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layers", type=int, default=6, help="of the encoder, and of the decoder (6)")
    parser.add_argument("--width", type=int, default=768, help="of the model, a multiple of 64 (768)")
    parser.add_argument("--documents", type=int, default=5)
    parser.add_argument("--beams", type=int, default=4)
    parser.add_argument("--length", type=int, default=128, help="tokens of each document with its question (128)")
    parser.add_argument("--tokens", type=int, default=10, help="tokens of an answer at most (10)")
    parser.add_argument("--repetitions", type=int, default=5, help="questions")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    given = parser.parse_args()
    torch.set_num_threads(1)
    report = measure(given)
    report.show()
    report.write(given.json)


if __name__ == "__main__":
    main()
