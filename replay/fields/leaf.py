"""One text of an event: where it stands, what it is called, what it says once it is decoded.

Read next: `event.py`, which shows every leaf of an event to a visitor.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class Leaf(NamedTuple):
    """A text that somebody may look at or replace.

    path: where it stands: `url.path[2]`, `url.query.ssn`, `header.authorization`, `cookie.sid`,
    `body.$.applicant.ssn`, `body.form.ssn`, `body.text`, `user`, and the same after `answer.` for
    what was recorded of the answer. What lies inside a text follows a bar: `body.$.blob|$.ssn`.
    name: what it is called, as written: the key, parameter, header or cookie; for a part of a path
    the part before it; "" where nothing names it.
    text: decoded: percent-encoding, JSON escapes, base64 and forms are gone.
    parts: lengths, when the text was put together of several values (`ssn1=666&ssn2=12&...`), else
    empty; what takes its place must then be as long.
    """

    path: str
    name: str
    text: str
    parts: tuple[int, ...] = ()


Visit = Callable[[Leaf], str | None]
"""What takes the place of a leaf: the very `leaf.text` to leave it so, None to take it out."""
