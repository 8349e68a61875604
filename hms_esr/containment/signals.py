"""Signals to the supervisor, told to the event loop together with who sent them.

A key of the terminal reaches the whole foreground group, the command included; a signal that a
process sent reaches the supervisor alone and has to be forwarded. Only sigwaitinfo(2) tells the
two apart.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

WATCHED: Final = frozenset(
    {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2}
)
FROM_KERNEL: Final = 0x80

Take = Callable[[int, bool], None]
"""Signal number, and whether a key of the terminal sent it."""


@contextmanager
def block_signals() -> Iterator[set[signal.Signals | int]]:
    """Hold signals back from here on, also in threads that start later. Gives the mask before."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)
    try:
        yield before
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def watch_signals(take: Take) -> Iterator[None]:
    """Call `take` in the running loop for each signal that `block_signals` holds back."""
    loop = asyncio.get_running_loop()
    is_over = threading.Event()

    def wait() -> None:
        while True:
            caught = signal.sigwaitinfo(WATCHED)
            if is_over.is_set():
                return
            is_key = caught.si_code == FROM_KERNEL
            loop.call_soon_threadsafe(take, caught.si_signo, is_key)

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        assert thread.ident is not None
        signal.pthread_kill(thread.ident, signal.SIGUSR1)
        thread.join()
