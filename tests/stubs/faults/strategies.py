"""Any fault of any kind, for property tests."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import strategies as st

from stubs.faults.clock_skew import ClockSkew
from stubs.faults.dns import Dns
from stubs.faults.down import Down
from stubs.faults.duplicate_delivery import DuplicateDelivery
from stubs.faults.durations import DAY_MS
from stubs.faults.empty import Empty
from stubs.faults.error import Error
from stubs.faults.fault import Fault
from stubs.faults.ghost_commit import GhostCommit
from stubs.faults.hang import Hang
from stubs.faults.kind import FaultKind
from stubs.faults.late_settlement import LateSettlement
from stubs.faults.latency import Latency
from stubs.faults.loss import Loss
from stubs.faults.malformed import Malformed
from stubs.faults.out_of_order_callback import OutOfOrderCallback
from stubs.faults.quota import Quota
from stubs.faults.reset import Reset
from stubs.faults.slow_close import SlowClose
from stubs.faults.stale_read import StaleRead
from stubs.faults.target import Target
from stubs.faults.throttle import Throttle
from stubs.faults.tls import Tls
from stubs.faults.truncate import Truncate

MS = st.floats(0, DAY_MS)
SECONDS = st.floats(0, DAY_MS / 1000)
SHARES = st.floats(0, 1)
COUNTS = st.integers(1, 1_000_000_000)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
HEADERS = st.dictionaries(
    st.from_regex(r"[a-z][a-z-]{0,10}", fullmatch=True),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=10),
    max_size=3,
).map(lambda pairs: tuple(sorted(pairs.items())))
LATENCIES = st.one_of(
    st.builds(Latency, ms=MS, where=st.sampled_from(["before_headers", "first_byte", "per_chunk"])),
    st.builds(Latency, ms=st.floats(0, 1e7), jitter_ms=st.floats(0, 1e7)),
    st.builds(Latency, dist=st.just("uniform"), min_ms=st.floats(0, 10), max_ms=st.floats(10, 99)),
    st.builds(Latency, dist=st.just("normal"), ms=MS, jitter_ms=MS),
    st.builds(Latency, dist=st.just("lognormal"), median_ms=st.floats(1, 9), sigma=st.floats(0, 2)),
    st.builds(
        Latency, dist=st.just("lognormal"), median_ms=st.floats(1, 9), p99_ms=st.floats(9, 99)
    ),
    st.builds(
        Latency,
        dist=st.just("percentiles"),
        table=st.tuples(MS, MS).map(sorted).map(lambda ms: ((50.0, ms[0]), (99.9, ms[1]))),
    ),
)

KINDS: Mapping[str, st.SearchStrategy[FaultKind]] = {
    "dns": st.builds(
        Dns, mode=st.sampled_from(["nxdomain", "servfail", "timeout", "stale_ip"]), ttl_s=SECONDS
    ),
    "down": st.builds(
        Down,
        mode=st.sampled_from(["refuse", "reset", "blackhole", "status_503"]),
        restart_after_s=st.none() | SECONDS,
        cold_start_ms=MS,
    ),
    "tls": st.builds(
        Tls, mode=st.sampled_from(["expired", "wrong_host", "handshake_stall", "alert"])
    ),
    "reset": st.builds(Reset, after_ms=MS, phase=st.sampled_from(["connect", "request"]))
    | st.builds(Reset, after_bytes=COUNTS, phase=st.just("response")),
    "quota": st.builds(
        Quota,
        limit=st.integers(0, 1000),
        window_s=st.floats(0.001, 3600),
        scope=st.sampled_from(["service", "tenant", "key"]),
        status=st.integers(400, 599),
    ),
    "error": st.builds(
        Error,
        status=st.integers(400, 599),
        body=st.none() | TEXTS,
        headers=HEADERS,
        retry_after_s=st.none() | SECONDS,
        grpc_status=st.none() | st.integers(1, 16),
    ),
    "ghost_commit": st.builds(GhostCommit, lose=st.sampled_from(["reset", "hang", "status_504"])),
    "hang": st.builds(Hang, for_s=SECONDS, then=st.sampled_from(["close", "reset", "respond"])),
    "empty": st.builds(Empty),
    "throttle": st.builds(
        Throttle,
        bytes_per_s=st.floats(1, 1e9),
        chunk_bytes=st.integers(0, 10_000),
        chunk_delay_ms=MS,
        direction=st.sampled_from(["response", "request", "both"]),
    ),
    "loss": st.builds(Loss, percent=SHARES, stall_ms=MS),
    "truncate": st.builds(Truncate, fraction=SHARES, keep_content_length=st.booleans())
    | st.builds(Truncate, bytes=COUNTS),
    "malformed": st.builds(
        Malformed, what=st.sampled_from(["json", "chunk", "headers", "garbage"])
    ),
    "slow_close": st.builds(SlowClose, delay_ms=MS),
    "duplicate_delivery": st.builds(DuplicateDelivery, times=st.integers(2, 10)),
    "out_of_order_callback": st.builds(OutOfOrderCallback, lag_s=SECONDS, times=st.integers(1, 10)),
    "late_settlement": st.builds(LateSettlement, lag_s=SECONDS),
    "stale_read": st.builds(StaleRead, lag_s=SECONDS),
    "clock_skew": st.builds(ClockSkew, offset_s=st.floats(-1e8, 1e8)),
    "latency": LATENCIES,
}
TARGETS = st.builds(
    Target,
    service=st.sampled_from(["ach", "svc-fee", "*"]),
    route=st.none() | st.sampled_from(["POST /payments", "/payments/{payment}", "/a/*/c"]),
    method=st.none() | st.sampled_from(["GET", "POST"]),
    tenant=st.none() | TEXTS,
    headers=HEADERS,
)


def faults_of(kind: st.SearchStrategy[FaultKind]) -> st.SearchStrategy[Fault]:
    """Any envelope round a kind."""
    lasting = st.none() | st.floats(0, DAY_MS, exclude_min=True)
    counts = st.none() | COUNTS
    return st.builds(
        Fault,
        id=TEXTS.filter(lambda text: bool(text.strip()) and text.isprintable()),
        kind=kind,
        target=TARGETS,
        at_ms=MS,
        for_ms=lasting,
        ramp_ms=MS,
        probability=SHARES,
        every_n=counts,
        first_n=counts,
        skip_first=st.integers(0, 1000),
        max_active=counts,
        seed=st.none() | st.integers(0, (1 << 64) - 1),
        apply_to=st.sampled_from(["new", "existing", "all"]),
        ttl_ms=lasting,
        reason=TEXTS,
        chosen=st.none() | st.frozensets(st.integers(0, (1 << 64) - 1), max_size=5),
    )
