"""What the gateway says about itself."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stubs.admin import Counts, is_admin, make_admin
from tests.stubs.asgi import ask


def test_equal_answers_are_counted_together() -> None:
    counts = Counts()
    for status in (200, 404, 200):
        counts.add("svc", "POST /login", status)
    assert counts.rows() == [
        {"service": "svc", "route": "POST /login", "status": 200, "count": 2},
        {"service": "svc", "route": "POST /login", "status": 404, "count": 1},
    ]


@given(st.lists(st.tuples(st.text(max_size=2), st.text(max_size=2), st.integers(200, 205))))
def test_counts_are_bounded_and_lose_nobody(keys: list[tuple[str, str, int]]) -> None:
    counts = Counts(limit=5)
    for key in keys:
        counts.add(*key)
    assert len(counts) <= 6
    assert sum(int(row["count"]) for row in counts.rows()) == len(keys)


def test_past_the_limit_only_new_ones_share_a_row() -> None:
    counts = Counts(limit=1)
    for name in ("a", "b", "c", "a"):
        counts.add(name, "/", 200)
    assert [(row["service"], row["count"]) for row in counts.rows()] == [("(other)", 2), ("a", 2)]


@pytest.mark.parametrize(
    ("path", "is_ours"),
    [
        ("/__esr", True),
        ("/__esr/", True),
        ("/__esr/health", True),
        ("/__esr/../payments", True),
        ("/__esrx", False),
        ("/x/__esr/health", False),
        ("//__esr/health", False),
        ("/", False),
        ("", False),
    ],
)
def test_the_prefix_is_ours(path: str, is_ours: bool) -> None:
    assert is_admin(path) is is_ours


async def test_health_names_the_services() -> None:
    said = await ask(make_admin(["svc", "act"], Counts()), "GET", "/__esr/health")
    assert (said.status, said.json) == (200, {"status": "ok", "services": ["svc", "act"]})
    assert said.headers[b"x-esr-env"] == b"sandbox"


async def test_stats_are_the_counts() -> None:
    counts = Counts()
    counts.add("svc", "GET /é", 200)
    said = await ask(make_admin([], counts), "GET", "/__esr/stats")
    assert said.json == {"answers": counts.rows()}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        pytest.param("GET", "/__esr", 404, id="bare"),
        pytest.param("GET", "/__esr/nothing", 404, id="unknown"),
        pytest.param("GET", "/__esr/health/", 404, id="a slash more is no redirect"),
        pytest.param("GET", "/__esr/%00", 404, id="NUL"),
        pytest.param("POST", "/__esr/stats", 405, id="not to be written"),
        pytest.param("B\0AD", "/__esr/stats", 405, id="no method at all"),
    ],
)
async def test_anything_else_is_a_problem_document(method: str, path: str, status: int) -> None:
    said = await ask(make_admin([], Counts()), method, path, {"host": "evil.example"})
    assert said.status == said.json["status"] == status
    assert said.headers[b"content-type"] == b"application/problem+json"
    assert said.headers[b"x-esr-env"] == b"sandbox"
    assert "/__esr/health" in said.json["detail"]
    assert b"location" not in said.headers
