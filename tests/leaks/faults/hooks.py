"""What `sitecustomize` does to a door of the leak suite while it imports its modules.

`unguarded` takes out what decides and what guards, as if it had been forgotten: what is left must
leak, or the suite proves nothing. `Faults` wraps every function of our modules that a request may
pass, so that one of them can be made to raise, to hang or to kill the process; which one is read
from a shared file, so that one running door serves many faults.
"""

from __future__ import annotations

import functools
import importlib.abc
import inspect
import mmap
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, Final

CONTROL_BYTES: Final = 1 << 16
KIND: Final = slice(0, 8)
NAME: Final = slice(8, 264)
HITS: Final = slice(264, 272)
TRACE_AT: Final = 512
KINDS: Final = ("raise", "hang", "kill", "trace")
LOOK_AGAIN_S: Final = 0.005

FAULTY: Final = ("switchboard.", "proxy.gateway.", "proxy.interceptor.", "proxy.recorder")
# Values and readers of files: not on the way of a request, and asked thousands of times.
_LEFT_OUT: Final = ("switchboard.rules_reader", "switchboard.route_reader", "switchboard.errors")

Change = Callable[[ModuleType], None]


class Finder(importlib.abc.MetaPathFinder):
    """Finds as always, and lets `change` at a module right after it was run."""

    def __init__(self, change: Change) -> None:
        self._change = change

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not name.startswith(FAULTY):
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or spec.loader is None:
            return spec
        run = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            run(module)
            self._change(module)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def install(control: str | None, *, is_unguarded: bool) -> None:
    """Called by `sitecustomize`, before any module of ours is imported."""
    if is_unguarded:
        sys.meta_path.insert(0, Finder(unguard))
    elif control is not None:
        sys.meta_path.insert(0, Finder(Faults(Control(Path(control))).wrap))


# Without the guard.


def unguard(module: ModuleType) -> None:
    """Take out the part of the guard that is in this module."""
    change = _UNGUARDED.get(module.__name__)
    if change is not None:
        change(module)


def _let_everything_through(module: Any) -> None:
    from switchboard.rules import Destination, Route

    def decide(rules: Any, mode: Any, ask: Any) -> Any:
        address = socket.getaddrinfo(ask.host, ask.port, type=socket.SOCK_STREAM)[0][4][0]
        asked = Destination("asked", str(address), ask.port, host_header=ask.host)
        return module.Forward(Route("unguarded", ("*",), to=asked), asked, "unguarded")

    module.decide = decide


def _seal_nothing(module: Any) -> None:
    module.check_dial = lambda endpoints, address, port: None


def _arm_nothing(module: Any) -> None:
    module.arm_process = lambda endpoints: None


def _ask_the_resolver(module: Any) -> None:
    """As mitmproxy's own resolver does."""

    def answer(self: Any, flow: Any, on_refused: Any) -> None:
        name = flow.request.questions[0].name
        found = {item[4][0] for item in socket.getaddrinfo(name, 80, socket.AF_INET)}
        records = [module.ResourceRecord.A(name, module.IPv4Address(each)) for each in found]
        flow.response = flow.request.succeed(records)

    module.NamesService.answer = answer


def _pass_live(module: Any) -> None:
    if hasattr(module, "SwitchboardWSGI"):
        module.SwitchboardWSGI.__call__ = lambda self, environ, start: self._live(environ, start)
    else:
        module.SwitchboardASGI.__call__ = lambda self, scope, receive, send: self._live(
            scope, receive, send
        )


_UNGUARDED: Final[dict[str, Change]] = {
    "switchboard.decide": _let_everything_through,
    "switchboard.seal": _seal_nothing,
    "switchboard.edge.asgi_door": _pass_live,
    "switchboard.edge.wsgi_door": _pass_live,
    "proxy.interceptor.wall": _arm_nothing,
    "proxy.interceptor.names_service": _ask_the_resolver,
}


# Faults.


class Control:
    """The shared file: which function fails and how, how often it did, and who was called."""

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), CONTROL_BYTES)
        self._known: set[str] = set()

    @property
    def kind(self) -> str:
        return self._map[KIND].rstrip(b"\0").decode()

    @property
    def name(self) -> str:
        return self._map[NAME].rstrip(b"\0").decode()

    @property
    def hits(self) -> int:
        return int.from_bytes(self._map[HITS], "little")

    def hit(self) -> None:
        self._map[HITS] = (self.hits + 1).to_bytes(8, "little")

    def set(self, kind: str, name: str) -> None:
        """From the suite's side: what happens from now on."""
        self._map[KIND] = bytes(8)
        self._map[HITS] = bytes(8)
        self._map[NAME] = name.encode().ljust(256, b"\0")
        self._map[TRACE_AT:] = bytes(CONTROL_BYTES - TRACE_AT)
        self._map[KIND] = kind.encode().ljust(8, b"\0")

    def clear(self) -> None:
        """Nothing fails any more, and what hangs goes on."""
        self._map[KIND] = bytes(8)

    def trace(self, name: str) -> None:
        """Write down that it was called."""
        if name in self._known:
            return
        self._known.add(name)
        end = self._map.find(b"\0", TRACE_AT)
        data = name.encode() + b"\n"
        if end >= 0 and end + len(data) < CONTROL_BYTES:
            self._map[end : end + len(data)] = data

    def traced(self) -> list[str]:
        """Everything that was called since `set`."""
        return self._map[TRACE_AT:].partition(b"\0")[0].decode().split()


class InjectedError(Exception):
    """What an injected fault raises."""


class Faults:
    """Wraps functions; what is made fail is looked up at each call."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def check(self, name: str) -> None:
        """Fail, if it is this one's turn."""
        control = self._control
        kind = control.kind
        if not kind:
            return
        if kind == "trace":
            control.trace(name)
            return
        if control.name != name:
            return
        control.hit()
        if kind == "raise":
            raise InjectedError(name)
        if kind == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        pause = threading.Event()
        while control.kind == "hang" and control.name == name:
            pause.wait(LOOK_AGAIN_S)

    def wrap(self, module: ModuleType) -> None:
        """Every function of a module, and every method of its classes."""
        if module.__name__.startswith(_LEFT_OUT):
            return
        for name, value in list(vars(module).items()):
            if getattr(value, "__module__", None) != module.__name__:
                continue
            if isinstance(value, FunctionType):
                setattr(module, name, self._wrapped(value, f"{module.__name__}:{name}"))
            elif isinstance(value, type):
                self._wrap_class(module.__name__, value)

    def _wrap_class(self, module: str, kind: type) -> None:
        for name, value in list(vars(kind).items()):
            full = f"{module}:{kind.__name__}.{name}"
            if name.startswith("__") and name not in ("__call__", "__aenter__"):
                continue
            if isinstance(value, FunctionType):
                setattr(kind, name, self._wrapped(value, full))
            elif isinstance(value, staticmethod):
                setattr(kind, name, staticmethod(self._wrapped(value.__func__, full)))
            elif isinstance(value, property) and isinstance(value.fget, FunctionType):
                getter = self._wrapped(value.fget, full)
                setattr(kind, name, property(getter, value.fset, value.fdel, value.__doc__))

    def _wrapped(self, function: Any, name: str) -> Any:
        check = self.check
        if inspect.iscoroutinefunction(function):

            async def checked(coroutine: Any) -> Any:
                try:
                    check(name)
                except InjectedError:
                    coroutine.close()
                    raise
                return await coroutine

            @functools.wraps(function)
            def awaited(*args: Any, **named: Any) -> Any:
                # Called at once, so that wrong arguments fail as they would without us.
                return checked(function(*args, **named))

            return awaited

        @functools.wraps(function)
        def called(*args: Any, **named: Any) -> Any:
            check(name)
            return function(*args, **named)

        return called
