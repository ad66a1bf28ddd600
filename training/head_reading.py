"""Learns how much each head's attention says (`recollect train heads`), from MSC and FriendsQA alone.

Pools of LoCoMo's size are made of MSC conversations (ten joined, speakers renamed) and of FriendsQA episodes; the
candidates are those of our own first stage. The loss is the group contrastive one of QRRanker (METHODS 6.4, Eq. 4):
each evidence turn against all others, other evidence not in the denominator; ridge-regularised, so convex.
"""

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from ..agent.long_term_memory import LongTermMemory
from ..memory.embedder import MINILM_SHA256, MiniLmEmbedder
from ..memory.types import Scope, Turn
from ..rerank.block import block_text
from ..rerank.block_attention import attend
from ..rerank.head_reading import features
from .corpora import Conversation
from .losses import group_contrastive
from .pools import friends_episodes, msc_pools

KS = (1, 3, 5, 10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What to learn from; everything random comes from `seed`."""

    msc_pools: int = 7
    msc_questions: int = 50
    friends_episodes: int = 14
    friends_questions: int = 18
    candidates: int = 60
    ridge: float = 0.1
    seed: int = 11


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedList:
    """One question: features (candidates, features), which are evidence, first-stage scores, how many are gold."""

    features: Tensor
    is_evidence: Tensor
    first_stage: Tensor
    gold: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """The weights and what they reach on the dev splits, recall in percent beside the first stage's."""

    weights: list[float]
    encoder: str
    trained_on: dict[str, int]
    measured_on: dict[str, int]
    first_stage: dict[str, dict[str, float]]
    block: dict[str, dict[str, float]]


def lists_of(
    pools: Sequence[Conversation],
    open_memory: Callable[[str], LongTermMemory],
    encoder: MiniLmEmbedder,
    recipe: Recipe,
) -> list[RankedList]:
    """Ask each pool some of its questions and read the heads over the first stage's candidates."""
    lists: list[RankedList] = []
    for pool in pools:
        memory = open_memory(f"{pool.split} {pool.id}")
        memory.add_many(pool.turns)
        scope = memory.scope({}) or Scope()
        most = recipe.msc_questions if "+" in pool.id else recipe.friends_questions
        questions = random.Random(f"{recipe.seed} {pool.id}").sample(pool.questions, min(most, len(pool.questions)))
        for question in questions:
            found = memory.archive.recall.recall(question.text, scope=scope, limit=recipe.candidates).candidates
            tokens = encoder.token_ids([question.text, *(block_text(c.memory) for c in found)])
            refs = [c.memory.ref if isinstance(c.memory, Turn) else None for c in found]
            lists.append(
                RankedList(
                    features=features(attend(encoder.model, tokens[0], tokens[1:]), found).clone(),
                    is_evidence=torch.tensor([ref in question.evidence for ref in refs]),
                    first_stage=torch.tensor([c.fused for c in found]),
                    gold=len(set(question.evidence)),
                )
            )
    return lists


def learn(
    data: Path, open_memory: Callable[[str], LongTermMemory], encoder: MiniLmEmbedder, recipe: Recipe
) -> Learned:
    """Learn on the train splits of `data`/msc and `data`/friendsqa, measure on their dev splits."""
    drawn = random.Random(recipe.seed)
    train: list[RankedList] = []
    dev: dict[str, list[RankedList]] = {}
    for split in ("train", "dev"):
        share = 1.0 if split == "train" else 0.5
        sets = {
            "msc": msc_pools(data, split, max(1, round(share * recipe.msc_pools)), drawn),
            "friendsqa": friends_episodes(data, split, max(1, round(share * recipe.friends_episodes)), drawn),
        }
        for name, pools in sets.items():
            lists = lists_of(pools, open_memory, encoder, recipe)
            train += lists if split == "train" else []
            dev |= {name: lists} if split == "dev" else {}
    weights = fit(train, ridge=recipe.ridge)
    return Learned(
        weights=[round(float(weight), 5) for weight in weights],
        encoder=MINILM_SHA256,
        trained_on={"lists": len(train)},
        measured_on={name: len(lists) for name, lists in dev.items()},
        first_stage={name: recalls(lists, None) for name, lists in dev.items()},
        block={name: recalls(lists, weights) for name, lists in dev.items()},
    )


def fit(lists: Sequence[RankedList], *, ridge: float) -> Tensor:
    """Return the weights, float32 (features,), that minimise the group contrastive loss plus ridge * |w|^2."""
    usable = [one for one in lists if one.is_evidence.any() and not one.is_evidence.all()]
    weights = torch.zeros(usable[0].features.shape[1], requires_grad=True)
    optimiser = torch.optim.LBFGS([weights], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        total = ridge * (weights**2).sum()
        for one in usable:
            total = total + group_contrastive(one.features @ weights, one.is_evidence) / len(usable)
        total.backward()  # type: ignore[no-untyped-call]  # torch types it loosely
        return total

    optimiser.step(loss)  # type: ignore[no-untyped-call]
    return weights.detach()


def recalls(lists: Sequence[RankedList], weights: Tensor | None) -> dict[str, float]:
    """Return mean recall of the evidence at each k, in percent; without weights, of the first stage's order."""
    found = dict.fromkeys(KS, 0.0)
    for one in lists:
        scores = one.first_stage if weights is None else one.features @ weights
        best = torch.argsort(-scores, stable=True)
        for k in KS:
            found[k] += float(one.is_evidence[best[:k]].sum()) / one.gold
    return {f"R@{k}": round(100.0 * total / max(1, len(lists)), 1) for k, total in found.items()}


def write(learned: Learned, path: Path) -> None:
    """Write what ships, figures included."""
    path.write_text(json.dumps(asdict(learned)) + "\n", encoding="utf-8")
