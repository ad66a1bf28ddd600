"""Questions that come with every dialogue: what one speaker asked and the other answered in the next turn."""

import itertools
import re
from collections.abc import Iterator, Sequence

from ..memory.types import NewTurn
from .corpora import Question

LEAST_WORDS = 5
"""Of the question, and of the reply: "You?" and "Sure, I do." teach nothing."""

_SENTENCE = re.compile(r"[^.!?]+[.!?]*")
_ASKS = re.compile(
    r"^(?:and |so |but |oh,? )?(what|where|when|who|which|why|how|do|does|did|are|is|was|were|have|has|can)\b", re.I
)
_RHETORICAL = re.compile(r"\b(how are you|how about you|what about you|how have you been|what else|really)\b", re.I)


def reply_questions(turns: Sequence[NewTurn]) -> Iterator[Question]:
    """Yield, for turns that end in a question, the question put about the other speaker, with the reply as evidence.

    "Do you have pets with your sister?" becomes "does Kim have pets with Kim's sister?": "you" and "your" become the
    name of who answers, "me" and "my" that of who asks; grammar is mended where that is easy. The asking turn is in
    `without`, since it is no answer.
    """
    for asking, reply in itertools.pairwise(turns):
        if asking.session != reply.session or asking.speaker == reply.speaker:
            continue
        if asking.ref is None or reply.ref is None or len(reply.text.split()) < LEAST_WORDS:
            continue
        if (asked := _last_question(asking.text)) is not None:
            text = _about(asked, asking.speaker.split()[0], reply.speaker.split()[0])
            yield Question(text=text, evidence=(reply.ref,), kind="reply", without=(asking.ref,))


def _last_question(text: str) -> str | None:
    sentences = [sentence.strip() for sentence in _SENTENCE.findall(text)]
    asked = [one for one in sentences[-2:] if one.endswith("?") and _ASKS.match(one) and not _RHETORICAL.search(one)]
    return asked[-1] if asked and len(asked[-1].split()) >= LEAST_WORDS else None


def _about(text: str, asker: str, asked: str) -> str:
    for pattern, name in (
        (r"\byou are\b|\byou're\b|\bare you\b", f"is {asked}"),
        (r"\bdo you\b", f"does {asked}"),
        (r"\bhave you\b", f"has {asked}"),
        (r"\bwere you\b", f"was {asked}"),
        (r"\byour\b|\byours\b", f"{asked}'s"),
        (r"\byou\b", asked),
        (r"\bmy\b", f"{asker}'s"),
        (r"\bme\b", asker),
    ):
        text = re.sub(pattern, name, text, flags=re.I)
    return text
