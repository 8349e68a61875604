from __future__ import annotations

import base64
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.linking.link_values import is_id_name, is_telling

NAMES = st.sampled_from(["", "id", "amount", "token", "created_at", "name"])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("", "3f2504e0-4f89-41d3-9a0c-0305e82c3301"),
        ("", "01ARZ3NDEKTSV4RRFFQ69G5FAV"),
        ("", "9f8e7d6c5b4a39281706"),
        ("", "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0."),
        ("", 'W/"5e6d0f4a-1f4"'),
        ("", "gPhKzTqLwXvBnMcRdYsFaJ"),
        ("", "887123456"),
        ("amount", "9f8e7d6c5b4a39281706"),
        ("id", "871234"),
        ("caseId", "8712345"),
        ("X-Order-Number", "ORD-10234"),
        ("invoice_id", "INV-2024-0042"),
        ("orderRef", "114-3941689-8772232"),
    ],
)
def test_ids_and_tokens_are_telling(name: str, text: str) -> None:
    assert is_telling(name, text)


@pytest.mark.parametrize("name", ["", "id"])
@pytest.mark.parametrize(
    "text",
    ["", "7", "12345", "100000", "2500000", "123456", "987654321", "111111", "20240615", "06152024",
     "20240615120000", "1584273600", "1584273600123", "1584273600123456789", "2024-06-15",
     "2024-06-15T12:00:00.123Z", "20240615T120000Z", "12:30:45", "1.2.3", "v12.14.3", "10.15.7.1",
     "203.0.113.45", "+1-202-555-0147", "(202)555-0147", "123-45-6789", "20147-1234", "1234.56",
     "-123456", "1,234,567", "true", "null", "submitted", "PENDING_REVIEW", "getUserAccountDetails",
     "en-US", "utf-8", "ISO-8859-15", "windows-1252", "sha256", "application/vnd.api+json;v=2",
     "image/png", "America/New_York", "1920x1080", "100px", "#ffeedd11", "chapter12", "area-51",
     "how-to-apply-for-benefits-2024", "report-2024-06-15.pdf", "two words 12345678",
     "a\n12345678b", "aaaaaaaaaaaaaaaaaaaa", "1.24.300-beta.12",
     "ann.lee@mail.example", "x" * 5_000 + "123456789"],
)  # fmt: skip
def test_what_recurs_by_chance_is_not(name: str, text: str) -> None:
    assert not is_telling(name, text)


@pytest.mark.parametrize(
    ("name", "text"),
    [("", "871234"), ("amount", "871234123"), ("phone_number", "871234123"), ("zip", "871234"),
     ("order_total", "8712345"), ("", "ORD-10234"), ("", "INV-2024-0042")],
)  # fmt: skip
def test_numbers_and_codes_need_a_name_that_ids_have(name: str, text: str) -> None:
    assert not is_telling(name, text)


def test_names_of_ids() -> None:
    ids = ["id", "ID", "userId", "case_number", "X-CSRF-Token", "_csrf", "ref", "transactionID"]
    assert [name for name in ids if not is_id_name(name)] == []
    others = ["", "name", "amount", "phone_number", "page-number", "idea", "zipCode", "valid"]
    assert [name for name in others if is_id_name(name)] == []


@given(st.uuids(), NAMES)
def test_every_uuid_is_telling(value: uuid.UUID, name: str) -> None:
    assert is_telling(name, str(value)) or len(set(str(value))) < 8


@given(st.binary(min_size=16, max_size=40), NAMES)
def test_nearly_every_random_token_is_telling(data: bytes, name: str) -> None:
    text = base64.urlsafe_b64encode(data).decode()
    assert is_telling(name, text) or len(set(text)) < 8 or not any(map(str.isdigit, text))


@given(st.text(max_size=40) | st.from_regex(r"[0-9a-z.:/+-]{0,40}"), st.text(max_size=20))
def test_no_value_makes_it_raise(text: str, name: str) -> None:
    assert is_telling(name, text) in (True, False)


@given(st.lists(st.sampled_from(["food", "aid", "apply", "status", "new"]), min_size=1, max_size=9))
def test_words_are_never_telling(words: list[str]) -> None:
    for mark in "-_./":
        assert not is_telling("id", mark.join(words))
        assert not is_telling("id", mark.join([*words, "2024"]))
