"""config: what is set, where it comes from, and changing it."""

import json
import os

import click

from .. import locations
from ..config_keys import KEYS, key_named
from .invocation import Invocation, pass_invocation
from .output import console, note, say, shown, write_json


@click.group("config", invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object.")
@pass_invocation
@click.pass_context
def config_group(context: click.Context, invocation: Invocation, as_json: bool) -> None:
    """Show every setting with where it comes from, or change one.

    A flag goes before RECOLLECT_SECTION_KEY in the environment, that before config.toml, that before the default.
    """
    if context.invoked_subcommand is not None:
        return
    config = invocation.config
    if as_json:
        write_json({key.name: {"value": config.value(key.name), "source": config.source(key.name)} for key in KEYS})
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name in ("key", "value", "from"):
        table.add_column(name, overflow="fold")
    for key in KEYS:
        value, source = config.value(key.name), config.source(key.name)
        style = "dim" if source == "default" else ""
        table.add_row(key.name, shown("-" if value is None else str(value), style), shown(source, style))
    console().print(table)


@config_group.command("set", context_settings={"ignore_unknown_options": True})  # -5 is a value, if a wrong one
@click.argument("key")
@click.argument("value")
def set_command(key: str, value: str) -> None:
    """Set KEY to VALUE in config.toml, say: recollect config set hosted.model gpt-5"""
    from ..config_edit import set_key

    path = locations.config_file()
    stored = set_key(path, key, value)
    say(f"{key} = {json.dumps(stored, ensure_ascii=False)} in {path}")
    variable = key_named(key, "command line").variable
    if os.environ.get(variable):
        note(f"Note: {variable} in the environment goes before it.")


@config_group.command("unset")
@click.argument("key")
def unset_command(key: str) -> None:
    """Take KEY out of config.toml."""
    from ..config_edit import unset_key

    path = locations.config_file()
    was_set = unset_key(path, key)
    say(f"{key} is no longer set in {path}" if was_set else f"{key} was not set in {path}")


@config_group.command("path")
def path_command() -> None:
    """Print where config.toml lies."""
    say(str(locations.config_file()))


COMMANDS = (config_group,)
