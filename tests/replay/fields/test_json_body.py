from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.fields import json_body
from replay.fields.json_body import map_json
from replay.fields.leaf import Visit
from replay.fields.nested import opened
from tests.replay.fields.seen import Shown, leave, replacing, shown

KEYS = st.text("abcxyz_", min_size=1, max_size=5)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=7).filter(lambda text: "%" not in text)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


def mapped(text: str, visit: Visit) -> str | None:
    return map_json(text, opened(visit), "$")


def seen(text: str) -> Shown:
    return shown(lambda visit: mapped(text, visit))


def replaced(value: Any, new: str) -> Any:
    """What replacing every leaf means, told by the decoded value."""
    if isinstance(value, dict):
        return {key: replaced(item, new) for key, item in value.items()}
    if isinstance(value, list):
        return [replaced(item, new) for item in value]
    return value if value is None or value is True or value is False or value == "" else new


@pytest.mark.parametrize(
    ("text", "leaves"),
    [
        ('"a"', [("$", "", "a")]),
        ("12", [("$", "", "12")]),
        ("\ufeff12", [("$", "", "12")]),
        ("null", []),
        ('{"a": {"b": [1.10, "x", {"c": true}, [2]]}}', [
            ("$.a.b[0]", "b", "1.10"), ("$.a.b[1]", "b", "x"), ("$.a.b[3][0]", "b", "2"),
        ]),
        ('[{"a":1},{"a":2}]', [("$[0].a", "a", "1"), ("$[1].a", "a", "2")]),
        ('{"a":1,"a":2}', [("$.a", "a", "1"), ("$.a", "a", "2")]),
        ('{"a": NaN, "b": "x"}', [("$.b", "b", "x")]),
        ('{"a": ' + "9" * 5_000 + "}", [("$.a", "a", "9" * 5_000)]),
        (r'{"a":"\u00e9\/\"\ud800"}', [("$.a", "a", 'é/"\ufffd')]),
        ('{"a.b":1,"":2}', [('$["a.b"]', "a.b", "1"), ('$[""]', "", "2")]),
        ('{"a": 1e999}', [("$.a", "a", "1e999")]),
        ('{"ann@x.org":{"n":1}}', [("$.*~key", "", "ann@x.org"), ("$.*.n", "n", "1")]),
        (r'{"a":"{\"ssn\":\"1\"}"}', [("$.a|$.ssn", "ssn", "1")]),
    ],
)  # fmt: skip
def test_what_is_shown_of_json(text: str, leaves: Shown) -> None:
    assert seen(text) == leaves
    assert mapped(text, leave) is text


@pytest.mark.parametrize("text", ["", "{", '{"a":}', "[1,]", "a", '"a', '{"a":1}x', "\x00", "nan"])
def test_what_is_no_json_is_not_taken_for_it(text: str) -> None:
    assert mapped(text, leave) is None


@pytest.mark.parametrize(
    ("text", "new", "after"),
    [
        ('{ "n" : 77 , "f":1.10,"n":1e5}', "8", '{ "n" : 8 , "f":1.10,"n":1e5}'),
        ('{"n": 77}', "008", '{"n": "008"}'),
        ('{"n": 77}', "x", '{"n": "x"}'),
        ('{"n": 77}', "-1.5e+3", '{"n": -1.5e+3}'),
        ('{"n": 77}', None, '{"n": null}'),
        ('{"s":"77"}', "8", '{"s":"8"}'),
        ('{"s":"77"}', 'é"\n\ud800', r'{"s":"\u00e9\"\n\ud800"}'),
        ('{"s":"77"}', None, '{"s":null}'),
        ('{"é":"77","t":"77"}', "é", '{"é":"\\u00e9","t":"\\u00e9"}'),
        (r'{"s":"{\"a\": 77}"}', "8", r'{"s":"{\"a\": 8}"}'),
    ],
)
def test_a_leaf_is_replaced_and_all_the_rest_stays(text: str, new: str | None, after: str) -> None:
    assert mapped(text, replacing({"77": new})) == after


def test_a_key_that_is_data_is_replaced() -> None:
    text = '{"ann@x.org" : 1}'
    assert mapped(text, replacing({"ann@x.org": "z@y.org"})) == '{"z@y.org" : 1}'


def test_values_that_were_split_over_keys_are_shown_together() -> None:
    text = '{"ssn1": "123", "x": [{"ssn2": 1}], "ssn2": 45, "ssn3": "6789"}'
    assert ("$.ssn*", "ssn", "123456789") in seen(text)
    after = mapped(text, replacing({"123456789": "666211234"}))
    assert after == '{"ssn1": "666", "x": [{"ssn2": 1}], "ssn2": 21, "ssn3": "1234"}'
    leading = mapped(text, replacing({"123456789": "666011234"}))
    assert leading == '{"ssn1": "666", "x": [{"ssn2": 1}], "ssn2": "01", "ssn3": "1234"}'
    gone = mapped(text, replacing({"123456789": None}))
    assert gone == '{"ssn1": null, "x": [{"ssn2": 1}], "ssn2": null, "ssn3": null}'


def test_what_is_too_deep_or_too_much_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert mapped("[" * 64 + "1" + "]" * 64, leave) is not None
    assert mapped("[" * 65 + "1" + "]" * 65, leave) is None
    assert mapped("[" * 5_000 + "]" * 5_000, leave) is None
    monkeypatch.setattr(json_body, "MAX_LEAVES", 10)
    assert mapped(json.dumps([1] * 10), leave) is not None
    assert mapped(json.dumps([1] * 11), leave) is None


@given(VALUES, st.sampled_from([None, 2]), st.booleans(), st.sampled_from(["x", "é", "7", "07"]))
def test_replacing_every_leaf_is_replacing_every_decoded_value(
    value: Any, indent: int | None, ascii_only: bool, new: str
) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    assert mapped(text, leave) is text
    after = mapped(text, lambda _: new)
    assert after is not None
    loaded = json.loads(after, parse_int=str)
    assert replaced(loaded, new) == loaded == replaced(value, new)


@given(st.text('{}[]",:\\ 1aeu0.-\ud800\x00', max_size=30))
def test_no_text_makes_it_raise(text: str) -> None:
    after = mapped(text, leave)
    assert after is None or after is text
