"""One route at work: what comes first, and what is left undone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from stubs.service import Answer, Asked, Callback, Handler, Store
from tests.stubs.definitions.defining import (
    ask,
    asked,
    body_of,
    chosen,
    define,
    define_route,
    fault_of,
)


@dataclass(frozen=True)
class ScriptedLogic:
    handlers: Mapping[str, Handler]
    stores: Sequence[Store] = field(default=())


VALIDATED = """{method: POST, path: '/p/{c}', answer: {text: ok},
  validate: {schema: {type: object, required: [citizen]}}}"""


def test_what_does_not_fit_is_answered_400_with_what_is_wrong() -> None:
    service = define_route(VALIDATED)
    assert service.routes[0].accepts is None
    assert ask(service, asked({"citizen": "C-1"})).status == 200
    for body, detail in (
        ({}, "'citizen' is a required property"),
        ([], "is not of type 'object'"),
        (b"{", "the body must be JSON"),
        (b"", "the body must be JSON"),
    ):
        answer = ask(service, asked(body))
        assert (answer.status, answer.content_type) == (400, b"application/problem+json")
        assert detail in body_of(answer)["detail"]


CHANCES = """
service: lib
state: {s: {key: path.c, initial: a}}
routes:
  - method: POST
    path: /p/{c}
    sets: {s: b}
    chance:
      - {share: 0.1, answer: {status: 503, json: {id: "{{ request.id }}"}}}
      - {share: 0.2, answer: {status: 429}}
    answer: {text: "{{ state.s }}"}
    callbacks: [{url: "http://a.example/"}]
"""


def test_chance_is_drawn_from_seed_and_request() -> None:
    service = define(CHANCES)
    requests = [asked(request_id=number, params={"c": str(number)}) for number in range(1_000)]
    statuses = [ask(service, request).status for request in requests]
    assert 70 < statuses.count(503) < 130
    assert 160 < statuses.count(429) < 240
    # Again, on a service that has answered nothing yet, in another order.
    fresh = define(CHANCES)
    again = [ask(fresh, request).status for request in reversed(requests)]
    assert again[::-1] == statuses


def test_what_chance_answers_changes_nothing_and_sends_nothing() -> None:
    service = define(CHANCES)
    requests = [asked(request_id=number) for number in range(99)]
    failed = next(request for request in requests if request.chance < 0.1)
    answer = ask(service, failed)
    assert (answer.status, answer.callbacks) == (503, ())
    assert body_of(answer) == {"id": f"{failed.request_id:x}"}
    assert service.stores[0].snapshot(5) == {}
    done = next(request for request in requests if request.chance > 0.3)
    answer = ask(service, done)
    assert (answer.body, answer.callbacks) == (b"b", (Callback("http://a.example/"),))
    assert service.stores[0].snapshot(5) == {"C-1": "b"}


def test_the_strongest_priority_answers_and_of_equals_the_later_one() -> None:
    service = define(
        """
service: lib
routes:
  - {method: POST, path: /p, priority: 1, when: {query: {a: 1}}, answer: {text: first}}
  - {method: POST, path: /p, answer: {text: earlier}}
  - {method: POST, path: /p, answer: {text: later}}
"""
    )
    assert chosen(service, asked(query="a=1")).fixed == service.routes[0].fixed
    assert chosen(service, asked()).fixed == service.routes[2].fixed
    assert [route.priority for route in service.routes] == [1, 5, 5]


def test_a_route_with_several_methods_is_one_for_each_with_one_memory() -> None:
    service = define_route(
        "{method: [get, PUT], path: '/p/{c}', key: path.c, answers: [{text: a}, {text: b}]}"
    )
    assert [route.method for route in service.routes] == ["GET", "PUT"]
    assert [route.handler(asked()).body for route in service.routes] == [b"a", b"b"]
    assert len(service.stores) == 1


def test_a_pattern_takes_the_whole_path() -> None:
    (route,) = define_route("{method: ANY, path_regex: '/a/.*', answer: {}}").routes
    assert (route.method, route.template) == ("ANY", "/a/.*")
    assert route.path_pattern is not None
    assert [route.path_pattern(path) for path in ("/a/b", "/b/a/b")] == [True, False]


def test_logic_answers_with_what_the_definition_adds() -> None:
    def pay(request: Asked) -> Answer:
        return Answer(201, request.body, callbacks=(Callback("http://own.example/"),))

    logic = ScriptedLogic({"pay": pay})
    service = define(
        """
service: lib
logic: lib
routes:
  - {method: POST, path: /plain, handler: pay}
  - method: POST
    path: /p
    handler: pay
    validate: {schema: {type: object}}
    callbacks: [{url: "http://more.example/"}]
""",
        logic,
    )
    assert service.routes[0].handler(asked(b"x")).status == 201
    answer = service.routes[1].handler(asked({}))
    assert [each.url for each in answer.callbacks] == [
        "http://own.example/",
        "http://more.example/",
    ]
    assert service.routes[1].handler(asked(b"x")).status == 400
    with pytest.raises(Exception, match="there is no function pya; did you mean pay"):
        define(
            "service: lib\nlogic: lib\nroutes: [{method: GET, path: /p, handler: pya}]",
            logic,
        )


FAULTS = [
    ("{path: /p, answer: {}}", "method is missing"),
    ("{method: 'a b', path: /p, answer: {}}", "'a b' is no method"),
    ("{method: [], path: /p, answer: {}}", "must have at least one method"),
    ("{method: [ANY, GET], path: /p, answer: {}}", "ANY is every method already"),
    ("{method: GET, answer: {}}", "path is missing"),
    ("{method: GET, path: p, answer: {}}", "a path begins with `/`"),
    ("{method: GET, path: '/p?a=b', answer: {}}", "query fields belong under when.query"),
    ("{method: GET, path: '/a{b}', answer: {}}", "braces take a whole segment"),
    ("{method: GET, path: '/{a}/{a}', answer: {}}", "two braces have the same name"),
    ("{method: GET, path: /__esr/health, answer: {}}", "the gateway's own"),
    ("{method: GET, path: /p, path_regex: /p, answer: {}}", "path is given as well"),
    ("{method: GET, path_regex: '(', answer: {}}", "this is no regular expression"),
    ("{method: GET, path: /p, priority: 0, answer: {}}", "must be a whole number from 1"),
    ("{method: GET, path: /p}", "says nothing; write one of answer, answers and handler"),
    ("{method: GET, path: /p, answer: {}, handler: x}", "answer and handler are given"),
    (
        "{method: GET, path: /p, handler: pay}",
        "there is no function pay; this service has no logic",
    ),
    ("{method: GET, path: /p, answer: {}, key: tenant}", "key belongs to `answers`"),
    ("{method: GET, path: /p, answers: [{}]}", "say whose sequence it is"),
    ("{method: GET, path: /p, key: tennant, answers: [{}]}", "did you mean tenant?"),
    ("{method: GET, path: /p, key: tenant, answers: []}", "must have 1 to 1,000 answers"),
    ("{method: GET, path: /p, key: tenant, answers: [{times: 0}]}", "whole number from 1"),
    ("{method: GET, path: /p, key: tenant, cycle: 1, answers: [{}]}", "must be true or false"),
    (
        "{method: GET, path: /p, answer: {}, chance: [{share: 2, answer: {}}]}",
        "a share from 0 to 1",
    ),
    ("{method: GET, path: /p, answer: {}, chance: [{share: 1}]}", "answer is missing"),
    ("{method: GET, path: /p, answer: {}, sets: {x: 1}}", "there is no state x"),
    ("{method: GET, path: /p, answer: {}, sets: 1}", "must be a mapping of states to values"),
    ("{method: GET, path: /p, answer: {}, validate: {}}", "schema is missing"),
    ("{method: GET, path: /p, answer: {}, validate: {schema: {type: x}}}", "no JSON Schema"),
    ("{method: GET, path: /p, answer: {}, latency: {model: unifrom}}", "did you mean uniform?"),
    ("{method: GET, path: /p, answer: {}, latency: -1}", "latency"),
    ('{method: GET, path: /p, answer: {}, name: "a\\nb"}', "must be one line"),
    ("{method: GET, path: /p, answer: {}, prioritty: 1}", "did you mean priority?"),
    ("5", "must be a mapping with"),
]


@pytest.mark.parametrize(("route", "message"), FAULTS)
def test_a_route_that_cannot_be_meant(route: str, message: str) -> None:
    assert message in fault_of(route)


def test_shares_that_add_up_to_more_than_all_are_refused() -> None:
    share = "{share: 0.6, answer: {}}"
    route = f"{{method: GET, path: /p, answer: {{}}, chance: [{share}, {share}]}}"
    assert "add up to 1.2" in fault_of(route)
