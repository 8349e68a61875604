"""Whatever identifier is planted wherever: the scanner finds it before, and nobody afterwards."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest

from bench.leak_corpus import planted
from replay.account import Tally
from replay.anonymise.anonymiser import Anonymise, Anonymiser
from replay.gate.findings import Findings
from replay.gate.scanner import Scanner
from replay.readers.entry import Entry
from replay.readers.formats import find_format
from replay.readers.source import Source, TraceFile
from switchboard.event import Event, parse_event

HEADER = base64.urlsafe_b64encode(b'{"alg":"HS256"}').decode().rstrip("=")
CLAIMS = base64.urlsafe_b64encode(b'{"sub":"C-48219730","email":"m.g@gmail.com"}').decode()
PLANTED = {
    "ssn": ["123-45-6789", "123456789", "123 45 6789", "١٢٣-٤٥-٦٧٨٩", "123\u201145\u20116789"],
    "tax_id": ["912-70-1234", "12-3456789"],
    "card_number": ["4532015112830366", "4532 0151 1283 0366", "378734493671000"],
    "routing_number": ["021000021"],
    "account_number": ["12345678", "1234567890", "004455667788"],
    "iban": ["DE89370400440532013000", "GB29 NWBK 6016 1331 9268 19"],
    "email": ["maria.garcia@gmail.com", "Maria <maria@acme.co.uk>"],
    "phone": ["212-867-5309", "(212) 867-5309", "+442079460958", "+4930901820", "2128675309"],
    "client_ip": ["8.8.8.8", "2606:4700::1111"],
    "session_jwt": [f"{HEADER}.{CLAIMS}.c2lnbmF0dXJl"],
    "authorization": ["Bearer 8f7d6c5b4a3f2e1d0c9b8a7f", "Basic bWFyaWE6aHVudGVyMmh1bnRlcjI="],
    "aws_key": ["AKIAIOSFODNN7EXAMPLQ", "ghp_16C7e42F292c6912E7710c838347Ae178B4a"],
    "pem": ["-----BEGIN PRIVATE KEY-----\nMIIEpAIBAAKCAQEA04up8hoq\n-----END PRIVATE KEY-----"],
    "password": ["hunter2Hunter2", "c0rrect-h0rse"],
    "api_secret": ["9f8e7d6c5b4a3f2e1d0c9b8a7f6e5d4c"],
    "date_of_birth": ["1980-05-17", "05/17/1980", "17.05.1980", "May 17, 1980", "19800517"],
    "first_name": ["Maria", "María José"],
    "customer_name": ["Maria Garcia", "GARCIA, MARIA L."],
}
CASES = [(name, text) for name, texts in PLANTED.items() for text in texts]


def places(name: str, text: str) -> dict[str, dict[str, Any]]:
    """Events with the text in one place each."""
    inner = json.dumps({name: text})
    headers = {"Content-Type": "application/json"}
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    said = f"the {name.replace('_', ' ')} is {text} as was said"
    return {
        "path": {"url": f"/{name}/{quote(text, '')}/x"},
        "query": {"url": f"/a?b=1&{name}={quote_plus(text)}"},
        "nested url": {"url": f"/a?next={quote_plus(f'/b?{name}={quote_plus(text)}&c=1')}"},
        "json": {"headers": headers, "body": inner},
        "deep json": {"headers": headers, "body": json.dumps({"a": [{"b": {name: text}}]})},
        "string in json": {"headers": headers, "body": json.dumps({"data": inner})},
        "base64": {"headers": headers, "body": json.dumps({"d": _base64(inner)})},
        "form": {"headers": form, "body": f"a=1&{name}={quote_plus(text)}&b=2"},
        "text": {"headers": {"Content-Type": "text/plain"}, "body": said},
        "xml": {"headers": {"Content-Type": "text/xml"}, "body": f"<a><{name}>{text}</{name}></a>"},
        "answer": {"response_headers": headers, "response_body": inner},
        "cookie": {"headers": {"Cookie": f"a=b; {name}={quote(text, '')}"}},
        "header": {"headers": {f"X-{name.replace('_', '-')}": text.replace("\n", " ")}},
        "agent": {"headers": {"User-Agent": f"bot ({name}: {text})".replace("\n", " ")}},
        "user": {"user": text.replace("\n", " ")},
    }


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def event_of(said: dict[str, Any]) -> Event:
    return parse_event({"ts": "2020-03-15T12:00:00Z", "method": "POST", "url": "/", **said})


def scan(*events: Event, with_anonymiser: bool) -> Findings:
    findings = Findings()
    end: Any = Scanner(Tally(), findings)
    if with_anonymiser:
        end = Anonymiser(end, Anonymise(b"a key of the tests, 32 bytes big"))
    for line, event in enumerate(events):
        end.add(line, Entry(event))
    return findings


@pytest.mark.parametrize(("name", "text"), CASES)
def test_what_was_planted_is_gone(name: str, text: str) -> None:
    events = [event_of(said) for said in places(name, text).values()]
    left = scan(*events, with_anonymiser=True)
    where = list(places(name, text))
    found = [f"{where[each.line]} {each.path} {each.kind}" for each in left.examples()]
    assert found == []
    assert left.total == 0
    assert scan(*events, with_anonymiser=False).total > 0


@pytest.mark.parametrize("form", ["ops", "combined"])
def test_nothing_of_a_corpus_is_left(form: str, tmp_path: Path) -> None:
    values = [one for one in planted(11, 4) if one.form == form]
    path = tmp_path / form
    path.write_text("".join(f"{one.line}\n" for one in values), encoding="utf-8")
    tally, findings = Tally(), Findings()
    stage = Anonymiser(Scanner(tally, findings), Anonymise(b"a key of the tests, 32 bytes big"))
    with Source(TraceFile(path, form)) as source:
        find_format(form).read(source, stage)
    assert tally.used == len(values) > 10
    assert findings.to_json()["total"] == 0, findings.examples()
