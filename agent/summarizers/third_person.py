"""What somebody said of himself or herself, retold by name: "I love my dog" becomes "Alice loves their dog".

Rules alone, no parser. The first mention takes the name, later ones "they"; "you" is the other of two speakers.
"We" stays the speaker's own word until the name was said. A text in which nobody is named is quoted: "Alice: …".
"""

import re

_PRESENT = """
    accept act admire adore agree appreciate attend avoid babysit bake believe belong bet bike bring build buy
    call camp care carry catch change clean coach collect come compete consider cook crave create dance deliver
    design dislike donate draw dream dress drink drive earn eat encourage enjoy exercise expect explore feed
    feel find finish fish fix focus follow foster garden get give go grow guess hang hate help hike hope host
    hunt imagine intend invest jog keep knit know lead learn leave lie lift like listen live look lose love make
    manage mean meditate meet miss move need offer order organize own paint participate pay perform plan plant
    play practice pray prefer produce provide raise recommend recycle regret relax remember rent rescue research
    respect ride run save say search see seem sell serve share shop sing skate sleep smoke speak spend start
    stay struggle study suffer suggest support surf swim take talk teach tell tend think train travel treasure
    trust try turn understand use value visit volunteer wait wake walk want watch wear welcome wish wonder work
    worry write
"""
"""Verbs that people use of themselves in the present (the most frequent of MSC's train split) and whose past looks
different; "read" and "put" stay as they are."""

_THIRD = {
    "am": "is",
    "have": "has",
    "do": "does",
    "don't": "doesn't",
    "haven't": "hasn't",
    "'m": "'s",
} | {
    verb: verb[:-1] + "ies"
    if verb.endswith("y") and verb[-2] not in "aeou"
    else verb + ("es" if verb.endswith(("s", "sh", "ch", "x", "go")) else "s")
    for verb in _PRESENT.split()
}
_PLURAL = {"am": "are", "was": "were", "wasn't": "weren't"}
_CONTRACTED = {"m": ("is", "are"), "re": ("is", "are"), "ve": ("has", "have"), "ll": ("will", "will")}
_ADVERBS = (
    r"also|just|really|always|never|still|often|usually|only|actually|even|now|currently|finally|recently|already"
    r"|sometimes|kinda|(?!(?:ap|re|sup|multip)ly\b|f?ly\b|rely\b|belly\b|family\b)[a-z]{2,}ly"
)
_SPOKEN = re.compile(
    r"\b(?P<subject>I|[Yy]ou|[Ww]e)(?:'(?P<contracted>m|ve|ll|d|re))?\b"
    rf"(?P<between>(?:\s+(?:{_ADVERBS})\b)*\s*)(?P<verb>[A-Za-z]+(?:'t)?)?"
    r"|\b(?P<other>my|mine|me|myself|your|yours|yourself|our|ours|us|ourselves)\b",
    re.IGNORECASE,
)
_OWN = {"my": "their", "mine": "theirs", "me": "them", "myself": "themselves"}
_OURS = {"our": "their", "ours": "theirs", "us": "them", "ourselves": "themselves"}
_FILLER = re.compile(
    r"^(?:(?:wow|yeah|yea|oh|well|so|and|but|haha|lol|hmm|um|aww?|ooh|ah|btw|by the way|actually|honestly)\b"
    r"[\s,.!…:;–—-]*"
    r"|(?:yes|yep|yup|no|nope|hey|hi|hello|thanks|thank you|sure|cool|nice|great|awesome|ok|okay|right|you know"
    r"|definitely|absolutely|totally|exactly|good question|guess what)\s*[,.!…:;–—]+\s*)+",
    re.IGNORECASE,
)

_GREETING = re.compile(r"^(?:[Hh]ey|[Hh]i|[Hh]ello|[Tt]hanks|[Tt]hank you)\s+[A-Z]\w*\s*[,!.]+\s*")


def retold(text: str, *, speaker: str, listener: str | None = None) -> str:
    """Return a sentence of `speaker` in the third person, without the interjections it begins with.

    `listener` is who "you" is; None leaves it. Text that names neither is quoted with the speaker before it.
    """
    plain = text.replace("’", "'").strip()
    said = _without_opening(plain, listener)
    teller = _Teller(speaker, listener)
    told = _SPOKEN.sub(teller.rewrite, said)
    told = told[:1].upper() + told[1:]
    return told if teller.has_named else f"{speaker}: {told}"


def _without_opening(text: str, listener: str | None) -> str:
    """Drop interjections and the listener's name at the start; the whole text if nothing else is in it."""
    rest = text
    while True:
        shorter = _GREETING.sub("", _FILLER.sub("", rest))
        if listener:
            shorter = re.sub(rf"^{re.escape(listener)}\s*[,!.]\s*", "", shorter, flags=re.IGNORECASE)
        if shorter == rest:
            break
        rest = shorter
    return rest if any(letter.isalnum() for letter in rest) else text


class _Teller:
    """Rewrites the persons of one sentence from left to right."""

    def __init__(self, speaker: str, listener: str | None) -> None:
        self._speaker = speaker
        self._listener = listener
        self.has_named = False

    def rewrite(self, match: re.Match[str]) -> str:
        """Return what stands for one pronoun, with the verb that follows it."""
        if match["other"]:
            return self._other(match["other"])
        subject = match["subject"].lower()
        if subject == "i":
            is_named, self.has_named = not self.has_named, True
            return self._with_verb(match, self._speaker if is_named else "they", is_one=is_named)
        if subject == "you" and self._listener:
            return self._with_verb(match, self._listener, is_one=True)
        if subject == "we" and self.has_named:
            return self._with_verb(match, "they", is_one=False)
        return match[0]

    def _with_verb(self, match: re.Match[str], name: str, *, is_one: bool) -> str:
        between, verb = match["between"], match["verb"] or ""
        contracted = (match["contracted"] or "").lower()
        if contracted == "d":
            return f"{name}'d{between}{verb}"
        if contracted:
            return f"{name} {_CONTRACTED[contracted][0 if is_one else 1]}{between}{verb}"
        key = verb.lower()
        if is_one:
            told = "was" if key == "were" else "is" if key == "are" else _THIRD.get(key, verb)
        else:
            told = _PLURAL.get(key, verb)
        return f"{name}{between}{told}"

    def _other(self, word: str) -> str:
        key = word.lower()
        if key in _OWN:
            if self.has_named:
                return _OWN[key]
            self.has_named = True
            return self._speaker if key in ("me", "myself") else f"{self._speaker}'s"
        if key in _OURS:
            return _OURS[key] if self.has_named else word
        if self._listener is None:
            return word
        return "themselves" if key == "yourself" else f"{self._listener}'s"
