"""Faults at the doors as clients see them: real processes, sockets, TLS, curl."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path
from typing import Any

import pytest

from tests.integration.esr import wait_until
from tests.integration.gateway_runs import SMALLEST, SVC, gateway, refused_to_start
from tests.integration.proxy_runs import (
    RunningProxy,
    Site,
    curl,
    launch,
    proxy,
    serving,
    write_rules,
)


def write_chaos(cwd: Path, *lines: str) -> str:
    (cwd / "chaos.yml").write_text("chaos:\n" + "".join(f"  - {line}\n" for line in lines))
    return "chaos.yml"


@pytest.fixture
def site(tmp_path: Path) -> Any:
    with serving("127.0.0.1") as found:
        (tmp_path / "switchboard.yml").write_text(SMALLEST.format(port=found.port))
        yield found


def test_gateway_plays_faults_and_counts_them(site: Site, tmp_path: Path) -> None:
    chaos = write_chaos(
        tmp_path,
        "{kind: dns, mode: nxdomain, target: ach}",
        "{kind: error, status: 503, retry_after_s: 2s, target: {service: svc, route: /busy}}",
        "{kind: quota, limit: 0, target: {service: svc, route: /much}}",
        "{kind: latency, ms: 1, target: {service: svc, route: /late}}",
        "{kind: error, status: 418, target: {service: svc, route: /due}, at: 10m}",
        "{kind: reset, target: {service: svc, route: /reset}}",
        "{kind: hang, for_s: 1ms, target: {service: svc, route: /hang}}",
    )
    with gateway(tmp_path, chaos=chaos) as door:
        assert door.ask(SVC, "/").status == 200
        assert door.ask(SVC, "/late").status == 200
        busy = door.ask(SVC, "/busy", method="POST", body=b"x" * 300_000)
        assert (busy.status, busy.headers["retry-after"]) == (503, "2")
        assert busy.headers["content-type"] == "application/problem+json"
        assert "x-esr-refused" not in busy.headers
        much = door.ask(SVC, "/much")
        assert (much.status, much.headers["x-esr-fault"]) == (429, "svc-quota")
        nowhere = door.ask("api.treasury.example")
        assert (nowhere.status, nowhere.headers["x-esr-fault"]) == (502, "ach-dns")
        assert "NXDOMAIN" in nowhere.json["detail"]
        assert door.ask(SVC, "/due").status == 200
        assert door.ask(SVC, "/due", headers={"x-esr-due": "600001"}).status == 418
        with pytest.raises(ConnectionResetError):
            door.ask(SVC, "/reset")
        assert read_all(door.port, b"GET /hang HTTP/1.1\r\nHost: svc.hms.example\r\n\r\n") == b""
        assert door.ask("prod.other").headers["x-esr-refused"] == "unmapped-host"
        status = door.status
        assert status["faults"] == {
            "ach-dns": 1, "svc-error": 1, "svc-quota": 1, "svc-latency": 1, "svc-error-2": 1,
            "svc-reset": 1, "svc-hang": 1,
        }  # fmt: skip
        assert (status["refused"], status["requests"]) == (1, 3)
        assert b'esr_gateway_faults_total{fault="ach-dns"} 1.0' in door.call("/metrics").body
        assert door.stop() == 0
    assert "the fault svc-quota touched 1 times" in door.said
    assert site.accepted < 4, "what a fault answered never got there"


def read_all(port: int, data: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), 30) as connection:
        connection.sendall(data)
        return connection.recv(65_536)


def test_hold_ends_when_the_gateway_is_told_to_stop(site: Site, tmp_path: Path) -> None:
    chaos = write_chaos(tmp_path, "{kind: hang, then: reset, target: svc}")
    with (
        gateway(tmp_path, chaos=chaos, drain="60s") as door,
        socket.create_connection(("127.0.0.1", door.port), 30) as connection,
    ):
        connection.sendall(b"GET / HTTP/1.1\r\nHost: svc.hms.example\r\n\r\n")
        wait_until(lambda: door.status["faults"] == {"svc-hang": 1})
        assert door.stop() == 0
        with pytest.raises(ConnectionResetError):
            connection.recv(1)


def test_gateway_refuses_what_it_cannot_play(site: Site, tmp_path: Path) -> None:
    chaos = write_chaos(tmp_path, "{kind: truncate, target: svc}", "{kind: tls, target: svc}")
    refused = refused_to_start(tmp_path, chaos=chaos)
    said = refused.body.decode()
    assert refused.status == 2
    assert "chaos.yml cannot be played by esr gateway: 2 faults" in said
    assert "esr stubs serve plays every kind" in said
    assert "esr proxy can" in said


def test_chaos_file_that_is_not_there(site: Site, tmp_path: Path) -> None:
    refused = refused_to_start(tmp_path, chaos="none.yml")
    assert (refused.status, b"none.yml cannot be read" in refused.body) == (2, True)


# The interceptor.


@pytest.fixture
def sandbox(tmp_path: Path) -> Any:
    with serving("127.0.0.3") as found:
        write_rules(tmp_path, found.port)
        yield found


TROUBLED = {
    "expired": ("{kind: tls, mode: expired, target: expired}", 60, "certificate has expired"),
    "wrong": ("{kind: tls, mode: wrong_host, target: wrong}", 60, "no alternative certificate"),
    "alert": ("{kind: tls, mode: alert, target: alert}", 35, "handshake failure"),
    "stall": ("{kind: tls, mode: handshake_stall, for: 1h, target: stall}", 28, "timed out"),
    "lost": ("{kind: dns, mode: servfail, target: lost}", 56, "response 502"),
    "well": ("{kind: dns, target: well, at: 1h}", 0, ""),
}


def test_curl_through_the_interceptor(sandbox: Site, tmp_path: Path) -> None:
    chaos = write_chaos(tmp_path, *(fault for fault, _, _ in TROUBLED.values()))
    with proxy(tmp_path, chaos=chaos) as door:
        for host, (_, code, words) in TROUBLED.items():
            patience_s = "1" if host == "stall" else "20"
            ran = ask_api(door, "--max-time", patience_s, host=host)
            assert (ran.returncode, words in ran.stderr) == (code, True), (host, ran.stderr)
        assert door.stop() == 0
    assert sandbox.accepted == 1
    for host in ("expired", "wrong", "alert", "stall"):
        assert f"the fault {host}-tls touched 1 times" in door.said


def ask_api(door: RunningProxy, *options: str, host: str = "api") -> Any:
    url = f"https://{host}.hms.example/"
    return curl("-x", door.url, "--cacert", str(door.ca), *options, url, cwd=door.cwd)


def test_interceptor_answers_and_delays(sandbox: Site, tmp_path: Path) -> None:
    chaos = write_chaos(
        tmp_path,
        "{kind: error, status: 503, target: svc, first_n: 1}",
        "{kind: latency, ms: 1, target: svc}",
    )
    with proxy(tmp_path, chaos=chaos) as door:
        first = ask_api(door, "-i")
        assert "503" in first.stdout
        assert "x-esr-fault: svc-error, svc-latency" in first.stdout
        assert "the sandbox page" in ask_api(door).stdout
        assert door.stop() == 0
    assert sandbox.accepted == 1


def test_certificate_is_good_again_when_the_fault_is_over(sandbox: Site, tmp_path: Path) -> None:
    chaos = write_chaos(tmp_path, "{kind: tls, target: svc, first_n: 1}")
    with proxy(tmp_path, mode="reverse", chaos=chaos) as door:
        context = ssl.create_default_context(cafile=str(door.ca))
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT

        def shake_hands() -> str:
            with (
                socket.create_connection(("127.0.0.1", door.port), 30) as plain,
                context.wrap_socket(plain, server_hostname="api.hms.example") as secure,
            ):
                return str(secure.version())

        with pytest.raises(ssl.SSLCertVerificationError, match="certificate has expired"):
            shake_hands()
        assert shake_hands().startswith("TLS")


@pytest.mark.parametrize(
    ("mode", "fault", "words"),
    [
        ("dns", "{kind: tls, target: svc}", "every other mode of esr proxy can"),
        ("forward", "{kind: hang, target: svc}", "esr gateway can, and esr stubs serve"),
    ],
)
def test_interceptor_refuses_what_it_cannot_play(
    mode: str, fault: str, words: str, sandbox: Site, tmp_path: Path
) -> None:
    chaos = write_chaos(tmp_path, fault)
    with launch(tmp_path, mode=mode, chaos=chaos) as process:
        out, _ = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, b"")
    assert words in (tmp_path / "proxy.err").read_text()


def look_up(port: int, name: str) -> bytes:
    """The answer of a name server to a question for an address."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(30)
        asking.connect(("127.0.0.1", port))
        asking.send(b"\0\7\1\0\0\1\0\0\0\0\0\0" + labels + b"\0\0\1\0\1")
        return asking.recv(512)


def test_name_server_lies_as_declared(sandbox: Site, tmp_path: Path) -> None:
    chaos = write_chaos(
        tmp_path,
        "{kind: dns, target: lost}",
        "{kind: dns, mode: stale_ip, ttl_s: 1h, target: old}",
    )
    with proxy(tmp_path, mode="dns", chaos=chaos) as door:
        lost, old, well = (
            look_up(door.port, f"{label}.hms.example") for label in ("lost", "old", "well")
        )
        assert door.stop() == 0
    assert [answer[3] & 15 for answer in (lost, old, well)] == [3, 0, 0]
    assert (old[-4:-1], int.from_bytes(old[-10:-6])) == (bytes([192, 0, 2]), 3600)
    assert well[-4:] == bytes([127, 0, 0, 1])
    assert "the fault lost-dns touched 1 times" in door.said
