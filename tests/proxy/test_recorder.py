"""The recorder writes events that replay, holds no credential, and never slows a door down."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path
from typing import Any

import orjson
import pytest

from proxy.recorder import Recorder
from proxy.recording import Policy, build_event, session_of
from proxy.rotation import RotatingFile
from replay.readers.ops import parse_entry
from switchboard.event import Event, event_to_json, parse_event
from switchboard.exchange import Exchange, Refusal

AT_NS = 1_584_264_600_250_000_000
POLICY = Policy(b"key")
WAIT_S = 30.0


def exchange(**change: Any) -> Exchange:
    fields: dict[str, Any] = {
        "at_ns": AT_NS, "door": "gateway", "client": "127.0.0.1:50412", "rule": "routes[0]",
        "upstream": "svc", "address": "127.0.0.1", "port": 9001, "scheme": "https",
        "authority": "svc.hms.example", "method": "POST", "target": "/me?x=1", "status": 201,
        "wait_ms": 12.34567, "headers": [("Content-Type", "application/json")],
        "answer_headers": [("Content-Type", "text/plain")], "body": b'{"a": 1}',
        "answer_body": b"ok",
    }  # fmt: skip
    return Exchange(**{**fields, **change})


def lines_of(path: Path) -> list[Any]:
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


def test_an_exchange_becomes_an_event(tmp_path: Path) -> None:
    path = tmp_path / "day.ndjson"
    recorder = Recorder(path, key=b"key")
    recorder.passed(exchange())
    recorder.close()
    (line,) = lines_of(path)
    assert line == {
        "ts": AT_NS, "method": "POST", "url": "https://svc.hms.example/me?x=1",
        "session": session_of("127.0.0.1:50412", b"key"), "service": "svc",
        "headers": {"Content-Type": "application/json"}, "body": '{"a": 1}', "status": 201,
        "wait_ms": 12.346, "response_headers": {"Content-Type": "text/plain"},
        "response_body": "ok", "door": "gateway",
    }  # fmt: skip
    event = parse_event(line)
    assert event == build_event(exchange(), POLICY)
    assert parse_entry(line).event.body == b'{"a": 1}'
    told = recorder.statistics()
    assert (told.written, told.written_bytes) == (1, path.stat().st_size)


SECRETS = ("hunter2", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln", "sess-42")


def test_no_credential_is_written_wherever_it_stands(tmp_path: Path) -> None:
    path = tmp_path / "day.ndjson"
    word, jwt, cookie = SECRETS
    recorder = Recorder(path)
    recorder.passed(
        exchange(
            authority=f"ann:{word}@svc.hms.example",
            target=f"/cb;jsessionid={cookie}?access_token={word}&next=/x%3Ftoken%3D{word}&y={jwt}",
            headers=[
                ("Authorization", f"Bearer {word}"), ("Cookie", f"sid={cookie}"), ("X-Note", jwt),
                ("Proxy-Authorization", word), ("X-Amz-Security-Token", word), ("Host", "svc"),
                ("Referer", f"https://svc.hms.example/?token={word}"),
                ("Content-Type", "application/json"),
            ],
            body=f'{{"password":"{word}"}}'.encode(),
            answer_headers=[
                ("Set-Cookie", f"sid={cookie}"), ("Location", f"/in?code={word}"),
                ("Content-Type", "text/html"),
            ],
            answer_body=f'<input name="csrf_token" value="{word}">'.encode(),
        )
    )  # fmt: skip
    recorder.close()
    text = path.read_text()
    assert [secret for secret in SECRETS if secret in text] == []
    (line,) = lines_of(path)
    assert line["body"] == '{"password":"sandbox"}'
    assert (line["body_changed"], line["response_body_left_out"]) == ("secret", "secret")
    assert line["response_headers"]["Location"] == "/in?code=sandbox"
    told = recorder.statistics()
    assert (told.bodies_changed, told.bodies_left_out) == (1, 1)


def test_connections_are_told_apart_without_their_addresses() -> None:
    first, again = (build_event(exchange(), POLICY).session for _ in range(2))
    other = build_event(exchange(client="127.0.0.1:50413"), POLICY).session
    elsewhere = build_event(exchange(), Policy(b"another")).session
    assert first == again
    assert len({first, other, elsewhere}) == 3
    assert "127" not in str(first)


@pytest.mark.parametrize(
    ("change", "extra"),
    [
        pytest.param({}, {}, id="whole"),
        pytest.param({"is_live": True}, {"live": True}, id="live"),
        pytest.param({"body": bytes(9)}, {"body_left_out": "too long"}, id="long"),
        pytest.param(
            {"answer_body": bytes(9)}, {"response_body_left_out": "too long"}, id="long answer"
        ),
        pytest.param(
            {"body": None, "headers": [("Content-Length", "7")]},
            {"body_left_out": "not captured"}, id="not captured",
        ),
        pytest.param(
            {"answer_body": None, "answer_headers": [("Transfer-Encoding", "chunked")]},
            {"response_body_left_out": "not captured"}, id="answer not captured",
        ),
        pytest.param({"body": None, "headers": []}, {}, id="none was sent"),
        pytest.param(
            {"body": b"x", "headers": [("Content-Encoding", "br")]},
            {"body_left_out": "encoded"}, id="encoded",
        ),
    ],
)  # fmt: skip
def test_what_is_left_out_is_marked(change: dict[str, Any], extra: dict[str, Any]) -> None:
    event = build_event(exchange(**change), Policy(b"key", max_body_bytes=8))
    assert event.extra == {"door": "gateway", **extra}
    assert parse_event(orjson.loads(event_to_json(event))) == event


def test_without_bodies_there_is_none_and_no_mark() -> None:
    event = build_event(exchange(), Policy(b"key", bodies=False))
    assert (event.body, event.response_body, event.extra) == (b"", None, {"door": "gateway"})


@pytest.mark.parametrize(
    ("change", "url"),
    [
        ({"target": "*", "method": "OPTIONS"}, "*"),
        ({"target": "/a b\tc\u00fc"}, "https://svc.hms.example/a%20b%09c%C3%BC"),
        ({"target": "/a%20b?c=[1]"}, "https://svc.hms.example/a%20b?c=[1]"),
        ({"authority": "[::1]:8443", "scheme": "http"}, "http://[::1]:8443/me?x=1"),
        ({"target": "/\udcff"}, "https://svc.hms.example/%ED%B3%BF"),
    ],
)
def test_every_target_is_readable_again(change: dict[str, Any], url: str) -> None:
    event = build_event(exchange(**change), POLICY)
    assert event.url == url
    assert parse_event(orjson.loads(event_to_json(event))).url == url


def test_a_status_that_is_none_is_not_made_up() -> None:
    assert build_event(exchange(status=0), POLICY).status is None


class ScriptedDisk:
    """Stands in for a file's `append`: full, or stuck until it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_full = False
        self.entered = threading.Event()
        self.let_go = threading.Event()
        self.let_go.set()
        really = RotatingFile.append

        def append(file: RotatingFile, lines: bytes) -> None:
            self.entered.set()
            assert self.let_go.wait(WAIT_S)
            if self.is_full:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            really(file, lines)

        monkeypatch.setattr(RotatingFile, "append", append)


def test_a_stuck_disk_drops_records_and_slows_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = ScriptedDisk(monkeypatch)
    disk.let_go.clear()
    recorder = Recorder(tmp_path / "day.ndjson", queue=5)
    recorder.passed(exchange())
    assert disk.entered.wait(WAIT_S)
    for _ in range(20):
        recorder.passed(exchange())
    told = recorder.statistics()
    assert (told.waiting, told.dropped, told.written) == (5, 15, 0)
    disk.let_go.set()
    recorder.close()
    told = recorder.statistics()
    assert (told.waiting, told.dropped, told.written) == (0, 15, 6)
    assert len(lines_of(tmp_path / "day.ndjson")) == 6


def test_a_few_large_bodies_do_not_take_all_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = ScriptedDisk(monkeypatch)
    disk.let_go.clear()
    monkeypatch.setattr("proxy.recorder.MAX_WAITING_BYTES", 100)
    recorder = Recorder(tmp_path / "day.ndjson")
    recorder.passed(exchange())
    assert disk.entered.wait(WAIT_S)
    for _ in range(4):
        recorder.passed(exchange(body=bytes(40), answer_body=None))
    assert (recorder.statistics().waiting, recorder.statistics().dropped) == (2, 2)
    disk.let_go.set()
    recorder.close()


def test_a_full_disk_is_counted_and_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = ScriptedDisk(monkeypatch)
    disk.is_full = True
    said: list[str] = []
    recorder = Recorder(tmp_path / "day.ndjson", say=said.append)
    for _ in range(20):
        recorder.passed(exchange())
    recorder.close()
    assert (recorder.statistics().lost, recorder.statistics().written) == (20, 0)
    (sentence,) = said
    assert str(tmp_path / "day.ndjson") in sentence
    assert "No space left" in sentence


def test_a_disk_that_hangs_for_ever_keeps_nobody_from_closing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = ScriptedDisk(monkeypatch)
    disk.let_go.clear()
    monkeypatch.setattr("proxy.recorder.CLOSE_S", 0.01)
    said: list[str] = []
    recorder = Recorder(tmp_path / "day.ndjson", say=said.append)
    recorder.passed(exchange())
    assert disk.entered.wait(WAIT_S)
    recorder.close()
    assert "takes no more" in said[0]
    disk.let_go.set()


def test_after_closing_it_drops_and_counts(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "day.ndjson")
    recorder.close()
    recorder.close()
    recorder.passed(exchange())
    assert recorder.statistics().dropped == 1


def test_an_anonymiser_sees_everything_first(tmp_path: Path) -> None:
    def anonymise(event: Event) -> Event | None:
        if event.status == 500:
            raise RuntimeError(f"cannot handle {event.url}")
        return event._replace(url="/hidden") if event.status == 201 else None

    said: list[str] = []
    path = tmp_path / "day.ndjson"
    recorder = Recorder(path, anonymise=anonymise, say=said.append)
    for status in (201, 404, 500, 500):
        recorder.passed(exchange(status=status))
    recorder.close()
    assert [line["url"] for line in lines_of(path)] == ["/hidden"]
    assert recorder.statistics().withheld == 3
    assert said == ["an exchange was not recorded: RuntimeError; such are counted"]


def test_rotation_keeps_the_disk_bounded(tmp_path: Path) -> None:
    path = tmp_path / "day.ndjson"
    recorder = Recorder(path, max_bytes_per_file=2_000, max_files=3)
    for number in range(64):
        recorder.passed(exchange(target=f"/me/{number}"))
    recorder.close()
    told = recorder.statistics()
    assert told.written == 64
    assert told.rotations > told.removed_files > 0
    assert len(list(tmp_path.iterdir())) == 3


def test_threads_may_hand_over_side_by_side(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "day.ndjson")

    def hand_over() -> None:
        for _ in range(200):
            recorder.passed(exchange())

    threads = [threading.Thread(target=hand_over) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    recorder.close()
    assert recorder.statistics().written == 800
    assert len(lines_of(tmp_path / "day.ndjson")) == 800


def test_refusals_are_no_traffic(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "day.ndjson")
    recorder.refused(Refusal(AT_NS, "gateway", "127.0.0.1:5", "x", "GET", "unmapped-host", "why"))
    recorder.close()
    assert (tmp_path / "day.ndjson").read_bytes() == b""


def test_limits_must_make_sense(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Recorder(tmp_path / "day.ndjson", queue=0)


def test_its_printout_names_the_file(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "day.ndjson")
    assert "day.ndjson" in repr(recorder)
    recorder.close()
