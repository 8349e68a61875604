"""Callbacks before they go anywhere: where to, what is sent, in which order, and who is allowed.

A callback's URL often comes from a caller's body, so it is read as strictly as a sandbox's own:
what can be read in two ways is refused. Floor 1, pure. Read next: `callbacks.py`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from stubs.faults.course import CallbackTwist
from stubs.service import Callback
from switchboard.base_url import authority_of, parse_base_url
from switchboard.environment import Environment, Upstream, parse_environment
from switchboard.fault_reader import LineOf
from switchboard.headers import HOP_BY_HOP, is_token, is_value
from switchboard.seeded import unit

LONGEST_URL: Final = 2048
NOBODY: Final = Environment("callbacks", (), (), (), (), "the stubs' settings")
"""Allows this machine only."""
HOPS: Final = "x-esr-callback"
"""How many stubs called one another before: two that do would never stop. It also tells the
gateway's own API that nobody works at its desk."""
MOST_HOPS: Final = 8

_TARGET: Final = re.compile(r"/[!-~]*")
_METHODS: Final = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
_OUR_OWN: Final = HOP_BY_HOP | {"host", "content-type", "proxy", "proxy-authorization"}
_SHUFFLE_DRAW: Final = 1_001


@dataclass(frozen=True, slots=True)
class CallbackUrl:
    """Where a callback goes. host: a name, or an address without brackets."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        return authority_of(self.scheme, self.host, self.port)

    @property
    def upstream(self) -> Upstream:
        """As the guard looks at it."""
        return Upstream("callback", self.scheme, self.host, self.port, "", (), None)

    def at(self, address: str) -> str:
        """The URL with the address that is dialled in place of the name."""
        return f"{self.scheme}://{authority_of(self.scheme, address, self.port)}{self.target}"


def parse_allow(raw: object, *, source: str, line_of: LineOf) -> Environment:
    """Whom callbacks may reach besides this machine: `{hosts: [...], networks: [...]}`, as `allow`
    of an environment. Raises RuleError with every fault."""
    parsed = parse_environment(
        {"name": "callbacks", "base_url": "http://127.0.0.1", "allow": raw or {}},
        source=source,
        line_of=line_of,
    )
    return replace(parsed, upstreams=())


def parse_callback_url(text: str) -> CallbackUrl:
    """Raises ValueError with a sentence that never repeats a password."""
    if len(text) > LONGEST_URL:
        raise ValueError(f"the URL is longer than {LONGEST_URL:,} characters")
    scheme, found, rest = text.partition("://")
    cut = next((at for at, char in enumerate(rest) if char in "/?#"), len(rest))
    authority, target = rest[:cut], rest[cut:]
    base = parse_base_url(f"{scheme}{found}{authority}")
    if "#" in target:
        raise ValueError("the URL must not have a fragment")
    if not target.startswith("/"):
        target = f"/{target}"
    if "\\" in target or not _TARGET.fullmatch(target):
        raise ValueError("the URL has a space, a backslash, or what is no plain ASCII")
    return CallbackUrl(base.scheme, base.host, base.port, target)


def callback_headers(callback: Callback, hops: int) -> dict[str, str]:
    """What goes out with a callback, without what is not its own to say. Raises ValueError."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in callback.headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        if not (is_token(name) and is_value(value)):
            raise ValueError("a header is not one line of plain text")
        if name not in _OUR_OWN and not name.startswith("x-esr-"):
            headers[name] = value
    content_type = callback.content_type.decode("latin-1")
    if not is_value(content_type):
        raise ValueError("the content type is not one line of plain text")
    if callback.body:
        headers["content-type"] = content_type
    return {**headers, "x-esr-env": "sandbox", HOPS: str(hops)}


def check_method(method: str) -> str:
    """The method, when it is one that a webhook may have. Raises ValueError."""
    if method not in _METHODS:
        raise ValueError(f"a callback is sent with one of {', '.join(sorted(_METHODS))}")
    return method


def plan_callbacks(
    callbacks: Sequence[Callback], twist: CallbackTwist | None, seed: int, request_id: int
) -> list[tuple[float, Callback]]:
    """Which callback goes when: recorded milliseconds from now, ascending.

    A shuffle leaves the moments as they are and gives them to other callbacks; two or more that
    differ never keep the order they were made in.
    """
    twist = twist or CallbackTwist()
    planned = [
        (callback.after_ms + twist.delay_ms, callback)
        for callback in callbacks
        for _ in range(twist.times)
    ]
    planned.sort(key=lambda pair: pair[0])
    if not twist.is_shuffled:
        return planned
    moments = [after_ms for after_ms, _ in planned]
    ordered = [callback for _, callback in planned]
    draws = [unit(seed, request_id, _SHUFFLE_DRAW, at) for at in range(len(ordered))]
    shuffled = [ordered[at] for at in sorted(range(len(ordered)), key=draws.__getitem__)]
    if shuffled == ordered:
        shuffled.reverse()
    return list(zip(moments, shuffled, strict=True))
