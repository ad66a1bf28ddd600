"""Options that restrict what a recall may see."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import click

from .invocation import Command, Invocation


class Moment(click.ParamType[str]):
    """An ISO 8601 day or time, handed on as written: as an upper limit, a bare day means its end."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text if it is a time; fails with a usage error."""
        try:
            datetime.fromisoformat(str(value).strip())
        except ValueError:
            self.fail(f"{value!r} is no ISO 8601 time; write it as 2026-03-02 or 2026-03-02T18:00.", param, ctx)
        return str(value).strip()


MOMENT = Moment()


def _moment_option(name: str, about: str) -> Callable[[Command], Command]:
    def remember(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
        filters = context.ensure_object(Invocation).filters
        if value is None:
            return
        if name == "as_of":
            filters["as_of"] = value
        elif name == "since":
            filters["since"] = value
        else:
            filters["until"] = value

    flag = f"--{name.replace('_', '-')}"
    return click.option(flag, name, type=MOMENT, metavar="TIME", callback=remember, expose_value=False, help=about)


def filter_options(command: Command) -> Command:
    """Add --as-of, --since, --until and --speaker."""

    def remember(context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> None:
        if value:
            context.ensure_object(Invocation).filters["speakers"] = value

    command = click.option(
        "--speaker",
        "speakers",
        multiple=True,
        metavar="NAME",
        callback=remember,
        expose_value=False,
        help="Only what this person said; may be repeated.",
    )(command)
    command = _moment_option("until", "Only what was said up to then; a bare day includes it.")(command)
    command = _moment_option("since", "Only what was said from then on.")(command)
    return _moment_option("as_of", "As if asked then: nothing said later is known.")(command)
