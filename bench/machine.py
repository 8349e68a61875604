"""What machine this is: printed above every table, since figures mean little without it."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from bench.children import has_two_cores
from bench.peers import PEERS
from bench.servers import find_nginx

TWO_CORES = "injector on one core, server and books on another"
ONE_CORE = "fewer than two usable cores: both sides share one, and figures are not comparable"
IDLE_COLUMNS = slice(3, 5)
"""Idle and waiting for disks, in the first line of /proc/stat. Source: proc_stat(5)."""

NOISE = (
    "Absolute times on a shared machine are noisy: compare within one run, and look at the load."
)


def facts() -> dict[str, str]:
    """Facts by name, in the order to print them."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    tools = {"nginx": _version(find_nginx(), ["-v"])}
    tools |= {peer.name: _version(peer.find(), peer.version) for peer in PEERS}
    return {
        "cpu": f"{_cpu_model()}, {cores} usable cores",
        "system": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "peers": ", ".join(f"{name} {version}" for name, version in tools.items()),
        "load": load(),
        "pinning": TWO_CORES if has_two_cores() else ONE_CORE,
    }


def load() -> str:
    """How busy others keep this machine just now: a half-second look, and the load average."""
    averages = " ".join(f"{value:.2f}" for value in os.getloadavg())
    before = _cpu_ticks()
    time.sleep(0.5)
    share = busy_share(before, _cpu_ticks())
    return averages if share is None else f"cores {share:.0%} busy, load {averages}"


def busy_share(before: Sequence[int], after: Sequence[int]) -> float | None:
    """From two readings of the kernel's CPU ticks; None when there is nothing to tell."""
    spent = [b - a for a, b in zip(before, after, strict=True)]
    total = sum(spent)
    return 1 - sum(spent[IDLE_COLUMNS]) / total if total > 0 else None


def describe(found: dict[str, str]) -> str:
    lines = [f"  {name:8} {value}" for name, value in found.items()]
    return "\n".join(["Machine", "", *lines, "", f"  {NOISE}", ""])


def _cpu_ticks() -> list[int]:
    try:
        first = Path("/proc/stat").read_text().partition("\n")[0]
    except OSError:
        return []
    return [int(ticks) for ticks in first.split()[1:9]]


def _cpu_model() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine()
    found = re.search(r"model name\s*:\s*(.+)", text)
    return found[1] if found else platform.machine()


def _version(binary: str | None, arguments: Sequence[str]) -> str:
    if binary is None:
        return "not installed"
    if not arguments:
        return "installed"
    done = subprocess.run([binary, *arguments], capture_output=True, text=True, timeout=10)
    found = re.search(r"\d+\.\d+[\w.+-]*", done.stdout + done.stderr)
    return found[0] if found else "installed"
