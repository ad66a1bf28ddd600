"""chat: talk to the assistant, full screen or line by line."""

import gc
import os
import sys
from typing import TYPE_CHECKING

import click

from .filters import MOMENT
from .invocation import Invocation, pass_invocation, place_options

if TYPE_CHECKING:
    from ..agent.chat import Chat

FULL_COLLECTION_EVERY = 100
"""Full collections of garbage for this many of the middle generation; Python's own number is 10."""


@click.command()
@click.option("--plain", is_flag=True, help="Line by line, on stdin and stdout; so it is in a pipe, too.")
@click.option("--model", metavar="NAME", help="The chat model that writes the replies, or offline.")
@click.option("--as-of", type=MOMENT, metavar="TIME", help="As if asked then: nothing said later is known.")
@place_options
@pass_invocation
def chat(invocation: Invocation, plain: bool, model: str | None, as_of: str | None) -> None:
    """Talk to the assistant; what is said is remembered.

    Opens a full-screen app; F1 lists its commands and keys, Ctrl-Q ends it. In plain chat, /help lists the
    commands, Ctrl-D ends it, and Ctrl-C stops a reply.
    """
    _use_model(invocation, model)
    if plain or not _is_full_screen_possible():
        _plain(invocation, as_of)
    else:
        _full_screen(invocation, as_of)


def _use_model(invocation: Invocation, model: str | None) -> None:
    if model is None:
        return
    if model != "offline":
        invocation.settings["hosted.model"] = model
    invocation.settings["generator.name"] = "extractive" if model == "offline" else "hosted"


def _is_full_screen_possible() -> bool:
    """Whether there is a terminal that can be drawn on."""
    is_dumb = os.environ.get("TERM", "") in ("dumb", "unknown")
    return sys.stdin.isatty() and sys.stdout.isatty() and not is_dumb


def _plain(invocation: Invocation, as_of: str | None) -> None:
    from .plain_chat import PlainChat

    with invocation.open_agent() as agent:
        if not PlainChat(agent, as_of=as_of).run():
            raise click.exceptions.Exit(1)


def _collect_seldom() -> None:
    """Keep full collections of garbage from holding up keys: they walk through all of torch, for 100 ms and more.

    What is loaded by now stays; of the rest, what is young is collected as often as before.
    """
    gc.freeze()
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, FULL_COLLECTION_EVERY)


def _full_screen(invocation: Invocation, as_of: str | None) -> None:
    from ..chat_settings import ChatSettings
    from ..tui.app import ChatApp
    from ..tui.threads import is_any_running

    theme = invocation.config.theme  # a configuration that is wrong is told before the screen is taken

    def open_chat() -> "Chat":
        from ..agent.chat import Chat

        fresh = Invocation()
        fresh.settings, fresh.conversation = invocation.settings, invocation.conversation
        return Chat(fresh.open_agent(), as_of=as_of)

    app = ChatApp(open_chat, ChatSettings(invocation.settings), theme=theme, when_warm=_collect_seldom)
    app.run()
    if is_any_running():
        # a server that does not answer, torch half imported: everything is stored, and Python's own way out would
        # wait for the one and abort in the other
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(app.return_code or 0)
    if app.return_code:
        raise click.exceptions.Exit(app.return_code)


COMMANDS = (chat,)
