"""What the kernel says a process and all its children used, while they go on living. Linux."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def tree_cpu_s(pid: int) -> float:
    """CPU seconds of a process and its living descendants, user and system."""
    return sum(_cpu_ticks(each) for each in tree(pid)) / _TICKS


def tree_memory_mb(pid: int, field: str = "VmRSS") -> dict[int, float]:
    """Resident memory of each process of a tree now, or at its highest with `VmHWM`."""
    return {each: _status_kb(each, field) / 1024 for each in tree(pid)}


def tree(pid: int) -> Iterator[int]:
    """The process and its descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            stat = _stat(int(entry.name))
            if stat:
                children.setdefault(int(stat[1]), []).append(int(entry.name))
    waiting = [pid]
    while waiting:
        each = waiting.pop()
        yield each
        waiting += children.get(each, [])


def _cpu_ticks(pid: int) -> int:
    stat = _stat(pid)
    return int(stat[11]) + int(stat[12]) if stat else 0


def _stat(pid: int) -> list[str]:
    """The fields after the name, which may itself hold spaces and brackets; [] for one gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return []
    return text.rpartition(")")[2].split()


def _status_kb(pid: int, field: str) -> int:
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    line = next((line for line in text.splitlines() if line.startswith(f"{field}:")), "")
    return int(line.split()[1]) if line else 0
