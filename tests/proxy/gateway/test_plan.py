"""The fast way of editing gives exactly what the core gives, header for header."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from proxy.gateway.answer_head import AnswerHead
from proxy.gateway.lines import BadMessage
from proxy.gateway.plan import Plan, head_text
from proxy.gateway.readers import AnswerReader, RequestReader, with_pair
from switchboard.decide import Ask, Forward, Refuse, decide
from switchboard.edit_answer import edit_answer
from switchboard.edit_request import edit_request
from tests.proxy.gateway.scripted import read_rules

SECRETS = {"TOKEN": "Bearer sandbox"}
HOP = "gw-1"
TO = {"name": "svc", "address": "127.0.0.1", "port": 9001}


def rules_of(edit: dict[str, Any], **more: Any) -> dict[str, Any]:
    route = {
        "host": "*.hms.example",
        "to": TO,
        "live": {"name": "real", "address": "127.0.0.9", "port": 9009},
        "edit": edit,
    }
    credentials = {
        "inject": [{"upstream": "svc", "header": "Authorization", "from_env": "TOKEN"}],
        **more.pop("credentials", {}),
    }
    return {"routes": [route], "credentials": credentials, **more}


RULES = [
    read_rules(each)
    for each in (
        rules_of({}),
        rules_of({"headers": {"set": {"X-One": "set", "X-Two": "r"}, "drop": ["accept"]}}),
        rules_of({"prefix": "/sandbox", "query": {"set": {"a": "b"}}}),
        rules_of({"cookies": {"set": {"s": "1"}, "drop": ["t"]}}),
        rules_of(
            {},
            credentials={
                "keep": {"headers": ["authorization", "x-api-key"], "cookies": ["t"]},
                "cookies": "drop",
            },
            tags={"run": "run-1", "labels": {"a": "b"}},
        ),
    )
]
NAMES = [
    "Accept",
    "Authorization",
    "authorization",
    "Cache-Control",
    "Connection",
    "Content-Type",
    "Cookie",
    "Cookie",
    "Forwarded",
    "Host2",
    "Keep-Alive",
    "Range",
    "Referer",
    "TE",
    "User-Agent",
    "X-Api-Key",
    "X-Esr-Hop",
    "X-Esr-Label-a",
    "X-Esr-Request",
    "X-Esr-Run",
    "X-Esr-Service",
    "X-Forwarded-For",
    "X-One",
    "X_One",
    "Sec-WebSocket-Protocol",
]
VALUES = [
    "a",
    "b=c",
    "close",
    "keep-alive",
    "x-one,close",
    "eyJhbGciOiJub25lIn0.e30.x",
    "1f",
    "run-7",
    "gw-2,gw-3",
    "esr_sid=1;t=2;esr_t=3",
    "http://a/?token=x",
    "/?a=b",
    "",
    "padded",
    "",
    "hé",
    "",
]
ANSWER_NAMES = [
    "Alt-Svc",
    "Cache-Control",
    "Connection",
    "Content-Location",
    "Content-Type",
    "Date",
    "ETag",
    "Keep-Alive",
    "Link",
    "Location",
    "Refresh",
    "Server",
    "Set-Cookie",
    "Strict-Transport-Security",
    "X-Esr-Env",
    "X-One",
    "Content-Encoding",
]
ANSWER_VALUES = [
    "a",
    "close",
    "keep-alive",
    "x-one",
    "http://127.0.0.1:9001/x",
    "https://prod.hms.gov/",
    "/rel",
    "sid=1;Path=/;Domain=x",
    "<http://127.0.0.1:9001/y>;rel=next",
    "0;url=/b",
    "x=eyJhbGciOiJub25lIn0.e30.x",
]
TARGETS = ["/a", "/a?b=c", "/a?token=x", "/a;jsessionid=1?a=1", "/", "/a?a=1&b=2"]


def pairs_of(names: list[str], values: list[str]) -> st.SearchStrategy[list[tuple[str, str]]]:
    free = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12)
    value = st.one_of(st.sampled_from(values), free)
    return st.lists(st.tuples(st.sampled_from(names), value), max_size=8)


def forward_of(rules_index: int, is_live: bool) -> tuple[Ask, Forward]:
    ask = Ask("http", "svc.hms.example", 80, "GET", "/a")
    found = decide(RULES[rules_index], "live" if is_live else "sandbox", ask)
    assert isinstance(found, Forward)
    return ask, found


# Shared by all examples, so that what one example leaves in a cache is met by the others.
PLANS = {
    (index, is_live): Plan(*forward_of(index, is_live), RULES[index], SECRETS, HOP)
    for index in range(len(RULES))
    for is_live in (False, True)
}
REQUESTS = RequestReader(128)
ANSWERS = AnswerReader(128)


@given(
    st.sampled_from(sorted(PLANS)),
    pairs_of(NAMES, VALUES),
    st.sampled_from(TARGETS),
    st.sampled_from(["GET", "POST", "PUT"]),
)
def test_request_is_what_the_core_makes_of_it(
    key: tuple[int, bool], pairs: list[tuple[str, str]], target: str, method: str
) -> None:
    rules, plan = RULES[key[0]], PLANS[key]
    lines = "".join(f"\r\n{name}: {value}" for name, value in pairs)
    data = f"{method} {target} HTTP/1.1\r\nHost: svc.hms.example{lines}".encode("latin-1")
    try:
        head, aside = REQUESTS.read(data)
    except BadMessage:
        return
    whole = with_pair(head, aside)
    asked = [("Host", "svc.hms.example"), *((name, value.strip(" \t")) for name, value in pairs)]
    assert sorted(whole.headers) == sorted(asked)
    ask = Ask("http", "svc.hms.example", 80, method, target)
    wanted = edit_request(ask, plan.forward, asked, rules, SECRETS, HOP)
    sent = plan.ready_request(head) if aside is None or plan.drops_set_aside else None
    if sent is None:
        used = head if plan.drops_set_aside else whole
        sent = plan.request_text(used).encode("latin-1")
        plan.keep_request(used, sent)
    expected = f"{method} {wanted.target} HTTP/1.1\r\n{head_text(wanted.headers)}"
    if plan.drops_set_aside or aside is None:
        assert sent.decode("latin-1") == expected
    else:  # kept, and at another place among other names
        assert sorted(sent.decode("latin-1").split("\r\n")) == sorted(expected.split("\r\n"))


@given(st.sampled_from(sorted(PLANS)), pairs_of(ANSWER_NAMES, ANSWER_VALUES))
def test_answer_is_what_the_core_makes_of_it(
    key: tuple[int, bool], pairs: list[tuple[str, str]]
) -> None:
    rules, plan = RULES[key[0]], PLANS[key]
    lines = "".join(f"\r\n{name}: {value}" for name, value in pairs)
    head: AnswerHead = ANSWERS.read(f"HTTP/1.1 200 OK{lines}".encode("latin-1"))
    asked, _ = REQUESTS.read(b"GET /a HTTP/1.1\r\nHost: svc.hms.example")
    ask = Ask("http", "svc.hms.example", 80, "GET", "/a")
    wanted = edit_answer(ask, plan.forward, head.headers, rules)
    given_text = plan.answer_text(asked, head, is_mapped=False)
    if isinstance(wanted, Refuse):
        assert given_text == wanted
    else:
        assert given_text == head_text(wanted)


@given(pairs_of(NAMES, VALUES))
def test_no_secret_is_remembered(pairs: list[tuple[str, str]]) -> None:
    reader = RequestReader(128)
    marked = [(name, f"{value}eyJhbGciOiJub25lIn0.e30.secret") for name, value in pairs]
    lines = "".join(f"\r\n{name}: {value}" for name, value in marked)
    data = f"GET /a HTTP/1.1\r\nHost: svc.hms.example{lines}".encode("latin-1")
    plan = PLANS[0, False]
    try:
        head, _ = reader.read(data)
    except BadMessage:
        return
    plan.keep_request(head, plan.request_text(head).encode("latin-1"))
    lines_kept = [*reader._lines.known, *plan._request_lines, *plan.targets]
    heads_kept = [*reader._known, *plan._ready.values()]
    assert "secret" not in repr((lines_kept, heads_kept))
