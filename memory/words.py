"""How text becomes search terms: stop words out, East Asian runs split, query syntax disarmed."""

import re
import unicodedata
from collections.abc import Iterator

STOP_WORDS = frozenset(
    """a about after again all also am an and any are as at be because been before being between both but by
    can could did do does doing down during each few for from further had has have having he her here hers
    him his how i if in into is it its itself just me more most my no nor not of off on once only or other
    our out over own same she should so some such than that the their them then there these they this those
    through to too under until up very was we were what when where which while who whom whose why will with
    would you your""".split()  # noqa: SIM905 - a table of quotes and commas cannot be read
)
"""Function words that say nothing about what a question is about."""

_WORD = re.compile(r"\w[\w\u0300-\u036f]*")  # accents that have no letter of their own stay with theirs
_EAST_ASIAN = re.compile(r"([\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff])")


def indexable(text: str) -> str:
    """Return `text` composed (NFC), with a space around each East Asian character, so that each becomes a term.

    SQLite's unicode61 tokenizer takes a run of them for one word, which no question would ever match.
    """
    return _EAST_ASIAN.sub(r" \1 ", unicodedata.normalize("NFC", text))


def words(text: str) -> Iterator[str]:
    """Yield the lower-cased words of `text`, East Asian characters one by one."""
    # lower-cased after the split: the small letter of "İ" is two characters, the second no letter
    for match in _WORD.finditer(indexable(text)):
        yield match.group().lower()


def query_terms(question: str, *, limit: int = 64) -> list[str]:
    """Return the distinct content words of a question, in order; all its words if it has no other."""
    every = list(dict.fromkeys(words(question)))
    content = [word for word in every if word not in STOP_WORDS]
    return (content or every)[:limit]
