"""The way back: no answer leads the client out of the sandbox, binds it, or sets a stray cookie."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchboard.decide import Ask, Forward, Refuse, decide
from switchboard.edit_answer import edit_answer, map_place, shown_place
from switchboard.headers import HOP_BY_HOP
from switchboard.rules import Mode, Rules
from switchboard.rules_reader import parse_rules

SVC = {"name": "svc", "address": "127.0.0.1", "port": 9001}
Headers = list[tuple[str, str]]


def rules_of(route: dict[str, Any] | None = None, **more: Any) -> Rules:
    routes = [
        {"host": "*.hms.example", "to": SVC, "live": {**SVC, "name": "prod"}} | (route or {}),
        {"host": "api.treasury.example", "stub": "ach"},
        {"host": "10.0.*", "stub": "ach"},
    ]
    deny = {"hosts": ["prod.hms.example", "*.hms.gov"], "networks": ["10.0.0.0/24"]}
    mapping = {"routes": routes, "deny": deny, **more}
    return parse_rules(mapping, source="s.yml", line_of=lambda _: None)


def forward_of(rules: Rules, ask: Ask, mode: Mode = "sandbox") -> Forward:
    found = decide(rules, mode, ask)
    assert isinstance(found, Forward)
    return found


def edit(
    *headers: tuple[str, str],
    route: dict[str, Any] | None = None,
    scheme: str = "https",
    mode: Mode = "sandbox",
    **more: Any,
) -> Headers | Refuse:
    rules = rules_of(route, **more)
    ask = Ask(scheme, "api.hms.example", 443 if scheme == "https" else 80, "GET", "/v1/x")
    return edit_answer(ask, forward_of(rules, ask, mode), headers, rules)


def value_of(name: str, value: str, **same: Any) -> str | None:
    """What becomes of one header; None when the client does not get it."""
    found = edit((name, value), **same)
    assert not isinstance(found, Refuse), found
    return dict(found).get(name)


PREFIXED = {"edit": {"strip_prefix": "/v1", "prefix": "/sandbox"}}


@pytest.mark.parametrize(
    ("location", "back"),
    [
        ("/x", "/x"),
        ("x/y?z#f", "x/y?z#f"),
        ("?page=2", "?page=2"),
        ("", None),
        ("http://127.0.0.1:9001/x?y#z", "https://api.hms.example/x?y#z"),
        ("http://127.0.0.1:9001", "https://api.hms.example"),
        ("HTTP://127.0.0.1:9001/x", "https://api.hms.example/x"),
        ("//127.0.0.1:9001/x", "//api.hms.example/x"),
        ("http://localhost:9001/x", "https://api.hms.example/x"),
        ("ws://127.0.0.1:9001/x", "wss://api.hms.example/x"),
        ("https://web.hms.example/x", "https://web.hms.example/x"),
        ("http://web.hms.example:8080", "http://web.hms.example:8080"),
        ("//api.treasury.example/x", "//api.treasury.example/x"),
        ("http://10.0.1.5/", "http://10.0.1.5/"),
        ("  /x\t", "/x"),
        ("/caf\xe9", "/caf%E9"),
        ("/\N{SNOWMAN}", "/%E2%98%83"),
    ],
)
def test_a_redirect_inside_the_sandbox_is_in_the_clients_words(
    location: str, back: str | None
) -> None:
    assert value_of("Location", location) == back


@pytest.mark.parametrize(
    "location",
    [
        "https://portal.hms.gov/x",
        "http://portal.hms.gov",
        "//portal.hms.gov/x",
        "//PORTAL.hms.gov./x",
        "///portal.hms.gov/x",
        "////portal.hms.gov/x",
        "/\\portal.hms.gov",
        "\\\\portal.hms.gov",
        "/\t/portal.hms.gov",
        "\x01//portal.hms.gov",
        "https:portal.hms.gov",
        "https:/portal.hms.gov",
        "https:\\\\portal.hms.gov",
        "https://api.hms.example@portal.hms.gov/",
        "https://api.hms.example:443@portal.hms.gov/",
        "https://127.0.0.1:9001@portal.hms.gov/",
        "https://user@api.hms.example/",
        "https://prod.hms.example/",
        "http://10.0.0.5/",
        "http://203.0.113.9/",
        "http://2130706433:9001/",
        "http://0x7f.1:9001/",
        "http://127.0.0.1/",
        "http://127.0.0.1:9002/",
        "http://[::1]:9001/",
        "http://169.254.169.254/latest",
        "https://evilhms.example/",
        "https://api.hms.example.evil/",
        "https://api.hms.example%2eevil/",
        "https://api.hms.example%00.evil/",
        "https://\N{FULLWIDTH LATIN SMALL LETTER A}pi.hms.example/",
        "https://api\N{IDEOGRAPHIC FULL STOP}hms.example/",
        "javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "ftp://api.hms.example/",
        "http://" + "a" * 5_000 + ".hms.example/",
    ],
)
def test_a_redirect_to_anywhere_else_is_refused(location: str) -> None:
    found = edit(("Location", location))
    assert isinstance(found, Refuse), found
    assert (found.rule, found.status) == ("redirect", 599)
    assert found.reason.isprintable()


@pytest.mark.parametrize("location", ["/\n/portal.hms.gov", "ht\ntps://portal.hms.gov", "/x\0"])
def test_a_redirect_that_would_split_the_head_vanishes(location: str) -> None:
    assert value_of("Location", location) is None


@pytest.mark.parametrize(
    ("location", "back"),
    [
        ("/sandbox/x", "/v1/x"),
        ("/sandbox", "/v1/"),
        ("/sandbox?x", "/v1/?x"),
        ("/sandboxes/x", "/v1/sandboxes/x"),
        ("/other", "/v1/other"),
        ("/v1/x", "/v1/x"),
        ("x", "x"),
        ("http://127.0.0.1:9001/sandbox/x", "https://api.hms.example/v1/x"),
        ("/sandbox//portal.hms.gov/x", "/v1/portal.hms.gov/x"),
        ("http://127.0.0.1:9001/sandbox//x", "https://api.hms.example/v1/x"),
    ],
)
def test_the_prefix_swap_is_undone(location: str, back: str) -> None:
    assert value_of("Location", location, route=PREFIXED) == back


def test_what_is_left_of_a_prefix_is_no_host() -> None:
    route = {"edit": {"prefix": "/sandbox"}}
    assert value_of("Location", "/sandbox//portal.hms.gov", route=route) == "/portal.hms.gov"
    assert value_of("Location", "/sandbox///portal.hms.gov", route=route) == "/portal.hms.gov"


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("svc.sandbox.test", "svc.sandbox.test"),
        ("{service}.sandbox.test", "API.sandbox.test"),
        ("{host}", "api.hms.example"),
    ],
)
def test_the_host_that_the_sandbox_was_asked_under_is_its_own(host: str, own: str) -> None:
    route = {"to": {**SVC, "host": host}, **PREFIXED}
    back = value_of("Location", f"http://{own}/sandbox/x", route=route)
    assert back == "https://api.hms.example/v1/x"


def test_a_plain_client_is_led_back_in_plain() -> None:
    back = value_of("Location", "https://127.0.0.1:9001/x", scheme="http")
    assert back == "http://api.hms.example/x"


@pytest.mark.parametrize(
    ("value", "back"),
    [
        ("5", "5"),
        ("0; url=/x", "0; url=/x"),
        ("0;URL='http://127.0.0.1:9001/x'", "0;URL='https://api.hms.example/x'"),
        ('1.5 , url = "//127.0.0.1:9001/x"', '1.5 , url = "//api.hms.example/x"'),
        ("0; http://127.0.0.1:9001/x", "0; https://api.hms.example/x"),
    ],
)
def test_refresh_is_mapped(value: str, back: str) -> None:
    assert value_of("Refresh", value) == back


@pytest.mark.parametrize(
    "value",
    [
        "0; url=https://portal.hms.gov/",
        "0;url='//portal.hms.gov'",
        "0;url=https:portal.hms.gov",
        "0;url=https:/portal.hms.gov",
        "0;url=/\\portal.hms.gov",
        "0 https://portal.hms.gov/",
        "url=https://portal.hms.gov/",
        "https://portal.hms.gov/",
    ],
)
def test_a_refresh_to_anywhere_else_is_refused(value: str) -> None:
    found = edit(("Refresh", value))
    assert isinstance(found, Refuse), found
    assert found.rule == "redirect"


@pytest.mark.parametrize(
    ("value", "back"),
    [
        ("</x>; rel=next", "</x>; rel=next"),
        (
            "<http://127.0.0.1:9001/a>; rel=next, <//127.0.0.1:9001/b>; rel=last",
            "<https://api.hms.example/a>; rel=next, <//api.hms.example/b>; rel=last",
        ),
        ("<https://web.hms.example/>; rel=preload", "<https://web.hms.example/>; rel=preload"),
        ("</a>; rel=x, <https://portal.hms.gov/>; rel=preconnect", None),
        ("<https:/portal.hms.gov>; rel=prefetch", None),
        ("</\\portal.hms.gov>; rel=prefetch", None),
        ("https://portal.hms.gov/; rel=prefetch", None),
    ],
)
def test_links_in_headers(value: str, back: str | None) -> None:
    assert value_of("Link", value) == back


def test_a_content_location_elsewhere_vanishes() -> None:
    assert value_of("Content-Location", "https://portal.hms.gov/x") is None
    assert value_of("Content-Location", "//127.0.0.1:9001/x") == "//api.hms.example/x"


@pytest.mark.parametrize(
    "name",
    ["Alt-Svc", "Strict-Transport-Security", "Clear-Site-Data", "Set-Cookie2", "NEL", "Report-To",
     "Reporting-Endpoints", "Public-Key-Pins", "Expect-CT", "Proxy-Authenticate", "x-esr-refused",
     "X-Esr-Run", *sorted(HOP_BY_HOP)],
)  # fmt: skip
def test_what_would_bind_the_client_or_end_at_this_hop_vanishes(name: str) -> None:
    assert value_of(name, "x") is None


def test_what_a_connection_header_names_ends_here_too() -> None:
    found = edit(("Connection", "X-Once"), ("X-Once", "1"), ("X-Kept", "1"))
    assert found == [("X-Kept", "1"), ("x-esr-env", "sandbox")]


@pytest.mark.parametrize(
    "header", [("A b", "x"), ("A", "x\r\nSet-Cookie: y"), ("A", "x\ny"), ("A", "x\0"), ("", "x")]
)
def test_what_would_split_the_head_vanishes(header: tuple[str, str]) -> None:
    assert edit(header) == [("x-esr-env", "sandbox")]


@pytest.mark.parametrize(
    ("cookie", "given"),
    [
        ("sid=1", "esr_sid=1"),
        ("sid=1; Path=/; Domain=.hms.gov; Secure", "esr_sid=1; Path=/; Secure"),
        ("sid=1;domain=hms.gov;HttpOnly", "esr_sid=1;HttpOnly"),
        ("__Host-sid=1; Path=/; Secure", "__Host-esr_sid=1; Path=/; Secure"),
        ("__Secure-a=1; Secure", "__Secure-esr_a=1; Secure"),
        ("bad", None),
        ("a b=1", None),
    ],
)
def test_cookies_of_the_sandbox_are_marked_and_stay_at_one_host(
    cookie: str, given: str | None
) -> None:
    assert value_of("Set-Cookie", cookie) == given
    assert value_of("Set-Cookie", cookie, credentials={"cookies": "drop"}) is None


def test_several_cookies_stay_several() -> None:
    found = edit(("Set-Cookie", "a=1"), ("set-cookie", "b=2"))
    assert isinstance(found, list)
    assert [value for name, value in found if name.lower() == "set-cookie"] == [
        "esr_a=1",
        "esr_b=2",
    ]


def test_live_answers_pass_untouched() -> None:
    headers = [
        ("Location", "https://portal.hms.gov/"),
        ("Set-Cookie", "sid=1; Domain=hms.gov"),
        ("Strict-Transport-Security", "max-age=1"),
        ("X-Esr-Run", "x"),
    ]
    assert edit(*headers, ("Connection", "close"), ("TE", "x"), mode="live") == headers


def test_a_refused_place_is_shown_without_its_secrets() -> None:
    assert shown_place("https://me:hunter2@portal.hms.gov/x?token=hunter2") == "portal.hms.gov"
    assert shown_place("javascript:x?hunter2") == "javascript:x"
    assert shown_place("//\r\n").isprintable()


RULES = rules_of(PREFIXED)
ASK = Ask("https", "api.hms.example", 443, "GET", "/v1/x")
PIECES = st.lists(
    st.sampled_from(
        ["http:", "https:", "//", "/", "\\", "@", ":", ".", "portal.hms.gov", "api.hms.example",
         "127.0.0.1:9001", "/sandbox", "/v1", "?", "#", "\t", "\n", "%2f", "%5c", " ", "x"]
    ),
    max_size=7,
).map("".join)  # fmt: skip


@given(PIECES)
def test_no_spelling_of_a_place_leads_out(location: str) -> None:
    """Read as a browser does: tabs and line breaks are nothing, a backslash is a slash."""
    place = map_place(location, ASK, forward_of(RULES, ASK), RULES)
    if place is None:
        return
    read = "".join(char for char in place if char not in "\t\r\n").strip().replace("\\", "/")
    scheme, colon, rest = read.partition(":")
    has_scheme = bool(colon) and scheme.isalnum() and scheme[0].isalpha()
    if has_scheme:
        assert scheme in ("http", "https")
        assert rest.startswith("//")
    elif not read.startswith("//"):
        return  # a path of the very host that was asked
    authority = (rest if has_scheme else read).lstrip("/")
    for end in "/?#":
        authority = authority.partition(end)[0]
    host = authority.rpartition("@")[2].partition(":")[0]
    assert host.rstrip(".").endswith("hms.example"), (location, place)
