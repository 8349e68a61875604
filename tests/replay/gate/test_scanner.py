"""The scanner: every field of a file as it lies there."""

from __future__ import annotations

from typing import Any

import pytest

from replay.account import Tally
from replay.gate.findings import Findings
from replay.gate.scanner import Scanner
from replay.readers.ops import parse_entry

SSN = "123-45-6789"
TOKEN = "Bearer mF_9.B5f-4.1JqM"


def scan(**fields: Any) -> Findings:
    scanner = Scanner(Tally(), Findings())
    scanner.file = "a.log"
    entry = parse_entry({"ts": "2020-03-15T14:05:00Z", "method": "GET", "url": "/x", **fields})
    scanner.add(1, entry._replace(client="84.12.33.9"))
    assert (scanner.rows, scanner.tally.used) == (1, 1)
    return scanner.findings


@pytest.mark.parametrize(
    ("fields", "path", "kind"),
    [
        ({"headers": {"authorization": TOKEN}}, "header.authorization", "bearer"),
        ({"headers": {"cookie": f"a=b; ssn={SSN}"}}, "cookie.ssn", "ssn"),
        ({"headers": {"x-forwarded-for": "84.12.33.9"}}, "header.x-forwarded-for", "ip"),
        ({"url": f"/x?token={TOKEN.replace(' ', '%20')}"}, "url.query.token", "bearer"),
        ({"response_body": {"ssn": SSN}}, "answer.body.$.ssn", "ssn"),
        ({"response_headers": {"x-note": SSN}}, "answer.header.x-note", "ssn"),
        ({"beside": {"ssn": SSN}}, "extra.$.beside.ssn", "ssn"),
        ({"user": SSN}, "user", "ssn"),
        ({"body": {"fields": [{"name": "ssn", "value": "123456789"}]}}, "body.$.fields[0].value",
         "ssn"),
        ({"body": {"ssn": {"value": "123456789"}}}, "body.$.ssn.value", "ssn"),
        ({"body": {"customer": {"name": "Maria Garcia"}}}, "body.$.customer.name", "person_name"),
    ],
)  # fmt: skip
def test_every_field_is_looked_at(fields: dict[str, Any], path: str, kind: str) -> None:
    (example,) = scan(**fields).examples()
    assert (example.file, example.line, example.kind) == ("a.log", 1, kind)
    assert example.path == path


def test_numbered_values_are_one_only_where_they_are_called_so() -> None:
    assert scan(url="/x?p1=123&p2=45&p3=6789").total == 0
    assert scan(url="/x?ssn1=123&ssn2=45&ssn3=6789").counts == {"ssn": 1}
    assert scan(url="/x?c1=4532&c2=0151&c3=1283&c4=0366").counts == {"card": 1}


def test_fields_nested_too_deep_do_not_raise() -> None:
    deep: Any = "x"
    for _ in range(600):
        deep = [deep]
    assert scan(beside={"a": deep}).total == 0


def test_skips_are_counted_under_the_file() -> None:
    scanner = Scanner(Tally(), Findings())
    scanner.file = "b.log"
    scanner.skip(9, "not JSON")
    assert scanner.tally.skipped == {"not JSON": 1}
    assert scanner.tally.examples()[0].file == "b.log"
