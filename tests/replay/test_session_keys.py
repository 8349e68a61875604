from __future__ import annotations

from base64 import urlsafe_b64encode
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.account import Tally
from replay.readers.entry import Entry
from replay.readers.through import Through
from replay.session_keys import MAX_TOKEN, SessionKey, SessionKeys, parse_session_key
from switchboard.event import Event, EventError


class End:
    """Keeps what reaches it."""

    def __init__(self, *, needs_whole: bool = False) -> None:
        self.needs_whole = needs_whole
        self.entries: list[Entry] = []
        self.requests: list[tuple[str | None, str | None]] = []

    def add(self, line: int, entry: Entry) -> None:
        if entry.event.method == "TRACE":
            raise EventError("bad method")
        self.entries.append(entry)

    def add_request(self, *args: Any) -> None:
        self.requests.append((args[5], args[6]))

    def skip(self, line: int, reason: str, gap_ms: float = 0.0) -> None:
        raise AssertionError("nothing is skipped here")

    def note(self, text: str, count: int = 1) -> None:
        raise AssertionError("nothing is noted here")


def event(
    headers: dict[str, str] | None = None, answered: dict[str, str] | None = None, **rest: Any
) -> Event:
    return Event(
        ts_ns=1,
        delay_ms=None,
        method="GET",
        url="/",
        headers=tuple((headers or {}).items()),
        response_headers=tuple((answered or {}).items()),
        **rest,
    )


def keyed(entry: Entry, key: str) -> tuple[Entry, dict[str, int]]:
    end, tally = End(), Tally()
    SessionKeys(end, parse_session_key(key), tally).add(1, entry)
    return end.entries[0], tally.session_keys


def jwt(claims: object, parts: int = 3) -> str:
    middle = urlsafe_b64encode(orjson.dumps(claims)).rstrip(b"=").decode()
    return ".".join(["eyJhbGciOiJub25lIn0", middle, "c2ln", "x", "y"][:parts])


@pytest.mark.parametrize(
    ("text", "key", "shown"),
    [
        ("user", SessionKey("user"), "user"),
        (" Session ", SessionKey("session"), "session"),
        ("client", SessionKey("client"), "client"),
        ("connection", SessionKey("connection"), "connection"),
        ("cookie:JSESSIONID", SessionKey("cookie", "JSESSIONID"), "cookie:JSESSIONID"),
        ("header:X-User-Id", SessionKey("header", "x-user-id"), "header:x-user-id"),
        ("jwt", SessionKey("jwt", "sub"), "jwt"),
        ("jwt:sub", SessionKey("jwt", "sub"), "jwt"),
        ("jwt:https://id.example/uid", SessionKey("jwt", "https://id.example/uid"), None),
    ],
)
def test_a_key_is_read_and_shown(text: str, key: SessionKey, shown: str | None) -> None:
    assert parse_session_key(text) == key
    assert str(key) == (text if shown is None else shown)
    assert parse_session_key(str(key)) == key


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "'' is not a session key; there are user, session"),
        ("cooky:sid", "did you mean cookie?"),
        ("cookie", "cookie: needs the name of a cookie"),
        ("cookie:a b", "cookie: needs the name of a cookie"),
        ("header:", "header: needs the name of a header, such as header:x-user-id"),
        ("jwt:", "jwt: needs the name of a claim"),
        ("user:me", "user takes no name"),
        ("cookie:" + "x" * 999, "needs the name"),
    ],
)
def test_what_is_no_key_is_one_sentence(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=r"\w") as caught:
        parse_session_key(text)
    assert message in str(caught.value)


TOKEN = jwt({"sub": "ann", "uid": 7, "list": ["x"], "empty": ""})


@pytest.mark.parametrize(
    ("key", "entry", "value"),
    [
        ("connection", Entry(event(), connection="c1"), "c1"),
        ("cookie:sid", Entry(event({"Cookie": "a=b; sid=x=1; sid=y"})), "x=1"),
        ("cookie:sid", Entry(event({}, {"Set-Cookie": "sid=new; Path=/"})), "new"),
        ("cookie:sid", Entry(event({"cookie": "sid=old"}, {"set-cookie": "sid=new"})), "old"),
        ("header:x-user-id", Entry(event({"X-User-ID": " seven "})), "seven"),
        ("jwt", Entry(event({"Authorization": f"Bearer {TOKEN}"})), "ann"),
        ("jwt", Entry(event({"X-Amzn-Oidc-Token": TOKEN})), "ann"),
        ("jwt", Entry(event({"x-token": f"bearer {TOKEN}"})), "ann"),
        ("jwt:uid", Entry(event({"cookie": f'a=b; id="{TOKEN}"'})), "7"),
        ("client", Entry(event({"user-agent": "curl"}), client="10.0.0.1"), "10.0.0.1\0curl"),
        ("client", Entry(event({"x-forwarded-for": "10.0.0.1, 10.0.0.2"})), "10.0.0.1\0"),
    ],
)
def test_a_key_becomes_a_client_of_which_nothing_is_kept(
    key: str, entry: Entry, value: str
) -> None:
    named = entry._replace(event=entry.event._replace(user="shared", session="one"))
    found, counted = keyed(named, key)
    assert found.client == f"{key.partition(':')[0]}\0{value}"
    assert (found.event.user, found.event.session) == (None, None)
    assert found.inferred is (key == "client")
    assert counted == {key: 1}


@pytest.mark.parametrize("key", ["client", "connection", "cookie:sid", "header:x-id", "jwt"])
@pytest.mark.parametrize(
    ("entry", "own"),
    [
        (Entry(event(user="ann", session="s")), "user"),
        (Entry(event(session="s")), "session"),
        (Entry(event()), "none"),
    ],
)
def test_without_the_key_the_format_has_its_way(key: str, entry: Entry, own: str) -> None:
    assert keyed(entry, key) == (entry, {own: 1})


def test_a_client_of_the_format_counts_as_one() -> None:
    entry = Entry(event(), client="10.0.0.1", inferred=True)
    assert keyed(entry, "cookie:sid") == (entry, {"client": 1})


def test_the_user_alone_or_the_session_alone() -> None:
    both = Entry(event(user="ann", session="s"))
    assert keyed(both, "user")[0].event[4:6] == ("ann", None)
    assert keyed(both, "session")[0].event[4:6] == (None, "s")
    assert keyed(Entry(event(session="s")), "user")[1] == {"session": 1}
    assert keyed(Entry(event(user="ann")), "session")[1] == {"user": 1}


@pytest.mark.parametrize("key", ["user", "session"])
@pytest.mark.parametrize("user", ["ann", None])
@pytest.mark.parametrize("session", ["s", None])
def test_both_ways_tell_users_apart_alike(key: str, user: str | None, session: str | None) -> None:
    whole, fast, counts = End(), End(), [Tally(), Tally()]
    SessionKeys(whole, parse_session_key(key), counts[0]).add(
        1, Entry(event(user=user, session=session), client="10.0.0.1")
    )
    SessionKeys(fast, parse_session_key(key), counts[1]).add_request(
        1, 1, "GET", "", "/", user, session, None, "", b"", None, None, "10.0.0.1", 2
    )
    assert [whole.entries[0].event[4:6]] == fast.requests
    assert counts[0].session_keys == counts[1].session_keys


def test_the_fast_way_is_left_only_where_it_must_be() -> None:
    for key, whole in (("user", False), ("session", False), ("cookie:a", True), ("client", True)):
        assert SessionKeys(End(), parse_session_key(key), Tally()).needs_whole is whole
        assert SessionKeys(End(needs_whole=True), parse_session_key(key), Tally()).needs_whole


def test_who_is_refused_or_left_out_is_not_counted() -> None:
    tally = Tally()

    class Filter(Through):
        def add(self, line: int, entry: Entry) -> None:
            tally.drop("host")

    SessionKeys(Filter(End()), parse_session_key("cookie:a"), tally).add(1, Entry(event()))
    with pytest.raises(EventError):
        SessionKeys(End(), parse_session_key("cookie:a"), tally).add(
            1, Entry(event()._replace(method="TRACE"))
        )
    assert tally.session_keys == {}


def test_long_values_are_told_apart_and_not_held() -> None:
    first, _ = keyed(Entry(event({"x-id": "a" * 5_000})), "header:x-id")
    other, _ = keyed(Entry(event({"x-id": "a" * 4_999 + "b"})), "header:x-id")
    assert first.client is not None
    assert len(first.client) < 100
    assert first.client != other.client


@pytest.mark.parametrize(
    "token",
    [
        "eyJ",
        "eyJ.a",
        "eyJ.a.b",
        "eyJ.\udcff.b",
        "eyJ.é.b",
        jwt({"sub": "ann"}, parts=1),
        jwt({"sub": "ann"}, parts=5),
        jwt([]),
        jwt({"sub": ["ann"]}),
        jwt({"sub": True}),
        jwt({"sub": None}),
        jwt({"sub": ""}),
        jwt({"other": "ann"}),
        jwt({"sub": "a" * MAX_TOKEN}),
        "eyJ." + urlsafe_b64encode(b"[" * 9_000).decode() + ".x",
        "eyJ" + "." * 60_000,
    ],
)
def test_a_hostile_token_is_none(token: str) -> None:
    entry = Entry(event({"Authorization": f"Bearer {token}", "cookie": f"t={token}"}))
    assert keyed(entry, "jwt") == (entry, {"none": 1})


@settings(max_examples=80)
@given(
    key=st.sampled_from(["client", "connection", "cookie:a", "header:authorization", "jwt"]),
    name=st.sampled_from(["cookie", "Authorization", "x-a-token", "x-forwarded-for"]),
    value=st.text(max_size=60) | st.text(max_size=30).map(lambda text: f"a=eyJ.{text}.x; b"),
)
def test_no_header_makes_it_raise(key: str, name: str, value: str) -> None:
    _, counted = keyed(Entry(event({name: value}, {"set-cookie": value})), key)
    assert sum(counted.values()) == 1


@pytest.mark.parametrize("piece", ["bearer ", " ", "a=", ";", "x-", "eyJ."])
def test_long_hostile_headers_are_gone_through_once(piece: str) -> None:
    value = piece * (65_536 // len(piece))  # what is quadratic would not end
    entry = Entry(event({"Authorization": value, "x-a-token": value, "cookie": value}))
    assert keyed(entry, "jwt") == (entry, {"none": 1})
    assert keyed(entry, "cookie:sid") == (entry, {"none": 1})
