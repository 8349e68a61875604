"""Words for people never raise, whatever became of the stream."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TextIO, cast

import pytest

from hms_esr.voice import Voice, turn_away

FULL = Path("/dev/full")


class Failing(io.StringIO):
    """A stream whose disk is full, or whose reader has left."""

    def __init__(self, error: OSError) -> None:
        super().__init__()
        self._error = error

    def flush(self) -> None:
        raise self._error


def test_words_arrive() -> None:
    heard = io.StringIO()
    voice = Voice(heard)
    assert voice.write("hello") == 5
    voice.flush()
    assert heard.getvalue() == "hello"
    assert voice.complaint is None


def test_nobody_there_is_no_error() -> None:
    voice = Voice(None)
    voice.write("hello")
    voice.flush()
    assert not voice.isatty()
    assert voice.encoding == "utf-8"
    assert (voice.error, voice.complaint) == (None, None)
    with pytest.raises(io.UnsupportedOperation):
        voice.fileno()


@pytest.mark.parametrize(
    ("error", "complaint"),
    [
        (OSError(28, "No space left on device"), "No space left on device"),
        (BrokenPipeError(32, "Broken pipe"), None),
    ],
    ids=["full", "reader left"],
)
def test_after_an_error_it_is_silent(error: OSError, complaint: str | None) -> None:
    stream = Failing(error)
    voice = Voice(stream)
    voice.write("one")
    voice.flush()
    voice.write("two")
    assert stream.getvalue() == "one"
    assert voice.error is error
    assert voice.complaint == complaint


@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
def test_a_stream_that_was_turned_away_can_be_closed() -> None:
    stream = FULL.open("w", encoding="utf-8")
    stream.write("lost")
    turn_away(cast(TextIO, stream))
    stream.close()


def test_turning_away_a_closed_stream_is_harmless() -> None:
    read, write = os.pipe()
    os.close(read)
    stream = os.fdopen(write, "w")
    stream.close()
    turn_away(stream)


def test_a_stream_that_its_owner_closed_is_no_error() -> None:
    stream = io.StringIO()
    voice = Voice(stream)
    voice.write("heard")
    stream.close()
    assert voice.write("unheard") == 7
    voice.flush()
    assert voice.complaint is None
