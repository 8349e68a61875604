"""How exactly stubs are late: a fixed delay beside its peers, distributions, many at once.

A fixed 100 ms at 200 requests/s from the gateway, from a plain `asyncio.sleep` under uvicorn and
from mountebank, by how much each is over. Uniform and log-normal waits by Kolmogorov–Smirnov, after
the network's own share (the median of a route without a delay at the same rate) is taken off. The
gateway's memory while 10,000 answers wait.
"""

from __future__ import annotations

import contextlib
import json
import math
import resource
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from statistics import NormalDist, median

from bench.children import SERVER, BenchError, run_module
from bench.delay_client import Order, ask
from bench.delay_servers import (
    FIXED_MS,
    LONG_MS,
    Served,
    find_mountebank,
    run_mountebank,
    run_plain_delay,
    run_stub_gateway,
)
from bench.machine import load
from bench.proc import tree_memory_mb
from bench.report import Options, Report, Target
from bench.stats import quantile, spread
from bench.table import Cell, draw_table
from stubs.latency import LatencyModel, LogNormal, Uniform
from stubs.latency.fit import ks_critical, ks_distance_to
from switchboard.seeded import unit

RATE_PER_S = 200.0
FIXED_REQUESTS = 1_000
SAMPLES, SAMPLE_RATE_PER_S = 5_000, 500.0
WAITING = 10_000
P50_MS, P99_MS, MEMORY_MB = 0.5, 2.0, 200.0
LATENCY_DRAW = 1

HEADS = ("100 ms from", "over: least ms", "p50 ms", "p99 ms", "max ms", "p50 of the rounds")
KS_HEADS = ("waits", "distance", "critical 5 %", "of the draws alone", "network ms")

Cdf = Callable[[float], float]
MODELS: dict[str, tuple[LatencyModel, Cdf]] = {
    "uniform": (Uniform(20, 120), lambda ms: min(max((ms - 20) / 100, 0.0), 1.0)),
    "lognormal": (
        LogNormal(20, 90),
        lambda ms: NormalDist().cdf(math.log(max(ms, 1e-9) / 20) / math.log(4.5) * 2.3263478740408),
    ),
}


def bench_stub_delays(options: Options, scratch: Path) -> Report:
    """All of it; a peer that is not to be had is named and left out."""
    report = Report("stub_delays", notes=[f"at the start: {load()}", _floor()])
    with ExitStack() as stack:
        gateway = stack.enter_context(run_stub_gateway(scratch))
        servers = {
            "esr stubs": gateway,
            "asyncio.sleep, uvicorn": stack.enter_context(run_plain_delay()),
        }
        try:
            binary = find_mountebank(scratch)
            servers["mountebank"] = stack.enter_context(run_mountebank(binary, scratch))
        except BenchError as error:
            report.notes.append(f"mountebank is left out: {error}")
        _add_fixed(report, options, servers)
        _add_distributions(report, options, gateway)
    with run_stub_gateway(scratch) as gateway:
        _add_memory(report, options, gateway)
    return report


def _floor() -> str:
    """What the machine does to a process that only sleeps."""
    done = run_module("bench.floor", ["2"], SERVER, timeout_s=30)
    p50, p99, most = json.loads(done.output)
    return f"a process that only sleeps is late by p50 {p50:.3f}, p99 {p99:.3f}, max {most:.3f} ms"


def _add_fixed(report: Report, options: Options, servers: dict[str, Served]) -> None:
    requests = FIXED_REQUESTS // 5 if options.is_quick else FIXED_REQUESTS
    over: dict[str, list[list[float]]] = {name: [] for name in servers}
    for _ in range(options.runs):  # round about, so that a busy neighbour slows them all
        for name, served in servers.items():
            times = ask(Order(served.port, "/fixed", requests, RATE_PER_S, 64))
            over[name].append(sorted(each - FIXED_MS for each in times))
    rows: list[list[Cell]] = []
    for name, rounds in over.items():
        p50, p99, most = (median(quantile(each, q) for each in rounds) for q in (0.5, 0.99, 1.0))
        least = min(each[0] for each in rounds)
        rows.append([name, least, p50, p99, most, spread([quantile(each, 0.5) for each in rounds])])
        report.figures[name] = {"p50_ms": p50, "p99_ms": p99, "max_ms": most}
    report.tables.append(draw_table(f"A fixed delay at {RATE_PER_S:.0f} requests/s", HEADS, rows))
    early = min(each[0] for each in over["esr stubs"])
    ours = report.figures["esr stubs"]
    report.targets += [
        Target("fixed 100 ms, p50 over, ms", ours["p50_ms"], P50_MS),
        Target("fixed 100 ms, p99 over, ms", ours["p99_ms"], P99_MS),
        Target("answers that came early, ms", max(-early, 0.0), 0.0),
    ]


def _add_distributions(report: Report, options: Options, gateway: Served) -> None:
    samples = SAMPLES // 5 if options.is_quick else SAMPLES
    rows: list[list[Cell]] = []
    for name, (model, cdf) in MODELS.items():
        none = ask(Order(gateway.port, "/none", samples // 5, SAMPLE_RATE_PER_S, 256))
        own_ms = median(none)
        times = ask(Order(gateway.port, f"/{name}", samples, SAMPLE_RATE_PER_S, 512))
        distance = ks_distance_to(sorted(each - own_ms for each in times), cdf)
        drawn = sorted(model.sample_s(unit(0, n, LATENCY_DRAW)) * 1000 for n in range(samples))
        critical = ks_critical(samples)
        rows.append([name, distance, critical, ks_distance_to(drawn, cdf), own_ms])
        report.targets.append(Target(f"{name}, KS of {samples:,}", distance, critical))
        report.figures[f"ks {name}"] = distance
    title = f"Distributions, {samples:,} answers at {SAMPLE_RATE_PER_S:.0f} requests/s"
    report.tables.append(draw_table(title, KS_HEADS, rows))


def _add_memory(report: Report, options: Options, gateway: Served) -> None:
    waiting = WAITING // 10 if options.is_quick else WAITING
    before_mb = sum(tree_memory_mb(gateway.pid).values())
    try:
        with _waiting(gateway.port, waiting) as connections:
            during_mb = sum(tree_memory_mb(gateway.pid).values())
            if any(_has_bytes(each) for each in connections):
                raise BenchError("some were answered before all had asked")
    except OSError as error:
        report.notes.append(f"the memory of {waiting:,} waiting answers is left out: {error}")
        return
    heads = ("waiting", "MB", "before", "kB each")
    row: list[Cell] = [
        f"{waiting:,}",
        during_mb,
        before_mb,
        (during_mb - before_mb) * 1024 / waiting,
    ]
    report.tables.append(draw_table("Answers that wait at once", heads, [row]))
    report.targets.append(Target(f"{waiting:,} waiting, MB", during_mb, MEMORY_MB))
    report.figures["waiting_mb"] = during_mb


@contextlib.contextmanager
def _waiting(port: int, count: int) -> Iterator[list[socket.socket]]:
    """So many requests under way, all of them read by the server. Raises OSError."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    request = Order(port, "/long", 1, 1, 1)
    with ExitStack() as stack:
        connections = []
        for number in range(count):
            each = stack.enter_context(socket.create_connection(("127.0.0.1", port), 10))
            each.sendall(request.request(number))
            connections.append(each)
        _wait_idle(port)
        yield connections


def _wait_idle(port: int) -> None:
    """Until a request without a delay is answered at once: all before it have been read."""
    deadline = time.monotonic() + LONG_MS / 2000
    while time.monotonic() < deadline:
        if max(ask(Order(port, "/none", 20, 100, 4))) < 20:
            return
    raise BenchError("the gateway did not come to rest")


def _has_bytes(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        connection.recv(1)
    except BlockingIOError:
        return False
    return True
