"""Draws what a kept run printed on the terminal as an SVG, for the README.

    .venv/bin/python tools/draw_run.py .esr/runs/RUN-… docs/scorecard.svg

Of a drill it is the report, from the run's own drill.json; of any other run the scorecard, from its
scorecard.json. Nothing is retouched.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

import orjson
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

from hms_esr.drill_report import print_drill
from hms_esr.terminal import draw_panel, verdict_line

WIDTH = 104


def draw(run: Path) -> str:
    """The SVG text. Raises OSError when the run has no scorecard."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    if (run / "drill.json").exists():
        print_report(console, run)
    else:
        print_card(console, run)
    return console.export_svg(title="HMS-ESR", code_format=without_web_fonts(CONSOLE_SVG_FORMAT))


def print_report(console: Console, run: Path) -> None:
    """As `esr drill run` does."""
    report = orjson.loads((run / "drill.json").read_bytes())
    command = f"esr drill run {report['drill']} --speed {report['speed']}"
    console.print(Text(f"$ {command}", style="dim"))
    print_drill(console, report)


def print_card(console: Console, run: Path) -> None:
    """As `esr-replay` does."""
    card = orjson.loads((run / "scorecard.json").read_bytes())
    command = f"esr-replay {card['scenario']} --speed {card['speed']}"
    console.print(Text(f"$ {command} {asked_for(run)}".rstrip(), style="dim"))
    console.print(draw_panel(card["scenario"], card, float(card["trace_time_s"])))
    console.print(verdict_line(card))
    console.print(Text(card["notes"]))


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
