"""Names inside mitmproxy that are replaced as long as an interceptor runs.

Each is listed where it is used, and the tests run on every mitmproxy that is supported: a name that
is gone makes the start fail, which is the safe end.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any


@contextmanager
def replaced(owner: ModuleType | type, name: str, value: Any) -> Iterator[None]:
    """`owner.name` is `value` as long as the context lasts. Raises AttributeError without one."""
    before = vars(owner).get(name) or getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)
