"""The stub gateway as a real process: ready, answering over sockets, and gone when it should be."""

from __future__ import annotations

import http.client
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from hms_esr.admin_client import AdminClient
from hms_esr.answers import write_answers
from hms_esr.local_api import LocalApiError
from replay.building.compile import build_tape
from replay.tape import Tape
from stubs.config import GatewayConfig
from stubs.learned import LearnedAnswers
from stubs.process import StubProcess, gateway_command
from switchboard.errors import UpstreamError
from tests.integration.esr import ACCESS_LOG, ROOT

TIMEOUT_S = 20
GATEWAY = gateway_command()

# What a child does that is no gateway. It waits on standard input, which ends when it is stopped.
SILENT = "import sys; sys.stdin.read()"
ENDED = "import sys; print('one', file=sys.stderr); sys.exit('no room for another gateway')"
CHATTY = "import sys; print('hello', flush=True); sys.stdin.read()"
ENDLESS = "import sys; print('x' * 5000, end='', flush=True); sys.stdin.read()"
# Starts a gateway, says where and who it is, and waits to be killed.
PARENT = """
import sys
from stubs.process import StubProcess
stub = StubProcess.start(seed=0)
print(stub.pid, stub.port, flush=True)
sys.stdin.read()
"""


def ask(
    port: int, method: str, path: str, service: str = "svc", body: bytes | None = None
) -> tuple[int, Any]:
    """One request on a connection of its own: the status and the JSON."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    try:
        tags = {"x-esr-service": service, "x-esr-request": "1"}
        connection.request(method, path, body, {} if path.startswith("/__esr") else tags)
        said = connection.getresponse()
        assert said.headers["x-esr-env"] == "sandbox"
        content = said.read()
        return said.status, orjson.loads(content) if content else None
    finally:
        connection.close()


def exchange(port: int, request: bytes) -> bytes:
    """Raw bytes to the gateway, and everything it says until it closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        said = b""
        while part := connection.recv(65_536):
            said += part
    return said


def wait_gone(pid: int) -> None:
    """Until the process has ended, whoever its parent is."""
    try:
        watched = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        assert select.select([watched], [], [], TIMEOUT_S)[0], "it is still there"
    finally:
        os.close(watched)


needs_pidfd = pytest.mark.skipif(
    not hasattr(os, "pidfd_open"), reason="watching another's child needs Linux"
)


@pytest.fixture(scope="module")
def stub() -> Iterator[StubProcess]:
    """One gateway for the tests that only ask it things."""
    with StubProcess.start(seed=7) as process:
        yield process


@contextmanager
def by_hand(**config: Any) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A gateway without a parent, and the address of its ready line."""
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        file.write(GatewayConfig(**config).to_json())
        file.flush()
        yield from _by_hand(["--config", file.name])


def _by_hand(arguments: list[str]) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    with subprocess.Popen(
        [*GATEWAY, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        try:
            line = process.stdout.readline().decode()
            assert line.startswith("ready "), line
            yield process, line.removeprefix("ready ").strip()
        finally:
            process.kill()


def test_it_answers_once_it_is_ready(stub: StubProcess) -> None:
    assert stub.is_running
    status, health = ask(stub.port, "GET", "/__esr/health")
    assert (status, health["status"]) == (200, "ok")
    assert {"svc", "act", "ach"} <= set(health["services"])
    status, profile = ask(stub.port, "GET", "/profiles/C-1")
    assert (status, profile["citizen"]) == (200, "C-1")
    status, payment = ask(stub.port, "POST", "/payments", "ach-payments", b'{"amount": 5}')
    assert (status, payment["amount"]) == (201, 5)
    assert ask(stub.port, "HEAD", "/profiles/C-1") == (200, None)


def test_two_processes_of_one_seed_answer_alike(stub: StubProcess) -> None:
    with StubProcess.start(seed=7) as other, StubProcess.start(seed=8) as reseeded:
        said = [ask(each.port, "GET", "/profiles/C-9") for each in (stub, other, reseeded)]
    assert said[0] == said[1] != said[2]


def test_it_accepts_on_loopback_only(stub: StubProcess) -> None:
    assert stub.host == "127.0.0.1"
    assert stub.address == f"127.0.0.1:{stub.port}"


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        pytest.param(b"GET /none HTTP/1.1", 404, id="no such route"),
        pytest.param(b"GET /%00%ff%zz/%2e%2e HTTP/1.1", 404, id="odd escapes"),
        pytest.param(b"GET /a\xc3\xa9 HTTP/1.1", 400, id="bytes beyond ASCII"),
        pytest.param(b"GET * HTTP/1.1", 404, id="asterisk"),
        pytest.param(b"CONNECT prod.example:443 HTTP/1.1", 400, id="tunnel"),
        pytest.param(b"GET http://prod.example/login HTTP/1.1", 404, id="absolute form"),
        pytest.param(b"BREW /login HTTP/1.1", 400, id="unknown method"),
        pytest.param(b"GET /login HTTP/9.9", 400, id="unknown version"),
        pytest.param(b"\0\0\0\0", 400, id="no HTTP"),
        pytest.param(b"GET /" + b"a" * 60_000 + b" HTTP/1.1", 404, id="long path"),
    ],
)
def test_hostile_requests_get_an_answer(
    stub: StubProcess, request_line: bytes, status: int
) -> None:
    said = exchange(stub.port, request_line + b"\r\nhost: svc.x\r\nconnection: close\r\n\r\n")
    assert said.split(b" ", 2)[1] == str(status).encode()
    assert b"\r\nx-esr-env: sandbox\r\n" in said


def test_a_websocket_is_not_opened(stub: StubProcess) -> None:
    said = exchange(
        stub.port,
        b"GET /login HTTP/1.1\r\nhost: svc.x\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
        b"sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
    )
    assert said.startswith(b"HTTP/1.1 404 ")


@pytest.mark.parametrize("protocol", [b"websocket", b"h2c"])
def test_who_asks_for_an_upgrade_is_not_kept_waiting(stub: StubProcess, protocol: bytes) -> None:
    """What follows on that connection cannot be read, so the answer says that it closes."""
    with socket.create_connection(("127.0.0.1", stub.port), timeout=TIMEOUT_S) as connection:
        connection.sendall(
            b"GET /profiles/C-1 HTTP/1.1\r\nhost: svc.x\r\nconnection: upgrade\r\n"
            b"upgrade: %b\r\n\r\n" % protocol
        )
        said = b""
        while part := connection.recv(65_536):
            said += part
    assert said.startswith(b"HTTP/1.1 200 ")
    assert b"\r\nconnection: close\r\n" in said


def test_an_ordinary_connection_is_kept(stub: StubProcess) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", stub.port, timeout=TIMEOUT_S)
    try:
        for _ in range(3):
            connection.request("GET", "/profiles/C-1", headers={"x-esr-service": "svc"})
            with connection.getresponse() as said:
                said.read()
                assert not said.will_close
    finally:
        connection.close()


def test_too_large_a_body_is_refused_while_it_comes(stub: StubProcess) -> None:
    assert ask(stub.port, "POST", "/login", body=b" " * 1_100_000)[0] == 413


def test_what_it_has_to_say_never_stops_it(stub: StubProcess) -> None:
    """More malformed requests than a pipe that nobody reads would hold complaints about."""
    with socket.create_connection(("127.0.0.1", stub.port), timeout=TIMEOUT_S):
        for _ in range(3_000):
            with socket.create_connection(("127.0.0.1", stub.port), timeout=TIMEOUT_S) as one:
                one.sendall(b"\0\r\n\r\n")
                assert one.recv(100).startswith(b"HTTP/1.1 400 ")
    assert ask(stub.port, "GET", "/__esr/health")[0] == 200


def test_a_stopped_gateway_is_gone() -> None:
    stub = StubProcess.start(seed=0)
    stub.stop()
    stub.stop()
    assert not stub.is_running
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((stub.host, stub.port), timeout=TIMEOUT_S)


def test_it_is_gone_after_an_error_too() -> None:
    with pytest.raises(KeyError), StubProcess.start(seed=0) as stub:
        raise KeyError
    assert not stub.is_running


def test_it_leaves_ctrl_c_to_its_parent() -> None:
    with StubProcess.start(seed=0) as stub:
        os.kill(stub.pid, signal.SIGINT)
        assert ask(stub.port, "POST", "/login")[0] == 200
        os.kill(stub.pid, signal.SIGINT)
        assert ask(stub.port, "POST", "/login")[0] == 200


def test_it_ends_when_standard_input_does() -> None:
    with StubProcess.start(seed=0) as stub:
        assert stub.process.stdin is not None
        stub.process.stdin.close()
        assert stub.process.wait(TIMEOUT_S) == 0


@needs_pidfd
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_dead_parent_leaves_no_orphan(how: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as parent:
        assert parent.stdout is not None
        pid, port = map(int, parent.stdout.readline().split())
        assert ask(port, "GET", "/__esr/health")[0] == 200
        parent.send_signal(how)
        parent.wait(TIMEOUT_S)
    wait_gone(pid)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_person_ends_it_with_a_signal(how: signal.Signals) -> None:
    with by_hand() as (process, address):
        port = int(address.rpartition(":")[2])
        assert ask(port, "GET", "/__esr/health")[0] == 200
        process.send_signal(how)
        assert process.wait(TIMEOUT_S) == 0
        assert process.stderr is not None
        assert process.stderr.read() == b""


def test_an_answer_on_its_way_is_no_reason_to_stay() -> None:
    """A connection that is being kept alive, or waited on, must not hold up the end."""
    with by_hand() as (process, address):
        port = int(address.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S) as connection:
            connection.sendall(b"POST /login HTTP/1.1\r\nhost: svc.x\r\ncontent-length: 9\r\n\r\n")
            process.send_signal(signal.SIGTERM)
            assert process.wait(TIMEOUT_S) == 0
        assert process.stderr is not None
        assert b"Traceback" not in process.stderr.read()


def test_it_listens_where_it_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with by_hand(listen=f"127.0.0.1:{port}") as (_, address):
        assert address == f"127.0.0.1:{port}"


def test_it_listens_on_ipv6() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    with by_hand(listen="[::1]:0") as (_, address):
        assert address.startswith("[::1]:")


def refused(*, listen: str = "127.0.0.1:0", **config: Any) -> str:
    """The one sentence of a gateway that does not start."""
    done = subprocess.run(
        GATEWAY,
        input=GatewayConfig(listen=listen, **config).to_json() + b"\n",
        capture_output=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    said = done.stderr.decode()
    assert (done.returncode, done.stdout) == (2, b""), said
    assert len(said.splitlines()) == 1, said
    return said.strip()


def test_a_taken_port_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        said = refused(listen=address)
    assert said.startswith(f"cannot listen on '{address}': ")
    assert "in use" in said


def test_a_wrong_address_is_one_sentence() -> None:
    assert "HOST:PORT" in refused(listen="8080")


def test_wrong_answers_are_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "answers.json"
    assert "No such file" in refused(answers=str(path))
    path.write_text('{"routes": [{"service": "shop"}]}')
    assert f"{path}: routes[0]: `method` must be a text" in refused(answers=str(path))


def test_why_it_did_not_start_is_told(tmp_path: Path) -> None:
    path = tmp_path / "answers.json"
    path.write_text("[]")
    with pytest.raises(UpstreamError, match="could not start: cannot read the answers in"):
        StubProcess.start(seed=0, answers=path)


@pytest.mark.parametrize(
    ("script", "timeout_s", "sentence"),
    [
        pytest.param(SILENT, 0.2, "was not ready within 0.2 s", id="silent"),
        pytest.param(ENDED, TIMEOUT_S, "could not start: no room for another", id="ended"),
        pytest.param("pass", TIMEOUT_S, "it said nothing", id="ended silently"),
        pytest.param(CHATTY, TIMEOUT_S, "it said b'hello", id="says something else"),
        pytest.param(ENDLESS, TIMEOUT_S, "it said b'xxx", id="says too much"),
    ],
)
def test_a_child_that_is_no_gateway(script: str, timeout_s: float, sentence: str) -> None:
    with pytest.raises(UpstreamError, match=sentence) as caught:
        StubProcess.launch([sys.executable, "-c", script], timeout_s)
    assert len(str(caught.value).splitlines()) == 1


def test_a_command_that_is_not_there() -> None:
    with pytest.raises(UpstreamError, match="could not start: "):
        StubProcess.launch(["/no/such/python"], TIMEOUT_S)


def test_nothing_in_the_users_folder_is_taken_for_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("stubs.py", "orjson.py", "uvicorn.py"):
        (tmp_path / name).write_text("raise SystemExit('taken for ours')")
    monkeypatch.chdir(tmp_path)
    with StubProcess.launch(GATEWAY, TIMEOUT_S, GatewayConfig().to_json() + b"\n") as stub:
        assert ask(stub.port, "GET", "/__esr/health")[0] == 200


def learned_from(tmp_path: Path, log: Path) -> tuple[Path, Tape]:
    build_tape([log], tmp_path / "tape")
    tape = Tape.open(tmp_path / "tape")
    path = tmp_path / "answers.json"
    write_answers(tape, path)
    return path, tape


def test_a_trace_is_answered_as_it_was_recorded(tmp_path: Path) -> None:
    log = tmp_path / "log.ndjson"
    paths = {"/tags/open%20source": 200, "/caf%C3%A9/17": 404, "/a;b=1,2/(c)": 503, "/old": 301}
    events = [
        {"ts": 10**18 + n, "method": "GET", "url": f"https://shop.x{path}?q=1", "status": status}
        for n, (path, status) in enumerate(paths.items())
    ]
    log.write_bytes(b"\n".join(map(orjson.dumps, events)))
    path, tape = learned_from(tmp_path, log)
    tape.close()
    with StubProcess.start(seed=0, answers=path) as stub:
        assert {each: ask(stub.port, "GET", each, "shop")[0] for each in paths} == paths


def test_every_request_of_a_real_log_has_a_learned_answer(tmp_path: Path) -> None:
    if not ACCESS_LOG.exists():
        pytest.skip("the recorded access log is not on this machine")
    path, tape = learned_from(tmp_path, ACCESS_LOG)
    try:
        answers = LearnedAnswers.parse(orjson.loads(path.read_bytes()))
        for row in range(tape.info.requests):
            start = int(tape.offset[row])
            line = bytes(tape.blob[start : start + int(tape.split[row])]).decode("latin-1")
            method, target, _ = line.split(" ", 2)
            route = answers.find("default", method, target.partition("?")[0])
            assert route is not None, line
            assert route.template == tape.info.routes[int(tape.route[row])].template
    finally:
        tape.close()


def test_a_gateway_asks_for_its_own_token_and_never_for_that_of_other_doors(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A run that is served with $ESR_TOKEN must reach its own stubs, and nobody else should."""
    monkeypatch.setenv("ESR_TOKEN", "of-another-door")
    config = GatewayConfig(admin="127.0.0.1:0")
    with (
        StubProcess.start(config=config) as open_one,
        StubProcess.start(config=config, token="of-this-run") as closed,
    ):
        assert AdminClient(f"http://{open_one.admin}").call("GET", "/faults")["faults"] == []
        admin = f"http://{closed.admin}"
        assert AdminClient(admin, "of-this-run").call("GET", "/faults")["faults"] == []
        for wrong in (None, "of-another-door"):
            with pytest.raises(LocalApiError, match="wants a token"):
                AdminClient(admin, wrong).call("GET", "/faults")
