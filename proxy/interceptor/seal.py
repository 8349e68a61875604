"""The seal: the guard's question asked again, outside the chain of addons.

An addon in front can end the chain (AddonHalt), one behind can point the connection elsewhere, and
an addon can be removed. The seal is not one of them: it wraps the two places where mitmproxy runs
hooks, and looks at what came out of `server_connect`. Whatever raises or hangs there is a denial.
Read next: `wall.py`, for the case that even this is gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from mitmproxy.addons.clientplayback import ReplayHandler
from mitmproxy.connection import Server
from mitmproxy.proxy.commands import StartHook
from mitmproxy.proxy.mode_servers import ProxyConnectionHandler
from mitmproxy.proxy.server import ConnectionHandler
from mitmproxy.proxy.server_hooks import ServerConnectHook, ServerConnectionHookData

from proxy.interceptor.replacing import replaced
from switchboard.errors import GuardError
from switchboard.seal import NOT_SEALED

HandleHook = Callable[[Any, StartHook], Awaitable[None]]
Check = Callable[[Server], None]
OnDenied = Callable[[ServerConnectionHookData], None]

SEALED: tuple[type[ConnectionHandler], ...] = (ProxyConnectionHandler, ReplayHandler)


@contextmanager
def sealed(check: Check, on_denied: OnDenied, timeout_s: float) -> Iterator[None]:
    """Seal every dial of mitmproxy as long as the context lasts.

    check: raises when the connection may not be dialled.   on_denied: told of those that are not.
    """
    with ExitStack() as stack:
        for handler in SEALED:
            inner: HandleHook = handler.handle_hook
            wrapped = _sealed_hook(inner, check, on_denied, timeout_s)
            stack.enter_context(replaced(handler, "handle_hook", wrapped))
        yield


def _sealed_hook(
    inner: HandleHook, check: Check, on_denied: OnDenied, timeout_s: float
) -> HandleHook:
    async def handle_hook(self: ConnectionHandler, hook: StartHook) -> None:
        if not isinstance(hook, ServerConnectHook):
            await inner(self, hook)
            return
        server = hook.data.server
        try:
            async with asyncio.timeout(timeout_s):
                await inner(self, hook)
            if server.error is None:
                check(server)
        except Exception as error:
            server.error = _denial(error)
        except BaseException:  # cancelled: the client is gone, and nothing is dialled for it
            server.error = f"{NOT_SEALED}: cancelled"
            raise
        if server.error is not None:
            on_denied(hook.data)

    return handle_hook


def _denial(error: Exception) -> str:
    if isinstance(error, GuardError):
        return f"{NOT_SEALED}: {error.rule}"
    if isinstance(error, TimeoutError):
        return f"{NOT_SEALED}: nobody said in time that it may be dialled"
    return f"{NOT_SEALED}: asking failed with {type(error).__name__}"
