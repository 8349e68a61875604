"""How often was this called, and with what: the journal compared with an expectation.

Pure, floor 1. An answer is always a sentence that a failing test can show as it is, with examples
of the calls that fit and, where too few did, the nearest ones and what is different about them.
Read next: `expectation.py`, `admin/`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from heapq import nsmallest
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson

from stubs.expectation import Expectation
from stubs.journal import BODY_BYTES, CALLBACK_ROUTE, Entry
from stubs.masking import entry_mapping

EXAMPLES: Final = 5
_PLACE: Final = ("service is", "method is", "route is", "path is")


@dataclass(frozen=True, slots=True)
class Near:
    """A call that did not fit, and why."""

    entry: Entry
    differs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Verification:
    """`examples`: calls that fitted, the newest.   nearest: only when there were too few."""

    ok: bool
    count: int
    wanted: str
    sentence: str
    examples: tuple[Entry, ...]
    nearest: tuple[Near, ...]

    def to_json(self) -> dict[str, Any]:
        """One field a key; entries without their secrets."""
        near = [{"entry": entry_mapping(n.entry), "differs": list(n.differs)} for n in self.nearest]
        return {
            "ok": self.ok,
            "count": self.count,
            "wanted": self.wanted,
            "sentence": self.sentence,
            "examples": [entry_mapping(each) for each in self.examples],
            "nearest": near,
        }


def verify(entries: Iterable[Entry], expected: Expectation, forgotten: int = 0) -> Verification:
    """Compare. `forgotten`: how many older calls the journal no longer holds, which is said."""
    fitting: list[Entry] = []
    others: list[Near] = []
    for entry in entries:
        if expected.scope.takes(entry) and _is_meant(entry, expected):
            differs = tuple(differences(entry, expected))
            if differs:
                others.append(Near(entry, differs))
            else:
                fitting.append(entry)
    count = len(fitting)
    ok = count >= expected.least and (expected.most is None or count <= expected.most)
    nearest = others if count < expected.least else []
    return Verification(
        ok,
        count,
        _wanted(expected),
        _sentence(expected, ok, count, forgotten),
        tuple(fitting[-EXAMPLES:]),
        tuple(nsmallest(EXAMPLES, nearest, key=_distance)),
    )


def differences(entry: Entry, expected: Expectation) -> Iterator[str]:
    """What of an entry is not as expected, one short text each; nothing when it fits."""
    for name, filters in expected.parts:
        if not filters.takes(entry):
            yield f"{name} is {_actual(entry, name)}"
    query = dict(parse_qsl(entry.query, keep_blank_values=True))
    for name, check in expected.query.items():
        why = check.why_not(query.get(name))
        if why:
            yield f"query {name} {why}"
    for name, check in expected.headers.items():
        value = entry.headers.get(name.encode("latin-1", "replace"))
        why = check.why_not(None if value is None else value.decode("latin-1"))
        if why:
            yield f"header {name} {why}"
    if expected.has_json:
        yield from _json_differences(entry, expected.json)


def includes(actual: Any, wanted: Any) -> bool:
    """Whether a JSON value has everything of `wanted`: more keys are fine, more items are not."""
    if isinstance(wanted, dict):
        return isinstance(actual, dict) and all(
            name in actual and includes(actual[name], inside) for name, inside in wanted.items()
        )
    if isinstance(wanted, list):
        return (
            isinstance(actual, list)
            and len(actual) == len(wanted)
            and all(map(includes, actual, wanted))
        )
    if isinstance(actual, bool) or isinstance(wanted, bool):  # 1 is not true
        return actual is wanted
    return bool(actual == wanted)


def _json_differences(entry: Entry, wanted: Any) -> Iterator[str]:
    if entry.body_bytes > BODY_BYTES:
        yield f"the body is longer than the {BODY_BYTES:,} bytes that are kept of it"
        return
    try:
        actual = orjson.loads(entry.body)
    except orjson.JSONDecodeError:
        yield "the body is no JSON"
        return
    if isinstance(wanted, dict) and isinstance(actual, dict):
        for name, inside in wanted.items():
            if name not in actual:
                yield f"json {name} is missing"
            elif not includes(actual[name], inside):
                yield f"json {name} is another"
    elif not includes(actual, wanted):
        yield "the JSON is another"


def _distance(near: Near) -> tuple[int, int, int]:
    """A call to the right place comes before one that differs in less; then the newer one."""
    elsewhere = sum(each.startswith(_PLACE) for each in near.differs)
    return elsewhere, len(near.differs), -near.entry.number


def _is_meant(entry: Entry, expected: Expectation) -> bool:
    """What a stub called by itself is looked at only where that is asked for."""
    return (entry.route == CALLBACK_ROUTE) == (expected.filters.route == CALLBACK_ROUTE)


def _actual(entry: Entry, name: str) -> str:
    value = ", ".join(entry.faults) or "none" if name == "fault" else getattr(entry, name)
    return ascii(str(value)[:80])[1:-1]


def _wanted(expected: Expectation) -> str:
    least, most = expected.least, expected.most
    if most == 0:
        return "never"
    if most is None:
        return f"at least {_times(least)}"
    if least == most:
        return f"exactly {_times(most)}"
    return f"at most {_times(most)}" if least == 0 else f"{least:,} to {_times(most)}"


def _sentence(expected: Expectation, ok: bool, count: int, forgotten: int) -> str:
    called = f"was called {_times(count)}" if count else "was never called"
    verdict = "as wanted" if ok else f"wanted {_wanted(expected)}"
    older = f"; {forgotten:,} older calls are no longer in the journal" if forgotten else ""
    return f"{_subject(expected)} {called}, {verdict}{older}"


def _subject(expected: Expectation) -> str:
    filters = expected.filters
    place = filters.route or " ".join(filter(None, (filters.method, filters.path))) or "anything"
    parts = [place]
    parts += [f"of {filters.service}"] * bool(filters.service)
    parts += [f"answered {filters.status}"] * bool(filters.status)
    parts += [f"touched by {filters.fault}"] * bool(filters.fault)
    given = ("query", expected.query), ("headers", expected.headers), ("json", expected.has_json)
    carrying = [name for name, wanted in given if wanted]
    parts += [f"with that {' and '.join(carrying)}"] * bool(carrying)
    return ascii(" ".join(parts))[1:-1]


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"
