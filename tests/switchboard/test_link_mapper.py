"""Links in the text of an answer, however the text is cut into pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchboard.decide import Ask, Forward
from switchboard.link_mapper import LinkMapper, is_text
from switchboard.rules import Destination, Edits, Route, Rules

SVC = Destination("svc", "127.0.0.1", 9001)


def mapper(prefix: str = "", scheme: str = "https") -> LinkMapper:
    route = Route("routes[0]", ("*.hms.example",), SVC, edits=Edits(prefix=prefix, links=True))
    rules = Rules((route,), "switchboard.yml", deny_hosts=("*.hms.gov",))
    port = 443 if scheme == "https" else 80
    ask = Ask(scheme, "svc.hms.example", port, "GET", "/x")
    return LinkMapper(ask, Forward(route, SVC, route.rule), rules)


def mapped(text: bytes, prefix: str = "", scheme: str = "https", size: int = 1_000) -> bytes:
    one = mapper(prefix, scheme)
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    return b"".join(map(one.feed, pieces)) + one.flush()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(b'"http://127.0.0.1:9001/a"', b'"https://svc.hms.example/a"', id="its own"),
        pytest.param(b"ws://127.0.0.1:9001/", b"wss://svc.hms.example/", id="a socket"),
        pytest.param(b"src='//127.0.0.1:9001/a'", b"src='//svc.hms.example/a'", id="no scheme"),
        pytest.param(rb"http:\/\/127.0.0.1:9001\/a", rb"https:\/\/svc.hms.example\/a", id="json"),
        pytest.param(b"https://www.hms.gov/a", b"https://refused.invalid/a", id="denied"),
        pytest.param(b"HTTPS://other.example/", b"HTTPS://refused.invalid/", id="unrouted"),
        pytest.param(b"url(//other.example/)", b"url(//refused.invalid/)", id="style sheet"),
        pytest.param(b"https://u:p@www.hms.gov/", b"https://refused.invalid/", id="user info"),
        pytest.param(b"https://u;p,q@www.hms.gov/", b"https://refused.invalid/", id="odd info"),
        pytest.param(
            b"https://" + b"a" * 300 + b"@www.hms.gov/",
            b"https://refused.invalid/" + b"a" * 40 + b"@www.hms.gov/",
            id="endless user info",
        ),
        pytest.param(b"(http://127.0.0.1:9001, a)", b"(https://svc.hms.example, a)", id="prose"),
        pytest.param(b"https://www.hms.gov:8443/", b"https://refused.invalid/", id="port"),
        pytest.param(b"https://ach.hms.example/", b"https://ach.hms.example/", id="routed"),
        pytest.param(b"a//b // comment", b"a//b // comment", id="slashes that are no link"),
        pytest.param(b"/a/b?c=d", b"/a/b?c=d", id="a path"),
    ],
)
def test_a_link_leads_into_the_sandbox_or_nowhere(text: bytes, expected: bytes) -> None:
    assert mapped(text) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [(b"/sandbox/a", b"/a"), (b"/sandbox", b""), (b"/sandboxes", b"/sandboxes"), (b"/a", b"/a")],
)
def test_the_prefix_that_the_route_adds_is_taken_off_its_own_links(
    path: bytes, expected: bytes
) -> None:
    link = b"http://127.0.0.1:9001" + path
    assert mapped(b"<" + link + b">", "/sandbox") == b"<https://svc.hms.example" + expected + b">"


def test_what_led_out_is_counted() -> None:
    one = mapper()
    one.feed(b"https://www.hms.gov/ http://127.0.0.1:9001/ https://a.example ")
    assert (one.refused, one.mapped) == (2, 1)


PIECES = st.sampled_from(
    [b"http://127.0.0.1:9001", b"/sandbox", b"/a", b'"', b"//", b"https:", b"www.hms.gov", b"\\/",
     b" ", b"ht", b"tp", b"x", b"=", b"wss://", b"[::1]", b"\xff"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=30).map(b"".join), st.integers(1, 9))
def test_where_the_text_is_cut_makes_no_difference(text: bytes, size: int) -> None:
    for prefix in ("", "/sandbox"):
        assert mapped(text, prefix, size=size) == mapped(text, prefix)


@given(st.binary(max_size=400), st.integers(1, 50))
def test_at_most_one_unfinished_link_is_held_back(text: bytes, size: int) -> None:
    one = mapper()
    sent = seen = 0
    for at in range(0, len(text), size):
        piece = text[at : at + size]
        seen += len(piece)
        sent += len(one.feed(piece))
        assert one.mapped or one.refused or seen - sent <= 301 + size
    one.flush()


@pytest.mark.parametrize("given_type", ["text/html; charset=utf-8", "application/problem+json"])
def test_text_is_looked_through(given_type: str) -> None:
    assert is_text(given_type)


@pytest.mark.parametrize("given_type", ["image/png", "", "application/octet-stream"])
def test_all_else_is_left_alone(given_type: str) -> None:
    assert not is_text(given_type)
