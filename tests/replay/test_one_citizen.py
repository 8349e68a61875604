"""One citizen in three files of three formats is one pseudonym, and a scan finds nobody."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from replay.account import Tally
from replay.anonymise.anonymiser import Anonymise, Anonymiser
from replay.gate.findings import Findings
from replay.gate.scanner import Scanner
from replay.readers.entry import Entry
from replay.readers.formats import find_format
from replay.readers.source import Source, TraceFile
from replay.readers.through import Through

SSN, PLAIN, CITIZEN, EMAIL = "123-45-6789", "123456789", "C-48219730", "maria.garcia@gmail.com"
BORN, NAME, CARD = "1980-05-17", "Maria Garcia", "4532015112830366"
KEY = b"a key of the tests, 32 bytes big"


class Kept(Through):
    """Remembers what passes."""

    def __init__(self, end: Scanner) -> None:
        super().__init__(end)
        self.events: list[Any] = []

    def add(self, line: int, entry: Entry) -> None:
        self.events.append(entry)
        super().add(line, entry)


def ops() -> str:
    inner = json.dumps({"ssn": SSN, "email": EMAIL})
    return json.dumps(
        {
            "ts": "2020-03-15T12:00:00Z",
            "method": "POST",
            "url": f"https://svc.hms.example/citizens/{SSN}/claims?citizen={CITIZEN}&card={CARD}",
            "user": CITIZEN,
            "headers": {"X-Citizen-Id": CITIZEN, "Cookie": f"ssn={SSN}"},
            "body": {
                "applicant": {"ssn": int(PLAIN), "dob": BORN, "full_name": NAME},
                "blob": base64.b64encode(inner.encode()).decode(),
                "packed": inner,
                "note": f"SSN is {SSN}, born {BORN}",
            },
        }
    )


def har() -> str:
    entry = {
        "startedDateTime": "2020-03-15T12:00:01Z",
        "time": 5,
        "request": {
            "method": "GET",
            "url": f"https://svc.hms.example/profile?ssn={PLAIN}&email=maria.garcia%40gmail.com",
            "httpVersion": "HTTP/1.1",
            "headers": [
                {"name": "Cookie", "value": f"citizen={CITIZEN}; ssn={SSN}"},
                {"name": "Authorization", "value": f"Basic {basic()}"},
            ],
        },
        "response": {
            "status": 200,
            "headers": [{"name": "Content-Type", "value": "application/json"}],
            "content": {
                "mimeType": "application/json",
                "text": json.dumps({"citizen": CITIZEN, "ssn": SSN, "dob": "05/17/1980"}),
            },
        },
    }
    return json.dumps({"log": {"version": "1.2", "entries": [entry]}})


def basic() -> str:
    return base64.b64encode(b"maria:hunter2hunter2").decode()


def access_log() -> str:
    return (
        "8.8.8.8 - - [15/Mar/2020:12:00:02 +0000] "
        f'"GET /citizens/{CITIZEN}/ssn/{PLAIN}?email={EMAIL} HTTP/1.1" 200 12 "-" "curl/8.0"\n'
    )


def cleaned(folder: Path) -> tuple[dict[str, Any], Findings]:
    """What comes out of each file, all by one key, and what a scanner finds in it."""
    files = {"ops": ops(), "har": har(), "combined": access_log()}
    findings = Findings()
    made = {}
    for name, text in files.items():
        path = folder / name
        path.write_text(text)
        kept = Kept(Scanner(Tally(), findings))
        with Source(TraceFile(path, name)) as source:
            find_format(name).read(source, Anonymiser(kept, Anonymise(KEY)))
        assert len(kept.events) == 1
        made[name] = kept.events[0]
    return made, findings


def test_one_citizen_in_three_files_is_one_pseudonym(tmp_path: Path) -> None:
    made, findings = cleaned(tmp_path)
    assert findings.total == 0, findings.to_json()
    event = made["ops"].event
    body = json.loads(made["ops"].json_body)
    ssn, user = event.url.split("/")[4], event.user
    plain = ssn.replace("-", "")
    assert ssn.startswith("666-")
    email = json.loads(body["packed"])["email"]
    assert json.loads(base64.b64decode(body["blob"])) == json.loads(body["packed"])
    assert json.loads(body["packed"]) == {"ssn": ssn, "email": email}
    born = body["applicant"]["dob"]
    assert body["note"] == f"SSN is {ssn}, born {born}"
    assert body["applicant"]["ssn"] == int(plain)
    assert f"citizen={user}&card=4" in event.url
    assert dict(event.headers) == {"X-Citizen-Id": user, "Cookie": f"ssn={ssn}"}

    event = made["har"].event
    assert event.url == f"https://svc.hms.example/profile?ssn={plain}&email={email}"
    assert dict(event.headers)["Cookie"] == f"citizen={user}; ssn={ssn}"
    answer = json.loads(event.response_body)
    assert (answer["citizen"], answer["ssn"]) == (user, ssn)
    year, month, day = born.split("-")
    assert answer["dob"] == f"{month}/{day}/{year}"

    assert made["combined"].event.url == f"/citizens/{user}/ssn/{plain}?email={email}"


def test_nothing_of_the_citizen_is_left(tmp_path: Path) -> None:
    made, _ = cleaned(tmp_path)
    said = repr([(one.event._asdict(), one.json_body, one.client) for one in made.values()])
    said += json.dumps([json.loads(made["ops"].json_body)["packed"]])
    real = (
        SSN,
        PLAIN,
        CITIZEN,
        EMAIL,
        BORN,
        CARD,
        "Maria",
        "Garcia",
        "48219730",
        "8.8.8.8",
        basic(),
    )
    assert [text for text in real if text in said] == []


def test_before_it_was_cleaned_the_scanner_found_the_citizen(tmp_path: Path) -> None:
    path = tmp_path / "ops"
    path.write_text(ops())
    findings = Findings()
    with Source(TraceFile(path, "ops")) as source:
        find_format("ops").read(source, Scanner(Tally(), findings))
    assert {"ssn", "email", "card", "birth_date", "person_name"} <= set(findings.counts)
