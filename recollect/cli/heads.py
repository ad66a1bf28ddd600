"""heads: which attention heads of a decoder look at the answer; those that are known, and finding a new model's."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypedDict, Unpack

import click

from .invocation import Invocation, pass_invocation
from .output import console, counted, note, progress, say, shown, write_json
from .threads import settle_threads

if TYPE_CHECKING:
    from ..rerank.heads import HeadSet
    from ..training.qr_detection import Detected

OUT = click.Path(dir_okay=False, path_type=Path)
HEADS_SHOWN = 4
SCORES = {"qr": "QR score", "ndcg": "NDCG@10"}


@click.group()
def heads() -> None:
    """Know which attention heads of a decoder look at the answer, for `--rerank qr`."""


@heads.command("list")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON list, with all heads.")
def list_command(as_json: bool) -> None:
    """List the head sets that ship with Recollect: model, data, source."""
    from ..rerank.heads import shipped_heads

    if as_json:
        write_json([_document(one) for one in shipped_heads()])
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name in ("model", "found on", "heads", "best", "source"):
        table.add_column(name, overflow="fold")
    for one in shipped_heads():
        best = ", ".join(f"{layer}-{head}" for layer, head in one.heads[:HEADS_SHOWN]) + ", …"
        table.add_row(*map(shown, (one.model_id, one.dataset, str(len(one.heads)), best, one.source)))
    console().print(table)


def _document(one: "HeadSet") -> dict[str, object]:
    return {
        "model": one.model_id,
        "layers": one.layers,
        "heads_per_layer": one.heads_per_layer,
        "dataset": one.dataset,
        "source": one.source,
        "note": one.note,
        "heads": [list(head) for head in one.heads],
    }


@heads.command("detect")
@click.argument("model")
@click.option(
    "--data",
    type=click.Path(exists=True, path_type=Path),
    required=True,
    help="A folder with docs.jsonl(.xz) and qa.jsonl(.xz), or a file of question, passages and evidence.",
)
@click.option(
    "--samples", type=click.IntRange(min=1), default=128, show_default=True, help="Questions, drawn by seed."
)
@click.option("--top", type=click.IntRange(min=1), default=16, show_default=True, help="How many heads to keep.")
@click.option(
    "--score",
    type=click.Choice(["qr", "ndcg"]),
    default="qr",
    show_default=True,
    help="Attention on the evidence, or each head as a retriever of shuffled passages.",
)
@click.option("--calibrate/--no-calibrate", default=True, show_default=True, help='Subtract what "N/A" draws.')
@click.option("--out", type=OUT, help="The head set [default: MODEL.DATA.heads.json here].")
@click.option("--picture", type=OUT, help="Draw the scores, layer by head, as SVG.")
@click.option("--device", help="Where the model runs, say cuda [default: cuda if there is one].")
@click.option("--seed", type=int, default=13, show_default=True)
@pass_invocation
def detect_command(
    invocation: Invocation,
    model: str,
    data: Path,
    *,
    out: Path | None,
    picture: Path | None,
    device: str | None,
    **recipe: Unpack["RecipeFields"],
) -> None:
    """Find the heads of MODEL (a folder or a hub name) that look at the passages which answer a question.

    Goes on where it was interrupted: sums are kept beside the head set, in a file that ends in .state.npz.
    """
    for path in (out, picture):
        if path is not None and not path.parent.is_dir():
            raise click.UsageError(f"The folder of {path} does not exist.")
    settle_threads(invocation.config)
    from ..rerank.decoder import load_decoder
    from ..training.decoder_scorer import DecoderScorer
    from ..training.qr_detection import Recipe, detect, head_set
    from ..training.qr_samples import SampleSource

    asked, source = Recipe(**recipe), SampleSource(data)
    out = out or Path(f"{_last_part(model)}.{source.name}.heads.json")
    source.count()  # data that cannot be used is said before a large model is loaded
    scorer = DecoderScorer(load_decoder(model, device=device), calibrate=asked.calibrate)
    with progress("Reading", "samples") as advance:
        found = detect(scorer, source, asked, state=out.with_name(f"{out.name}.state.npz"), on_sample=advance)
    made = head_set(found, asked, model_id=model, dataset=source.name)
    _write(out, made.write)
    _show(made, found)
    say(f"Wrote {out}; to rerank with it: recollect config set rerank.heads {out}")
    if picture is not None:
        from ..training.head_map import head_map

        title = f"{_last_part(model)} on {source.name}: {SCORES[asked.score]}, {counted(found.samples, 'sample')}"
        _write(picture, lambda path: path.write_text(head_map(found.scores, found.heads, title=title), "utf-8"))
        say(f"Drew {picture}")


def _write(path: Path, write: Callable[[Path], object]) -> None:
    try:
        write(path)
    except OSError as error:
        raise click.FileError(str(path), error.strerror or str(error)) from error


def _show(made: "HeadSet", found: "Detected") -> None:
    from ..training.qr_detection import usual_top

    heads = len(made.heads)
    skipped = f"; {found.skipped:,} more did not fit the model's window" if found.skipped else ""
    say(f"Read {counted(found.samples, 'sample')} of {made.dataset}{skipped}.")
    say(f"The {heads} best of {made.layers * made.heads_per_layer:,} heads as layer-head, best first:")
    say(",".join(f"{layer}-{head}" for layer, head in made.heads))
    if found.shared is None:
        say("All samples are over one document, so nothing is known about how robust they are.")
    else:
        say(f"{found.shared} of {heads} are the same in both halves of the samples, which share no document.")
    low, high = usual_top(made.layers, made.heads_per_layer)
    usual = f"{low} to {high}" if low < high else f"{low}"
    note(f"1 to 2 % of the heads are {usual}; another --top costs nothing while the state file is there.")


def _last_part(model: str) -> str:
    return re.split(r"[/\\]", model.rstrip("/\\"))[-1]


class RecipeFields(TypedDict):
    """The options that say how heads are scored, as `Recipe` has them."""

    samples: int
    top: int
    score: Literal["qr", "ndcg"]
    calibrate: bool
    seed: int


COMMANDS = (heads,)
