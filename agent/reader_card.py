"""What a reader was taught to be shown and to say: `recollect_reader.json` beside the weights of a seq2seq model."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from ..memory.errors import GenerationError

FILE = "recollect_reader.json"
FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderCard:
    """How to ask a reader.

    `template` is what it reads, with `{question}` and `{context}` (the numbered lines of `Context.text`); the
    tokenizer adds what begins and ends a text. An answer equal to `no_answer`, letter case aside, means that
    nothing is remembered. Inputs are at most `max_input_tokens` long, passages cut and never the question; answers
    are decoded with `beams` and at most `max_new_tokens`.
    """

    template: str = "{question} [SEP] {context}"
    no_answer: str = "unknown"
    max_input_tokens: int = 256
    max_new_tokens: int = 24
    beams: int = 1

    def shown(self, question: str, context: str) -> str:
        """Return what the reader reads; separators in either are no words to it and are taken out."""
        separator = "[SEP]"
        return self.template.replace("{question}", " ".join(question.replace(separator, " ").split())).replace(
            "{context}", " ".join(context.replace(separator, " ").split())
        )

    def is_no_answer(self, answer: str) -> bool:
        """Tell whether the reader said that it found nothing."""
        return answer.strip(" .").casefold() == self.no_answer.casefold()


def write_card(card: ReaderCard, folder: Path) -> None:
    """Write the card beside the weights."""
    text = json.dumps({"format": FORMAT, **asdict(card)}, indent=2)
    (folder / FILE).write_text(text + "\n", encoding="utf-8")


def read_card(folder: Path) -> ReaderCard | None:
    """Return the card of a model's folder, None where the model has none: it is nobody's reader.

    Raises GenerationError when the card cannot be read or is of another version.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        if stored.pop("format") != FORMAT:
            raise ValueError(f"its format is not {FORMAT}")
        card = ReaderCard(**stored)
        if "{question}" not in card.template or "{context}" not in card.template:
            raise ValueError("its template lacks {question} or {context}")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise GenerationError(
            f"{path} does not tell how to ask this reader ({error}); write it again with: recollect train reader"
        ) from error
    return card
