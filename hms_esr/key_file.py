"""A secret in a file that only its owner may read, made on first use.

No key is ever printed. Read next: `signing.py` and `anon_key.py`, which say what theirs are for.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from switchboard.errors import EsrError

MIN_KEY: Final = 16
"""Characters. Fewer could be guessed."""
MAX_KEY_FILE: Final = 65_536


@dataclass(frozen=True, slots=True)
class KeyFile:
    """One such file.

    refuse: makes the error of a sentence.   others: what who else could read it could do.
    afterwards: what is different once another key was made.
    """

    path: Path
    refuse: Callable[[str], EsrError]
    others: str
    afterwards: str

    def read_or_make(self) -> bytes:
        """The key; raises what `refuse` makes when it is no good, OSError where none can be had."""
        try:
            return self.read()
        except FileNotFoundError:
            self._make()
        return self.read()

    def read(self) -> bytes:
        """The key of a file that is there. Raises as `read_or_make` does."""
        text = self.read_private().decode("ascii", "replace").strip()
        if len(text) < MIN_KEY or not text.isalnum():
            raise self.refuse(
                f"{self.path} holds no key: remove it, and another is made ({self.afterwards})"
            )
        return text.encode()

    def read_private(self) -> bytes:
        """Whatever the file holds, if nobody else can read it."""
        descriptor = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            facts = os.fstat(descriptor)
            if not stat.S_ISREG(facts.st_mode):
                raise self.refuse(f"{self.path} is not a file: name one that holds a key")
            if facts.st_mode & 0o077:
                raise self.refuse(
                    f"{self.path} can be read by others, who could {self.others}: "
                    f"chmod 600 {self.path}"
                )
            return file.read(MAX_KEY_FILE)

    def _make(self) -> None:
        """A whole file appears or none; of two that make one at once, one wins and both use it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        aside = self.path.with_name(f".{self.path.name}.{secrets.token_hex(4)}")
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(f"{secrets.token_hex(32)}\n")
            try:
                os.link(aside, self.path)
            except FileExistsError:
                return  # theirs was first
        finally:
            aside.unlink()
