"""Asks the training sets their questions once, and keeps the lists in a folder for every later run."""

import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..agent.long_term_memory import LongTermMemory
from ..memory.embedder import MiniLmEmbedder
from .asked import AskedPool, Asker, load, save
from .corpora import Conversation
from .gathered_questions import gathered_pools
from .invented_conversations import invented_conversations
from .passage_pools import crd3_episodes, multihop_sets, qmsum_meetings, squad_articles
from .pools import friends_episodes, friends_pools, msc_pools
from .written_questions import written_pools

_log = logging.getLogger(__name__)

LIMIT = 100
"""Candidates of a list: as many as the product offers its rerankers."""
EPISODE_TURNS = 300
"""Of a FriendsQA pool that trains: as many as the whole episodes that are held out have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """How much of the sets is asked; 1.0 takes half an hour on one core."""

    share: float = 1.0
    seed: int = 11

    def of(self, count: int) -> int:
        """Return this share of a count, at least one."""
        return max(1, round(self.share * count))

    def part(self, every: Sequence[Conversation], drawn: random.Random) -> Sequence[Conversation]:
        """Return this share of conversations, drawn at random, or all as they are."""
        return every if self.share >= 1 else drawn.sample(every, self.of(len(every)))


def lists_of(
    data: Path, split: str, folder: Path, open_memory: Callable[[str], LongTermMemory], extent: Extent
) -> list[AskedPool]:
    """Return the lists of a split, from `folder` where an earlier call left them, else by asking.

    The train split is that of all sets, the dev split (which only chooses and measures) of MSC, FriendsQA, QMSum and
    the questions written and gathered about MSC, and the invented conversations.
    """
    encoder = MiniLmEmbedder()
    asker = Asker(open_memory, encoder, limit=LIMIT, seed=extent.seed)
    pools: list[AskedPool] = []
    for corpus, draw, shares in _sets(split):
        kept = folder / f"{split}-{corpus}-{extent.share:g}-{extent.seed}.lists"
        if not kept.exists():
            conversations = draw(data, split, random.Random(extent.seed), extent)
            save([asker.ask(corpus, one, shares) for one in conversations], kept)
        found = load(kept)
        _log.info("%s %s: %d pools, %d lists", split, corpus, len(found), sum(len(pool.lists) for pool in found))
        pools += found
    return pools


def corpora(split: str) -> list[str]:
    """Return what the lists of a split are of, in their order."""
    return [corpus for corpus, _, _ in _sets(split)]


_Draw = Callable[[Path, str, random.Random, Extent], Sequence[Conversation]]


def _sets(split: str) -> list[tuple[str, _Draw, dict[str, int]]]:
    """Return corpus, pools, and how many questions of each kind a pool is asked."""

    def msc(data: Path, split: str, drawn: random.Random, extent: Extent) -> list[Conversation]:
        kinds = ("single", "group", "statement", "reply") if split == "train" else ("single", "group")
        return msc_pools(data, split, extent.of(60), drawn, kinds=kinds)

    def friends(data: Path, split: str, drawn: random.Random, extent: Extent) -> list[Conversation]:
        if split == "dev":
            return friends_episodes(data, split, extent.of(100), drawn)
        return friends_pools(data, split, extent.of(100), drawn, least=EPISODE_TURNS)

    dialogues: list[tuple[str, _Draw, dict[str, int]]] = [
        ("msc", msc, {"single": 45, "group": 80, "statement": 15, "reply": 25}),
        ("friendsqa", friends, {"": 60 if split == "dev" else 400}),
        ("qmsum", lambda d, s, drawn, e: qmsum_meetings(d, s, e.of(140), drawn), {"": 8 if split == "dev" else 100}),
        ("written", lambda d, s, drawn, e: written_pools(d, s, e.of(2) if s == "train" else 1, drawn), {"": 1000}),
        ("gathered", lambda d, s, drawn, e: e.part(gathered_pools(d, s), drawn), {"": 1000}),
        ("invented", lambda d, s, drawn, e: e.part(invented_conversations(s), drawn), {"": 1000}),
    ]
    if split == "dev":
        return dialogues
    return [
        *dialogues,
        ("squad", lambda d, s, drawn, e: squad_articles(d, s, e.of(90), drawn), {"": 18}),
        ("multihop", lambda d, s, drawn, e: multihop_sets(d, s, e.of(500), drawn), {"": 1}),
        ("crd3", lambda d, s, drawn, e: crd3_episodes(d, s, e.of(70), drawn), {"": 5}),
    ]
