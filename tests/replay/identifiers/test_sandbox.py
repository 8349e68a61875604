"""What is provably not real is recognised, and what could be real is not."""

from __future__ import annotations

import base64
import json
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.identifiers.sandbox import (
    FIRST_NAMES,
    LAST_NAMES,
    MARK,
    TEST_BINS,
    aba_check,
    is_documentation_ip,
    is_reserved_email,
    is_sandbox_aba,
    is_sandbox_account,
    is_sandbox_basic,
    is_sandbox_date,
    is_sandbox_ein,
    is_sandbox_iban,
    is_sandbox_itin,
    is_sandbox_jwt,
    is_sandbox_name,
    is_sandbox_phone,
    is_sandbox_private_key,
    is_sandbox_ssn,
    is_sandbox_token,
    is_sandbox_uuid,
    is_test_card,
    luhn_check,
    mark_account,
    network_of,
    token_check,
)


def encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def jwt(header: object, claims: object, signature: str = "") -> str:
    return f"{encoded(header)}.{encoded(claims)}.{signature}"


PEM = "-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----"

TABLE = [
    (is_sandbox_ssn, ["666123456"], ["123456789", "66612345", "66612345x", "966123456", ""]),
    (is_sandbox_itin, ["912012345", "999491234"], ["912701234", "912501234", "812012345", "9"]),
    (is_sandbox_ein, ["071234567", "001234567"], ["121234567", "07123456", "07-123456"]),
    (
        is_test_card,
        ["4111111111111111", "4242424242424242", "5555555555554444", "378282246310005"],
        ["4111111111111112", "4532015112830366", "411111111111", "42424242", ""],
    ),
    (is_sandbox_aba, ["13000000" + aba_check("13000000")], ["021000021", "130000000", "13"]),
    (is_sandbox_iban, [], ["DE89370400440532013000", "DE00", "", "00DE37040044", "GB00 ÄÄÄÄ"]),
    (
        is_sandbox_phone,
        ["2125550100", "12125550199", "5550123", "447700900123", "07700900123", "33199001234"],
        ["2125550200", "2125551212", "447700800123", "112125550100", "5550", ""],
    ),
    (
        is_reserved_email,
        ["example.com", "a.b.example.ORG", "host.test", "x.invalid", "localhost", "a.example"],
        ["example.co", "myexample.com", "gmail.com", "example.com.evil.org", "", "." * 300],
    ),
    (
        is_documentation_ip,
        ["192.0.2.1", "198.51.100.7", "10.0.0.1", "127.0.0.1", "2001:db8::1", "[fe80::1%en0]"],
        ["8.8.8.8", "2606:4700::1111", "1.2.3", "", "256.1.1.1"],
    ),
    (
        is_sandbox_name,
        [FIRST_NAMES[0], f"Dr. {LAST_NAMES[3].upper()}, {FIRST_NAMES[7].lower()} X."],
        ["Maria", f"{FIRST_NAMES[0]} Garcia", "Dr.", "", "X"],
    ),
    (is_sandbox_token, ["xxxxxxxx", "****"], ["0123456789abcdef", "short", "x" * 300, "hunter2"]),
    (
        is_sandbox_uuid,
        [],
        ["123e4567-e89b-12d3-a456-426614174000", "123e4567", ""],
    ),
    (is_sandbox_account, ["666123456"], ["12345", "123456789012", "", "1" * 65, "١٢٣٤٥٦٧٨"]),
    (
        is_sandbox_basic,
        [base64.b64encode(b"sandbox:x").decode(), base64.b64encode(b"sandbox-1:x").decode()],
        [base64.b64encode(b"maria:x").decode(), "?", "", base64.b64encode(b"\xff:x").decode()],
    ),
    (
        is_sandbox_private_key,
        [PEM.format("SandboxKeyNotReal" * 3)],
        [PEM.format("MIIEpAIBAAKCAQEA"), "", "-----BEGIN PRIVATE KEY-----SandboxKeyNotReal"],
    ),
    (
        is_sandbox_jwt,
        [jwt({"alg": "none"}, {MARK: True, "sub": "1"})],
        [
            jwt({"alg": "none"}, {"sub": "1"}),
            jwt({"alg": "HS256"}, {MARK: True}),
            jwt({"alg": "none"}, {MARK: True}, "c2ln"),
            jwt([], []),
            "..",
            "a.b.",
            "é.é.",
        ],
    ),
]


@pytest.mark.parametrize(("is_sandbox", "ours", "real"), TABLE)
def test_each_kind_is_told_from_what_could_be_real(
    is_sandbox: object, ours: list[str], real: list[str]
) -> None:
    assert callable(is_sandbox)
    assert [text for text in ours if not is_sandbox(text)] == []
    assert [text for text in real if is_sandbox(text)] == []


def test_an_iban_that_adds_up_with_digits_no_bank_writes() -> None:
    # 97 more than 02 leaves the same remainder: the sum holds, the check digits do not exist.
    found = [f"DE99{bank:08d}0532013000" for bank in range(200)]
    assert sum(map(is_sandbox_iban, found)) == 2


@given(st.text(alphabet="0123456789abcdef", min_size=16, max_size=64))
@settings(max_examples=100)
def test_a_token_with_its_checksum_is_recognised_and_another_end_is_not(text: str) -> None:
    ours = token_check(text)
    assert len(ours) == len(text)
    assert is_sandbox_token(ours)
    other = ours[:-1] + ("1" if ours[-1] != "1" else "2")
    assert not is_sandbox_token(other)


def test_a_real_token_hardly_ever_passes() -> None:
    draw = Random(5)
    tokens = (f"{draw.getrandbits(64):016x}" for _ in range(20_000))
    assert sum(map(is_sandbox_token, tokens)) <= 1


@pytest.mark.parametrize("digits", ["123456", "12345678", "123456789012", "98765432109876543"])
def test_an_account_number_can_prove_itself(digits: str) -> None:
    ours = mark_account(digits)
    assert is_sandbox_account(ours)
    assert len(ours) == len(digits)
    assert ours[-1] == digits[-1]


def test_every_test_range_is_of_the_network_it_is_listed_under() -> None:
    for network, prefixes in TEST_BINS.items():
        assert {network_of(prefix) for prefix in prefixes} == {network}


@given(st.text(alphabet="0123456789", min_size=1, max_size=18))
@settings(max_examples=50)
def test_luhn_finds_every_single_wrong_digit(digits: str) -> None:
    right = luhn_check(digits)
    assert right in "0123456789"
    wrong = str((int(digits[0]) + 1) % 10) + digits[1:]
    assert luhn_check(wrong) != right


def test_every_five_years_hold_some_dates_and_few() -> None:
    for start in range(1900, 2030, 5):
        dates = [
            (year, month, day)
            for year in range(start, start + 5)
            for month in range(1, 13)
            for day in range(1, 29)
            if is_sandbox_date(year, month, day)
        ]
        assert 8 <= len(dates) <= 60
        assert all(day > 12 for _, _, day in dates)


def test_no_two_invented_names_are_alike() -> None:
    names = [name.casefold() for name in (*FIRST_NAMES, *LAST_NAMES)]
    assert len(names) == len(set(names)) == 1536


@given(st.text(max_size=60))
@settings(max_examples=100)
def test_no_text_makes_a_recogniser_raise(text: str) -> None:
    for is_sandbox, _, _ in TABLE:
        assert is_sandbox(text) in (True, False)


@pytest.mark.parametrize("text", ["-----BEGIN PRIVATE KEY-----" * 3000, "a" * 65_536, "." * 65_536])
def test_a_long_line_is_judged_at_once(text: str) -> None:
    assert [is_sandbox(text) for is_sandbox, _, _ in TABLE] == [False] * len(TABLE)
