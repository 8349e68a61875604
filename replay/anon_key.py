"""The key that pseudonyms depend on: from the environment, or from a file made on first use.

With the same key the same citizen has the same pseudonym, in every file and every run; who has it
could find out who is who, so it is never printed and never lands in a tape.
Read next: `anonymiser.py`.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from switchboard.errors import EsrError

KEY_VARIABLE: Final = "ESR_ANON_KEY"
KEY_FILE: Final = "anonymise.key"
MIN_KEY: Final = 16
"""Characters. Fewer could be guessed."""
MAX_KEY_FILE: Final = 4_096


class AnonKeyError(EsrError):
    """The key cannot be used; the sentence names where it came from, and never the key."""


def load_key(env: Mapping[str, str], home: Path) -> bytes:
    """`$ESR_ANON_KEY`, else the key file in `home`, which is made where there is none.

    Raises AnonKeyError when the key is no good or the file cannot be used.
    """
    text = env.get(KEY_VARIABLE)
    if text:
        if len(text) < MIN_KEY:
            raise AnonKeyError(
                f"${KEY_VARIABLE} is too short to be a key: give it at least {MIN_KEY} characters, "
                "such as the output of openssl rand -hex 32"
            )
        return os.fsencode(text)
    path = home / KEY_FILE
    try:
        return _read_or_make(path)
    except OSError as error:
        raise AnonKeyError(
            f"{path} cannot be read or made: {error.strerror or type(error).__name__}; set "
            f"${KEY_VARIABLE}, or ESR_HOME to a folder that can be written"
        ) from error


def _read_or_make(path: Path) -> bytes:
    try:
        return _read(path)
    except FileNotFoundError:
        _make(path)
    return _read(path)


def _make(path: Path) -> None:
    """A whole file appears or none; of two that make one at once, one wins and both use it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(f"{secrets.token_hex(32)}\n")
        try:
            os.link(aside, path)
        except FileExistsError:
            return  # theirs was first
    finally:
        aside.unlink()


def _read(path: Path) -> bytes:
    """A file that only its owner may read."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            raise AnonKeyError(f"{path} is not a file: name a folder that holds a key, or none yet")
        if facts.st_mode & 0o077:
            raise AnonKeyError(
                f"{path} can be read by others, who could tell from it who is who: chmod 600 {path}"
            )
        text = file.read(MAX_KEY_FILE).decode("ascii", "replace").strip()
    if len(text) < MIN_KEY or not text.isalnum():
        raise AnonKeyError(
            f"{path} holds no key: remove it, and another is made (pseudonyms are others then)"
        )
    return text.encode()
