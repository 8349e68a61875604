"""`esr-replay` as a user types it: exit codes, files, order, secrets, interruption."""

from __future__ import annotations

import gzip
import itertools
import resource
import signal
import socket
import subprocess
from collections import defaultdict
from pathlib import Path

import orjson
import pytest

from tests.integration.esr import ACCESS_LOG, BIN, Ran, environment, esr, run_folders, wait_until
from tests.integration.recording_server import RecordingServer, Request

KEYS = [
    "schema", "run_id", "scenario", "env", "state", "verdict", "speed", "users", "avg_wait",
    "error_pct", "latency_p95_ms", "payment_success", "compliance_hits", "esq_rule_violations",
    "trainee_accuracy", "notes", "elapsed_s", "trace_time_s", "requests", "service_ms",
    "response_ms", "lag_ms", "routes", "slo", "injector",
]  # fmt: skip


def write_log(path: Path, users: int = 5, steps: int = 6, gap_ms: int = 40) -> Path:
    """An OPS log of `users` who each take `steps` steps, one each `gap_ms`."""
    lines = []
    for step in range(steps):
        for user in range(users):
            stamp = 1_584_277_200_000_000_000 + (step * gap_ms + user) * 1_000_000
            event = {
                "ts": stamp,
                "method": "POST",
                "url": f"https://svc.hms.example/steps/{step}?access_token=prod-secret",
                "user": f"user-{user:04d}",
                "headers": {"Authorization": "Bearer prod-secret", "Cookie": "s=prod-secret"},
                "body": {"user": f"user-{user:04d}", "step": step},
                "status": 200,
                "wait_ms": 5,
            }
            lines.append(orjson.dumps(event))
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path


def step_of(request: Request) -> int:
    return int(request.target.partition("?")[0].rpartition("/")[2])


def by_user(requests: list[Request]) -> dict[str, list[int]]:
    steps: dict[str, list[int]] = defaultdict(list)
    for request in requests:
        steps[request.user].append(step_of(request))
    return dict(steps)


def test_the_main_job_passes_and_its_scorecard_is_whole(tmp_path: Path) -> None:
    ran = esr(
        tmp_path, "stimulus_2020", "--speed", "2x", "--duration", "4s", "--json", "out.json",
        script="esr-replay",
    )  # fmt: skip
    card = orjson.loads((tmp_path / "out.json").read_bytes())
    assert [key for key in card if key in KEYS] == KEYS
    assert card["env"] == "sandbox"
    assert card["state"] == "done"
    assert card["speed"] == "2x"
    assert card["requests"]["sent"] == card["requests"]["planned"] > 0
    assert card["trace"]["entries"] == 35_561
    # A machine that is busy elsewhere may make the replay void; it must then say so.
    assert ran.code == {"pass": 0, "void": 98}[card["verdict"]], ran.err
    (folder,) = run_folders(tmp_path)
    names = {path.name for path in folder.iterdir()}
    assert {"run.json", "scorecard.json", "certificate.json", "interlock.json", "timeline.ndjson",
            "outcomes-0.parquet"} <= names  # fmt: skip
    assert orjson.loads((folder / "run.json").read_bytes())["state"] == "done"


@pytest.mark.skipif(not ACCESS_LOG.exists(), reason=f"the real access log is not at {ACCESS_LOG}")
def test_a_real_access_log_is_accounted_for_line_by_line(tmp_path: Path) -> None:
    ran = esr(tmp_path, str(ACCESS_LOG), "--speed", "max", "--json", "-", script="esr-replay")
    assert ran.code == 0, ran.err
    trace = ran.json["trace"]
    assert trace["entries"] == 10_000 == trace["used"] + sum(trace["skipped"].values())
    assert ran.json["requests"]["sent"] == trace["used"]
    assert trace["stamps"].startswith("spread inside one second")


def test_no_user_overtakes_itself_and_secrets_stay_home(tmp_path: Path) -> None:
    log = write_log(tmp_path / "day.ndjson", users=12, steps=8, gap_ms=20)
    slow = lambda request: len(request.body) * step_of(request) % 7 / 100  # noqa: E731
    with RecordingServer(slow) as server:
        ran = esr(tmp_path, "replay", str(log), "--target", server.url, "--json", "-")
    assert ran.code in (0, 98), ran.err
    assert by_user(server.requests) == {f"user-{n:04d}": list(range(8)) for n in range(12)}
    finished = {id(request): at for request, at in server.finished}
    lanes: dict[str, list[Request]] = defaultdict(list)
    for request in server.requests:
        lanes[request.user].append(request)
    for lane in lanes.values():
        for before, after in itertools.pairwise(lane):
            assert after.arrived_s >= finished[id(before)]
    for request in server.requests:
        assert request.headers["x-esr-env"] == "sandbox"
        assert "prod-secret" not in repr(request)
        assert "cookie" not in request.headers
    kept = b"".join(p.read_bytes() for p in (tmp_path / "home").rglob("*") if p.is_file())
    assert b"prod-secret" not in kept
    assert "prod-secret" not in ran.out + ran.err


def test_one_slow_user_delays_nobody_else(tmp_path: Path) -> None:
    log = write_log(tmp_path / "day.ndjson", users=6, steps=5, gap_ms=30)
    slow_s = 0.6
    with RecordingServer(lambda r: slow_s if r.user == "user-0000" else 0.0) as server:
        esr(tmp_path, "replay", str(log), "--target", server.url)
    first_s = min(request.arrived_s for request in server.requests)
    last_s = {r.user: r.arrived_s - first_s for r in server.requests}
    assert last_s.pop("user-0000") >= 4 * slow_s
    assert max(last_s.values()) < 2 * slow_s


def sent_by(tmp_path: Path, log: Path, seed: int, name: str) -> dict[str, list[str]]:
    """What each user asked for, in order."""
    folder = tmp_path / name
    folder.mkdir()
    with RecordingServer() as server:
        esr(
            folder, "replay", str(log), "--target", server.url, "--users", "15", "--seed", str(seed)
        )
    sent: dict[str, list[str]] = defaultdict(list)
    for request in server.requests:
        sent[request.user].append(f"{request.method} {request.target} {request.body!r}")
    return dict(sent)


def test_one_seed_is_one_run_and_another_is_not(tmp_path: Path) -> None:
    log = write_log(tmp_path / "day.ndjson", users=4, steps=3, gap_ms=10)
    first = sent_by(tmp_path, log, 7, "first")
    again = sent_by(tmp_path, log, 7, "again")
    other = sent_by(tmp_path, log, 8, "other")
    assert len(first) == 15
    assert first == again
    assert set(first) != set(other)
    for user, requests in first.items():
        assert all(user in request for request in requests), "clones carry their own identity"


def test_slos_decide_the_exit_code(tmp_path: Path) -> None:
    log = write_log(tmp_path / "day.ndjson")
    with RecordingServer(status=lambda r: 500 if step_of(r) == 0 else 200) as server:
        target = ["--target", server.url, "--speed", "max", "--json", "-"]
        kept = esr(tmp_path, "replay", str(log), "--slo", "error_pct=50", *target)
        missed = esr(tmp_path, "replay", str(log), "--slo", "error_pct=1", *target)
    assert (kept.code, kept.json["verdict"]) == (0, "pass")
    assert (missed.code, missed.json["verdict"]) == (99, "fail")
    assert "error_pct" in missed.json["reason"]
    assert missed.json["requests"]["failed"] == 5


@pytest.mark.parametrize(
    "target",
    ["http://192.0.2.7:8080", "https://api.hms.gov", "http://169.254.169.254", "10.1.2.3:80",
     "http://2130706433/", "http://127.0.0.1@192.0.2.7/", "staging"],
)  # fmt: skip
def test_an_undeclared_target_is_refused_before_anything_is_sent(
    tmp_path: Path, target: str
) -> None:
    ran = esr(tmp_path, "stimulus_2020", "--target", target, script="esr-replay")
    assert ran.code in (97, 2)
    assert ran.code == 97 or "@" in target
    assert "Traceback" not in ran.err
    assert ran.err.count("\n") <= 6


def test_a_target_that_refuses_connections_is_96(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        ran = esr(tmp_path, "stimulus_2020", "--target", f"http://127.0.0.1:{port}",
                  script="esr-replay")  # fmt: skip
    assert ran.code == 96, ran.err
    assert f"127.0.0.1:{port}" in ran.err
    (folder,) = run_folders(tmp_path)
    assert orjson.loads((folder / "run.json").read_bytes())["state"] == "failed"


def start_long_run(tmp_path: Path, target: str) -> subprocess.Popen[bytes]:
    """A run of half a minute that has begun: its first requests have arrived."""
    return subprocess.Popen(
        [BIN / "esr-replay", "stimulus_2020", "--speed", "20x", "--target", target],
        cwd=tmp_path,
        env=environment(tmp_path / "home"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def wait_for_first(
    tmp_path: Path, server: RecordingServer, process: subprocess.Popen[bytes]
) -> None:
    def has_begun() -> bool:
        assert process.poll() is None, "the run ended before it began"
        return bool(server.requests and list((tmp_path / "home").rglob("outcomes-*.rows")))

    wait_until(has_begun)


def test_ctrl_c_writes_everything_and_says_130(tmp_path: Path) -> None:
    with RecordingServer() as server, start_long_run(tmp_path, server.url) as process:
        wait_for_first(tmp_path, server, process)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
    (folder,) = run_folders(tmp_path)
    card = orjson.loads((folder / "scorecard.json").read_bytes())
    assert card["state"] == "aborted"
    assert 0 < card["requests"]["sent"] < card["requests"]["planned"]
    assert (folder / "outcomes-0.parquet").exists()
    events = [orjson.loads(line) for line in (folder / "timeline.ndjson").read_bytes().splitlines()]
    assert [event["event"] for event in events][-2:] == ["interrupted", "state"]


def test_ctrl_c_twice_does_not_wait_for_answers(tmp_path: Path) -> None:
    answers = iter([0.0] * 3)
    with (
        RecordingServer(lambda _: next(answers, 300.0)) as server,
        start_long_run(tmp_path, server.url) as process,
    ):
        wait_for_first(tmp_path, server, process)
        process.send_signal(signal.SIGINT)
        # Two signals at once would be one: the second comes when the first was understood.
        (timeline,) = (tmp_path / "home").rglob("timeline.ndjson")
        wait_until(lambda: "interrupted" in timeline.read_text())
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
    (folder,) = run_folders(tmp_path)
    assert (
        orjson.loads((folder / "scorecard.json").read_bytes())["failures"].get("cancelled", 0) > 0
    )


def descendants(pid: int) -> list[int]:
    """The live children of a process and theirs, whichever thread started them."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += [int(child), *descendants(int(child))]
    return found


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc to find children")
def test_kill_9_leaves_a_readable_folder_and_no_orphan(tmp_path: Path) -> None:
    with subprocess.Popen(
        [BIN / "esr-replay", "stimulus_2020", "--speed", "20x"],
        cwd=tmp_path, env=environment(tmp_path / "home"),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        wait_until(lambda: bool(list((tmp_path / "home").rglob("outcomes-*.rows"))))
        children = descendants(process.pid)
        process.kill()
        process.wait()
    assert len(children) == 2, "a worker and the stub gateway"
    wait_until(lambda: not any(is_running(child) for child in children))
    listed = esr(tmp_path, "runs", "--json", "-")
    (run,) = listed.json["runs"]
    assert run["state"] == "aborted"
    shown = esr(tmp_path, "runs", "show", run["run_id"], "--json", "-")
    assert shown.code == 0, shown.err
    assert shown.json["state"] == "aborted"
    assert "outcomes-0.parquet" in shown.json["files"]
    assert any("recovered" in note for note in shown.json["notes"])


def test_a_full_disk_loses_files_but_not_the_run(tmp_path: Path) -> None:
    """No file may grow past 64 KiB, which is what a full disk does to the ones that grow."""
    log = write_log(tmp_path / "day.ndjson", users=50, steps=40, gap_ms=20)
    assert esr(tmp_path, "plan", str(log)).code == 0, "the tape is kept before there is no room"
    limit = 64 * 1024
    done = subprocess.run(
        [BIN / "esr-replay", str(log), "--json", "-"],
        cwd=tmp_path, env=environment(tmp_path / "home"), capture_output=True, text=True,
        timeout=60, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )  # fmt: skip
    ran = Ran(done.returncode, done.stdout, done.stderr)
    assert ran.code in (0, 98), ran.err
    assert ran.json["requests"]["sent"] == 2000
    assert "cannot write" in ran.err
    assert "Traceback" not in ran.err


FIVE_FAULTS = """\
id: bad scenario
source: replay_logs
log_path: /lake/raw/events/2020/03/15/
speed: 0x
users: -1
duration: soon
citizens: {template: low_income}
"""


def test_a_scenario_with_five_faults_names_all_five(tmp_path: Path) -> None:
    (tmp_path / "bad.yml").write_text(FIVE_FAULTS)
    ran = esr(tmp_path, "bad.yml", script="esr-replay")
    assert ran.code == 2
    for path, line in (("id", 1), ("speed", 4), ("users", 5), ("duration", 6), ("citizens", 7)):
        assert f"{path} (line {line})" in ran.err
    assert "not" in ran.err
    assert "Traceback" not in ran.err


BAD_INPUT = {
    "unknown scenario": ["stimulus_2021"],
    "zero speed": ["stimulus_2020", "--speed", "0x"],
    "negative users": ["stimulus_2020", "--users", "-1"],
    "no duration": ["stimulus_2020", "--duration", "soon"],
    "unknown slo": ["stimulus_2020", "--slo", "p96_ms=1"],
    "endless loop": ["empty.log", "--loop"],
    "empty log": ["empty.log"],
    "binary log": ["binary.log"],
    "nothing replayable": ["useless.ndjson"],
    "missing log": ["logs/none.ndjson"],
    "json into a folder": ["stimulus_2020", "--json", "."],
    "json nowhere": ["stimulus_2020", "--json", "no/such/folder/out.json"],
    "serve beyond loopback": ["stimulus_2020", "--serve", "0.0.0.0:9999"],
}


@pytest.mark.parametrize("arguments", BAD_INPUT.values(), ids=BAD_INPUT.keys())
def test_bad_input_is_one_clear_sentence_and_exit_2(tmp_path: Path, arguments: list[str]) -> None:
    (tmp_path / "empty.log").touch()
    (tmp_path / "binary.log").write_bytes(bytes(range(256)) * 40)
    (tmp_path / "useless.ndjson").write_text('{"method": "GET"}\n\n[1]\n')
    ran = esr(tmp_path, *arguments, script="esr-replay")
    assert ran.code == 2, ran.err
    assert ran.err.strip()
    assert "Traceback" not in ran.err
    assert not run_folders(tmp_path)


def test_an_unknown_scenario_names_the_nearest(tmp_path: Path) -> None:
    assert "stimulus_2020" in esr(tmp_path, "stimulus_2021", script="esr-replay").err


def test_odd_lines_are_counted_and_the_rest_is_played(tmp_path: Path) -> None:
    good = {"ts": 1_584_277_200_000_000_000, "method": "GET", "url": "/a", "user": "u"}
    lines = [
        orjson.dumps(good),
        b"",
        b"{not json",
        orjson.dumps({**good, "ts": "9999-12-31T23:59:59Z"}),
        orjson.dumps({**good, "ts": 1_584_277_199_000_000_000}),
        orjson.dumps({"delay": -5, "method": "GET", "url": "/a", "user": "u"}),
        b'{"ts": 1, "x": "' + b"a" * 10_000_000 + b'"}',
        orjson.dumps(good),
    ]
    whole = gzip.compress(b"\n".join(lines) + b"\n", 1)
    (tmp_path / "odd.ndjson.gz").write_bytes(whole)
    ran = esr(tmp_path, "odd.ndjson.gz", "--speed", "max", "--json", "-", script="esr-replay")
    assert ran.code == 0, ran.err
    trace = ran.json["trace"]
    assert trace["used"] == 3
    assert trace["entries"] == 8
    assert sum(trace["skipped"].values()) == 5
    assert trace["out_of_order"] == 1
    (tmp_path / "torn.ndjson.gz").write_bytes(whole[:-20])
    torn = esr(tmp_path, "torn.ndjson.gz", "--speed", "max", "--json", "-", script="esr-replay")
    assert torn.code in (0, 2)
    assert "Traceback" not in torn.err


def test_plan_sends_nothing_and_says_what_a_run_would_do(tmp_path: Path) -> None:
    with RecordingServer() as server:
        ran = esr(tmp_path, "plan", "stimulus_2020", "--target", server.url, "--json", "-")
        assert not server.requests
    assert ran.code == 0, ran.err
    plan = ran.json
    assert plan["users"] == 50_000
    assert plan["wall_s"] == 900
    assert plan["requests"] > plan["users"]
    assert plan["contacts"] == [server.url]
    assert plan["peak_rps"] >= plan["mean_rps"]
    assert not run_folders(tmp_path)


def test_one_service_can_be_flooded_alone(tmp_path: Path) -> None:
    ran = esr(tmp_path, "plan", "stimulus_2020", "--target", "svc-profile", "--json", "-")
    assert ran.code == 0, ran.err
    assert [route["route"].split()[0] for route in ran.json["routes"]] == ["svc-profile"]
