"""Draws the terminal scorecard of a kept run as an SVG, for the README.

    .venv/bin/python tools/draw_scorecard.py .esr/runs/RUN-… docs/scorecard.svg

The picture is the panel that the run printed, from its own scorecard.json; nothing is retouched.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

import orjson
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

from hms_esr.terminal import draw_panel, verdict_line

WIDTH = 104


def draw(run: Path) -> str:
    """The SVG text. Raises OSError when the run has no scorecard."""
    card = orjson.loads((run / "scorecard.json").read_bytes())
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    command = f"esr-replay {card['scenario']} --speed {card['speed']}"
    console.print(Text(f"$ {command} {asked_for(run)}".rstrip(), style="dim"))
    console.print(draw_panel(card["scenario"], card, float(card["trace_time_s"])))
    console.print(verdict_line(card))
    console.print(Text(card["notes"]))
    return console.export_svg(title="HMS-ESR", code_format=without_web_fonts(CONSOLE_SVG_FORMAT))


def asked_for(run: Path) -> str:
    """The options of the command that was typed, after those every picture names."""
    command = orjson.loads((run / "run.json").read_bytes())["command"]
    rest = [word for word in command[1:] if not word.endswith(("2020", "x", "--speed"))]
    return " ".join(rest)


def without_web_fonts(template: str) -> str:
    """A picture in a repository must not fetch anything when it is looked at."""
    kept = template
    while "@font-face" in kept:
        start = kept.index("@font-face")
        kept = kept[:start] + kept[kept.index("}}", start) + 2 :]
    return kept


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(draw(Path(sys.argv[1])), encoding="utf-8")
