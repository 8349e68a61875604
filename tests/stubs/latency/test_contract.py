"""The one contract that every latency model keeps, whatever it is made of.

A wait is finite, never negative and never over a day; it never falls as the draw grows; the same
requests get the same waits; and a model survives the way to JSON and back.
"""

from __future__ import annotations

import json
import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stubs.latency import (
    LATENCY_MODELS,
    MAX_MS,
    AnyModel,
    Bucket,
    ColdStart,
    Empirical,
    Exponential,
    Fixed,
    LogNormal,
    Moment,
    NoDelay,
    Normal,
    Percentiles,
    Queue,
    TimeOfDay,
    Uniform,
    latency_mapping,
    parse_latency,
    wait_of,
)
from stubs.latency.queue import MAX_QUEUE, MAX_SERVERS
from switchboard.fault_reader import FaultReader
from switchboard.seeded import unit

TINY = 5e-324
LAST = math.nextafter(1.0, 0.0)
LONGEST_S = MAX_MS / 1000 * (1 + 1e-9)

MODELS: dict[str, AnyModel] = {
    "no delay": NoDelay(),
    "fixed": Fixed(100),
    "fixed: nothing": Fixed(0),
    "fixed: longest": Fixed(MAX_MS),
    "uniform: nothing": Uniform(0, 0),
    "uniform": Uniform(50, 250),
    "uniform: constant": Uniform(0.1, 0.1),
    "uniform: widest": Uniform(0, MAX_MS),
    "normal": Normal(100, 20),
    "normal: half of it below zero": Normal(0, 50),
    "normal: constant": Normal(30, 0),
    "normal: nothing": Normal(0, 0),
    "normal: hardly any spread": Normal(MAX_MS, TINY),
    "normal: hardly any mean": Normal(TINY, MAX_MS),
    "normal: widest": Normal(MAX_MS, MAX_MS),
    "exponential": Exponential(20),
    "exponential: nothing": Exponential(0),
    "exponential: widest": Exponential(MAX_MS),
    "log-normal": LogNormal(18, 90),
    "log-normal: constant": LogNormal(20, 20),
    "log-normal: widest": LogNormal(TINY, MAX_MS),
    "log-normal: slowest": LogNormal(MAX_MS, MAX_MS),
    "log-normal: by sigma": LogNormal.of_sigma(18, 0.7),
    "percentiles": Percentiles(((50, 20), (90, 80), (99.9, 400))),
    "percentiles: one": Percentiles(((50, 20),)),
    "percentiles: both ends": Percentiles(((0, 3), (100, 9))),
    "percentiles: widest": Percentiles(((0, 0), (1, TINY), (99, MAX_MS))),
    "empirical: one": Empirical((12.5,)),
    "empirical: zeros": Empirical((0.0, 0.0, 0.0)),
    "empirical": Empirical((1.0, 2.0, 2.0, 50.0, 1_000.0)),
    "empirical: uneven": Empirical((0.1, 0.3, 0.7, 1 / 3 + 1)),
    "empirical: widest": Empirical((0.0, TINY, MAX_MS)),
    "time of day": TimeOfDay((Bucket(22, 6, Uniform(1, 5)), Bucket(12, 13, Fixed(80))), Fixed(9)),
    "time of day: full": TimeOfDay((Bucket(0, 12, Fixed(1)), Bucket(12, 24, Normal(9, 3)))),
    "queue": Queue(2, Exponential(20)),
    "queue: bounded": Queue(1, LogNormal(10, 50), max_queue=3),
    "queue: by the hour": Queue(3, TimeOfDay((Bucket(9, 17, Fixed(50)),), Fixed(5))),
    "queue: slowest": Queue(1, Fixed(MAX_MS)),
    "queue: widest": Queue(MAX_SERVERS, Fixed(0), max_queue=MAX_QUEUE),
    "cold start": ColdStart(500, warm_s=30, latency=Uniform(10, 20)),
    "cold start: by requests": ColdStart(500, requests=20),
    "cold start: of a queue": ColdStart(MAX_MS, warm_s=1, latency=Queue(1, Fixed(MAX_MS))),
    "cold start: by the hour": ColdStart(1, requests=1, latency=TimeOfDay((), Fixed(5))),
}

more = settings(max_examples=max(400, settings().max_examples))  # one test for all models
models = st.sampled_from(list(MODELS.values()))
each_model = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
draws = st.floats(0, 1, exclude_max=True)
moments = st.builds(Moment, st.floats(0, 86_400), st.floats(0, 1e6), draws)


def fresh(model: AnyModel) -> AnyModel:
    """An equal model that has seen nothing yet, by the way of JSON."""
    reader = FaultReader(lambda _path: None)
    made = parse_latency(json.loads(json.dumps(latency_mapping(model))), "latency", reader)
    assert reader.faults == []
    return made


def wait_s(model: AnyModel, u: float, moment: Moment) -> float:
    """What the model says when this is the first it is asked."""
    return wait_of(fresh(model))(u, moment)


def test_every_model_is_under_the_contract() -> None:
    assert {type(model) for model in MODELS.values()} == {
        row.model for row in LATENCY_MODELS.values()
    }


@each_model
def test_a_wait_is_finite_and_never_over_a_day(model: AnyModel) -> None:
    wait = wait_of(fresh(model))
    for n in range(500):
        u = unit(1, n) if n % 7 else (0.0, TINY, LAST)[n % 3]
        assert 0 <= wait(u, Moment(unit(2, n) * 86_400, n / 100, unit(3, n))) <= LONGEST_S


@more
@given(model=models, us=st.lists(draws, min_size=2, max_size=8), moment=moments)
def test_a_wait_never_falls_as_the_draw_grows(
    model: AnyModel, us: list[float], moment: Moment
) -> None:
    taken = [wait_s(model, u, moment) for u in sorted({*us, 0.0, 0.5, LAST})]
    assert all(one <= other for one, other in pairwise(taken))
    assert 0 <= taken[0] <= taken[-1] <= LONGEST_S


@each_model
def test_a_wait_never_falls_between_neighbouring_draws(model: AnyModel) -> None:
    around = [edge for n in range(1, 16) for edge in (n / 16, math.nextafter(n / 16, 1))]
    us = sorted([0.0, TINY, 1e-9, *around, *(unit(4, n) for n in range(50)), 1 - 1e-9, LAST])
    taken = [wait_s(model, u, Moment()) for u in us]
    assert all(one <= other for one, other in pairwise(taken))


@more
@given(model=models, asked=st.lists(st.tuples(draws, moments), max_size=20))
def test_the_same_requests_get_the_same_waits(
    model: AnyModel, asked: list[tuple[float, Moment]]
) -> None:
    one, other = wait_of(fresh(model)), wait_of(fresh(model))
    for u, moment in asked:
        again = Moment(moment.day_s, moment.arrival_s, moment.second)
        moment.is_full = False
        assert one(u, moment) == other(u, again)
        assert moment.is_full == again.is_full


@each_model
def test_the_same_seed_gives_the_same_waits(model: AnyModel) -> None:
    def play() -> list[float]:
        wait = wait_of(fresh(model))
        return [wait(unit(9, n), Moment(unit(8, n) * 86_400, n / 50)) for n in range(200)]

    assert play() == play()


@each_model
def test_a_model_is_equal_after_the_way_to_json_and_back(model: AnyModel) -> None:
    assert fresh(model) == model
    assert latency_mapping(fresh(model)) == latency_mapping(model)


@each_model
def test_a_mapping_has_only_keys_that_the_table_lists(model: AnyModel) -> None:
    mapping = latency_mapping(model)
    row = LATENCY_MODELS[mapping.pop("model")]
    assert row.model is type(model)
    assert set(mapping) <= {parameter.name for parameter in row.parameters}


def test_a_model_of_somebody_else_has_no_mapping() -> None:
    class Odd:
        def sample_s(self, u: float) -> float:
            return u

    with pytest.raises(ValueError, match="Odd is not one of none, fixed"):
        latency_mapping(Odd())
