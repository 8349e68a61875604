"""Two faults that cannot both be meant: the same requests, the same time, two different things.

Only what is certain is refused: both always apply, and some request belongs to both.
Floor 1, pure. Read next: `precedence.py`, for faults that merely meet.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from stubs.faults.durations import format_ms
from stubs.faults.fault import Fault
from stubs.faults.target import Target, covers, fits_route, split_route


def find_contradictions(faults: Sequence[Fault]) -> Iterator[tuple[int, str]]:
    """The index of each fault that contradicts an earlier one, and a sentence that names both.

    Of several earlier ones it names the first: a thousand that all differ are a thousand lines.
    """
    for later, other in enumerate(faults):
        one = next((each for each in islice(faults, later) if contradict(each, other)), None)
        if one is not None:
            yield (
                later,
                f"contradicts {one.id}: both are `{other.kind.NAME}` at "
                f"{format_ms(max(one.at_ms, other.at_ms))}, for the same requests, and differ; "
                f"remove {one.id} or {other.id}, or part their targets or their times",
            )


def contradict(one: Fault, other: Fault) -> bool:
    """Whether the two always say different things about some requests."""
    return (
        one.kind.CLASHES
        and type(one.kind) is type(other.kind)
        and one.kind != other.kind
        and one.always_applies
        and other.always_applies
        and max(one.at_ms, other.at_ms) < min(one.ends_ms, other.ends_ms)
        and {one.apply_to, other.apply_to} != {"new", "existing"}
        and share_requests(one.target, other.target)
    )


def share_requests(one: Target, other: Target) -> bool:
    """Whether some request surely belongs to both targets."""
    return (
        (covers(one.service, other.service) or covers(other.service, one.service))
        and _agree(_method(one), _method(other))
        and _agree(one.tenant, other.tenant)
        and _share_route(one.route, other.route)
        and _share_headers(dict(one.headers), dict(other.headers))
    )


def _agree(one: str | None, other: str | None) -> bool:
    return one is None or other is None or one == other


def _method(target: Target) -> str | None:
    named = split_route(target.route)[0] if target.route else None
    return target.method or (None if named == "ANY" else named)


def _share_route(one: str | None, other: str | None) -> bool:
    if one is None or other is None:
        return True
    return _fits(one, other) or _fits(other, one)


def _fits(pattern: str, route: str) -> bool:
    path = split_route(route)[1]
    return fits_route(split_route(pattern)[1], path, path, "")


def _share_headers(one: dict[str, str], other: dict[str, str]) -> bool:
    return all(
        "*" in (one[name], other[name]) or one[name] == other[name]
        for name in one.keys() & other.keys()
    )
