"""Makes the slides of the talk, or rehearses it.

    PYTHONPATH=tools python -m slides [--lang pt] [--data ROOT --tz TZ] [--out build/slides] [--rehearse]

Without a browser there is no PDF; the page is made all the same, and the command says so and fails.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from slides import deck, page, printing, running

_PROJECT = Path(__file__).resolve().parents[2]
_NOTEBOOK = "presentation.ipynb"


def main() -> int:
    """Do what the command line says, and return the exit code."""
    options = _options()
    data = Path(options.data) if options.data else None
    source = running.Source(_PROJECT / "notebooks", data, options.tz, options.lang)
    try:
        made = build(source, Path(options.out))
        if options.rehearse:
            from slides import rehearsal

            return rehearsal.main(source, made)
        return _printed(made)
    except deck.DeckError as error:
        print(f"slides: {error}", file=sys.stderr)
        return 1


def build(source: running.Source, folder: Path) -> Path:
    """Execute the talk and write `slides.html` into a folder."""
    notebook = source.read(_NOTEBOOK)
    lives = running.live_cells(source, deck.slides(notebook))
    slides = deck.slides(running.executed(source, notebook, _NOTEBOOK))
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / "slides.html"
    target.write_text(page.page(slides, lives, "pt-BR" if source.lang == "pt" else source.lang), encoding="utf-8")
    seconds = sum(slide.seconds for slide in slides)
    print(f"{target}: {len(slides)} slides, {seconds / 60:.1f} minutes, {target.stat().st_size / 1e6:.1f} MB")
    return target


def _printed(made: Path) -> int:
    target = made.with_suffix(".pdf")
    with printing.chromium() as browser:
        printing.pdf(browser, made, target)
    print(f"{target}: {target.stat().st_size / 1e6:.1f} MB")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="slides", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--lang", default="en", choices=("en", "pt"), help="the language of the words")
    parser.add_argument("--data", default=os.environ.get("FOOTFALL_DATA", ""), help="a data set (a sample city)")
    parser.add_argument("--tz", default=os.environ.get("FOOTFALL_TZ", ""), help="its time zone (America/Recife)")
    parser.add_argument("--out", default=str(_PROJECT / "build" / "slides"), help="the folder of what is made")
    parser.add_argument("--rehearse", action="store_true", help="play slides and live cells, and tell the minutes")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
