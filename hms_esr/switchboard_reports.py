"""What `esr switchboard` prints for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from hms_esr.plain import to_shown
from hms_esr.switchboard_lint import Lint
from switchboard.explain import Explanation
from switchboard.rules import LIVE

REFUSED: Final = "bold red"
GOES_ON: Final = "bold green"
LOUD: Final = "bold yellow"


def print_explanation(console: Console, told: Explanation) -> None:
    """The decision, then everything that led to it."""
    style = REFUSED if told.is_refused else LOUD if told.sentence.startswith("LIVE") else GOES_ON
    _line(console, told.request)
    _line(console, f"  {told.sentence}", style)
    for label, value in _facts(told):
        _line(console, f"  {label:<16}{value}")
    for looked in told.looked:
        where = looked.rule if looked.line is None else f"{looked.rule} (line {looked.line})"
        _line(console, f"  not by          {where}: {looked.why}", "dim")
    for note in told.notes:
        _line(console, f"  note            {note}", LOUD)
    _line(console, "  nothing was sent", "dim")


def _facts(told: Explanation) -> Iterator[tuple[str, str]]:
    yield "mode", told.mode
    if told.target_after is not None and told.target_after != told.target_before:
        yield "target", f"{told.target_before} becomes {told.target_after}"
    if told.dropped:
        yield "taken out", ", ".join(told.dropped)
    for name, value in told.added:
        yield "put in", f"{name}: {'(a secret)' if value is None else value}"


def print_lint(console: Console, lint: Lint) -> None:
    """A line a fault or note; a sound file in one line."""
    if lint.faults:
        count = f"{len(lint.faults)} fault{'s' * (len(lint.faults) != 1)}"
        _line(console, f"{lint.source}: {count}", REFUSED)
    else:
        _line(console, f"{lint.source} is sound: {lint.summary}", GOES_ON)
    for fault in lint.faults:
        _line(console, f"  {fault}")
    for note in lint.notes:
        _line(console, f"  note: {note}", LOUD)


def print_mode(console: Console, shown: Mapping[str, Any]) -> None:
    """The mode, where it stands, who flipped it last and why."""
    mode = str(shown["mode"])
    _line(console, mode, LOUD if mode == LIVE else GOES_ON)
    if "mode_file" in shown:
        what = "not there yet, so as the rules say" if shown["is_default"] else "the mode file"
        _line(console, f"  {shown['mode_file']} ({what})")
    else:
        _line(console, f"  by the control API at {shown['control']}")
    flip = shown.get("last_flip")
    if isinstance(flip, Mapping):
        at = f" at {flip['at']}" if "at" in flip else ""
        _line(console, f"  {flip.get('to')} since{at} by {flip.get('who')}: {flip.get('why')}")
    elif "mode_file" in shown:
        _line(console, "  never flipped")


def _line(console: Console, text: str, style: str = "") -> None:
    console.print(Text(to_shown(text), style=style), soft_wrap=True)
