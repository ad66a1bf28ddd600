"""Writes the report of a run: figures for programs, a text for repositories, a page to look at."""

from pathlib import Path

from ...memory.errors import RunError
from ..scores import Scoring
from ..stored_run import StoredRun, summarise_run
from ..summary import RunSummary
from ..summary_json import to_json
from .html import to_html
from .insights import insights_of
from .markdown import to_markdown
from .page import page_of

SUMMARY, MARKDOWN, HTML = "summary.json", "report.md", "report.html"


def write_report(run: StoredRun, folder: Path) -> RunSummary:
    """Write summary.json, report.md and report.html into `folder`, over those of before; returns the summary.

    Raises RunError where they cannot be written, and as `summarise_run` does.
    """
    summary = summarise_run(run)
    insights = insights_of(run.records(), Scoring(ks=run.plan.ks, budgets=run.plan.budgets))
    page = page_of(summary, insights)
    texts = {SUMMARY: to_json(summary), MARKDOWN: to_markdown(page), HTML: to_html(page)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise RunError(f"The report cannot be written into {folder} ({error.strerror}); choose another.") from error
    return summary
