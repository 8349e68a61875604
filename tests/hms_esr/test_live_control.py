from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from hms_esr.live_control import (
    CONTROL_FILE,
    Control,
    NotLiveError,
    read_control,
    remove_control,
    write_control,
)
from hms_esr.run_folder import RunLock

URL = "http://127.0.0.1:5"


def test_a_live_run_says_where_it_takes_orders_to_its_owner_alone(tmp_path: Path) -> None:
    with RunLock.take(tmp_path):
        write_control(tmp_path, URL, "hunter2")
        found = read_control(tmp_path)
    assert found == Control(URL, "hunter2")
    assert "hunter2" not in repr(found)
    assert stat.S_IMODE((tmp_path / CONTROL_FILE).stat().st_mode) == 0o600


def test_what_a_killed_run_left_behind_is_no_live_run(tmp_path: Path) -> None:
    with RunLock.take(tmp_path):
        write_control(tmp_path, URL, None)
    with pytest.raises(NotLiveError, match="is over"):
        read_control(tmp_path)


@pytest.mark.parametrize("text", [None, "", "[]", "{}", '{"admin"', '"x"', "\xff"])
def test_a_run_without_orders_says_so(text: str | None, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / CONTROL_FILE).write_text(text, encoding="latin-1")
    with RunLock.take(tmp_path), pytest.raises(NotLiveError, match="takes no orders"):
        read_control(tmp_path)


def test_nothing_is_left_when_the_run_is_over(tmp_path: Path) -> None:
    write_control(tmp_path, URL, None)
    remove_control(tmp_path)
    remove_control(tmp_path)
    assert not (tmp_path / CONTROL_FILE).exists()


def test_a_file_that_somebody_put_there_is_replaced_and_never_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("kept")
    (tmp_path / CONTROL_FILE).symlink_to(elsewhere)
    write_control(tmp_path, URL, None)
    assert elsewhere.read_text() == "kept"
    assert json.loads((tmp_path / CONTROL_FILE).read_text()) == {"admin": URL, "token": None}


def test_a_folder_that_is_gone_stops_nobody(tmp_path: Path) -> None:
    write_control(tmp_path / "gone", URL, None)
    remove_control(tmp_path / "gone")
