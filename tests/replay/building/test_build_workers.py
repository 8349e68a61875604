from __future__ import annotations

import errno
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from replay.building import build_workers, segments
from replay.building.compile import build_tape
from replay.gate.findings import Findings
from replay.tape import Tape, TapeInfo
from replay.treatment import Treatment
from switchboard.errors import TraceError

T0 = 1_584_273_600_000_000_000
MS = 1_000_000


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "LEAST_BYTES", 2_000)


def event(number: int, **more: Any) -> str:
    at = T0 + (number * 7 % 900) * 1_000 * MS
    where = f"https://h{number % 5}.example/r{number % 11}/{number}"
    who = {"user": f"u{number % 37}"} if number % 3 else {}
    session = {"session": f"s{number % 8}"} if number % 4 else {}
    body = {"body": {"n": number}, "method": "POST"} if number % 6 == 0 else {"method": "GET"}
    return json.dumps({"ts": at, "url": where, **who, **session, **body, **more})


def log_line(number: int) -> str:
    stamp = f"15/Mar/2020:12:{number // 60 % 60:02d}:{number % 60:02d} +0000"
    return f'10.0.0.{number % 20} - - [{stamp}] "GET /p/{number % 9} HTTP/1.1" 200 1'


def write_trace(folder: Path) -> Path:
    """Several formats, skips of several kinds, an archive, a file that is there twice."""
    folder.mkdir()
    events = [event(number) for number in range(400)]
    for at in (3, 120, 121, 399):
        events[at] = ["not JSON", "", "[]", '{"ts": 5}'][at % 4]
    (folder / "a.ndjson").write_text("\n".join(events))
    lines = [log_line(number) if number % 50 else "garbage" for number in range(300)]
    (folder / "b.log").write_text("\n".join(lines) + "\n")
    (folder / "c.log").write_bytes((folder / "b.log").read_bytes())
    (folder / "d.ndjson.gz").write_bytes(gzip.compress(event(1_000).encode(), mtime=0))
    (folder / "e.txt").write_text("no trace at all\n")
    return folder


def files_of(tape: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in tape.iterdir()}


def build(trace: Path, tape: Path, workers: int, **more: Any) -> TapeInfo:
    info = build_tape([trace], tape, seed=4, workers=workers, **more)
    assert [path.name for path in tape.parent.iterdir() if path.name.startswith(".")] == []
    return info


def spy_on(monkeypatch: pytest.MonkeyPatch) -> list[build_workers._Worker]:
    """Every worker process that is started."""
    started: list[build_workers._Worker] = []

    class Watched(build_workers._Worker):
        def __init__(self, job: build_workers.Job, hash_seed: str) -> None:
            started.append(self)
            super().__init__(job, hash_seed)

    monkeypatch.setattr(build_workers, "_Worker", Watched)
    return started


@pytest.mark.parametrize("workers", [2, 3])
def test_a_tape_is_the_same_however_many_processes_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, workers: int
) -> None:
    trace = write_trace(tmp_path / "in")
    started = spy_on(monkeypatch)
    alone = build(trace, tmp_path / "one", 1)
    assert started == []
    shared = build(trace, tmp_path / "many", workers)
    assert len(started) == workers
    assert files_of(tmp_path / "one") == files_of(tmp_path / "many")
    assert alone == shared
    assert alone.account.skipped["in a duplicate file"] == 300
    assert len(alone.account.skipped) > 4


def test_progress_of_all_adds_up(tmp_path: Path) -> None:
    trace = write_trace(tmp_path / "in")
    told: list[tuple[int, int]] = []
    build(trace, tmp_path / "tape", 2, on_progress=lambda done, total: told.append((done, total)))
    total = sum(path.stat().st_size for path in trace.iterdir())
    assert told[-1] == (total, total)


def late_delay(folder: Path) -> Path:
    """A delay in the second half, which no look at the start shows."""
    events = [event(number) for number in range(400)]
    later = [json.dumps({"delay": 5, "method": "GET", "url": "/late"})] * 200
    folder.mkdir()
    (folder / "a.ndjson").write_text("\n".join(events) + "\n")
    (folder / "b.ndjson").write_text("\n".join(later) + "\n")
    return folder


def too_many_hosts(folder: Path) -> Path:
    """More hosts than a tape has room for, which no part has."""
    folder.mkdir()
    for part in "ab":
        lines = [event(i, url=f"http://{part}{i}.example/") for i in range(2_100)]
        (folder / f"{part}.ndjson").write_text("\n".join(lines))
    return folder


@pytest.mark.parametrize("write", [late_delay, too_many_hosts])
def test_what_needs_all_that_came_before_is_read_by_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, write: Callable[[Path], Path]
) -> None:
    trace = write(tmp_path / "in")
    started = spy_on(monkeypatch)
    build(trace, tmp_path / "one", 1)
    build(trace, tmp_path / "two", 2)
    assert len(started) == 2
    assert files_of(tmp_path / "one") == files_of(tmp_path / "two")


def test_answers_that_a_later_part_may_repeat_are_read_by_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    plain = [event(number, user="ann") for number in range(400)]
    hers = {"user": "ann", "session": "one", "ts": T0 + 1_000_000 * MS}
    login = event(400, **hers, response_body={"id": "a81f4c2e9d07"})
    again = {**hers, "ts": T0 + 2_000_000 * MS}
    later = [event(n, **again, url=f"/x/a81f4c2e9d07/{n}") for n in range(500, 700)]
    (tmp_path / "in" / "a.ndjson").write_text("\n".join([*plain, login]) + "\n")
    (tmp_path / "in" / "b.ndjson").write_text("\n".join(later) + "\n")
    started = spy_on(monkeypatch)
    links = Treatment(links=True, gate=False).build
    infos = [build(tmp_path / "in", tmp_path / str(n), n, chain=links) for n in (1, 2)]
    assert len(started) == 2
    assert infos[0].links == infos[1].links == 200
    assert files_of(tmp_path / "1") == files_of(tmp_path / "2")


CHAINS = """
import os, signal
from replay.readers.through import Through

def as_it_is(rows, tally, findings):
    return Through(rows)

def find(rows, tally, findings):
    class Finding(Through):
        def find(self, line):
            findings.add(rows.file, line, "url", "ssn", "1", is_allowed=True)
            tally.note_key("cookie:sid")

        def add(self, line, entry):
            self.find(line)
            super().add(line, entry)

        def add_request(self, line, *rest):
            self.find(line)
            super().add_request(line, *rest)

    return Finding(rows)

def killed(rows, tally, findings):
    os.kill(os.getpid(), signal.SIGKILL)

def raises(rows, tally, findings):
    raise RuntimeError("a plain mistake")

def no_room(rows, tally, findings):
    raise OSError(28, "No space left on device", "/x")

def no_trace(rows, tally, findings):
    from switchboard.errors import TraceError
    raise TraceError("it is no trace")
"""


@pytest.fixture
def chains(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """A module that the worker processes find too."""
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "chains_of_a_test.py").write_text(CHAINS)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "lib"))
    monkeypatch.syspath_prepend(tmp_path / "lib")
    return pytest.importorskip("chains_of_a_test")


def test_each_process_builds_its_own_chain_and_what_they_find_adds_up(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, chains: Any
) -> None:
    trace = write_trace(tmp_path / "in")
    started = spy_on(monkeypatch)
    infos = []
    for workers in (1, 2):
        found = Findings()
        infos.append(
            build(
                trace,
                tmp_path / str(workers),
                workers,
                chain=chains.find,
                findings=found,
                allowed=["ssn"],
                in_order=False,
            )
        )
        assert found.allowed["ssn"] > 100
    assert len(started) == 2
    assert infos[0] == infos[1]
    account = infos[0].account
    assert (account.found["ssn"], account.allowed) == (account.session_keys["cookie:sid"], ("ssn",))


def test_a_chain_that_needs_order_is_one_process(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, chains: Any
) -> None:
    started = spy_on(monkeypatch)
    build(write_trace(tmp_path / "in"), tmp_path / "tape", 2, chain=chains.as_it_is, in_order=True)
    assert started == []


@pytest.mark.parametrize(
    ("chain", "error", "said"),
    [
        ("killed", TraceError, r"ended by signal 9; try again with one worker"),
        ("raises", TraceError, r"ended with 1: RuntimeError: a plain mistake; try again"),
        ("no_room", OSError, "No space left on device"),
        ("no_trace", TraceError, "^it is no trace$"),
    ],
)
def test_a_process_that_fails_is_one_error_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    chains: Any,
    chain: str,
    error: type[Exception],
    said: str,
) -> None:
    trace = write_trace(tmp_path / "in")
    started = spy_on(monkeypatch)
    with pytest.raises(error, match=said) as caught:
        build_tape(
            [trace], tmp_path / "tape", workers=2, chain=getattr(chains, chain), in_order=False
        )
    assert getattr(caught.value, "errno", errno.ENOSPC) == errno.ENOSPC
    assert all(worker.process.returncode is not None for worker in started)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "lib"]


def test_ctrl_c_ends_all_of_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    trace = write_trace(tmp_path / "in")
    started = spy_on(monkeypatch)

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_tape([trace], tmp_path / "tape", workers=2, on_progress=interrupt)
    assert [worker.process.returncode is not None for worker in started] == [True, True]
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_a_kept_tape_opens(tmp_path: Path) -> None:
    info = build(write_trace(tmp_path / "in"), tmp_path / "tape", 3)
    with Tape.open(tmp_path / "tape") as tape:
        assert tape.info == info
        assert len({tape.user_name(i) for i in range(info.users)}) == info.users
