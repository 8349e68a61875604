"""Names as plain text: what the system hands us need be neither UTF-8 nor printable."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from replay.readers.remote import show_address
from switchboard.errors import EsrError

_ADDRESS: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,30}://.*", re.DOTALL)


class PathNameError(EsrError):
    """A file or folder has a name that no JSON file can hold."""


def to_plain(text: str) -> str:
    """`text` without the stand-ins for bytes that are no UTF-8."""
    return os.fsencode(text).decode("utf-8", "replace")


def to_shown(text: str) -> str:
    """`text` as it may go to a terminal: nothing in it can move a cursor or change a colour."""
    return "".join(char if char.isprintable() else "\ufffd" for char in text)


def hide_secrets(word: str) -> str:
    """A word that somebody typed, without what an address in it says of credentials.

    A query is left out as well: that is where signatures stand.
    """
    return _ADDRESS.sub(lambda found: show_address(found[0]), word)


def require_plain(path: Path, what: str) -> Path:
    """`path`, whose name goes into files of ours. Raises EsrError when it is not UTF-8."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise PathNameError(
            f"{what} {to_plain(str(path))} has a name that is not UTF-8: rename it"
        ) from None
    return path
