"""Which heads of which model look at the answer: head sets that ship with the package, and those of files.

METHODS 5.4. A head set belongs to one model; the heads of another one are found by detection, never carried over.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeAlias

from ..memory.errors import RerankError

Head: TypeAlias = tuple[int, int]
"""(layer, head), both counted from 0."""

PREFERRED = ("LME", "NarrativeQA", "NQ")
"""Of a model's sets, which one is meant if none is named: found on conversations, on stories, on web questions."""

_HEAD = re.compile(r"\s*(\d+)-(\d+)\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadSet:
    """The heads of one model, best first, and where they come from.

    `layers` and `heads_per_layer` are the model's; `dataset` is what the heads were found on, `source` who did.
    Raises RerankError for a set without heads, with a head twice, or with one that the model cannot have.
    """

    model_id: str
    layers: int
    heads_per_layer: int
    heads: tuple[Head, ...]
    dataset: str = ""
    source: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        if not self.heads or len(set(self.heads)) != len(self.heads):
            raise RerankError(f"The head set of {self.model_id} is empty or names a head twice; correct it.")
        self.check_fits(layers=self.layers, heads_per_layer=self.heads_per_layer)

    @property
    def top(self) -> int:
        """The highest layer with a head."""
        return max(layer for layer, _ in self.heads)

    def best(self, count: int) -> "HeadSet":
        """Return the set of the `count` best heads, of all if there are fewer; raises RerankError for none."""
        return replace(self, heads=self.heads[: max(0, count)])

    def by_layer(self) -> dict[int, tuple[int, ...]]:
        """Return the heads of each layer, lowest layer first."""
        found: dict[int, list[int]] = {}
        for layer, head in sorted(self.heads):
            found.setdefault(layer, []).append(head)
        return {layer: tuple(heads) for layer, heads in found.items()}

    def check_fits(self, *, layers: int, heads_per_layer: int) -> None:
        """Raise RerankError unless a model of this size has all the heads; it may be cut above the top one."""
        outside = [f"{la}-{he}" for la, he in self.heads if not (0 <= la < layers and 0 <= he < heads_per_layer)]
        if outside or self.heads_per_layer != heads_per_layer:
            gone = f": no {', '.join(outside)}" if outside else ""
            raise RerankError(
                f"The head set of {self.model_id} ({self.layers} layers of {self.heads_per_layer} heads) does not "
                f"fit a model of {layers} layers of {heads_per_layer} heads{gone}. Heads belong to one model; find "
                "this one's with: recollect heads detect MODEL --data FILE"
            )

    def write(self, path: Path) -> None:
        """Write the set as JSON, as `read_heads` reads it; raises OSError."""
        path.write_text(json.dumps(asdict(self), ensure_ascii=False) + "\n", encoding="utf-8")


def heads_for(model: str, choice: str | None = None, *, layers: int, heads_per_layer: int) -> HeadSet:
    """Return the head set for a model, by hub name or folder, that has so many layers and heads.

    `choice` is a file that holds one, heads written out ("20-15,21-11"), or the data set they were found on ("NQ");
    None is the shipped set. Raises RerankError when there is none, naming those there are, and when it does not fit.
    """
    written = None if choice is None else _written(choice)
    if written is not None:
        return HeadSet(
            model_id=model, layers=layers, heads_per_layer=heads_per_layer, heads=written, source="written out"
        )
    is_file = choice is not None and (choice.endswith(".json") or "/" in choice or "\\" in choice)
    found = read_heads(Path(choice).expanduser()) if choice and is_file else _shipped_for(model, choice)
    found.check_fits(layers=layers, heads_per_layer=heads_per_layer)
    return found


def _written(text: str) -> tuple[Head, ...] | None:
    """Return the heads that a text as "20-15, 21-11" names, None if it is no such text."""
    found = [_HEAD.fullmatch(part) for part in text.split(",")]
    return tuple((int(one[1]), int(one[2])) for one in found if one) if all(found) else None


def read_heads(path: Path) -> HeadSet:
    """Return the head set of a JSON file; raises RerankError when it cannot be read or holds something else."""
    try:
        return _head_set(json.loads(path.read_text(encoding="utf-8")))
    except RerankError as error:
        raise RerankError(f"{path}: {error}") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RerankError(
            f"{path} holds no head set ({error!r}); make one with: recollect heads detect MODEL --data FILE"
        ) from error


@lru_cache(maxsize=1)
def shipped_heads() -> tuple[HeadSet, ...]:
    """Return every head set that ships with the package; of each model, the preferred one first."""
    folder = files("recollect.rerank").joinpath("head_sets")
    names = sorted(file.name for file in folder.iterdir() if file.name.endswith(".json"))
    found = [_head_set(json.loads(folder.joinpath(name).read_text(encoding="utf-8"))) for name in names]
    return tuple(sorted(found, key=lambda one: (one.model_id.casefold(), _preference(one))))


def _preference(one: HeadSet) -> int:
    return PREFERRED.index(one.dataset) if one.dataset in PREFERRED else len(PREFERRED)


def _shipped_for(model: str, dataset: str | None) -> HeadSet:
    """Match the whole name without regard to case, else the last part of a path with the last part of the name."""
    wanted = model.rstrip("/\\").casefold()
    own = [one for one in shipped_heads() if one.model_id.casefold() == wanted]
    if not own:
        last = re.split(r"[/\\]", wanted)[-1]
        own = [one for one in shipped_heads() if one.model_id.casefold().rpartition("/")[2] == last]
    chosen = [one for one in own if dataset is None or one.dataset.casefold() == dataset.casefold()]
    if chosen:
        return chosen[0]
    if own:
        known = ", ".join(one.dataset for one in own)
        raise RerankError(
            f"{dataset!r} is neither a file, nor heads written as 20-15,21-11, nor a data set whose heads are known "
            f"for {own[0].model_id}; those are: {known}."
        )
    known = ", ".join(dict.fromkeys(one.model_id for one in shipped_heads()))
    raise RerankError(
        f"No heads are known for {model!r}. Find them with: recollect heads detect {model} --data FILE\n"
        f"Models whose heads are known: {known}."
    )


def _head_set(stored: Mapping[str, Any]) -> HeadSet:  # parsed JSON, checked here
    heads: Sequence[Sequence[object]] = stored["heads"]
    if not all(len(head) == 2 and all(type(number) is int for number in head) for head in heads):
        raise ValueError("heads must be pairs [layer, head]")
    return HeadSet(
        model_id=str(stored["model_id"]),
        layers=int(stored["layers"]),
        heads_per_layer=int(stored["heads_per_layer"]),
        heads=tuple((int(str(layer)), int(str(head))) for layer, head in heads),
        dataset=str(stored.get("dataset", "")),
        source=str(stored.get("source", "")),
        note=str(stored.get("note", "")),
    )
