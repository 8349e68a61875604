"""What a replay does not represent of its source: its routes, and how requests follow one another.

Pure numpy, over columns that may be mapped from disk. Routes are counted in full, a chunk at a
time. Gaps between requests are compared by the two-sample Kolmogorov-Smirnov distance of at most
`MAX_GAPS` of each side, taken at even places from its first request to its last, so that memory
stays flat for a log of any length. Each side's gaps are divided by their own mean: that takes the
speed out, and leaves how bursty the traffic is. Gaps within a hundredth of one another count as
equal, since a rounded nanosecond is no difference, and all below a thousandth of the mean as none.
Read next: `plan.py` (what will be sent), `tape.py` (what was recorded).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Column = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]

MAX_GAPS: Final = 200_000
MAX_LISTED: Final = 10
CLOSE: Final = 0.01
"""A distance up to this is none worth a sentence."""
_CHUNK: Final = 1 << 20
_STEPS: Final = 100.0
_NO_GAP: Final = 1e-3


@dataclass(frozen=True, slots=True)
class RouteShare:
    """One route and its share of all requests, in the source and in what is sent."""

    route: str
    source: float
    sent: float


@dataclass(frozen=True, slots=True)
class Coverage:
    """How far what is sent is from its source; a distance is from 0, the same, to 1, nothing alike.

    route_distance: total variation: the share of requests that would have to go to other routes.
    route_ks: Kolmogorov-Smirnov, over the routes by their share in the source.
    inter_arrival_ks: None where there are no gaps to compare (fewer than two requests, or all at
    one moment).
    missing: routes of the source to which nothing is sent, the largest `MAX_LISTED` of
    `missing_routes`.   changed: those that are sent and whose share moved most.
    """

    source_requests: int
    sent_requests: int
    source_routes: int
    sent_routes: int
    missing_routes: int
    route_distance: float
    route_ks: float
    inter_arrival_ks: float | None
    missing: tuple[RouteShare, ...] = ()
    changed: tuple[RouteShare, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "requests": {"source": self.source_requests, "sent": self.sent_requests},
            "routes": {
                "source": self.source_routes,
                "sent": self.sent_routes,
                "distance": self.route_distance,
                "ks": self.route_ks,
                "missing_count": self.missing_routes,
                "missing": [_share_to_json(each) for each in self.missing],
                "changed": [_share_to_json(each) for each in self.changed],
            },
            "inter_arrival": {"ks": self.inter_arrival_ks},
        }


def compare(
    source_routes: Column,
    sent_routes: Column,
    source_due_ns: Column,
    sent_due_ns: Column,
    names: Sequence[str] = (),
) -> Coverage:
    """What is sent, beside its source.

    source_routes, sent_routes: the number of each request's route, numbered alike on both sides.
    source_due_ns, sent_due_ns: when each request is due, ascending, at whatever speed.
    names: of the routes by number; one without a name is called by its number.
    """
    source, sent = count_routes(source_routes), count_routes(sent_routes)
    size = max(len(source), len(sent))
    source.resize(size, refcheck=False)
    sent.resize(size, refcheck=False)
    shares = _shares(source), _shares(sent)
    is_missing = (source > 0) & (sent == 0)
    return Coverage(
        source_requests=len(source_routes),
        sent_requests=len(sent_routes),
        source_routes=int(np.count_nonzero(source)),
        sent_routes=int(np.count_nonzero(sent)),
        missing_routes=int(np.count_nonzero(is_missing)),
        route_distance=_variation(*shares),
        route_ks=_route_ks(*shares),
        inter_arrival_ks=compare_gaps(source_due_ns, sent_due_ns),
        missing=_listed(shares, np.where(is_missing, shares[0], 0.0), names),
        changed=_listed(shares, np.where(sent > 0, np.abs(shares[0] - shares[1]), 0.0), names),
    )


def count_routes(routes: Column) -> npt.NDArray[np.int64]:
    """How many requests each route has."""
    counts = np.zeros(0, np.int64)
    for at in range(0, len(routes), _CHUNK):
        part = np.bincount(routes[at : at + _CHUNK])
        if len(part) > len(counts):
            counts.resize(len(part), refcheck=False)
        counts[: len(part)] += part
    return counts


def compare_gaps(source_due_ns: Column, sent_due_ns: Column) -> float | None:
    """The KS distance of the gaps between requests, each side's own mean taken as one."""
    source, sent = _gaps(source_due_ns), _gaps(sent_due_ns)
    return None if source is None or sent is None else ks_distance(source, sent)


def ks_distance(one: Floats, other: Floats) -> float:
    """The largest difference between the two empirical distribution functions; neither is empty."""
    one, other = np.sort(one), np.sort(other)
    values = np.concatenate([one, other])
    below_one = np.searchsorted(one, values, "right") / len(one)
    below_other = np.searchsorted(other, values, "right") / len(other)
    return _rounded(np.max(np.abs(below_one - below_other)))


def describe_coverage(coverage: Coverage) -> tuple[str, ...]:
    """What a person should know of it: a sentence for each difference; none where there is none."""
    said = []
    if coverage.missing:
        listed = ", ".join(each.route for each in coverage.missing[:3])
        left_out = coverage.missing_routes
        count = "1 route is" if left_out == 1 else f"{left_out} routes are"
        said.append(f"{count} not sent at all: {listed}{', ...' if left_out > 3 else ''}")
    if coverage.route_distance > CLOSE:
        said.append(
            f"the mix of routes differs from the source: {coverage.route_distance:.1%} of the "
            "requests would have to go elsewhere"
        )
    if coverage.inter_arrival_ks is not None and coverage.inter_arrival_ks > CLOSE:
        said.append(
            "requests follow one another otherwise than in the source: "
            f"Kolmogorov-Smirnov distance {coverage.inter_arrival_ks:.3f}"
        )
    return tuple(said)


def _gaps(due_ns: Column) -> Floats | None:
    """Gaps at even places, in steps of a hundredth of their own size, as multiples of the mean."""
    count = len(due_ns) - 1
    span = int(due_ns[-1]) - int(due_ns[0]) if count > 0 else 0
    if span <= 0:
        return None
    at = np.arange(min(count, MAX_GAPS), dtype=np.int64)
    at = at * count // len(at)
    gaps = np.maximum(due_ns[at + 1] - due_ns[at], 0) * (count / span)
    steps: Floats = np.rint(np.log(np.maximum(gaps, _NO_GAP)) * _STEPS)
    return steps


def _shares(counts: npt.NDArray[np.int64]) -> Floats:
    shares: Floats = counts / max(int(counts.sum()), 1)
    return shares


def _variation(source: Floats, sent: Floats) -> float:
    """Half of all that differs; 1 where only one of them has anything."""
    if source.any() != sent.any():
        return 1.0
    return _rounded(np.abs(source - sent).sum() / 2)


def _route_ks(source: Floats, sent: Floats) -> float:
    if not len(source):
        return 0.0
    order = np.argsort(-source, kind="stable")
    return _rounded(np.max(np.abs(np.cumsum(source[order]) - np.cumsum(sent[order]))))


def _listed(
    shares: tuple[Floats, Floats], weight: Floats, names: Sequence[str]
) -> tuple[RouteShare, ...]:
    """The routes of the greatest weight, those without any left out."""
    order = np.argsort(-weight, kind="stable")[:MAX_LISTED]
    return tuple(
        RouteShare(
            names[route] if route < len(names) else str(route),
            _rounded(shares[0][route]),
            _rounded(shares[1][route]),
        )
        for route in map(int, order)
        if _rounded(weight[route])
    )


def _share_to_json(share: RouteShare) -> dict[str, Any]:
    return {"route": share.route, "source": share.source, "sent": share.sent}


def _rounded(value: Any) -> float:
    """Rounding errors of sums are no difference."""
    return round(min(max(float(value), 0.0), 1.0), 6)
