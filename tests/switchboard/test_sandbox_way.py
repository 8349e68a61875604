"""What the middleware makes of requests and answers, as tables: no server, no application."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchboard.decide import Refuse
from switchboard.rules import Destination, Keep, Route, Rules
from switchboard.sandbox_way import Entered, Incoming, SandboxWay, parse_prefix, tagged

HOST = ("host", "svc.hms.example")
SVC = Destination("svc", "127.0.0.1", 9001)
RULES = Rules(
    (Route("routes[0]", ("*.hms.example",), to=SVC),),
    "a test",
    deny_hosts=("*.hms.gov", "old.hms.example"),
)
PLAIN = Incoming("http", "GET", b"", b"/users", "/users", "", [HOST])
WAY = SandboxWay("/sandbox", None, {})


def entered(found: Entered | Refuse) -> Entered:
    assert isinstance(found, Entered), found
    return found


def refused(found: Entered | Refuse) -> str:
    assert isinstance(found, Refuse), found
    return found.rule


def asked(path: str, *, root: str = "", query: str = "") -> Incoming:
    """A request as a server makes it of what was sent."""
    raw = root + path
    return replace(
        PLAIN,
        root=unquote_to_bytes(root),
        path=unquote_to_bytes(path),
        raw=raw,
        query=query,
    )


@pytest.mark.parametrize(
    ("path", "swapped"),
    [
        ("/", "/sandbox/"),
        ("", "/sandbox"),
        ("/users/42", "/sandbox/users/42"),
        ("/users/", "/sandbox/users/"),
        ("/sandboxes", "/sandbox/sandboxes"),
        ("/Sandbox/x", "/sandbox/Sandbox/x"),
        ("/a//b", "/sandbox/a//b"),
        ("/a%20b/%C3%BC", "/sandbox/a%20b/%C3%BC"),
        ("/a%2Fb", "/sandbox/a%2Fb"),
        ("/%ff", "/sandbox/%ff"),
        # These carry it already, and are taken as they are.
        ("/sandbox", "/sandbox"),
        ("/sandbox/users", "/sandbox/users"),
        ("/sandbox/sandbox/users", "/sandbox/sandbox/users"),
    ],
)
def test_the_prefix_is_swapped_in_once(path: str, swapped: str) -> None:
    found = entered(WAY.enter(asked(path)))
    assert found.raw == swapped
    assert found.path == unquote_to_bytes(swapped)


def test_the_prefix_comes_after_the_mount() -> None:
    found = entered(WAY.enter(asked("/users", root="/svc")))
    assert (found.path, found.raw) == (b"/sandbox/users", "/svc/sandbox/users")


def test_a_mount_written_in_another_way_is_written_anew() -> None:
    incoming = replace(asked("/users", root="/svc"), raw="/%73vc/users")
    assert entered(WAY.enter(incoming)).raw == "/svc/sandbox/users"


def test_another_application_gets_the_path_as_it_is() -> None:
    found = entered(SandboxWay("", None, {}).enter(asked("/sandbox/users", query="a=1")))
    assert (found.path, found.raw, found.query) == (b"/sandbox/users", "/sandbox/users", "a=1")


@pytest.mark.parametrize(
    "path",
    [
        "/..",
        "/../admin",
        "/a/../../admin",
        "/./a",
        "/%2e%2e/admin",
        "/%2E%2e/admin",
        "/..%2fadmin",
        "/%2e%2e%2fadmin",
        "/%252e%252e/admin",
        "/%25252e./admin",
        "/..;/admin",
        "/..%5cadmin",
        "/a%5c..%5cadmin",
        "/a\\..\\admin",
        "//prod.example/",
        "/%2f/prod.example",
        "/%2Fprod.example",
        "/a%00b",
        "/sandbox/../admin",
        "/sandbox%2fusers",
        "/%73andbox/users",
        "/sandbox/%2e%2e/admin",
        "/a b",
        "/a#b",
        "/\x7f",
        "*",
        "http://prod.example/",
        "users",
        "/" + "a" * 20_000,
    ],
)
def test_a_path_that_could_step_out_is_refused(path: str) -> None:
    assert refused(WAY.enter(asked(path))) == "bad-target"


@pytest.mark.parametrize("path", [b"/../admin", b"//prod.example", b"/a\\..\\b", b"/a\0b", b"x"])
@pytest.mark.parametrize("raw", [None, "/users"])
def test_what_the_server_made_of_the_path_is_looked_at_too(path: bytes, raw: str | None) -> None:
    assert refused(WAY.enter(replace(PLAIN, path=path, raw=raw))) == "bad-target"


def test_a_raw_path_that_says_something_else_is_not_passed_on() -> None:
    found = entered(WAY.enter(replace(PLAIN, path=b"/users", raw="/admin")))
    assert (found.path, found.raw) == (b"/sandbox/users", "/sandbox/users")


@given(st.text(alphabet="/.%25eEfFcC\\;a0sandbox", max_size=30).map(lambda path: f"/{path}"))
def test_whatever_passes_is_under_the_prefix_however_often_it_is_decoded(path: str) -> None:
    found = WAY.enter(asked(path))
    if isinstance(found, Refuse):
        return
    for text in (found.raw.encode(), found.path):
        for _ in range(4):
            parts = text.replace(b"\\", b"/").split(b"/")
            assert parts[:2] == [b"", b"sandbox"]
            assert not {b".", b".."} & {part.partition(b";")[0] for part in parts}
            text = unquote_to_bytes(text)


@pytest.mark.parametrize(
    ("host", "rule"),
    [
        ("prod.other.example", "unmapped-host"),
        ("svc.hms.gov", "deny.hosts[0]"),
        ("old.hms.example", "deny.hosts[1]"),
        ("2130706433", "bad-host"),
        ("svc.hms.example@prod.example", "bad-host"),
        ("svc.hms.example, prod.example", "bad-host"),
        ("127.1", "bad-host"),
        ("", "no-host"),
    ],
)
def test_with_rules_a_host_that_no_route_names_is_refused(host: str, rule: str) -> None:
    way = SandboxWay("/sandbox", RULES, {})
    assert refused(way.enter(replace(PLAIN, headers=[("host", host)]))) == rule


def test_two_hosts_are_no_host() -> None:
    incoming = replace(PLAIN, headers=[HOST, ("Host", "prod.example")])
    assert refused(WAY.enter(incoming)) == "bad-host"


@pytest.mark.parametrize("host", ["svc.hms.example", "SVC.hms.example.", "a.hms.example:8080"])
def test_with_rules_a_host_that_a_route_names_passes(host: str) -> None:
    way = SandboxWay("/sandbox", RULES, {})
    assert entered(way.enter(replace(PLAIN, headers=[("host", host)]))).path == b"/sandbox/users"


def test_what_a_route_says_of_paths_and_methods_counts_and_what_it_edits_too() -> None:
    route = Route("routes[0]", ("*",), to=SVC, path="/users", methods=frozenset({"GET"}))
    way = SandboxWay("/sandbox", Rules((route,), "a test"), {})
    entered(way.enter(PLAIN))
    assert refused(way.enter(replace(PLAIN, method="POST"))) == "unmapped-method"
    assert refused(way.enter(asked("/admin"))) == "unmapped-path"


@pytest.mark.parametrize(
    ("method", "scheme", "rule"),
    [
        ("CONNECT", "http", "not-plain-http"),
        ("G ET", "http", "bad-request"),
        ("GET", "gopher", "not-plain-http"),
    ],
)
def test_what_is_no_plain_request_is_refused(method: str, scheme: str, rule: str) -> None:
    assert refused(WAY.enter(replace(PLAIN, method=method, scheme=scheme))) == rule


CREDENTIALS = [
    ("authorization", "Bearer secret"),
    ("proxy-authorization", "Basic c2VjcmV0"),
    ("cookie", "sid=secret; theme=dark"),
    ("x-api-key", "secret"),
    ("x-amz-security-token", "secret"),
    ("x-forwarded-client-cert", "secret"),
    ("x-forwarded-for", "203.0.113.9"),
    ("x-custom", "Bearer secret"),
    ("x-esr-env", "live"),
    ("x-esr-hop", "gateway"),
]


def test_credentials_are_gone_and_the_request_is_tagged() -> None:
    way = SandboxWay("/sandbox", None, {"run": "drill-7", "Team": "benefits"})
    found = entered(way.enter(replace(PLAIN, headers=[HOST, ("accept", "*/*"), *CREDENTIALS])))
    assert {name.lower(): value for name, value in found.headers} == {
        "host": "svc.hms.example",
        "accept": "*/*",
        "x-esr-env": "sandbox",
        "x-esr-service": "svc",
        "x-esr-run": "drill-7",
        "x-esr-label-team": "benefits",
    }


def test_rules_say_what_is_kept_all_the_same() -> None:
    keep = Keep(frozenset({"x-api-key"}), frozenset({"code"}), frozenset({"theme"}))
    way = SandboxWay("/sandbox", replace(RULES, keep=keep), {})
    incoming = replace(asked("/cb", query="code=1&token=2"), headers=[HOST, *CREDENTIALS])
    found = entered(way.enter(incoming))
    headers = {name.lower(): value for name, value in found.headers}
    assert (headers["x-api-key"], headers["cookie"]) == ("secret", "theme=dark")
    assert found.query == "code=1&token=sandbox"


def test_framing_stays_with_the_server() -> None:
    framing = [
        ("content-length", "3"),
        ("connection", "Upgrade, x-hidden"),
        ("upgrade", "websocket"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("sec-websocket-version", "13"),
        ("x-forwarded-proto", "https"),
    ]
    incoming = replace(PLAIN, headers=[HOST, *framing, ("x-hidden", "1")])
    names = [name.lower() for name, _ in entered(WAY.enter(incoming)).headers]
    assert set(names) == {"host", "x-esr-env", "x-esr-service", *(name for name, _ in framing)}
    assert len(set(names)) == len(names)


def test_a_cookie_of_the_sandbox_comes_back_under_its_own_name() -> None:
    first = entered(WAY.enter(PLAIN))
    answered = WAY.answer(first, [("set-cookie", "sid=1; Path=/"), ("content-length", "2")])
    assert answered == [
        ("content-length", "2"),
        ("set-cookie", "esr_sid=1; Path=/"),
        ("x-esr-env", "sandbox"),
    ]
    again = replace(PLAIN, headers=[HOST, ("cookie", "sid=production; esr_sid=1")])
    assert ("cookie", "sid=1") in entered(WAY.enter(again)).headers


@pytest.mark.parametrize(
    ("location", "told"),
    [
        ("/sandbox/login", "/login"),
        ("/login", "/login"),
        ("http://svc.hms.example/sandbox/login", "http://svc.hms.example/login"),
        ("login?next=/", "login?next=/"),
    ],
)
def test_a_redirect_stays_in_the_sandbox(location: str, told: str) -> None:
    answered = WAY.answer(entered(WAY.enter(PLAIN)), [("location", location)])
    assert isinstance(answered, list)
    assert ("location", told) in answered


@pytest.mark.parametrize(
    "location",
    ["https://prod.hms.gov/", "//prod.hms.gov/", "/\\prod.hms.gov", "javascript:alert(1)"],
)
@pytest.mark.parametrize("rules", [None, RULES])
def test_a_redirect_out_of_the_sandbox_is_refused(location: str, rules: Rules | None) -> None:
    way = SandboxWay("/sandbox", rules, {})
    answered = way.answer(entered(way.enter(PLAIN)), [("location", location)])
    assert isinstance(answered, Refuse)
    assert answered.rule == "redirect"


def test_the_answer_names_the_run() -> None:
    way = SandboxWay("/sandbox", None, {"run": "drill-7"})
    answered = way.answer(entered(way.enter(PLAIN)), [])
    assert answered == [("x-esr-env", "sandbox"), ("x-esr-run", "drill-7")]


@pytest.mark.parametrize("prefix", ["sandbox", "/", "/a/../b", "//a", "/a b", "/a?b", "/%61"])
def test_a_prefix_that_is_no_plain_path_is_a_callers_misuse(prefix: str) -> None:
    with pytest.raises(ValueError, match="plain segments"):
        parse_prefix(prefix)


@pytest.mark.parametrize(
    "tags", [{"run": "a b"}, {"run": ""}, {"a b": "c"}, {"team": "a\r\nb"}, {"team": "x" * 201}]
)
def test_tags_that_fit_no_header_are_a_callers_misuse(tags: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="the tag"):
        tagged(RULES, tags)
