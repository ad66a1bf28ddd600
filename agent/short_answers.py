"""The words of a sentence that answer by themselves: yes, who, how many, where, or what the question leaves open.

Rules, so that they are fast and explain themselves; fitted by hand on FriendsQA's training questions and on the
questions written about MSC's training conversations.
"""

import re
from collections.abc import Set

from ..memory.words import words
from .evidence import stem
from .sentences import Sentence

_WHO = re.compile(r"^\W*who(?:se|m)?\b", re.IGNORECASE)
_MANY = re.compile(r"\bhow (?:many|much|old|long|often|far)\b", re.IGNORECASE)
_WHERE = re.compile(r"^\W*where\b", re.IGNORECASE)
_WHY = re.compile(r"^\W*(?:why|how come)\b", re.IGNORECASE)
_WHETHER = re.compile(
    r"^\W*(?:is|are|was|were|am|do|does|did|has|have|had|can|could|will|would|should|may|might|must)\b", re.IGNORECASE
)
_ASKED_FOR = re.compile(r"\b(?:what|which|who|where)(?P<be> are| were)?\b(?P<rest>(?: [\w'’-]+){0,5})", re.IGNORECASE)
_SEVERAL = re.compile(r"\bhow many\b|\b(?:all|list|both|various|different|several)\b", re.IGNORECASE)
_AUXILIARY_WORDS = """
is was do does did has have had can could will would should may might must"""
_AUXILIARIES = frozenset(_AUXILIARY_WORDS.split())
_NO_PLURALS = ("ss", "us", "is", "'s", "’s")
_PLURALS = frozenset(("people", "children"))
_EITHER = re.compile(r"\bor\b", re.IGNORECASE)
_NEGATION = re.compile(
    r"\b(?:no|not|never|nope|nor|none|nobody|nothing|hardly|hate|cannot|\w+n['’]t)\b", re.IGNORECASE
)
_NUMBER = re.compile(
    r"(?:\$ ?)?\b(?:\d[\d,.]*\d|\d|a (?:few|couple(?: of)?|dozen|hundred|thousand)|one|two|three|four|five|six|seven"
    r"|eight|nine|ten|eleven|twelve|\w+teen|twenty|thirty|forty|fifty|sixty|once|twice|several|half)\b%?"
    r"(?:[ -](?:years?|months?|weeks?|days?|hours?|minutes?|times?|miles?|dollars|bucks|kids|people)\b)?",
    re.IGNORECASE,
)
_PLACE = re.compile(
    r"\b(?:in|at|on|to|from|near|under|behind|inside|outside|into)\b(?! (?:me|you|it|be|do|go|get|see|have|make)\b)"
    r"[^,.;:!?—]*",
    re.IGNORECASE,
)
_REASON = re.compile(r"\b(?:because|since|so that|due to|in order to)\b[^.;:!?—]*", re.IGNORECASE)
_NAME = re.compile(r"\b[A-Z][a-z]+(?: [A-Z][a-z]+)*\b")
_PIECE = re.compile(r"[^,.;:!?…()\[\]\"“”]+")
_BLANKS = " ,.;:!?…()[]\"“”-—'’"
_SELF = frozenset(("i", "my", "me", "mine", "i'm", "i've", "i'll", "i'd", "we", "our"))
_POSSESSIVES = frozenset(("my", "our", "your"))
_MOST_PLACE_WORDS = 7
_TOKEN = re.compile(r"[\w'’$%-]+")
_EMPTY_WORDS = """
a an and are as at be been but by did do does for from had has have he her hers him his i i'd i'll i'm i've in is it
it's its just me my of oh okay on or our really she so some that that's the their them then there they this to uh um
was we well were will with yeah yes no you your you're hey like know think guess mean"""
_EMPTY = frozenset(_EMPTY_WORDS.split())
_LIGHT_WORDS = """
like love enjoy have has had do does did want wanted go going went get got getting make making made take took say said
tell told use used try tried trying see saw look looking lot also now even actually definitely maybe probably
usually always never am been was can could will would should may might must about"""
_LEADING = _EMPTY | frozenset(_LIGHT_WORDS.split())
_NOUN_WORDS = "a an the my his her our their your at in on to with for from of by"
_BEFORE_NOUNS = frozenset(_NOUN_WORDS.split())


def asks_for_several(question: str) -> bool:
    """Tell whether a question may have several answers: "which pets does …", "what are …", "how many …"."""
    if _SEVERAL.search(question):
        return True
    asked = _ASKED_FOR.search(question)
    if asked is None:
        return False
    if asked["be"]:
        return True
    for word in asked["rest"].lower().split():
        if word in _AUXILIARIES:
            return False
        if word in _PLURALS or (word.endswith("s") and not word.endswith(_NO_PLURALS)):
            return True
    return False


def short_answer(question: str, sentence: Sentence, said: str | None = None) -> str:
    """Return the words of the sentence that answer, verbatim, or who says it, or yes or no; never none.

    `said` are these words where somebody has found them.
    """
    text = " ".join(sentence.text.split())
    if _WHETHER.search(question) and not _EITHER.search(question):
        return "No" if _NEGATION.search(text) else "Yes"
    if said is not None:
        return _trimmed(" ".join(said.split())) or text
    asked = {stem(word) for word in words(question)}
    if _WHO.search(question):
        return _person(text, asked, sentence.turn.speaker) or text
    if _WHY.search(question):
        reason = _REASON.search(text)
        return reason.group() if reason else text
    if _MANY.search(question) and (number := _number(text, asked)):
        return number
    rest = _rest(text, asked) or text
    place = _place(rest) if _WHERE.search(question) else None
    return place or _bare(rest)


def _trimmed(said: str) -> str:
    """Return words without marks around them and without the possessive they begin with."""
    bare = said.strip(_BLANKS)
    first, _, rest = bare.partition(" ")
    return rest if first.lower() in _POSSESSIVES and rest else bare


def _person(text: str, asked: Set[str], speaker: str) -> str | None:
    """Return who is named and not asked about, else the speaker."""
    for name in _NAME.finditer(text):
        said = list(words(name.group()))
        starts = name.start() == 0 or text[: name.start()].rstrip()[-1:] in ".!?"
        if not starts and said and asked.isdisjoint(stem(word) for word in said) and said[0] not in _SELF:
            return name.group()
    return speaker if asked.isdisjoint(stem(word) for word in words(speaker)) else None


def _number(text: str, asked: Set[str]) -> str | None:
    """Return the first number of what the question counts, else the first one."""
    found = list(_NUMBER.finditer(text))
    counted = (
        one for one in found if not asked.isdisjoint(stem(word) for word in list(words(text[one.end() :]))[:2])
    )
    best = next(counted, found[0] if found else None)
    return best.group() if best else None


def _place(text: str) -> str | None:
    places = [match.group().strip() for match in _PLACE.finditer(text)]
    return next((place for place in places if 2 <= len(place.split()) <= _MOST_PLACE_WORDS), None)


def _rest(text: str, asked: Set[str]) -> str | None:
    """Return what follows the last word that repeats the question, up to the next mark, where that says something."""
    start = 0
    for token in _TOKEN.finditer(text):
        word = token.group().lower().replace("’", "'")
        if word not in _EMPTY and stem(word) in asked:
            start = token.end()
    rest = _PIECE.match(text[start:].lstrip(_BLANKS))
    is_said = rest is not None and any(word not in _EMPTY for word in words(rest.group()))
    return rest.group().strip() if rest is not None and is_said else None


def _bare(text: str) -> str:
    """Return the text without the pronouns and light verbs it begins with, and without its last marks."""
    run = list(_TOKEN.finditer(text))
    said = [token.group().lower().replace("’", "'") for token in run]
    first = next((place for place, word in enumerate(said) if word not in _LEADING), None)
    if first is None:
        return text
    while first and said[first - 1] in _BEFORE_NOUNS:
        first -= 1
    return text[run[first].start() : run[-1].end()]
