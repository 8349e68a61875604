"""What a format of traces is: its name, how it is recognised, how it is read, what its stamp means.

Every reader's file ends in such a value, and `formats.py` lists them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from replay.readers.entry import Sink
from replay.readers.head import Head
from replay.readers.source import Source

START: Final = "start"
END: Final = "end"


@dataclass(frozen=True, slots=True)
class Format:
    """One format.

    name: what `--format` calls it.   title: what a person calls it, as the end of a sentence.
    stamp: what the stamps of the files mean, `START` or `END`; a tape always holds the start.
    recognises: True when a file that begins so is in this format; never raises.
    read: hands every entry of the file to the sink, or skips it with a reason. It raises nothing
    but TraceError, and that only where the file cannot be read at all.
    """

    name: str
    title: str
    stamp: str
    recognises: Callable[[Head], bool]
    read: Callable[[Source, Sink], None]
    is_binary: bool = False
    """Its files may hold bytes that no text has."""
