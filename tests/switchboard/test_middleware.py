"""What both middlewares promise, whatever the protocol: settings, rules files, fail closed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from switchboard.errors import RuleError
from switchboard.middleware import SwitchboardASGI, SwitchboardWSGI, read_rules
from switchboard.mode import MemoryMode
from switchboard.rules import LIVE, SANDBOX, Mode

ROOT = Path(__file__).parents[2]
ROUTES = {
    "routes": [
        {
            "host": "*.hms.example",
            "to": {"name": "svc", "address": "127.0.0.1", "port": 9001},
        }
    ]
}
TOML = """
[[routes]]
host = "*.hms.example"
to = {name = "svc", address = "127.0.0.1", port = 9001}
"""


def wsgi_app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [])
    return [environ["PATH_INFO"].encode()]


async def asgi_app(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": scope["path"].encode()})


async def ask_asgi(
    door: SwitchboardASGI, host: str = "svc.hms.example", method: str = "GET"
) -> tuple[int, bytes]:
    said: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        said.append(message)

    scope = {
        "type": "http",
        "method": method,
        "scheme": "http",
        "path": "/users",
        "raw_path": b"/users",
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", host.encode())],
    }
    await door(scope, receive, send)
    return said[0]["status"], b"".join(each.get("body", b"") for each in said[1:])


def ask_wsgi(
    door: SwitchboardWSGI, host: str = "svc.hms.example", method: str = "GET"
) -> tuple[int, bytes]:
    said: list[str] = []
    environ = {"REQUEST_METHOD": method, "PATH_INFO": "/users", "HTTP_HOST": host}

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
        said.append(status)

    answer = door(environ, start_response)
    body = b"".join(answer)
    close = getattr(answer, "close", None)
    if close is not None:
        close()
    return int(said[0].split()[0]), body


async def ask_both(
    host: str = "svc.hms.example", method: str = "GET", **settings: Any
) -> tuple[int, bytes]:
    """The same question to both; they must agree."""
    first = await ask_asgi(SwitchboardASGI(asgi_app, **settings), host, method)
    second = ask_wsgi(SwitchboardWSGI(wsgi_app, **settings), host, method)
    assert first == second
    return first


@pytest.mark.parametrize(("mode", "path"), [(LIVE, b"/users"), (SANDBOX, b"/sandbox/users")])
async def test_each_mode_has_its_path(mode: Mode, path: bytes) -> None:
    assert await ask_both(mode=MemoryMode(mode)) == (200, path)


async def test_it_follows_the_mode_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The seed's own use: attach it, and flip `set('sandbox')` when the drill starts."""
    import switchboard

    monkeypatch.setattr("switchboard.mode._default", MemoryMode(LIVE))
    app = switchboard.SwitchboardASGI(asgi_app)
    assert await ask_asgi(app) == (200, b"/users")
    switchboard.set("sandbox")
    assert await ask_asgi(app) == (200, b"/sandbox/users")


async def test_it_follows_a_mode_file(tmp_path: Path) -> None:
    path = tmp_path / "switchboard.mode"
    assert await ask_both(mode=str(path)) == (200, b"/sandbox/users")
    path.write_text("live\n")
    assert await ask_both(mode=path) == (200, b"/users")


@pytest.mark.parametrize("form", ["mapping", "rules", "json", "toml", "text path"])
async def test_rules_come_in_many_forms(form: str, tmp_path: Path) -> None:
    file = tmp_path / ("rules.toml" if form == "toml" else "rules.json")
    file.write_text(TOML if form == "toml" else json.dumps(ROUTES))
    rules = {
        "mapping": ROUTES,
        "rules": read_rules(ROUTES),
        "json": file,
        "toml": file,
        "text path": str(file),
    }[form]
    assert await ask_both(rules=rules, mode=MemoryMode()) == (200, b"/sandbox/users")
    status, body = await ask_both("prod.hms.gov", rules=rules, mode=MemoryMode())
    assert (status, json.loads(body)["rule"]) == (599, "unmapped-host")


@pytest.mark.parametrize("mode", [LIVE, SANDBOX])
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("missing.json", None),
        ("rules.json", "{"),
        ("rules.json", "[]"),
        ("rules.json", '{"routes": []}'),
        ("rules.json", '{"routes": [], "routes": []}'),
        ("rules.json", "[" * 100_000),
        ("rules.json", '{"routes": [{"host": "*", "to": {"name": "a", "address": "8.8.8.8"}}]}'),
        ("rules.toml", "routes = ["),
        ("rules.toml", "\ufeff\0"),
        ("rules.yml", "routes: []"),
        ("rules.json", "x" * 4_000_001),
    ],
)
async def test_rules_that_cannot_be_read_refuse_everything(
    name: str, text: str | None, mode: Mode, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / name
    if text is not None:
        file.write_text(text)
    status, body = await ask_both(rules=file, mode=MemoryMode(mode))
    assert (status, json.loads(body)["rule"]) == (599, "no-rules")
    assert "everything is refused" in caplog.text


def test_a_rules_file_that_is_no_text_is_a_rule_error(tmp_path: Path) -> None:
    file = tmp_path / "rules.json"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises((RuleError, UnicodeDecodeError)):
        read_rules(file)


async def test_an_exception_while_deciding_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise KeyError("broken")

    monkeypatch.setattr("switchboard.sandbox_way.SandboxWay.enter", broken)
    status, body = await ask_both(mode=MemoryMode())
    assert (status, json.loads(body)["rule"]) == (599, "no-rules")
    assert b"KeyError" in body


async def test_an_exception_while_the_answer_is_edited_refuses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: Any) -> None:
        raise KeyError("broken")

    monkeypatch.setattr("switchboard.sandbox_way.SandboxWay.answer", broken)
    status, body = await ask_both(mode=MemoryMode())
    assert (status, json.loads(body)["rule"]) == (599, "no-rules")


async def test_a_mode_that_cannot_be_read_is_sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Any) -> Mode:
        raise OSError("gone")

    monkeypatch.setattr(MemoryMode, "read", broken)
    assert await ask_both(mode=MemoryMode(LIVE)) == (200, b"/sandbox/users")


async def test_a_mode_that_cannot_be_listened_to_is_sandbox(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody could wait for its requests at a flip, so none of them goes the live way."""
    path = tmp_path / "switchboard.mode"
    path.write_text("live\n")
    (tmp_path / "switchboard.mode.shared").mkdir()
    assert await ask_both(mode=path) == (200, b"/sandbox/users")
    assert "cannot be followed" in caplog.text


async def test_a_refused_head_has_no_body() -> None:
    assert await ask_both("127.1", "HEAD", mode=MemoryMode()) == (400, b"")


def test_the_child_of_a_fork_is_waited_for_by_itself(tmp_path: Path) -> None:
    """A server that loads the application and then forks its workers."""
    path = tmp_path / "switchboard.mode"
    path.write_text("live\n")
    code = """
import os, sys, warnings
warnings.simplefilter("ignore")  # that a process with threads forks is the point
from switchboard import mode_file
from switchboard.middleware import SwitchboardWSGI

def app(environ, start_response):
    start_response("200 OK", [])
    return [environ["PATH_INFO"].encode()]

def ask():
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/users", "HTTP_HOST": "svc.hms.example"}
    return door(environ, lambda status, headers: None)[0].decode()

door = SwitchboardWSGI(app, mode=sys.argv[1])
ask()
child = os.fork()
said = ask()
if child:
    os.waitpid(child, 0)
    raw = open(sys.argv[1] + ".shared", "rb").read()
    pids = {slot.pid for _, slot in mode_file.parse_slots(raw)}
    print(said, pids == {os.getpid(), child})
else:
    os._exit(0 if said == "/users" else 1)
"""
    ran = subprocess.run(
        [sys.executable, "-c", code, str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.split() == ["/users", "True"]


@pytest.mark.parametrize("door", [SwitchboardASGI, SwitchboardWSGI])
@pytest.mark.parametrize("sandbox", ["", "/", "sandbox", "/../x"])
def test_a_sandbox_that_is_none_is_a_callers_misuse(door: Any, sandbox: str) -> None:
    with pytest.raises(ValueError, match="sandbox"):
        door(asgi_app, sandbox=sandbox, mode=MemoryMode())


@pytest.mark.parametrize("door", [SwitchboardASGI, SwitchboardWSGI])
def test_it_works_without_the_rest_of_the_product(door: Any, tmp_path: Path) -> None:
    """The folder alone, no installed package, nothing but the standard library."""
    shutil.copytree(
        ROOT / "switchboard",
        tmp_path / "switchboard",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); "
        f"import switchboard; loaded = set(sys.modules); "
        f"from switchboard.middleware import {door.__name__}; {door.__name__}(print); "
        "assert 'switchboard.mode' not in loaded; "
        "print(*sorted({name.partition('.')[0] for name in sys.modules} "
        "- set(sys.stdlib_module_names)))"
    )
    ran = subprocess.run(
        [sys.executable, "-I", "-S", "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(ran.stdout.split()) <= {"__main__", "switchboard"}
