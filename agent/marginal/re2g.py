"""What Re2G trains beside the generator: reranker lists, the query encoder's lessons, and how lists are merged."""

from collections.abc import Hashable, Sequence
from typing import TypeVar

from torch import Tensor

TEMPERATURE = 10.0
"""Of the distillation (Re2G, arXiv 2207.06300, section 3.4, and the authors' code)."""

Passage = TypeVar("Passage", bound=Hashable)


def distillation_loss(student: Tensor, teacher: Tensor, *, temperature: float = TEMPERATURE) -> Tensor:
    """Return T^2 KL(softmax(teacher / T) || softmax(student / T)), one a list (…,), of scores (…, documents).

    The direction of the authors' code, not the one printed in the paper (METHODS 3.6). The teacher is a constant: no
    gradient flows to it. Raises ValueError for lists of different lengths.
    """
    if student.shape != teacher.shape:
        raise ValueError(f"Student {tuple(student.shape)} and teacher {tuple(teacher.shape)} score different lists.")
    log_taught = (teacher.detach() / temperature).log_softmax(-1)
    log_learned = (student / temperature).log_softmax(-1)
    return temperature**2 * (log_taught.exp() * (log_taught - log_learned)).sum(-1)


def provenance_loss(relevance: Tensor, is_evidence: Tensor) -> Tensor:
    """Return -sum over evidence of log softmax(z_r) of one list: scores and bool evidence, both (documents,).

    A sum over positives, each of which stays in the denominator (Re2G stage 3, METHODS 3.4).
    """
    return -relevance.log_softmax(-1)[is_evidence].sum()


def surrogate_loss(relevance: Tensor, gradient: Tensor) -> Tensor:
    """Return dot(z_r, g), whose gradient is that of the generator's loss by the chain rule (METHODS 3.5, step 3).

    `gradient` is dL/dz_r as it was left on the leaf scores; it is a constant here.
    """
    return (relevance * gradient.detach()).sum()


def merged_by_rank(lists: Sequence[Sequence[Passage]], *, weights: Sequence[float] = ()) -> dict[Passage, float]:
    """Return sum over lists of weight / rank by passage, ranks from 1, best first; ties keep the order of the lists.

    RRF with K = 0, as Re2G merges the lists of DPR and BM25 for stage 3 (METHODS section 1). Passages are compared by
    what they hold, not by ids. One that a list repeats counts where it came first. Raises ValueError unless there is
    one weight a list, or none.
    """
    if weights and len(weights) != len(lists):
        raise ValueError(f"{len(weights)} weights do not fit {len(lists)} lists.")
    merged: dict[Passage, float] = {}
    for place, passages in enumerate(lists):
        weight = weights[place] if weights else 1.0
        for rank, passage in enumerate(dict.fromkeys(passages), 1):
            merged[passage] = merged.get(passage, 0.0) + weight / rank
    return dict(sorted(merged.items(), key=lambda item: -item[1]))
