"""Speaking to people over streams that may be full, closed or gone: no word of ours stops a run.

Standard output belongs to whoever started us. When its reader leaves (`| head -1`) or its disk is
full, we fall silent there and go on; `Voice.error` remembers why, for those who must answer for it.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Callable
from typing import TextIO


class Voice(io.TextIOBase):
    """A text stream that never raises; after the first error it swallows everything."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self.error: OSError | None = None
        """Why it fell silent; None while it is heard, or when nobody is there to listen."""

    @property
    def encoding(self) -> str:  # type: ignore[override]  # the base class has a plain attribute
        return getattr(self._stream, "encoding", None) or "utf-8"

    def isatty(self) -> bool:
        return self._stream is not None and self._stream.isatty()

    def fileno(self) -> int:
        if self._stream is None:
            raise io.UnsupportedOperation("the stream is closed")
        return self._stream.fileno()

    def write(self, text: str) -> int:
        self._tell(lambda stream: stream.write(text))
        return len(text)

    def flush(self) -> None:
        self._tell(lambda stream: stream.flush())

    def _tell(self, call: Callable[[TextIO], object]) -> None:
        """A stream that its owner has closed is one that nobody reads."""
        if self._stream is None or self.error is not None or self._stream.closed:
            return
        try:
            call(self._stream)
        except OSError as error:
            self._fall_silent(error)

    def _fall_silent(self, error: OSError) -> None:
        self.error = error
        if self._stream is not None:
            turn_away(self._stream)

    @property
    def complaint(self) -> str | None:
        """Why the reader missed something, unless it was the reader who left."""
        if self.error is None or isinstance(self.error, BrokenPipeError):
            return None
        return self.error.strerror or str(self.error)


def turn_away(stream: TextIO) -> None:
    """Send what is still buffered nowhere, so that the interpreter's last flush cannot fail."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def say(sentence: str) -> None:
    """One sentence on standard error, where that is possible."""
    voice = Voice(sys.stderr)
    voice.write(f"esr: {sentence}\n")
    voice.flush()


def prepare_streams() -> None:
    """Make the three standard streams safe; call it before anything else is opened.

    A descriptor that the caller closed would be given to the next file we open, and our output
    would land in it. A character that the terminal cannot show is no reason to fail.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number: this one
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
