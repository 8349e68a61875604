"""Odd places and spellings: what is planted there is found, and is replaced so that it stays so."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import pytest

from replay.account import Tally
from replay.anonymise.anonymiser import Anonymise, Anonymiser
from replay.gate.findings import Findings
from replay.gate.scanner import Scanner
from replay.identifiers.kinds import KINDS
from replay.readers.entry import Entry
from replay.readers.ops import parse_entry
from switchboard.event import event_to_json

KEY = b"a key for tests that opens nothing"
SSN, BARE = "219-09-1234", "219091234"
JSON = "application/json"


class Kept:
    needs_whole = False

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def add(self, line: int, entry: Entry) -> None:
        self.entries.append(entry)

    def skip(self, line: int, reason: str, gap_ms: float = 0.0) -> None:
        raise AssertionError(reason)

    def note(self, text: str, count: int = 0) -> None:
        raise AssertionError(text)


def get(url: str, **headers: str) -> dict[str, Any]:
    return {"ts": 1_600_000_000_000_000_000, "method": "GET", "url": url, "headers": headers}


def post(body: object, kind: str = JSON) -> dict[str, Any]:
    data = body if isinstance(body, bytes) else body if isinstance(body, str) else json.dumps(body)
    said = {"body_b64": base64.b64encode(data).decode()} if isinstance(data, bytes) else {
        "body": data
    }  # fmt: skip
    event = get("/v1/applications", **{"content-type": kind})
    return {**event, "method": "POST", **said}


def answer(body: str, kind: str) -> dict[str, Any]:
    return {
        **get("/v1/me"),
        "status": 200,
        "response_headers": {"content-type": kind},
        "response_body": body,
    }


def found_in(event: dict[str, Any]) -> set[str]:
    findings = Findings()
    Scanner(Tally(), findings).add(1, parse_entry(event))
    return set(findings.counts)


def anonymised(event: dict[str, Any]) -> dict[str, Any]:
    kept = Kept()
    Anonymiser(kept, Anonymise(KEY)).add(1, parse_entry(event))  # type: ignore[arg-type]
    entry = kept.entries[0]
    inner = entry.event if entry.json_body is None else entry.event._replace(body=entry.json_body)
    made: dict[str, Any] = json.loads(event_to_json(inner))
    return made


def packed(value: object) -> str:
    return base64.b64encode(gzip.compress(json.dumps(value).encode())).decode()


def coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


_IBAN_TAIL = "UA21 3223 1300 0002 6007 2335 6600 1"
_JWE = "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ.toCnfxhpDuS9f7kmzKTf.Ig0rc56C.q83v.EjRW"
_JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMDAyMDA0In0.NpVfHMbc8wRTiN_nfPYDVrMNXo2tqAqUcXfz5vJHfYM"
_PEM = f"-----BEGIN EC PRIVATE KEY-----\\n{'MHcCAQEEIBkg' * 6}\\n-----END EC PRIVATE KEY-----"
_HOOK = "https://hooks.slack.com/services/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"

PLANTED: list[tuple[str, str, dict[str, Any]]] = [
    ("ssn", BARE, post(f"<a><ssn><![CDATA[{BARE}]]></ssn></a>", "application/xml")),
    ("ssn", BARE, post(f"<f><name>ssn</name><value>{BARE}</value></f>", "application/xml")),
    ("ssn", BARE, post({"fields": [{"name": "ssn", "value": BARE}]})),
    ("ssn", BARE, post({"fields": [{"value": BARE, "type": "ssn"}]})),
    ("ssn", BARE, post({"Name": "ssn", "Value": BARE})),
    ("ssn", BARE, post([{"system": "http://hl7.org/fhir/sid/us-ssn", "value": BARE}])),
    ("ssn", BARE, get(f"/v1/search?name=ssn&value={BARE}")),
    ("ssn", BARE, post(f"field=ssn&answer={BARE}", "application/x-www-form-urlencoded")),
    ("ssn", BARE, post({"soc_sec_no": BARE})),
    ("ssn", BARE, get(f"/v1/x?svnr={BARE}")),
    ("ssn", BARE, post({"ssn": coded(f"{SSN}")})),
    ("ssn", SSN, post({"blob": packed({"note": SSN})})),
    ("ssn", "219", get("/v1/x?ssn1=219&ssn2=09&ssn3=1234")),
    ("ssn", BARE, post(f"id,ssn,state\n1,{BARE},open\n", "text/csv")),
    ("ssn", BARE, post(f"id\tssn\r\n1\t{BARE}\r\n", "text/tab-separated-values")),
    ("ssn", BARE, answer(f"<table><tr><th>SSN</th><td>{BARE}</td></tr></table>", "text/html")),
    ("ssn", BARE, answer(f"<dl><dt>SSN:</dt><dd>{BARE}</dd></dl>", "text/html")),
    ("card", "349238083873832", post({"number": "3492\u200d38083873832"})),
    ("card", "5018491173302936", get("/v1/me", cookie="a=b; card_number=5018491173302936")),
    ("aba", "091000019", post({"rtn": "0910\u206000019"})),
    ("account", "79572237", get("/v1/me", **{"x-accountNumber": "79572237"})),
    ("account", "62111724773199", post({"acct_no": "6211\u200b1724773199"})),
    ("iban", "GB82WEST", post({"to": "GB82\u200b WEST 1234 5698 7654 32"})),
    ("iban", "3223 1300", post({"query": f'{{ citizen(iban: "{_IBAN_TAIL}") {{ id }} }}'})),
    ("email", "kowalski", post({"contact": '"wanda kowalski"@acme-industries.com'})),
    ("phone", "7732143102", post({"celular": "7732143102"})),
    ("phone", "773", get("/v1/me", cookie="fax=1%20%28773%29%20678-3102; theme=dark")),
    ("phone", "68 53", post({"query": '{ citizen(contact_phone: "+33 1 42 68 53 00") { id } }'})),
    ("phone", "7733457102", post({"phone": "0017733457102"})),
    ("email", "kowalski", post("verified email=wanda.kowalski@gmail.com ok", "text/plain")),
    ("email", "kowalski", post({"x": coded('{"note":"a\u00a0b","to":"w.kowalski@web.de"}')})),
    ("birth_date", "1984", post({"name": "date_of_birth", "value": "12.03.1984"})),
    ("jwt", _JWE[-20:], post({"query": f'{{ session(id_token: "{_JWE}") {{ id }} }}'})),
    ("jwt", "1002004", answer(f"id_token={_JWT}; Path=/", "text/plain")),
    ("private_key", "MHcCAQEE", post({"query": f'{{ key(pem: "{_PEM}") {{ id }} }}'})),
    ("cloud_key", "oGT8saNc5v", post({"webhook": _HOOK})),
    ("cloud_key", "0SQQH6B5I2", post({"nr": "NRAK-0SQQH6B5I2M29CKMLDN6MPXY4IT"})),
    ("secret", "FalNuCTbzL", post({"mot_de_passe": "FalNuCTbzLpRw9HEif"})),
    ("secret", "7Gu9lFoVr", post({"label": "Password", "answer": "MH!ddijYQD%7Gu9lFoVrmCo6"})),
    ("secret", "3DnraV9c9", post("id,client_secret\n1,3DnraV9c9gnJiY4x97JCsZVd6\n", "text/csv")),
    ("secret", "123456789012", get("/v1/me", cookie="sid=abcDEF123456789012345")),
    ("secret", "8901234567", get("/v1/me", cookie="sid=user-12345678901234567890")),
    ("secret", "Rgcwyge", get("/v1/me", cookie="session_token=NxuferRcwgyweZrPz6")),
    ("person_name", "Kowalski", post({"contactPerson": "Kowalski, Aisha"})),
    ("person_name", "Quarshie", post({"accountHolder": "Aisha Quarshie"})),
    ("person_name", "Naomi", get("/v1/citizens/nombre/Naomi/benefits")),
    ("person_name", "Ivanovich", post({"query": '{ citizen(lastName: "Ivanovich") { id } }'})),
    ("person_name", "Chalmers", post({"name": [{"family": "Chalmers", "given": ["Peter"]}]})),
    ("person_name", "Beatrice", answer('data: {"first_name": "Beatrice"}', "text/event-stream")),
    ("person_name", "Obermeyer", post({"doc": "<app><apellido>Obermeyer</apellido></app>"})),
    ("person_name", "Kowalski", post("First name: Wanda\nLast name: Kowalski\n", "text/plain")),
    ("person_name", "Kirkpatrick", get("/v1/me", **{"x-name": "Kirkpatrick, Thomas"})),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "part", "event"), PLANTED)
def test_what_is_planted_in_an_odd_place_is_found(
    kind: str, part: str, event: dict[str, Any]
) -> None:
    found = found_in(event)
    assert found <= KINDS.keys()
    assert kind in found


@pytest.mark.parametrize(("kind", "part", "event"), PLANTED)
def test_it_is_replaced_by_what_nobody_finds_and_nothing_replaces_again(
    kind: str, part: str, event: dict[str, Any]
) -> None:
    made = anonymised(event)
    assert found_in(made) == set()
    assert part not in json.dumps(made, ensure_ascii=False)
    if kind != "account":  # too short to prove itself: it is replaced again rather than kept
        assert anonymised(made) == made


CLEAN: list[dict[str, Any]] = [
    post({"passwordPolicy": "min12-upper-lower-digit", "tokenType": "Bearer-v2-opaque-1"}),
    post({"name": "Martin Luther King Jr. Day", "displayName": "Victoria Station"}),
    post({"metrics": [{"name": "cpu", "value": "219091234"}, {"key": "region", "value": "us-1"}]}),
    post("id,name,qty\n219091234,Blue Cotton Shirt,5\n", "text/csv"),
    answer("<table><tr><th>Order</th><td>219091234</td></tr></table>", "text/html"),
    post([{"system": "http://hl7.org/fhir/sid/socialSecurityNumber", "value": "unknown"}]),
    post('<svg><path d="M1.2.5.3.2 1.1.22.33 2.18.5.3.9z"/></svg>', "image/svg+xml"),
    answer("data: [DONE]\n\nevent: ping\n\n", "text/event-stream"),
]


@pytest.mark.parametrize("event", CLEAN)
def test_what_merely_stands_there_is_no_finding(event: dict[str, Any]) -> None:
    assert found_in(event) == set()


IDS: list[dict[str, Any]] = [
    get("/v1/citizens/C-48219730/benefits"),
    post({"citizenId": "C-48219730"}),
    post({"query": '{ citizen(id: "C-48219730") { status } }'}),
    post("10:11:12 INFO verified citizenId=C-48219730 in 12 ms", "text/plain"),
    post({"_links": {"self": {"href": "/v1/citizens/C-48219730"}}}),
    answer(")]}',\n" + '{"citizenId":"C-48219730"}', JSON),
    answer('<a href="/v1/citizens/C-48219730">case</a>', "text/html"),
    get("/v1/me", cookie="prefs=" + coded('{"citizenId":"C-48219730"}')),
]


@pytest.mark.parametrize("event", IDS)
def test_an_id_is_the_same_wherever_it_is_said(event: dict[str, Any]) -> None:
    plain = anonymised(IDS[1])["body"]
    made = json.dumps(anonymised(event))
    cookie = made.partition("prefs=")[2].partition('"')[0]
    if cookie:
        made += base64.b64decode(cookie + "==").decode()
    assert "48219730" not in made
    assert json.loads(plain)["citizenId"] in made


def test_a_number_from_abroad_with_two_noughts_raises_nothing() -> None:
    made = [
        anonymised(post({"phone": number}))["body"]
        for number in ("0017733457102", "01144207 2345678", "004420 72345678", "00 1234567")
    ]
    assert found_in(post("\n".join(made), "text/plain")) == set()


def test_base64_under_a_telling_name_is_the_same_citizen() -> None:
    """Whether or not a digit happens to stand in the base64."""
    plain = anonymised(post({"ssn": "621-92-5018"}))["body"]
    inside = json.loads(anonymised(post({"ssn": coded("621-92-5018")}))["body"])["ssn"]
    again = json.loads(anonymised(post({"ssn": coded("216-15-7811")}))["body"])["ssn"]
    assert base64.b64decode(inside).decode() in plain
    assert base64.b64decode(again).startswith(b"666-")


HOSTILE: list[str] = [
    "1 ", "12-", "123-45-", "+1 ", "eyJ", "eyJhIjo", ",", ";", "a@", "ssn=", "name: John ", "<a ",
    "<![CDATA[", '"a,', '"""a,', "H4sI", "1\u200b", "id(", "/1", "-----BEGIN PRIVATE KEY-----",
]  # fmt: skip


@pytest.mark.parametrize("unit", HOSTILE)
def test_what_repeats_for_long_takes_no_longer_for_it(unit: str) -> None:
    """Each of them took minutes where time grew with the square of the length."""
    text = unit * (20_000 // len(unit))
    safe = "".join([char if char.isascii() and char not in ' "' else "," for char in text])
    for event in (
        post(text, "text/plain"),
        post(text, "text/csv"),
        post(json.dumps({"ssn": text, "phone": text})),
        get("/v1/me", **{"x-phone": safe, "referer": f"https://a.example/{safe}"}),
    ):
        found_in(event)
        anonymised(event)
