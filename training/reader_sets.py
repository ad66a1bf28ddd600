"""The training sets as questions for the reader, split into what teaches and what is held out.

Mix after the data README. Held out are the dev splits of FriendsQA, MSC and the multi-hop sets, and a fifth of the
articles of SQuAD's dev set, answerable and not (the other articles' unanswerable questions teach).
"""

import itertools
import random
import re
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from .corpora import Record, read_jsonl
from .reader_dates import dated_sources
from .reader_examples import Said, Source, beside, renamed, windows

SHARES = {"squad": 0.44, "friendsqa": 0.15, "unanswerable": 0.13, "multihop": 0.08, "msc": 0.10, "dates": 0.10}
"""How often a question of each set is drawn: data README, with room for dates and for conversations."""

MOST_ANSWER_WORDS = 12
_WINDOW_WORDS = 45
_HELD_OUT_DATES = 300
_AROUND = 10


def teaching(data: Path, seed: int, *, dates: int) -> dict[str, list[Source]]:
    """Return the questions that teach, by corpus; raises DataFormatError when a set is missing."""
    drawn = random.Random(seed)
    return {
        "squad": list(_squad(data / "squad1", drawn, splits=("train",))),
        "friendsqa": list(_friends(data / "friendsqa", "train")),
        "unanswerable": [one for one in _squad2(data / "squad2dev", drawn, held_out=False) if not one.answers],
        "multihop": list(_multihop(data / "multihop", "train", drawn)),
        "msc": list(_msc(data / "msc", "train", drawn)),
        "dates": list(itertools.islice(dated_sources(seed), dates)),
    }


def held_out(data: Path, seed: int) -> dict[str, list[Source]]:
    """Return the questions that only measure, by corpus, each in an order drawn once."""
    drawn = random.Random(seed + 1)
    squad2 = list(_squad2(data / "squad2dev", drawn, held_out=True))
    found = {
        "squad": [one for one in squad2 if one.answers],
        "unanswerable": [one for one in squad2 if not one.answers],
        "friendsqa": list(_friends(data / "friendsqa", "dev")),
        "multihop": list(_multihop(data / "multihop", "dev", drawn)),
        "msc": list(_msc(data / "msc", "dev", drawn)),
        "dates": list(itertools.islice(dated_sources(seed + 1), _HELD_OUT_DATES)),
    }
    for sources in found.values():
        drawn.shuffle(sources)
    return found


def _squad(folder: Path, drawn: random.Random, *, splits: tuple[str, ...]) -> Iterator[Source]:
    articles = _documents(folder, splits)
    cut: dict[str, list[list[Said]]] = {}
    for record in read_jsonl(folder / "qa.jsonl.xz", needs=("doc_id", "question", "answers", "evidence")):
        if record["doc_id"] in articles and record["evidence"] and _is_short(record["answers"]):
            article = cut.setdefault(record["doc_id"], _cut(articles[record["doc_id"]], drawn))
            source = _about(record, article, int(record["evidence"][0]), "squad", drawn)
            if source is not None:
                yield source


def _squad2(folder: Path, drawn: random.Random, *, held_out: bool) -> Iterator[Source]:
    articles = _documents(folder, ("dev",))
    cut = {name: _cut(one, drawn) for name, one in articles.items()}
    for record in read_jsonl(folder / "qa.jsonl.xz", needs=("doc_id", "question", "answers", "unanswerable", "para")):
        if _is_held_out(record["doc_id"]) != held_out:
            continue
        article, place = cut[record["doc_id"]], int(record["para"])
        if record["unanswerable"]:
            others = drawn.sample(article[place], len(article[place]))
            yield Source(
                corpus="unanswerable", question=record["question"], answers=(), evidence=(), others=tuple(others)
            )
        elif _is_short(record["answers"]):
            source = _about(record, article, place, "squad", drawn)
            if source is not None:
                yield source


def _about(
    record: Record, article: Sequence[Sequence[Said]], place: int, corpus: str, drawn: random.Random
) -> Source | None:
    """Return a question about a paragraph: the piece with the answer, beside pieces of it and of another one."""
    answers = tuple(map(str, record["answers"]))
    pieces = article[place]
    holding = next((one for one in pieces if answers[0] in one.text), None)
    if holding is None:
        return None
    near = beside([one for one in pieces if one is not holding], answers, drawn)
    far = beside(drawn.choice(article), answers, drawn)[:2]
    return Source(
        corpus=corpus,
        question=record["question"].strip(),
        answers=answers,
        evidence=(holding,),
        others=(*near[:4], *(one for one in far if one not in near)),
    )


def _friends(folder: Path, split: str) -> Iterator[Source]:
    scenes = _documents(folder, (split,))
    for record in read_jsonl(folder / "qa.jsonl.xz", needs=("doc_id", "question", "answers", "evidence")):
        if record["doc_id"] in scenes and record["evidence"] and _is_short(record["answers"]):
            places = {passage["id"]: number for number, passage in enumerate(scenes[record["doc_id"]])}
            shown = {places[one] for one in record["evidence"] if one in places}
            if shown:
                said = _all_said(scenes[record["doc_id"]])
                yield _in_conversation("friendsqa", record, said, shown)


def _msc(folder: Path, split: str, drawn: random.Random) -> Iterator[Source]:
    """Yield questions with short answers, some of yes and no, some asked of the speaker who said nothing of it."""
    conversations = _documents(folder, (split,))
    for record in read_jsonl(folder / "qa.jsonl.xz", needs=("doc_id", "question", "answers", "evidence", "type")):
        is_short = _is_short(record["answers"]) and len(record["evidence"]) <= 3
        if record["doc_id"] not in conversations or record["type"] == "statement" or not is_short:
            continue
        if record["type"] == "single" and drawn.random() > 0.06:
            continue
        passages = conversations[record["doc_id"]]
        places = {passage["id"]: number for number, passage in enumerate(passages)}
        source = _in_conversation("msc", record, _all_said(passages), {places[one] for one in record["evidence"]})
        names = list(dict.fromkeys(passage["speaker"] for passage in passages))
        if record["type"] == "group" and len(names) == 2 and drawn.random() < 0.2:
            asked = renamed(
                Source(corpus="msc", question=source.question, answers=(), evidence=()),
                {names[0]: names[1], names[1]: names[0]},
            )
            yield Source(
                corpus="unanswerable",
                question=asked.question,
                answers=(),
                evidence=(),
                others=(*source.evidence, *source.others),
            )
        else:
            yield source


def _multihop(folder: Path, split: str, drawn: random.Random) -> Iterator[Source]:
    for record in read_jsonl(folder / "qa.jsonl.xz", needs=("question", "answers", "passages", "split")):
        if record["split"] != split or not record.get("evidence_sentences") or not _is_short(record["answers"]):
            continue
        titles = {passage["id"]: passage["title"] for passage in record["passages"]}
        evidence = [Said(speaker=titles[place], text=text) for place, text in record["evidence_sentences"]]
        told = {place for place, _ in record["evidence_sentences"]}
        rest = [
            Said(speaker=one["title"], text=windows(one["text"], most_words=_WINDOW_WORDS, drawn=drawn)[0])
            for one in record["passages"]
            if one["id"] not in told
        ]
        yield Source(
            corpus="multihop",
            question=record["question"],
            answers=tuple(map(str, record["answers"])),
            evidence=tuple(evidence[:5]),
            others=beside(rest, record["answers"], drawn),
        )


def _in_conversation(corpus: str, record: Record, said: Sequence[Said], shown: set[int]) -> Source:
    near = sorted(
        (number for number in range(len(said)) if number not in shown),
        key=lambda number: min(abs(number - one) for one in shown),
    )
    return Source(
        corpus=corpus,
        question=record["question"],
        answers=tuple(answer.strip(" .") for answer in record["answers"] if answer.strip(" .")),
        evidence=tuple(said[number] for number in sorted(shown)),
        others=tuple(said[number] for number in near[:_AROUND]),
    )


def _all_said(passages: Sequence[Record]) -> list[Said]:
    return [Said(speaker=one["speaker"], text=one["text"], at=number) for number, one in enumerate(passages, start=1)]


def _documents(folder: Path, splits: tuple[str, ...]) -> dict[str, list[Record]]:
    records = read_jsonl(folder / "docs.jsonl.xz", needs=("doc_id", "split", "passages"))
    found: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        if record["split"] in splits:
            title = str(record.get("title", "")).replace("_", " ")
            found[record["doc_id"]] = [{"title": title, **passage} for passage in record["passages"]]
    return found


def _cut(passages: Sequence[Record], drawn: random.Random) -> list[list[Said]]:
    return [
        [
            Said(speaker=one["title"], text=text)
            for text in windows(one["text"], most_words=_WINDOW_WORDS, drawn=drawn)
        ]
        for one in passages
    ]


def _is_short(answers: Sequence[str]) -> bool:
    return bool(answers) and 0 < len(re.findall(r"\S+", answers[0])) <= MOST_ANSWER_WORDS


def _is_held_out(article: str) -> bool:
    return zlib.crc32(article.encode()) % 5 == 0
