"""The gate: judges what a tape would hold, passes everything on, and keeps no value."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from replay.gate.findings import Findings
from replay.gate.leak_gate import LeakGate
from replay.readers.entry import Entry
from replay.readers.ops import parse_entry
from scenarios import lake
from switchboard.event import EventError

SSN = "123-45-6789"


class End:
    """Takes everything and remembers it."""

    needs_whole = False

    def __init__(self) -> None:
        self.taken: list[tuple[Any, ...]] = []
        self.noted: list[str] = []

    def add(self, line: int, entry: Entry) -> None:
        if entry.event.url == "/refused":
            raise EventError("no place for it")
        self.taken.append((line, entry))

    def add_request(self, *parts: Any) -> None:
        self.taken.append(parts)

    def skip(self, line: int, reason: str, gap_ms: float = 0.0) -> None:
        self.taken.append((line, reason, gap_ms))

    def note(self, text: str, count: int = 0) -> None:
        self.noted.append(text)


def gate_of(allowed: frozenset[str] = frozenset()) -> tuple[LeakGate, Findings, End]:
    end, findings = End(), Findings()
    return LeakGate(end, findings, allowed, lambda: "a.log"), findings, end


def entry_of(**more: Any) -> Entry:
    return parse_entry({"ts": "2020-03-15T14:05:00Z", "method": "GET", "url": "/x", **more})


def request_of(**more: Any) -> tuple[Any, ...]:
    parts = {
        "line": 3, "ts_ns": 1, "method": "GET", "authority": "", "target": "/x", "user": None,
        "session": None, "service": None, "lines": "", "body": b"", "status": 200, "wait_ms": 1.0,
    }  # fmt: skip
    return tuple({**parts, **more}.values())


WHOLE = [
    ({"url": f"/citizens/{SSN}"}, "url.path[1]"),
    ({"url": f"https://svc.example/x?ssn={SSN}"}, "url.query.ssn"),
    ({"headers": {"x-note": SSN}}, "header.x-note"),
    ({"body": {"applicant": {"ssn": SSN}}}, "body.$.applicant.ssn"),
    ({"body": f"ssn={SSN}&a=1", "headers": {"content-type": "application/x-www-form-urlencoded"}},
     "body.form.ssn"),
    ({"user": SSN}, "user"),
    ({"session": SSN}, "session"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "path"), WHOLE)
def test_it_tells_where_an_identifier_stands(fields: dict[str, Any], path: str) -> None:
    gate, findings, end = gate_of()
    gate.add(7, entry_of(**fields))
    (example,) = findings.examples()
    assert (example.file, example.line, example.path, example.kind) == ("a.log", 7, path, "ssn")
    assert len(end.taken) == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"target": f"/citizens/{SSN}"},
        {"target": "/x?ssn=%31%32%33-45-6789"},
        {"target": "/x?ssn1=123&ssn2=45&ssn3=6789"},
        {"lines": f"accept: */*\r\nx-note: {SSN}\r\n"},
        {"body": json.dumps({"ssn": SSN}).encode()},
        {"body": gzip.compress(json.dumps({"ssn": SSN}).encode())},
        {"user": SSN},
        {"session": SSN},
    ],
)
def test_the_fast_way_tells_the_same(fields: dict[str, Any]) -> None:
    gate, findings, end = gate_of()
    gate.add_request(*request_of(**fields))
    assert findings.counts == {"ssn": 1}
    assert findings.examples()[0].line == 3
    assert end.taken[0][: len(request_of())] == request_of(**fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"headers": {"authorization": "Bearer mF_9.B5f-4.1JqM"}},
        {"headers": {"cookie": f"ssn={SSN}"}},
        {"headers": {"x-forwarded-for": "84.12.33.9"}},
        {"url": "/x?access_token=a8f5f167f44f4964e6c998dee827110c"},
        {"response_body": {"ssn": SSN}},
        {"response_headers": {"x-note": SSN}},
        {"beside": {"ssn": SSN}},
    ],
)
def test_what_no_tape_holds_is_not_judged(fields: dict[str, Any]) -> None:
    gate, findings, _ = gate_of()
    gate.add(1, entry_of(**fields))
    assert findings.total == 0


def test_a_client_address_is_no_finding() -> None:
    gate, findings, _ = gate_of()
    gate.add(1, entry_of()._replace(client="84.12.33.9 Firefox", inferred=True))
    assert findings.total == 0


def test_an_entry_that_lands_nowhere_is_not_judged() -> None:
    gate, findings, _ = gate_of()
    with pytest.raises(EventError):
        gate.add(1, entry_of(url="/refused", body={"ssn": SSN}))
    assert findings.total == 0


def test_an_allowed_kind_is_counted_apart() -> None:
    gate, findings, _ = gate_of(frozenset({"email"}))
    gate.add(1, entry_of(body={"to": "john.smith@gmail.com", "ssn": SSN}))
    assert findings.allowed == {"email": 1}
    assert findings.counts == {"ssn": 1}


def test_skips_and_notes_pass_through() -> None:
    gate, _, end = gate_of()
    gate.skip(4, "not JSON", 2.5)
    gate.note("told")
    assert end.taken == [(4, "not JSON", 2.5)]
    assert end.noted == ["told"]
    assert gate.needs_whole is False


def test_the_same_request_again_is_found_again() -> None:
    """What was met before is remembered only where nothing was in it."""
    gate, findings, _ = gate_of()
    for _ in range(3):
        gate.add_request(*request_of(target=f"/citizens/{SSN}", lines=f"x-note: {SSN}\r\n"))
    assert findings.counts == {"ssn": 6}


def test_a_layout_that_was_clean_does_not_clear_other_digits() -> None:
    gate, findings, _ = gate_of()
    for digits in ("4532015112830367", "4532015112830366"):
        gate.add_request(*request_of(body=b'{"q":"%s"}' % digits.encode()))
    assert findings.counts == {"card": 1}


def test_the_bundled_lake_is_clean() -> None:
    gate, findings, end = gate_of()
    file = min((Path(lake.__file__).parent / "raw").rglob("*.gz"))
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        for number, line in zip(range(1, 401), lines, strict=False):
            gate.add(number, parse_entry(json.loads(line)))
    assert len(end.taken) == 400
    assert findings.counts == {}
