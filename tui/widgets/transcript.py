"""The messages of a session; older ones are asked for when the top is reached."""

from collections.abc import Sequence
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.geometry import Size
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
        self._is_following = True

    def watch_virtual_size(self, virtual_size: Size) -> None:
        """Stay at the end of what grows. Textual's own anchor scrolls to negative places while there is little."""
        if self._is_following:
            self.call_after_refresh(self._follow)

    def on_resize(self) -> None:
        """Stay at the end while the terminal changes."""
        if self._is_following:
            self.call_after_refresh(self._follow)

    def _follow(self) -> None:
        self.scroll_end(animate=False, immediate=True, force=True)

    async def show(self, views: Sequence[MessageView], *, is_complete: bool) -> None:
        """Show the messages of another session, at their end; `is_complete` tells that there are no older ones."""
        self._is_complete = True  # nothing is asked for while they change
        await self.remove_children()
        await self.mount_all(views)
        self._is_complete, self._is_waiting, self._is_following = is_complete, False, True
        self.call_after_refresh(self._follow)

    async def add(self, view: MessageView) -> None:
        """Add a message at the end, and go there."""
        self._is_following = True
        await self.mount(view)

    async def add_older(self, views: Sequence[MessageView], *, is_complete: bool) -> None:
        """Put older messages on top; what was in view stays there."""
        height, offset = self.virtual_size.height, self.scroll_offset.y
        self._is_following = False
        if views:
            await self.mount_all(views, before=0)
        self._is_complete = is_complete
        self.call_after_refresh(self._hold, height, offset)

    def _hold(self, height: int, offset: int) -> None:
        self.scroll_to(y=offset + self.virtual_size.height - height, animate=False, force=True)
        self._is_waiting = False

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Ask for older messages at the top; who scrolls up is left there, who comes back to the end stays there."""
        super().watch_scroll_y(old_value, new_value)
        if new_value != old_value:
            self._is_following = new_value >= self.max_scroll_y - 1
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
