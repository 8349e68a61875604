"""Names, hosts and room of definitions that are being written."""

from __future__ import annotations

import pytest

from stubs.definitions.reader import parse_definition
from stubs.importers.definition import MAX_FILE_CHARS, Drafts, choose_key, choose_name, host_of
from stubs.importers.report import NotTakenError
from stubs.importers.yaml_text import dump_yaml

ROUTE = {"method": "GET", "path": "/x", "answer": {"status": 200}}


@pytest.mark.parametrize(
    ("wish", "taken", "name"),
    [
        ("shop.example", (), "shop"),
        ("svc-eu.hms.example", (), "svc"),
        ("svc-eu.hms.example", ("svc",), "svceu"),
        ("shop.example", ("shop",), "shopexample"),
        ("shop", ("shop",), "shop2"),
        ("shop", ("shop", "shop2"), "shop3"),
        ("1.example", (), "s1"),
        ("-", (), "service"),
        ("", (), "service"),
        ("Ünï.example", (), "n"),
        ("../../etc", (), "etc"),
        ("x" * 99, (), "x" * 24),
    ],
)
def test_a_service_has_a_name_of_its_own(wish: str, taken: tuple[str, ...], name: str) -> None:
    assert choose_name(wish, taken) == name


@pytest.mark.parametrize(
    ("authority", "host"),
    [
        ("Shop.Example:8080", "shop.example"),
        ("user:pass@shop.example", "shop.example"),
        ("shop.example.", "shop.example"),
        ("10.0.0.1:80", ""),
        ("[::1]:80", ""),
        ("localhost:3000", ""),
        ("a_b.example", ""),
        ("-a.example", ""),
        ("a..b", ""),
        ("", ""),
    ],
)
def test_a_host_is_a_name(authority: str, host: str) -> None:
    assert host_of(authority) == host


def test_hosts_that_share_their_first_label_are_two_services() -> None:
    drafts = Drafts("file")
    for host in ("www.a.example", "www.b.example", "www.a.example"):
        drafts.of_host(host).add(ROUTE)
    told = [(each["service"], each["hosts"]) for each in drafts.services()]
    assert told == [("www", ["www.a.example"]), ("wwwb", ["www.b.example"])]


def test_a_port_is_a_service_but_no_host_is_answered_twice() -> None:
    drafts = Drafts("file")
    for port in (1, 2):
        drafts.of_host(f"a.example:{port}").add(ROUTE)
    hosts = [each.get("hosts", []) for each in drafts.services()]
    assert hosts == [["a.example"], []]


def test_a_route_that_cannot_be_read_is_not_added() -> None:
    draft = Drafts("file").of_host("a.example")
    with pytest.raises(NotTakenError, match="braces take a whole segment"):
        draft.add({**ROUTE, "path": "/{a}b"})
    with pytest.raises(NotTakenError, match="no YAML file here can hold"):
        draft.add({**ROUTE, "answer": {"status": 200, "text": "\0"}})
    assert draft.routes == []


def test_a_definition_never_grows_past_what_is_read() -> None:
    draft = Drafts("file").of_host("a.example")
    route = {**ROUTE, "answer": {"status": 200, "text": "x" * 50_000}}
    for _ in range(4):
        draft.add(route)
    with pytest.raises(NotTakenError, match="is full"):
        draft.add(route)
    written = dump_yaml(draft.to_mapping())
    assert len(written) < MAX_FILE_CHARS
    assert len(parse_definition(draft.to_mapping(), source="x", line_of=lambda _: None).routes) == 4


@pytest.mark.parametrize(
    ("text", "key"), [("Case file", "case_file"), ("1", "s_1"), ("…", "state"), ("", "state")]
)
def test_a_state_has_a_word_for_a_name(text: str, key: str) -> None:
    assert choose_key(text) == key


def test_a_title_is_one_line() -> None:
    drafts = Drafts("a\nb\x1b[2J")
    drafts.of_host("").add(ROUTE)
    (service,) = drafts.services()
    assert parse_definition(service, source="x", line_of=lambda _: None).title.isprintable()
