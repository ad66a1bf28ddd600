"""chat: talk to the assistant; now line by line, later also full screen."""

import click

from .invocation import Invocation, pass_invocation, place_options
from .output import note


@click.command()
@click.option("--plain", is_flag=True, help="Line by line, on stdin and stdout.")
@place_options
@pass_invocation
def chat(invocation: Invocation, plain: bool) -> None:
    """Talk to the assistant; what is said is remembered.

    In plain chat, /help lists the commands, Ctrl-D ends it, and Ctrl-C stops a reply.
    """
    from .plain_chat import PlainChat

    if not plain:
        note("The full-screen chat is not there yet; this is the plain one.")
    with invocation.open_agent() as agent:
        if not PlainChat(agent).run():
            raise click.exceptions.Exit(1)


COMMANDS = (chat,)
