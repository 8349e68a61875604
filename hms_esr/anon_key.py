"""The key that pseudonyms depend on: from the environment, or from a file made on first use.

With the same key the same citizen has the same pseudonym, in every file and every run; who has it
could find out who is who, so it is never printed and never lands in a tape.
Read next: `key_file.py`, `replay/anonymise/anonymiser.py`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from hms_esr.key_file import MIN_KEY, KeyFile
from switchboard.errors import EsrError

KEY_VARIABLE: Final = "ESR_ANON_KEY"
KEY_FILE: Final = "anonymise.key"


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
    kept = KeyFile(path, AnonKeyError, "tell from it who is who", "pseudonyms are others then")
    try:
        return kept.read_or_make()
    except OSError as error:
        raise AnonKeyError(
            f"{path} cannot be read or made: {error.strerror or type(error).__name__}; give a key "
            f"in ${KEY_VARIABLE}"
        ) from error
