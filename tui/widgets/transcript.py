"""The messages of a session; older ones are asked for when the top is reached."""

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.message import Message

from .message_view import MessageView


class Transcript(VerticalScroll, can_focus=True):
    """Stays at the end while a reply grows, unless somebody scrolls up to read."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left_square_bracket", "choose(-1)", "Earlier reply"),
        Binding("right_square_bracket", "choose(1)", "Later reply"),
    ]

    class TopReached(Message):
        """The oldest message that is shown came into view."""

    def __init__(self) -> None:
        super().__init__(id="transcript")
        self._is_complete = True
        self._is_waiting = False

    def on_mount(self) -> None:
        """Stay at the end."""
        self.anchor()

    async def show(self, views: Sequence[MessageView], *, is_complete: bool) -> None:
        """Show the messages of another session, at their end; `is_complete` tells that there are no older ones."""
        self._is_complete = True  # nothing is asked for while they change
        await self.remove_children()
        await self.mount_all(views)
        self._is_complete, self._is_waiting = is_complete, False
        self.anchor()

    async def add(self, view: MessageView) -> None:
        """Add a message at the end, and go there."""
        await self.mount(view)
        self.anchor()

    async def add_older(self, views: Sequence[MessageView], *, is_complete: bool) -> None:
        """Put older messages on top; what was in view stays there."""
        height, offset = self.virtual_size.height, self.scroll_offset.y
        if views:
            await self.mount_all(views, before=0)
        self._is_complete = is_complete
        self.call_after_refresh(self._hold, height, offset)

    def _hold(self, height: int, offset: int) -> None:
        self.scroll_to(y=offset + self.virtual_size.height - height, animate=False, force=True)
        self._is_waiting = False

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Ask for older messages at the top."""
        super().watch_scroll_y(old_value, new_value)
        if new_value <= 1 and old_value > new_value and not self._is_complete and not self._is_waiting:
            self._is_waiting = True
            self.post_message(self.TopReached())

    def action_choose(self, step: int) -> None:
        """Choose the reply before or after the chosen one."""
        replies = [view for view in self.query(MessageView) if view.kind == "reply"]
        if not replies:
            return
        chosen = next((place for place, view in enumerate(replies) if view.has_class("-chosen")), len(replies))
        view = replies[max(0, min(chosen + step, len(replies) - 1))]
        self.scroll_to_widget(view, animate=False)
        view.post_message(MessageView.Chosen(view, None))

    def mark(self, chosen: MessageView) -> None:
        """Mark the reply whose memories are shown."""
        for view in self.query(MessageView):
            view.set_class(view is chosen, "-chosen")

    @property
    def last_reply(self) -> MessageView | None:
        """The reply at the end."""
        replies = [view for view in self.query(MessageView) if view.kind == "reply"]
        return replies[-1] if replies else None
