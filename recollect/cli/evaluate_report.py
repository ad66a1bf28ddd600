"""eval report, eval compare: what runs have measured, as pages to look at and as differences that can be trusted."""

from pathlib import Path

import click

from .output import console, note, say, write_json


@click.command("report")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="Where to write [default: the run's folder]."
)
def report(folder: Path, *, out: Path | None) -> None:
    """Write the report of the run in FOLDER: report.html to look at, report.md, and summary.json for programs.

    Figures are made anew from the run's records, which nothing is asked for again.
    """
    from ..evals.pages.report_files import HTML, MARKDOWN, SUMMARY, write_report
    from ..evals.stored_run import load_run

    run = load_run(folder)
    target = out or folder
    write_report(run, target)
    for name in (HTML, MARKDOWN, SUMMARY):
        say(str(target / name))


@click.command("compare")
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@click.option("--all", "every_metric", is_flag=True, help="Show every metric, any and all included.")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON document, with every metric.")
def compare(a: str, b: str, *, every_metric: bool, as_json: bool) -> None:
    """Tell what differs between two systems and what of it is significant: B minus A, paired by question.

    A and B are folders of runs, whose systems of the same name are compared, or one system of a run each, written
    FOLDER:SYSTEM ("runs/dev:block", "runs/dev:BM25, chunk"). Conditions in which the runs differ are told.
    """
    from ..evals.comparison_tables import comparison_document, comparison_table
    from ..evals.run_pairs import compare_sides, read_side

    compared = compare_sides(read_side(a), read_side(b))
    if as_json:
        write_json(comparison_document(compared))
        return
    for warning in compared.warnings:
        note(warning)
    for comparison in compared.comparisons:
        console().print(comparison_table(comparison, every_metric=every_metric))
