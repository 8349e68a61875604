"""The interlock's document: its numbers are derived, and no change to it goes unnoticed."""

from __future__ import annotations

import copy
import json
from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchboard.interlock import (
    MAX_BYTES,
    Declared,
    HmacKey,
    build_document,
    canonical_bytes,
    check_document,
    parse_document,
    production_of,
    sign,
)
from switchboard.rules import Destination, Route, Rules

KEY = HmacKey(b"0123456789abcdef")
OTHER = HmacKey(b"fedcba9876543210")
DENIED = ip_network("203.0.113.0/24")
CONTACT = {
    "upstream": "svc", "address": "127.0.0.1", "port": 9001, "asked": "svc.hms.example",
    "requests": 7,
}  # fmt: skip
REFUSED = {
    "host": "www.hms.gov", "rule": "deny.hosts[0]", "door": "gateway", "attempts": 3,
    "clients": {"127.0.0.1": 3},
}  # fmt: skip


def document(**change: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "run_id": "RUN-1", "door": "gateway", "mode": "sandbox",
        "rules": {"source": "switchboard.yml", "digest": "ab"},
        "declared": Declared(frozenset({("127.0.0.1", 9001)}), (DENIED,)),
        "rows": {"contacted": [CONTACT], "refused": [REFUSED]},
        "canaries": {"rounds": 1, "results": [{"target": "192.0.2.1:443", "outcome": "timeout"}]},
        "written": "2020-03-15T09:30:00.250Z",
    }  # fmt: skip
    return build_document(**{**fields, **change})


def contact(**change: Any) -> dict[str, Any]:
    return {"contacted": [{**CONTACT, **change}], "refused": []}


def test_a_signed_document_holds() -> None:
    signed = sign(document(), KEY)
    assert signed["signature"]["algorithm"] == "hmac-sha256"
    assert (signed["connections_to_production"], signed["attempts_refused"]) == (0, 3)
    again = parse_document(json.dumps(signed, indent=2).encode())
    assert check_document(again, [OTHER, KEY]) == []


@pytest.mark.parametrize(
    ("rows", "production"),
    [
        pytest.param(contact(), [], id="declared"),
        pytest.param(contact(port=9002), [("127.0.0.1", 9002)], id="another port"),
        pytest.param(contact(address="127.0.0.2"), [("127.0.0.2", 9001)], id="another address"),
        pytest.param(contact(address="", port=0), [], id="a stub in place"),
        pytest.param(contact(address="127.0.0.2", requests=0), [], id="nothing was sent"),
        pytest.param(contact(address="www"), [("www", 9001)], id="no address"),
        pytest.param(
            {"contacted": [{**CONTACT, "port": 1}, {**CONTACT, "port": 1, "asked": "b"}]},
            [("127.0.0.1", 1)], id="counted once",
        ),
    ],
)  # fmt: skip
def test_production_is_whatever_was_not_declared(
    rows: dict[str, Any], production: list[tuple[str, int]]
) -> None:
    told = document(rows={"refused": [], **rows})
    assert production_of(told) == production
    assert told["connections_to_production"] == len(production)


@pytest.mark.parametrize("address", ["203.0.113.9", "::ffff:203.0.113.9"])
def test_a_denied_network_is_production_though_it_was_declared(address: str) -> None:
    declared = Declared(frozenset({(address, 80)}), (DENIED,))
    told = document(declared=declared, rows=contact(address=address, port=80))
    assert told["connections_to_production"] == 1


def test_what_rules_declare_is_their_sandbox_and_never_a_live_upstream() -> None:
    there, live = Destination("svc", "127.0.0.1", 9001), Destination("prod", "127.0.0.2", 80)
    rules = Rules(
        (Route("routes[0]", ("*",), there, live=live),), "switchboard.yml", deny_networks=(DENIED,)
    )
    assert Declared.by(rules) == Declared(frozenset({("127.0.0.1", 9001)}), (DENIED,))


def test_rules_that_were_replaced_add_up() -> None:
    one = Declared(frozenset({("127.0.0.1", 1)}), (DENIED,))
    two = Declared(frozenset({("127.0.0.1", 2)}), (DENIED, ip_network("198.51.100.0/24")))
    both = one | two
    assert both.endpoints == {("127.0.0.1", 1), ("127.0.0.1", 2)}
    assert [str(network) for network in both.denied] == ["203.0.113.0/24", "198.51.100.0/24"]


def paths_of(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where every value that is no container stands."""
    if isinstance(value, dict):
        return [path for key, each in value.items() for path in paths_of(each, (*at, key))]
    if isinstance(value, list):
        return [path for key, each in enumerate(value) for path in paths_of(each, (*at, key))]
    return [at]


SIGNED = sign(document(), KEY)


@pytest.mark.parametrize("path", paths_of(SIGNED), ids=lambda path: ".".join(map(str, path)))
@pytest.mark.parametrize("value", ["other", 0, 41, None])
def test_no_single_change_goes_unnoticed(path: tuple[Any, ...], value: object) -> None:
    changed = copy.deepcopy(SIGNED)
    inside = changed
    for key in path[:-1]:
        inside = inside[key]
    if inside[path[-1]] == value:
        return
    inside[path[-1]] = value
    assert check_document(changed, [KEY])


@pytest.mark.parametrize("key", sorted(SIGNED))
def test_nothing_can_be_taken_away_or_added(key: str) -> None:
    less = {name: value for name, value in SIGNED.items() if name != key}
    assert check_document(less, [KEY])
    assert check_document({**SIGNED, f"{key}-too": 1}, [KEY])


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"signature": None}, "it is not signed"),
        ({"signature": {"algorithm": "hmac-sha256"}}, "it is not signed"),
        ({"schema": "esr.interlock/1"}, "does not have the schema"),
    ],
)
def test_what_is_missing_is_said(change: dict[str, Any], fault: str) -> None:
    (said,) = check_document({**SIGNED, **change}, [KEY])
    assert fault in said


def test_a_wrong_key_is_said_to_be_another_one() -> None:
    (said,) = check_document(SIGNED, [OTHER])
    assert "a key that is not at hand (hmac-sha256, key " in said
    assert OTHER.key_id not in said


def test_the_algorithm_cannot_be_talked_down() -> None:
    signature = {**SIGNED["signature"], "algorithm": "none"}
    assert "not at hand" in check_document({**SIGNED, "signature": signature}, [KEY])[0]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        pytest.param({"rows": contact(port=1)}, "production was contacted: 127.0.0.1:1", id="prod"),
        pytest.param({"tripped": "a canary"}, "it was tripped", id="tripped"),
        pytest.param(
            {"canaries": {"results": [{"target": "192.0.2.1:443", "outcome": "escaped"}]}},
            "the canary 192.0.2.1:443 got out", id="canary",
        ),
    ],
)  # fmt: skip
def test_an_honest_signature_hides_nothing(change: dict[str, Any], fault: str) -> None:
    assert [said for said in check_document(sign(document(**change), KEY), [KEY]) if fault in said]


@pytest.mark.parametrize("key", ["connections_to_production", "attempts_refused"])
def test_a_number_that_does_not_follow_is_a_fault_though_it_is_signed(key: str) -> None:
    (said,) = check_document(sign({**document(), key: 12}, KEY), [KEY])
    assert said.startswith(key)


def test_a_negative_count_cannot_make_a_sum_come_out() -> None:
    rows = [{**REFUSED, "attempts": 5}, {**REFUSED, "attempts": -2}]
    assert check_document(sign({**document(), "refused": rows}, KEY), [KEY])


@pytest.mark.parametrize(
    "key", ["declared", "contacted", "refused", "canaries", "attempts_refused"]
)
@pytest.mark.parametrize("value", [5, "x", [5], {"x": 5}, [[]], [{"address": 5}], {"results": 5}])
def test_any_shape_is_judged(key: str, value: object) -> None:
    assert check_document(sign({**document(), key: value}, KEY), [KEY])


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        pytest.param(b"", "not JSON", id="empty"),
        pytest.param(b"\xff", "not UTF-8", id="not text"),
        pytest.param(b"[]", "not a JSON object", id="a list"),
        pytest.param(b'{"a": 1, "a": 2}', "stands twice", id="two readings"),
        pytest.param(b'{"a": NaN}', "no number", id="NaN"),
        pytest.param(b'{"a": ' + b"9" * 5_000 + b"}", "digits", id="huge number"),
        pytest.param(b'{"a": ' + b"[" * 200_000, "nested", id="deep"),
        pytest.param(b" " * (MAX_BYTES + 1), "far too long", id="long"),
    ],
)
def test_hostile_files_are_refused_in_a_sentence(data: bytes, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        parse_document(data)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        found = parse_document(data)
    except ValueError:
        return
    check_document(found, [KEY])


def test_text_that_is_no_text_is_made_fit() -> None:
    rows = {"contacted": [], "refused": [{**REFUSED, "clients": {"\udcff": 3}}]}
    signed = sign(document(rows=rows), KEY)
    assert signed["refused"][0]["clients"] == {"?": 3}
    assert check_document(parse_document(json.dumps(signed).encode()), [KEY]) == []


def test_the_order_of_keys_is_no_change() -> None:
    turned = dict(reversed(SIGNED.items()))
    assert canonical_bytes(turned) == canonical_bytes(SIGNED)
    assert check_document(turned, [KEY]) == []


def test_keys_are_told_apart_and_not_shown() -> None:
    assert KEY.key_id != OTHER.key_id
    assert "0123456789abcdef" not in repr(KEY) + KEY.key_id
