"""`esr proxy` as a process: it says ready, takes edits, flips, records and stops."""

from __future__ import annotations

import shutil
import signal
import socket
from pathlib import Path

import orjson
import pytest

from switchboard.mode import FileMode
from tests.integration.esr import wait_until
from tests.integration.proxy_runs import (
    PRODUCTION,
    curl,
    launch,
    proxy,
    serving,
    write_rules,
)

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
HOST = "api.hms.example"


@pytest.mark.parametrize("http", ["--http1.1", "--http2"])
def test_a_pasted_production_url_gives_the_sandboxs_page(http: str, tmp_path: Path) -> None:
    with serving("127.0.0.3") as sandbox, serving(PRODUCTION, b"production") as production:
        write_rules(tmp_path, sandbox.port)
        with proxy(tmp_path) as door:
            done = curl(
                http, "-x", door.url, "--cacert", str(door.ca), "-i",
                "-H", "Authorization: Bearer production", f"https://{HOST}/account?a=1",
                cwd=tmp_path,
            )  # fmt: skip
            assert "the sandbox page" in done.stdout, done.stderr
            refused = curl("-x", door.url, "-i", "https://www.hms.gov/", cwd=tmp_path)
            assert "x-esr-refused: deny.hosts[0]" in refused.stdout
            direct = f"https://{PRODUCTION}:{production.port}/"
            assert "x-esr-refused" in curl("-x", door.url, "-i", direct, cwd=tmp_path).stdout
            assert door.stop() == 0
    assert production.accepted == 0
    assert "GET /account?a=1" in sandbox.heads[0]
    assert "Bearer" not in sandbox.heads[0]
    assert "x-esr-env: sandbox" in sandbox.heads[0]


def test_ready_is_said_once_and_the_interlock_is_written(tmp_path: Path) -> None:
    with serving("127.0.0.3") as sandbox:
        write_rules(tmp_path, sandbox.port)
        with proxy(tmp_path, interlock="interlock.json") as door:
            curl("-x", door.url, f"http://{HOST}/", "http://prod.test/", cwd=tmp_path)
            door.process.send_signal(signal.SIGTERM)
            out, _ = door.process.communicate(timeout=30)
            assert door.process.returncode == 0
    assert out == b""
    document = orjson.loads((tmp_path / "interlock.json").read_bytes())
    assert document["connections_to_production"] == 0
    assert document["attempts_refused"] == 1
    assert document["door"] == "proxy"
    assert [row["upstream"] for row in document["contacted"]] == ["svc"]
    assert "127.0.0.1" in document["refused"][0]["clients"]


def test_what_passes_is_recorded_and_stubs_answer(tmp_path: Path) -> None:
    write_rules(tmp_path, 1)
    with proxy(tmp_path, record="out.ndjson") as door:
        done = curl(
            "-x", door.url, "-d", '{"amount": 3}', "-H", "Authorization: Bearer secret",
            "http://api.treasury.example/payments", cwd=tmp_path,
        )  # fmt: skip
        assert "PAY-" in done.stdout
        assert door.stop() == 0
    (line,) = (tmp_path / "out.ndjson").read_text().splitlines()
    event = orjson.loads(line)
    assert (event["method"], event["status"], event["service"]) == ("POST", 201, "ach")
    assert "secret" not in line


def test_an_edit_is_taken_and_an_unsound_one_is_not(tmp_path: Path) -> None:
    with serving("127.0.0.3") as sandbox:
        rules = write_rules(tmp_path, sandbox.port)
        with proxy(tmp_path) as door:
            good = rules.read_text()
            rules.write_text(good.replace("mode: sandbox", "mode: nonsense"))
            wait_until(lambda: "REFUSED the edited rules" in door.said)
            assert "sandbox page" in curl("-x", door.url, f"http://{HOST}/", cwd=tmp_path).stdout
            rules.write_text(good.replace("*.hms.example", "*.other.example"))
            wait_until(lambda: "took the edited rules" in door.said)
            done = curl("-x", door.url, "-i", f"http://{HOST}/", cwd=tmp_path)
            assert "x-esr-refused: unmapped-host" in done.stdout
            done = curl("-x", door.url, "http://a.other.example/", cwd=tmp_path)
            assert "sandbox page" in done.stdout
            assert door.stop() == 0


def test_a_flip_to_live_refuses_everything_and_back(tmp_path: Path) -> None:
    """The flip returns once the interceptor said that nothing of the old way is open."""
    with serving("127.0.0.3") as sandbox:
        write_rules(tmp_path, sandbox.port)
        with proxy(tmp_path) as door:
            cell = FileMode(tmp_path / "switchboard.mode")
            cell.flip("live", who="a test", why="to see it refused")
            done = curl("-x", door.url, "-i", f"http://{HOST}/", cwd=tmp_path)
            assert "x-esr-refused: no-live-upstream" in done.stdout
            cell.flip("sandbox", who="a test")
            assert "sandbox page" in curl("-x", door.url, f"http://{HOST}/", cwd=tmp_path).stdout
            assert door.stop(signal.SIGINT) == 0


def test_names_are_served_by_udp_and_tcp(tmp_path: Path) -> None:
    write_rules(tmp_path, 1)
    question = b"\0\7\1\0\0\1\0\0\0\0\0\0\3api\3hms\7example\0\0\1\0\1"
    with proxy(tmp_path, mode="dns", answer="127.0.0.77") as door:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(20)
            asking.sendto(question, ("127.0.0.1", door.port))
            assert asking.recv(512).endswith(bytes([127, 0, 0, 77]))
        with socket.create_connection(("127.0.0.1", door.port), 20) as asking:
            asking.sendall(len(question).to_bytes(2, "big") + question)
            assert asking.recv(512).endswith(bytes([127, 0, 0, 77]))
        assert door.stop() == 0


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        pytest.param({"mode": "upstream"}, 2, "--mode 'upstream' must be one of", id="mode"),
        pytest.param({"rules": "none.yml"}, 2, "none.yml", id="no rules"),
        pytest.param({"listen": "nowhere"}, 2, "--listen", id="listen"),
        pytest.param({"mode": "dns", "listen": "0.0.0.0:0"}, 2, "--answer ADDRESS", id="no answer"),
        pytest.param({"ca_dir": "switchboard.yml/ca"}, 2, "--ca-dir", id="ca"),
        pytest.param({"record": "no/such/folder"}, 2, "no/such", id="record"),
    ],
)
def test_what_cannot_work_is_said_before_it_listens(
    options: dict[str, str], code: int, words: str, tmp_path: Path
) -> None:
    write_rules(tmp_path, 1)
    with launch(tmp_path, **options) as process:
        out, _ = process.communicate(timeout=60)
    said = (tmp_path / "proxy.err").read_text()
    assert (process.returncode, out) == (code, b"")
    assert words in said
    assert "Traceback" not in said


def test_a_taken_port_is_said(tmp_path: Path) -> None:
    write_rules(tmp_path, 1)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        with launch(tmp_path, listen=listen) as process:
            out, _ = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, b"")
    assert f"cannot listen on {listen}" in (tmp_path / "proxy.err").read_text()
