"""The mode cells: sandbox unless exactly live is certain, and a flip that waits for everybody."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import switchboard
from switchboard import mode as mode_module
from switchboard import mode_file
from switchboard.edge.file_mode import BY_HAND, FileMode
from switchboard.mode import MemoryMode, ModeError, default_mode, get_mode, set_mode
from switchboard.rules import LIVE, SANDBOX, Mode

ROOT = Path(__file__).parents[2]
PATIENCE_S = 30.0

# A process that listens and acknowledges, as a door does; it tells of every mode that it sees.
DOOR = """
import sys, time
from switchboard.mode import FileMode
cell = FileMode(sys.argv[1])
listener = cell.listen()
seen = None
print("listening", cell.read(), flush=True)
while True:
    generation = cell.poll()
    if generation != listener.seen:
        print(cell.read(), flush=True)
        listener.generation_seen_by(generation)
    time.sleep(0.01)
"""
# Signs in and then never looks again.
DEAF = """
import sys
from switchboard.mode import FileMode
listener = FileMode(sys.argv[1]).listen()
print("listening", flush=True)
sys.stdin.read()
"""
# Reads as fast as it can, without listening, and tells when it first saw the word it waits for.
READER = """
import sys
from switchboard.mode import FileMode
cell = FileMode(sys.argv[1])
print("reading", cell.read(), flush=True)
while cell.read() != sys.argv[2]:
    pass
print(cell.read(), flush=True)
"""
# Its child does what the end of a worker does, which must not sign the parent out.
FORK = """
import os, sys, warnings
warnings.simplefilter("ignore")  # that a process with threads forks is the point
from switchboard.mode import FileMode, MemoryMode
cell = KIND
listener = cell.listen(lambda mode, limit_s: "")
child = os.fork()
if child == 0:
    listener.close()
    print(repr(cell).split(", ")[-1].split()[0], "listen in the child", flush=True)
    os._exit(0)
os.waitpid(child, 0)
cell.flip("live")
print("the parent was", "waited for" * (listener.seen == cell.generation), flush=True)
"""
FLIPPER = """
import sys
from switchboard.mode import FileMode
cell = FileMode(sys.argv[1])
for number in range(10):
    cell.flip(("live", "sandbox")[number % 2], who=sys.argv[2], why=str(number), timeout_s=30)
"""


@contextlib.contextmanager
def process(code: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A child that runs the code; gone at the end, whatever happened."""
    child = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield child
    finally:
        child.kill()
        child.communicate()


def heard(child: subprocess.Popen[str]) -> str:
    """The child's next line."""
    assert child.stdout is not None
    return child.stdout.readline().strip()


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    waiting = threading.Event()
    while not is_so():
        assert time.monotonic() < deadline, "it never came to that"
        waiting.wait(0.005)


def audits(cell: FileMode) -> list[dict[str, Any]]:
    return [json.loads(line) for line in cell.audit_path.read_text().splitlines()]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "switchboard.mode"


@pytest.fixture(params=["memory", "file"])
def cell(request: pytest.FixtureRequest, path: Path) -> MemoryMode | FileMode:
    return MemoryMode() if request.param == "memory" else FileMode(path)


# Both kinds.


def test_it_is_sandbox_until_somebody_says_otherwise(cell: MemoryMode | FileMode) -> None:
    assert cell.read() == SANDBOX


def test_a_flip_is_read_at_once_and_has_a_higher_number(cell: MemoryMode | FileMode) -> None:
    before = cell.generation
    cell.flip(LIVE, who="a test", why="to see")
    assert (cell.read(), cell.generation > before) == (LIVE, True)
    cell.flip(SANDBOX)
    assert cell.read() == SANDBOX


@pytest.mark.parametrize("word", ["", "LIVE", "live ", "production", "sand box"])
def test_a_word_that_is_no_mode_is_a_callers_misuse(
    cell: MemoryMode | FileMode, word: Mode
) -> None:
    cell.flip(LIVE)
    with pytest.raises(ValueError, match="live or sandbox"):
        cell.flip(word)
    assert cell.read() == LIVE


def test_a_flip_waits_for_those_who_drain(cell: MemoryMode | FileMode) -> None:
    drained: list[tuple[Mode, Mode]] = []

    def drain(mode: Mode, limit_s: float) -> str:
        drained.append((mode, cell.read()))
        return ""

    listener = cell.listen(drain)
    cell.flip(LIVE)
    assert (LIVE, LIVE) in drained
    assert listener.seen == cell.generation
    listener.close()


def test_what_cannot_be_drained_is_told_and_the_mode_is_flipped_anyway(
    cell: MemoryMode | FileMode,
) -> None:
    cell.flip(LIVE)
    listener = cell.listen(lambda mode, limit_s: "2 requests are still running")
    with pytest.raises(ModeError, match=f"sandbox now, but in process {os.getpid()} 2 requests"):
        cell.flip(SANDBOX)
    assert cell.read() == SANDBOX
    listener.close()
    cell.flip(SANDBOX)


def test_an_exception_while_draining_is_told(cell: MemoryMode | FileMode) -> None:
    def drain(mode: Mode, limit_s: float) -> str:
        raise RuntimeError("broken")

    listener = cell.listen(drain)
    with pytest.raises(ModeError, match="RuntimeError"):
        cell.flip(SANDBOX)
    listener.close()


def test_a_flip_waits_for_somebody_who_acknowledges_by_itself(
    cell: MemoryMode | FileMode,
) -> None:
    listener = cell.listen()
    flipping = threading.Thread(target=cell.flip, args=(LIVE,), daemon=True)
    flipping.start()
    wait_until(lambda: cell.generation != listener.seen)
    assert flipping.is_alive()
    listener.generation_seen_by(cell.generation)
    flipping.join(PATIENCE_S)
    assert not flipping.is_alive()
    listener.close()


def test_who_never_acknowledges_makes_an_error(cell: MemoryMode | FileMode) -> None:
    listener = cell.listen()
    with pytest.raises(ModeError, match="did not say that"):
        cell.flip(LIVE, timeout_s=0.05)
    listener.close()
    cell.flip(LIVE, timeout_s=0.05)


@pytest.mark.parametrize("kind", ["MemoryMode()", "FileMode(sys.argv[1])"])
def test_a_child_of_a_fork_is_nobodys_listener(kind: str, path: Path) -> None:
    with process(FORK.replace("KIND", kind), path) as parent:
        assert heard(parent) == "0 listen in the child"
        assert heard(parent) == "the parent was waited for"


# The process's own.


def test_the_process_has_one_cell_and_the_seeds_own_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mode_module, "_default", None)
    assert isinstance(default_mode(), MemoryMode)
    assert get_mode() == SANDBOX
    set_mode("live")
    assert (get_mode(), switchboard.get_mode()) == (LIVE, LIVE)
    switchboard.set("sandbox")
    assert get_mode() == SANDBOX


def test_a_variable_names_the_file_of_the_process(
    monkeypatch: pytest.MonkeyPatch, path: Path
) -> None:
    monkeypatch.setattr(mode_module, "_default", None)
    monkeypatch.setenv("ESR_MODE_FILE", str(path))
    set_mode("live", who="a test")
    assert path.read_text() == "live\n"
    assert FileMode(path).read() == LIVE


def test_an_export_that_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'toggle'"):
        switchboard.toggle  # noqa: B018


# The files.


@given(st.binary(max_size=40).filter(lambda raw: raw not in (b"live", b"live\n", b"live\r\n")))
def test_anything_but_exactly_live_is_not_live(raw: bytes) -> None:
    assert mode_file.parse_word(raw) != LIVE


@given(st.binary(max_size=100).filter(lambda raw: not raw.startswith(mode_file.LIVE_HEAD)))
def test_any_other_head_is_not_live(raw: bytes) -> None:
    assert mode_file.parse_head(raw) != LIVE


@given(st.binary(max_size=300))
def test_slots_of_anything_are_read_without_trouble(raw: bytes) -> None:
    assert all(slot.token for _, slot in mode_file.parse_slots(raw))


@pytest.mark.parametrize("default", [SANDBOX, LIVE])
def test_a_missing_file_is_the_default(path: Path, default: Mode) -> None:
    assert FileMode(path, default).read() == default
    assert list(path.parent.iterdir()) == []  # to look makes nothing


def test_whoever_listens_first_writes_the_default_down(path: Path) -> None:
    listener = FileMode(path, LIVE).listen()
    assert path.read_text() == "live\n"
    assert FileMode(path, SANDBOX).read() == LIVE
    listener.close()


@pytest.mark.parametrize(
    "raw",
    [b"", b"LIVE\n", b" live", b"live\nlive\n", b"live\0", b"liv", b"\xff\xfe", b"live" * 5_000],
)
def test_garbage_is_sandbox_and_said_once(
    path: Path, raw: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path.write_bytes(raw)
    cell = FileMode(path, default=LIVE)
    for _ in range(3):
        cell.poll()
    assert cell.read() == SANDBOX
    assert [r.levelno for r in caplog.records] == [logging.WARNING]
    assert "neither live nor sandbox" in caplog.text


@pytest.mark.parametrize("suffix", ["", ".shared", ".audit.ndjson"])
def test_a_symbolic_link_is_refused(path: Path, suffix: str) -> None:
    elsewhere = path.parent / "elsewhere"
    elsewhere.write_text("live\n")
    link = path.with_suffix(suffix) if suffix == ".audit.ndjson" else Path(f"{path}{suffix}")
    link.symlink_to(elsewhere)
    cell = FileMode(path)
    assert cell.read() == SANDBOX
    with pytest.raises(ModeError):
        cell.flip(LIVE)
    assert (cell.read(), FileMode(path).read()) == (SANDBOX, SANDBOX)
    assert elsewhere.read_text() == "live\n"


@pytest.mark.parametrize("suffix", ["", ".shared"])
def test_what_is_no_file_is_sandbox(path: Path, suffix: str) -> None:
    os.mkfifo(f"{path}{suffix}")
    cell = FileMode(path, default=LIVE)
    assert cell.read() == SANDBOX
    with pytest.raises(ModeError):
        cell.flip(LIVE)


def test_the_files_belong_to_their_owner_alone(path: Path) -> None:
    FileMode(path).flip(LIVE)
    assert {each.name: each.stat().st_mode & 0o077 for each in path.parent.iterdir()} == {
        "switchboard.mode": 0,
        "switchboard.mode.shared": 0,
        "switchboard.audit.ndjson": 0,
    }


def damage(path: Path, how: str) -> None:
    shared = Path(f"{path}.shared")
    match how:
        case "gone":
            path.unlink()
        case "garbage":
            path.write_text("lively\n")
        case "renamed over":
            other = path.with_name("other")
            other.write_text("nonsense")
            other.rename(path)
        case "a folder":
            path.unlink()
            path.mkdir()
        case "shared garbage":
            other = path.with_name("other")
            other.write_bytes(os.urandom(mode_file.SHARED_BYTES))
            other.rename(shared)
        case "shared too short":
            other = path.with_name("other")
            other.write_bytes(mode_file.LIVE_HEAD)
            other.rename(shared)
        case _:
            raise AssertionError(how)


@pytest.mark.parametrize("is_listening", [True, False])
@pytest.mark.parametrize(
    "how", ["gone", "garbage", "renamed over", "a folder", "shared garbage", "shared too short"]
)
def test_a_file_damaged_while_live_is_sandbox(
    path: Path, how: str, is_listening: bool, caplog: pytest.LogCaptureFixture
) -> None:
    cell = FileMode(path, default=LIVE)
    cell.flip(LIVE)
    listener = cell.listen() if is_listening else None
    before = cell.generation
    damage(path, how)
    generation = cell.poll()
    assert (cell.read(), generation > before) == (SANDBOX, True)
    for _ in range(3):
        cell.poll()
    assert (cell.read(), cell.generation) == (SANDBOX, generation)
    assert FileMode(path, default=LIVE).read() == SANDBOX
    assert any("sandbox" in record.message for record in caplog.records)
    if listener is not None:
        listener.close()


def test_the_shared_file_gone_is_made_again_and_listeners_are_in_it(path: Path) -> None:
    cell, other = FileMode(path), FileMode(path)
    cell.flip(LIVE)
    listener = cell.listen()
    Path(f"{path}.shared").unlink()
    cell.poll()
    assert cell.read() == LIVE  # the word is still there
    with pytest.raises(ModeError, match=f"are done: {os.getpid()}"):
        other.flip(SANDBOX, timeout_s=0.05)
    listener.close()
    other.flip(SANDBOX)
    assert cell.read() == SANDBOX


def test_an_edit_by_hand_is_taken_over_and_audited(path: Path) -> None:
    cell, other = FileMode(path), FileMode(path)
    cell.flip(SANDBOX, who="a test")
    before = cell.generation
    path.write_text("live\n")
    assert cell.read() == SANDBOX
    cell.poll()
    other.poll()
    assert (cell.read(), other.read(), cell.generation > before) == (LIVE, LIVE, True)
    assert [(each["from"], each["to"], each["who"]) for each in audits(cell)] == [
        (SANDBOX, SANDBOX, "a test"),
        (SANDBOX, LIVE, BY_HAND),
    ]


def test_an_edit_by_hand_drains_without_anybody_flipping(path: Path) -> None:
    FileMode(path).flip(LIVE)
    cell = FileMode(path)
    drained = threading.Event()

    def drain(mode: Mode, limit_s: float) -> str:
        drained.set()
        return "" if mode == SANDBOX else "not that"

    listener = cell.listen(drain)
    path.write_text("sandbox\n")
    assert drained.wait(PATIENCE_S)
    wait_until(lambda: listener.seen == cell.generation)
    listener.close()


def test_the_audit_log_says_who_and_why_whatever_they_say(path: Path) -> None:
    cell = FileMode(path)
    cell.flip(LIVE, who='a "trainer"\n', why="drill 7\r\n{}" + "x" * 1_000)
    cell.flip(SANDBOX)
    first, second = audits(cell)
    assert (first["from"], first["to"], first["who"]) == (SANDBOX, LIVE, 'a "trainer"\n')
    assert first["why"].startswith("drill 7\r\n{}")
    assert len(first["why"]) == 300
    assert (second["who"], second["pid"]) == (f"uid {os.getuid()}", os.getpid())
    assert first["at"].endswith("+00:00")


def test_nothing_goes_live_without_an_audit_log(path: Path) -> None:
    cell = FileMode(path)
    cell.audit_path.mkdir()
    with pytest.raises(ModeError, match="cannot be flipped"):
        cell.flip(LIVE)
    assert cell.read() == SANDBOX


def test_it_goes_back_to_the_sandbox_even_when_the_audit_log_is_full(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = FileMode(path)
    cell.flip(LIVE)

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("switchboard.edge.file_mode.os.fsync", full)
    monkeypatch.setattr("switchboard.edge.file_mode.write_word", lambda path, mode: None)
    with pytest.raises(ModeError, match=r"sandbox now, but .*No space left"):
        cell.flip(SANDBOX)
    assert cell.read() == SANDBOX


def test_a_flip_that_died_between_the_two_files_is_ended_by_the_next_look(path: Path) -> None:
    cell = FileMode(path)
    cell.flip(LIVE)
    path.write_text("sandbox\n")  # the first half of a flip
    assert FileMode(path).read() == SANDBOX
    assert cell.read() == SANDBOX


# Many processes.


def test_other_processes_see_a_flip_and_are_waited_for(path: Path) -> None:
    cell = FileMode(path)
    with contextlib.ExitStack() as stack:
        doors = [stack.enter_context(process(DOOR, path)) for _ in range(3)]
        assert [heard(door) for door in doors] == ["listening sandbox"] * 3
        cell.flip(LIVE)
        cell.flip(SANDBOX)
        # Each flip was acknowledged by everybody before the next began.
        assert [[heard(door), heard(door)] for door in doors] == [[LIVE, SANDBOX]] * 3


def test_who_only_reads_sees_it_without_looking_after_the_file(path: Path) -> None:
    cell = FileMode(path)
    cell.flip(LIVE)
    with process(READER, path, SANDBOX) as reader:
        assert heard(reader) == "reading live"
        cell.flip(SANDBOX)
        assert heard(reader) == SANDBOX


def test_a_killed_listener_does_not_hold_a_flip_up(path: Path) -> None:
    cell = FileMode(path)
    with process(DEAF, path) as door:
        assert heard(door) == "listening"
        door.send_signal(signal.SIGKILL)
        # Not reaped yet: a zombie still has its pid.
        cell.flip(LIVE, timeout_s=PATIENCE_S)
    assert cell.read() == LIVE


def test_a_listener_killed_during_the_flip_ends_the_waiting(path: Path) -> None:
    cell = FileMode(path)
    with process(DEAF, path) as door:
        assert heard(door) == "listening"
        flipping = threading.Thread(target=cell.flip, args=(LIVE,), daemon=True)
        flipping.start()
        wait_until(lambda: cell.read() == LIVE)
        assert flipping.is_alive()
        door.kill()
        flipping.join(PATIENCE_S)
        assert not flipping.is_alive()


def test_a_hanging_listener_makes_an_error_that_names_it(path: Path) -> None:
    cell = FileMode(path)
    with process(DEAF, path) as door:
        assert heard(door) == "listening"
        with pytest.raises(ModeError, match=rf"requests are done: {door.pid}$"):
            cell.flip(LIVE, timeout_s=0.1)
        assert cell.read() == LIVE


def test_the_slot_of_the_dead_is_used_again(path: Path) -> None:
    with process(DEAF, path) as door:
        assert heard(door) == "listening"
    cell = FileMode(path)
    listener = cell.listen()
    slots = dict(mode_file.parse_slots(cell.shared_path.read_bytes()))
    assert [(number, slot.pid) for number, slot in slots.items()] == [(0, os.getpid())]
    listener.close()
    assert dict(mode_file.parse_slots(cell.shared_path.read_bytes())) == {}


def test_flips_of_many_processes_come_one_after_the_other(path: Path) -> None:
    cell = FileMode(path)
    with contextlib.ExitStack() as stack:
        door = stack.enter_context(process(DOOR, path))
        assert heard(door) == "listening sandbox"
        flippers = [stack.enter_context(process(FLIPPER, path, name)) for name in "abc"]
        assert [flipper.wait(PATIENCE_S * 2) for flipper in flippers] == [0, 0, 0]
    records = audits(cell)
    assert len(records) == 30
    # Each began where the one before it ended.
    assert all(one["to"] == next_["from"] for one, next_ in pairwise(records))
    assert cell.read() == records[-1]["to"] == path.read_text().strip()


def test_a_listener_of_another_container_counts_as_long_as_it_beats(path: Path) -> None:
    """Its pid means nothing here, so only its beat says whether it lives."""
    cell = FileMode(path)
    cell.flip(LIVE)
    slot = mode_file.Slot(1, 0, 99, 7, 0, time.monotonic_ns())
    write_slot(cell, slot)
    with pytest.raises(ModeError, match=r"are done: 1$"):
        cell.flip(SANDBOX, timeout_s=0.05)
    old = mode_file.Slot(1, 0, 99, 7, 0, max(0, time.monotonic_ns() - 31_000_000_000))
    write_slot(cell, old)
    cell.flip(SANDBOX, timeout_s=0.05)


def test_a_listener_from_before_the_machine_started_is_dead(path: Path) -> None:
    cell = FileMode(path)
    cell.flip(LIVE)
    write_slot(cell, mode_file.Slot(os.getpid(), 0, 0, 7, 0, time.monotonic_ns() + 10**15))
    cell.flip(SANDBOX, timeout_s=0.05)


def write_slot(cell: FileMode, slot: mode_file.Slot) -> None:
    with cell.shared_path.open("r+b") as file:
        file.seek(mode_file.slot_at(0))
        file.write(mode_file.build_slot(slot))
