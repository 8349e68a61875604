from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.fields.leaf import Leaf, Visit
from replay.fields.nested import decode_base64, opened
from tests.replay.fields.seen import Shown, leave, replacing, shown


def mapped(text: str, visit: Visit) -> str | None:
    return opened(visit)("p", "n", text)


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def urlsafe(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


SSN = '{"ssn":"123-45-6789"}'


@pytest.mark.parametrize(
    ("text", "leaves"),
    [
        ("plain text", [("p", "n", "plain text")]),
        ("", [("p", "n", "")]),
        (SSN, [("p|$.ssn", "ssn", "123-45-6789")]),
        ("{not json}", [("p", "n", "{not json}")]),
        ("a=1&b=2%32", [("p|form.a", "a", "1"), ("p|form.b", "b", "22")]),
        ("this & that = 5", [("p", "n", "this & that = 5")]),
        ("100% sure", [("p", "n", "100% sure")]),
        ("a%20b", [("p|percent", "n", "a b")]),
        ("https://h/a", [("p|url.host", "host", "h"), ("p|url.path[0]", "", "a")]),
        ("/a?key=77", [("p|url.path[0]", "", "a"), ("p|url.query.key", "key", "77")]),
        ("/a/b", [("p", "n", "/a/b")]),
        ("see https://h/a", [("p", "n", "see https://h/a")]),
        (b64(SSN), [("p", "n", b64(SSN)), ("p|base64|$.ssn", "ssn", "123-45-6789")]),
        (urlsafe(SSN + "??>"), [("p", "n", urlsafe(SSN + "??>")), ("p|base64", "n", SSN + "??>")]),
        (b64("Jérôme D."), [("p", "n", b64("Jérôme D.")), ("p|base64", "n", "Jérôme D.")]),
        ("applicationform", [("p", "n", "applicationform")]),
        ("123456789012", [("p", "n", "123456789012")]),
    ],
)  # fmt: skip
def test_what_is_shown_of_a_text(text: str, leaves: Shown) -> None:
    assert shown(lambda visit: mapped(text, visit)) == leaves
    assert mapped(text, leave) == text


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ('{"a": "77" }', '{"a": "8" }'),
        (b64('{"a":"77"}'), b64('{"a":"8"}')),
        (urlsafe('{"a":"77","b":"??>"}'), urlsafe('{"a":"8","b":"??>"}')),
        ("a=77&b=7+7", "a=8&b=7+7"),
        ("/x?key=77", "/x?key=8"),
        ("%37%37%20%3c", "%37%37%20%3c"),
        (b64("a=1&b=" + b64('{"c":[77]}')), b64("a=1&b=" + b64('{"c":[8]}').replace("=", "%3D"))),
    ],
)
def test_what_is_inside_is_replaced_and_wrapped_as_it_was(text: str, after: str) -> None:
    assert mapped(text, replacing({"77": "8"})) == after


def test_base64_is_a_token_first() -> None:
    token = b64("a secret text")
    assert mapped(token, replacing({token: "t"})) == "t"
    assert mapped(token, replacing({token: None})) is None
    assert mapped(token, replacing({"a secret text": None})) == ""


def test_it_opens_four_times_and_no_more() -> None:
    text = SSN
    for _ in range(3):
        text = b64(text)
    assert shown(lambda visit: mapped(text, visit))[-1][1] == "ssn"
    assert shown(lambda visit: mapped(b64(text), visit))[-1] == ("p" + "|base64" * 4, "n", SSN)


def test_a_text_of_several_values_is_shown_as_it_is() -> None:
    seen: list[Leaf] = []

    def visit(leaf: Leaf) -> str:
        seen.append(leaf)
        return leaf.text

    assert opened(visit)("p", "n", "1234567890123456", (8, 8)) == "1234567890123456"
    assert seen == [Leaf("p", "n", "1234567890123456", (8, 8))]


@given(st.text(st.characters(exclude_categories=["C"]), min_size=8, max_size=30), st.booleans())
def test_base64_of_any_printable_text_is_opened(text: str, is_urlsafe: bool) -> None:
    coded = urlsafe(text) if is_urlsafe else b64(text)
    whole = text.isdigit() or all(char.isspace() for char in text)
    assert decode_base64(coded) == text or not text.isprintable()
    if text.isprintable() and not whole:
        paths = [path for path, _, _ in shown(lambda visit: mapped(coded, visit))]
        assert any(path.startswith("p|base64") for path in paths) or len(coded) < 11


@given(st.text(max_size=60) | st.text('{}[]"%&=?/:+-_ab1', max_size=60))
def test_any_text_is_left_as_it_is(text: str) -> None:
    assert mapped(text, leave) == text
