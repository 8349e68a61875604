"""Run ids and the lock that tells a living run from a killed one."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hms_esr.run_folder import RunLock, home_folder, is_alive, new_run_id, state_of

HOLD = """
import sys
from pathlib import Path
from hms_esr.run_folder import RunLock
with RunLock.take(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_ids_sort_by_time_and_do_not_clash() -> None:
    early = new_run_id(datetime(2020, 3, 15, 9, 30, tzinfo=UTC))
    late = new_run_id(datetime(2020, 3, 15, 9, 31, tzinfo=UTC))
    assert early.startswith("RUN-20200315-093000-")
    assert early < late
    assert len({new_run_id(datetime(2020, 3, 15, tzinfo=UTC)) for _ in range(50)}) > 40


def test_home_is_beside_the_work_unless_said_otherwise(tmp_path: Path) -> None:
    assert home_folder({}, tmp_path) == tmp_path / ".esr"
    assert home_folder({"ESR_HOME": "/srv/esr"}, tmp_path) == Path("/srv/esr")


def test_a_folder_is_alive_exactly_as_long_as_its_lock_is_held(tmp_path: Path) -> None:
    assert not is_alive(tmp_path)
    with RunLock.take(tmp_path):
        assert is_alive(tmp_path)
        with pytest.raises(OSError, match="temporarily unavailable"):
            RunLock.take(tmp_path)
    assert not is_alive(tmp_path)


def test_a_killed_process_lets_go_of_its_run(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        assert state_of(tmp_path, "running") == "running"
        process.kill()
        process.wait()
        assert state_of(tmp_path, "running") == "aborted"


@pytest.mark.parametrize("state", ["done", "failed", "aborted"])
def test_final_states_stay(tmp_path: Path, state: str) -> None:
    assert state_of(tmp_path, state) == state
