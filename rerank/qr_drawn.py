"""What each candidate drew, from what the tokens of its pieces drew: a score, and where in its text it was."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from ..memory.types import Heat
from .prompt import Prompt, Span
from .prompt_tokens import PromptTokens
from .qr_windows import Piece
from .scoring import Aggregation


@dataclass(slots=True, kw_only=True)
class Drawn:
    """What one candidate drew so far: all of it, from how many tokens, and by characters of the memory's text."""

    mass: float = 0.0
    tokens: int = 0
    by_characters: dict[Span, float] = field(default_factory=dict[Span, float])

    def score(self, how: Aggregation) -> float:
        """Return the sum over the tokens, or their mean (METHODS 6.2 and Q12)."""
        return self.mass if how == "sum" else self.mass / max(1, self.tokens)

    def heat(self) -> tuple[Heat, ...]:
        """Return the share of each stretch of characters in what the text drew; nothing where it drew nothing.

        What drew less than it does under 'N/A' counts as nothing.
        """
        total = sum(drawn for drawn in self.by_characters.values() if drawn > 0)
        if total <= 0:
            return ()
        return tuple(
            Heat(start=start, end=end, share=max(0.0, drawn) / total)
            for (start, end), drawn in sorted(self.by_characters.items())
        )


def add_up(
    found: Sequence[Drawn], pieces: Iterable[Piece], prompt: Prompt, tokens: PromptTokens, drawn: Tensor
) -> None:
    """Add to the candidates what the pieces in one prompt drew; `drawn` (tokens,) is by token of the prompt."""
    for piece, span, body in zip(pieces, tokens.passages, prompt.bodies, strict=True):
        candidate = found[piece.place]
        candidate.mass += float(drawn[slice(*span)].sum())
        candidate.tokens += span[1] - span[0]
        words = body[0] + piece.lead  # where the memory's own text begins
        for place in range(*span):
            start, end = (max(words, at) - words for at in tokens.offsets[place])
            where = (piece.span[0] + start, piece.span[0] + min(end, piece.span[1] - piece.span[0]))
            if where[0] < where[1]:  # of an emoji several tokens are the same characters
                candidate.by_characters[where] = candidate.by_characters.get(where, 0.0) + float(drawn[place])
