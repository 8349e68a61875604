"""Temporary folders go with the run, and no room is a sentence."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest

from hms_esr.scratch import ScratchError, make_scratch, no_room


def test_a_scratch_folder_goes_with_its_stack() -> None:
    with ExitStack() as stack:
        folder = make_scratch("esr-test-", stack)
        (folder / "file").touch()
    assert not folder.exists()


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
