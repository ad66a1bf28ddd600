"""One message of the chat: what the user said, what was replied, or a note of the app."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from markdown_it import MarkdownIt
from textual.app import ComposeResult
from textual.content import Content
from textual.events import Click
from textual.message import Message
from textual.widgets import Markdown, Static
from textual.widgets.markdown import MarkdownStream

from ...agent.replies import is_markdown
from ...agent.types import Mark
from ...memory.types import Turn
from ..evidence import Evidence
from ..words import linked, visible, with_links

Kind: TypeAlias = Literal["user", "reply", "note", "failed"]
_HEADS: dict[Kind, str] = {
    "user": "bold $primary",
    "reply": "$dimmed",
    "note": "bold $success",
    "failed": "bold $error",
}


def chat_markdown() -> MarkdownIt:
    """Return a parser in which tags are text: what somebody quoted must not vanish."""
    return MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])


class MessageView(Static):
    """A message with its head; a reply grows while it streams, as Markdown where a chat model writes it.

    `turn` is the stored turn that is shown, None for notes and until it is stored. What is no Markdown is one text
    with its head and has no widgets inside: messages are mounted by the dozen while somebody scrolls.
    """

    @dataclass
    class Chosen(Message):
        """A reply was clicked, or one of its citations: its memories are wanted, `number` first."""

        view: "MessageView"
        number: int | None

    @dataclass
    class LinkChosen(Message):
        """A link that is no citation was clicked."""

        href: str

    def __init__(self, kind: Kind, head: str, text: str = "", *, is_markdown: bool = False) -> None:
        super().__init__(classes=f"-{kind} -markdown" if is_markdown else f"-{kind}")
        self.kind: Kind = kind
        self.text = text
        self.turn: Turn | None = None
        self.evidence: Evidence | None = None
        """What a reply was given to read."""
        self._title = head
        self._marks: tuple[Mark, ...] = ()
        self._above = Static() if is_markdown else None
        self._body = Markdown(parser_factory=chat_markdown, open_links=False) if is_markdown else None
        self._stream: MarkdownStream | None = None

    @classmethod
    def of_turn(
        cls, turn: Turn, head: str, *, marks: tuple[Mark, ...] = (), evidence: Evidence | None = None
    ) -> "MessageView":
        """Return a stored turn, a reply where there is `evidence`."""
        kind: Kind = "user" if evidence is None else "reply"
        view = cls(kind, head, turn.text, is_markdown=kind == "reply" and is_markdown(turn))
        view.turn, view.evidence, view._marks = turn, evidence, marks
        return view

    @property
    def position(self) -> int | None:
        """The place of the turn in its session, from 1."""
        return None if self.turn is None else self.turn.position

    def compose(self) -> ComposeResult:
        """Put the head above what is Markdown."""
        self._draw()
        if self._above is not None and self._body is not None:
            yield self._above
            yield self._body

    async def on_mount(self) -> None:
        """Draw what was written as Markdown."""
        if self._body is not None and self.text:
            await self._body.update(visible(linked(self.text, self._marks)))

    def _draw(self) -> None:
        head = Content.styled(self._title, _HEADS[self.kind])
        if self._above is not None:
            self._above.update(head)
        else:
            words = [with_links(self.text, self._marks)] if self.text else []
            self.update(Content("\n").join([head, *words]))

    async def write(self, piece: str) -> None:
        """Add a piece to a reply."""
        self.text += piece
        if self._body is None:
            self._draw()
        else:
            self._stream = self._stream or Markdown.get_stream(self._body)
            await self._stream.write(visible(piece))

    async def finish(self, head: str, text: str | None = None, marks: tuple[Mark, ...] = ()) -> None:
        """End a reply; `text` takes the place of what was streamed, with links at its `marks`."""
        if self._stream is not None:
            await self._stream.stop()
            self._stream = None
        self._title = head
        if text is not None:
            self.text, self._marks = text, marks
            if self._body is not None:
                await self._body.update(visible(linked(text, marks)))
        self._draw()

    def action_cite(self, number: int) -> None:
        """Follow a citation to its memory."""
        self.post_message(self.Chosen(self, number))

    def on_markdown_link_clicked(self, event: Markdown.LinkClicked) -> None:
        """Follow a citation to its memory."""
        event.stop()
        scheme, _, number = event.href.partition(":")
        if scheme == "cite" and number.isdigit():
            self.post_message(self.Chosen(self, int(number)))
        else:
            self.post_message(self.LinkChosen(event.href))

    def on_click(self, event: Click) -> None:
        """Show the memories of a reply that is clicked beside its links."""
        if self.kind == "reply" and "@click" not in event.style.meta:
            self.post_message(self.Chosen(self, None))
