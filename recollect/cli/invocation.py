"""What the options of one command line ask for, and what a command needs to do it."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..config import Config, load_config
from ..memory.errors import NotAStore
from .threads import settle_threads

if TYPE_CHECKING:
    from ..agent.agent import Agent
    from ..agent.filters import Filters
    from ..agent.long_term_memory import LongTermMemory
    from ..memory.store import Store

Command = TypeVar("Command", bound=Callable[..., Any])  # click's decorators take and return any function


class Invocation:
    """The options given so far: settings by configuration key, filters of a recall, one conversation."""

    def __init__(self) -> None:
        self.settings: dict[str, object] = {}
        self.filters: Filters = {}
        self.conversation: str | None = None

    @cached_property
    def config(self) -> Config:
        """The configuration with this command line's flags on top."""
        return load_config(self.settings)

    def override(self, key: str, value: object) -> None:
        """Set a key as a flag does, for a command whose default is another."""
        self.settings[key] = value
        self.__dict__.pop("config", None)  # it may have been read before

    @property
    def store(self) -> Path:
        """Where the store lies."""
        from ..wiring import store_path

        return store_path(None, self.config)

    def open_memory(self, *, must_exist: bool = False) -> "LongTermMemory":
        """Open the user's memory; with `must_exist` an absent store is an error and is not created."""
        settle_threads(self.config)
        from ..wiring import open_memory

        if must_exist:
            self.refuse_absent_store()
        return open_memory(conversation=self.conversation, config=self.config)

    def open_agent(self, *, must_exist: bool = False) -> "Agent":
        """Open the user's agent; `must_exist` as in `open_memory`."""
        settle_threads(self.config)
        from ..wiring import open_agent

        if must_exist:
            self.refuse_absent_store()
        return open_agent(conversation=self.conversation, config=self.config)

    def open_store(self) -> "Store":
        """Open the store alone, without an embedder; an absent one is an error."""
        from ..memory.store import Store

        self.refuse_absent_store()
        return Store(self.store)

    def refuse_absent_store(self) -> None:
        """Raise NotAStore where nothing was stored yet: a mistyped path must not answer "I don't remember"."""
        if not self.store.exists():
            raise NotAStore(
                f"There is no store at {self.store}; put something into it with `recollect add` or "
                "`recollect import`, or name another with --store."
            )


pass_invocation = click.make_pass_decorator(Invocation, ensure=True)


def setting(*declarations: str, key: str, **attributes: Any) -> Callable[[Command], Command]:
    """Return an option that overrides a configuration key; `attributes` are those of `click.option`."""

    def remember(context: click.Context, parameter: click.Parameter, value: object) -> None:
        if value is not None:
            context.ensure_object(Invocation).settings[key] = value

    return click.option(*declarations, callback=remember, expose_value=False, **attributes)


def store_options(command: Command) -> Command:
    """Add --store."""
    return setting("--store", key="store", metavar="FILE", help="The store [default: the configured one].")(command)


def place_options(command: Command) -> Command:
    """Add --store, --user and --conversation."""

    def remember(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
        if value is not None:
            context.ensure_object(Invocation).conversation = value

    conversation = click.option(
        "--conversation", metavar="NAME", callback=remember, expose_value=False, help="Write to it, and see only it."
    )
    user = setting("--user", key="user", metavar="NAME", help="Whose memory [default: the configured user].")
    return store_options(user(conversation(command)))
