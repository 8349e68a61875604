"""The load tools that our worker is measured beside: how each is called, and what it answers.

Each plays the same mix, 300-byte POST and GET half and half over keep-alive connections, on the
injector's core. The parsers are pure; `run_peer` starts the tool and takes its CPU from the OS.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.children import INJECTOR, ROOT, BenchError, last_words, run
from bench.traces import BODY_BYTES

TIMEOUT_S = 120.0
BODY = "x" * BODY_BYTES

WRK_SCRIPT = f"""\
-- Both requests are made once, as a careful user of wrk would do it.
local post, get, i
function init(args)
  local json = {{["Content-Type"] = "application/json"}}
  post = wrk.format("POST", "/applications/123", json, string.rep("x", {BODY_BYTES}))
  get = wrk.format("GET", "/profiles/123")
  i = 0
end
function request()
  i = i + 1
  if i % 2 == 0 then return post end
  return get
end
"""


@dataclass(frozen=True, slots=True)
class Load:
    """How much one round sends. wrk knows only a duration."""

    requests: int
    wrk_s: int
    connections: int = 64


@dataclass(frozen=True, slots=True)
class Answered:
    """Requests that a tool says were answered, and those it says went wrong."""

    requests: int
    failed: int

    def __add__(self, other: Answered) -> Answered:
        return Answered(self.requests + other.requests, self.failed + other.failed)


Commands = Callable[[str, int, Load, Path], Sequence[list[str]]]
"""(binary, port, load, scratch folder) to the commands of one round, played one after another."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A tool: where it is looked for, how it is called, and how its output is read."""

    name: str
    find: Callable[[], str | None]
    hint: str
    commands: Commands
    parse: Callable[[str], Answered]
    version: Sequence[str] = ("--version",)


def run_peer(
    peer: Peer, binary: str, port: int, load: Load, scratch: Path
) -> tuple[Answered, float, float]:
    """One round: what was answered, CPU seconds and wall seconds. Raises BenchError."""
    answered, cpu_s, wall_s = Answered(0, 0), 0.0, 0.0
    for command in peer.commands(binary, port, load, scratch):
        done = run(command, INJECTOR, timeout_s=TIMEOUT_S, cwd=scratch)
        if done.exit_code != 0:
            raise BenchError(f"{peer.name} ended with {done.exit_code}: {last_words(done.errors)}")
        answered += peer.parse(done.output)
        cpu_s += done.cpu_s
        wall_s += done.wall_s
    return answered, cpu_s, wall_s


def parse_wrk(output: str) -> Answered:
    """`392995 requests in 3.00s`, and lines about errors only where there were any."""
    total = _number(r"(\d+) requests in", output)
    if total is None:
        raise BenchError(f"wrk printed no count: {last_words(output)}")
    refused = _number(r"Non-2xx or 3xx responses: (\d+)", output) or 0
    sockets = re.search(r"Socket errors: (.*)", output)
    broken = sum(map(int, re.findall(r"\d+", sockets[1]))) if sockets else 0
    return Answered(total - refused, refused + broken)


def parse_hey(output: str) -> Answered:
    """The table `[200]\t99968 responses`, and the error distribution `[32]\tGet ...`."""
    statuses = re.findall(r"\[(\d+)\]\s+(\d+) responses", output)
    if not statuses:
        raise BenchError(f"hey printed no status codes: {last_words(output)}")
    ok = sum(int(count) for status, count in statuses if int(status) < 400)
    refused = sum(int(count) for status, count in statuses if int(status) >= 400)
    _, _, errors = output.partition("Error distribution:")
    broken = sum(int(count) for count in re.findall(r"^\s*\[(\d+)\]", errors, re.MULTILINE))
    return Answered(ok, refused + broken)


def parse_autocannon(output: str) -> Answered:
    """One JSON object, on the last line that is not empty."""
    try:
        result = json.loads(output.strip().splitlines()[-1])
        ok = int(result["2xx"]) + int(result["3xx"])
        return Answered(ok, int(result["non2xx"]) - int(result["3xx"]) + int(result["errors"]))
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise BenchError(f"autocannon printed no result: {last_words(output)}") from error


def _number(pattern: str, text: str) -> int | None:
    found = re.search(pattern, text)
    return int(found[1]) if found else None


def _wrk_commands(binary: str, port: int, load: Load, scratch: Path) -> list[list[str]]:
    script = scratch / "mix.lua"
    script.write_text(WRK_SCRIPT)
    limits = ["-t1", f"-c{load.connections}", f"-d{load.wrk_s}s"]
    return [[binary, *limits, "-s", str(script), f"http://127.0.0.1:{port}/"]]


def _hey_commands(binary: str, port: int, load: Load, scratch: Path) -> list[list[str]]:
    """hey sends one request over and over, so the mix is two halves, one after the other."""
    limits = ["-n", str(load.requests // 2), "-c", str(load.connections)]
    url = f"http://127.0.0.1:{port}"
    post = ["-m", "POST", "-T", "application/json", "-d", BODY, f"{url}/applications/123"]
    return [[binary, *limits, *post], [binary, *limits, f"{url}/profiles/123"]]


def _autocannon_commands(binary: str, port: int, load: Load, scratch: Path) -> list[list[str]]:
    url = f"http://127.0.0.1:{port}"
    har = scratch / "mix.har"
    har.write_text(json.dumps(har_of(url)))
    limits = ["-c", str(load.connections), "-a", str(load.requests)]
    return [[binary, "-j", "-n", *limits, "--har", str(har), url]]


def har_of(url: str) -> dict[str, object]:
    """The mix as a HAR file, the way to give autocannon two different requests."""
    json_type = [{"name": "Content-Type", "value": "application/json"}]
    body = {"mimeType": "application/json", "text": BODY}
    post = {"method": "POST", "url": f"{url}/applications/123", "headers": json_type}
    get = {"method": "GET", "url": f"{url}/profiles/123", "headers": []}
    entries = [{"request": {**post, "postData": body}}, {"request": get}]
    return {"log": {"version": "1.2", "creator": {"name": "bench"}, "entries": entries}}


def find_autocannon() -> str | None:
    """$ESR_AUTOCANNON, the PATH, or `npm install --prefix bench autocannon`."""
    local = ROOT / "bench" / "node_modules" / ".bin"
    places = f"{os.environ.get('PATH', '')}:{local}"
    return shutil.which(os.environ.get("ESR_AUTOCANNON") or "autocannon", path=places)


WRK = Peer(
    "wrk", lambda: shutil.which("wrk"), "apt-get install wrk", _wrk_commands, parse_wrk, ("-v",)
)
HEY = Peer("hey", lambda: shutil.which("hey"), "apt-get install hey", _hey_commands, parse_hey, ())
AUTOCANNON = Peer(
    "autocannon",
    find_autocannon,
    "npm install --prefix bench autocannon",
    _autocannon_commands,
    parse_autocannon,
)
PEERS = (WRK, HEY, AUTOCANNON)
