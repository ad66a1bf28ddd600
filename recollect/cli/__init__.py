"""The command line `recollect`, one file for each group of commands; only this package prints."""

from . import chat, configure, demo, evaluate, heads, import_file, maintain, read, summarize, train, write
from .app import cli, main

__all__ = ["cli", "main"]

for _module in (demo, write, import_file, read, chat, evaluate, configure, maintain, summarize, train, heads):
    for _command in _module.COMMANDS:
        cli.add_command(_command)
