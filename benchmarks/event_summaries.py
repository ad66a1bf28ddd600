"""What a summariser makes of sessions that people summarised: LoCoMo's `event_summary` and `observation`.

    python -m benchmarks.event_summaries ../shared/data/locomo/locomo5_dev.json [--summarizer NAME] [--json OUT]

Texts are compared session by session with all events of both speakers (ROUGE-L over stems; sessions without events
are left out); cited turns with the turns that the observations cite. The baselines are as long as usual: the first
three turns or sentences of the session, and three at random (20 draws). LoCoMo measures here and chooses nothing:
the summariser was fitted on MSC.
"""

import argparse
import json
import random
import re
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.figures import Figure, Report, load_average
from recollect.agent.ports import Summarizer
from recollect.agent.summarizers.salience import said_in
from recollect.config import load_config
from recollect.evals.dataset import Conversation
from recollect.evals.locomo import load_locomo
from recollect.evals.locomo_notation import normalise_turn_id
from recollect.evals.rouge import rouge_l
from recollect.memory.types import NewTurn, Turn
from recollect.wiring import make_summarizer, open_memory

DRAWS = 20
MOST = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Gold:
    """What people wrote of one session, and the turns ("D1:3") that their observations cite."""

    text: str
    cited: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What a system made of one session: its texts in order, and the turns they cite."""

    texts: tuple[str, ...]
    cited: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Means over sessions, shares of 1, and over the sessions' ROUGE-L and evidence F1 for intervals."""

    rouge: tuple[float, ...]
    precision: tuple[float, ...]
    f1: tuple[float, ...]


def golds(path: Path) -> dict[tuple[str, str], Gold]:
    """Return by (conversation, session number) what the file holds besides the turns."""
    found: dict[tuple[str, str], Gold] = {}
    for entry in json.loads(path.read_text(encoding="utf-8")):
        for number, turns in _sessions(entry["conversation"]):
            events = entry["event_summary"].get(f"events_session_{number}", {})
            observed = entry["observation"].get(f"session_{number}_observation", {})
            texts = [text for speaker, listed in events.items() if speaker != "date" for text in listed]
            refs = {
                normalise_turn_id(str(ref)) for listed in observed.values() for one in listed for ref in _refs(one[1])
            }
            known = {turn["dia_id"] for turn in turns}
            cited = frozenset(ref for ref in refs if ref in known)
            found[entry["sample_id"], number] = Gold(text=" ".join(texts), cited=cited)
    return found


def _sessions(conversation: Mapping[str, Any]) -> list[tuple[str, Any]]:
    matches = [(re.fullmatch(r"session_(\d+)", key), turns) for key, turns in conversation.items()]
    return [(match[1], turns) for match, turns in matches if match and turns]


def _refs(cited: object) -> list[str]:
    return [str(one) for one in cited] if isinstance(cited, list) else re.split(r"[;,\s]+", str(cited))


def turn_text(turn: Turn) -> str:
    return f"{turn.speaker}: {turn.text}"


def baselines(turns: Sequence[Turn], seed: int) -> dict[str, Made]:
    """Return the first three and a random three turns and sentences of a session, each with its speaker."""
    draw = random.Random(f"{seed} {turns[0].conversation} {turns[0].session}")
    sentences = said_in(turns)
    some = sorted(draw.sample(range(len(turns)), min(MOST, len(turns))))
    few = sorted(draw.sample(range(len(sentences)), min(MOST, len(sentences))))
    told = [(f"{one.turn.speaker}: {one.text}", str(one.turn.ref)) for one in sentences]
    said = [(turn_text(turn), str(turn.ref)) for turn in turns]
    return {
        "lead-3 turns": _made(said[:MOST]),
        "lead-3 sentences": _made(told[:MOST]),
        "random-3 turns": _made([said[place] for place in some]),
        "random-3 sentences": _made([told[place] for place in few]),
    }


def _made(pairs: Sequence[tuple[str, str]]) -> Made:
    return Made(texts=tuple(text for text, _ in pairs), cited=tuple(dict.fromkeys(ref for _, ref in pairs)))


def scored(pairs: Sequence[tuple[Made, Gold]]) -> Scores:
    """Compare what was made of sessions with what people made of them."""
    rouge = [rouge_l(" ".join(made.texts), gold.text).f1 for made, gold in pairs if gold.text]
    cited = [(len(gold.cited.intersection(made.cited)), made, gold) for made, gold in pairs if gold.cited]
    precision = [hits / len(made.cited) if made.cited else 0.0 for hits, made, _ in cited]
    f1 = [2.0 * hits / (len(made.cited) + len(gold.cited)) for hits, made, gold in cited]
    return Scores(rouge=tuple(rouge), precision=tuple(precision), f1=tuple(f1))


def stored_sessions(
    conversation: Conversation, folder: Path, summarizer_name: str | None
) -> tuple[Any, list[list[Turn]]]:
    """Store a conversation and return its summariser and its sessions."""
    config = load_config({"summaries.name": summarizer_name, "rerank.name": "none"})
    memory = open_memory(folder / "memory.db", user=conversation.id, conversation=conversation.id, config=config)
    turns = memory.add_many(
        NewTurn(speaker=one.speaker, text=one.text, said_at=one.said_at, ref=one.id, session=one.session)
        for one in conversation.turns
    )
    return make_summarizer(config, memory.archive), [
        list(g) for _, g in groupby(turns, key=lambda turn: turn.session)
    ]


def measure(path: Path, summarizer_name: str | None) -> tuple[dict[str, Scores], dict[str, list[float]]]:
    """Return the scores of the summariser and the baselines, and what else was counted, session by session."""
    gold = golds(path)
    made: dict[str, list[tuple[Made, Gold]]] = {}
    counted: dict[str, list[float]] = {"events": [], "unknown citations": [], "words": [], "ms": [], "anchors": []}
    for conversation in load_locomo(path).conversations:
        with tempfile.TemporaryDirectory(prefix="recollect-bench-") as folder:
            summarizer, sessions = stored_sessions(conversation, Path(folder), summarizer_name)
            for turns in sessions:
                number = str(turns[0].ref).partition(":")[0].removeprefix("D")
                own = gold[conversation.id, number]
                made.setdefault("summaries", []).append((_summarised(summarizer, turns, counted), own))
                for seed in range(DRAWS):
                    for name, baseline in baselines(turns, seed).items():
                        if seed == 0 or name.startswith("random"):
                            made.setdefault(name, []).append((baseline, own))
    return {name: scored(pairs) for name, pairs in made.items()}, counted


def _summarised(summarizer: Summarizer, turns: Sequence[Turn], counted: dict[str, list[float]]) -> Made:
    begun = time.perf_counter()
    events = summarizer.events(turns)
    counted["ms"].append(1000.0 * (time.perf_counter() - begun))
    refs = {turn.id: str(turn.ref) for turn in turns}
    counted["events"].append(len(events))
    counted["unknown citations"].append(sum(i not in refs for event in events for i in event.turns))
    counted["words"] += [len(event.text.split()) for event in events]
    counted["anchors"] += [float(event.kind == "anchor") for event in events]
    return _made([(event.text, refs[turn_id]) for event in events for turn_id in event.turns if turn_id in refs])


def figures_of(scores: Mapping[str, Scores], counted: Mapping[str, Sequence[float]]) -> list[Figure]:
    """Return the table: the summaries are held to the best baseline of each kind."""
    others = [name for name in scores if name != "summaries"]
    events = counted["events"]
    figures = [
        Figure(name="events a session, fewest", value=min(events), bound="at least", target=1),
        Figure(name="events a session, most", value=max(events), bound="at most", target=MOST),
        Figure(name="events a session, mean", value=float(np.mean(events))),
        Figure(name="citations of no turn", value=sum(counted["unknown citations"]), bound="at most", target=0),
        Figure(name="words an event", value=float(np.mean(counted["words"]))),
        Figure(name="anchors", value=100.0 * float(np.mean(counted["anchors"])), unit="%"),
        Figure(name="time a session, median", value=float(np.median(counted["ms"])), unit="ms"),
    ]
    for what in ("rouge", "precision", "f1"):
        means = {name: 100.0 * float(np.mean(getattr(one, what))) for name, one in scores.items()}
        title = {"rouge": "ROUGE-L F1", "precision": "evidence precision", "f1": "evidence F1"}[what]
        best = max(means[name] for name in others)
        figures.append(
            Figure(name=title, value=means["summaries"], unit="%", bound="at least", target=round(best, 2))
        )
        figures += [Figure(name=f"{title}, {name}", value=means[name], unit="%") for name in others]
    return figures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="LoCoMo's published JSON")
    parser.add_argument("--summarizer", help="extractive, hosted or seq2seq [default: the configured one]")
    parser.add_argument("--json", type=Path, dest="out")
    arguments = parser.parse_args()
    before = load_average()
    scores, counted = measure(arguments.file, arguments.summarizer)
    report = Report(
        benchmark="event_summaries",
        protocol={"file": arguments.file.name, "summarizer": arguments.summarizer, "draws": DRAWS},
        n={"sessions": len(counted["events"]), "events": int(sum(counted["events"]))},
        figures=tuple(figures_of(scores, counted)),
        load=(before, load_average()),
    )
    report.show()
    report.write(arguments.out)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
