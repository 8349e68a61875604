"""Pseudonyms of every kind: the same for the same citizen, as it was written, and nobody's."""

from __future__ import annotations

import base64
import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.identifiers.find import find_identifiers
from replay.identifiers.sandbox import (
    MARK,
    is_documentation_ip,
    is_reserved_email,
    is_sandbox_aba,
    is_sandbox_account,
    is_sandbox_basic,
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
)
from replay.pseudonyms.keyed import Keyed
from replay.pseudonyms.kinds import PSEUDONYM_KINDS
from replay.pseudonyms.pseudonyms import MADE_KINDS, Pseudonyms

P = Pseudonyms(b"a key of the tests, 32 bytes big")


def encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def digits(text: str) -> str:
    return re.sub(r"\D", "", text)


CLAIMS = {"sub": "C-48219730", "email": "m@gmail.com", "iat": 1584273600, "ok": True, "n": 3}
JWT = (
    f"{encoded({'alg': 'RS256', 'typ': 'JWT', 'kid': 'prod-key-2020-1'})}."
    f"{encoded(CLAIMS)}.c2lnbmF0dXJl"
)
PEM = (
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA04up8hoq\nzS1=\n-----END RSA PRIVATE KEY-----"
)

# Each group is one citizen's value, written in several ways: one pseudonym, in the same ways.
SAME = [
    ("ssn", ["123-45-6789", "123456789", "123 45 6789", "١٢٣-٤٥-٦٧٨٩", "123\u201145\u20116789"]),
    ("itin", ["912-70-1234", "912701234"]),
    ("ein", ["12-3456789", "123456789"]),
    ("card", ["4532015112830366", "4532 0151 1283 0366", "4532-0151-1283-0366"]),
    ("card", ["378734493671000", "3787 344936 71000"]),
    ("aba", ["021000021"]),
    ("account", ["1234567890", "12-345-67890"]),
    ("iban", ["DE89370400440532013000", "DE89 3704 0044 0532 0130 00"]),
    (
        "phone",
        ["2128675309", "(212) 867-5309", "+1 212 867 5309", "1-212-867-5309"],
    ),
    ("phone", ["+44 7911 123456", "+447911123456"]),
    ("id", ["C-48219730", "C_48219730", "48219730", "c-48219730", "CUST48219730"]),
    ("uuid", ["123e4567-e89b-12d3-a456-426614174000", "123e4567e89b12d3a456426614174000"]),
]


def test_there_is_a_maker_for_every_kind() -> None:
    assert MADE_KINDS == PSEUDONYM_KINDS


@pytest.mark.parametrize(("kind", "texts"), SAME, ids=lambda each: str(each)[:24])
def test_one_value_is_one_pseudonym_however_it_is_written(kind: str, texts: list[str]) -> None:
    made = [P.of(kind, text) for text in texts]
    if kind == "uuid":
        plain = {each.replace("-", "") for each in made}
    else:
        plain = {re.sub(r"[\W_]|^1(?=\d{10}$)", "", each).lstrip("Cc") for each in made}
        plain = {re.sub(r"^(1(?=\d{10}$)|UST)", "", each) for each in plain}
    assert len(plain) == 1
    for text, each in zip(texts, made, strict=True):
        assert re.sub(r"\w", "", each, flags=re.ASCII) == re.sub(r"\w", "", plain_of(text))
        assert len(each) == len(text)
        assert each != text


def plain_of(text: str) -> str:
    return text.replace("\u2011", "-")


LOOKS = [
    ("ssn", "123-45-6789", lambda made: is_sandbox_ssn(digits(made))),
    ("ssn", "912-70-1234", lambda made: is_sandbox_itin(digits(made))),
    ("ein", "12-3456789", lambda made: is_sandbox_ein(digits(made))),
    ("card", "4532015112830366", is_test_card),
    ("card", "5425233430109903", is_test_card),
    ("card", "6011601160116611", is_test_card),
    ("card", "38520000023237", is_test_card),
    ("card", "378734493671000", is_test_card),
    ("card", "3541606160611608", is_test_card),
    ("aba", "021000021", is_sandbox_aba),
    ("account", "1234567890", is_sandbox_account),
    ("account", "12345678", is_sandbox_account),
    ("account", "4532015112830366", is_test_card),
    ("iban", "GB29 NWBK 6016 1331 9268 19", is_sandbox_iban),
    ("iban", "DE89370400440532013000", is_sandbox_iban),
    ("phone", "(212) 867-5309 x123", lambda made: is_sandbox_phone(digits(made)[:10])),
    ("phone", "867-5309", lambda made: is_sandbox_phone(digits(made))),
    ("phone", "+49 30 901820", lambda made: is_sandbox_phone(digits(made))),
    ("phone", "+44 7911 123456", lambda made: is_sandbox_phone(digits(made))),
    ("phone", "030 901820", lambda made: is_sandbox_phone(digits(made))),
    ("email", "maria.garcia@gmail.com", lambda made: is_reserved_email(made.partition("@")[2])),
    ("ip", "8.8.8.8", is_documentation_ip),
    ("ip", "10.1.2.3", lambda made: made.startswith(("192.0.2.", "198.51.100."))),
    ("ip", "2606:4700::1111", lambda made: made.startswith("2001:db8:")),
    ("ip", "8.8.8.8:443", lambda made: made.endswith(":443")),
    ("ip", "[2606:4700::1111]:443", lambda made: made.startswith("[2001:db8:")),
    ("person_name", "Maria Garcia", is_sandbox_name),
    ("person_name", "GARCIA, J. R. Jr.", is_sandbox_name),
    ("person_name", "李小龍", is_sandbox_name),
    ("uuid", "123e4567-e89b-42d3-a456-426614174000", is_sandbox_uuid),
    ("secret", "sk_live_4eC39HqLyjWDarjtT1zdp7dc", is_sandbox_token),
    ("cloud_key", "AKIAIOSFODNN7EXAMPLQ", lambda made: made[:4] == "AKIA"),
    ("id", "9f8e7d6c5b4a3f2e1d0c9b8a", lambda made: re.fullmatch("[0-9a-f]{24}", made)),
    ("basic", "bWFyaWE6cGFzcw==", is_sandbox_basic),
    ("basic", "Basic bWFyaWE6cGFzcw==", lambda made: is_sandbox_basic(made[6:])),
    ("bearer", f"Bearer {JWT}", lambda made: is_sandbox_jwt(made[7:])),
    ("bearer", "Bearer abcdef0123456789abcdef", lambda made: is_sandbox_token(made[7:])),
    ("jwt", JWT, is_sandbox_jwt),
    ("private_key", PEM, is_sandbox_private_key),
    ("zip", "94103-1234", lambda made: made == "94100-0000"),
    ("zip", "03601", lambda made: made == "00000"),
    ("id", "CASE-2020-000123", lambda made: re.fullmatch(r"CASE-2020-0\d{5}", made)),
    ("id", "MRN00012345", lambda made: re.fullmatch(r"MRN0\d{7}", made)),
    ("id", "garcia12345", lambda made: "garcia" not in made and len(made) == 11),
    ("id", "alice", lambda made: re.fullmatch("[a-z]{5}", made) and made != "alice"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "text", "is_ours"), LOOKS, ids=lambda each: str(each)[:24])
def test_a_pseudonym_is_provably_nobodys(kind: str, text: str, is_ours: object) -> None:
    made = P.of(kind, text)
    assert callable(is_ours)
    assert is_ours(made)
    assert made != text
    assert find_identifiers(kind, made) == []


KEPT = ["N/A", "none", "", "unknown"]


@pytest.mark.parametrize("kind", ["ssn", "card", "phone", "ip", "birth_date", "zip", "aba", "ein"])
def test_what_is_no_number_stays_and_other_digits_go(kind: str) -> None:
    assert [P.of(kind, text) for text in KEPT] == KEPT
    assert not P.of(kind, "x 7777777777777777777777 y").count("77777")


IDEMPOTENT = sorted({*PSEUDONYM_KINDS} - {"id", "account", "street", "zip"})
"""A short id has no room for a mark that no real one could carry: it changes each time."""

WRITTEN = [each for _, texts in SAME for each in texts] + [each for _, each, _ in LOOKS]
NUMBERS = r"[0-9]{3}-[0-9]{2}-[0-9]{4}|[0-9]{9}|4[0-9]{15}|\+1[2-9][0-9]{9}"
OPAQUE = r"[A-Za-z0-9_-]{16,40}|[a-z]{2,8}@[a-z]{2,8}\.com"


@given(
    st.sampled_from(IDEMPOTENT),
    st.sampled_from(WRITTEN)
    | st.from_regex(NUMBERS, fullmatch=True)
    | st.from_regex(OPAQUE, fullmatch=True),
)
@settings(max_examples=100, deadline=None)
def test_anonymising_twice_changes_nothing(kind: str, text: str) -> None:
    made = P.make(kind, text)
    if made is not None:
        assert P.make(kind, made) == made


ANY_TEXT = st.text(max_size=40) | st.text("0123456789-. +@:", max_size=30)


@given(st.sampled_from(PSEUDONYM_KINDS), ANY_TEXT)
@settings(max_examples=150, deadline=None)
def test_no_text_makes_it_raise(kind: str, text: str) -> None:
    assert P.of(kind, text) == P.of(kind, text)
    P.of_named(kind, text)


@pytest.mark.parametrize(
    "text",
    ["1-" * 8_000, "a." * 8_000, "eyJ" * 5_000, "a@" * 8_000, "-----BEGIN PRIVATE KEY-----" * 600,
     "(" * 16_000, "9" * 16_000, "0" * 16_000, "Bearer " * 2_000, "é " * 8_000],
)  # fmt: skip
def test_a_long_line_is_replaced_too(text: str) -> None:
    for kind in PSEUDONYM_KINDS:
        assert isinstance(P.of(kind, text), str)


def test_a_jwt_keeps_its_layout_and_its_times() -> None:
    header, claims, signature = P.of("jwt", JWT).split(".")
    assert signature == ""
    head = json.loads(base64.urlsafe_b64decode(header + "=="))
    assert list(head) == ["alg", "typ", "kid"]
    assert (head["alg"], head["typ"]) == ("none", "JWT")
    body = json.loads(base64.urlsafe_b64decode(claims + "=="))
    assert list(body) == ["sub", "email", "iat", "ok", "n", MARK]
    assert body["sub"] == P.of("id", "C-48219730")
    assert body["email"] == P.of("email", "m@gmail.com")
    assert (body["iat"], body["ok"], body["n"]) == (1584273600, True, 3)


@pytest.mark.parametrize(
    "text",
    ["a.b.c", "eyJhbGciOiJub25lIn0.e30", "eyJ.eyJ.", f"{encoded([])}.{encoded({})}.x", "e30.%%%.x"],
)
def test_what_only_looks_like_a_jwt_is_opaque(text: str) -> None:
    made = P.of("secret", text)
    assert made != text
    assert len(made) == len(text) or is_sandbox_jwt(made)


def test_the_words_of_a_name_agree_wherever_they_stand() -> None:
    first, last = P.of("person_name", "Maria"), P.of("person_name", "García")
    assert P.of("person_name", "Maria García") == f"{first} {last}"
    assert P.of("person_name", "GARCIA, MARIA") == f"{last}, {first}".upper()
    assert P.of(
        "person_name", "Dr. maria x. garcia jr"
    ) == f"Dr. {first} x. {last} jr".lower().replace("dr.", "Dr.")


@pytest.mark.parametrize("width", [2, 3])
def test_two_small_numbers_never_become_one(width: int) -> None:
    numbers = [f"{number:0{width}d}" for number in range(10**width)]
    made = [P.of("id", f"C-{number}") for number in numbers]
    assert len(set(made)) == len(numbers)
    assert (
        all((a[0] == "0") == (b[2] == "0") for a, b in zip(numbers, made, strict=True))
        or width == 1
    )


@given(st.integers(1, 5_000), st.integers(0, 2**64))
@settings(max_examples=30, deadline=None)
def test_a_permutation_is_one(size: int, seed: int) -> None:
    keyed = Keyed(seed.to_bytes(9, "little"))
    values = range(0, size, max(1, size // 100))
    made = {keyed.permuted("x", value, size) for value in values}
    assert len(made) == len(values)
    assert all(0 <= value < size for value in made)


def test_account_numbers_keep_the_checksum_they_had() -> None:
    real = "12345678901" + luhn_check("12345678901")
    made = P.of("account", real)
    assert luhn_check(made[:-1]) == made[-1]
    assert made != real


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("taxpayerSSN", "123456789", "ssn"),
        ("home_phone", "2128675309", "phone"),
        ("routingNumber", "021000021", "aba"),
        ("account", "12345678", "account"),
        ("customer_id", "48219730", "id"),
        ("member", "48219730", "id"),
        ("username", "alice", "id"),
        ("dateOfBirth", "05/17/1980", "birth_date"),
        ("lastName", "Garcia", "person_name"),
        ("api_key", "prod-7f3c9a51e8b2d4", "secret"),
        ("postal_code", "94103", "zip"),
        ("street_address", "12 Main Street", "street"),
        ("client_ip", "8.8.8.8", "ip"),
        ("anything", "C-48219730", "id"),
        ("note", "123-45-6789", "ssn"),
    ],
)
def test_a_name_tells_the_kind(name: str, text: str, kind: str) -> None:
    assert P.of_named(name, text) == P.of(kind, text) != text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("page", "2"), ("amount", "12000"), ("status", "open"), ("account", "checking"),
        ("household", "4"), ("created", "2020-03-15T12:00:00Z"), ("version", "10.15.3"),
        ("type", "user"), ("user_agent", "Mozilla/5.0"), ("lang", "en-US"), ("ts", "1584273600"),
        ("account_type", "savings12"), ("next_token", "abc"), ("q", "hello world"),
    ],
)  # fmt: skip
def test_what_tells_nothing_stays(name: str, text: str) -> None:
    assert P.of_named(name, text) == text
