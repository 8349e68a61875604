"""From what passed a door to the OPS event that is written: pure, and without a credential.

Floor 1. Credentials and cookies go by name and by shape wherever they stand: headers, query, path,
body. Who asked becomes a session under a key of the recorder's own, so that a replay keeps the
order of a connection and nobody learns an address.
Read next: `switchboard/scrub.py`, `recorder.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final
from urllib.parse import quote

from switchboard.credentials import REPLACED, has_secret_shape, safe_headers, safe_target
from switchboard.event import Event
from switchboard.exchange import Exchange, Headers
from switchboard.scrub import NOT_CAPTURED, TOO_LONG, Judged, judge_body

_VISIBLE: Final = "!\"#$%&'()*+,/:;<=>?@[\\]^`{|}~"
NOTHING: Final = Judged(None)


@dataclass(frozen=True, slots=True)
class Policy:
    """What is kept of an exchange.

    key: decides session names; another one for every recorder.
    """

    key: bytes
    bodies: bool = True
    max_body_bytes: int = 262_144


def build_event(exchange: Exchange, policy: Policy) -> Event:
    """The event of one exchange. Its `extra` says what was left out of it, and why."""
    asked = _judge(exchange.headers, exchange.body, policy)
    answered = _judge(exchange.answer_headers, exchange.answer_body, policy)
    return Event(
        ts_ns=exchange.at_ns,
        delay_ms=None,
        method=exchange.method,
        url=url_of(exchange),
        session=session_of(exchange.client, policy.key),
        service=exchange.upstream or None,
        headers=tuple(safe_headers(exchange.headers)),
        body=asked.body or b"",
        status=exchange.status if 100 <= exchange.status <= 999 else None,
        wait_ms=round(max(0.0, exchange.wait_ms), 3),
        response_headers=tuple(safe_headers(exchange.answer_headers)),
        response_body=answered.body,
        extra=_extra(exchange, asked, answered),
    )


def url_of(exchange: Exchange) -> str:
    """The absolute URL that was asked for, secrets replaced; `*` stays that."""
    if exchange.target == "*":
        return "*"
    authority = exchange.authority.rpartition("@")[2]
    if has_secret_shape(authority):
        authority = REPLACED
    url = f"{exchange.scheme}://{authority}{safe_target(exchange.target)}"
    if url.isascii() and url.isprintable() and " " not in url:
        return url
    return quote(url.encode(errors="surrogatepass"), safe=_VISIBLE)


def session_of(client: str, key: bytes) -> str:
    """A name for a connection that says nothing of its address."""
    return blake2b(client.encode(errors="replace"), digest_size=8, key=key).hexdigest()


def _judge(headers: Headers, body: bytes | None, policy: Policy) -> Judged:
    if not policy.bodies:
        return NOTHING
    if body is None:
        return Judged(None, NOT_CAPTURED) if _announces_body(headers) else NOTHING
    if len(body) > policy.max_body_bytes:
        return Judged(None, TOO_LONG)
    return judge_body(body, _value(headers, "content-type"), _value(headers, "content-encoding"))


def _announces_body(headers: Headers) -> bool:
    length = _value(headers, "content-length")
    return length.strip() not in ("", "0") or bool(_value(headers, "transfer-encoding"))


def _value(headers: Headers, name: str) -> str:
    return ",".join(value for each, value in headers if each.lower() == name)


def _extra(exchange: Exchange, asked: Judged, answered: Judged) -> dict[str, Any]:
    extra: dict[str, Any] = {"door": exchange.door}
    if exchange.is_live:
        extra["live"] = True
    for name, judged in (("body", asked), ("response_body", answered)):
        if judged.why is not None:
            did = "left_out" if judged.body is None else "changed"
            extra[f"{name}_{did}"] = judged.why
    return extra
