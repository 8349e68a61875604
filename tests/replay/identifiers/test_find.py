"""Every kind of identifier in its spellings, and what looks like one and is none."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.identifiers.find import find_identifiers
from replay.identifiers.fold import fold
from replay.identifiers.kinds import KINDS

JWT = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0."
    "dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
)
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n-----END RSA PRIVATE KEY-----"


def found(name: str, text: str) -> list[tuple[str, str]]:
    return [(kind, text[start:end]) for kind, start, end in find_identifiers(name, text)]


# What is found is written between angle brackets.
FOUND = [
    ("ssn", "", "<123-45-6789>"),
    ("ssn", "note", "it is <123-45-6789>, I think"),
    ("ssn", "", "(<123-45-6789>)."),
    ("ssn", "", "SSN<123-45-6789>"),
    ("ssn", "x", "<123 45 6789>"),
    ("ssn", "x", "<123.45.6789>"),
    ("ssn", "x", "<123 - 45 - 6789>"),
    ("ssn", "ssn", "<123456789>"),
    ("ssn", "applicantSsn", "<123456789>"),
    ("ssn", "taxpayer_id", "<123456789>"),
    ("ssn", "citizens", "<123456789>"),
    ("ssn", "note", "my SSN is <123456789>"),
    ("ssn", "note", "ssn-<123456789>"),
    ("ssn", "", "<１２３–４５–６７８９>"),
    ("ssn", "", "<١٢٣-٤٥-٦٧٨٩>"),
    ("ssn", "ssn", "<١٢٣٤٥٦٧٨٩>"),
    ("ssn", "", "<123\u00a045\u00a06789>"),
    ("ssn", "", "<123\u00ad-45\u00ad-6789>"),
    ("itin", "", "<912-70-1234>"),
    ("itin", "itin", "<912501234>"),
    ("ein", "ein", "<12-3456789>"),
    ("ein", "employerId", "<123456789>"),
    ("card", "", "<4532 0151 1283 0366>"),
    ("card", "", "<4532-0151-1283-0366>"),
    ("card", "q", "<4532015112830366>"),
    ("card", "", "<374245455400126>"),
    ("card", "", "exp 12/26 <4532 0151 1283 0366> cvv 123"),
    ("card", "order_id", "<4532-0151-1283-0366>"),
    ("card", "card_id", "<4532015112830366>"),
    ("aba", "routing", "<021000021>"),
    ("aba", "note", "routing number <021000021>"),
    ("account", "account_number", "<000123456789>"),
    ("account", "note", "account number <12345678>"),
    ("iban", "", "<GB82 WEST 1234 5698 7654 32>"),
    ("iban", "", "<GB82WEST12345698765432>"),
    ("iban", "", "to <DE89 3704 0044 0532 0130 00>."),
    ("email", "", "<john.smith@gmail.com>"),
    ("email", "", "John <<john.smith@gmail.com>>"),
    ("email", "", "<jörg@müller.de>"),
    ("email", "user-agent", "a robot of <john.smith@gmail.com>"),
    ("phone", "", "<(212) 555-7788>"),
    ("phone", "", "<212-736-5000>"),
    ("phone", "", "<212.736.5000>"),
    ("phone", "", "<+1 (212) 736-5000>"),
    ("phone", "", "<+12127365000>"),
    ("phone", "", "<+44 20 7946 0958>"),
    ("phone", "phone", "<2127365000>"),
    ("phone", "phone", "<030 12345678>"),
    ("phone", "tel", "<736-5000>"),
    ("ip", "", "<8.8.8.8>"),
    ("ip", "", "from <84.12.33.9> port 22"),
    ("ip", "", "<2607:f8b0:4005:805::200e>"),
    ("jwt", "", f"<{JWT}>"),
    ("jwt", "authorization", f"Bearer <{JWT}>"),
    ("bearer", "", "Bearer <mF_9.B5f-4.1JqM>"),
    ("bearer", "authorization", "Bearer <opaque>"),
    ("bearer", "", "-H 'Authorization: bearer <a8f5f167f44f4964e6c998dee827110c>'"),
    ("basic", "", "Basic <dXNlcjpwYXNz>"),
    ("basic", "", "https://<bob:hunter2>@db.company.com/x"),
    ("basic", "userinfo", "<bob:hunter2>"),
    ("cloud_key", "", "<AKIAIOSFODNN7ABCDEFG>"),
    ("cloud_key", "", "<ghp_16C7e42F292c6912E7710c838347Ae178B4a>"),
    ("cloud_key", "", "key <sk_live_4eC39HqLyjWDarjtT1zdp7dc>"),
    ("private_key", "", f"<{PEM}>"),
    ("secret", "password", "<Tr0ub4dor&3>"),
    ("secret", "pwd", "<hunter2>"),
    ("secret", "api_key", "<a8f5f167f44f4964e6c998dee827110c>"),
    ("secret", "note", "password=<Tr0ub4dor3> works"),
    ("birth_date", "dob", "<1980-01-02>"),
    ("birth_date", "birthDate", "<01/02/1980>"),
    ("birth_date", "dob", "<19800102>"),
    ("birth_date", "geburtsdatum", "<2.1.1980>"),
    ("birth_date", "note", "born on <March 3, 1980>"),
    ("birth_date", "note", "born <3 March 1980> in Ohio"),
    ("person_name", "first_name", "<Anna>"),
    ("person_name", "customerName", "<Maria Garcia>"),
    ("person_name", "patient", "<Smith, John>"),
    ("person_name", "lastName", "<O'Brien>"),
    ("person_name", "name", "<John Smith>"),
    ("person_name", "note", "Dear Mr. <Smith>, hello"),
    ("person_name", "note", "claimant name: <John Smith>"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "name", "marked"), FOUND)
def test_an_identifier_is_found_where_it_stands(kind: str, name: str, marked: str) -> None:
    first, last = marked.index("<"), marked.rindex(">")
    if "<<" in marked:
        first, last = marked.index("<<") + 1, marked.index(">>")
    value = marked[first + 1 : last]
    text = marked[:first] + value + marked[last + 1 :]
    assert found(name, text) == [(kind, value)]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        # numbers of nobody
        ("ssn", "000-12-3456"), ("ssn", "666-12-3456"), ("ssn", "123-00-4567"),
        ("ssn", "123-45-0000"), ("ssn", "987-12-3456"), ("", "666-45-6789"),
        ("", "123456789"), ("order", "123456789"), ("", "C-123456789"), ("", "2123-45-6789"),
        ("", "1-123-45-6789"), ("", "sizes 1 100 20 3000 5"), ("", "978-3-16-148410-0"),
        ("", "12-3456789"), ("order", "20-1234567"),
        ("card", "4242424242424242"), ("card", "4111 1111 1111 1111"),
        ("", "4532015112830367"), ("", "1584281100038"), ("ts", "4532015112830366"),
        ("order_id", "4532015112830366"), ("feed-id", "8321906634162087507"),
        ("ean", "4006381333931"), ("imei", "356938035643809"), ("", "0.4532015112830366"),
        ("", "scan_4532015112830366.pdf"), ("", "4532015112830366ab"),
        ("", "021000021"), ("routing", "021000022"), ("routing", "FAKE-000000000"),
        ("routing", "000000000"), ("account", "FAKE-1234"), ("account_id", "12345678"),
        ("", "GB83 WEST 1234 5698 7654 32"), ("", "be00b0b0-0e00-00a0-ac00-00000fff00d0"),
        # addresses of nobody
        ("email", "a@example.com"), ("email", "a@b.test"), ("", "logo@2x.png"),
        ("", "react@16.8.0"), ("", "git@github.com:a/b"), ("user-agent", "x (crawler@alexa.com)"),
        ("user-agent", "Embedly +support@embed.ly"), ("", "user@localhost"),
        ("phone", "212-555-0123"), ("", "(212) 555-0199"), ("", "112-736-5000"),
        ("phone", "1584281100"), ("", "252.227-7013"), ("", "40.7127753,-74.0059728"),
        ("phone_type", "2127365000"), ("hotel", "2127365000"), ("", "2020-03-15 14:05:00"),
        ("", "10.1.2.3"), ("", "192.0.2.7"), ("", "127.0.0.1"), ("version", "1.2.3.4"),
        ("", "Chrome/80.0.1.77"), ("user-agent", "Opera 9.1.2.3"), ("", "v1.2.3.4"),
        ("", "app-1.2.3.4.tgz"), ("", "1.3.6.1.4.1"), ("", "::1"), ("", "2001:db8::1"),
        ("", "12:30:45"), ("d", "M1.5 2.3 84.12.33.9"),
        # secrets of nobody
        ("password", "fake-password"), ("password", "********"), ("password", ""),
        ("password", "${PASSWORD}"), ("password", "required"), ("password", "<secret>"),
        ("x-api-key", "prod-fake-7f3c9a51e8"), ("token", "sandbox"), ("api_key", "null"),
        ("next_token", "a8f5f167f44f4964e6c998dee827110c"), ("key", "summer-sale-2020"),
        ("idempotency-key", "pay-C-63786473-1"), ("session", "S-C-41805843-1"),
        ("", "bearer of good news"), ("", "Basic Authentication"), ("", "basic plan"),
        ("", "a8f5f167f44f4964e6c998dee827110c"), ("", "password = get_password(user)"),
        # dates and names of nobody
        ("date", "1980-01-02"), ("dob", "1880-01-02"), ("dob", "1980-02-31"), ("dob", "unknown"),
        ("name", "Summer Sale"), ("name", "New York"), ("host_name", "anna"),
        ("file_name", "John Smith"), ("product|name", "Victoria Park"), ("first_name", "null"),
        ("customer_name", "ACME 2000"), ("first_name", "[REDACTED]"),
    ],
)  # fmt: skip
def test_what_belongs_to_nobody_is_passed_over(name: str, text: str) -> None:
    assert found(name, text) == []


def test_several_in_one_text_come_in_order_and_apart() -> None:
    text = "Mr. John Smith, (212) 555-7788, 123-45-6789, card 4532 0151 1283 0366."
    assert [kind for kind, _ in found("note", text)] == ["person_name", "phone", "ssn", "card"]


TEXTS = st.one_of(
    st.text(max_size=60),
    st.text(alphabet="0123456789 -.()+@/:=\u00a0\u200b１–", max_size=60),
    st.sampled_from([value.replace("<", "").replace(">", "") for _, _, value in FOUND]),
)


@settings(max_examples=100)
@given(st.sampled_from(["", "ssn", "password", "phone", "name", "dob", "card|value"]), TEXTS, TEXTS)
def test_any_text_gives_spans_apart_and_in_order(name: str, one: str, two: str) -> None:
    text = one + two
    end = 0
    for span in find_identifiers(name, text):
        assert span.kind in KINDS
        assert end <= span.start < span.end <= len(text)
        end = span.end


@settings(max_examples=100)
@given(st.text(max_size=80))
def test_folding_keeps_every_place(text: str) -> None:
    folded = fold(text)
    assert len(folded) == len(text)
    assert fold(folded) == folded


@pytest.mark.parametrize(
    "piece",
    ["1", "1-", "1 ", "123-45-", "@", "a@", "a.", "eyJa.", "eyJ", "Bearer ", "Basic a", "://a:",
     "-----BEGIN RSA ", "GB82 ", "password=", "Mr. A", "a-", "+1 ", "a:", "2001:",
     "dob 1/", "name is John ", "1.1.1.", "(1) ", "A", "\u200b", "１–"],
)  # fmt: skip
def test_hostile_texts_are_read_to_their_end(piece: str) -> None:
    """A pattern that walks back and forth would never get there."""
    text = f"{piece * (16_000 // len(piece))} \n write to john.smith@gmail.com"
    assert find_identifiers("note", text)[-1][0] == "email"


def test_a_piece_of_a_number_of_nobody_is_nobodys() -> None:
    assert found("phone", "+44 77 0090 0232") == []
    assert found("note", "+44 77 0090 0232 or +44 20 7946 0958") == [("phone", "+44 20 7946 0958")]
    assert found("note", "+12127365000 555") == [("phone", "+12127365000")]
