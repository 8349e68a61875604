"""The link of the chain that replaces people: one citizen everywhere, nobody real behind it."""

from __future__ import annotations

import base64
import json
import pickle
import string
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.anonymise.anonymiser import Anonymise, Anonymiser
from replay.anonymise.policy import Policy, Rule
from replay.fields.json_body import is_json
from replay.identifiers.find import find_identifiers
from replay.readers.entry import Entry
from switchboard.credentials import header_lines
from switchboard.event import Event, parse_event
from switchboard.routes import split_url

KEY = b"a key of the tests, 32 bytes big"


class Caught:
    """The end of a chain that keeps what it is given."""

    needs_whole = False

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.requests: list[tuple[Any, ...]] = []

    def add(self, line: int, entry: Entry) -> None:
        self.entries.append(entry)

    def add_request(self, *request: Any) -> None:
        self.requests.append(request)

    def skip(self, line: int, reason: str, gap_ms: float = 0.0) -> None:
        raise AssertionError(reason)

    def note(self, text: str, count: int = 1) -> None:
        raise AssertionError(text)


def anonymiser(*rules: Rule, key: bytes = KEY) -> tuple[Anonymiser, Caught]:
    caught = Caught()
    return Anonymiser(caught, Anonymise(key, Policy("own", rules))), caught


def event_of(**said: Any) -> Event:
    return parse_event({"ts": "2020-03-15T12:00:00Z", "method": "GET", "url": "/", **said})


def cleaned(event: Event, *rules: Rule) -> Event:
    stage, caught = anonymiser(*rules)
    stage.add(1, Entry(event))
    return caught.entries[0].event


def tape_of(event: Event, json_body: bytes | None = None) -> tuple[Any, ...]:
    """What a tape would hold of an event."""
    lines = header_lines(event.headers)
    body = event.body if json_body is None else json_body
    return (split_url(event.url)[1], event.user, event.session, lines, body)


def fast(stage: Anonymiser, caught: Caught, event: Event) -> tuple[Any, ...]:
    authority, target = split_url(event.url)
    stage.add_request(
        1, event.ts_ns or 0, event.method, authority, target, event.user, event.session,
        event.service, header_lines(event.headers), event.body, event.status, event.wait_ms,
    )  # fmt: skip
    made = caught.requests.pop()
    return (made[4], made[5], made[6], made[8], made[9])


IBAN = "DE89370400440532013000"
SSN = "123-45-6789"
CITIZEN = "C-48219730"


def test_a_citizen_is_one_pseudonym_in_every_place_of_an_event() -> None:
    blob = base64.b64encode(json.dumps({"ssn": SSN}).encode()).decode()
    event = event_of(
        method="POST",
        url=f"/citizens/{SSN}/pay?user={CITIZEN}&next=%2Fcitizens%2F{CITIZEN}%3Fa%3D1",
        user=CITIZEN,
        headers={
            "X-Citizen-Ssn": SSN,
            "Cookie": f"ssn={SSN}; citizen={CITIZEN}; lang=en",
            "Content-Type": "application/json",
        },
        body=json.dumps({"ssn": 123456789, "blob": blob, "note": f"of {SSN}", "who": CITIZEN}),
        response_headers={"Content-Type": "application/json", "Location": f"/citizens/{CITIZEN}"},
        response_body={"citizen": CITIZEN, "ssn": SSN},
    )
    made = cleaned(event)
    ssn = made.url.split("/")[2]
    user = made.user or ""
    assert ssn.startswith("666-")
    assert user.startswith("C-")
    assert user != CITIZEN
    assert made.url == f"/citizens/{ssn}/pay?user={user}&next=/citizens/{user}?a%3D1"
    headers = dict(made.headers)
    assert headers["X-Citizen-Ssn"] == ssn
    assert headers["Cookie"] == f"ssn={ssn}; citizen={user}; lang=en"
    body = json.loads(made.body)
    assert body["ssn"] == int(ssn.replace("-", ""))
    assert json.loads(base64.b64decode(body["blob"])) == {"ssn": ssn}
    assert (body["note"], body["who"]) == (f"of {ssn}", user)
    assert dict(made.response_headers)["Location"] == f"/citizens/{user}"
    assert json.loads(made.response_body or b"") == {"citizen": user, "ssn": ssn}


def test_what_comes_out_holds_nobody_and_is_the_same_for_the_same_key_alone() -> None:
    event = event_of(
        method="POST",
        url="/search?email=maria%40gmail.com&phone=212-867-5309&card=4532015112830366",
        headers={
            "Authorization": "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJDLTQ4MjE5NzMwIn0.c2lnbmF0dXJl",
            "X-Api-Key": "prod-7f3c9a51e8b2d4",
            "X-Forwarded-For": "8.8.8.8",
        },
        body=json.dumps(
            {"dob": "1980-05-17", "name": "Maria Garcia", "iban": "DE89370400440532013000"}
        ),
    )
    one, other, third = (anonymiser(key=key) for key in (KEY, KEY, KEY[::-1]))
    for stage, _ in (one, other, third):
        stage.add(1, Entry(event))
    assert one[1].entries == other[1].entries
    assert one[1].entries != third[1].entries
    made = one[1].entries[0].event
    for name, value in (*made.headers, ("body", made.body.decode()), ("url", made.url)):
        assert find_identifiers(name, value) == []
    for word in ("maria", "Garcia", "5309", "0366", "1980-05-17", "7f3c9a", "8.8.8.8"):
        assert word not in repr(made._asdict())


def test_client_and_connection_only_tell_apart() -> None:
    stage, caught = anonymiser()
    for client in ("8.8.8.8 curl", "8.8.8.8 curl", "9.9.9.9 curl"):
        stage.add(1, Entry(event_of(), client=client, connection="4"))
    first, again, other = caught.entries
    assert first.client == again.client != other.client
    assert "8.8.8.8" not in (first.client or "")
    assert first.connection not in (None, "4")


@pytest.mark.parametrize(
    ("name", "value", "made"),
    [
        ("Accept", "text/html", "text/html"),
        ("X-Request-Id", "4bf92f3577b34da6", None),
        ("X-Anything", "hello", None),
        ("User-Agent", "curl/8.0.1", "curl/8.0.1"),
        ("Sec-Fetch-Mode", "cors", "cors"),
        ("Referer", "https://a.example/users/me?page=2", "https://a.example/users/me?page=2"),
        ("Idempotency-Key", "", ""),
    ],
)
def test_headers_that_nothing_is_known_of_are_dropped(
    name: str, value: str, made: str | None
) -> None:
    headers = dict(cleaned(event_of(headers={name: value})).headers)
    assert headers.get(name) == made


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/api/v2/users/me?page=2&limit=50&sort=name",
        "/assets/app.9f8e7d.js",
        "/presentations/logstash-monitorama-2013/images/kibana-dashboard3.png",
        "/claims?status=open&from=2020-03-15&amount=12000",
        "/accounts/checking?household=4",
    ],
)
def test_what_tells_nothing_stays_byte_for_byte(target: str) -> None:
    event = event_of(url=target)
    assert cleaned(event).url == target
    stage, caught = anonymiser()
    for _ in range(6):
        assert fast(stage, caught, event)[0] == target


RULES = [
    (Rule("header.x-request-id", "keep"), {"headers": {"X-Request-Id": "77"}}, "77"),
    (Rule("query.user", "free_text"), {"url": "/s?user=alice9"}, "user=alice9"),
    (Rule("query.q", "drop"), {"url": "/s?a=1&q=hello"}, "/s?a=1'"),
    (Rule("url.path.kits", "pseudonym"), {"url": "/kits/77777777"}, "/kits/"),
    (Rule("body.$..area", "generalise", "zip"), {"body": {"a": {"area": "94103"}}}, '"94100"'),
    (Rule("body.$..since", "generalise"), {"body": {"since": "1983-05-17"}}, '"198'),
    (Rule("body.$..age", "generalise"), {"body": {"age": 47}}, '"age":40'),
    (Rule("user", "keep"), {"user": CITIZEN}, CITIZEN),
    (Rule("cookie.lang", "drop"), {"headers": {"Cookie": "lang=en; a=b"}}, "a=b'"),
    (Rule("body.$..x", "pseudonym", "ssn"), {"body": {"x": "123456789"}}, '"666'),
    (Rule("kind.phone", "keep"), {"body": {"phone": "212-867-5309"}}, "212-867-5309"),
    (Rule("answer.body.$..n", "drop"), {"response_body": {"n": "a"}}, '"n":null'),
]


@pytest.mark.parametrize(("rule", "said", "shown"), RULES, ids=[each[0].pattern for each in RULES])
def test_a_rule_decides_about_the_fields_that_it_fits(
    rule: Rule, said: dict[str, Any], shown: str
) -> None:
    event = event_of(**said)
    made = cleaned(event, rule)
    assert shown in repr(made._asdict())
    assert made != cleaned(event)


def test_of_two_rules_that_fit_the_later_counts() -> None:
    event = event_of(url="/s?q=1&r=2")
    rules = (Rule("query.*", "drop"), Rule("query.q", "keep"))
    assert cleaned(event, *rules).url == "/s?q=1"


def test_nothing_tells_the_key() -> None:
    config = Anonymise(KEY)
    said = repr(config) + config.describe() + repr(anonymiser()[0]._pseudonyms)
    assert KEY.decode() not in said
    assert KEY.hex() not in said
    assert pickle.loads(pickle.dumps(config)) == config
    assert config.describe() == Anonymise(KEY).describe() != Anonymise(KEY[::-1]).describe()
    assert config.describe() != Anonymise(KEY, Policy("own", (Rule("user", "keep"),))).describe()


WORDS = st.sampled_from(
    ["citizens", "users", "me", "v2", "claims", "search", "bench", "APP-C-48219730", CITIZEN, SSN,
     "48219730", "123456789", "7", "0042", "status-2020", "alice", "maria@gmail.com", "a.b", "..",
     "4532015112830366", "QWxhZGRpbjpvcGVuIHNlc2FtZQ", "212-867-5309", "2020-03-15", "x" * 40]
) | st.text(string.ascii_letters + string.digits + "-._", min_size=1, max_size=12)  # fmt: skip
NAMES = st.sampled_from(
    ["q", "user", "ssn", "ssn1", "ssn2", "page", "name", "account", "token", "dob", "next", "id",
     "phone2", "household", "note", "email", "zip", "C-48219730"]
)  # fmt: skip
NUMBERS = st.integers(0, 10**10) | st.sampled_from([0.5, -3, 1e20, 123456789])
LEAVES = WORDS | NUMBERS | st.none() | st.booleans() | st.just('say "hi" \\ ü')
BODIES = st.recursive(
    st.dictionaries(NAMES, LEAVES, max_size=4),
    lambda inner: st.dictionaries(NAMES, inner | LEAVES | st.lists(LEAVES, max_size=3), max_size=3),
    max_leaves=4,
)
QUERIES = st.lists(st.tuples(NAMES, WORDS), max_size=3)
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "Accept": st.just("*/*"),
        "X-User": WORDS,
        "X-Trace": WORDS,
        "User-Agent": st.sampled_from(["curl/8.0", f"bot ({SSN})", "Mozilla/5.0 (X11)"]),
        "Referer": st.builds(
            "https://a.example/users/{}?token={}&q={}".format, WORDS, WORDS, WORDS
        ),
        "Cookie": WORDS,
        "Authorization": WORDS,
    },
)


@st.composite
def events(draw: st.DrawFn) -> list[Event]:
    """A few events of one layout, as logs have them: other digits, now and then another user."""
    path = "/" + "/".join(draw(st.lists(WORDS, max_size=3)))
    query = "&".join(f"{name}={text}" for name, text in draw(QUERIES))
    body = draw(st.none() | BODIES)
    said = {
        "url": f"{path}?{query}" if query else path,
        "headers": {"Content-Type": "application/json", **draw(HEADERS)},
        **({} if body is None else {"body": json.dumps(body), "method": "POST"}),
    }
    made = []
    for _ in range(6):
        shift = draw(st.integers(0, 9))
        text = json.dumps(said).translate(
            {ord(a): ord(string.digits[(int(a) + shift) % 10]) for a in "23456789"}
        )
        user, session = draw(WORDS), draw(st.none() | WORDS)
        made.append(event_of(**json.loads(text), user=user, session=session))
    return made


@given(events(), st.booleans())
@settings(max_examples=100, deadline=None)
def test_the_fast_way_gives_what_the_whole_way_gives(several: list[Event], has_rules: bool) -> None:
    rules = (Rule("query.q", "keep"), Rule("body.$..name", "drop")) if has_rules else ()
    whole_stage, whole = anonymiser(*rules)
    fast_stage, caught = anonymiser(*rules)
    for event in several:
        whole_stage.add(1, Entry(event))
        expected = tape_of(whole.entries.pop().event)
        assert fast(fast_stage, caught, event) == expected


@given(events())
@settings(max_examples=60, deadline=None)
def test_any_event_comes_out_as_one_that_can_be_sent(several: list[Event]) -> None:
    stage, caught = anonymiser()
    stage.add(1, Entry(several[0]))
    made = caught.entries[0].event
    assert parse_event({"delay": 0, "method": made.method, "url": made.url}).url == made.url
    assert is_json(made.body.decode()) == is_json(several[0].body.decode())
