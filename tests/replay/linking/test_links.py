"""Links are looked for in a corpus of sessions whose true links and traps are known."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.building.heads import has_content_type
from replay.linking import link_memory
from replay.linking.link_places import answer_values
from replay.linking.links import Links
from replay.readers.entry import Entry
from switchboard.credentials import header_lines
from switchboard.event import Event, EventError, parse_event

T0 = 1_584_273_600_000_000_000
MS = 1_000_000
HARS = Path(__file__).parents[3] / "../shared/data/har"
Link = tuple[int, int, str, str]


class Tape:
    """The end of the chain: counts what it takes, and keeps links."""

    needs_whole = False

    def __init__(self) -> None:
        self.rows = 0
        self.has_answers = False
        self.links: list[Link] = []
        self.refuses = ""

    def add(self, line: int, entry: Entry) -> None:
        if self.refuses and self.refuses in entry.event.url:
            raise EventError("refused")
        self.rows += 1

    def add_request(self, line: int, *parts: Any) -> None:
        self.rows += 1

    def skip(self, line: int, reason: str, gap_ms: float = 0.0) -> None:
        raise AssertionError(reason)

    def note(self, text: str, count: int = 1) -> None:
        raise AssertionError(text)

    def add_link(self, from_row: int, to_row: int, answer: str, request: str) -> None:
        self.links.append((from_row, to_row, answer, request))


def exchange(url: str = "/a", at_ms: int = 0, **more: Any) -> Event:
    return parse_event({"ts": T0 + at_ms * MS, "method": "POST", "url": url, "user": "ann", **more})


def answered(body: Any, **more: Any) -> dict[str, Any]:
    headers = {"Content-Type": "application/json", **more.pop("response_headers", {})}
    return {"response_headers": headers, "response_body": body, **more}


def links_of(*events: Event) -> list[Link]:
    tape = Tape()
    links = Links(tape, tape)
    for number, event in enumerate(events, 1):
        links.add(number, Entry(event))
    assert links.count == len(tape.links)
    return tape.links


def token(seed: object, length: int = 32) -> str:
    return hashlib.sha256(repr(seed).encode()).hexdigest()[:length]


def uuid(seed: object) -> str:
    text = token(seed)
    return "-".join([text[:8], text[8:12], text[12:16], text[16:20], text[20:]])


def html(tag: str) -> dict[str, Any]:
    return {
        "response_headers": {"Content-Type": "text/html; charset=utf-8"},
        "response_body": f"<html><p>hello</p><form>{tag}</form></html>",
    }


FORM = {"content-type": "application/x-www-form-urlencoded"}


@dataclass
class Case:
    """An answer, the request after it, and the link between them, or None for a trap."""

    name: str
    answer: dict[str, Any]
    request: dict[str, Any]
    link: tuple[str, str] | None = None
    before: dict[str, Any] = field(default_factory=dict)
    """What the client sent first."""


def true_cases(seed: object) -> Iterator[Case]:
    one = uuid((seed, 0))
    yield Case(
        "uuid in a path",
        answered({"id": one}),
        {"url": f"/payments/{one}"},
        ("answer.body.$.id", "url.path[1]"),
    )
    number = str(7_000_000 + int(token((seed, 1), 5), 16))
    yield Case(
        "number in a query",
        answered({"data": [{"caseId": 1}, {"caseId": int(number)}]}),
        {"url": f"/case?id={number}"},
        ("answer.body.$.data[1].caseId", "url.query.id"),
    )
    number = str(7_000_000 + int(token((seed, 2), 5), 16))
    yield Case(
        "order number in JSON",
        answered({"order": {"number": f"ORD-{number}"}}),
        {"url": "/pay", "body": {"refs": [f"ORD-{number}"]}},
        ("answer.body.$.order.number", "body.$.refs[0]"),
    )
    hexes = token((seed, 3))
    yield Case(
        "hidden input in a form",
        html(f'<input type="hidden" name="csrf_token" value="{hexes}">'),
        {"url": "/save", "headers": FORM, "body": f"a=1&csrf_token={hexes}"},
        ("answer.body.html.input.csrf_token.value", "body.form.csrf_token"),
    )
    cursor = base64.b64encode(bytes.fromhex(token((seed, 4)))).decode()
    yield Case(
        "meta in a header",
        html(f"<meta content='{cursor}' name='csrf-token'>"),
        {"url": "/save", "headers": {"X-CSRF-Token": cursor}},
        ("answer.body.html.meta.csrf-token.content", "header.x-csrf-token"),
    )
    hexes = token((seed, 5))
    yield Case(
        "cookie",
        {"response_headers": {"Set-Cookie": f"sid={hexes}; Path=/; HttpOnly"}},
        {"url": "/me", "headers": {"Cookie": f"theme=dark; sid={hexes}"}},
        ("answer.cookie.sid", "cookie.sid"),
    )
    hexes = token((seed, 6))
    number = str(7_000_000 + int(token((seed, 6), 5), 16))
    yield Case(
        "location",
        {"response_headers": {"Location": f"/citizens/{number}/done?code={hexes}"}},
        {"url": f"/citizens/{number}/done"},
        ("answer.header.location.path[1]", "url.path[1]"),
    )
    hexes = token((seed, 7))
    yield Case(
        "code in the query of a location",
        {"response_headers": {"Location": f"https://h.example/back?code={hexes}"}},
        {"url": "/token", "headers": FORM, "body": f"grant=x&code={hexes}"},
        ("answer.header.location.query.code", "body.form.code"),
    )
    hexes = token((seed, 8))
    yield Case(
        "bearer",
        answered({"access_token": f"tok.{hexes}"}),
        {"url": "/me", "headers": {"Authorization": f"Bearer tok.{hexes}"}},
        ("answer.body.$.access_token", "header.authorization|bearer"),
    )
    hexes = token((seed, 9))
    yield Case(
        "entity tag",
        {"response_headers": {"ETag": f'W/"{hexes}"'}},
        {"url": "/x", "headers": {"If-None-Match": f'W/"{hexes}"'}},
        ("answer.header.etag", "header.if-none-match"),
    )
    one = uuid((seed, 10))
    yield Case(
        "address in JSON",
        answered({"next": f"https://h.example/files/{one}?part=2"}),
        {"url": f"/files/{one}?part=2"},
        ("answer.body.$.next|url.path[1]", "url.path[1]"),
    )
    cursor = base64.b64encode(bytes.fromhex(token((seed, 11)))).decode()
    yield Case(
        "percent-encoded",
        answered({"cursor": cursor}),
        {"url": f"/list?after={cursor.replace('=', '%3D').replace('+', '%2B')}"},
        ("answer.body.$.cursor", "url.query.after"),
    )


def traps(seed: object) -> Iterator[Case]:
    def echo(name: str, value: Any) -> Case:
        return Case(
            f"{name}={value}",
            answered({name: value, "list": [{name: value}]}),
            {"url": f"/x/{value}?{name}={value}", "body": {name: value}},
        )

    digits = int(token(seed, 5), 16)
    for name, value in (
        ("id", 77),
        ("id", 12_345),
        ("id", 100_000),
        ("id", 123_456),
        ("year", 2024),
        ("amount", 1_000_000 + digits),
        ("total_cents", 345_678),
        ("size", 482_911),
        ("price", "1482.57"),
        ("status", 201),
        ("created_at", 1_584_273_600),
        ("id", 1_584_273_600_123),
        ("ts", "2020-03-15T12:00:00Z"),
        ("id", "20200315"),
        ("day", "2020-03-15"),
        ("locale", "en-US"),
        ("type", "application/vnd.api+json"),
        ("encoding", "ISO-8859-15"),
        ("state", "PENDING_REVIEW"),
        ("state", "submitted"),
        ("key", "getUserAccountDetails"),
        ("active", True),
        ("version", "v12.14.3"),
        ("screen", "1920x1080"),
        ("name", "report-2024-06-15.pdf"),
        ("slug", "how-to-apply-for-food-benefits-2024"),
        ("ip", "203.0.113.45"),
        ("phone", "+1-202-555-0147"),
        ("phone", 2_025_550_147),
        ("zip", "20147-1234"),
        ("color", "#1f2e3d"),
        ("id", "aaaaaaaaaaaaaaaa1"),
        ("id", "000000000000"),
        ("memo", "thank-you"),
        ("email", "ann.lee.1984@mail.example"),
    ):
        yield echo(name, value)
    own = uuid((seed, "own"))
    yield Case(
        "the client's own key",
        answered({"id": own}),
        {"url": f"/x/{own}"},
        before={"url": "/x", "headers": {"Idempotency-Key": own}},
    )
    late = uuid((seed, "late"))
    yield Case(
        "an answer that was not there yet",
        answered({"id": late}, wait_ms=5_000),
        {"url": f"/x/{late}"},
    )


def play(links: Links, case: Case, user: str, at_ms: int, first_row: int) -> tuple[int, int]:
    """Rows of the answer and of the request that may repeat it."""
    steps = [{"url": "/start", **case.before}, {"url": "/get", **case.answer}, case.request]
    for index, step in enumerate(steps):
        more = {"wait_ms": 10, **step}
        event = exchange(at_ms=at_ms + index * 1_000, **{**more, "user": user})
        links.add(first_row + index + 1, Entry(event))
    return first_row + 1, first_row + 2


def test_every_true_link_of_the_corpus_is_found_and_no_other() -> None:
    tape = Tape()
    links = Links(tape, tape)
    expected: list[Link] = []
    for number in range(12):
        for case in (*true_cases(number), *traps(number)):
            rows = play(links, case, f"user-{number}-{case.name}", number * 60_000, tape.rows)
            if case.link is not None:
                expected.append((*rows, *case.link))
    assert len(expected) > 100
    assert tape.links == expected


@pytest.mark.parametrize("case", [*true_cases("mixed")], ids=lambda case: case.name)
def test_links_are_found_in_a_session_full_of_traps(case: Case) -> None:
    tape = Tape()
    links = Links(tape, tape)
    for at, trap in enumerate(traps("mixed")):
        play(links, trap, "ann", at * 10_000, tape.rows)
    assert tape.links == []
    assert case.link is not None
    rows = play(links, case, "ann", 1_000_000, tape.rows)
    assert (*rows, *case.link) in tape.links


def test_other_sessions_are_not_linked() -> None:
    value = uuid(1)
    first = exchange(**answered({"id": value}))
    assert links_of(first, exchange(f"/x/{value}", 1_000, user="bob")) == []
    assert links_of(first, exchange(f"/x/{value}", 1_000, session="other")) == []
    assert len(links_of(first, exchange(f"/x/{value}", 1_000))) == 1


def test_requests_of_nobody_are_not_linked() -> None:
    value = uuid(1)
    first = exchange(**answered({"id": value}), user=None)
    assert links_of(first, exchange(f"/x/{value}", 1_000, user=None)) == []


def test_the_latest_answer_that_was_there_wins() -> None:
    value = uuid(1)
    found = links_of(
        exchange("/a", 0, **answered({"id": value}, wait_ms=10)),
        exchange("/b", 1_000, **answered({"other": value}, wait_ms=10)),
        exchange("/c", 2_000, **answered({"third": value}, wait_ms=9_000)),
        exchange(f"/x/{value}", 3_000),
    )
    assert found == [(1, 3, "answer.body.$.other", "url.path[1]")]


def test_every_later_use_is_linked_though_the_client_sent_it_meanwhile() -> None:
    value = uuid(1)
    found = links_of(
        exchange("/a", 0, **answered({"id": value})),
        exchange(f"/x/{value}", 1_000),
        exchange(f"/y?z={value}", 2_000),
    )
    assert [(each[1], each[3]) for each in found] == [(1, "url.path[1]"), (2, "url.query.z")]


def test_an_answer_does_not_link_to_its_own_request() -> None:
    value = uuid(1)
    assert links_of(exchange(f"/x/{value}", **answered({"id": value}))) == []


def test_what_many_sessions_were_answered_belongs_to_none() -> None:
    shared, cookie = uuid("shared"), token("cookie")
    answer = answered({"build_id": shared}, response_headers={"Set-Cookie": f"SESSIONID={cookie}"})
    tape = Tape()
    links = Links(tape, tape)
    for number in range(5):
        links.add(1, Entry(exchange(**{**answer, "user": f"user-{number}"})))
    repeat: dict[str, Any] = {
        "url": f"/x?build={shared}",
        "headers": {"Cookie": f"SESSIONID={cookie}"},
    }
    links.add(1, Entry(exchange(**repeat, at_ms=1_000, user="user-4")))
    assert tape.links == [(4, 5, "answer.cookie.SESSIONID", "cookie.SESSIONID")]


def test_two_values_at_one_place_are_ambiguous() -> None:
    tags = "".join(f'<input name="csrf" value="{token(each)}">' for each in range(2))
    repeat: dict[str, Any] = {"headers": FORM, "body": f"csrf={token(0)}"}
    assert links_of(exchange(**html(tags)), exchange("/b", 1_000, **repeat)) == []
    same = f'<input name="csrf" value="{token(0)}">' * 2
    assert len(links_of(exchange(**html(same)), exchange("/b", 1_000, **repeat))) == 1
    twice: dict[str, Any] = {"headers": FORM, "body": f"csrf={token(0)}&csrf={token(0)}"}
    assert links_of(exchange(**html(same)), exchange("/b", 1_000, **twice)) == []


def test_entries_that_come_the_fast_way_are_linked_and_counted_as_rows() -> None:
    value, mine = uuid(1), uuid(2)
    tape = Tape()
    links = Links(tape, tape)

    def add_request(at_ms: int, target: str, headers: dict[str, str]) -> None:
        lines = header_lines(tuple(headers.items()))
        assert not has_content_type(lines)
        links.add_request(
            1, T0 + at_ms * MS, "GET", "", target, "ann", None, None, lines, b"", None, None
        )

    add_request(0, f"/first/{value}", {})
    assert not links._has_answers
    links.add(1, Entry(exchange("/a", 1_000, **answered({"id": value, "key": mine}))))
    add_request(2_000, f"/x/{value}", {"If-Match": value})
    assert tape.links == [
        (1, 2, "answer.body.$.id", "url.path[1]"),
        (1, 2, "answer.body.$.id", "header.if-match"),
    ]


def test_a_refused_entry_is_no_row_and_reaches_the_reader() -> None:
    tape = Tape()
    tape.refuses = "bad"
    links = Links(tape, tape)
    with pytest.raises(EventError):
        links.add(1, Entry(exchange("/bad", **answered({"id": uuid(1)}))))
    links.add(2, Entry(exchange("/a", 500, **answered({"id": uuid(2)}))))
    links.add(3, Entry(exchange(f"/x/{uuid(1)}/{uuid(2)}", 1_000)))
    assert [link[:2] for link in tape.links] == [(0, 1)]


def test_a_session_that_is_a_guess_ends_with_a_long_silence() -> None:
    value = uuid(1)
    for minutes, count in ((29, 1), (31, 0)):
        tape = Tape()
        links = Links(tape, tape)
        first = exchange(**answered({"id": value}))._replace(user=None)
        links.add(1, Entry(first, client="c", inferred=True))
        later = exchange(f"/x/{value}", minutes * 60_000)._replace(user=None)
        links.add(2, Entry(later, client="c", inferred=True))
        assert len(tape.links) == count


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_memory, "MAX_SESSIONS", 8)
    monkeypatch.setattr(link_memory, "MAX_VALUES", 4)
    monkeypatch.setattr(link_memory, "MAX_SENT", 4)
    monkeypatch.setattr(link_memory, "MAX_ALL", 20)
    monkeypatch.setattr(link_memory, "MAX_SEEN", 6)
    tape = Tape()
    links = Links(tape, tape)
    for number in range(60):
        values = {f"id{at}": uuid((number, at)) for at in range(9)}
        url = "/x/" + "/".join(uuid((number, "own", at)) for at in range(9))
        links.add(1, Entry(exchange(url, **answered(values), user=f"user-{number}")))
        sessions = links._memory._sessions
        assert len(sessions) <= 8
        assert sum(map(len, sessions.values())) == links._memory._size <= 20
        assert all(len(each.held) <= 4 and len(each.sent) <= 4 for each in sessions.values())
        assert len(links._seen._sessions) <= 6


def test_no_value_is_kept_in_what_is_remembered_or_linked() -> None:
    value = uuid(1)
    tape = Tape()
    links = Links(tape, tape)
    links.add(1, Entry(exchange(**answered({"id": value, value + "@x": {"id": uuid(3)}}))))
    links.add(2, Entry(exchange(f"/x/{value}/{uuid(2)}", 1_000)))
    (session,) = links._memory._sessions.values()
    assert value not in repr([session.held, session.sent, links._seen._sessions, tape.links])
    assert len(tape.links) == 1


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.binary(max_size=60), st.text(max_size=20), st.sampled_from(["json", "html"])),
        max_size=4,
    )
)
def test_no_answer_and_no_request_makes_it_raise(steps: list[tuple[bytes, str, str]]) -> None:
    tape = Tape()
    links = Links(tape, tape)
    for at, (body, text, kind) in enumerate(steps):
        event = exchange("/a", at)._replace(
            headers=(("Cookie", text),),
            body=body,
            response_headers=(("content-type", kind), ("set-cookie", text), ("location", text)),
            response_body=body,
        )
        links.add(at, Entry(event))
    assert tape.rows == len(steps)


@pytest.mark.parametrize("file", ["chrome_github.com_home", "firefox_h2_filamentgroup.com"])
def test_pages_that_browsers_recorded_hold_only_links_that_hold(file: str) -> None:
    path = HARS / f"{file}.har"
    if not path.exists():
        pytest.skip("the recorded pages are not here")
    events = [har_event(entry) for entry in json.loads(path.read_text())["log"]["entries"]]
    offered = [found.path for event in events for found in answer_values(event)]
    # Neither page sets anything but GitHub's session cookie, and no request there sends it back.
    assert offered == (["answer.cookie._gh_sess"] if "github" in file else [])
    assert links_of(*events) == []


def har_event(entry: dict[str, Any]) -> Event:
    request, answer = entry["request"], entry["response"]
    text = answer["content"].get("text", "")
    is_packed = answer["content"].get("encoding") == "base64"
    return parse_event(
        {
            "ts": entry["startedDateTime"],
            "method": request["method"],
            "url": request["url"],
            "user": "page",
            "headers": [[each["name"], each["value"]] for each in request["headers"]],
            "wait_ms": max(entry.get("time") or 0, 0),
            "response_headers": [[each["name"], each["value"]] for each in answer["headers"]],
            "response_body_b64" if is_packed else "response_body": text,
        }
    )
