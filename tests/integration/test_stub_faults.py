"""Every fault from the caller's side of a real socket: what bytes, what reset, what before what.

One gateway for all. Each request says by a header which fault it wants, and by `x-esr-due` that it
was due while the examples are active.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import orjson
import pytest

from hms_esr.admin_client import AdminClient
from stubs.clock import Anchor
from stubs.config import GatewayConfig
from stubs.process import StubProcess
from tests.integration.esr import wait_until
from tests.integration.stub_wire import Caller, Heard
from tests.stubs.faults.examples import AT_MS, EXAMPLES

DUE = str(AT_MS + 30_000)
VARIANTS: Mapping[str, dict[str, Any]] = {
    "reset-request": {"kind": "reset"},
    "reset-late": {"kind": "reset", "after_ms": 30},
    "truncate-hidden": {"kind": "truncate", "fraction": 0.5, "keep_content_length": False},
    "truncate-bytes": {"kind": "truncate", "bytes": 9},
    "chunk": {"kind": "malformed", "what": "chunk"},
    "headers": {"kind": "malformed", "what": "headers"},
    "garbage": {"kind": "malformed", "what": "garbage"},
    "hang-reset": {"kind": "hang", "for_s": 0.05, "then": "reset"},
    "hang-respond": {"kind": "hang", "for_s": 0.05, "then": "respond"},
    "blackhole": {"kind": "down", "mode": "blackhole"},
    "down-reset": {"kind": "down", "mode": "reset"},
    "ghost-504": {"kind": "ghost_commit", "lose": "status_504"},
    "error-retry": {"kind": "error", "status": 429, "retry_after_s": 7},
    "first-byte": {"kind": "latency", "ms": 60, "where": "first_byte"},
    "per-chunk": {"kind": "latency", "ms": 5, "where": "per_chunk"},
    "slow-reading": {"kind": "throttle", "bytes_per_s": 50_000, "direction": "request"},
}


def declared(name: str, fault: Mapping[str, Any]) -> dict[str, Any]:
    """The example, for requests that ask for it by name."""
    target = {"service": "ach", "header": {"x-want": name}}
    return {"at": "1m", "for": "5m", **fault, "id": name, "target": target}


FAULTS = [declared(name, fault) for name, fault in {**EXAMPLES, **VARIANTS}.items()]


class Place:
    """The gateway, how to ask it and how to look into it."""

    def __init__(self, stub: StubProcess) -> None:
        self.stub = stub
        self.admin = AdminClient(f"http://{stub.admin}")
        self.number = 0

    def next_id(self) -> str:
        self.number += 1
        return f"{self.number:x}"

    def headers(self, want: str, **more: str) -> dict[str, str]:
        tags = {"x-esr-service": "ach", "x-esr-request": self.next_id(), "x-esr-due": DUE}
        return {**tags, "x-want": want, **more}

    def call(self, want: str, method: str = "POST", **more: str) -> Caller:
        """A payment that is being made."""
        caller = Caller(self.stub.port)
        body = b'{"amount": 12, "account": "021000021"}' if method == "POST" else b""
        path = "/payments" if method == "POST" else "/payments/PAY-1"
        caller.ask(method, path, self.headers(want, **more), body)
        return caller

    def hear(self, want: str, method: str = "POST", **more: str) -> Heard:
        """What became of it, up to the end of the connection."""
        with self.call(want, method, connection="close", **more) as caller:
            return caller.listen()

    def entry(self) -> dict[str, Any]:
        """What the journal says of the newest request."""
        rows = self.admin.call("GET", f"/journal?request_id={self.number:x}")["entries"]
        assert len(rows) == 1, rows
        row: dict[str, Any] = rows[0]
        return row

    def wait_ending(self, ending: str) -> None:
        """Until the journal says that the newest request ended so."""
        path = f"/journal?request_id={self.number:x}&ending={ending}"
        wait_until(lambda: bool(self.admin.call("GET", path)["entries"]))


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    config = GatewayConfig(
        seed=7,
        services=("ach",),
        latencies={"ach": 0},
        faults=tuple(FAULTS),
        admin="127.0.0.1:0",
        port_each=True,
        clock=Anchor(0, 0.0, 0.0, 1_600_000_000_000.0),
    )
    with StubProcess.start(config=config) as stub:
        yield Place(stub)


def is_usual(heard: Heard) -> bool:
    """Whether it is the stub's own answer, whole."""
    return heard.status == 201 and "payment" in orjson.loads(heard.body)


def test_without_a_fault_the_answer_is_whole(place: Place) -> None:
    heard = place.hear("nothing")
    assert is_usual(heard)
    assert heard.how == "closed"
    assert (place.entry()["ending"], place.entry()["faults"]) == ("answered", [])


def test_outside_its_time_a_fault_is_none(place: Place) -> None:
    with Caller(place.stub.port) as caller:
        headers = {**place.headers("reset"), "x-esr-due": "1000"}
        caller.ask("POST", "/payments", {**headers, "connection": "close"}, b"{}")
        assert caller.listen().how == "closed"


# What each kind of the examples is to a caller


def hears_dns(place: Place) -> None:
    heard = place.hear("dns")
    assert heard.status >= 500
    assert heard.header("x-esr-env") == b"sandbox"


def hears_down(place: Place) -> None:
    heard = place.hear("down")
    assert (heard.status, orjson.loads(heard.body)["title"]) == (503, "Down")


def hears_tls(place: Place) -> None:
    assert place.hear("tls") == Heard(b"", "reset")


def hears_reset(place: Place) -> None:
    heard = place.hear("reset")
    assert heard == Heard(heard.data[:20], "reset")
    assert heard.data == b"HTTP/1.1 201 Created"


def hears_quota(place: Place) -> None:
    heard = place.hear("quota")
    assert heard.status == 429
    assert int(heard.header("retry-after") or 0) > 0


def hears_error(place: Place) -> None:
    heard = place.hear("error")
    assert (heard.status, heard.body) == (500, b"out of order")
    assert heard.header("x-reason") == b"drill"


def hears_ghost_commit(place: Place) -> None:
    """The payment is made, and nobody is told: sent again with its key, it is a duplicate."""
    key = {"idempotency-key": "ghost-1"}
    assert place.hear("ghost_commit", **key) == Heard(b"", "reset")
    again = place.hear("nothing", **key)
    assert (again.status, orjson.loads(again.body)["duplicate"]) == (200, True)


def hears_hang(place: Place) -> None:
    with place.call("hang") as caller:
        assert caller.is_silent(0.05)
        place.wait_ending("held")
        assert caller.listen() == Heard(b"", "closed")
    place.wait_ending("closed")


def hears_empty(place: Place) -> None:
    assert place.hear("empty") == Heard(b"", "closed")


def hears_throttle(place: Place) -> None:
    """In slices of at most 100 bytes, with time in between."""
    with place.call("throttle", connection="close") as caller:
        first = caller.socket.recv(65_536)
        rest = caller.listen()
    assert len(first) <= 100
    assert is_usual(Heard(first + rest.data, rest.how))


def hears_loss(place: Place) -> None:
    assert is_usual(place.hear("loss"))


def hears_truncate(place: Place) -> None:
    """A quarter of the body, where the head promised all of it."""
    heard = place.hear("truncate")
    promised = int(heard.header("content-length") or 0)
    assert len(heard.body) == promised // 4
    assert heard.how == "closed"


def hears_malformed(place: Place) -> None:
    """Well-framed HTTP whose body is no JSON."""
    heard = place.hear("malformed")
    assert heard.status == 201
    assert len(heard.body) == int(heard.header("content-length") or 0) > 0
    with pytest.raises(json.JSONDecodeError):
        json.loads(heard.body)


def hears_slow_close(place: Place) -> None:
    """The whole answer, which says that it closes; the connection then stands for a while."""
    with place.call("slow_close") as caller:
        heard = caller.answer()
        assert is_usual(heard)
        assert heard.header("connection") == b"close"
        assert caller.is_silent(0.005)
        assert caller.listen() == Heard(b"", "closed")


def hears_duplicate_delivery(place: Place) -> None:
    """Delivered twice, answered once; the second delivery found the payment made."""
    heard = place.hear("duplicate_delivery", **{"idempotency-key": "twice-1"})
    assert is_usual(heard)
    again = place.hear("nothing", **{"idempotency-key": "twice-1"})
    assert orjson.loads(again.body)["payment"] == orjson.loads(heard.body)["payment"]


def hears_usual(name: str) -> Callable[[Place], None]:
    """Faults that only a service's state or its callbacks show."""

    def hears(place: Place) -> None:
        assert is_usual(place.hear(name))

    return hears


def hears_clock_skew(place: Place) -> None:
    """Every clock in the answer is an hour behind recorded time."""
    heard = place.hear("clock_skew")
    assert is_usual(heard)
    due_s = 1_600_000_000 + float(DUE) / 1000
    expected = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(due_s - 3600))
    assert heard.header("date") == expected.encode()


def hears_latency(place: Place) -> None:
    with place.call("latency", connection="close") as caller:
        assert caller.is_silent(0.01)
        assert is_usual(caller.listen())
    assert place.entry()["wait_ms"] == 40


CHECKS: Mapping[str, Callable[[Place], None]] = {
    "dns": hears_dns,
    "down": hears_down,
    "tls": hears_tls,
    "reset": hears_reset,
    "quota": hears_quota,
    "error": hears_error,
    "ghost_commit": hears_ghost_commit,
    "hang": hears_hang,
    "empty": hears_empty,
    "throttle": hears_throttle,
    "loss": hears_loss,
    "truncate": hears_truncate,
    "malformed": hears_malformed,
    "slow_close": hears_slow_close,
    "duplicate_delivery": hears_duplicate_delivery,
    "out_of_order_callback": hears_usual("out_of_order_callback"),
    "late_settlement": hears_usual("late_settlement"),
    "stale_read": hears_usual("stale_read"),
    "clock_skew": hears_clock_skew,
    "latency": hears_latency,
}


def test_every_kind_is_heard() -> None:
    assert list(CHECKS) == list(EXAMPLES)


@pytest.mark.parametrize("kind", EXAMPLES)
def test_a_caller_hears_the_fault(place: Place, kind: str) -> None:
    touched = touches(place, kind)
    CHECKS[kind](place)
    assert touches(place, kind) > touched
    assert is_usual(place.hear("nothing")), "and nobody else does"


def touches(place: Place, name: str) -> int:
    rows = place.admin.call("GET", "/faults")["faults"]
    count: int = next(row["touched"] for row in rows if row["id"] == name)
    return count


# Further ways of the same kinds


@pytest.mark.parametrize("name", ["reset-request", "reset-late", "down-reset", "hang-reset"])
def test_a_reset_is_a_reset(place: Place, name: str) -> None:
    assert place.hear(name) == Heard(b"", "reset")
    place.wait_ending("reset")
    assert place.entry()["faults"] == [name]
    assert place.entry()["status"] == 0


def test_a_truncation_can_be_one_that_nobody_can_notice(place: Place) -> None:
    heard = place.hear("truncate-hidden")
    assert heard.header("content-length") is None
    assert heard.header("connection") == b"close"
    assert len(heard.body) > 0
    assert heard.how == "closed"
    with pytest.raises(json.JSONDecodeError):
        json.loads(heard.body)


def test_bytes_of_a_truncation_are_those_of_the_body(place: Place) -> None:
    heard = place.hear("truncate-bytes")
    assert heard.status == 201
    assert len(heard.body) == 9
    assert int(heard.header("content-length") or 0) > 9
    assert heard.how == "closed"


def test_a_malformed_chunk(place: Place) -> None:
    heard = place.hear("chunk")
    assert heard.header("transfer-encoding") == b"chunked"
    assert heard.body.startswith(b"4\r\n")
    assert b"\r\nZZ\r\n" in heard.body
    assert not heard.body.endswith(b"0\r\n\r\n")


def test_malformed_headers(place: Place) -> None:
    heard = place.hear("headers")
    assert heard.status == 201
    assert b"\r\n: no name\r\n" in heard.head + b"\r\n"


def test_garbage_is_no_http(place: Place) -> None:
    heard = place.hear("garbage")
    assert heard.status == 0
    assert len(heard.data) > 100
    assert heard.how == "closed"


def test_a_hang_may_end_with_the_answer(place: Place) -> None:
    with place.call("hang-respond", connection="close") as caller:
        assert caller.is_silent(0.01)
        assert is_usual(caller.listen())


def test_a_ghost_commit_may_be_a_504(place: Place) -> None:
    key = {"idempotency-key": "ghost-2"}
    assert place.hear("ghost-504", **key).status == 504
    assert place.hear("nothing", **key).status == 200


def test_an_error_says_when_to_try_again(place: Place) -> None:
    heard = place.hear("error-retry")
    assert (heard.status, heard.header("retry-after")) == (429, b"7")


def test_the_head_may_come_before_the_wait(place: Place) -> None:
    with place.call("first-byte", connection="close") as caller:
        head = caller.socket.recv(65_536)
        assert head.endswith(b"\r\n\r\n")
        rest = caller.listen()
    assert is_usual(Heard(head + rest.data, rest.how))


def test_every_slice_may_wait(place: Place) -> None:
    assert is_usual(place.hear("per-chunk"))


def test_a_body_may_be_read_slowly(place: Place) -> None:
    """10,000 bytes at 50,000 a second: nothing is said until they would have come."""
    with Caller(place.stub.port) as caller:
        headers = {**place.headers("slow-reading"), "connection": "close"}
        body = b'{"amount": 12, "pad": "' + b"x" * 10_000 + b'"}'
        caller.ask("POST", "/payments", headers, body)
        assert caller.is_silent(0.1)
        assert is_usual(caller.listen())


@pytest.mark.parametrize("name", ["truncate", "malformed", "chunk", "throttle", "clock_skew"])
def test_head_has_no_body_under_a_fault_either(place: Place, name: str) -> None:
    heard = place.hear(name, "HEAD")
    assert name == "chunk" or heard.body == b""


def test_a_fault_keeps_a_connection_that_it_does_not_end(place: Place) -> None:
    with Caller(place.stub.port) as caller:
        for name in ("throttle", "latency", "error", "nothing"):
            caller.ask("GET", "/payments/PAY-1", place.headers(name))
            assert caller.answer().how == "kept", name


def test_pipelined_requests_fare_in_order(place: Place) -> None:
    with Caller(place.stub.port) as caller:
        for name in ("latency", "nothing", "error", "reset"):
            caller.ask("GET", f"/payments/{name}", place.headers(name))
        heard = caller.listen()
    parts = heard.data.split(b"HTTP/1.1 ")[1:]
    assert [part[:3] for part in parts] == [b"200", b"200", b"500", b"200"]
    assert heard.how == "reset"
    assert heard.data.endswith(b"HTTP/1.1 200 OK\r\nx-e")


# Holding until lifted, and callers that go away meanwhile


def test_a_hold_ends_when_the_fault_is_cleared(place: Place) -> None:
    name = "held-until"
    place.admin.call("POST", "/faults", declared(name, {"kind": "hang", "at": "0s", "for": "1h"}))
    with place.call(name) as caller:
        place.wait_ending("held")
        assert caller.is_silent(0.02)
        place.admin.call("DELETE", f"/faults/{name}")
        assert caller.listen() == Heard(b"", "closed")


@pytest.mark.parametrize("how", ["close", "reset"])
def test_who_goes_away_during_a_hold_holds_nothing(place: Place, how: str) -> None:
    caller = place.call("blackhole")
    place.wait_ending("held")
    if how == "reset":
        caller.reset()
    else:
        caller.socket.close()
    place.wait_ending("gone")


def test_who_goes_away_during_a_slow_answer_is_let_go(place: Place) -> None:
    caller = place.call("throttle")
    caller.socket.recv(10)
    caller.reset()
    place.wait_ending("gone")


# Whole services, and ports of their own


def ach_port(place: Place) -> int:
    return int(place.stub.ports["ach"].rpartition(":")[2])


def is_refused(port: int) -> bool:
    try:
        Caller(port).socket.close()
    except ConnectionRefusedError:
        return True
    return False


def test_a_port_of_its_own_is_refused_while_its_service_is_down(place: Place) -> None:
    port = ach_port(place)
    with Caller(port) as before:
        before.ask("GET", "/payments/PAY-1", {"x-esr-request": place.next_id()})
        assert before.answer().status == 200
        gone = {"id": "gone", "kind": "down", "target": "ach", "at": "0s", "for": "50s"}
        place.admin.call("POST", "/faults", gone)
        try:
            assert before.listen() == Heard(b"", "reset")
            wait_until(lambda: is_refused(port))
            shared = place.hear("nothing", **{"x-esr-due": "1000"})
            assert shared == Heard(b"", "reset"), "on the port that services share"
        finally:
            place.admin.call("DELETE", "/faults/gone")
    wait_until(lambda: not is_refused(port))
    with Caller(port) as after:
        after.ask("GET", "/payments/PAY-1", {"x-esr-request": place.next_id()})
        assert after.answer().status == 200


def test_only_new_connections_may_be_touched(place: Place) -> None:
    with Caller(ach_port(place)) as before:
        before.ask("GET", "/payments/PAY-1", {"x-esr-request": place.next_id()})
        assert before.answer().status == 200
        place.admin.call(
            "PUT",
            "/clock",
            {"at_ns": 0, "recorded_ms": 1000.0, "speed": 0.0, "epoch_ms": 1_600_000_000_000.0},
        )
        late = {
            "id": "late", "kind": "error", "status": 503, "target": "ach", "at": "1s", "for": "50s",
            "apply_to": "new",
        }  # fmt: skip
        place.admin.call("POST", "/faults", late)
        try:
            before.ask("GET", "/payments/PAY-1", {"x-esr-request": place.next_id()})
            assert before.answer().status == 200
            with Caller(ach_port(place)) as after:
                after.ask("GET", "/payments/PAY-1", {"x-esr-request": place.next_id()})
                assert after.answer().status == 503
        finally:
            place.admin.call("DELETE", "/faults/late")
