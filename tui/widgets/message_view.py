"""One message of the chat: what the user said, what was replied, or a note of the app."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from markdown_it import MarkdownIt
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.events import Click
from textual.message import Message
from textual.widgets import Markdown, Static
from textual.widgets.markdown import MarkdownStream

from ..words import as_lines, visible

Kind: TypeAlias = Literal["user", "reply", "note", "failed"]


def chat_markdown() -> MarkdownIt:
    """Return a parser in which tags are text: what somebody quoted must not vanish."""
    return MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])


class MessageView(Vertical):
    """A message with its head; a reply is Markdown that grows while it streams."""

    @dataclass
    class Chosen(Message):
        """A reply was clicked, or one of its citations: its memories are wanted, `number` first."""

        view: "MessageView"
        number: int | None

    @dataclass
    class LinkChosen(Message):
        """A link that is no citation was clicked."""

        href: str

    def __init__(
        self, kind: Kind, head: str, text: str = "", *, markdown: str | None = None, key: int | None = None
    ) -> None:
        super().__init__(classes=f"-{kind}")
        self.kind = kind
        self.key = key
        """Which evidence belongs to a reply."""
        self.text = text
        self._head = Static(Content(head), classes="head")
        self._body: Markdown | Static
        if kind == "reply":
            self._body = Markdown(
                visible(as_lines(text) if markdown is None else markdown),
                parser_factory=chat_markdown,
                open_links=False,
            )
        else:
            self._body = Static(Content(visible(text)), classes="words")
        self._stream: MarkdownStream | None = None

    def compose(self) -> ComposeResult:
        """Put the head above the words."""
        yield self._head
        yield self._body

    async def write(self, piece: str) -> None:
        """Add a piece to a reply."""
        self.text += piece
        if isinstance(self._body, Markdown):
            self._stream = self._stream or Markdown.get_stream(self._body)
            await self._stream.write(visible(piece))

    async def finish(self, head: str, markdown: str | None = None) -> None:
        """End a reply; `markdown` takes the place of what was streamed."""
        if self._stream is not None:
            await self._stream.stop()
            self._stream = None
        self._head.update(Content(head))
        if markdown is not None and isinstance(self._body, Markdown):
            await self._body.update(visible(markdown))

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
