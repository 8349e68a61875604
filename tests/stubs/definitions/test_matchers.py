"""Each operator, at each place, on what fits, on what does not and on what is missing."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stubs.definitions.matchers import OPERATORS, parse_condition, same
from switchboard.fault_reader import FaultReader
from tests.stubs.definitions.defining import asked, fault_of, takes, when

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(), below, max_size=3),
    max_leaves=10,
)

TEXT_CASES = [
    # condition, values, whether it holds
    ("gold", ["gold"], True),
    ("gold", ["Gold"], False),
    ("gold", [], False),
    ("gold", ["silver", "gold"], True),
    (3, ["3"], True),
    (True, ["true"], True),
    ({"equals": "gold"}, ["gold"], True),
    ({"not": "gold"}, ["silver"], True),
    ({"not": "gold"}, [], True),
    ({"not": "gold"}, ["silver", "gold"], False),
    ({"not": {"matches": "g.*"}}, ["gold"], False),
    ({"not": {"not": "gold"}}, ["gold"], True),
    ({"contains": "ol"}, ["gold"], True),
    ({"contains": "x"}, ["gold"], False),
    ({"matches": "C-[0-9]+"}, ["C-12"], True),
    ({"matches": "C-[0-9]+"}, ["xC-12"], False),
    ({"matches": "C-[0-9]+"}, ["C-12\n"], False),
    ({"matches": "a.b"}, ["a\nb"], True),
    ({"absent": True}, [], True),
    ({"absent": True}, [""], False),
    ({"absent": False}, ["x"], True),
    ({"absent": False}, [], False),
    ({"any_of": ["a", 2]}, ["2"], True),
    ({"any_of": ["a", 2]}, ["b"], False),
    ({"number": {"min": 1, "max": 3}}, ["3"], True),
    ({"number": {"min": 1}}, ["0.99"], False),
    ({"number": {"max": 10}}, ["1e1"], True),
    ({"number": {"max": 10}}, ["ten"], False),
    ({"number": {"max": 10}}, ["nan"], False),
    ({"contains": "o", "matches": "g.*"}, ["gold"], True),
    # One and the same value has to meet both.
    ({"contains": "o", "matches": "g.*"}, ["gilt", "wood"], False),
    ({"not": "gilt", "matches": "g.*"}, ["gold"], True),
]
JSON_CASES = [
    (1, [1], True),
    (1, [1.0], True),
    (1, [True], False),
    (True, [1], False),
    (None, [None], True),
    (None, [], False),
    ({"equals": {"a": [1]}}, [{"a": [1]}], True),
    ({"equals": {"a": [1]}}, [{"a": [True]}], False),
    ({"contains": "a"}, [["b", "a"]], True),
    ({"contains": 1}, [[True, 1]], True),
    ({"contains": 1}, [[True]], False),
    ({"contains": "a"}, ["cat"], True),
    ({"contains": "a"}, [{"a": 1}], False),
    ({"matches": "[0-9]+"}, [12], True),
    ({"matches": ".*"}, [True], False),
    ({"any_of": [1, "x"]}, ["x"], True),
    ({"any_of": [1, "x"]}, [True], False),
    ({"number": {"min": 2}}, [2], True),
    ({"number": {"min": 2}}, ["2"], True),
    ({"number": {"min": 0}}, [True], False),
    ({"number": {"min": 0}}, [None], False),
]


@pytest.mark.parametrize(("raw", "values", "holds"), TEXT_CASES)
def test_a_condition_on_texts(raw: object, values: list[str], holds: bool) -> None:
    reader = FaultReader(lambda path: None)
    assert parse_condition(raw, "when", reader, is_json=False)(values) is holds
    assert reader.faults == []


@pytest.mark.parametrize(("raw", "values", "holds"), JSON_CASES)
def test_a_condition_on_json_values(raw: object, values: list[object], holds: bool) -> None:
    reader = FaultReader(lambda path: None)
    assert parse_condition(raw, "when", reader, is_json=True)(values) is holds
    assert reader.faults == []


@pytest.mark.parametrize("word", OPERATORS)
def test_every_operator_is_tried_in_the_tables_above(word: str) -> None:
    written = [raw for raw, _, _ in (*TEXT_CASES, *JSON_CASES) if isinstance(raw, dict)]
    assert any(word in raw for raw in written)


@given(
    st.recursive(
        JSON | st.binary(),
        lambda below: st.dictionaries(st.sampled_from(OPERATORS) | st.text(), below, max_size=3),
        max_leaves=8,
    ),
    st.lists(JSON, max_size=3),
    st.booleans(),
)
def test_whatever_is_written_is_read_or_refused(
    raw: object, values: list[object], is_json: bool
) -> None:
    condition = parse_condition(raw, "when", FaultReader(lambda path: None), is_json=is_json)
    assert condition(values if is_json else [str(value) for value in values]) in (True, False)


@given(JSON)
def test_a_json_value_is_the_same_as_itself_sent_once_more(value: object) -> None:
    assert same(value, orjson.loads(orjson.dumps(value)))


PLACES = [
    ("{query: {plan: gold}}", {"query": "plan=gold"}, {"query": "plan=tin"}),
    ("{query: {plan: gold}}", {"query": "plan=tin&plan=gold"}, {"query": "plan"}),
    ("{query: {q: 'a b'}}", {"query": "q=a%20b"}, {"query": "q=a%2520b"}),
    ("{headers: {X-Plan: gold}}", {"headers": {"x-plan": "gold"}}, {}),
    ("{cookies: {plan: gold}}", {"headers": {"cookie": 'a=1; plan="gold"'}},
     {"headers": {"cookie": "plans=gold"}}),
    ("{path: {c: {matches: 'C-.'}}}", {"params": {"c": "C-1"}}, {"params": {"c": "D-1"}}),
    ("{json: {$.plan: gold}}", {"body": {"plan": "gold"}}, {"body": {"plan": ["gold"]}}),
    ("{json: {'$.a[0].b': 2}}", {"body": {"a": [{"b": 2}]}}, {"body": {"a": []}}),
    ("{json: {'$.a[*].b': 2}}", {"body": {"a": [{"b": 1}, {"b": 2}]}}, {"body": {"a": [{"b": 3}]}}),
    ("{json: {'$..b': 2}}", {"body": {"a": [{"b": 2}]}}, {"body": {"a": [2]}}),
    ("{json: {\"$.a[?@.k == 'x'].v\": 2}}", {"body": {"a": [{"k": "x", "v": 2}]}},
     {"body": {"a": [{"k": "y", "v": 2}]}}),
    ("{body: hello}", {"body": b"hello"}, {"body": b"hello "}),
    ("{body: {contains: ell}}", {"body": b"hello"}, {"body": b"\xff\xfe"}),
    ("{body: {matches: 'h.*'}}", {"body": b"h\no"}, {"body": b"oh"}),
    ("{body: {absent: true}}", {"body": b""}, {"body": b" "}),
    ("{body: {equals_json: {a: [1, 2]}}}", {"body": b'{ "a":[1, 2]}'}, {"body": b'{"a":[2,1]}'}),
    ("{body: {includes_json: {a: [2], b: {c: 1}}}}", {"body": {"a": [1, 2], "b": {"c": 1, "d": 0}}},
     {"body": {"a": [1], "b": {"c": 1}}}),
    ("{schema: {type: object, required: [a]}}", {"body": {"a": 1}}, {"body": {"b": 1}}),
]  # fmt: skip


@pytest.mark.parametrize(("conditions", "fits", "fits_not"), PLACES)
def test_a_place_of_the_request(
    conditions: str, fits: dict[str, object], fits_not: dict[str, object]
) -> None:
    service = when(conditions)
    assert takes(service, asked(**fits))  # type: ignore[arg-type]
    assert not takes(service, asked(**fits_not))  # type: ignore[arg-type]


FORM = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}


def test_a_form_is_read_only_when_the_body_says_that_it_is_one() -> None:
    service = when("{form: {case: C 7}}")
    assert takes(service, asked(b"case=C+7", headers=FORM))
    assert not takes(service, asked(b"case=C+7", headers={"content-type": "text/plain"}))


def test_every_part_of_when_has_to_hold() -> None:
    service = when("{query: {plan: gold, year: 2020}, headers: {x: y}}")
    assert takes(service, asked(query="plan=gold&year=2020", headers={"x": "y"}))
    assert not takes(service, asked(query="plan=gold&year=2020"))
    assert not takes(service, asked(query="plan=gold", headers={"x": "y"}))


HOSTILE_BODIES = {
    "empty": b"",
    "no JSON": b"{",
    "no text": bytes(range(256)),
    "a number": b"1",
    "null": b"null",
    "deep": b"[" * 100_000 + b"]" * 100_000,
    "deep enough to be read": b'{"a":' * 1000 + b"1" + b"}" * 1000,
    "a megabyte of objects": b"[" + b",".join([b'{"a":1}'] * 130_000) + b"]",
    "a megabyte of text": b'"' + b"a" * 1_000_000 + b'"',
}


@pytest.mark.parametrize("body", HOSTILE_BODIES.values(), ids=HOSTILE_BODIES)
def test_no_body_breaks_a_matcher(body: bytes) -> None:
    conditions = (
        "{json: {$.a: {not: 1}, '$..a': {not: nothing}, '$[?@.a == 2]': {absent: true}}}",
        "{form: {a: {absent: true}}, body: {contains: z}}",
        "{schema: {items: {required: [b]}, uniqueItems: true}}",
        "{body: {includes_json: [{b: 1}]}}",
        "{body: {equals_json: {a: {a: 1}}}}",
    )
    for each in conditions:
        assert takes(when(each), asked(body, headers=FORM)) in (True, False)


FAULTS = [
    ("{query: {plan: {equal: gold}}}", "unknown key; did you mean equals?"),
    ("{query: {plan: {}}}", "a condition needs one of equals"),
    ("{query: {plan: null}}", "`absent: true` is how to say that there is none"),
    ("{query: {plan: {matches: '('}}}", "this is no regular expression"),
    ("{query: {plan: {absent: 1}}}", "must be true or false, not a number"),
    ("{query: {plan: {absent: true, equals: x}}}", "what is absent meets no other operator"),
    ("{query: {plan: {any_of: gold}}}", "must be a list such as [gold, silver], not text"),
    ("{query: {plan: {number: {min: 3, max: 2}}}}", "min is over max"),
    ("{query: {plan: {number: {}}}}", "needs min, max or both"),
    ("{query: {plan: {number: {min: x}}}}", "must be a number, not text"),
    ("{query: [plan]}", "must be a mapping of names to conditions, not a list"),
    ("{querry: {plan: gold}}", "unknown key; did you mean query?"),
    ("{path: {d: x}}", "the path has no {d}; known here: c"),
    ("{json: {plan: x}}", "a JSONPath begins with `$`"),
    ("{json: {'$.': x}}", "this is no JSONPath"),
    ("{state: {application: x}}", "there is no state application; this file has no `state`"),
    ("{body: {}}", "needs one of equals"),
    ("{schema: 3}", "a schema is a mapping such as"),
]


@pytest.mark.parametrize(("conditions", "message"), FAULTS)
def test_a_condition_that_cannot_be_meant(conditions: str, message: str) -> None:
    route = f"{{method: GET, path: '/p/{{c}}', when: {conditions}, answer: {{}}}}"
    assert message in fault_of(route)
