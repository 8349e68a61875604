"""How the place of a text is written: `body.$.applicant.ssn`, `url.query["a.b"]`, `body.$.*`.

A place lands in reports and tapes, so it must not give away what a text must not: a key that looks
like data itself (an e-mail address, a number) is written `*`, and is shown as a text of its own
whose place ends in `~key`. Read next: `nested.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from json.encoder import encode_basestring_ascii
from typing import Final, Protocol

MAX_LEAVES: Final = 100_000
"""A text that falls apart into more is shown as one."""
_LONGEST_KEY: Final = 64
_DATA_DIGITS: Final = 6
_SIMPLE: Final = re.compile(r"[A-Za-z_$][\w$-]*|[0-9]{1,5}", re.ASCII)


class Show(Protocol):
    """Shows a text, and gives what takes its place: itself, another, or None to take it out."""

    def __call__(
        self, path: str, name: str, text: str, parts: tuple[int, ...] = ()
    ) -> str | None: ...


MapTexts = Callable[[str, Show, str], str]
"""Takes a text apart below a path, shows the parts, and puts it together again."""


@lru_cache(4096)
def step(key: str) -> str:
    """What a key adds to a path: `.ssn`, `["a.b"]`, or `.*` where the key itself tells too much."""
    if looks_like_data(key):
        return ".*"
    if _SIMPLE.fullmatch(key):
        return f".{key}"
    return f"[{encode_basestring_ascii(key)}]"


@lru_cache(4096)
def looks_like_data(key: str) -> bool:
    """True for a key that is no mere name: it holds an address, many digits, or a whole text."""
    if len(key) > _LONGEST_KEY or "@" in key:
        return True
    return len(key) >= _DATA_DIGITS and sum(map(str.isdigit, key)) >= _DATA_DIGITS
