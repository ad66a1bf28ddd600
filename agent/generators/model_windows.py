"""How many tokens known models read and write together; `model_windows.json` is the table.

The numbers are those of the makers' model pages and configurations, the smaller one where a model reads less than it
reads and writes together, or where variants differ. A server may be started with a smaller window than its model has:
the setting `hosted.context_tokens` goes before the table.
"""

import json
from functools import cache
from importlib.resources import files


def window_of(model: str) -> int | None:
    """Return the window of a model by its name on a server, None where it is not known.

    The longest entry that begins the name counts, and must end where a part of the name ends: `gpt-4` is no entry for
    `gpt-4.5`. An organisation before a slash and case do not matter.
    """
    name = model.rpartition("/")[2].casefold()
    begins = [entry for entry in _table() if name == entry or name.startswith(tuple(entry + end for end in "-:@_"))]
    return _table()[max(begins, key=len)] if begins else None


@cache
def _table() -> dict[str, int]:
    written = files(__package__ or "").joinpath("model_windows.json").read_text(encoding="utf-8")
    table: dict[str, int] = json.loads(written)
    return table
