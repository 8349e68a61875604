"""The control API of a running gateway: mode, interlock, metrics, and who may call."""

from __future__ import annotations

import socket
from pathlib import Path

import orjson
from prometheus_client.parser import text_string_to_metric_families

from hms_esr.signing import load_verifiers
from switchboard.interlock import check_document
from tests.integration.esr import wait_until
from tests.integration.gateway_runs import (
    SVC,
    RunningGateway,
    ask,
    gateway,
    refused_to_start,
    write_rules,
)
from tests.integration.recording_server import RecordingServer

PREFIX = "/api/esr/switchboard"
ACH = "api.treasury.example"
LIVE = """
  - {{host: live.example, to: {{name: box, address: 127.0.0.1, port: {box}}},
     live: {{name: real, address: 127.0.0.1, port: {real}}}}}
"""


def flip(door: RunningGateway, mode: str) -> int:
    said = door.call(f"{PREFIX}/mode", "PUT", {"mode": mode, "who": "ann", "why": "drill"})
    assert said.json["mode"] == mode
    return said.status


def metrics(door: RunningGateway) -> dict[tuple[str, tuple[str, ...]], float]:
    text = door.call("/metrics").body.decode()
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_flip_is_in_force_when_it_returns(tmp_path: Path) -> None:
    with RecordingServer() as box, RecordingServer() as real:
        rules = write_rules(tmp_path, 1)
        text = rules.read_text()
        more = LIVE.format(box=box.port, real=real.port)
        rules.write_text(text.replace("credentials:", f"{more.strip(chr(10))}\ncredentials:"))
        with gateway(tmp_path, workers=2) as door:
            for mode, asked in [("sandbox", box), ("live", real), ("sandbox", box)] * 2:
                before = len(asked.requests)
                assert flip(door, mode) == 200
                for _ in range(5):
                    assert door.ask("live.example", "/x").status == 200
                assert len(asked.requests) == before + 5
            assert door.status["mode"] == "sandbox"
            assert metrics(door)["esr_gateway_mode", ("sandbox",)] == 1
            assert door.stop() == 0
    lines = (tmp_path / "switchboard.audit.ndjson").read_text().splitlines()
    audit = [orjson.loads(line) for line in lines]
    assert [entry["to"] for entry in audit] == ["sandbox", "live", "sandbox"] * 2
    assert {(entry["who"], entry["why"]) for entry in audit} == {("ann", "drill")}


def test_a_flip_by_file_reaches_the_gateway(tmp_path: Path) -> None:
    write_rules(tmp_path, 1)
    with gateway(tmp_path) as door:
        (tmp_path / "switchboard.mode").write_text("live\n")
        wait_until(lambda: bool(door.status["mode"] == "live"))
        assert door.ask(ACH).headers["x-esr-refused"] == "no-live-upstream"


def test_a_wrong_mode_is_named_and_changes_nothing(tmp_path: Path) -> None:
    write_rules(tmp_path, 1)
    with gateway(tmp_path) as door:
        said = door.call(f"{PREFIX}/mode", "PUT", {"mode": "off", "who": "a", "why": "b"})
        assert said.status == 422
        assert said.headers["content-type"] == "application/problem+json"
        assert said.json["errors"][0]["pointer"] == "#/mode"
        assert door.status["mode"] == "sandbox"


def test_what_was_tripped_stays_refused(tmp_path: Path) -> None:
    with RecordingServer() as svc:
        write_rules(tmp_path, svc.port)
        with gateway(tmp_path, workers=2) as door:
            assert door.ask(SVC).status == 200
            assert door.call("/healthz").status == 200
            said = door.call(f"{PREFIX}/trip", "POST", {"who": "ann", "why": "odd traffic"})
            assert said.json["tripped"] == "odd traffic (by ann)"
            for _ in range(10):
                assert door.ask(SVC).headers["x-esr-refused"] == "interlock"
            assert door.call("/healthz").status == 503
            assert metrics(door)["esr_gateway_tripped", ()] == 1
            assert door.stop() == 0
    assert len(svc.requests) == 1


def test_the_interlock_has_everything_contacted_and_refused(tmp_path: Path) -> None:
    with RecordingServer() as svc:
        write_rules(tmp_path, svc.port)
        with gateway(tmp_path, workers=2, interlock="interlock.json") as door:
            for _ in range(6):
                door.ask(SVC)
                door.ask("www.hms.gov")
            said = door.call(f"{PREFIX}/interlock").json
            (contact,) = said["contacted"]
            assert (contact["address"], contact["port"]) == ("127.0.0.1", svc.port)
            assert contact["requests"] == 6
            (refused,) = said["refused"]
            assert (refused["host"], refused["rule"]) == ("www.hms.gov", "deny.hosts[0]")
            assert refused["attempts"] == 6
            assert door.stop() == 0
        written = orjson.loads((tmp_path / "interlock.json").read_bytes())
    assert written["contacted"] == said["contacted"]
    assert written["refused"] == said["refused"]
    assert written["connections_to_production"] == 0
    verifiers = load_verifiers({"ESR_HOME": str(tmp_path / "home")}, tmp_path)
    assert check_document(written, verifiers) == []


def test_metrics_count_every_request_of_every_worker(tmp_path: Path) -> None:
    statuses = iter([200, 404, 503, 200, 200, 200])
    with RecordingServer(status=lambda _: next(statuses)) as svc:
        write_rules(tmp_path, svc.port)
        with gateway(tmp_path, workers=2) as door:
            for _ in range(6):
                door.ask(SVC, method="POST", body=b"x" * 300)
            door.ask(ACH, "/none")
            door.ask("a.example")
            door.ask("www.hms.gov")
            assert door.status["requests"] == 7
            read = metrics(door)
            assert read["esr_gateway_requests_total", ("2xx", "svc")] == 4
            assert read["esr_gateway_requests_total", ("4xx", "svc")] == 1
            assert read["esr_gateway_requests_total", ("5xx", "svc")] == 1
            assert read["esr_gateway_requests_total", ("4xx", "ach")] == 1
            assert read["esr_gateway_refused_total", ("unmapped-host",)] == 1
            assert read["esr_gateway_refused_total", ("deny.hosts[0]",)] == 1
            assert read["esr_gateway_duration_seconds_count", ("svc",)] == 6
            assert read["esr_gateway_bytes_in_total", ()] >= 1_800
            assert read["esr_gateway_bytes_out_total", ()] >= 12
            assert read["esr_gateway_accepted_total", ()] == 9
            assert read["esr_gateway_workers", ()] == 2
            assert door.stop() == 0


def test_the_control_api_cannot_be_reached_through_the_gateway(tmp_path: Path) -> None:
    write_rules(tmp_path, 1)
    with gateway(tmp_path) as door:
        for host in (f"127.0.0.1:{door.control}", f"localhost:{door.control}", "svc.hms.example"):
            answer = door.ask(host, PREFIX)
            assert answer.status != 200
            assert answer.headers["x-esr-refused"] in ("unmapped-host", "upstream-unreachable")


def test_a_token_is_needed_everywhere_once_it_is_set(tmp_path: Path) -> None:
    write_rules(tmp_path, 1)
    with gateway(tmp_path, {"ESR_TOKEN": "s3cret"}, control="0.0.0.0:0") as door:
        for path in (PREFIX, "/metrics", "/healthz", f"{PREFIX}/interlock"):
            assert ask(door.control, "127.0.0.1", path).status == 401
            right = {"Authorization": "Bearer s3cret"}
            assert ask(door.control, "gateway.internal", path, headers=right).status == 200
        assert door.stop() == 0
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"s3cret" not in kept


def test_a_rebound_name_does_not_reach_the_control_api(tmp_path: Path) -> None:
    write_rules(tmp_path, 1)
    with gateway(tmp_path) as door:
        assert ask(door.control, "rebound.example", PREFIX).status == 421


# Canaries, against loopback stand-ins


def with_canary(tmp_path: Path, port: int) -> None:
    write_rules(tmp_path, 1, f'interlock: {{canaries: ["127.0.0.2:{port}"]}}\n')


def test_a_canary_that_gets_out_keeps_the_gateway_from_starting(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.2", 0)) as production:
        port = production.getsockname()[1]
        with_canary(tmp_path, port)
        ended = refused_to_start(tmp_path, interlock="interlock.json")
    assert ended.status == 97
    assert f"127.0.0.2:{port}" in ended.body.decode()
    written = orjson.loads((tmp_path / "interlock.json").read_bytes())
    assert [row["outcome"] for row in written["canaries"]["results"]] == ["escaped"]


def test_a_canary_that_gets_out_later_stops_everything(tmp_path: Path) -> None:
    with socket.socket() as production:
        production.bind(("127.0.0.2", 0))
        with_canary(tmp_path, production.getsockname()[1])
        with gateway(tmp_path, canaries_every_s=0.1, interlock="interlock.json") as door:
            assert door.call("/healthz").status == 200
            production.listen()
            assert door.process.wait(30) == 97
            assert "everything is refused" in door.said
    written = orjson.loads((tmp_path / "interlock.json").read_bytes())
    assert written["tripped"]
