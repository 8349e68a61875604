"""The bundled log is what its README says, and its generator makes it again."""

from __future__ import annotations

import gzip
import json
from collections import Counter, defaultdict
from functools import cache
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

from scenarios.lake import generate
from switchboard.event import Event, parse_event

LAKE = Path(generate.__file__).parent
RANK = {step.name: rank for rank, step in enumerate(generate.STEPS)}
HOSTS = {"svc.hms.example", "act.hms.example", "ach.hms.example"}


@cache
def bundled() -> tuple[Event, ...]:
    lines = [
        line
        for path in sorted((LAKE / generate.FOLDER).iterdir())
        for line in gzip.decompress(path.read_bytes()).splitlines()
    ]
    return tuple(parse_event(json.loads(line)) for line in lines)


def stamp(event: Event) -> float:
    assert event.ts_ns is not None
    return event.ts_ns / 1e9 - 1584280800  # 2020-03-15T14:00:00Z


@cache
def sessions() -> dict[str, list[Event]]:
    found: dict[str, list[Event]] = defaultdict(list)
    for event in bundled():
        found[event.session or ""].append(event)
    return found


def step_of(event: Event) -> str:
    path = event.url.split(".example", 1)[1]
    if event.method == "GET":
        return "profile" if path.startswith("/profiles/") else "status"
    return {
        "/login": "login",
        "/eligibility": "eligibility",
        "/applications": "application",
        "/payments": "payment",
    }[path]


def digests(folder: Path) -> dict[str, str]:
    return {path.name: sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def test_enough_events_of_enough_users_in_a_small_folder() -> None:
    assert len(bundled()) >= 30_000
    assert len({event.user for event in bundled()}) >= 5_000
    assert sum(path.stat().st_size for path in LAKE.rglob("*.gz")) < 3_000_000


def test_regeneration_is_byte_identical(tmp_path: Path) -> None:
    generate.write_lake(tmp_path / "a")
    generate.write_lake(tmp_path / "b")
    made = digests(tmp_path / "a" / generate.FOLDER)
    assert made == digests(tmp_path / "b" / generate.FOLDER)
    # Another zlib may pack the same text into other bytes, so the bundled text is compared.
    for name in made:
        text = gzip.decompress((LAKE / generate.FOLDER / name).read_bytes())
        assert text == gzip.decompress((tmp_path / "a" / generate.FOLDER / name).read_bytes())
    assert made.keys() == digests(LAKE / generate.FOLDER).keys()


def test_another_seed_tells_another_story() -> None:
    assert generate.build_events(1)[:50] != generate.build_events(2)[:50]


def test_the_log_is_in_order_and_starts_at_once() -> None:
    stamps = [stamp(event) for event in bundled()]
    assert stamps == sorted(stamps)
    assert 0 <= stamps[0] < 2
    assert 360 < stamps[-1] < 600


def test_arrivals_are_quiet_then_climb_eightfold_within_a_minute_then_decay() -> None:
    starts = Counter(int(stamp(session[0]) // 10) for session in sessions().values())
    quiet = sum(starts[at] for at in range(7)) / 7
    mean = sum(starts[at] for at in range(36)) / 36
    crest = max(starts, key=starts.__getitem__)
    assert starts[crest] >= 8 * quiet
    assert 10 * crest <= generate.QUIET_S + 60 + 10
    assert quiet >= 0.25 * mean, "a stretched window must not begin with silence"
    tail = [sum(starts[at] for at in range(first, first + 6)) for first in (15, 21, 27)]
    assert tail == sorted(tail, reverse=True)
    assert tail[-1] / 6 > quiet


def test_steps_of_a_session_keep_their_order() -> None:
    full = 0
    for session in sessions().values():
        ranks = [RANK[step_of(event)] for event in session]
        assert ranks == sorted(ranks)
        assert ranks[0] == RANK["login"]
        assert ranks.count(RANK["status"]) <= generate.MOST_POLLS
        full += set(ranks) == set(RANK.values())
    assert 0.4 < full / len(sessions()) < 0.9, "most go through, and some give up midway"


def test_the_next_request_comes_well_after_the_answer() -> None:
    gaps = [
        stamp(later) - stamp(earlier) - (earlier.wait_ms or 0) / 1000
        for session in sessions().values()
        for earlier, later in pairwise(session)
    ]
    assert min(gaps) > 1.4
    assert 4 < sorted(gaps)[len(gaps) // 2] < 8


def test_hosts_and_services() -> None:
    assert {event.url.split("/")[2] for event in bundled()} == HOSTS
    assert {event.service for event in bundled()} == {step.service for step in generate.STEPS}


def test_the_user_is_named_literally_wherever_a_clone_must_be_renamed() -> None:
    for event in bundled():
        user = event.user or ""
        assert len(user) == 10
        assert user in (event.session or "")
        assert user in event.url or user.encode() in event.body
        if step_of(event) == "payment":
            assert user in dict(event.headers)["idempotency-key"]


def test_credentials_look_real_and_say_fake() -> None:
    for event in bundled():
        headers = dict(event.headers)
        assert "fake" in headers["x-api-key"]
        if step_of(event) != "login":
            assert headers["authorization"].startswith("Bearer eyJ")
            assert headers["authorization"].endswith(".fake")
            assert "session=fake-" in headers["cookie"]


def test_waits_and_failures_grow_with_the_surge() -> None:
    def share_of_5xx(events: list[Event]) -> float:
        return sum((event.status or 0) >= 500 for event in events) / len(events)

    def p95(events: list[Event]) -> float:
        return sorted(event.wait_ms or 0 for event in events)[len(events) * 95 // 100]

    calm = [event for event in bundled() if stamp(event) < 60]
    surge = [event for event in bundled() if 115 <= stamp(event) < 140]
    assert share_of_5xx(calm) < 0.01 < share_of_5xx(surge) < 0.08
    assert p95(surge) > 2 * p95(calm)
    good = sum((event.status or 0) < 300 for event in bundled()) / len(bundled())
    assert 0.93 < good < 0.99
