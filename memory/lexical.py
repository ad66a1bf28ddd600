"""BM25 over the words of a memory and the words around it: in SQLite (FTS5) or in memory (rank-bm25)."""

import heapq
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .database import SqliteFile
from .ports import LexicalDocument
from .rows import scope_condition
from .types import Hit, Scope
from .words import indexable, query_terms, words

if TYPE_CHECKING:
    from rank_bm25 import BM25Okapi

OWN_WEIGHT = 1.0
CONTEXT_WEIGHT = 0.5
MATCH_BUDGET = 10_000
"""Memories one search may score: a microsecond each."""
COUNTED = 10_000
"""Memories up to which a term's frequency is exact."""
SAMPLE_WINDOWS = 16
"""Places where more frequent terms are sampled, together a hundredth of the store."""
COUNT_BUDGET = 100_000
"""Memories whose terms one search may count: FTS5 reads a term's whole list for its weight, 70 ns a memory."""
IDF_FLOOR = 1e-6
"""The least weight of a word, as in FTS5."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchedTerms:
    """What a search makes of a question: hits hold one of `sought` or more; those of `scored` only add to a score."""

    sought: tuple[str, ...] = ()
    scored: tuple[str, ...] = ()


class Fts5Index:
    """The default lexical index: an FTS5 table in the store's own file, so a turn and its words are one write.

    Scores are FTS5's BM25 (k1 1.2, b 0.75) with a weight for each column, sign turned so that higher is
    better; word statistics are those of the whole store. Two budgets bound the time on large stores: rare terms
    are sought first, until together they match `match_budget` memories of the scope; more frequent ones then
    only add to the scores of what was found, until `count_budget` is used up; the most frequent are left out.
    """

    def __init__(
        self,
        file: SqliteFile,
        *,
        own_weight: float = OWN_WEIGHT,
        context_weight: float = CONTEXT_WEIGHT,
        match_budget: int = MATCH_BUDGET,
        count_budget: int = COUNT_BUDGET,
    ) -> None:
        self._file = file
        self._rank = f"bm25(lexical, {float(own_weight)}, {float(context_weight)}, 0.0)"
        self._match_budget = match_budget
        self._count_budget = max(count_budget, match_budget)
        self._frequencies: dict[str, int] = {}
        self._frequencies_at = 0

    def search(self, question: str, *, limit: int, scope: Scope) -> list[Hit]:
        """Return the best `limit` hits inside `scope`; any text is a valid question."""
        terms = self.searched_terms(question, scope)
        if not terms.sought or limit <= 0:
            return []
        sought = _any_of(terms.sought)
        costs = dict(self._cheapest(sought, limit, scope))
        if terms.scored:
            # FTS5 has no optional terms; whoever holds one of them costs less with it than without
            both = self._cheapest(f"({sought}) AND ({_any_of(terms.scored)})", limit, scope)
            costs |= {i: min(cost, costs.get(i, cost)) for i, cost in both}
        best = heapq.nsmallest(limit, costs.items(), key=lambda item: (item[1], item[0]))
        return [Hit(id=i, score=-cost) for i, cost in best]

    def _cheapest(self, match: str, limit: int, scope: Scope) -> list[tuple[int, float]]:
        """Return (id, cost) of the best matches inside `scope`, best first."""
        inside = " AND ".join(f'scope : "{key}"' for key in _scope_keys(scope.user, scope.conversation))
        if inside:
            match = f"({inside}) AND ({match})"
        source, parameters = "lexical", list[object]()
        condition = ""
        if scope != Scope(user=scope.user, conversation=scope.conversation):
            test, parameters = scope_condition(scope)
            source, condition = "lexical join memories m on m.id = lexical.rowid", f"and {test}"
        rows = self._file.rows(
            f"""select lexical.rowid, {self._rank} as cost from {source}
                where lexical match ? {condition} order by cost, lexical.rowid limit ?""",
            [match, *parameters, limit],
        )
        return [(row[0], row[1]) for row in rows]

    def add(self, documents: Sequence[LexicalDocument]) -> None:
        """Add documents, replacing those whose ids are already there."""
        with self._file.atomic():
            self.remove([document.id for document in documents])
            self._file.write_many(
                "insert into lexical (rowid, own, context, scope) values (?, ?, ?, ?)",
                [
                    (d.id, indexable(d.own), indexable(d.context), " ".join(_scope_keys(d.user, d.conversation)))
                    for d in documents
                ],
            )

    def remove(self, ids: Sequence[int]) -> None:
        """Remove ids; unknown ones are ignored."""
        self._file.write(
            "delete from lexical where rowid in (select value from json_each(?))", [json.dumps(list(ids))]
        )

    def searched_terms(self, question: str, scope: Scope) -> SearchedTerms:
        """Return the terms a search in `scope` looks for, and those that only add to a score, rare ones first."""
        terms = query_terms(question)
        size = int((self._file.row("select max(rowid) from lexical") or (0,))[0] or 0)
        if size <= self._match_budget:
            return SearchedTerms(sought=tuple(terms))
        if size > 1.2 * self._frequencies_at:
            self._frequencies, self._frequencies_at = {}, size
        keys = _scope_keys(scope.user, scope.conversation)
        share = min([1.0, *(self._frequency(f'scope : "{key}"', size) / size for key in keys)])
        frequencies = {term: self._frequency(_any_of([term]), size) for term in terms}
        sought: list[str] = []
        scored: list[str] = []
        matched, counted = 0.0, 0
        for term in sorted(terms, key=lambda term: frequencies[term]):
            counted += frequencies[term]
            if sought and counted > self._count_budget:
                break
            matched += share * frequencies[term]
            (scored if sought and matched > self._match_budget else sought).append(term)
        return SearchedTerms(sought=tuple(sought), scored=tuple(scored))

    def _frequency(self, match: str, size: int) -> int:
        """Return how many memories of `size` match: counted while they are few, else estimated from a sample."""
        known = self._frequencies  # another thread may begin a new table meanwhile
        if match not in known:
            row = self._file.row(
                "select count(*) from (select 1 from lexical where lexical match ? limit ?)", [match, COUNTED]
            )
            counted = int((row or (0,))[0])
            known[match] = counted if counted < COUNTED else max(counted, self._estimate(match, size))
        return known[match]

    def _estimate(self, match: str, size: int) -> int:
        """Count in windows spread over the ids, for counting all would cost more than the search."""
        width = max(size // (SAMPLE_WINDOWS * 100), 1)
        starts = [int((place + 0.5) * size / SAMPLE_WINDOWS) for place in range(SAMPLE_WINDOWS)]
        row = self._file.row(
            """select sum((select count(*) from lexical
                           where lexical match ?1 and rowid between w.value and w.value + ?3 - 1))
               from json_each(?2) w""",
            [match, json.dumps(starts), width],
        )
        return int((row or (0,))[0]) * size // (width * SAMPLE_WINDOWS)


def _any_of(terms: Sequence[str]) -> str:
    return "{own context} : (" + " OR ".join(f'"{term}"' for term in terms) + ")"


def _scope_keys(user: int | None, conversation: int | None) -> list[str]:
    keys = [] if user is None else [f"u{user}"]
    return keys if conversation is None else [*keys, f"c{conversation}"]


class Bm25Index:
    """BM25 in memory through rank-bm25 (Okapi, k1 1.5, b 0.75), for small corpora and as an oracle in tests.

    Own words and context are scored apart and added with their weights. No stemming.
    """

    def __init__(self, *, own_weight: float = OWN_WEIGHT, context_weight: float = CONTEXT_WEIGHT) -> None:
        self._weights = (own_weight, context_weight)
        self._documents: dict[int, LexicalDocument] = {}
        self._models: tuple[BM25Okapi | None, BM25Okapi | None] | None = None

    def search(self, question: str, *, limit: int, scope: Scope) -> list[Hit]:
        """Return the best `limit` hits inside `scope`; documents without a word of the question are no hits."""
        terms = query_terms(question)
        if not terms or not self._documents or limit <= 0:
            return []
        totals = [0.0] * len(self._documents)
        for model, weight in zip(self._built(), self._weights, strict=True):
            if model is not None:
                for place, score in enumerate(_scores(model, terms)):
                    totals[place] += weight * score
        wanted = set(terms)
        hits = (
            Hit(id=document.id, score=score)
            for document, score in zip(self._documents.values(), totals, strict=True)
            if admits(scope, document) and not wanted.isdisjoint(words(f"{document.own} {document.context}"))
        )
        return heapq.nsmallest(limit, hits, key=lambda hit: (-hit.score, hit.id))

    def add(self, documents: Sequence[LexicalDocument]) -> None:
        """Add documents, replacing those whose ids are already there."""
        self._documents.update((document.id, document) for document in documents)
        self._models = None

    def remove(self, ids: Sequence[int]) -> None:
        """Remove ids; unknown ones are ignored."""
        for memory_id in ids:
            self._documents.pop(memory_id, None)
        self._models = None

    def _built(self) -> "tuple[BM25Okapi | None, BM25Okapi | None]":
        if self._models is None:
            documents = self._documents.values()
            self._models = (_okapi([d.own for d in documents]), _okapi([d.context for d in documents]))
        return self._models


def _scores(model: "BM25Okapi", terms: list[str]) -> list[float]:
    scores: list[float] = model.get_scores(terms).tolist()  # pyright: ignore - rank-bm25 has no types
    return scores  # pyright: ignore[reportUnknownVariableType]


def _okapi(texts: Sequence[str]) -> "BM25Okapi | None":
    from rank_bm25 import BM25Okapi  # only in-memory corpora need it

    corpus = [list(words(text)) for text in texts]
    if not any(corpus):
        return None
    model: Any = BM25Okapi(corpus)  # rank-bm25 ships no types
    # In a small corpus rank-bm25 gives frequent words a negative weight: more of them would rank lower.
    model.idf = {term: max(idf, IDF_FLOOR) for term, idf in model.idf.items()}
    okapi: BM25Okapi = model
    return okapi


def admits(scope: Scope, document: LexicalDocument) -> bool:
    """Tell whether a document lies inside a scope."""
    return (
        scope.user in (None, document.user)
        and scope.conversation in (None, document.conversation)
        and (scope.since_us is None or document.said_us >= scope.since_us)
        and (scope.until_us is None or document.said_us <= scope.until_us)
        and (not scope.speakers or document.speaker.casefold() in {s.casefold() for s in scope.speakers})
        and document.speaker.casefold() not in {s.casefold() for s in scope.without_speakers}
        and document.id not in scope.without
    )
