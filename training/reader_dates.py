"""Questions about when, made by rule: no training set asks what "last Friday" was.

Somebody says that something happened yesterday, two weeks ago, in May or today; the same person says other things
with other dates. The context writes resolved dates in brackets behind the words (`memory.timeline`), and the answer
is the one that belongs to what is asked, or the day it was said where the words name none.
"""

import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TypeAlias

from ..memory.timeline import format_day, resolve_dates
from .reader_examples import Said, Source

Verbs: TypeAlias = tuple[str, str, str]
"""A verb as in "I went", "did you go", "I am going"."""
Deed: TypeAlias = tuple[Verbs, str]

_NAMES = (
    "Anna Ben Clara David Elena Felix Grace Henry Iris Jack Karen Leo Maria Nina Oscar Paula Quentin Rosa"
    " Sam Tara Ursula Victor Wendy Xavier Yara Zoe Amir Bianca Carlos Dana Emil Fatima George Hana Igor Julia"
)

_PAST = (
    "yesterday",
    "last night",
    "last week",
    "last weekend",
    "last month",
    "last year",
    "last Friday",
    "last Tuesday",
    "last Sunday",
    "two days ago",
    "three days ago",
    "two weeks ago",
    "a week ago",
    "two months ago",
    "three years ago",
    "four years ago",
    "the day before yesterday",
    "on Saturday",
    "a few days ago",
    "last summer",
    "in 2019",
    "in March",
    "in October",
    "this morning",
)
_FUTURE = (
    "tomorrow",
    "next week",
    "next month",
    "next Friday",
    "next weekend",
    "in two weeks",
    "in three days",
    "next year",
    "this weekend",
    "next summer",
)

_DEEDS = {
    ("went to", "go to", "going to"): (
        "the dentist",
        "a pottery class",
        "the farmers market",
        "a jazz concert",
        "my cousin's wedding",
        "the museum",
        "a support group",
        "a yoga retreat",
        "the beach",
        "a book fair",
        "my grandmother's house",
        "the animal shelter",
        "a job interview",
        "a parade",
        "the theater",
        "a cooking workshop",
    ),
    ("bought", "buy", "buying"): (
        "a new bike",
        "a used car",
        "running shoes",
        "a guitar",
        "a camera",
        "a tent",
        "concert tickets",
        "a puppy",
        "a sofa",
    ),
    ("started", "start", "starting"): (
        "a new job",
        "piano lessons",
        "a podcast",
        "therapy",
        "a garden",
        "a book club",
        "Spanish classes",
        "a blog",
    ),
    ("finished", "finish", "finishing"): (
        "my thesis",
        "a marathon",
        "the painting",
        "that novel",
        "my first quilt",
        "the renovation",
        "the course",
    ),
    ("visited", "visit", "visiting"): (
        "my parents",
        "Paris",
        "my sister in Chicago",
        "the Grand Canyon",
        "an old friend",
        "the aquarium",
        "Tokyo",
    ),
    ("met", "meet", "meeting"): (
        "my new boss",
        "my best friend's fiance",
        "a local author",
        "the neighbors",
        "my old teacher",
        "an adoption agent",
    ),
    ("made", "make", "making"): (
        "a birthday cake",
        "a vase",
        "a scarf for my niece",
        "homemade pasta",
        "a short film",
        "a birdhouse",
    ),
    ("adopted", "adopt", "adopting"): ("a kitten", "a rescue dog", "two rabbits", "a parrot"),
    ("moved to", "move to", "moving to"): (
        "a bigger apartment",
        "Denver",
        "the countryside",
        "Portland",
        "a house by the lake",
    ),
    ("took", "take", "taking"): (
        "the kids camping",
        "my son to the zoo",
        "a trip to Spain",
        "my mother to lunch",
        "the driving test",
    ),
    ("joined", "join", "joining"): (
        "a gym",
        "a choir",
        "a hiking club",
        "the soccer team",
        "a volunteer group",
        "a chess club",
    ),
    ("won", "win", "winning"): ("a dance contest", "the raffle", "a chess tournament", "an essay prize"),
    ("saw", "see", "seeing"): (
        "a shooting star",
        "that new movie",
        "a bald eagle",
        "my old roommate",
        "a doctor about my knee",
    ),
    ("signed up for", "sign up for", "signing up for"): (
        "a pottery class",
        "a marathon",
        "an art course",
        "a charity run",
    ),
}
_OPENINGS = ("", "", "Hey! ", "Guess what, ", "Oh, ", "So much has happened. ", "I'm doing great, thanks. ", "Well, ")
_ENDINGS = (
    "",
    "",
    " It was amazing.",
    " I loved it.",
    " What about you?",
    " I'm still excited.",
    " It means a lot to me.",
)


def dated_sources(seed: int) -> Iterator[Source]:
    """Yield questions about dates without end; the same seed gives the same questions."""
    drawn = random.Random(f"dates {seed}")
    deeds = [(verbs, thing) for verbs, things in _DEEDS.items() for thing in things]
    while True:
        yield _source(drawn, deeds)


def _source(drawn: random.Random, deeds: Sequence[Deed]) -> Source:
    one, other = drawn.sample(_NAMES.split(), 2)
    told = drawn.sample(deeds, drawn.randint(3, 7))
    said_on = datetime(2014, 1, 1) + timedelta(days=drawn.randrange(4200))
    said: list[Said] = []
    answer = question = ""
    for number, (verbs, thing) in enumerate(told):
        speaker = one if number == 0 or drawn.random() < 0.6 else other
        is_past = drawn.random() < 0.75
        when = drawn.choice([*_PAST, ""] if is_past else _FUTURE)
        said.append(_said(drawn, speaker, (verbs, thing), (is_past, when)))
        if number == 0:
            mentions = resolve_dates(said[0].text, said_on)
            answer = mentions[0].label if mentions else format_day(said_on.date())
            their = thing.replace("my ", f"{speaker}'s ", 1) if drawn.random() < 0.5 else thing.replace("my ", "her ")
            question = _question(drawn, verbs, their, is_past=is_past)
    missing = drawn.random() < 0.15
    asked = other if missing else one
    return Source(
        corpus="dates",
        question=question.format(name=asked),
        answers=() if missing else (answer,),
        evidence=() if missing else (said[0],),
        others=tuple(said if missing else said[1:]),
        said_on=said_on,
    )


def _said(drawn: random.Random, speaker: str, deed: Deed, when: tuple[bool, str]) -> Said:
    (past, _, doing), thing = deed
    is_past, expression = when
    if is_past:
        words = drawn.choice((f"I {past} {thing} {expression}".rstrip(), f"{expression} I {past} {thing}".lstrip()))
    else:
        words = f"I'm {doing} {thing} {expression}"
    return Said(speaker=speaker, text=f"{drawn.choice(_OPENINGS)}{words}.{drawn.choice(_ENDINGS)}")


def _question(drawn: random.Random, verbs: Verbs, thing: str, *, is_past: bool) -> str:
    _, base, doing = verbs
    if is_past:
        return drawn.choice((f"When did {{name}} {base} {thing}?", f"On which date did {{name}} {base} {thing}?"))
    return drawn.choice((f"When is {{name}} {doing} {thing}?", f"When is {{name}} planning to {base} {thing}?"))
