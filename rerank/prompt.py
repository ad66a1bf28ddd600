"""What a decoder reads: candidates first, the question after them, and where in the prompt each of them stands.

METHODS 5.2 (form "qrhead"), 6.3 (form "qrranker") and 7.6. The prompt is put together from pieces and every span is
noted while its piece is added; nothing is searched for afterwards, since chunks repeat and quote each other. It
begins with constant words, never with a chunk: the first token draws attention whatever it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

Span: TypeAlias = tuple[int, int]
"""The characters `text[start:end]`."""

FormName: TypeAlias = Literal["qrhead", "qrranker"]
Rows: TypeAlias = Literal["question", "instruction+question", "to-the-end"]

ROWS: tuple[Rows, ...] = ("question", "instruction+question", "to-the-end")
NULL_QUESTION = "N/A"
"""What is asked to calibrate: what passages draw without being an answer (METHODS 5.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """How a model marks the user's words, and what it has between paragraphs; no system turn (METHODS 5.2, 6.3)."""

    prefix: str = ""
    suffix: str = ""
    separator: str = "\n\n"


LLAMA = Frame(
    prefix="<|start_header_id|>user<|end_header_id|>",
    suffix="<|eot_id|><|start_header_id|>assistant<|end_header_id|>",
    separator=" \n\n",
)
QWEN = Frame(prefix="<|im_start|>user", suffix="<|im_end|>\n<|im_start|>assistant")
MISTRAL = Frame(prefix="[INST]", suffix="[/INST]")
PLAIN = Frame()

_MARKS = {"<|start_header_id|>": LLAMA, "<|im_start|>": QWEN, "[INST]": MISTRAL}


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """The words around passages and question: those of a publication."""

    summaries: str
    opening: str
    instruction: str
    query: str
    title: str
    ends_with_question: bool


FORMS: dict[FormName, Form] = {
    "qrhead": Form(
        summaries=" Here are some session summaries that may help answer the query:",
        opening=" Here are some paragraphs:",
        instruction="Please find information that are relevant to the following query in the paragraphs above.",
        query="Query: ",
        title="{title}\n",
        ends_with_question=False,
    ),
    "qrranker": Form(
        summaries="\nHere are some session summaries that may help answer the query:",
        opening="\nHere are some retrieved chunks:",
        instruction="Use the retrieved chunks to answer the user's query.",
        query="Query: ",
        title="Title: {title}: ",
        ends_with_question=True,
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """One candidate as it is shown; the title may be empty."""

    title: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """The text and where things stand in it.

    `passages` are the spans that are credited, label and title included; `bodies` those of the passages' own texts;
    `question` is without the words before it.
    """

    text: str
    passages: tuple[Span, ...]
    bodies: tuple[Span, ...]
    instruction: Span
    question: Span

    def rows(self, which: Rows) -> Span:
        """Return the characters whose tokens look back; of an empty question, those of the instruction too."""
        if which == "to-the-end":
            return self.instruction[0], len(self.text)
        if which == "question" and self.question[0] < self.question[1]:
            return self.question
        return self.instruction[0], self.question[1]


def frame_of(known: Sequence[str]) -> Frame:
    """Return the frame of a model whose tokenizer knows these special texts; none of our own if it is unknown."""
    return next((frame for mark, frame in _MARKS.items() if mark in known), PLAIN)


def build(
    question: str, passages: Sequence[Passage], *, form: FormName, frame: Frame = PLAIN, summaries: str = ""
) -> Prompt:
    """Put the prompt together: summaries of events, if any, passages in the order given, the question.

    `passages` may be none; their labels count from 1.
    """
    words, pieces = FORMS[form], _Pieces()
    pieces.add(frame.prefix)
    if summaries:
        pieces.add(words.summaries, frame.separator, summaries, frame.separator)
        pieces.add(words.opening.lstrip(), frame.separator)
    else:
        pieces.add(words.opening, frame.separator)
    spans: list[Span] = []
    bodies: list[Span] = []
    for number, passage in enumerate(passages, start=1):
        title = words.title.format(title=passage.title) if passage.title else ""
        label = pieces.add(f"[{number}] ", title)
        bodies.append(pieces.add(passage.text))
        spans.append((label[0], bodies[-1][1]))
        pieces.add(frame.separator)
    instruction = pieces.add(words.instruction)
    pieces.add(frame.separator, words.query)
    asked = pieces.add(question)
    if not words.ends_with_question:
        pieces.add(frame.suffix)
    return Prompt(
        text=pieces.text, passages=tuple(spans), bodies=tuple(bodies), instruction=instruction, question=asked
    )


class _Pieces:
    """A text that grows, and says where each piece came to stand."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._length = 0

    @property
    def text(self) -> str:
        return "".join(self._parts)

    def add(self, *parts: str) -> Span:
        start = self._length
        for part in parts:
            self._parts.append(part)
            self._length += len(part)
        return start, self._length
