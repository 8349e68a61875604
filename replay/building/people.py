"""Who sent what, while a trace is read: keys that say which users and sessions are the same.

A key is Python's own hash of a name, which this process draws afresh, so it only ever says what is
equal, and no client's address reaches the disk. Names that are to be written are spilled beside
their keys, through a cache that is bounded: one that comes back after the cache was emptied is
spilled again.
Read next: `numbering.py`, which turns keys into numbers in due order; `rows.py`.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from replay.building.spill_files import SpillFiles

CACHED: Final = 100_000
"""Names held at once, of each kind; past that the cache starts afresh."""
MAX_NAME: Final = 200
USER_SALT: Final = 0x2D35_8DCC_AA6C_78A5
SESSION_SALT: Final = 0x5DEE_CE66_D1CE_4E5B
CLIENT_SALT: Final = 0x2545_F491_4F6C_DD1D
"""Equal texts of two kinds are two users."""

NAMES: Final = ("names.key.spill", "names.length.spill", "names.text.spill")
_HELD: Final = 32_768

I64 = npt.NDArray[np.int64]
U32 = npt.NDArray[np.uint32]


class Names:
    """Keys for the names of users, and of sessions that stand for users; texts go to disk."""

    def __init__(self) -> None:
        self.users: dict[str, int] = {}
        self.sessions: dict[str, int] = {}
        self._keys = array("q")
        self._lengths = array("I")
        self._texts = bytearray()

    def new_user(self, text: str) -> int:
        """The key of a user that is not in `users`."""
        return self._new(self.users, text, hash(text) ^ USER_SALT)

    def new_session(self, text: str) -> int:
        """The key of a user that only its session names, and that is not in `sessions`."""
        return self._new(self.sessions, text, hash(text) ^ SESSION_SALT)

    def _new(self, cache: dict[str, int], text: str, key: int) -> int:
        kept = text[:MAX_NAME].encode("utf-8", "replace")
        self._keys.append(key)
        self._lengths.append(len(kept))
        self._texts += kept
        if len(text) <= MAX_NAME:
            if len(cache) >= CACHED:
                cache.clear()
            cache[text] = key
        return key

    def spill(self, writer: SpillFiles, *, everything: bool = False) -> None:
        """Append the names so far to files, and forget them; the caches stay."""
        if len(self._keys) < _HELD and not everything:
            return
        held = self._keys.tobytes(), self._lengths.tobytes(), bytes(self._texts)
        for file, data in zip(NAMES, held, strict=True):
            writer.append_bytes(file, data)
        self._keys, self._lengths, self._texts = array("q"), array("I"), bytearray()


def read_names(folder: Path, at_once: int) -> Iterator[tuple[I64, U32]]:
    """Keys and lengths of the names that were spilled, so many at a time."""
    keys, lengths = (folder / file for file in NAMES[:2])
    if not keys.exists():
        return
    with keys.open("rb", buffering=0) as key_file, lengths.open("rb", buffering=0) as length_file:
        while len(key := np.fromfile(key_file, np.int64, at_once)):
            yield key, np.fromfile(length_file, np.uint32, len(key))
