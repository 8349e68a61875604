"""By what users are told apart: the key that somebody chose with `--session-key`.

A key stands for the user whatever the log calls them; entries without it keep the format's own way,
and the account says how many were told apart by what. What a cookie, a header or a token says is a
secret: it becomes a `client`, of which a tape keeps a number and nothing else. Tokens are opened
without being verified, for nothing is granted by them here.
Read next: `readers/entry.py` (what a client is), `building/people.py` (how users are numbered).
"""

from __future__ import annotations

import binascii
import re
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from hashlib import blake2b
from typing import Any, Final

import orjson

from replay.account import Tally
from replay.readers.entry import Entry, Sink
from replay.readers.through import Through
from switchboard.event import Event
from switchboard.headers import is_token

USER: Final = "user"
SESSION: Final = "session"
CLIENT: Final = "client"
CONNECTION: Final = "connection"
COOKIE: Final = "cookie"
HEADER: Final = "header"
JWT: Final = "jwt"
NONE: Final = "none"
KINDS: Final = (USER, SESSION, CLIENT, CONNECTION, COOKIE, HEADER, JWT)
SUBJECT: Final = "sub"

MAX_TOKEN: Final = 16_384
_MAX_NAME: Final = 200
_HELD: Final = 200
"""A longer value is told apart by its hash."""
_BEARER: Final = re.compile(r"\s{0,8}bearer\s{1,8}(\S+)", re.IGNORECASE)
_TOKEN_HEADER: Final = re.compile(r"x-(?:[a-z0-9-]{1,64}-)?(?:token|jwt|assertion)")
_MAY_BE_JWT: Final = "eyJ"
"""How base64 of a JSON object begins."""


@dataclass(frozen=True, slots=True)
class SessionKey:
    """One key. name: of the cookie, the header or the claim."""

    kind: str
    name: str = ""

    def __str__(self) -> str:
        is_plain = not self.name or (self.kind == JWT and self.name == SUBJECT)
        return self.kind if is_plain else f"{self.kind}:{self.name}"

    @property
    def needs_whole(self) -> bool:
        """It stands in what the fast way of the readers leaves out."""
        return self.kind not in (USER, SESSION)


def parse_session_key(text: str) -> SessionKey:
    """The key a person wrote. Raises ValueError with one sentence."""
    kind, colon, name = text.strip().partition(":")
    kind, name = kind.lower(), name.strip()
    if kind not in KINDS:
        near = get_close_matches(kind, KINDS, 1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(KINDS)}"
        raise ValueError(f"{text[:80]!a} is not a session key; {hint}")
    if kind in (COOKIE, HEADER):
        if not is_token(name) or len(name) > _MAX_NAME:
            raise ValueError(f"{kind}: needs the name of a {kind}, such as {_EXAMPLES[kind]}")
        return SessionKey(kind, name.lower() if kind == HEADER else name)
    if kind == JWT:
        if len(name) > _MAX_NAME or not name.isprintable() or (colon and not name):
            raise ValueError(f"jwt: needs the name of a claim, such as {_EXAMPLES[kind]}")
        return SessionKey(kind, name or SUBJECT)
    if colon:
        raise ValueError(f"{kind} takes no name: write {kind} alone")
    return SessionKey(kind)


_EXAMPLES: Final = {COOKIE: "cookie:JSESSIONID", HEADER: "header:x-user-id", JWT: "jwt:sub"}


class SessionKeys(Through):
    """Tells users apart by one key, and counts by what each was."""

    def __init__(self, end: Sink, key: SessionKey, tally: Tally) -> None:
        super().__init__(end)
        self._key = key
        self._name = str(key)
        self._tally = tally
        self._apply = _WAYS[key.kind]

    @property
    def needs_whole(self) -> bool:
        return self._key.needs_whole or self.end.needs_whole

    def add(self, line: int, entry: Entry) -> None:
        keyed = self._apply(entry, self._key.name)
        dropped = self._dropped()
        self.end.add(line, entry if keyed is None else keyed)
        if self._dropped() == dropped:
            event = entry.event
            own = _told_apart_by(event.user, event.session, entry.client)
            self._tally.note_key(own if keyed is None else self._name)

    def add_request(
        self,
        line: int,
        ts_ns: int,
        method: str,
        authority: str,
        target: str,
        user: str | None,
        session: str | None,
        service: str | None,
        lines: str,
        body: bytes,
        status: int | None,
        wait_ms: float | None,
        client: str | None = None,
        marks: int = 0,
    ) -> None:
        """Only met where the key is the user or the session: the fast way knows both."""
        told_by = _told_apart_by(user, session, client)
        if self._key.kind == USER and user is not None:
            session = None
        elif self._key.kind == SESSION and session is not None:
            user, told_by = None, SESSION
        dropped = self._dropped()
        self.end.add_request(
            line, ts_ns, method, authority, target, user, session, service, lines, body, status,
            wait_ms, client, marks,
        )  # fmt: skip
        if self._dropped() == dropped:
            self._tally.note_key(told_by)

    def _dropped(self) -> int:
        """Grows when a filter further on leaves an entry out: it tells nobody apart then."""
        return sum(self._tally.dropped.values())


def _told_apart_by(user: str | None, session: str | None, client: str | None) -> str:
    """By what the format itself tells the user of an entry from others."""
    if user is not None:
        return USER
    if session is not None:
        return SESSION
    return NONE if client is None else CLIENT


def _by_user(entry: Entry, _: str) -> Entry | None:
    """All that a user asked for is one session."""
    event = entry.event
    return None if event.user is None else entry._replace(event=event._replace(session=None))


def _by_session(entry: Entry, _: str) -> Entry | None:
    """Each session is a user of its own: many may share the one account that the log names."""
    event = entry.event
    return None if event.session is None else entry._replace(event=event._replace(user=None))


def _by_client(entry: Entry, _: str) -> Entry | None:
    """Address and user agent; a long silence ends a session."""
    event = entry.event
    address = entry.client or _forwarded_for(event)
    if not address:
        return None
    agent = header_of(event.headers, "user-agent") or ""
    return _told_by(entry, CLIENT, f"{address}\0{agent}")._replace(inferred=True)


def _by_connection(entry: Entry, _: str) -> Entry | None:
    return None if entry.connection is None else _told_by(entry, CONNECTION, entry.connection)


def _by_cookie(entry: Entry, name: str) -> Entry | None:
    """The cookie that came, else the one that the answer sets: a login belongs to what follows."""
    event = entry.event
    value = next((text for each, text in cookies_of(event.headers) if each == name), "")
    value = value or _cookie_set(event, name)
    return _told_by(entry, COOKIE, value) if value else None


def _by_header(entry: Entry, name: str) -> Entry | None:
    value = header_of(entry.event.headers, name)
    return _told_by(entry, HEADER, value.strip()) if value and value.strip() else None


def _by_jwt(entry: Entry, claim: str) -> Entry | None:
    for token in _tokens_of(entry.event.headers):
        value = _claim_of(token, claim)
        if value is not None:
            return _told_by(entry, JWT, value)
    return None


_WAYS: Final[Mapping[str, Callable[[Entry, str], Entry | None]]] = {
    USER: _by_user,
    SESSION: _by_session,
    CLIENT: _by_client,
    CONNECTION: _by_connection,
    COOKIE: _by_cookie,
    HEADER: _by_header,
    JWT: _by_jwt,
}


def _told_by(entry: Entry, kind: str, value: str) -> Entry:
    """The entry as one of whoever has this value: it is compared, and kept nowhere."""
    if len(value) > _HELD:
        value = blake2b(value.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    event = entry.event._replace(user=None, session=None)
    return entry._replace(event=event, client=f"{kind}\0{value}", inferred=False)


def header_of(headers: tuple[tuple[str, str], ...], name: str) -> str | None:
    """The first value under a name in lower case."""
    return next((value for each, value in headers if each.lower() == name), None)


def cookies_of(headers: tuple[tuple[str, str], ...]) -> Iterator[tuple[str, str]]:
    """Names and values of the cookies that came with a request."""
    for header, value in headers:
        if header.lower() == "cookie":
            for part in value.split(";"):
                name, equals, text = part.strip(" \t").partition("=")
                if equals:
                    yield name, text


def _cookie_set(event: Event, name: str) -> str:
    """What the answer sets the cookie to; "" when it does not, or takes it away."""
    for header, value in event.response_headers:
        if header.lower() == "set-cookie" and value.lstrip(" \t").startswith(f"{name}="):
            return value.partition("=")[2].partition(";")[0].strip(" \t\"'")
    return ""


def _forwarded_for(event: Event) -> str:
    """The address that a proxy says the request came from."""
    value = header_of(event.headers, "x-forwarded-for") or header_of(event.headers, "x-real-ip")
    return (value or "").partition(",")[0].strip()


def _tokens_of(headers: tuple[tuple[str, str], ...]) -> Iterator[str]:
    """What may be a JWT: in Authorization, in a header made for it, in a cookie."""
    for name, value in headers:
        low = name.lower()
        if low == "authorization":
            bearer = _BEARER.fullmatch(value[: MAX_TOKEN + 32].rstrip())
            if bearer is not None:
                yield bearer[1]
        elif _TOKEN_HEADER.fullmatch(low[:_MAX_NAME]):
            bearer = _BEARER.fullmatch(value[: MAX_TOKEN + 32].rstrip())
            yield value.strip() if bearer is None else bearer[1]
    for _, value in cookies_of(headers):
        yield value.strip('"')


def _claim_of(token: str, claim: str) -> str | None:
    """What the token says of it; None for what is no token, or says nothing that is a name."""
    if not token.startswith(_MAY_BE_JWT) or len(token) > MAX_TOKEN:
        return None
    claims = _claims_of(token)
    value = claims.get(claim)
    if type(value) is str:
        return value or None
    return str(value) if type(value) is int else None


def _claims_of(token: str) -> dict[str, Any]:
    parts = token.split(".", 5)
    if len(parts) not in (2, 3):  # five parts are an encrypted one
        return {}
    try:
        claims = orjson.loads(urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError):  # a JSONDecodeError is a ValueError too
        return {}
    return claims if type(claims) is dict else {}
