from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.account import Tally
from replay.building.timeline import Timeline
from replay.filter_words import build_filters
from replay.filters import Filtered, Filters, is_like
from replay.readers.entry import Entry
from switchboard.event import Event, EventError

NS = 1_000_000_000
START = 1_710_460_800 * NS


class End:
    """Places what reaches it in time, as rows do, and keeps it."""

    needs_whole = False

    def __init__(self) -> None:
        self.timeline = Timeline()
        self.times: list[tuple[str, int]] = []
        self.skipped = 0

    def add(self, line: int, entry: Entry) -> None:
        event = entry.event
        ns = self.timeline.time_of(event.ts_ns, event.delay_ms)
        if event.method == "TRACE":
            raise EventError("bad method")
        self.times.append((event.url, ns))
        self.timeline.reach(ns)

    def add_request(self, *args: Any) -> None:
        self.times.append((args[4], args[1]))

    def skip(self, line: int, reason: str, gap_ms: float = 0.0) -> None:
        self.skipped += 1
        self.timeline.pass_by(gap_ms)

    def note(self, text: str, count: int = 0) -> None:
        raise AssertionError("nothing is noted here")


def event(ts_ns: int | None = START, delay_ms: float | None = None, **rest: Any) -> Event:
    return Event(ts_ns, delay_ms, **{"method": "GET", "url": "/", **rest})


def why_dropped(filters: Filters, *entries: Entry) -> list[str | None]:
    """For each of the entries the filter that did not want it."""
    tally, end = Tally(), End()
    chain, found = Filtered(end, filters, tally), []
    for line, entry in enumerate(entries, 1):
        before, kept = dict(tally.dropped), len(end.times)
        chain.add(line, entry)
        changed = [name for name, n in tally.dropped.items() if before.get(name) != n]
        assert len(changed) + len(end.times) - kept == 1
        found.append(changed[0] if changed else None)
    return found


URL = "https://svc.hms.example:8443/users/48219/orders?x=1"


@pytest.mark.parametrize(
    ("words", "entry", "reason"),
    [
        ({"hosts": ["svc.hms.example"]}, event(url=URL), None),
        ({"hosts": ["*.hms.example"]}, event(url=URL), None),
        ({"hosts": ["ach.*"]}, event(url=URL), "host"),
        ({"hosts": ["ach.*", "svc.*"]}, event(url=URL), None),
        ({"hosts": ["svc.*"]}, event(headers=(("Host", "svc.hms.example"),)), None),
        ({"hosts": ["svc.*"]}, event(), "host"),
        ({"hosts": ["*"]}, event(), None),
        ({"hosts": ["svc.*"]}, event(headers=(("Host", "a b"),)), "host"),
        ({"routes": ["/users/*"]}, event(url=URL), None),
        ({"routes": ["/users/48219/orders"]}, event(url=URL), None),
        ({"routes": ["/users/{id}/orders"]}, event(url=URL), None),
        ({"routes": ["/users/{id}"]}, event(url=URL), "route"),
        ({"routes": ["*/orders"]}, event(url=URL), None),
        ({"routes": ["GET /users/{id}/*"]}, event(url=URL), None),
        ({"routes": ["POST /users/{id}/*"]}, event(url=URL), "route"),
        ({"routes": ["svc GET /users/*"]}, event(url=URL), None),
        ({"routes": ["ach GET /users/*"]}, event(url=URL), "route"),
        ({"routes": ["ach GET /users/*"]}, event(url=URL, service="ACH"), None),
        ({"methods": ["get"]}, event(), None),
        ({"methods": ["post"]}, event(), "method"),
        ({"statuses": ["5xx", "404"]}, event(status=404), None),
        ({"statuses": ["5xx"]}, event(status=404), "status"),
        ({"statuses": ["5xx"]}, event(), "status"),
        ({"statuses": ["none"]}, event(), None),
        ({"users": ["ann"]}, event(user="ann"), None),
        ({"users": ["ann"]}, event(session="ann"), "user"),
        ({"sessions": ["s"]}, event(session="s"), None),
        ({"sessions": ["s"]}, event(user="s"), "session"),
        ({"sample": 0}, event(user="ann"), "sample"),
        ({"sample": 1}, event(user="ann"), None),
        ({"start": "2024-03-15"}, event(START), None),
        ({"start": "2024-03-15"}, event(START - 1), "time"),
        ({"end": "2024-03-15"}, event(START - 1), None),
        ({"end": "2024-03-15"}, event(START), "time"),
        ({"start": "2024-03-15", "methods": ["put"]}, event(START - 1), "time"),
        ({}, event(), None),
    ],
)
def test_the_first_filter_that_does_not_want_it_is_counted(
    words: dict[str, Any], entry: Event, reason: str | None
) -> None:
    assert why_dropped(build_filters(**words), Entry(entry)) == [reason]


def test_offsets_count_from_the_first_entry() -> None:
    filters = build_filters(start="+1s", end="+3s")
    times = [START, START + NS, START + 3 * NS - 1, START + 3 * NS, START - NS]
    found = why_dropped(filters, *[Entry(event(ns)) for ns in times])
    assert found == ["time", None, None, "time", "time"]


def test_offsets_count_from_an_entry_that_only_had_a_delay() -> None:
    entries = [event(None, 500.0), event(None, 1_000.0), event(START), event(None, 999.0)]
    found = why_dropped(build_filters(end="+1s"), *map(Entry, entries))
    assert found == [None, "time", "time", "time"]


ENTRIES = st.lists(
    st.tuples(
        st.none() | st.integers(START, START + 100 * NS),
        st.integers(0, 9_000),
        st.sampled_from(["GET", "POST", "TRACE", "skip"]),
    ),
    max_size=12,
)


def run(sink: Any, entries: list[tuple[int | None, int, str]]) -> None:
    for line, (ts_ns, delay_ms, method) in enumerate(entries, 1):
        gap = 0.0 if ts_ns is not None else float(delay_ms)
        if method == "skip":
            sink.skip(line, "not JSON", gap)
            continue
        try:
            sink.add(line, Entry(event(ts_ns, gap, method=method, url=f"/{method}/{line}")))
        except EventError as error:
            sink.skip(line, error.reason, gap)


@settings(max_examples=100)
@given(entries=ENTRIES)
def test_what_is_kept_keeps_its_time(entries: list[tuple[int | None, int, str]]) -> None:
    whole, kept, tally = End(), End(), Tally()
    run(whole, entries)
    filters = build_filters(methods=["GET", "TRACE"])
    run(Filtered(kept, filters, tally), entries)
    assert len(whole.times) + whole.skipped == len(entries)
    assert len(kept.times) + kept.skipped + tally.entries == len(entries)
    wanted = [each for each in whole.times if each[0].startswith("/GET")]
    stamped = next((number for number, each in enumerate(entries) if each[0] is not None), 99)
    # Where the first stamp itself is left out, what came before it has nothing to hold on to.
    if stamped < 99 and entries[stamped][2] == "POST":
        wanted = [each for each in wanted if int(each[0].rpartition("/")[2]) > stamped]
        kept.times = kept.times[len(kept.times) - len(wanted) :]
    assert [url for url, _ in kept.times] == [url for url, _ in wanted]
    assert [ns for _, ns in kept.times] == pytest.approx([ns for _, ns in wanted], abs=50, rel=0)


REQUESTS = st.lists(
    st.tuples(
        st.integers(START, START + 10 * NS),
        st.sampled_from(["GET", "POST"]),
        st.sampled_from(["/a", "/b/17", "/c?d"]),
        st.none() | st.sampled_from(["ann", "bob"]),
        st.none() | st.sampled_from(["s1", "s2"]),
        st.none() | st.sampled_from(["10.0.0.1"]),
        st.none() | st.sampled_from([200, 503]),
    ),
    max_size=8,
)
WORDS = st.fixed_dictionaries(
    {},
    optional={
        "start": st.sampled_from(["+1s", "2024-03-15T00:00:02Z"]),
        "end": st.sampled_from(["+9s"]),
        "routes": st.sampled_from([["/b/*"], ["/a", "/c"]]),
        "methods": st.just(["GET"]),
        "statuses": st.sampled_from([["5xx"], ["none"]]),
        "users": st.just(["ann"]),
        "sessions": st.just(["s1"]),
        "sample": st.sampled_from(["50%", "0.9"]),
    },
)


@settings(max_examples=100)
@given(requests=REQUESTS, words=WORDS)
def test_both_ways_leave_out_the_same(requests: list[Any], words: dict[str, Any]) -> None:
    ends, tallies = (End(), End()), (Tally(), Tally())
    filters = build_filters(**words)
    whole, fast = (Filtered(end, filters, tally) for end, tally in zip(ends, tallies, strict=True))
    for line, (ts_ns, method, url, user, session, client, status) in enumerate(requests, 1):
        whole.add(
            line,
            Entry(
                event(ts_ns, method=method, url=url, user=user, session=session, status=status),
                client=client,
            ),
        )
        fast.add_request(
            line, ts_ns, method, "", url, user, session, None, "", b"", status, None, client, 0
        )
    assert ends[0].times == ends[1].times
    assert tallies[0].dropped == tallies[1].dropped
    assert len(ends[0].times) + tallies[0].entries == len(requests)


def test_a_sample_is_of_users_and_the_same_each_time() -> None:
    users = [f"user-{number}" for number in range(4_000)]

    def sampled(share: float, seed: int = 0) -> set[str]:
        filters = build_filters(sample=share, seed=seed)
        found = why_dropped(filters, *[Entry(event(user=user)) for user in users])
        return {user for user, reason in zip(users, found, strict=True) if reason is None}

    tenth, half = sampled(0.1), sampled(0.5)
    assert 300 < len(tenth) < 500
    assert 1_850 < len(half) < 2_150
    assert tenth < half
    assert sampled(0.1) == tenth
    assert sampled(0.1, seed=1) != tenth


def test_a_sample_of_nobodies_is_of_requests() -> None:
    entries = [Entry(event(START + number)) for number in range(1_000)]
    kept = why_dropped(build_filters(sample=0.5), *entries).count(None)
    assert 400 < kept < 600


def test_a_session_and_a_user_of_one_name_are_two() -> None:
    entries = [[event(user=f"{n}"), event(session=f"{n}")] for n in range(60)]
    found = [why_dropped(build_filters(sample=0.5), *map(Entry, pair)) for pair in entries]
    assert any(user != session for user, session in found)


def test_only_hosts_need_all_of_an_event() -> None:
    assert not Filtered(End(), build_filters(methods=["GET"]), Tally()).needs_whole
    assert Filtered(End(), build_filters(hosts=["a"]), Tally()).needs_whole


@settings(max_examples=100)
@given(
    parts=st.lists(st.text("ab", max_size=3), min_size=1, max_size=5),
    text=st.text("ab", max_size=9),
)
def test_a_pattern_is_like_what_it_says(parts: list[str], text: str) -> None:
    def slow(parts: list[str], text: str) -> bool:
        if len(parts) == 1:
            return text == parts[0]
        rests = [text[at:] for at in range(len(text) + 1)]
        return text.startswith(parts[0]) and any(
            slow(parts[1:], rest) for rest in rests[len(parts[0]) :]
        )

    assert is_like(tuple(parts), text) is slow(parts, text)


def test_a_hostile_path_is_gone_through_once() -> None:
    pattern = build_filters(routes=["/" + "*a" * 400 + "*b"]).routes[0]
    assert not pattern.takes("GET", "/" + "a" * 65_000, "", None)  # what is quadratic would not end
