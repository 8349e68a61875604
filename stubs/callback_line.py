"""Callbacks before anybody sends some: the client that sends them is loaded with the first one.

Most gateways never send any, and the client takes a good part of their start. Floor 1.
Read next: `callbacks.py`.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from stubs.callback_plan import NOBODY
from stubs.clock import RecordedClock
from stubs.faults.course import CallbackTwist
from stubs.journal import Journal
from stubs.service import Asked, Callback
from switchboard.environment import Environment

if TYPE_CHECKING:
    from stubs.callbacks import CallbackSender, OnCount

MOST_EARLY: Final = 10_000
"""Answers whose callbacks may come while the client is loaded."""

Given = tuple[Asked, Sequence[Callback], CallbackTwist | None]


class CallbackLine:
    """Takes callbacks at any time; `run` has them sent until it is cancelled."""

    def __init__(
        self, clock: RecordedClock, journal: Journal, on_count: OnCount, allow: Environment = NOBODY
    ) -> None:
        self._clock = clock
        self._journal = journal
        self._on_count = on_count
        self._allow = allow
        self._early: list[Given] = []
        self._came = asyncio.Event()
        self._sender: CallbackSender | None = None

    def send(
        self, asked: Asked, callbacks: Sequence[Callback], twist: CallbackTwist | None = None
    ) -> None:
        """Take the callbacks of one answer; returns at once."""
        if self._sender is not None:
            self._sender.send(asked, callbacks, twist)
        elif len(self._early) < MOST_EARLY:
            self._early.append((asked, callbacks, twist))
            self._came.set()
        else:
            self._on_count(asked.service, "(callback dropped)", 0)

    def retime(self) -> None:
        """The clock follows another anchor."""
        if self._sender is not None:
            self._sender.retime()

    async def run(self) -> None:
        """Send what is due until cancelled."""
        await self._came.wait()
        # In a thread, so that answers do not wait for it.
        module = await asyncio.to_thread(importlib.import_module, "stubs.callbacks")
        sender: CallbackSender = module.CallbackSender(
            self._clock, self._journal, self._on_count, self._allow
        )
        self._sender = sender
        for given in self._early:
            sender.send(*given)
        self._early.clear()
        await sender.run()
