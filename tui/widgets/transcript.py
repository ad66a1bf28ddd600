"""The messages of a session: a window of them is mounted, which follows whoever scrolls."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypeAlias, cast

from textual.app import App
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.geometry import Size
from textual.message import Message
from textual.widget import Widget

from .geometry import first_seen, height, is_any_seen
from .message_view import MessageView

Edge: TypeAlias = Literal["older", "newer", "first", "last"]

MOST_MOUNTED = 80
"""How many messages are mounted at most, where a terminal has no more lines than that: a message takes three."""


class Transcript(VerticalScroll, can_focus=True):
    """Stays at the end while a reply grows, and where somebody scrolled up to read."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left_square_bracket", "choose(-1)", "Earlier reply"),
        Binding("right_square_bracket", "choose(1)", "Later reply"),
    ]

    @dataclass
    class Wanted(Message):
        """Messages that are not mounted came near, or the "first" or "last" of the session are asked for."""

        edge: Edge

    def __init__(self) -> None:
        super().__init__(id="transcript")
        self.is_first_shown = self.is_last_shown = True
        self.growing: MessageView | None = None
        """The reply that is being written, which stays mounted."""
        self._asked = 0
        """How many times messages were asked for that are not there yet."""
        self._is_following = True
        self._moves = 0
        """How many times messages were put in or taken out that are not laid out yet."""
        self._anchor: tuple[MessageView, float] | None = None
        """A message in view, and how many lines below the upper edge it begins."""
        self._chosen_turn: int | None = None
        """The stored turn of the reply whose memories are shown, which may be let go and come back."""

    @property
    def _any_app(self) -> App[object]:
        return cast("App[object]", self.app)  # pyright: ignore[reportUnknownMemberType] - Textual's type leaves it open

    @property
    def is_waiting(self) -> bool:
        """Whether messages are asked for, or are put in or taken out."""
        return self._asked > 0 or self._moves > 0

    @property
    def _most_mounted(self) -> int:
        return max(MOST_MOUNTED, self.size.height)  # three screens of the shortest messages

    @property
    def views(self) -> list[MessageView]:
        """The messages that are mounted, oldest first."""
        return [view for view in self.children if isinstance(view, MessageView)]

    @property
    def positions(self) -> tuple[int, int] | None:
        """The places in the session of the first and the last turn that are mounted, None for none."""
        places = [view.position for view in self.views if view.position is not None]
        return (places[0], places[-1]) if places else None

    # -- changing --------------------------------------------------------------------------------

    async def show(
        self, views: Sequence[MessageView], *, is_first_shown: bool, is_last_shown: bool = True, at_end: bool = True
    ) -> None:
        """Show other messages, at their end or their beginning."""
        self._moves += 1  # nothing is asked for while they change
        self.scroll_home(animate=False, immediate=True, force=True)
        self._is_following, self._anchor, self.growing = at_end, None, None
        await self.remove_children()
        self._mark_again(views)
        await self.mount_all(views)
        self.is_first_shown, self.is_last_shown = is_first_shown, is_last_shown
        self.call_after_refresh(self._settle, 0.0)

    async def add(self, view: MessageView) -> None:
        """Add a message at the end, which must be shown, and go there."""
        self._is_following = True
        await self.mount(view)
        if surplus := self.views[: -self._most_mounted]:
            self.is_first_shown = False
            await self.remove_children(surplus)

    async def extend(self, edge: Edge, views: Sequence[MessageView], *, is_end: bool) -> None:
        """Put "older" messages on top or "newer" ones below, `is_end` when there are no more; what is seen stays."""
        self._arrive()
        before = self.views
        is_older = edge == "older"
        surplus = max(0, len(before) + len(views) - self._most_mounted)
        gone = (before[-surplus:] if is_older else before[:surplus]) if surplus else []
        if self.growing in gone or is_any_seen(gone, self):  # the end is being written; somebody went there meanwhile
            return
        if is_older:
            self.is_first_shown, self.is_last_shown = is_end, self.is_last_shown and not gone
        else:
            self.is_last_shown, self.is_first_shown = is_end, self.is_first_shown and not gone
        self._is_following = self._is_following and self.is_last_shown
        self._anchor = first_seen(self.views, self.scroll_y)
        self._moves += 1
        with self._any_app.batch_update():
            if views:
                self._mark_again(views)
                await (self.mount_all(views, before=0) if is_older else self.mount_all(views))
            if not self._is_following:
                terminal = self._any_app.size
                self._move(height(views, self, terminal) if is_older else -height(gone, self, terminal))
            if gone:
                await self.remove_children(gone)
        self.call_after_refresh(self._settle, -1.0 if is_older else 1.0)

    def answered(self) -> None:
        """Note that what was asked for is there, or does not come; it is asked for again when somebody scrolls."""
        self._asked = max(0, self._asked - 1)

    def _move(self, lines: int) -> None:
        """Scroll together with the next layout, so that what is seen never jumps; `_hold` corrects the rest."""
        self._arrive()  # it would go on to where its end was
        place = max(0.0, self.scroll_y + lines)
        for name in (Widget.scroll_y, Widget.scroll_target_y):
            self.set_reactive(name, place)  # pyright: ignore[reportArgumentType] - of the class it is a Reactive

    def end_growing(self) -> None:
        """Note that the reply is written; who scrolled far from it meanwhile may go on."""
        self.growing = None
        self._ask_for_more(0.0)

    # -- staying ---------------------------------------------------------------------------------

    def watch_virtual_size(self, virtual_size: Size) -> None:
        """Stay in place. Textual's own anchor scrolls to negative places while there is little."""
        if self._is_following:
            self.call_after_refresh(self._follow)
        elif self._anchor is not None:
            self.call_after_refresh(self._hold)

    def on_resize(self) -> None:
        """Stay at the end while the terminal changes; one that grew may show more than is mounted."""
        self.call_after_refresh(self._resized)

    def _resized(self) -> None:
        self._follow()
        self._ask_for_more(0.0)

    def _follow(self) -> None:
        if self._is_following:
            self._arrive()  # who has just begun to go up does not follow
        if self._is_following:
            self.scroll_end(animate=False, force=True)

    def _hold(self) -> None:
        if self._displaced_to() is not None:
            self._arrive()  # takes the anchor along
        if (place := self._displaced_to()) is not None:
            self.scroll_to(y=place, animate=False, force=True)

    def _displaced_to(self) -> float | None:
        """Return the line to scroll to for the anchor to be where it was, None if it is there."""
        if self._anchor is None or self._is_following or not self._anchor[0].is_attached:
            return None
        view, below = self._anchor
        place = view.virtual_region.y - below
        return place if abs(place - self.scroll_y) >= 1 else None

    def _arrive(self) -> None:
        """End a movement where it was to end."""
        self._any_app.animator.force_stop_animation(self, "scroll_y")

    def _settle(self, moved: float) -> None:
        self._moves -= 1
        if self._moves:
            return
        self._follow()
        self._hold()
        self._ask_for_more(moved)  # on this side only: what was let go on the other one may be as near

    def validate_scroll_y(self, value: float) -> float:
        """Keep to the messages; while some are not laid out, nobody knows how far down they go."""
        return max(0.0, value) if self._moves else super().validate_scroll_y(value)

    def validate_scroll_target_y(self, value: float) -> float:
        """Keep to the messages, as above."""
        return max(0.0, value) if self._moves else super().validate_scroll_target_y(value)

    def animate(self, attribute: str, value: Any, **options: Any) -> None:
        """Move at once while messages are put in: what was not moved yet would be lost to staying in place."""
        super().animate(attribute, value, **options)
        if self._moves:
            self._any_app.animator.force_stop_animation(self, attribute)

    # Any: handed on as it is
    def scroll_to(self, x: float | None = None, y: float | None = None, **options: Any) -> None:
        """Scroll at once: by the next refresh, messages that were put in may have moved the line `y`."""
        options["immediate"] = True
        super().scroll_to(x, y, **options)

    def scroll_end(self, **options: Any) -> None:
        """Scroll to the end at once: after the next refresh, it would undo a page up that came meanwhile."""
        options["immediate"] = True
        super().scroll_end(**options)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Ask for messages that come near; who scrolls up is left there, who comes back to the end stays there."""
        super().watch_scroll_y(old_value, new_value)
        if new_value != old_value:
            if self._moves:
                self._is_following = self._is_following and new_value > old_value
                if self._anchor is not None:
                    self._anchor = self._anchor[0], self._anchor[1] - (new_value - old_value)
            else:
                self._is_following = self.is_last_shown and new_value >= self.max_scroll_y - 1
                self._anchor = None if self._is_following else first_seen(self.views, new_value)
            self._ask_for_more(new_value - old_value)

    def _ask_for_more(self, moved: float) -> None:
        """Ask for what is less than a screen away."""
        if self.is_waiting:
            return
        near = self.size.height
        if moved <= 0 and self.scroll_y < near and not self.is_first_shown:
            self._ask("older")
        elif moved >= 0 and self.scroll_y > self.max_scroll_y - near and not self.is_last_shown:
            self._ask("newer")

    def _ask(self, edge: Edge) -> None:
        self._asked += 1
        self.post_message(self.Wanted(edge))

    # -- going about -----------------------------------------------------------------------------

    def action_scroll_home(self) -> None:
        """Go to the first message of the session."""
        if (self.is_first_shown and not self.is_waiting) or self.growing is not None:
            super().action_scroll_home()
        else:
            self._ask("first")

    def action_scroll_end(self) -> None:
        """Go to the last message of the session."""
        if (self.is_last_shown and not self.is_waiting) or self.growing is not None:
            super().action_scroll_end()
        else:
            self._ask("last")

    def action_page_up(self) -> None:
        """Go a page up, from where the page before will end if it is still moving."""
        self._arrive()
        super().action_page_up()

    def action_page_down(self) -> None:
        """Go a page down, likewise."""
        self._arrive()
        super().action_page_down()

    def action_choose(self, step: int) -> None:
        """Choose the reply before or after the chosen one."""
        replies = [view for view in self.views if view.kind == "reply"]
        if not replies:
            return
        chosen = next((place for place, view in enumerate(replies) if view.has_class("-chosen")), len(replies))
        view = replies[max(0, min(chosen + step, len(replies) - 1))]
        self.scroll_to_widget(view, animate=False)
        view.post_message(MessageView.Chosen(view, None))

    @property
    def chosen(self) -> MessageView | None:
        """The reply whose memories are shown."""
        return next((view for view in self.views if view.has_class("-chosen")), None)

    def mark(self, chosen: MessageView) -> None:
        """Mark the reply whose memories are shown."""
        self._chosen_turn = None if chosen.turn is None else chosen.turn.id
        for view in self.views:
            view.set_class(view is chosen, "-chosen")

    def _mark_again(self, views: Sequence[MessageView]) -> None:
        for view in views:
            if view.turn is not None and view.turn.id == self._chosen_turn:
                view.add_class("-chosen")

    @property
    def last_reply(self) -> MessageView | None:
        """The reply at the end."""
        replies = [view for view in self.views if view.kind == "reply"]
        return replies[-1] if replies else None
