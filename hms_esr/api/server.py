"""uvicorn inside a run: never touches the run's signals. Read next: `score.py`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp


class QuietServer(uvicorn.Server):
    """uvicorn, but Ctrl-C belongs to the run: it must be able to finish and write its report."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def make_server(app: ASGIApp) -> QuietServer:
    """A server for `app`; run it with `serve(sockets=[bind(...)])`, end it with `should_exit`."""
    config = uvicorn.Config(
        app,
        access_log=False,
        log_level="critical",  # what a stranger sends is no news on the screen of a run
        lifespan="off",
        timeout_graceful_shutdown=2,
        ws="none",
    )
    return QuietServer(config)
