"""Stubs: CPU for 10,000 answers of the stub gateway, beside raw ASGI on uvicorn and mountebank.

One core holds the server, the other wrk with 64 keep-alive connections. Servers take turns, round
after round, and ratios are taken within a round. Of our own: a route whose answer never changes, a
templated JSON answer, and both again beside a thousand other routes. The journal is on.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from bench.children import INJECTOR, ROOT, SERVER, STOP_S, BenchError, last_words, run, start, stop
from bench.delay_servers import Served, find_mountebank, run_mountebank, run_plain_delay
from bench.machine import load
from bench.peers import parse_wrk
from bench.proc import tree_cpu_s, tree_memory_mb
from bench.report import Options, Report, Target
from bench.stats import median_ratio, per_10k, spread
from bench.table import Cell, draw_table
from stubs.config import GatewayConfig

CONNECTIONS = 64
ROUTES = 1_000
LIMIT_FIXED_S, LIMIT_TEMPLATED_S, LIMIT_GROWTH = 0.30, 0.60, 1.3
RAW = "raw ASGI, uvicorn"
FIXED, TEMPLATED = "esr: fixed answer", "esr: templated JSON"
AMONG = f"{ROUTES:,} routes"
HEADS = ("server", "CPU s/10k", "lowest..highest", "requests/s", "x raw ASGI", "failed")


@dataclass(frozen=True, slots=True)
class Lane:
    """What one of the servers is asked."""

    server: Served
    path: str
    host: str = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Turn:
    """One lane in one round."""

    requests: int
    failed: int
    cpu_s: float
    wall_s: float

    @property
    def cost_s(self) -> float:
        return per_10k(self.cpu_s, self.requests)


def bench_stubs(options: Options, scratch: Path) -> Report:
    """Rounds of every lane; a peer that is not to be had is named and left out."""
    wrk = shutil.which("wrk")
    if wrk is None:
        raise BenchError("stubs are measured with wrk: apt-get install wrk")
    report = Report("stubs")
    turns: dict[str, list[Turn]] = {}
    duration_s = 1 if options.is_quick else 4
    with contextlib.ExitStack() as stack:
        lanes = _open_lanes(stack, scratch, report)
        for number in range(options.runs):
            report.notes.append(f"before round {number + 1}: {load()}")
            for name, lane in lanes.items():
                turns.setdefault(name, []).append(_turn(wrk, lane, duration_s))
        ours = lanes[FIXED].server
        memory_mb = sum(tree_memory_mb(ours.pid, "VmHWM").values())
        report.notes.append(f"the gateway's memory at its highest: {memory_mb:,.0f} MB")
    _judge(report, _tabulate(report, turns))
    return report


def definition(name: str, routes: int) -> str:
    """A service with so many fixed and so many templated routes; the last of each is asked."""
    fixed = "".join(
        f'  - {{method: GET, path: /fixed/{n}, answer: {{json: {{ok: true, message: "hello"}}}}}}\n'
        for n in range(routes)
    )
    said = "{id: '{{ request.params.item }}', at: '{{ now }}', ok: true}"
    templated = "".join(
        f'  - {{method: GET, path: "/items/{n}/{{item}}", answer: {{json: {said}}}}}\n'
        for n in range(routes)
    )
    return f"service: {name}\ntitle: for a benchmark\nroutes:\n{fixed}{templated}"


def _open_lanes(stack: contextlib.ExitStack, scratch: Path, report: Report) -> dict[str, Lane]:
    gateway = stack.enter_context(_run_gateway(scratch))
    last = ROUTES - 1
    lanes = {
        RAW: Lane(stack.enter_context(run_plain_delay()), "/none"),
        FIXED: Lane(gateway, "/fixed/0", "one.test"),
        f"{FIXED}, {AMONG}": Lane(gateway, f"/fixed/{last}", "many.test"),
        TEMPLATED: Lane(gateway, "/items/0/17", "one.test"),
        f"{TEMPLATED}, {AMONG}": Lane(gateway, f"/items/{last}/17", "many.test"),
    }
    try:
        binary = find_mountebank(scratch)
        lanes["mountebank"] = Lane(stack.enter_context(run_mountebank(binary, scratch)), "/none")
    except BenchError as error:
        report.notes.append(f"mountebank is left out: {error}")
    return lanes


@contextlib.contextmanager
def _run_gateway(home: Path) -> Iterator[Served]:
    folder = home / "definitions"
    folder.mkdir(exist_ok=True)
    (folder / "one.yml").write_text(definition("one", 1))
    (folder / "many.yml").write_text(definition("many", ROUTES))
    config = GatewayConfig(definitions=(str(folder),), admin=None)
    (home / "gateway.json").write_bytes(config.to_json())
    command = ["-P", "-m", "hms_esr.stub_gateway", "--config", str(home / "gateway.json")]
    with start([sys.executable, *command], SERVER, cwd=ROOT) as process:
        try:
            yield Served(_port_of(process), process.pid)
        finally:
            stop(process)


def _port_of(process: subprocess.Popen[bytes]) -> int:
    line = process.stdout.readline().decode() if process.stdout else ""
    if not line.startswith("ready "):
        process.wait(STOP_S)
        errors = process.stderr.read().decode() if process.stderr else ""
        raise BenchError(f"the stub gateway did not start: {last_words(errors)}")
    return int(line.rpartition(":")[2])


def _turn(wrk: str, lane: Lane, duration_s: int) -> Turn:
    """wrk from the other core; the server's CPU is what the kernel charged while it ran."""
    limits = ["-t1", f"-c{CONNECTIONS}", f"-d{duration_s}s", "-H", f"Host: {lane.host}"]
    before = tree_cpu_s(lane.server.pid)
    url = f"http://127.0.0.1:{lane.server.port}{lane.path}"
    done = run([wrk, *limits, url], INJECTOR, timeout_s=60)
    cpu_s = tree_cpu_s(lane.server.pid) - before
    if done.exit_code != 0:
        raise BenchError(f"wrk ended with {done.exit_code}: {last_words(done.errors)}")
    answered = parse_wrk(done.output)
    return Turn(answered.requests, answered.failed, cpu_s, done.wall_s)


Costs = dict[str, list[float]]


def _tabulate(report: Report, turns: dict[str, list[Turn]]) -> Costs:
    costs = {name: [turn.cost_s for turn in each] for name, each in turns.items()}
    rows: list[list[Cell]] = [
        [
            name,
            median(costs[name]),
            spread(costs[name]),
            round(median(turn.requests / turn.wall_s for turn in each)),
            median_ratio(costs[name], costs[RAW]),
            sum(turn.failed for turn in each),
        ]
        for name, each in turns.items()
    ]
    title = f"{CONNECTIONS} keep-alive connections, GET, one core"
    report.tables.append(draw_table(title, HEADS, rows))
    report.figures["turns"] = {n: [asdict(turn) for turn in each] for n, each in turns.items()}
    return costs


def _judge(report: Report, costs: Costs) -> None:
    report.targets += [
        Target("fixed answer: CPU s per 10,000", median(costs[FIXED]), LIMIT_FIXED_S),
        Target("templated JSON: CPU s per 10,000", median(costs[TEMPLATED]), LIMIT_TEMPLATED_S),
    ]
    for name in (FIXED, TEMPLATED):
        growth = median_ratio(costs[f"{name}, {AMONG}"], costs[name])
        report.targets.append(Target(f"{name}: {AMONG} over one", growth, LIMIT_GROWTH))
