"""Memories by date, the latest first, a page at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from ...memory.types import Memory, Turn
from ..words import one_line

NEAR_END = 20
"""How many memories before the end the next page is asked for."""


class Timeline(OptionList):
    """Grows as it is read to its end; days are headings."""

    @dataclass
    class EndReached(Message):
        """The next page is wanted; `after` is where the last one ended."""

        after: tuple[int, int]

    def __init__(self) -> None:
        super().__init__(id="timeline", compact=True)
        self._memories: dict[str, Memory] = {}
        self._after: tuple[int, int] | None = None
        self._day: date | None = None

    @property
    def count(self) -> int:
        """How many memories are listed."""
        return len(self._memories)

    @property
    def is_complete(self) -> bool:
        """Whether there is no further page."""
        return self._after is None

    @property
    def selected(self) -> Memory | None:
        """The memory that is selected."""
        option = self.highlighted_option
        return None if option is None or option.id is None else self._memories.get(option.id)

    def extend(
        self, memories: Sequence[Memory], *, after: tuple[int, int] | None, is_fresh: bool, hidden: frozenset[int]
    ) -> None:
        """List a page; a fresh one takes the place of all."""
        place = self.highlighted or 1
        if is_fresh:
            self.clear_options()
            self._memories.clear()
            self._day = None
        self._after = after
        self.add_options(self._entries([memory for memory in memories if memory.id not in hidden]))
        if is_fresh and self.option_count:
            self.highlighted = min(max(place, 1), self.option_count - 1)
        elif is_fresh:
            self.add_option(Option(Content.styled("Nothing was found", "$dimmed"), disabled=True))

    def _entries(self, memories: Sequence[Memory]) -> list[Option]:
        options: list[Option] = []
        for memory in memories:
            when = memory.said_at if isinstance(memory, Turn) else memory.happened_at
            if when.date() != self._day:
                self._day = when.date()
                heading = f"{self._day:%A}, {self._day.day} {self._day:%B %Y}"
                options.append(Option(Content.styled(heading, "bold $secondary"), disabled=True))
            who = memory.speaker if isinstance(memory, Turn) else "summary"
            self._memories[str(memory.id)] = memory
            words = Content.assemble(
                (f"{when:%H:%M} ", "$dimmed"),
                (f"{one_line(who)}: ", "bold" if isinstance(memory, Turn) else "bold italic $success"),
                one_line(memory.text)[:240],
            )
            options.append(Option(words, id=str(memory.id)))
        return options

    def watch_highlighted(self, highlighted: int | None) -> None:
        """Ask for the next page near the end."""
        super().watch_highlighted(highlighted)
        if highlighted is not None and highlighted >= self.option_count - NEAR_END:
            self._ask_for_more()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Ask for the next page near the end, for those who scroll."""
        super().watch_scroll_y(old_value, new_value)
        if new_value >= self.max_scroll_y - NEAR_END and new_value > old_value:
            self._ask_for_more()

    def _ask_for_more(self) -> None:
        if self._after is not None:
            after, self._after = self._after, None
            self.post_message(self.EndReached(after))
