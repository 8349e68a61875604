"""What a person sees while a run goes: a live panel on a terminal, plain lines in a pipe.

Everything is drawn from the scorecard's JSON, so the screen cannot know more than the file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from scenarios.units import format_duration

Card = Mapping[str, Any]

TOP_ROUTES = 8
PANEL_WIDTH = 60
"""Columns that a panel needs to be readable."""

LINES_PER_RUN = 60
VERDICT_STYLES = {"pass": "bold green", "fail": "bold red", "void": "bold yellow"}


class View(Protocol):
    """Shows scorecards as they come."""

    def show(self, card: Card, rate: float | None) -> None:
        """A new scorecard; `rate` is requests a second since the one before."""

    def say(self, sentence: str) -> None:
        """Something a person should know now."""

    def close(self) -> None:
        """No more scorecards will come."""


def number(value: float | None, digits: int = 0, unit: str = "") -> str:
    """`1,234 ms`; a dash for what nobody measured."""
    return "–" if value is None else f"{value:,.{digits}f}{unit}"


class LiveView:
    """A panel that redraws in place."""

    def __init__(self, console: Console, title: str, trace_s: float) -> None:
        self._title = title
        self._trace_s = trace_s
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._live.start()

    def show(self, card: Card, rate: float | None) -> None:
        panel = draw_panel(self._title, card, self._trace_s, rate, is_live=True)
        self._live.update(panel, refresh=True)

    def say(self, sentence: str) -> None:
        self._live.console.print(Text(sentence, style="yellow"))

    def close(self) -> None:
        try:
            self._live.stop()
        finally:
            # Also when Ctrl-C came in between: a terminal without a cursor is no terminal.
            self._live.console.show_cursor()


class LineView:
    """One line now and then, for pipes and logs."""

    def __init__(self, console: Console, wall_s: float) -> None:
        self._console = console
        self._every_s = max(1.0, wall_s / LINES_PER_RUN)
        self._last_s: float | None = None

    def show(self, card: Card, rate: float | None) -> None:
        elapsed_s = float(card["elapsed_s"])
        if self._last_s is not None and elapsed_s - self._last_s < self._every_s * 0.9:
            return
        self._last_s = elapsed_s
        self._console.print(format_line(card, rate), highlight=False, soft_wrap=True)

    def say(self, sentence: str) -> None:
        self._console.print(Text(sentence), soft_wrap=True)

    def close(self) -> None:
        """Nothing is held open."""


def format_line(card: Card, rate: float | None) -> str:
    """The one-line form of a scorecard."""
    times = card["response_ms"] if card["response_ms"]["p50"] is not None else card["service_ms"]
    return (
        f"{number(card['elapsed_s'], 1):>6}s  sent {card['requests']['sent']:,}"
        f"/{card['requests']['planned']:,}  {number(rate)}/s  users {card['users']:,}  "
        f"avg wait {number(card['avg_wait'], 3, 's')}  errors {number(card['error_pct'], 2, '%')}  "
        f"p50/p95/p99 {number(times['p50'])}/{number(times['p95'])}/{number(times['p99'])} ms  "
        f"lag p99 {number(card['lag_ms']['p99'], 1, ' ms')}"
    )


def draw_panel(
    title: str, card: Card, trace_s: float, rate: float | None = None, *, is_live: bool = False
) -> Panel:
    """The whole scorecard as one panel. `rate` is requests a second now, while it is live."""
    verdict = card["verdict"]
    style = "cyan" if is_live else VERDICT_STYLES.get(verdict, "cyan")
    shown_rate = ("rate now", rate) if is_live else ("rate", _mean_rate(card))
    facts = _facts(card, *shown_rate)
    parts: list[Any] = [_progress(card, trace_s), Text(), facts, Text(), _times(card)]
    if card["routes"]:
        parts += [Text(), _routes(card)]
    if card["slo"]:
        parts += [Text(), _slo(card)]
    return Panel(Group(*parts), title=Text(title, style="bold"), border_style=style, padding=(0, 2))


def _progress(card: Card, trace_s: float) -> Table:
    row = Table.grid(padding=(0, 2), expand=True)
    row.add_column(ratio=1)
    row.add_column(justify="right", no_wrap=True)
    done_s = min(float(card["trace_time_s"]), trace_s)
    requests = card["requests"]
    if trace_s > 0 and card["speed"] != "max":
        bar = ProgressBar(total=trace_s, completed=done_s)
        place = f"{format_duration(done_s)} of {format_duration(trace_s)} recorded"
    else:
        bar = ProgressBar(total=max(1, requests["planned"]), completed=requests["sent"])
        place = f"{requests['sent']:,} of {requests['planned']:,} requests"
    row.add_row(bar, f"{place}  ·  {card['speed']}  ·  {number(card['elapsed_s'], 1)} s")
    return row


def _mean_rate(card: Card) -> float | None:
    elapsed_s = float(card["elapsed_s"])
    return card["requests"]["sent"] / elapsed_s if elapsed_s else None


def _facts(card: Card, rate_label: str, rate: float | None) -> Table:
    requests = card["requests"]
    facts = [
        (rate_label, number(rate, 0, "/s")),
        ("sent", f"{requests['sent']:,}"),
        ("users", f"{card['users']:,}"),
        ("avg wait", number(card["avg_wait"], 3, " s")),
        ("errors", number(card["error_pct"], 2, " %")),
        ("late", number(requests["late"])),
        ("held", f"{requests['held']:,}"),
    ]
    if requests["skipped"]:
        facts.append(("not played", number(requests["skipped"])))
    table = Table.grid(padding=(0, 3), expand=True)
    for _ in facts:
        table.add_column(justify="center")
    table.add_row(*(Text(label, style="dim") for label, _ in facts))
    table.add_row(*(Text(value, style="bold") for _, value in facts))
    return table


def _times(card: Card) -> Table:
    table = Table(box=None, padding=(0, 2), expand=True, header_style="dim")
    table.add_column("milliseconds")
    keys = ("p50", "p90", "p95", "p99", "p999", "max")
    for key in keys:
        table.add_column(key, justify="right")
    for label, name in (("service time", "service_ms"), ("response time", "response_ms")):
        table.add_row(label, *(number(card[name][key], 1) for key in keys))
    lag = card["lag_ms"]
    table.add_row("lag", *(number(lag.get(key), 2) for key in keys))
    return table


def _routes(card: Card) -> Table:
    table = Table(box=None, padding=(0, 2), expand=True, header_style="dim")
    table.add_column("route", ratio=1, no_wrap=True, overflow="ellipsis")
    for heading in ("count", "errors", "p50", "p95", "p99"):
        table.add_column(heading, justify="right")
    busiest = sorted(card["routes"], key=lambda route: -route["count"])
    for route in busiest[:TOP_ROUTES]:
        error = number(route["error_pct"], 2, " %")
        error_style = "red" if route["error_pct"] else ""
        times = (number(route[key], 0) for key in ("p50", "p95", "p99"))
        table.add_row(
            Text(route["route"]), f"{route['count']:,}", Text(error, style=error_style), *times
        )
    if len(busiest) > TOP_ROUTES:
        table.add_row(Text(f"and {len(busiest) - TOP_ROUTES:,} more", style="dim"))
    return table


def _slo(card: Card) -> Table:
    table = Table(box=None, padding=(0, 2), expand=True, header_style="dim")
    for heading in ("slo", "limit", "actual", ""):
        table.add_column(heading)
    for slo in card["slo"]:
        mark = Text("kept", style="green") if slo["ok"] else Text("missed", style="bold red")
        table.add_row(slo["name"], number(slo["limit"], 2), number(slo["actual"], 2), mark)
    return table


def verdict_line(card: Card) -> Text:
    """`PASS  stimulus_2020 …`, with the reason where there is one; a stopped run earns no PASS."""
    is_stopped = card["state"] == "aborted"
    verdict = card["state"] if is_stopped else card["verdict"] or card["state"]
    line = Text(verdict.upper(), style=VERDICT_STYLES.get(verdict, "bold"))
    if is_stopped and card["verdict"]:
        line.append(f" ({card['verdict']} so far)", style="default")
    line.append(f"  {card['scenario']}  {card['run_id']}", style="default")
    if card["reason"]:
        line.append(f"\n{card['reason']}", style="default")
    return line


def production_line(card: Card) -> Text | None:
    """`0 connections to production, 12 attempts refused`; None where nobody counted."""
    counted = card.get("production")
    if counted is None:
        return None
    connections, refused = counted["connections"], counted["refused"]
    text = (
        f"{connections:,} {plural('connection', connections)} to production, "
        f"{refused:,} {plural('attempt', refused)} refused"
    )
    return Text(text, style="bold red" if connections else "")


def plural(word: str, count: int) -> str:
    """The word as it goes with the count."""
    return word if count == 1 else f"{word}s"


def choose_view(console: Console, title: str, trace_ns: int, wall_s: float | None) -> View:
    """A live panel where somebody looks at a terminal that can show it, lines everywhere else."""
    if console.is_terminal and not console.is_dumb_terminal and console.width >= PANEL_WIDTH:
        return LiveView(console, title, trace_ns / 1e9)
    return LineView(console, wall_s or 0.0)


def print_result(
    console: Console,
    card: Card,
    notes: Sequence[str],
    folder: Path,
    losses: str | None,
    trace: Sequence[str] = (),
) -> None:
    """The last word: the whole scorecard, the verdict and where everything is.

    notes: what the certificate wants a reader to know.
    losses: what could not be written, or None.   trace: what became of the trace's entries.
    """
    trace_s = float(card["trace_time_s"] or 0.0)
    if console.width >= PANEL_WIDTH:
        console.print(draw_panel(str(card["scenario"]), card, trace_s))
    else:
        console.print(Text(format_line(card, _mean_rate(card))), soft_wrap=True)
    console.print(verdict_line(card), soft_wrap=True)
    if card["verdict"] == "pass" and card["state"] == "done":
        console.print(Text(str(card["notes"])), soft_wrap=True)
    production = production_line(card)
    if production is not None:
        console.print(production, soft_wrap=True)
    for line in trace:
        console.print(Text(line, style="dim"), soft_wrap=True)
    for note in notes:
        console.print(Text(f"Note: {note}.", style="dim"), soft_wrap=True)
    if losses is not None:
        console.print(Text(losses, style="yellow"), soft_wrap=True)
    console.print(Text(f"run folder  {folder}"), soft_wrap=True)
