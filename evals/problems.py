"""What an evaluation could not use or had to repair, so that nothing is dropped in silence."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One oddity of a file or of a run.

    `where` is a question id (`conv-1/q7`) or a key of the conversation (`session_3`); `raw` is what
    stood there, verbatim; `reason` says what is wrong with it and what was done about it.
    """

    conversation: str
    where: str
    raw: str
    reason: str
