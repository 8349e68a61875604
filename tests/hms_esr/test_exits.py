"""Whatever goes wrong, a user sees one sentence and a code, never a traceback."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hms_esr.exits import run_guarded
from switchboard.errors import GuardError, TraceError, UpstreamError


def raising(error: BaseException) -> Callable[[], int]:
    def command() -> int:
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (TraceError("a.log is empty"), 2, "esr: a.log is empty"),
        (UpstreamError("nobody answers"), 96, "esr: nobody answers"),
        (GuardError("prod", "default deny", "Declare it."), 97, "esr: refused prod: default deny"),
        (OSError(28, "No space left on device", "x.json"), 2, "esr: x.json: No space left"),
        (KeyboardInterrupt(), 130, "esr: interrupted"),
    ],
)
def test_errors_are_one_sentence(
    error: BaseException, code: int, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_guarded(raising(error)) == code
    printed = capsys.readouterr()
    assert printed.err.startswith(sentence)
    assert "Traceback" not in printed.err
    assert printed.out == ""


def test_our_own_fault_leaves_its_traceback_in_a_private_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert run_guarded(raising(RuntimeError("a bug"))) == 70
    (kept,) = tmp_path.glob("esr-crash-*.txt")
    printed = capsys.readouterr().err
    assert str(kept) in printed
    assert "Traceback" not in printed
    assert "RuntimeError: a bug" in kept.read_text()
    assert kept.stat().st_mode & 0o077 == 0


def test_the_code_of_a_command_is_passed_on() -> None:
    assert run_guarded(lambda: 99) == 99
