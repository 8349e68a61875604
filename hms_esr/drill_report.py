"""What a person reads after a drill: the verdict, what each fault cost, who missed the objectives.

Everything is drawn from drill.json's object, so the screen cannot know more than the file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from hms_esr.plain import to_shown
from hms_esr.reports import sparkline
from hms_esr.terminal import VERDICT_STYLES, number, plural
from scenarios.drill_loader import DrillFile

Report = Mapping[str, Any]

CURVE_COLUMNS: Final = 60
FAILED_SHOWN: Final = 8


def print_drill(console: Console, report: Report) -> None:
    """The whole report; of a drill that injected nothing only why."""
    console.print()
    if report["hypothesis"]["before"] is not None or report["hypothesis"]["after"] is not None:
        console.print(_hypothesis(report["hypothesis"]))
    if report["blame"] is not None:
        for part in (_slo(report), _ledger(report), _misses(report), _curve(report)):
            if part is not None:
                console.print()
                console.print(part)
        console.print()
        for line in _details(report):
            console.print(line, soft_wrap=True)
    console.print(verdict_text(report), soft_wrap=True)


def verdict_text(report: Report) -> Text:
    """`FAIL  ghost_commits  RUN-…` and the reasons below it."""
    verdict = report["verdict"] or "not run"
    line = Text(verdict.upper(), style=VERDICT_STYLES.get(verdict, "bold yellow"))
    line.append(f"  drill {report['drill']}", style="default")
    if report["run_id"]:
        line.append(f"  {report['run_id']}", style="default")
    for reason in report["reasons"]:
        line.append(f"\n  {to_shown(reason)}", style="default")
    if report["verdict"] == "pass":
        line.append("\n  the hypothesis held, and all that was expected came true", style="default")
    return line


def _hypothesis(hypothesis: Report) -> Table:
    table = _table("hypothesis", "limit", "before", "with faults", "")
    befores, afters = hypothesis["before"] or [], hypothesis["after"] or []
    for place, check in enumerate(afters or befores):
        name = f"{check['name']} of {check['route']}" if check["route"] else check["name"]
        before = number(befores[place]["actual"], 2) if befores else "–"
        after = number(afters[place]["actual"], 2) if afters else "–"
        table.add_row(Text(name), number(check["limit"], 2), before, after, _mark(check["ok"]))
    return table


def _mark(ok: bool | None) -> Text:
    if ok is None:
        return Text("–", style="dim")
    return Text("kept", style="green") if ok else Text("missed", style="bold red")


def _slo(report: Report) -> Table | None:
    if not report["slo"]:
        return None
    table = _table("objective", "limit", "without", "with faults", "")
    for slo in report["slo"]:
        numbers = (number(slo[key], 2) for key in ("limit", "baseline", "actual"))
        table.add_row(slo["name"], *numbers, _mark(slo["ok"]))
    return table


def _ledger(report: Report) -> Table:
    """One line a fault; the last is what no fault explains."""
    table = _table("fault", "touched", "failed", "saved", "slowed", "+ms", "held", "+ms")
    table.add_column("seen", justify="right")
    table.add_column("over", justify="right")
    recovery = {each["fault"]: each for each in report["recovery"]}
    for cost in report["blame"]["faults"]:
        course = recovery.get(cost["id"], {})
        failed = number(cost["failed"])
        if cost["shared"]:
            failed += f" ({number(cost['shared'])} shared)"
        table.add_row(
            Text(to_shown(cost["id"])),
            number(cost["touched"]),
            failed,
            number(cost["recovered_by_retry"]),
            number(cost["slowed"]),
            number(cost["added_ms"]["mean"]),
            number(cost["held"]),
            number(cost["held_ms"]["mean"]),
            number(course.get("detected_after_s"), 0, " s"),
            number(course.get("recovered_after_s"), 0, " s"),
        )
    unexplained = report["blame"]["unexplained"]
    table.add_row(Text("no fault", style="dim"), "", number(unexplained["count"]))
    return table


def _misses(report: Report) -> Table | None:
    misses = report["blame"]["misses"]
    if not misses:
        return None
    ids = [cost["id"] for cost in report["blame"]["faults"]]
    table = _table("missed", "requests", *ids, "anyway", "unexplained")
    for miss in misses:
        shares = [miss["by_fault"][name] for name in ids]
        parts = [*shares, miss["anyway"], miss["unexplained"]]
        shown = (f"{number(100 * part['share'], 1)} %" for part in parts)
        table.add_row(
            f"{miss['name']} {number(miss['limit'], 0)}", number(miss["requests"]), *shown
        )
    return table


def _curve(report: Report) -> Table:
    """Failures over recorded time, and above them when each fault was due."""
    course = report["course"]["run"]
    size, bucket_s = len(course["count"]), float(course["bucket_s"])
    columns = min(CURVE_COLUMNS, size)
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(no_wrap=True)
    for label, key in (("requests", "count"), ("failed", "failed")):
        grid.add_row(label, Text(sparkline(_squeezed(course[key], columns))))
    grid.add_row("", Text(f"0 to {size * bucket_s / 60:,.0f} min of recorded time", style="dim"))
    return grid


def _squeezed(values: Sequence[float], columns: int) -> list[float]:
    """As many sums as there are columns."""
    if not columns:
        return []
    sums = [0.0] * columns
    for place, value in enumerate(values):
        sums[place * columns // len(values)] += value
    return sums


def _details(report: Report) -> list[Text]:
    lines = []
    for each in report["detections"]:
        after = "never" if each["after_s"] is None else f"after {each['after_s']:,.0f} s"
        lines.append(
            Text(
                f"{each['fault']} showed in {each['slo']} {after} "
                f"(expected within {each['within_s']:,.0f} s)"
            )
        )
    failed = report["failed_requests"]
    if failed:
        first = ", ".join(str(request["id"]) for request in failed[:FAILED_SHOWN])
        more = f" and {len(failed) - FAILED_SHOWN:,} more" if len(failed) > FAILED_SHOWN else ""
        words = plural("request", len(failed))
        lines.append(Text(f"{len(failed):,} failed {words}: {first}{more}", style="dim"))
    return lines


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, padding=(0, 1), pad_edge=False, header_style="dim")
    table.add_column(first)
    for heading in others:
        table.add_column(to_shown(heading), justify="right")
    return table


def print_drills(console: Console, drills: Sequence[DrillFile]) -> None:
    """`esr drill list`."""
    table = Table(box=None, padding=(0, 1), pad_edge=False, header_style="dim")
    table.add_column("drill", no_wrap=True)
    table.add_column("about")
    for drill in drills:
        table.add_row(Text(to_shown(drill.id)), Text(to_shown(drill.title)))
    console.print(table)
