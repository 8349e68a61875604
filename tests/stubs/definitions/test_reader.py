"""A definition as a whole: what it becomes, and every mistake of it at once."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stubs.clock import RecordedClock
from stubs.definitions.answers import ANSWER_KEYS
from stubs.definitions.callbacks import CALLBACK_KEYS
from stubs.definitions.error import DefinitionError
from stubs.definitions.matchers import OPERATORS
from stubs.definitions.reader import SERVICE_KEYS, STATE_KEYS, parse_definition
from stubs.definitions.route_reader import ROUTE_KEYS
from stubs.definitions.when import WHEN_KEYS
from stubs.latency import NoDelay, Uniform
from stubs.service import Answer, Surroundings
from switchboard.errors import EsrError
from tests.stubs.definitions.defining import define, faults_of

WHOLE = """
service: svc
title: HMS-SVC, core services
hosts: [svc.hms.example, Profiles.hms.example]
data: {citizens: [Ada]}
state:
  application: {key: path.application, initial: received}
routes:
  - method: POST
    path: /fetch_premium
    name: premium look-up
    latency: {model: uniform, min_ms: 50, max_ms: 250}
    answer: {json: {premium: 74200}}
  - method: GET
    path: /applications/{application}
    when: {state: {application: received}}
    answer: {json: {status: "{{ state.application }}"}}
"""


def test_a_whole_definition() -> None:
    service = define(WHOLE)
    assert (service.name, service.title) == ("svc", "HMS-SVC, core services")
    assert service.hosts == ("svc.hms.example", "profiles.hms.example")
    assert [route.name for route in service.routes] == [
        "POST /fetch_premium",
        "GET /applications/{application}",
    ]
    premium, application = service.routes
    assert premium.latency == Uniform(50, 250)
    assert premium.fixed == Answer(200, b'{"premium":74200}')
    assert application.latency == NoDelay()
    assert application.fixed is None
    assert [store.name for store in service.stores] == ["application"]


def test_surroundings_may_be_given() -> None:
    surroundings = Surroundings(1, RecordedClock(), lambda kind, event: None, {})
    raw = {"service": "a", "routes": [{"method": "GET", "path": "/", "answer": {}}]}
    service = parse_definition(
        raw, source="a.yml", line_of=lambda path: None, surroundings=surroundings
    )
    assert (service.name, service.title) == ("a", "a")


TEN_MISTAKES = """\
service: My-Svc
titel: x
state:
  step: {key: tennant}
routes:
  - method: GET
    path: no-slash
    when: {query: {plan: {equal: gold}}}
    answer: {status: 99}
  - method: POST
    path: /pay
    latency: {model: unifrom}
    answer: {json: {a: "{{ requst.json }}"}}
  - method: POST
    path: /pay
    when: {json: {"$.": 1}, body: {matches: "("}}
    sets: {stpe: paid}
    answers: [{}]
"""


def test_ten_mistakes_and_two_are_as_many_faults_each_with_its_line() -> None:
    found = sorted((line, path) for path, line, _ in faults_of(TEN_MISTAKES))
    assert found == [
        (1, "service"),
        (2, "titel"),
        (4, "state.step.key"),
        (7, "routes[0].path"),
        (8, "routes[0].when.query.plan.equal"),
        (9, "routes[0].answer.status"),
        (12, "routes[1].latency.model"),
        (13, "routes[1].answer.json.a"),
        (14, "routes[2].key"),
        (16, "routes[2].when.body.matches"),
        (16, "routes[2].when.json.$."),
        (17, "routes[2].sets.stpe"),
    ]


def test_the_error_reads_like_the_others() -> None:
    with pytest.raises(DefinitionError) as caught:
        define(TEN_MISTAKES)
    assert isinstance(caught.value, EsrError)
    assert caught.value.exit_code == 2
    lines = str(caught.value).splitlines()
    assert lines[0] == "lib.yml is no service definition: 12 faults"
    assert "  titel (line 2): unknown key; did you mean title?" in lines


FAULTS = [
    ("[]", "must be a mapping with service"),
    ("", "must be a mapping with service, title, hosts, logic, data, state, routes, not nothing"),
    ("service: a", "routes is missing"),
    ("service: a\nroutes: []", "must have at least one route"),
    ("service: a\nroutes: {}", "must be a list"),
    ("routes: [{method: GET, path: /, answer: {}}]", "service is missing"),
]
LINES = "service: a\nroutes: [{method: GET, path: /, answer: {}}]\n"
FAULTS += [
    (f"{LINES}hosts: [a b]", "must be a host's name"),
    (f"{LINES}hosts: ['http://a.example']", "must be a host's name"),
    (f"{LINES}hosts: a", "must be a list"),
    (f"{LINES}title: [a]", "must be text"),
    (f'{LINES}title: "a\\nb"', "must be one line"),
    (f"{LINES}logic: a", "only the services that come with the product"),
    (f"{LINES}data: [1]", "must be a mapping of names to values"),
    (f"{LINES}state: [1]", "must be a mapping of names to states"),
    (f"{LINES}state: {{'a b': {{key: tenant}}}}", "a word of letters"),
    (f"{LINES}state: {{a: {{initial: x}}}}", "say whose state it is"),
    (f"{LINES}state: {{a: {{key: tenant, initial: x, states: [y]}}}}", "x is no state of a"),
    (f"{LINES}state: {{a: {{key: tenant, states: []}}}}", "must list 1 to 100 states"),
    (f"{LINES}state: {{a: {{key: tenant, initial: {'x' * 5000}}}}}", "up to 4,096 bytes"),
    (f"{LINES}state: {{a: tenant}}", "must be a mapping with key, initial, states"),
]


@pytest.mark.parametrize(("text", "message"), FAULTS)
def test_a_definition_that_cannot_be_meant(text: str, message: str) -> None:
    assert any(message in fault for _, _, fault in faults_of(text))


def parse(raw: object) -> None:
    parse_definition(raw, source="x", line_of=lambda path: None)


def test_a_value_that_is_too_deep_too_large_or_inside_itself_is_refused() -> None:
    inside: list[Any] = []
    inside.append(inside)
    deep: Any = 1
    for _ in range(10_000):
        deep = [deep]
    for raw in (inside, deep, [0] * 200_001):
        with pytest.raises(DefinitionError, match="up to 200,000 values, nested 60 deep"):
            parse({"service": "a", "routes": [], "data": {"x": raw}})


def test_faults_without_end_are_cut() -> None:
    routes = [{"method": "GET", "path": "no", "answer": {}}] * 5_000
    with pytest.raises(DefinitionError) as caught:
        parse({"service": "a", "routes": routes})
    assert len(caught.value.faults) == 101


ODD = st.none() | st.booleans() | st.integers() | st.floats() | st.binary() | st.text(max_size=8)
KEYS = st.sampled_from(
    sorted({*SERVICE_KEYS, *STATE_KEYS, *ROUTE_KEYS, *ANSWER_KEYS, *CALLBACK_KEYS, *WHEN_KEYS,
            *OPERATORS, "share", "schema", "model", "times"})
)  # fmt: skip
LIKELY = st.sampled_from(
    ["GET", "/p/{c}", "tenant", "path.c", "{{ request.json }}", "{{ state.a }}", "{% for %}", "$.a",
     "(x+x+)+y", "1s", "uniform", "http://a/", "a", "lib", 200, 5, 0.5, True]
)  # fmt: skip
ANY = st.recursive(
    ODD | LIKELY,
    lambda below: (
        st.lists(below, max_size=3)
        | st.dictionaries(KEYS | st.text(max_size=4) | st.integers(), below, max_size=5)
    ),
    max_leaves=25,
)
ROUTES = st.fixed_dictionaries(
    {"method": st.just("GET") | ANY, "path": st.just("/p/{c}") | ANY, "answer": ANY},
    optional={key: ANY for key in ROUTE_KEYS if key not in ("method", "path", "answer")},
)
DEFINITIONS = st.fixed_dictionaries(
    {"service": st.just("lib") | ANY, "routes": st.lists(ROUTES, max_size=3) | ANY},
    optional={key: ANY for key in SERVICE_KEYS if key not in ("service", "routes")},
)


@given(DEFINITIONS | ANY)
def test_anything_is_a_service_or_a_definition_error(raw: object) -> None:
    try:
        parse(raw)
    except DefinitionError as error:
        said = str(error)
        assert said.startswith("x is no service definition: ")
        assert all(line.isprintable() for line in said.splitlines())
