"""Takes pictures of a run's report as it looks in a browser: docs/report-light.png and docs/report-dark.png.

    python docs/record_report.py FOLDER [HEIGHT]

The report is made anew from FOLDER, the folder of a run, and opened in headless Chromium (Debian: apt install
chromium; another one by BROWSER=…). The picture is of the page's beginning: figures and no conversation, as
questions are folded.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from recollect.evals.pages.report_files import HTML, write_report
from recollect.evals.stored_run import load_run

WIDTH, HEIGHT = 1280, 1500
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
SCHEMES = {"light": 1, "dark": 0}
"""What Chromium calls the colour schemes that a page may prefer."""
TIMEOUT_S = 120
MOST_BYTES = 300_000


def browser() -> str:
    """Return the browser to use; without one there are no pictures."""
    named = os.environ.get("BROWSER")
    found = named or next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        raise SystemExit(f"None of {', '.join(BROWSERS)} is installed; install one, or name yours with BROWSER=…")
    return found


def take_picture(page: Path, picture: Path, *, scheme: str, height: int) -> None:
    """Write the beginning of a page as PNG, as it looks where the reader prefers a scheme."""
    command = [
        browser(),
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        f"--blink-settings=preferredColorScheme={SCHEMES[scheme]}",
        f"--window-size={WIDTH},{height}",
        f"--screenshot={picture}",
        page.as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, timeout=TIMEOUT_S, text=True)
    if not picture.exists():
        raise SystemExit(f"{command[0]} took no picture: {done.stderr.strip()[-400:]}")


def main() -> None:
    """Make the report and take both pictures."""
    if len(sys.argv) not in (2, 3):
        raise SystemExit(__doc__)
    height = int(sys.argv[2]) if len(sys.argv) == 3 else HEIGHT
    with tempfile.TemporaryDirectory() as folder:
        write_report(load_run(Path(sys.argv[1])), Path(folder))
        for scheme in SCHEMES:
            new = Path(folder, f"{scheme}.png")
            take_picture(Path(folder, HTML), new, scheme=scheme, height=height)
            size = new.stat().st_size
            if size > MOST_BYTES:
                raise SystemExit(
                    f"The {scheme} picture has {size:,} bytes, more than {MOST_BYTES:,}; try less HEIGHT."
                )
            shutil.copyfile(new, Path(__file__).with_name(f"report-{scheme}.png"))


if __name__ == "__main__":
    main()
