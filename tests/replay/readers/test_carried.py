from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.readers.carried import Carried, carry, is_carrier, take_carried
from switchboard.credentials import is_dropped_name
from switchboard.event import Event, parse_event
from switchboard.headers import is_value

NAMES = st.text(
    st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=20
) | st.sampled_from(["ann", "a b", "100%", "%41", "%e9", " a ", "é", "user: x"])


def event(**fields: str | None) -> Event:
    given_fields = {key: value for key, value in fields.items() if value is not None}
    return parse_event({"delay": 0, "method": "GET", "url": "/a", **given_fields})


def test_plain_names_are_carried_as_they_are() -> None:
    headers = carry(event(user="ann", session="s-1", service="agx"))
    assert headers == [("X-Esr-User", "ann"), ("X-Esr-Session", "s-1"), ("X-Esr-Service", "agx")]
    assert carry(event()) == []
    assert carry(event(), with_url=True) == [("X-Esr-Url", "/a")]


@given(NAMES, st.none() | NAMES, st.none() | NAMES)
def test_what_is_carried_comes_back(user: str, session: str | None, service: str | None) -> None:
    headers = carry(event(user=user, session=session, service=service), with_url=True)
    assert all(is_value(value) and value == value.strip() for _, value in headers)
    found, rest = take_carried([("Accept", "a"), *headers, ("Accept", "b")])
    assert found == Carried(user, session, service, "/a")
    assert rest == (("Accept", "a"), ("Accept", "b"))


@pytest.mark.parametrize(
    ("headers", "user"),
    [
        ([("x-esr-user", "ann"), ("X-ESR-USER", "bob")], "ann"),
        ([("X-Esr-User", ""), ("X-Esr-User", "bob")], "bob"),
        ([("X-Esr-User", "%e9%zz")], "%e9%zz"),
        ([("X-Esr-User", "%0a")], "\n"),
        ([("X-Esr-Users", "ann")], None),
    ],
)
def test_what_others_wrote(headers: list[tuple[str, str]], user: str | None) -> None:
    assert take_carried(headers)[0].user == user


def test_what_is_carried_is_never_replayed() -> None:
    for name, _ in carry(event(user="a", session="b", service="c"), with_url=True):
        assert is_carrier(name)
        assert is_dropped_name(name)
    assert not is_carrier("X-Esr-Run")
