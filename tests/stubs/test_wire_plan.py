"""What an answer becomes on the wire, as a script."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stubs.faults.course import Course, Cut, Pacing
from stubs.wire_plan import (
    GARBAGE,
    SEGMENT_BYTES,
    Framed,
    Over,
    Pause,
    Say,
    Step,
    garbled_json,
    slice_bytes,
    wire_steps,
)

BODY = b'{"premium":74200}'
LINES = b"HTTP/1.1 200 OK\r\nx: y\r\n"
FRAMED = Framed(LINES, BODY, says_length=True, sends_body=True, keeps_alive=True)
WHOLE = LINES + b"content-length: 17\r\n\r\n" + BODY
HEAD = WHOLE[: -len(BODY)]


def script(course: Course, framed: Framed = FRAMED) -> list[Step]:
    return list(wire_steps(framed, course))


def said(steps: list[Step]) -> bytes:
    return b"".join(step.data for step in steps if isinstance(step, Say))


def paused_s(steps: list[Step]) -> float:
    return sum(step.for_s for step in steps if isinstance(step, Pause))


@pytest.mark.parametrize(
    ("course", "steps"),
    [
        pytest.param(Course(), [Say(WHOLE), Over("keep")], id="usual"),
        pytest.param(Course(cut=Cut("reset")), [Over("reset")], id="reset at once"),
        pytest.param(
            Course(cut=Cut("close", after_ms=20)), [Pause(0.02), Over("close")], id="closed late"
        ),
        pytest.param(
            Course(cut=Cut("reset", "response", after_bytes=5)),
            [Say(b"HTTP/"), Over("reset")],
            id="reset after bytes",
        ),
        pytest.param(
            Course(cut=Cut("reset", "response", 10.0, after_bytes=5)),
            [Say(b"HTTP/"), Pause(0.01), Over("reset")],
            id="reset some time after bytes",
        ),
        pytest.param(
            Course(cut=Cut("close", "response", after_bytes=0)), [Over("close")], id="empty"
        ),
        pytest.param(
            Course(cut=Cut("close", "response", body_bytes=3)),
            [Say(HEAD + BODY[:3]), Over("close")],
            id="some bytes of the body",
        ),
        pytest.param(
            Course(cut=Cut("close", "response", fraction=0.5)),
            [Say(HEAD + BODY[:8]), Over("close")],
            id="half of the body",
        ),
        pytest.param(
            Course(cut=Cut("close", "response", fraction=1.0)),
            [Say(WHOLE[:-1]), Over("close")],
            id="never all of it",
        ),
        pytest.param(
            Course(cut=Cut("close", "response", after_bytes=10**6)),
            [Say(WHOLE[:-1]), Over("close")],
            id="not even when it is short",
        ),
        pytest.param(
            Course(cut=Cut("close", "response", fraction=0.5, keep_content_length=False)),
            [Say(LINES + b"connection: close\r\n\r\n" + BODY[:8]), Over("close")],
            id="without a promise",
        ),
        pytest.param(
            Course(first_byte_s=0.5),
            [Say(HEAD), Pause(0.5), Say(BODY), Over("keep")],
            id="first byte",
        ),
        pytest.param(
            Course(close_delay_s=0.5),
            [
                Say(HEAD[:-2] + b"connection: close\r\n\r\n" + BODY),
                Pause(0.5),
                Over("close"),
            ],
            id="slow close",
        ),
        pytest.param(Course(garble="garbage"), [Say(GARBAGE), Over("close")], id="garbage"),
    ],
)
def test_a_course_is_a_script(course: Course, steps: list[Step]) -> None:
    assert script(course) == steps


def test_a_caller_that_closes_is_told_so() -> None:
    framed = Framed(LINES, BODY, says_length=True, sends_body=True, keeps_alive=False)
    steps = script(Course(), framed)
    assert b"\r\nconnection: close\r\n" in said(steps)
    assert steps[-1] == Over("close")


@pytest.mark.parametrize("garble", [None, "json"])
def test_head_promises_what_get_would_have(garble: str | None) -> None:
    course = Course(garble="json") if garble else Course()
    framed = Framed(LINES, BODY, says_length=True, sends_body=False, keeps_alive=True)
    data = said(script(course, framed))
    assert data.endswith(b"\r\n\r\n")
    assert data == said(script(course)).partition(b"\r\n\r\n")[0] + b"\r\n\r\n"


def test_no_content_has_no_length() -> None:
    framed = Framed(LINES, b"", says_length=False, sends_body=False, keeps_alive=True)
    assert said(script(Course(), framed)) == LINES + b"\r\n"


@given(st.recursive(st.none() | st.integers() | st.text(), st.lists))
def test_garbled_json_is_no_json(value: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - json has several for it
        json.loads(garbled_json(json.dumps(value).encode()))


def test_garbage_is_nothing_that_http_knows() -> None:
    assert b"HTTP" not in GARBAGE
    assert not GARBAGE[:1].isalpha()


@pytest.mark.parametrize(
    ("pacing", "size"),
    [
        (Pacing(chunk_bytes=7, bytes_per_s=10_000), 7),
        (Pacing(bytes_per_s=10_000), 500),
        (Pacing(bytes_per_s=3), 1),
        (Pacing(chunk_delay_ms=5), SEGMENT_BYTES),
    ],
)
def test_a_slice_has_its_size(pacing: Pacing, size: int) -> None:
    assert slice_bytes(pacing) == size


def test_a_rate_takes_its_time() -> None:
    steps = script(Course(pacing=Pacing(bytes_per_s=100)))
    assert said(steps) == WHOLE
    assert paused_s(steps) == pytest.approx(len(WHOLE) / 100)
    assert all(len(step.data) <= 5 for step in steps if isinstance(step, Say))
    assert isinstance(steps[0], Pause), "the last byte is there on time, not the first one early"


def test_chunks_wait_between_and_not_before() -> None:
    steps = script(Course(pacing=Pacing(chunk_bytes=10, chunk_delay_ms=5)))
    chunks = [step for step in steps if isinstance(step, Say)]
    assert steps[0] == Say(WHOLE[:10])
    assert paused_s(steps) == pytest.approx(0.005 * (len(chunks) - 1))


def test_a_lost_packet_stalls_those_behind_it() -> None:
    stalls = ((1, 0.2), (3, 0.4), (99, 5.0))
    steps = script(Course(pacing=Pacing(chunk_bytes=10, stalls=stalls)))
    assert [step.for_s for step in steps if isinstance(step, Pause)] == [0.2, 0.4]
    assert steps.index(Pause(0.2)) == 1


def test_pacing_of_requests_leaves_answers_alone() -> None:
    assert script(Course(pacing=Pacing(bytes_per_s=1, direction="request"))) == script(Course())


def test_a_long_script_is_lazy() -> None:
    framed = Framed(LINES, b"x" * 10**6, says_length=True, sends_body=True, keeps_alive=True)
    steps = wire_steps(framed, Course(pacing=Pacing(bytes_per_s=1)))
    assert next(steps) == Pause(1.0)
    assert next(steps) == Say(b"H")


cuts = st.builds(
    Cut,
    st.sampled_from(["reset", "close"]),
    st.sampled_from(["request", "response"]),
    st.floats(0, 100),
    st.none() | st.integers(0, 300),
    st.none() | st.integers(0, 300),
    st.none() | st.floats(0, 1),
    st.booleans(),
)
pacings = st.builds(
    Pacing,
    st.sampled_from([0.0, 100.0, 1e6]),
    st.integers(0, 20),
    st.sampled_from([0.0, 3.0]),
    st.just(()) | st.just(((0, 0.1), (2, 0.1))),
    st.sampled_from(["response", "request", "both"]),
)
courses = st.builds(
    Course,
    cut=st.none() | cuts,
    pacing=st.none() | pacings,
    garble=st.none() | st.sampled_from(["chunk", "json", "headers", "garbage"]),
    first_byte_s=st.sampled_from([0.0, 0.5]),
    close_delay_s=st.none() | st.just(0.5),
)
framings = st.builds(
    Framed, st.just(LINES), st.binary(max_size=100), st.booleans(), st.booleans(), st.booleans()
)


@given(framings, courses)
def test_every_script_has_one_end(framed: Framed, course: Course) -> None:
    steps = script(course, framed)
    assert [isinstance(step, Over) for step in steps].index(True) == len(steps) - 1
    assert all(step.for_s > 0 for step in steps if isinstance(step, Pause))
    if course.cut is not None:
        assert steps[-1] == Over(course.cut.how)
        uncut = said(
            script(Course(garble=course.garble, close_delay_s=course.close_delay_s), framed)
        )
        assert len(said(steps)) < max(len(uncut), 1) or not course.cut.keep_content_length
