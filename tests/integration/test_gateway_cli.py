"""`esr gateway` as a process: ready, routing, refusing, surviving, stopping, and not starting."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import ssl
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.integration.esr import wait_until
from tests.integration.gateway_runs import (
    SVC,
    Answer,
    gateway,
    refused_to_start,
    wait_gone,
    write_rules,
)
from tests.integration.recording_server import RecordingServer

ACH = "api.treasury.example"


def test_it_routes_answers_refuses_and_stops(tmp_path: Path) -> None:
    with RecordingServer() as svc:
        write_rules(tmp_path, svc.port)
        with gateway(tmp_path, control=None) as door:
            forwarded = door.ask(SVC, "/me?x=1", headers={"Authorization": "Bearer prod"})
            assert (forwarded.status, forwarded.body) == (200, b"ok")
            stubbed = door.ask(ACH, "/payments", method="POST", body=b"{}")
            assert stubbed.headers["x-esr-env"] == "sandbox"
            for host, rule in [("www.hms.gov", "deny.hosts[0]"), ("a.example", "unmapped-host")]:
                refused = door.ask(host)
                assert (refused.status, refused.headers["x-esr-refused"]) == (599, rule)
            assert door.stop() == 0
            assert door.process.stdout is not None
            assert door.process.stdout.read() == b"", "one line on standard output, no more"
    (seen,) = svc.requests
    assert seen.target == "/me?x=1"
    assert seen.headers["authorization"] == "Bearer sandbox-token"
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"sandbox-token" not in written


def test_ctrl_c_is_a_clean_stop_too(tmp_path: Path) -> None:
    write_rules(tmp_path, 1)
    with gateway(tmp_path, workers=2) as door:
        pids = door.worker_pids
        assert len(pids) == 2
        assert door.stop(signal.SIGINT) == 0
    wait_gone(pids)


def test_what_is_in_flight_may_end(tmp_path: Path) -> None:
    """The upstream answers only after the gateway was told to stop."""
    told = threading.Event()

    def delay_s(_: object) -> float:
        # The server's thread waits here; it has nobody else to serve.
        assert told.wait(30)
        return 0.0

    with RecordingServer(delay_s) as svc:
        write_rules(tmp_path, svc.port)
        with gateway(tmp_path) as door, ThreadPoolExecutor(1) as pool:
            asking = pool.submit(door.ask, SVC, "/slow")
            wait_until(lambda: bool(svc.requests))
            door.process.send_signal(signal.SIGTERM)
            wait_until(lambda: _refuses(door.port))
            told.set()
            assert asking.result(30).body == b"ok"
            assert door.process.wait(30) == 0


def _is_cut(kept: http.client.HTTPConnection) -> bool:
    """Whether a connection that was open takes no further request."""
    try:
        kept.request("GET", "/", headers={"Host": SVC})
        kept.getresponse()
    except (http.client.HTTPException, OSError):
        return True
    finally:
        kept.close()
    return False


def _refuses(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return True
    return False


def test_a_worker_that_dies_is_started_again(tmp_path: Path) -> None:
    write_rules(tmp_path, 1)
    with gateway(tmp_path, workers=2) as door:
        before = door.worker_pids
        os.kill(before[0], signal.SIGKILL)
        wait_until(lambda: len(door.worker_pids) == 2 and before[0] not in door.worker_pids)
        assert before[1] in door.worker_pids
        assert "was killed by SIGKILL" in door.said
        assert door.ask("a.example").status == 599
        assert door.status["counters"]["worker_restarts"] == 1
        assert door.stop() == 0


def test_a_worker_that_hangs_is_replaced(tmp_path: Path) -> None:
    rules = write_rules(tmp_path, 1)
    with gateway(tmp_path, hung_after_s=4) as door:
        (pid,) = door.worker_pids
        os.kill(pid, signal.SIGSTOP)
        rules.write_text(rules.read_text().replace("*.hms.gov", "*.elsewhere.gov"))
        wait_until(lambda: door.worker_pids not in ([], [pid]))
        assert "has said nothing" in door.said
        assert door.ask("b.elsewhere.gov").headers["x-esr-refused"] == "deny.hosts[0]"
        assert door.stop() == 0


def test_told_twice_it_does_not_wait(tmp_path: Path) -> None:
    with RecordingServer(lambda _: 3_600.0) as svc:
        write_rules(tmp_path, svc.port)
        with gateway(tmp_path, drain="1h") as door, ThreadPoolExecutor(1) as pool:
            asking = pool.submit(door.ask, SVC, "/slow")
            wait_until(lambda: bool(svc.requests))
            door.process.send_signal(signal.SIGTERM)
            wait_until(lambda: _refuses(door.port))
            assert door.stop() == 0
            assert isinstance(asking.exception(30), (http.client.HTTPException, OSError))


def test_nothing_routes_once_the_supervisor_was_killed(tmp_path: Path) -> None:
    with RecordingServer() as svc:
        write_rules(tmp_path, svc.port)
        with gateway(tmp_path, workers=2) as door:
            # The first that accepts makes it ready; the other may still be on its way.
            wait_until(lambda: len(door.worker_pids) == 2)
            pids = door.worker_pids
            kept = http.client.HTTPConnection("127.0.0.1", door.port, timeout=30)
            kept.request("GET", "/", headers={"Host": SVC})
            assert kept.getresponse().read() == b"ok"
            door.stop(signal.SIGKILL)
            wait_gone(pids)
            # A process counts as gone with its first thread; the last one takes the listener along.
            wait_until(lambda: _refuses(door.port))
            assert _is_cut(kept)
    assert len(svc.requests) == 1


def test_tls_for_clients(tmp_path: Path) -> None:
    write_rules(tmp_path, 1)
    make_certificate(tmp_path)
    with gateway(tmp_path, tls_cert="cert.pem", tls_key="key.pem") as door:
        trust = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
        address = ("127.0.0.1", door.port)
        with (
            socket.create_connection(address, timeout=30) as plain,
            trust.wrap_socket(plain, server_hostname=ACH) as safe,
        ):
            safe.sendall(f"GET /none HTTP/1.1\r\nHost: {ACH}\r\n\r\n".encode())
            assert safe.recv(64).startswith(b"HTTP/1.1 404 ")
        assert door.stop() == 0


def make_certificate(folder: Path) -> None:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-days", "2", "-subj", f"/CN={ACH}",
         "-addext", f"subjectAltName=DNS:{ACH}"],
        cwd=folder, check=True, capture_output=True, timeout=60,
    )  # fmt: skip


# Not starting


def words(ended: Answer) -> str:
    """One sentence, or one with its list of faults; never a traceback."""
    assert ended.status == 2
    text = ended.body.decode()
    assert text.startswith("esr: ")
    assert "Traceback" not in text
    assert "sandbox-token" not in text
    return text


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"listen": "svc.hms.example:80"}, "--listen"),
        ({"listen": "127.0.0.1"}, "--listen"),
        ({"listen": "192.0.2.1:8080"}, "192.0.2.1:8080"),
        ({"control": "0.0.0.0:8421"}, "ESR_TOKEN"),
        ({"control": "nonsense"}, "--control"),
        ({"rules": "none.yml"}, "none.yml"),
        ({"tls_cert": "cert.pem"}, "--tls-key"),
        ({"tls_cert": "cert.pem", "tls_key": "key.pem"}, "cert.pem"),
        ({"tls_cert": "switchboard.yml", "tls_key": "switchboard.yml"}, "PEM"),
        ({"drain": "soon"}, "--drain"),
        ({"record": "."}, "--record"),
        ({"access_log": "none/a.ndjson"}, "--access-log"),
    ],
    ids=str,
)
def test_an_option_that_cannot_be_is_named(
    tmp_path: Path, options: dict[str, Any], named: str
) -> None:
    write_rules(tmp_path, 1)
    text = words(refused_to_start(tmp_path, **options))
    assert named in text
    assert len(text.splitlines()) == 1


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    write_rules(tmp_path, 1)
    with gateway(tmp_path) as door:
        (tmp_path / "second").mkdir()
        write_rules(tmp_path / "second", 1)
        listen = f"127.0.0.1:{door.port}"
        assert listen in words(refused_to_start(tmp_path / "second", listen=listen))


def test_all_faults_of_the_rules_are_told_at_once(tmp_path: Path) -> None:
    write_rules(tmp_path, 70_000, 'allow: {networks: ["203.0.113.0/25"]}\nunknown: 1\n')
    text = words(refused_to_start(tmp_path))
    for part in ("port", "203.0.113", "unknown"):
        assert part in text
    assert text.count("(line ") >= 3


@pytest.mark.parametrize("value", ["", "sandbox-token\nx: y"])
def test_a_secret_that_is_not_there_is_named(tmp_path: Path, value: str) -> None:
    write_rules(tmp_path, 1)
    assert "ESR_SVC_TOKEN" in words(refused_to_start(tmp_path, {"ESR_SVC_TOKEN": value}))


def test_rules_that_lead_back_to_the_gateway_are_refused(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    write_rules(tmp_path, port)
    where = f"127.0.0.1:{port}"
    assert "own address" in words(refused_to_start(tmp_path, listen=where))
    assert "control API" in words(refused_to_start(tmp_path, control=where))
