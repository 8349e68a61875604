"""The console scripts under hostile conditions: closed and full outputs, odd names, no room.

Each of these is one sentence and the right code, and none leaves a file where it should not.
"""

from __future__ import annotations

import os
import pty
import signal
import subprocess
from pathlib import Path

import orjson
import pytest

from tests.integration.esr import BIN, environment, esr, run_folders, wait_until
from tests.integration.recording_server import RecordingServer

FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")


def write_log(path: Path, users: int = 3, steps: int = 4, host: str = "svc.hms.example") -> Path:
    """An OPS log of a tenth of a second."""
    lines = [
        {
            "ts": 1_584_277_200_000_000_000 + (step * 20 + user) * 1_000_000,
            "method": "GET",
            "url": f"https://{host}/steps/{step}",
            "user": f"user-{user}",
        }
        for step in range(steps)
        for user in range(users)
    ]
    path.write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in lines))
    return path


def shell(cwd: Path, command: str, **extra: str) -> subprocess.CompletedProcess[str]:
    """Run a shell line in which `$B` is where the console scripts are."""
    return subprocess.run(
        ["/bin/bash", "-c", command],
        cwd=cwd,
        env=environment(cwd / "home", {"B": str(BIN), "TMPDIR": str(cwd / "tmp"), **extra}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture(autouse=True)
def _nothing_is_left_in_the_temporary_folder(tmp_path: Path) -> object:
    (tmp_path / "tmp").mkdir()
    yield
    assert not list((tmp_path / "tmp").glob("esr-*")), "a crash report, or a folder left behind"


@needs_full
@pytest.mark.parametrize(
    ("command", "code", "says"),
    [
        ("$B/esr-replay day.ndjson --speed max >/dev/full", 0, "could not be written"),
        ("$B/esr-replay day.ndjson --speed max --json - >/dev/full", 2, "--json - cannot be"),
        ("$B/esr-replay day.ndjson --speed max --json - >&-", 2, "standard output"),
        ("$B/esr-replay day.ndjson --speed max <&- >&- 2>&-", 0, ""),
        ("$B/esr plan day.ndjson >/dev/full", 2, "cannot be written"),
        ("$B/esr runs >/dev/full", 2, "cannot be written"),
        ("$B/esr --help >/dev/full", 2, "cannot be written"),
        ("$B/esr-replay day.ndjson --speed max --json - | true; exit ${PIPESTATUS[0]}", 0, ""),
    ],
)
def test_an_output_that_takes_nothing_never_stops_a_run(
    tmp_path: Path, command: str, code: int, says: str
) -> None:
    write_log(tmp_path / "day.ndjson")
    ran = shell(tmp_path, command)
    assert ran.returncode == code, ran.stderr
    assert says in ran.stderr
    assert "Traceback" not in ran.stderr
    if "esr-replay" in command and ran.returncode != 2:
        (folder,) = run_folders(tmp_path)
        assert orjson.loads((folder / "run.json").read_bytes())["state"] == "done"


def test_json_survives_a_full_standard_error(tmp_path: Path) -> None:
    write_log(tmp_path / "day.ndjson")
    ran = shell(tmp_path, "$B/esr-replay day.ndjson --speed max --json - 2>/dev/full")
    assert orjson.loads(ran.stdout)["requests"]["sent"] == 12


def test_a_reader_that_leaves_does_not_end_the_run(tmp_path: Path) -> None:
    write_log(tmp_path / "day.ndjson")
    command = "$B/esr-replay day.ndjson --loop 40 --speed 2x | head -1; exit ${PIPESTATUS[0]}"
    ran = shell(tmp_path, command)
    assert ran.returncode in (0, 98), ran.stderr
    (folder,) = run_folders(tmp_path)
    card = orjson.loads((folder / "scorecard.json").read_bytes())
    assert card["requests"]["sent"] == 480


BAD_INPUT = {
    "no such format": (["day.ndjson", "--format", "nonsense"], "there are gor"),
    "an empty target": (["day.ndjson", "--target", ""], "--target"),
    "a log without a UTF-8 name": (["odd"], "not UTF-8"),
    "nothing maps its hosts": (["day.ndjson", "--target", "elsewhere"], "map its hosts"),
    "a credential that is not set": (["day.ndjson", "--target", "locked"], "SANDBOX_TOKEN"),
}


@pytest.mark.parametrize(("arguments", "says"), BAD_INPUT.values(), ids=BAD_INPUT.keys())
def test_bad_input_is_one_sentence(tmp_path: Path, arguments: list[str], says: str) -> None:
    write_log(tmp_path / "day.ndjson")
    (tmp_path / "odd").mkdir()
    write_log(tmp_path / "odd" / os.fsdecode(b"\xff.ndjson"))
    folder = tmp_path / "environments"
    folder.mkdir()
    base_url = "base_url: http://127.0.0.1:9\n"
    (folder / "elsewhere.yml").write_text(
        "upstreams:\n  - {name: a, hosts: [other.example], base_url: 'http://127.0.0.1:9'}\n"
    )
    credential = "credentials:\n  - {header: Authorization, from_env: SANDBOX_TOKEN}\n"
    (folder / "locked.yml").write_text(base_url + credential)
    temporary = {"TMPDIR": str(tmp_path / "tmp")}
    ran = esr(tmp_path, *arguments, script="esr-replay", env=temporary)
    assert ran.code == 2, ran.err
    assert says in ran.err
    assert len(ran.err.splitlines()) == 1


@pytest.mark.parametrize("home", ["~nosuchuser/x", "file", "/proc/nowhere"])
def test_a_home_that_cannot_be_is_said(tmp_path: Path, home: str) -> None:
    write_log(tmp_path / "day.ndjson")
    (tmp_path / "file").touch()
    ran = shell(tmp_path, "$B/esr-replay day.ndjson --speed max", ESR_HOME=home)
    assert "Traceback" not in ran.stderr
    if home.startswith("~"):
        assert ran.returncode == 2
        assert "ESR_HOME=~nosuchuser/x" in ran.stderr
    else:
        assert ran.returncode == 0, ran.stderr
        assert "cannot write" in ran.stdout
        assert f"run folder  {tmp_path / 'tmp'}/RUN-" in ran.stdout


def test_a_plan_that_does_not_fit_names_the_folder(tmp_path: Path) -> None:
    """A limit on the size of files is what a full disk is to the ones that grow."""
    write_log(tmp_path / "day.ndjson")
    assert esr(tmp_path, "plan", "day.ndjson").code == 0
    command = "ulimit -f 64; $B/esr-replay day.ndjson --loop 2000 --speed 1000x"
    ran = shell(tmp_path, command)
    assert ran.returncode == 2
    assert f"cannot write the plan to {tmp_path / 'tmp'}" in ran.stderr
    (folder,) = run_folders(tmp_path)
    assert orjson.loads((folder / "run.json").read_bytes())["state"] == "failed"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_a_signal_before_the_first_request_leaves_an_aborted_run(
    tmp_path: Path, number: signal.Signals
) -> None:
    write_log(tmp_path / "day.ndjson")
    with subprocess.Popen(
        [BIN / "esr-replay", "stimulus_2020", "--workers", "4"],
        cwd=tmp_path, env=environment(tmp_path / "home", {"TMPDIR": str(tmp_path / "tmp")}),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, text=True,
    ) as process:  # fmt: skip
        wait_until(lambda: bool(list((tmp_path / "home").rglob("run.json"))))
        os.killpg(process.pid, number)
        _, err = process.communicate(timeout=30)
        assert process.returncode == 130, err
    assert "Traceback" not in err
    listed = esr(tmp_path, "runs", "--json", "-").json["runs"]
    assert [run["state"] for run in listed] == ["aborted"]


def on_a_terminal(cwd: Path, *arguments: str, term: str = "xterm") -> bytes:
    """What a terminal of 100 columns shows of `esr-replay` to one who keeps pressing Ctrl-C."""
    extra = {"TERM": term, "TMPDIR": str(cwd / "tmp")}
    parent, child = pty.openpty()
    with (
        os.fdopen(parent, "rb", buffering=0) as screen,
        subprocess.Popen(
            [BIN / "esr-replay", *arguments],
            cwd=cwd, env=environment(cwd / "home", extra),
            stdin=child, stdout=child, stderr=child, start_new_session=True,
        ) as process,
    ):  # fmt: skip
        os.close(child)
        shown = b""
        try:
            while chunk := screen.read(65_536):
                shown += chunk
                if b"recorded" in shown:
                    process.send_signal(signal.SIGINT)
        except OSError:
            pass  # Linux ends a terminal so when the last process has left it
        assert process.wait(30) in (0, 98, 130)
    return shown


def test_a_terminal_shows_a_panel_and_is_left_as_it_was(tmp_path: Path) -> None:
    write_log(tmp_path / "day.ndjson")
    shown = on_a_terminal(tmp_path, "day.ndjson", "--loop", "100")
    assert 0 <= shown.rfind(b"\x1b[?25l") < shown.rfind(b"\x1b[?25h"), "the cursor is back"
    assert b"rate now" in shown
    assert b"stopping" in shown
    assert b"ABORTED" in shown, "the last word is said, however often"
    assert b"run folder" in shown


def test_a_dumb_terminal_gets_lines(tmp_path: Path) -> None:
    write_log(tmp_path / "day.ndjson")
    shown = on_a_terminal(tmp_path, "day.ndjson", "--loop", "25", term="dumb")
    assert b"\x1b[" not in shown
    assert b"errors 0.00%" in shown
    assert b"run folder" in shown


def test_three_workers_send_what_one_sends(tmp_path: Path) -> None:
    write_log(tmp_path / "day.ndjson", users=7)
    (tmp_path / "twenty.yml").write_text(
        "id: twenty\nlog_path: day.ndjson\nspeed: 4x\nusers: 20\nduration: 1s\nseed: 5\n"
    )
    sent = []
    for workers in ("1", "3"):
        with RecordingServer() as server:
            options = ["--target", server.url, "--workers", workers, "--json", "-"]
            ran = esr(tmp_path, "replay", "twenty.yml", *options)
        assert ran.json["requests"]["sent"] == len(server.requests)
        lanes: dict[str, list[str]] = {}
        for request in server.requests:
            lanes.setdefault(request.user, []).append(request.target)
        sent.append(lanes)
    assert len(sent[0]) == 20
    assert sent[0] == sent[1]
    assert all(targets == sorted(targets) for targets in sent[1].values())
    newest = run_folders(tmp_path)[-1]
    assert {f"outcomes-{n}.parquet" for n in range(3)} <= {p.name for p in newest.iterdir()}


def test_two_runs_at_once_share_a_home(tmp_path: Path) -> None:
    write_log(tmp_path / "day.ndjson")
    one = "$B/esr-replay day.ndjson --speed max --json"
    ran = shell(tmp_path, f"{one} a.json & {one} b.json & wait")
    assert "Traceback" not in ran.stderr
    ids = {orjson.loads((tmp_path / name).read_bytes())["run_id"] for name in ("a.json", "b.json")}
    assert {folder.name for folder in run_folders(tmp_path)} == ids
    assert len(ids) == 2
    assert len(list((tmp_path / "home" / "tapes").iterdir())) == 1


def test_a_log_that_is_gone_is_not_played_from_its_tape(tmp_path: Path) -> None:
    log = write_log(tmp_path / "day.ndjson")
    assert esr(tmp_path, "plan", "day.ndjson").code == 0
    log.unlink()
    ran = esr(tmp_path, "replay", str(log))
    assert ran.code == 2
    assert "no" in ran.err
    assert str(log) in ran.err


def test_damaged_runs_are_listed_and_shown(tmp_path: Path) -> None:
    runs = tmp_path / "home" / "runs"
    damage = {
        "RUN-20200315-093000-0001": {"run.json": b"\x00garbage"},
        "RUN-20200315-093000-0002": {"scorecard.json": b'{"requests": 5, "routes": 3}'},
        "RUN-20200315-093000-0003": {"run.json": b'{"state": ["done"], "scenario": 5}'},
        "RUN-20200315-093000-0004": {"outcomes-0.rows": bytes(range(250)), "context.json": b"{"},
        "RUN-[/red]-x": {},
    }
    for name, files in damage.items():
        (runs / name).mkdir(parents=True)
        for file, content in files.items():
            (runs / name / file).write_bytes(content)
    listed = esr(tmp_path, "runs", "--json", "-")
    assert listed.code == 0, listed.err
    assert {run["state"] for run in listed.json["runs"]} == {"aborted"}
    shown = esr(tmp_path, "runs", "show", "RUN-20200315-093000-0004")
    assert shown.code == 0, shown.err
    assert "RUN-20200315-093000-0004 is aborted" in shown.out
