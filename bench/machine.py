"""What machine this is: printed above every table, since figures mean little without it."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from bench.children import has_two_cores
from bench.peers import PEERS
from bench.servers import find_nginx

TWO_CORES = "injector on one core, server and books on another"
ONE_CORE = "fewer than two usable cores: both sides share one, and figures are not comparable"
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
    """The load average over 1, 5 and 15 minutes."""
    return " ".join(f"{value:.2f}" for value in os.getloadavg())


def describe(found: dict[str, str]) -> str:
    lines = [f"  {name:8} {value}" for name, value in found.items()]
    return "\n".join(["Machine", "", *lines, "", f"  {NOISE}", ""])


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
