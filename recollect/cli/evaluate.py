"""eval: how good it is, on files the user has."""

import click

from .evaluate_data import data
from .evaluate_report import compare, report
from .evaluate_run import locomo, resume, run


@click.group("eval")
def evaluate() -> None:
    """Measure how good the memory is."""


for _command in (locomo, run, resume, report, compare, data):
    evaluate.add_command(_command)
COMMANDS = (evaluate,)
