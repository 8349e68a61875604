"""Temporary folders go with the run, and no room is a sentence."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path

import pytest

from hms_esr.run_folder import RunLock
from hms_esr.scratch import FORGOTTEN_S, ScratchError, forget_killed, make_scratch, no_room


def test_a_scratch_folder_goes_with_its_stack() -> None:
    with ExitStack() as stack:
        folder = make_scratch("esr-test-", stack)
        (folder / "file").touch()
    assert not folder.exists()


def test_what_a_killed_run_left_is_forgotten_and_what_lives_is_not(tmp_path: Path) -> None:
    killed, living, foreign = (tmp_path / n for n in ("esr-t-killed", "esr-t-living", "other"))
    for folder in (killed, living, foreign):
        folder.mkdir()
    (killed / "plan").touch()
    (tmp_path / "esr-t-link").symlink_to(foreign, target_is_directory=True)
    with RunLock.take(living):
        made_s = 1_700_000_000.0
        for folder in (killed, living, foreign):  # the kernel's clock may tick between two of them
            os.utime(folder, (made_s, made_s))
        forget_killed(tmp_path, "esr-t-", made_s + FORGOTTEN_S)
        assert killed.exists(), "a folder this young may not be locked yet"
        forget_killed(tmp_path, "esr-t-", made_s + FORGOTTEN_S + 1)
    assert not killed.exists()
    assert living.exists()
    assert foreign.exists()


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(28, "No space left on device"), "No space left on device"),
        (OSError("9000 requested and 5120 written"), "too little room"),
    ],
)
def test_no_room_says_where_and_what_to_do(error: OSError, reason: str) -> None:
    says = f"cannot write the plan to x: .*{reason}.*TMPDIR"
    with pytest.raises(ScratchError, match=says), no_room("the plan", Path("x")):
        raise error
