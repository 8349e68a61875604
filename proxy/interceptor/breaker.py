"""What mitmproxy logs: silenced, and heard as an alarm.

Its own words may hold URLs, headers and bodies, so none of them is passed on: one line says which
part failed, with which kind of error. An error of an addon means that some hook did not do what it
should, so everything is refused from then on. Read next: `master.py`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import PurePath
from types import TracebackType
from typing import Any

ADDONS = "mitmproxy.addonmanager"
SERVER = "mitmproxy.proxy.server"
Say = Callable[[str], None]


class Alarm(logging.Handler):
    """Hears mitmproxy's errors.

    trip: refuse everything from now on.   cut: end the connection of the client at this address.
    """

    def __init__(self, trip: Say, cut: Callable[[Any], None], say: Say) -> None:
        super().__init__(logging.ERROR)
        self._trip = trip
        self._cut = cut
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        """One line, without a word of mitmproxy's."""
        try:
            what = f"{record.name}: {_kind(record)}"
            if record.name == ADDONS:
                self._trip(f"an addon of the interceptor failed ({_kind(record)})")
                what += "; everything is refused from now on"
            elif record.name == SERVER:
                self._cut(getattr(record, "client", None))
            self._say(what)
        except Exception:
            self._trip("the alarm of the interceptor failed")


def _kind(record: logging.LogRecord) -> str:
    """The kind of error and where it arose, without its message."""
    found = record.exc_info
    if not found or found[0] is None:
        return f"an error at {PurePath(record.pathname).name}:{record.lineno}"
    return f"{found[0].__name__} at {_place(found[2])}"


def _place(trace: TracebackType | None) -> str:
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "an unknown place"
    return f"{PurePath(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"


@contextmanager
def quiet(alarm: Alarm) -> Iterator[None]:
    """mitmproxy logs to the alarm and to nobody else, as long as the context lasts."""
    logger = logging.getLogger("mitmproxy")
    before = logger.level, logger.propagate, list(logger.handlers)
    logger.setLevel(logging.ERROR)
    logger.propagate = False
    logger.handlers = [alarm]
    try:
        yield
    finally:
        logger.setLevel(before[0])
        logger.propagate, logger.handlers = before[1:]
