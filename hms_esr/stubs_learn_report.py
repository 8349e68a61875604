"""What `esr stubs learn` prints for people."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from hms_esr.latency_learning import Learned, LearnedRoute
from hms_esr.plain import to_shown
from hms_esr.terminal import plural
from stubs.latency import AnyModel, Moment, wait_of

MOST_SHOWN = 40
MOST_NAMED = 5


def print_learned(console: Console, learned: Learned, out: str) -> None:
    """A line a route with its check, then what it comes to."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("route", overflow="fold")
    for head in ("waits", "hours", "p50 ms", "p99 ms", "distance", "n", "critical"):
        table.add_column(head, justify="right")
    table.add_column("fits")
    for route in learned.routes[:MOST_SHOWN]:
        table.add_row(*_cells(route))
    console.print(table)
    for sentence in _sentences(learned, out):
        console.print(Text(sentence), soft_wrap=True)


def _cells(route: LearnedRoute) -> list[Text]:
    name = to_shown(f"{route.service} {route.method} {route.template}")
    tables = str(route.hours) if route.hours else "whole"
    quantiles = [f"{_quantile_ms(route.latency, u):,.1f}" for u in (0.5, 0.99)]
    cells = [name, f"{route.waits:,}", tables, *quantiles]
    if route.check is None:
        return [*map(Text, (*cells, "-", "-", "-")), Text("too few", style="dim")]
    found = route.check
    numbers = [f"{found.distance:.4f}", f"{found.count:,}", f"{found.critical:.4f}"]
    verdict = Text("ok", style="green") if found.is_ok else Text("NOT", style="bold red")
    return [*map(Text, (*cells, *numbers)), verdict]


def _quantile_ms(model: AnyModel, u: float) -> float:
    """Over the day: the middle of the 24 hours' quantiles."""
    waits = sorted(wait_of(model)(u, Moment(day_s=hour * 3600.0)) for hour in range(24))
    return (waits[11] + waits[12]) / 2 * 1000


def _sentences(learned: Learned, out: str) -> list[str]:
    checks = [route.check for route in learned.routes if route.check is not None]
    bad = sum(not check.is_ok for check in checks)
    said = [f"{len(learned.routes):,} {plural('route', len(learned.routes))} written to {out}"]
    if len(learned.routes) > MOST_SHOWN:
        said.append(f"the {MOST_SHOWN} busiest are shown")
    said.append(
        f"{len(checks) - bad:,} of {len(checks):,} checked routes fit: a distance up to the "
        "critical value at 5 % (by chance alone one in twenty is over it)"
    )
    if learned.unmeasured:
        names = ", ".join(map(to_shown, learned.unmeasured[:MOST_NAMED]))
        more = len(learned.unmeasured) - MOST_NAMED
        said.append(f"without recorded waits: {names}{f' and {more:,} more' if more > 0 else ''}")
    return said
