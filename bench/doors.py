"""Doors: CPU for 10,000 requests through our gateway and interceptor, beside nginx and mitmdump.

One core holds the door, the other the load and the upstream. 64 keep-alive connections, POST of
300 bytes with a production Host and a bearer token, which the door rewrites. Doors take turns,
round after round, and ratios are taken within a round. Then what a door adds at 500 requests/s,
the memory for 100 MB bodies and for 10,000 idle connections.
"""

from __future__ import annotations

import contextlib
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from bench.children import SERVER, BenchError, last_words, run
from bench.heavy import bench_bodies, bench_idle
from bench.machine import load
from bench.open_doors import Running, door_openers, open_gateway
from bench.peers import parse_wrk
from bench.proc import tree_cpu_s
from bench.report import Options, Report, Target
from bench.servers import find_nginx, run_nginx
from bench.stats import median_ratio, per_10k, quantile, spread
from bench.table import Cell, draw_table

LIMIT_S = 0.25
LIMIT_TO_NGINX = 1.8
LIMIT_ADDED_MS = 0.5
HOST = "svc.hms.example"
CONNECTIONS = 64
BODY_BYTES = 300
STEADY_RPS = 500
# No head comes twice, as in a replay: what the door remembers of whole heads does not help it.
NEW_HEADS_SCRIPT = f"""\
local number = 0
local body = string.rep("x", {BODY_BYTES})
local headers = {{
  ["Host"] = "{HOST}", ["Content-Type"] = "application/json", ["User-Agent"] = "bench",
  ["Authorization"] = "Bearer eyJhbGciOiJub25lIn0.e30.prod", ["x-esr-run"] = "bench-1",
}}
function request()
  number = number + 1
  headers["Cookie"] = "esr_sid=" .. number .. "; theme=dark"
  headers["x-esr-request"] = string.format("%x", number)
  return wrk.format("POST", "/applications/" .. number % 5000, headers, body)
end
"""
NEW_HEADS = ("esr gateway", "nginx")

HEADS = ("door", "CPU s/10k", "lowest..highest", "requests/s", "x nginx", "x mitmdump", "failed")

WRK_SCRIPT = f"""\
wrk.method = "POST"
wrk.body = string.rep("x", {BODY_BYTES})
wrk.headers["Host"] = "{HOST}"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer eyJhbGciOiJub25lIn0.e30.prod"
wrk.headers["User-Agent"] = "bench"
"""


@dataclass(frozen=True, slots=True)
class Turn:
    """One door in one round."""

    requests: int
    failed: int
    cpu_s: float
    wall_s: float

    @property
    def cost_s(self) -> float:
        return per_10k(self.cpu_s, self.requests)


def bench_doors(options: Options, scratch: Path) -> Report:
    """Rounds of every door that is installed, then the gateway's memory."""
    nginx, wrk = find_nginx(), shutil.which("wrk")
    if nginx is None or wrk is None:
        raise BenchError("doors are measured with wrk and nginx: apt-get install nginx-light wrk")
    report = Report("doors")
    turns: dict[str, list[Turn]] = {}
    new_turns: dict[str, list[Turn]] = {}
    added: dict[str, list[tuple[float, float]]] = {}
    duration_s = 1 if options.is_quick else 4
    with run_nginx(nginx, scratch) as upstream, contextlib.ExitStack() as stack:
        doors = {
            name: stack.enter_context(opener(upstream, scratch))
            for name, opener in door_openers(nginx, report).items()
        }
        for number in range(options.runs):
            report.notes.append(f"before round {number + 1}: {load()}")
            for name, door in doors.items():
                # mitmproxy is slow enough that one short turn says it all.
                is_slow = name in ("mitmdump", "esr proxy")
                turn = _turn(wrk, door, 2 if is_slow else duration_s, scratch, WRK_SCRIPT)
                turns.setdefault(name, []).append(turn)
            for name in NEW_HEADS:
                turn = _turn(wrk, doors[name], duration_s, scratch, NEW_HEADS_SCRIPT)
                new_turns.setdefault(name, []).append(turn)
            for name, port in [("(none)", upstream), *((n, d.port) for n, d in doors.items())]:
                timed = _steady(port, scratch, options)
                if timed is not None:
                    added.setdefault(name, []).append(timed)
    what = f"{CONNECTIONS} keep-alive connections, POST {BODY_BYTES} bytes"
    title = f"{what}, Host and credential rewritten"
    _judge(report, _tabulate(report, title, turns))
    _tabulate(report, "The same with cookies and tags, and no head that comes twice", new_turns)
    _tabulate_added(report, added)
    bench_bodies(report, lambda port: open_gateway(port, scratch), options.is_quick)
    bench_idle(report, lambda port: open_gateway(port, scratch), options.is_quick)
    return report


def _turn(wrk: str, door: Running, duration_s: int, scratch: Path, script: str) -> Turn:
    """wrk from the other core; the door's CPU is what the kernel charged while it ran."""
    path = scratch / "post.lua"
    path.write_text(script)
    limits = ["-t1", f"-c{CONNECTIONS}", f"-d{duration_s}s", "-s", str(path)]
    before = tree_cpu_s(door.pid)
    done = run([wrk, *limits, f"http://127.0.0.1:{door.port}/applications/1"], SERVER, timeout_s=60)
    cpu_s = tree_cpu_s(door.pid) - before
    if done.exit_code != 0:
        raise BenchError(f"wrk ended with {done.exit_code}: {last_words(done.errors)}")
    answered = parse_wrk(done.output)
    return Turn(answered.requests, answered.failed, cpu_s, done.wall_s)


def _steady(port: int, scratch: Path, options: Options) -> tuple[float, float] | None:
    """p50 and p99 in ms at a steady rate, as hey measures them; None without hey."""
    hey = shutil.which("hey")
    if hey is None:
        return None
    seconds = 1 if options.is_quick else 4
    connections = 10
    command = [
        hey, "-o", "csv", "-n", str(STEADY_RPS * seconds), "-c", str(connections),
        "-q", str(STEADY_RPS // connections), "-m", "POST", "-d", "x" * BODY_BYTES,
        "-host", HOST, f"http://127.0.0.1:{port}/applications/1",
    ]  # fmt: skip
    done = run(command, SERVER, timeout_s=60, cwd=scratch)
    rows = [line.split(",") for line in done.output.splitlines()[1:]]
    times_ms = sorted(float(row[0]) * 1_000 for row in rows if len(row) > 6 and row[6] == "200")
    if not times_ms:
        raise BenchError(f"hey got no answers: {last_words(done.errors or done.output)}")
    return quantile(times_ms, 0.5), quantile(times_ms, 0.99)


Costs = dict[str, list[float]]


def _tabulate(report: Report, title: str, turns: dict[str, list[Turn]]) -> Costs:
    """Adds the table and the figures; CPU seconds for 10,000 requests by door and round."""
    costs = {name: [turn.cost_s for turn in each] for name, each in turns.items()}
    rows: list[list[Cell]] = [
        [
            name,
            median(costs[name]),
            spread(costs[name]),
            round(median(turn.requests / turn.wall_s for turn in each)),
            _ratio(costs, name, "nginx"),
            _ratio(costs, name, "mitmdump"),
            sum(turn.failed for turn in each),
        ]
        for name, each in turns.items()
    ]
    report.tables.append(draw_table(title, HEADS, rows))
    report.figures[title] = {n: [asdict(turn) for turn in each] for n, each in turns.items()}
    return costs


def _judge(report: Report, costs: Costs) -> None:
    interceptor = _ratio(costs, "esr proxy", "mitmdump")
    report.targets += [
        Target("gateway: CPU s per 10,000 requests", median(costs["esr gateway"]), LIMIT_S),
        Target("gateway: CPU over nginx's", _ratio(costs, "esr gateway", "nginx"), LIMIT_TO_NGINX),
        Target("interceptor: CPU over plain mitmdump's", interceptor, 1.0),
    ]


def _ratio(costs: Costs, name: str, to: str) -> float:
    is_known = name in costs and to in costs
    return median_ratio(costs[name], costs[to]) if is_known else float("nan")


def _tabulate_added(report: Report, added: dict[str, list[tuple[float, float]]]) -> None:
    if "(none)" not in added:
        report.notes.append("hey is not installed: what a door adds to an answer was not measured")
        return
    direct = added["(none)"]
    rows: list[list[Cell]] = []
    for name, timed in added.items():
        more = median(p99 - base for (_, p99), (_, base) in zip(timed, direct, strict=True))
        rows.append([name, median(p50 for p50, _ in timed), median(p99 for _, p99 in timed), more])
        if name == "esr gateway":
            report.targets.append(Target("gateway: added p99, ms", more, LIMIT_ADDED_MS))
    title = f"Time of an answer at {STEADY_RPS} requests/s through each door, ms (hey)"
    report.tables.append(draw_table(title, ("door", "p50", "p99", "p99 added"), rows))
    report.figures["steady_ms"] = added
