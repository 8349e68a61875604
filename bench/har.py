"""Reading HARs: megabytes a second of CPU and the most memory, beside plain parsers.

The parsers hold the whole file and stop where a reader begins: they make no event of anything.
Two logs: one of bodies, as a browser saves a page, and one of headers alone, the worst that a
reader can meet. `python -m bench.har READER FILE` measures one in a process of its own.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench.build import peak_mb
from bench.children import INJECTOR, run_module
from bench.machine import load
from bench.report import Options, Report, Target
from bench.stats import spread
from bench.table import Cell, draw_table
from replay.building.compile import build_tape
from replay.readers.entry import Entry
from replay.readers.har import read_har
from replay.readers.source import Source, TraceFile

MB_PER_S = 20.0
FLAT_MB = 150.0
SIZE_MB, QUICK_MB = 100, 10
HEADS = ("reader", "entries", "MB/s of CPU", "lowest..highest", "peak MB")


@dataclass(frozen=True, slots=True)
class Measured:
    """One reading of one file."""

    entries: int
    cpu_s: float
    peak_mb: float


class Counting:
    """A sink that only counts."""

    def __init__(self, *, needs_whole: bool) -> None:
        self.needs_whole = needs_whole
        self.entries = 0

    def add(self, line: int, entry: Entry) -> None:
        self.entries += 1

    def add_request(self, *_: object) -> None:
        self.entries += 1

    def skip(self, line: int, reason: str, gap_ms: float = 0.0) -> None:
        raise ValueError(f"entry {line} of the benchmark's own log was skipped: {reason}")

    def note(self, text: str, count: int = 1) -> None:
        raise ValueError(f"the benchmark's own log was noted: {text}")


def bench_har(options: Options, scratch: Path) -> Report:
    """Every reader on both logs, round about, so that a busy neighbour slows them all."""
    report = Report("har", notes=[f"at the start: {load()}"])
    size_mb = QUICK_MB if options.is_quick else SIZE_MB
    for kind in ("bodies", "headers"):
        path = scratch / f"{kind}.har"
        write_har(path, size_mb, with_bodies=kind == "bodies")
        found: dict[str, list[Measured]] = {name: [] for name in READERS}
        for _ in range(min(options.runs, 3)):
            for name, rounds in found.items():
                rounds.append(_measure(name, path))
        _add(report, f"{kind}, {size_mb} MB", path.stat().st_size / 1e6, found)
        path.unlink()
    return report


def _measure(reader: str, path: Path) -> Measured:
    done = run_module("bench.har", [reader, str(path)], INJECTOR, timeout_s=300)
    return Measured(**json.loads(done.output))


def _add(report: Report, title: str, size_mb: float, found: dict[str, list[Measured]]) -> None:
    rows: list[list[Cell]] = []
    for name, rounds in found.items():
        rates = [size_mb / one.cpu_s for one in rounds]
        most = max(one.peak_mb for one in rounds)
        rows.append([name, rounds[0].entries, median(rates), spread(rates), most])
        report.figures[f"{title}, {name}"] = [asdict(one) for one in rounds]
    report.tables.append(draw_table(f"HAR of {title}", HEADS, rows))
    for name in OURS:
        cpu_s = median(one.cpu_s for one in found[name])
        # A floor as a ceiling: seconds for the megabytes that one second should hold.
        of_20_mb = cpu_s / size_mb * MB_PER_S
        report.targets.append(Target(f"{title}, {name}: CPU s for each 20 MB", of_20_mb, 1.0))
        most = max(one.peak_mb for one in found[name])
        report.targets.append(Target(f"{title}, {name}: peak MB", most, FLAT_MB))


def write_har(path: Path, size_mb: int, *, with_bodies: bool) -> None:
    """A log of that size. Texts are words, half of the bodies base64 of noise."""
    draw = random.Random(1)
    with path.open("w", encoding="ascii") as file:
        file.write('{"log":{"version":"1.2","creator":{"name":"bench","version":"1"},"entries":[\n')
        number = 0
        while file.tell() < size_mb * 1_000_000:
            entry = _entry(number, draw, with_bodies=with_bodies)
            file.write((",\n" if number else "") + json.dumps(entry))
            number += 1
        file.write("\n]}}\n")


def _entry(number: int, draw: random.Random, *, with_bodies: bool) -> dict[str, Any]:
    seconds, thousandths = divmod(number, 1000)
    stamp = f"2020-03-15T{seconds // 3600 % 24:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    headers = [
        {"name": f"X-Header-{index}", "value": f"{draw.getrandbits(96):024x}"}
        for index in range(12)
    ]
    content: dict[str, Any] = {"size": 9_000, "mimeType": "text/html"}
    if with_bodies:
        content |= _base64(draw) if number % 2 else {"text": _words(draw)}
    return {
        "startedDateTime": f"{stamp}.{thousandths:03d}Z",
        "time": 30.5,
        "request": {
            "method": "GET",
            "url": f"https://svc.hms.example/bench/{number}?page=1",
            "httpVersion": "h2",
            "cookies": [],
            "headers": headers,
            "queryString": [{"name": "page", "value": "1"}],
            "headersSize": -1,
            "bodySize": 0,
        },
        "response": {
            "status": 200,
            "statusText": "OK",
            "httpVersion": "h2",
            "cookies": [],
            "headers": headers,
            "content": content,
            "redirectURL": "",
            "headersSize": -1,
            "bodySize": 9_000,
        },
        "cache": {},
        "timings": {"blocked": 0.5, "send": 1, "wait": 25, "receive": 4},
    }


def _base64(draw: random.Random) -> dict[str, str]:
    return {"text": b64encode(draw.randbytes(9_000)).decode(), "encoding": "base64"}


def _words(draw: random.Random) -> str:
    lines = (f'<p class="{draw.getrandbits(32):08x}">all of the words</p>\n' for _ in range(230))
    return "".join(lines)


def _read(path: Path, *, needs_whole: bool) -> int:
    sink = Counting(needs_whole=needs_whole)
    with Source(TraceFile(path, path.name)) as source:
        read_har(source, sink)
    return sink.entries


def _read_whole(path: Path) -> int:
    return _read(path, needs_whole=True)


def _read_requests(path: Path) -> int:
    return _read(path, needs_whole=False)


def _tape(path: Path) -> int:
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        return build_tape([path], Path(folder) / "tape").requests


def _json(path: Path) -> int:
    with path.open("rb") as file:
        return len(json.load(file)["log"]["entries"])


def _orjson(path: Path) -> int:
    import orjson

    return len(orjson.loads(path.read_bytes())["log"]["entries"])


def _ijson(path: Path) -> int:
    import ijson  # type: ignore[import-untyped]

    with path.open("rb") as file:
        return sum(1 for _ in ijson.items(file, "log.entries.item", use_float=True))


READERS: dict[str, Callable[[Path], int]] = {
    "esr, requests": _read_requests,
    "esr, with answers": _read_whole,
    "esr, to a tape": _tape,
    "json.load": _json,
    "orjson.loads": _orjson,
    "ijson.items": _ijson,
}
OURS = ("esr, requests", "esr, with answers", "esr, to a tape")


def measure(reader: str, path: Path) -> Measured:
    read = READERS[reader]
    before_s = time.process_time()
    entries = read(path)
    return Measured(entries, time.process_time() - before_s, peak_mb())


if __name__ == "__main__":
    print(json.dumps(asdict(measure(sys.argv[1], Path(sys.argv[2])))))
