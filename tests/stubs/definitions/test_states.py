"""State and sequences: whose they are, what they were, and who wins."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stubs.definitions.states import HISTORY, MAX_VALUE_BYTES, Keyed, Turns, short_key
from stubs.service import Asked, BadRequestError, Service, Store
from tests.stubs.definitions.defining import ask, asked, body_of, define

REVIEW = """
service: lib
state:
  application: {key: path.c, initial: received}
  note: {key: tenant}
routes:
  - method: POST
    path: /p/{c}
    when: {state: {application: received}}
    sets: {application: in_review, note: "{{ request.json.note | default('none') }}"}
    answer: {status: 202, json: {now: "{{ state.application }}"}}
  - method: POST
    path: /p/{c}
    when: {state: {application: in_review}}
    answer: {json: {already: "{{ state.application }}"}}
  - method: GET
    path: /p/{c}
    answer: {json: {is: "{{ state.application }}", note: "{{ state.note }}"}}
"""


def look(service: Service, request: Asked) -> dict[str, object]:
    found: dict[str, object] = body_of(service.routes[2].handler(request))
    return found


def test_a_transition_is_made_once_for_each_key() -> None:
    service = define(REVIEW)
    first = [ask(service, asked(params={"c": "A"})) for _ in range(2)]
    assert [answer.status for answer in first] == [202, 200]
    assert body_of(first[0]) == {"now": "in_review"}
    assert ask(service, asked(params={"c": "B"})).status == 202
    assert look(service, asked(params={"c": "C"}))["is"] == "received"


def test_of_two_requests_at_the_same_time_one_wins_and_the_other_comes_second() -> None:
    service = define(REVIEW)
    one, other = asked(request_id=1), asked(request_id=2)
    route = service.routes[0]
    # Both are matched before either is answered, as when both wait for the route's latency.
    assert route.accepts is not None
    assert route.accepts(one)
    assert route.accepts(other)
    assert route.handler(one).status == 202
    assert body_of(route.handler(other)) == {"already": "in_review"}


def test_who_loses_and_has_no_other_route_is_told_so() -> None:
    service = define(
        REVIEW.replace("when: {state: {application: in_review}}", "when: {query: {x: y}}")
    )
    route = service.routes[0]
    assert [route.handler(asked()).status for _ in range(2)] == [202, 409]


def test_who_is_nobody_leaves_no_state() -> None:
    service = define(REVIEW)
    request = asked({"note": "mine"}, params={"c": ""})
    assert [ask(service, request).status for _ in range(2)] == [202, 202]
    assert look(service, request) == {"is": "received", "note": None}
    assert all(store.snapshot(10) == {} for store in service.stores)


def test_state_is_kept_apart_by_its_key() -> None:
    service = define(REVIEW)
    ask(service, asked({"note": "one"}, params={"c": "A"}, headers={"x-tenant-id": "t1"}))
    ask(service, asked({"note": "two"}, params={"c": "B"}, headers={"x-tenant-id": "t2"}))
    assert look(service, asked(headers={"x-tenant-id": "t1"}))["note"] == "one"
    assert look(service, asked(headers={"x-tenant-id": "t2"}))["note"] == "two"
    assert look(service, asked())["note"] is None


def test_a_stale_read_sees_what_was_true_then_and_cannot_win_a_transition() -> None:
    service = define(REVIEW)
    ask(service, asked(at_ms=1_000))
    stale = asked(at_ms=1_500, stale_ms=600)
    assert look(service, asked(at_ms=1_500))["is"] == "in_review"
    assert look(service, stale)["is"] == "received"
    assert look(service, asked(at_ms=1_500, stale_ms=400))["is"] == "in_review"
    # It reads that it may go on, and learns otherwise when it tries to.
    assert service.routes[0].accepts is not None
    assert service.routes[0].accepts(stale)
    assert body_of(service.routes[0].handler(stale)) == {"already": "in_review"}


def test_a_state_is_small() -> None:
    service = define(REVIEW)
    request = asked({"note": "x" * MAX_VALUE_BYTES}, headers={"x-tenant-id": "t"})
    with pytest.raises(BadRequestError, match="a state has up to 4,096 bytes"):
        ask(service, request)
    # All of a transition or none of it.
    assert look(service, request)["is"] == "received"


def store_of(service: Service, name: str) -> Store:
    return next(store for store in service.stores if store.name == name)


def test_the_admin_can_look_set_and_reset() -> None:
    service = define(REVIEW)
    ask(service, asked(params={"c": "A"}))
    ask(service, asked(params={"c": "B"}))
    store = store_of(service, "application")
    assert store.snapshot(10) == {"B": "in_review", "A": "in_review"}
    assert store.snapshot(1) == {"B": "in_review"}
    store.put("A", "received")
    assert ask(service, asked(params={"c": "A"})).status == 202
    store.reset()
    assert store.snapshot(10) == {}
    with pytest.raises(ValueError, match="not empty"):
        store.put("", "x")
    with pytest.raises(ValueError, match="a state is a JSON value"):
        store.put("A", object())


def test_a_machine_that_lists_its_states_has_no_others() -> None:
    text = REVIEW.replace("initial: received}", "initial: received, states: [received, in_review]}")
    store = store_of(define(text), "application")
    store.put("A", "in_review")
    with pytest.raises(
        ValueError, match="in_reviw is no state of application; did you mean in_review"
    ):
        store.put("A", "in_reviw")


SEQUENCE = """
service: lib
routes:
  - method: ANY
    path: /poll
    key: %s
    cycle: %s
    answers:
      - {status: 202, times: 2}
      - {status: 200}
      - {status: 410}
"""
TENANT = {"x-tenant-id": "t"}


@pytest.mark.parametrize(
    ("cycle", "statuses"),
    [("false", [202, 202, 200, 410, 410, 410]), ("true", [202, 202, 200, 410, 202, 202])],
)
def test_a_sequence_stays_at_its_last_answer_or_begins_again(
    cycle: str, statuses: list[int]
) -> None:
    service = define(SEQUENCE % ("tenant", cycle))
    assert [ask(service, asked(headers=TENANT)).status for _ in range(6)] == statuses
    # Somebody else's begins at the beginning, and nobody's does each time.
    assert ask(service, asked(headers={"x-tenant-id": "u"})).status == 202
    assert [ask(service, asked()).status for _ in range(4)] == [202] * 4


def test_a_stale_read_takes_no_turn() -> None:
    service = define(SEQUENCE % ("tenant", "false"))
    for at_ms in (100, 200, 300):
        ask(service, asked(headers=TENANT, at_ms=at_ms))
    stale = asked(headers=TENANT, at_ms=310, stale_ms=300)
    assert [ask(service, stale).status for _ in range(2)] == [202, 202]
    assert ask(service, asked(headers=TENANT, at_ms=320)).status == 410


def test_a_sequence_is_a_store() -> None:
    service = define(SEQUENCE % ("tenant", "false"))
    ask(service, asked(headers=TENANT))
    (store,) = service.stores
    assert store.name == "answers of ANY /poll"
    assert store.snapshot(5) == {"t": 1}
    store.put("t", 3)
    assert ask(service, asked(headers=TENANT)).status == 410
    store.reset()
    assert ask(service, asked(headers=TENANT)).status == 202
    for wrong in (-1, 1.5, True, "2", None):
        with pytest.raises(ValueError, match="whole number"):
            store.put("t", wrong)


@given(st.lists(st.integers(1, 4), min_size=1, max_size=5), st.integers(0, 60), st.booleans())
def test_a_turn_is_the_answer_that_writing_the_sequence_out_gives(
    times: list[int], count: int, is_cycle: bool
) -> None:
    turns = Turns("t", lambda asked, view: "", times, is_cycle=is_cycle)
    written = [index for index, n in enumerate(times) for _ in range(n)]
    wanted = written[count % len(written)] if is_cycle else written[min(count, len(written) - 1)]
    assert turns.index(count) == wanted


@given(st.lists(st.tuples(st.integers(0, 50), st.integers()), max_size=HISTORY - 1))
def test_what_was_true_then_is_the_last_change_before(changes: list[tuple[int, int]]) -> None:
    kept = Keyed()
    latest = 0
    known: list[tuple[int, object]] = [(-1, "initial")]
    for at_ms, value in changes:
        kept.put("k", value, at_ms)
        latest = max(latest, at_ms)
        known.append((latest, value))
    for moment in range(-1, 52):
        wanted = [value for at_ms, value in known if at_ms <= moment][-1]
        assert kept.get_at("k", moment, "initial") == wanted


def test_what_is_remembered_is_bounded() -> None:
    kept = Keyed(size=3)
    for number in range(10):
        kept.put(f"k{number}", number, number)
    assert kept.newest(10) == {"k9": 9, "k8": 8, "k7": 7}
    for number in range(100):
        kept.put("k9", number, 100 + number)
    assert len(kept._kept["k9"]) == HISTORY
    assert kept.get_at("k9", 0, "initial") == 92  # the oldest that is known
    assert len(short_key("x" * 10**6)) < 300
    assert short_key("x" * 10**6) != short_key("x" * 10**6 + "y")
