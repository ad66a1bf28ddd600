"""The command line: the group, what every command has in common, and how errors end it."""

import errno
import os
import sys
from io import TextIOWrapper
from typing import Any

import click

from .. import __version__
from ..memory.errors import RecollectError
from .invocation import place_options

INTERRUPTED = 130


class RecollectGroup(click.Group):
    """Turns our errors into one line on stderr and exit code 1, Ctrl-C into exit code 130."""

    def invoke(self, ctx: click.Context) -> Any:  # as click declares it
        """Run the command."""
        try:
            return super().invoke(ctx)
        except RecollectError as error:
            if os.environ.get("RECOLLECT_DEBUG"):
                raise
            raise click.ClickException(" ".join(str(error).split())) from error
        except (KeyboardInterrupt, click.Abort) as error:
            click.echo("Interrupted.", err=True)
            raise click.exceptions.Exit(INTERRUPTED) from error
        except OSError as error:
            if error.errno == errno.EPIPE or os.environ.get("RECOLLECT_DEBUG"):
                raise  # click ends a command quietly whose reader went away
            # what our adapters do not wrap: mostly stdout on a full disk
            raise click.ClickException(f"The system refused: {error.strerror or error}.") from error


@click.group(cls=RecollectGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, "--version", prog_name="recollect")
@place_options
def cli() -> None:
    """Recollect: an assistant that remembers, and shows the words it remembers by.

    Everything stays on this machine unless a hosted model is configured.
    """


def main() -> None:
    """Run the command line; the entry point `recollect`."""
    for stream in (sys.stdout, sys.stderr):
        # a terminal or a pipe that cannot show a character gets a "?" instead of a traceback
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    cli(prog_name="recollect")
