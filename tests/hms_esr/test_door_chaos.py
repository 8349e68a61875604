"""Faults at a door: what can be played, whom a fault is about, what a door is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from hms_esr.door_chaos import DoorChaos, clock_from, load_faults, read_door_chaos
from hms_esr.door_kinds import DoorKind
from stubs.clock import Anchor, RecordedClock
from switchboard.errors import EsrError
from switchboard.trouble import Trouble, TroubleAsk, names_of

GATEWAY = DoorKind("gateway")
FORWARD = DoorKind("proxy", "forward")
DNS = DoorKind("proxy", "dns")
SEED = 7


class Slept:
    """A sleep that takes no time and remembers how long it was to be."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


class At:
    """A recorded clock that a test moves."""

    def __init__(self) -> None:
        self.ns = 0
        self.clock = RecordedClock(Anchor(0), lambda: self.ns)

    def move_to(self, seconds: float) -> None:
        self.ns = int(seconds * 1e9)


def chaos(*faults: Mapping[str, Any], door: DoorKind = GATEWAY, **more: Any) -> DoorChaos:
    clock = more.pop("clock", At().clock)
    return DoorChaos(load_faults(json.dumps(faults)), door, SEED, clock, **more)


def ask(stage: Any = "request", *names: str, path: str = "/", **headers: str) -> TroubleAsk:
    pairs = [(name.replace("_", "-"), value) for name, value in headers.items()]
    if stage != "request":
        return TroubleAsk(stage, names or ("svc",))
    return TroubleAsk(stage, names or ("svc",), "GET", path, pairs)


@pytest.mark.parametrize(
    ("upstream", "host", "names"),
    [
        ("svc", "svc.hms.example", ("svc",)),
        ("HMS core", "api.hms.example", ("hms-core", "api")),
        ("", "api.hms.example", ("api",)),
        ("svc", "192.0.2.1", ("svc",)),
        ("svc", "2001:db8::1", ("svc",)),
        ("svc", "localhost", ("svc", "localhost")),
    ],
)
def test_names_of_a_service(upstream: str, host: str, names: tuple[str, ...]) -> None:
    assert names_of(upstream, host) == names


@pytest.mark.parametrize(
    ("fault", "door", "words"),
    [
        ({"kind": "truncate"}, GATEWAY, "not truncate; esr stubs serve plays every kind"),
        ({"kind": "down"}, FORWARD, "plays dns, tls, quota, error and latency, not down"),
        ({"kind": "tls"}, GATEWAY, "not tls; esr proxy can, and esr stubs serve"),
        ({"kind": "hang"}, FORWARD, "not hang; esr gateway can"),
        ({"kind": "error"}, DNS, "only dns, not error; esr gateway and every other mode"),
        ({"kind": "error", "apply_to": "new"}, GATEWAY, "apply_to: new"),
        ({"kind": "latency", "ms": 5, "where": "per_chunk"}, GATEWAY, "where: before_headers"),
        ({"kind": "reset", "phase": "response"}, GATEWAY, "phase: request"),
        ({"kind": "dns", "target": {"service": "a", "method": "GET"}}, DNS, "before any request"),
        ({"kind": "tls", "target": {"service": "a", "route": "/b"}}, FORWARD, "before any request"),
        ({"kind": "dns", "mode": "nonsense"}, GATEWAY, "mode"),
    ],
)
def test_what_a_door_cannot_play_is_refused(
    fault: dict[str, Any], door: DoorKind, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "chaos.yml"
    path.write_text(json.dumps({"chaos": [{"target": "*", **fault}]}))
    with pytest.raises(EsrError) as caught:
        read_door_chaos(path, door)
    assert words in str(caught.value)
    assert str(path) in str(caught.value)
    assert caught.value.exit_code == 2


def test_everything_that_cannot_be_played_is_said_at_once(tmp_path: Path) -> None:
    path = tmp_path / "chaos.yml"
    path.write_text("[{kind: empty, target: a}, {kind: loss, target: b}, {kind: error, target: c}]")
    with pytest.raises(EsrError) as caught:
        read_door_chaos(path, GATEWAY)
    said = str(caught.value)
    assert "cannot be played by esr gateway: 2 faults" in said
    assert "a-empty: " in said
    assert "b-loss: " in said


def test_what_was_read_is_what_is_played(tmp_path: Path) -> None:
    path = tmp_path / "chaos.yml"
    path.write_text("- {kind: quota, target: svc, limit: 3, at: 2m}\n- {kind: dns, target: ach}\n")
    first, second = load_faults(read_door_chaos(path, GATEWAY))
    assert (first.id, first.at_ms, second.id) == ("svc-quota", 120_000, "ach-dns")


DNS_ROWS = [
    ("nxdomain", 502, []),
    ("servfail", 502, []),
    ("timeout", 504, [5.0]),
    ("stale_ip", 504, [5.0]),
]


@pytest.mark.parametrize(("mode", "status", "slept"), DNS_ROWS)
async def test_name_that_is_not_found(mode: str, status: int, slept: list[float]) -> None:
    sleep = Slept()
    fault = {"kind": "dns", "target": "svc", "mode": mode, "ttl_s": "30s"}
    for door, stage in ((GATEWAY, "request"), (FORWARD, "name"), (DNS, "name")):
        trouble = chaos(fault, door=door, sleep=sleep)(ask(stage))
        assert trouble is not None
        assert (trouble.mode, trouble.ttl_s, trouble.cut) == (mode, 30, None)
        assert trouble.answer is not None
        assert trouble.answer.status == status
        assert ("x-esr-fault", "svc-dns") in trouble.answer.headers
        assert b"a declared fault" in trouble.answer.body
        if trouble.wait is not None:
            await trouble.wait()
        assert sleep.seconds == slept
        sleep.seconds.clear()


ROWS: list[tuple[dict[str, Any], int | None, str | None, list[float]]] = [
    ({"kind": "latency", "ms": 250}, None, None, [0.25]),
    ({"kind": "error", "status": 418}, 418, None, []),
    ({"kind": "quota", "limit": 0}, 429, None, []),
    ({"kind": "reset"}, None, "reset", []),
    ({"kind": "reset", "after_ms": 40}, None, "reset", [0.04]),
    ({"kind": "hang", "for_s": "3s"}, None, "close", [3.0]),
    ({"kind": "hang", "for_s": "3s", "then": "reset"}, None, "reset", [3.0]),
    ({"kind": "hang", "for_s": "3s", "then": "respond"}, None, None, [3.0]),
]


@pytest.mark.parametrize(("fault", "status", "cut", "slept"), ROWS)
async def test_request_that_is_touched(
    fault: dict[str, Any], status: int | None, cut: str | None, slept: list[float]
) -> None:
    sleep = Slept()
    trouble = chaos({"target": "svc", **fault}, sleep=sleep)(ask())
    assert trouble is not None
    assert (trouble.answer.status if trouble.answer else None) == status
    assert trouble.cut == cut
    if trouble.wait is not None:
        await trouble.wait()
    assert sleep.seconds == slept


async def test_latency_is_added_to_an_error() -> None:
    sleep = Slept()
    faults = ({"kind": "latency", "ms": 100, "target": "*"}, {"kind": "error", "target": "svc"})
    trouble = chaos(*faults, sleep=sleep)(ask())
    assert trouble is not None
    assert trouble.answer is not None
    assert trouble.wait is not None
    await trouble.wait()
    assert (sleep.seconds, trouble.faults) == ([0.1], ("svc-error", "all-latency"))


@pytest.mark.parametrize(
    ("target", "names", "is_touched"),
    [
        ("svc", ("svc", "api"), True),
        ("api", ("svc", "api"), True),
        ("*", ("svc", "api"), True),
        ("fee", ("svc", "api"), False),
        ("svc", ("svc-eu",), True),
        ({"service": "api", "route": "GET /a/{id}"}, ("svc", "api"), True),
        ({"service": "api", "route": "GET /b"}, ("svc", "api"), False),
        ({"service": "api", "tenant": "t1"}, ("svc", "api"), True),
        ({"service": "api", "header": {"x-region": "eu"}}, ("svc", "api"), True),
        ({"service": "api", "header": {"x-region": "us"}}, ("svc", "api"), False),
    ],
)
def test_whom_a_fault_is_about(target: Any, names: tuple[str, ...], is_touched: bool) -> None:
    one = ask("request", *names, path="/a/1?b", X_Region="eu", X_ESR_Tenant="t1")
    assert (chaos({"kind": "error", "target": target})(one) is not None) == is_touched


def test_fault_of_every_service_touches_once_whatever_the_names() -> None:
    played = chaos({"kind": "quota", "limit": 1, "target": "*"})
    assert played(ask("request", "svc", "api")) is None
    assert played(ask("request", "svc", "api")) is not None
    assert played.take_touched() == {"all-quota": 1}
    assert played.take_touched() == {}


def test_recorded_time_of_the_request_decides_when_it_has_one() -> None:
    at = At()
    played = chaos({"kind": "error", "target": "svc", "at": "10s", "for": "5s"}, clock=at.clock)

    def is_touched(**headers: str) -> bool:
        return played(ask("request", "svc", **headers)) is not None

    assert not is_touched()
    assert is_touched(x_esr_due="12000")
    assert not is_touched(x_esr_due="12e3")  # no number as an injector writes them
    at.move_to(12)
    assert is_touched()
    assert not is_touched(x_esr_due="20000")


def test_draws_are_those_of_the_request() -> None:
    fault = {"kind": "error", "target": "svc", "probability": 0.5}
    numbers = [f"{number:x}" for number in range(64)]

    def touched(worker: int) -> list[bool]:
        played = chaos(fault, worker=worker)
        return [played(ask("request", "svc", x_esr_request=each)) is not None for each in numbers]

    assert touched(0) == touched(1)
    assert 10 < sum(touched(0)) < 54


def test_stages_are_apart() -> None:
    faults = [{"kind": kind, "target": "svc"} for kind in ("dns", "tls", "error")]
    played = chaos(*faults, door=FORWARD)
    found = [played(ask(stage)) for stage in ("name", "handshake", "request")]
    assert [each.faults for each in found if each] == [("svc-dns",), ("svc-tls",), ("svc-error",)]
    assert [each.mode for each in found if each] == ["nxdomain", "expired", ""]


def test_max_active_is_freed_when_it_is_over() -> None:
    played = chaos({"kind": "error", "target": "svc", "max_active": 1})
    first = played(ask())
    assert isinstance(first, Trouble)
    assert played(ask()) is None
    first.over()
    assert played(ask()) is not None


async def test_what_is_held_is_lifted_when_the_door_stops() -> None:
    played = chaos({"kind": "hang", "target": "svc", "for": "1h"})
    trouble = played(ask())
    assert trouble is not None
    assert trouble.wait is not None
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(_wait(trouble))
        await asyncio.sleep(0)
        assert not waiting.done()
        played.stop()


async def _wait(trouble: Trouble) -> None:
    if trouble.wait is not None:
        await trouble.wait()


async def test_stalled_handshake_waits_until_it_is_lifted() -> None:
    at = At()
    fault = {"kind": "tls", "target": "svc", "mode": "handshake_stall", "for": "2s"}
    trouble = chaos(fault, door=FORWARD, clock=at.clock)(ask("handshake"))
    assert trouble is not None
    assert trouble.wait is not None
    at.move_to(3)
    await asyncio.wait_for(_wait(trouble), 5)


def test_clock_starts_with_the_door() -> None:
    clock = clock_from(0)
    assert clock.now_ms() > 0
    assert clock.epoch_ms(clock.now_ms()) > 1_700_000_000_000
