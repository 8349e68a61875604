"""Names from the system as text that a file can hold and a terminal can show."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hms_esr.plain import require_plain, to_plain, to_shown
from switchboard.errors import EsrError

NOT_UTF8 = os.fsdecode(b"a\xff")


@pytest.mark.parametrize(("text", "plain"), [("ünï", "ünï"), (NOT_UTF8, "a\ufffd"), ("", "")])
def test_plain_text_can_be_written(text: str, plain: str) -> None:
    assert to_plain(text) == plain
    to_plain(text).encode()


@pytest.mark.parametrize("text", ["\x1b[31m", "a\nb", "\x07", "\u202e", "\u2028"])
def test_nothing_shown_can_move_the_cursor(text: str) -> None:
    assert to_shown(text).isprintable()
    assert len(to_shown(text)) == len(text)


def test_a_name_that_no_file_can_hold_is_refused() -> None:
    assert require_plain(Path("ünï"), "the log") == Path("ünï")
    with pytest.raises(EsrError, match="the log a\ufffd has a name that is not UTF-8"):
        require_plain(Path(NOT_UTF8), "the log")
