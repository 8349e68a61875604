"""What the commands print for people once there is nothing live to watch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from hms_esr.plain import to_shown
from hms_esr.runs import RunSummary, ShownRun
from hms_esr.terminal import (
    VERDICT_STYLES,
    draw_panel,
    number,
    plural,
    production_line,
    verdict_line,
)
from hms_esr.trace_words import describe_account, describe_trace, list_allowed, list_counts
from scenarios.units import format_duration

TOP_ROUTES = 12
_BARS = " ▁▂▃▄▅▆▇█"


def print_plan(console: Console, plan: Mapping[str, Any]) -> None:
    """`esr plan`: figures, the curve, who would be contacted, what is left out and why."""
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim")
    facts.add_column()
    for label, value in _plan_facts(plan):
        facts.add_row(label, value)
    console.print(facts)
    routes = Table(box=None, padding=(0, 2), header_style="dim")
    routes.add_column("route")
    routes.add_column("requests", justify="right")
    for route in plan["routes"][:TOP_ROUTES]:
        routes.add_row(Text(route["route"]), f"{route['requests']:,}")
    if len(plan["routes"]) > TOP_ROUTES:
        routes.add_row(f"and {len(plan['routes']) - TOP_ROUTES:,} more", "")
    console.print()
    console.print(routes)


def _plan_facts(plan: Mapping[str, Any]) -> list[tuple[str, Text]]:
    wall = "as fast as answers allow"
    if plan["wall_s"] is not None:
        wall = f"{format_duration(plan['wall_s'])} at {plan['speed']}"
    facts = [
        ("scenario", plan["scenario"]),
        ("requests", f"{plan['requests']:,} of {plan['users']:,} users"),
        ("recorded time", format_duration(plan["trace_time_s"])),
        ("wall time", wall),
        ("rate", f"mean {number(plan['mean_rps'], 1)}/s, peak {number(plan['peak_rps'])}/s"),
        ("curve", sparkline(plan["curve_rps"])),
        ("would contact", ", ".join(plan["contacts"])),
        ("stands in for", list_counts(plan["hosts"])),
        ("not played", list_counts(plan["skipped"]) or "nothing"),
        *(("fault", describe_fault(fault)) for fault in plan["faults"]),
        ("trace", describe_account(plan["trace"])),
        ("personal data", plan["anonymiser"]),
        *(("let through", found) for found in list_allowed(plan["trace"])),
        *(("not as recorded", note) for note in plan["coverage"]["notes"]),
    ]
    return [(label, Text(value)) for label, value in facts]


def describe_fault(fault: Mapping[str, Any]) -> str:
    """`ach-down: down of ach at 15m for 3m, about 114 requests`."""
    target = " ".join(str(value) for value in fault["target"].values())
    lasting = f"for {fault['for']}" if "for" in fault else "until the end"
    when = f"at {fault['at']} {lasting}"
    count = fault["requests"]
    about = f"about {count:,} {plural('request', count)}"
    return f"{fault['id']}: {fault['kind']} of {target} {when}, {about}"


def sparkline(values: Sequence[float]) -> str:
    """One character a value; the tallest is the largest."""
    top = max(values, default=0)
    if top <= 0:
        return ""
    return "".join(_BARS[round(value / top * (len(_BARS) - 1))] for value in values)


def print_runs(console: Console, found: Sequence[RunSummary], folder: Path) -> None:
    """`esr runs`: a line a run, newest first."""
    if not found:
        hint = "start one with esr-replay stimulus_2020 --speed 60x"
        console.print(Text(f"no runs in {folder}: {hint}"), soft_wrap=True)
        return
    table = Table(box=None, padding=(0, 1), pad_edge=False, header_style="dim")
    for heading in ("run", "scenario", "state", "verdict"):
        table.add_column(heading, no_wrap=True)
    for heading in ("sent", "errors", "p95 ms"):
        table.add_column(heading, justify="right", no_wrap=True)
    for run in found:
        verdict = Text(
            to_shown(run.verdict or "–"), style=VERDICT_STYLES.get(run.verdict or "", "dim")
        )
        table.add_row(
            Text(to_shown(run.run_id)),
            Text(to_shown(run.scenario or "–")),
            Text(to_shown(run.state)),
            verdict,
            number(run.sent),
            number(run.error_pct, 2, " %"),
            number(run.p95_ms),
        )
    console.print(table)


def print_run(console: Console, run: ShownRun) -> None:
    """`esr runs show`: the scorecard, the verdict, the replay's own certificate, the files."""
    if run.card is None:
        known = f"{to_shown(run.run_id)} is {run.state}; it had not measured anything yet"
        console.print(Text(known), soft_wrap=True)
    else:
        _print_card(console, run, run.card)
    for note in run.notes:
        console.print(Text(note), soft_wrap=True)
    console.print(Text(f"run folder  {to_shown(str(run.folder))}"), soft_wrap=True)
    for name, size in run.files:
        console.print(Text(f"  {to_shown(name)}  {size:,} bytes", style="dim"), soft_wrap=True)


def _print_card(console: Console, run: ShownRun, card: Mapping[str, Any]) -> None:
    try:
        panel = draw_panel(run.title, card, float(card["trace_time_s"] or 0))
        verdict = verdict_line(card)
        production = production_line(card)
        told = describe_trace(card.get("trace") or {})
    except (KeyError, TypeError, ValueError, AttributeError):
        # Somebody else wrote into the run folder, or a disk forgot.
        console.print(Text("scorecard.json is not a whole scorecard"), soft_wrap=True)
        return
    console.print(panel)
    console.print(verdict, soft_wrap=True)
    if production is not None:
        console.print(production, soft_wrap=True)
    for line in told:
        console.print(Text(to_shown(line), style="dim"), soft_wrap=True)
