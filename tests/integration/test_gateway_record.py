"""What passes through the gateway is recorded, and the recording replays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.integration.esr import esr
from tests.integration.gateway_runs import SVC, gateway, write_rules
from tests.integration.recording_server import RecordingServer

ACH = "api.treasury.example"


def events(*paths: Path) -> list[Any]:
    return [orjson.loads(line) for path in paths for line in path.read_bytes().splitlines()]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_recording_replays(tmp_path: Path, workers: int) -> None:
    with RecordingServer() as svc:
        write_rules(tmp_path, svc.port)
        with gateway(tmp_path, workers=workers, record="day.ndjson") as door:
            for number in range(10):
                door.ask(SVC, f"/me/{number}", headers={"Authorization": "Bearer prod-secret"})
                door.ask(ACH, "/payments", method="POST", body=b'{"amount": 5}')
            door.ask("www.hms.gov")
            assert door.stop() == 0
    files = sorted(tmp_path.glob("day*.ndjson"))
    assert len(files) == workers
    recorded = events(*files)
    assert len(recorded) == 20, "what was refused is no traffic"
    assert {event["status"] for event in recorded} == {200, 201}
    assert b"prod-secret" not in b"".join(path.read_bytes() for path in files)
    assert b"sandbox-token" not in b"".join(path.read_bytes() for path in files)
    log = str(files[0]) if workers == 1 else str(tmp_path / "day.w*.ndjson")
    ran = esr(tmp_path, log, "--speed", "max", "--json", "-", script="esr-replay")
    assert ran.code == 0, ran.err
    assert ran.json["requests"]["planned"] == 20


def test_an_access_log_has_every_request_and_no_body(tmp_path: Path) -> None:
    with RecordingServer() as svc:
        write_rules(tmp_path, svc.port)
        with gateway(tmp_path, access_log="access.ndjson") as door:
            door.ask(SVC, "/me?x=1", method="POST", body=b'{"name": "secret-name"}')
            assert door.stop() == 0
    (event,) = events(tmp_path / "access.ndjson")
    assert event["method"] == "POST"
    assert event["status"] == 200
    assert "/me" in event["url"]
    assert "secret-name" not in (tmp_path / "access.ndjson").read_text()
    assert event.get("response_body") is None
