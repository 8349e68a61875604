"""`esr stubs serve` as a person starts it: one line when it is up, and definitions edited live."""

from __future__ import annotations

import queue
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hms_esr.admin_client import AdminClient
from tests.integration.esr import BIN, environment
from tests.integration.stub_wire import TIMEOUT_S, Caller, Heard

LIB = """\
service: lib
title: Library cards
hosts: [cards.example]
routes:
  - {{method: GET, path: /cards, answer: {{json: {{cards: {count}}}}}}}
"""


class Served:
    """A gateway that a person started."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.said: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()
        assert process.stdout is not None
        ready = process.stdout.readline()
        assert ready.startswith("ready "), f"{ready}{self.all_said()}"
        self.port = int(ready.rpartition(":")[2])

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said.put(line.strip())

    def all_said(self) -> list[str]:
        lines: list[str] = []
        while not self.said.empty():
            lines.append(self.said.get())
        return lines

    def wait_said(self, words: str) -> str:
        """The next line that holds these words."""
        while True:
            line = self.said.get(timeout=TIMEOUT_S)
            if words in line:
                return line

    def get(self, path: str, **headers: str) -> Heard:
        with Caller(self.port) as caller:
            caller.ask("GET", path, {**headers, "connection": "close"})
            return caller.listen()

    @property
    def admin(self) -> AdminClient:
        return AdminClient(f"http://127.0.0.1:{self.port}")


@contextmanager
def serving(home: Path, *arguments: str, **env: str) -> Iterator[Served]:
    command = [str(BIN / "esr"), "stubs", "serve", "--listen", "127.0.0.1:0", *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True,
        env=environment(home, env),
    ) as process:  # fmt: skip
        try:
            yield Served(process)
        finally:
            process.kill()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "definitions"
    made.mkdir()
    (made / "lib.yml").write_text(LIB.format(count=1))
    return made


def test_services_are_found_by_host_path_header_and_port(tmp_path: Path, folder: Path) -> None:
    with serving(tmp_path, "--definitions", str(folder), "--port-each") as served:
        own = served.wait_said("listening lib ").split(" ")[2]
        served.wait_said("Ctrl-C ends it")
        bodies = {
            served.get("/lib/cards").body,
            served.get("/cards", **{"x-esr-service": "lib"}).body,
        }
        for host, port in (("lib.hms.example", served.port), ("cards.example", served.port),
                           ("127.0.0.1", int(own.rpartition(":")[2]))):  # fmt: skip
            with Caller(port) as caller:
                caller.say(f"GET /cards HTTP/1.1\r\nhost: {host}\r\n\r\n".encode())
                bodies.add(caller.answer().body)
        with Caller(served.port) as caller:  # as a client sends it that takes it for its proxy
            caller.say(b"GET http://lib.hms.example/cards HTTP/1.1\r\nhost: x.example\r\n\r\n")
            bodies.add(caller.answer().body)
        assert bodies == {b'{"cards":1}'}
        served.process.send_signal(signal.SIGTERM)
        assert served.process.wait(TIMEOUT_S) == 0
        assert served.process.stdout is not None
        assert served.process.stdout.read() == "", "one line and no more"


def test_an_edit_is_taken_and_a_broken_one_is_not(tmp_path: Path, folder: Path) -> None:
    with serving(tmp_path, "ach", "lib", "--definitions", str(folder)) as served:
        with Caller(served.port) as caller:
            caller.ask("POST", "/ach/payments", {"idempotency-key": "k"}, b'{"amount": 1}')
            assert caller.answer().status == 201
        lib = folder / "lib.yml"
        lib.write_text(LIB.format(count=2))
        served.wait_said("took the edited definitions: lib")
        assert served.get("/lib/cards").body == b'{"cards":2}'
        lib.write_text("service: lib\nroutes: [{method: GET}]\n")
        said = served.wait_said("are not taken")
        assert str(lib) in said
        assert str(lib) in served.admin.call("GET", "/config")["definitions_error"]
        assert served.get("/lib/cards").body == b'{"cards":2}'
        lib.write_text(LIB.format(count=3))
        served.wait_said("took the edited definitions: lib")
        assert served.get("/lib/cards").body == b'{"cards":3}'
        assert served.admin.call("GET", "/config")["definitions_error"] is None
        assert not any("not taken" in line for line in served.all_said()), "told once"
        # What did not change remembers what it was told.
        with Caller(served.port) as caller:
            caller.ask("POST", "/ach/payments", {"idempotency-key": "k"}, b'{"amount": 1}')
            assert caller.answer().status == 200
        assert served.admin.call("GET", "/stats")["answers"][0]["count"] == 1


def test_a_service_comes_and_goes_with_its_file(tmp_path: Path, folder: Path) -> None:
    with serving(tmp_path, "--definitions", str(folder)) as served:
        (folder / "new.yml").write_text(LIB.format(count=7).replace("lib", "new"))
        served.wait_said("took the edited definitions: new")
        assert served.get("/new/cards").body == b'{"cards":7}'
        (folder / "new.yml").unlink()
        served.wait_said("took the edited definitions")
        assert served.get("/new/cards").status == 404


def test_faults_and_latencies_come_from_files(tmp_path: Path) -> None:
    (tmp_path / "chaos.yml").write_text(
        "chaos:\n  - {id: out, kind: error, status: 503, target: svc, at: 0s, for: 1h}\n"
    )
    (tmp_path / "slow.yml").write_text("ach: {model: fixed, ms: 30}\nach GET /ledger: 0\n")
    arguments = ["--chaos", str(tmp_path / "chaos.yml"), "--latencies", str(tmp_path / "slow.yml")]
    with serving(tmp_path, *arguments) as served:
        assert served.get("/svc/profiles/C-1").status == 503
        assert served.get("/ach/payments/PAY-1").status == 200
        assert served.get("/ach/ledger").status == 200
        rows = served.admin.call("GET", "/journal")["entries"]
        assert [(row["wait_ms"], row["faults"]) for row in rows] == [
            (0, ["out"]),
            (30, []),
            (0, []),
        ]


def test_the_admin_api_can_have_an_address_of_its_own(tmp_path: Path) -> None:
    with serving(tmp_path, "--admin", "127.0.0.1:0", "--toxiproxy", "127.0.0.1:0") as served:
        admin = served.wait_said("admin ").rpartition(" ")[2]
        assert AdminClient(f"http://{admin}").call("GET", "/health")["status"] == "ok"
        with Caller(served.port) as caller:
            caller.say(b"GET /__esr/health HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
            assert caller.answer().status == 404
        toxiproxy = served.wait_said("toxiproxy ").rpartition(" ")[2]
        with Caller(int(toxiproxy.rpartition(":")[2])) as caller:
            caller.say(b"GET /version HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
            assert caller.answer().status == 200


def test_no_replayed_request_and_no_name_reaches_the_admin_api(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        for head in (
            "GET /__esr/health HTTP/1.1\r\nhost: ach.hms.example\r\n",
            "GET /__esr/health HTTP/1.1\r\nhost: 127.0.0.1\r\nx-esr-request: 1\r\n",
            "GET /__esr/health HTTP/1.1\r\nhost: 127.0.0.1\r\norigin: http://evil.example\r\n",
            "GET http://127.0.0.1/__esr/health HTTP/1.1\r\nhost: 127.0.0.1\r\n",
        ):
            with Caller(served.port) as caller:
                caller.say(f"{head}\r\n".encode())
                assert caller.answer().status == 404, head
        assert served.admin.call("GET", "/health")["status"] == "ok"


def test_beyond_loopback_the_admin_api_wants_a_token(tmp_path: Path) -> None:
    def status(port: int, **headers: str) -> int:
        with Caller(port) as caller:
            lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            caller.say(f"GET /__esr/health HTTP/1.1\r\nhost: 127.0.0.1\r\n{lines}\r\n".encode())
            return caller.answer().status

    arguments = ["--listen", "0.0.0.0:0"]
    with serving(tmp_path, *arguments) as served:
        assert status(served.port) == 404
        assert served.get("/svc/profiles/C-1").status == 200
    with serving(tmp_path, *arguments, ESR_TOKEN="let-me-in") as served:
        assert status(served.port) == 404
        assert status(served.port, authorization="Bearer let-me-in") == 200
        assert status(served.port, authorization="Bearer let-me") == 404
