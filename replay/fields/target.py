"""The target of a request, or a URL in a header: every part shown, the rest byte-identical.

What comes out is visible ASCII wherever what went in was. Read next: `url_parts.py`.
"""

from __future__ import annotations

from replay.fields.leaf import Visit
from replay.fields.nested import opened
from replay.fields.url_parts import map_url


def map_target(target: str, visit: Visit, *, prefix: str = "url") -> str:
    """The target with every leaf replaced by what `visit` says; the very one if nothing changed."""
    return map_url(target, opened(visit), prefix)
