"""What the recorder wrote replays with `esr-replay FILE`, in the order of each connection."""

from __future__ import annotations

from pathlib import Path

from proxy.recorder import Recorder
from switchboard.exchange import Exchange
from tests.integration.esr import esr
from tests.integration.recording_server import RecordingServer

START_NS = 1_584_264_600_000_000_000
MS = 1_000_000


def exchange(number: int, client: int) -> Exchange:
    return Exchange(
        at_ns=START_NS + number * MS, door="gateway", client=f"127.0.0.1:{50_000 + client}",
        rule="routes[0]", upstream="svc", address="127.0.0.1", port=9001, scheme="https",
        authority="svc.hms.example", method="POST", target=f"/me/{number}?client={client}",
        status=200, wait_ms=1.5, headers=[("Authorization", "Bearer hunter2"), ("X-Kept", "yes")],
        answer_headers=[("Set-Cookie", "sid=1")], body=b'{"n": %d}' % number, answer_body=b"ok",
    )  # fmt: skip


def test_a_recording_replays_whole_and_in_order(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "day.ndjson", max_bytes_per_file=4_000, max_files=99)
    for number in range(60):
        recorder.passed(exchange(number, client=number % 3))
    recorder.close()
    told = recorder.statistics()
    assert (told.written, told.dropped, told.lost) == (60, 0, 0)
    assert told.rotations > 1, "the recording has several files"
    with RecordingServer() as sandbox:
        ran = esr(
            tmp_path, str(tmp_path / "day*.ndjson"), "--speed", "max", "--target", sandbox.url,
            "--json", "-", script="esr-replay",
        )  # fmt: skip
    assert ran.code == 0, ran.err
    assert ran.json["trace"]["used"] == ran.json["requests"]["sent"] == 60
    assert ran.json["trace"]["skipped"] == {}
    assert ran.json["users"] == 3
    seen = sandbox.requests
    assert {(each.method, each.headers["x-kept"]) for each in seen} == {("POST", "yes")}
    assert sorted(each.body for each in seen) == sorted(b'{"n": %d}' % n for n in range(60))
    assert not [each for each in seen if "hunter2" in repr(each)]
    for client in range(3):
        numbers = [
            int(each.target[4:].partition("?")[0])
            for each in seen
            if each.target.endswith(f"={client}")
        ]
        assert numbers == sorted(numbers)
