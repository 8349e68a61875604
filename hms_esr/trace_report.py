"""What the commands of traces print for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from hms_esr.plain import to_shown
from hms_esr.terminal import number, plural
from hms_esr.trace_words import describe_account
from scenarios.units import format_duration

TOP = 12
NOBODY = "none"
"""What the account calls requests of which nobody knows whose they are."""


def print_info(console: Console, info: Mapping[str, Any]) -> None:
    """`esr trace info`."""
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim")
    facts.add_column()
    for label, value in _info_facts(info):
        facts.add_row(label, Text(to_shown(value)))
    console.print(facts)
    _print_counts(console, "route", info["routes"])


def _info_facts(info: Mapping[str, Any]) -> list[tuple[str, str]]:
    window, rate, bodies = info["window"], info["rate"], info["bodies"]
    lines = [("format", info["format"] or "none"), ("trace", describe_account(info))]
    if window["from"] is not None:
        lines += [
            ("window", f"{_second(window['from'])} to {_second(window['to'])}, "
                       f"{format_duration(window['seconds'])}"),
            ("rate", f"mean {number(rate['mean'], 2)}/s, "
                     f"{number(rate['peak'])} in the busiest second"),
            ("stamps", f"the {info['stamp']} of each request, {info['stamps']}"),
            ("users", f"{info['users']:,} in {info['sessions']:,} "
                      f"{plural('session', info['sessions'])}, "
                      f"{_told_apart(info['session_keys'])}"),
        ]  # fmt: skip
    lines += [
        ("hosts", _listed(info["hosts"]) or "none named"),
        ("methods", _listed(info["methods"]) or "none"),
        ("statuses", _listed(info["statuses"]) or "none"),
        ("bodies", f"{bodies['requests']:,} of {bodies['bytes']:,} bytes in all, the largest "
                   f"{bodies['largest']:,}" if bodies["requests"] else "none"),
        ("links", f"{info['links']:,} {plural('value', info['links'])} of answers "
                  f"{'comes' if info['links'] == 1 else 'come'} back" if info["links"] else "none"),
    ]  # fmt: skip
    return [*lines, *(("note", f"{note}") for note in info["notes"])]


def _told_apart(keys: Mapping[str, int]) -> str:
    """`told apart by client`; with requests where there are several ways."""
    known = {key: count for key, count in keys.items() if key != NOBODY}
    if not known:
        return "each request one of its own"
    if len(keys) == 1:
        return f"told apart by {next(iter(known))}"
    largest_first = sorted(known.items(), key=lambda item: -item[1])
    parts = [f"{key} ({count:,})" for key, count in largest_first]
    alone = keys.get(NOBODY, 0)
    return f"told apart by {', '.join(parts)}" + (f"; {alone:,} of nobody" if alone else "")


def _second(stamp: str) -> str:
    """A stamp of nine digits, to the millisecond."""
    return f"{stamp[:23]}Z"


def _listed(counts: Mapping[str, int]) -> str:
    shown = [f"{name} {count:,}" for name, count in list(counts.items())[:TOP]]
    left = len(counts) - TOP
    return ", ".join([*shown, *([f"and {left:,} more"] if left > 0 else [])])


def _print_counts(console: Console, heading: str, counts: Mapping[str, int]) -> None:
    if not counts:
        return
    table = Table(box=None, padding=(0, 2), header_style="dim")
    table.add_column(heading)
    table.add_column("requests", justify="right")
    for name, count in list(counts.items())[:TOP]:
        table.add_row(Text(to_shown(name)), f"{count:,}")
    if len(counts) > TOP:
        table.add_row(Text(f"and {len(counts) - TOP:,} more", style="dim"), "")
    console.print()
    console.print(table)


def print_findings(console: Console, findings: Mapping[str, Any]) -> None:
    """`esr trace scan`: by kind, and where the first of each stand; never a value."""
    counts: Mapping[str, int] = findings["kinds"]
    if not counts:
        return
    examples: Sequence[Mapping[str, Any]] = findings["examples"]
    table = Table(box=None, padding=(0, 2), header_style="dim")
    for head in ("kind", "findings", "for example"):
        table.add_column(head, justify="right" if head == "findings" else "left")
    for kind, count in counts.items():
        mine = [example for example in examples if example["kind"] == kind]
        where = [
            f"{example['file']}:{example['line']} {example['path']} {example['excerpt']}"
            for example in mine
        ]
        table.add_row(Text(kind), f"{count:,}", Text("\n".join(map(to_shown, where[:3]))))
    console.print(table)
