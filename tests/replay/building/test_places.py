from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.building.places import MAX_OTHER_ROUTES, MAX_ROUTES, Places
from switchboard.credentials import safe_target
from switchboard.event import EventError
from switchboard.routes import route_template

SEGMENTS = st.sampled_from(
    ["", "a", "12", "345678", "v1", "a1b2c3", "{id}", "12.5", "x;sid=1", "eyJhbGciOiJI.x", "%31",
     "C-48219730", "APP-C-48219730", "sk_live_12345678", "xoxb-12345678", "xoxb-a-12345678"]
)  # fmt: skip
QUERIES = st.sampled_from(["", "?", "?a=1", "?token=x", "?a=1?b=2", "?a=/1/2", "?next=/c?code=3"])
TARGETS = st.tuples(st.lists(SEGMENTS, min_size=1, max_size=4), QUERIES).map(
    lambda both: "/" + "/".join(both[0]) + both[1]
)


@given(st.lists(TARGETS, max_size=12))
def test_the_caches_change_nothing(targets: list[str]) -> None:
    places = Places()
    for target in targets + targets:
        _, route, safe = places.locate("h.example", None, "GET", target)
        assert safe == safe_target(target)
        assert places.routes()[route].template == route_template(target.partition("?")[0])


@pytest.mark.parametrize(
    ("authority", "service", "name"),
    [
        ("ach.hms.example:443", None, "ach GET /"),
        ("ach.hms.example", "SVC Profile", "svc-profile GET /"),
        ("", None, "default GET /"),
        ("10.0.0.1", None, "default GET /"),
    ],
)
def test_the_service_is_what_was_recorded_or_else_the_host(
    authority: str, service: str | None, name: str
) -> None:
    places = Places()
    places.locate(authority, service, "GET", "/")
    assert places.routes()[0].name == name
    assert places.hosts() == (authority,)


def test_routes_of_many_services_are_bounded_too() -> None:
    places = Places()
    for i in range(MAX_ROUTES + MAX_OTHER_ROUTES + 50):
        places.locate("", f"s{i}", "GET", "/")
    assert len(places.routes()) == MAX_ROUTES + MAX_OTHER_ROUTES + 1
    assert places.routes()[-1].name == "(other)"


@pytest.mark.parametrize("target", ["/" + "1" * 70_000, "/?" + "key=&" * 13_000 + "key=a"])
def test_a_target_that_is_too_long(target: str) -> None:
    with pytest.raises(EventError, match="url too long"):
        Places().locate("", None, "GET", target)
