"""Names from the system as text that a file can hold and a terminal can show."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hms_esr.plain import hide_secrets, require_plain, to_plain, to_shown
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


@pytest.mark.parametrize(
    ("word", "shown"),
    [
        ("https://bob:hunter2@host.example/a.log?sig=T0P#x", "https://host.example/a.log"),
        ("--target=http://bob:hunter2@127.0.0.1:80", "--target=http://127.0.0.1:80"),
        ("s3://bucket/day/*.gz", "s3://bucket/day/*.gz"),
        ("logs/a?b.log", "logs/a?b.log"),
        ("10%", "10%"),
    ],
)
def test_what_an_address_says_of_credentials_is_hidden(word: str, shown: str) -> None:
    assert hide_secrets(word) == shown
