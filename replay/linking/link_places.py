"""Where values to be linked stand: in the answers that hold them, in the requests that repeat them.

Pure. Places are written as the paths of leaves. Read next: `links.py`.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from replay.fields.body import map_body
from replay.fields.charset import read_text
from replay.fields.headers import find_header, map_headers
from replay.fields.leaf import Leaf, Visit
from replay.fields.markup import show_tags
from replay.fields.nested import opened
from replay.fields.packed import unpack
from replay.fields.target import map_target
from replay.linking.link_values import SHORTEST, is_telling
from switchboard.event import Event

MAX_BODY: Final = 2 * 1024 * 1024
"""A longer body is not looked into."""
MAX_VALUES: Final = 256
"""Values that one answer offers at most."""
_HEADERS: Final = re.compile(
    r"location|content-location|set-cookie|etag|x-[a-z0-9-]{0,60}(?:token|id|nonce)"
    r"|(?:x-)?(?:csrf|xsrf)[a-z0-9-]{0,60}|request-id"
)
# A tracing id of the answer says nothing of what comes next.
_IDLE_HEADERS: Final = re.compile(
    r"(?:x-)?(?:[a-z0-9]{1,20}-)*(?:request|correlation|trace|span|transaction|amz-cf)-?id"
    r"|x-amz-id-2|x-b3-[a-z-]*|x-served-by"
)
_TOKEN_NAME: Final = re.compile(r"csrf|xsrf|token|nonce|authenticity|viewstate", re.IGNORECASE)
_SCHEME: Final = re.compile(r"(bearer|token) +(\S+)", re.IGNORECASE)
_SKIPPED: Final = frozenset(
    ("accept", "accept-encoding", "accept-language", "cache-control", "connection",
     "content-encoding", "content-length", "content-type", "host", "user-agent")
)  # fmt: skip


class Found(NamedTuple):
    """A telling value and the place where it stands."""

    path: str
    name: str
    text: str


class _EnoughError(Exception):
    """An answer offers more values than are looked at."""


def answer_values(event: Event) -> list[Found]:
    """The values of a recorded answer that a later request may repeat, each at its first place."""
    gathered: dict[str, Found | None] = {}

    def gather(leaf: Leaf) -> str:
        path, name, text, parts = leaf
        if len(text) < SHORTEST or parts or not _is_offered(leaf):
            return text
        if not is_telling(name, text, is_place_of_ids=_is_place_of_ids(path)):
            return text
        if len(gathered) >= MAX_VALUES:
            raise _EnoughError
        # A place that holds two values does not say which of them is meant.
        is_new = path not in gathered
        known = gathered.get(path)
        is_same = known is not None and known.text == text
        gathered[path] = Found(path, name, text) if is_new or is_same else None
        return text

    with contextlib.suppress(_EnoughError):
        _show_answer(event, gather)
    firsts: dict[str, Found] = {}
    for found in gathered.values():
        if found is not None:
            firsts.setdefault(found.text, found)
    return list(firsts.values())


def _is_offered(leaf: Leaf) -> bool:
    """False where a place cannot be found again, or values stand that no client takes up."""
    path = leaf.path
    if "*" in path or "~key" in path:
        return False
    if path.startswith("answer.cookie"):
        return ";" not in path
    if path.startswith("answer.body.html.meta"):
        return _TOKEN_NAME.search(leaf.name) is not None
    if path.startswith("answer.body.html"):
        return path.endswith(".value") and path != "answer.body.html.input.value"
    return not path.endswith((".host", ".userinfo"))


def _is_place_of_ids(path: str) -> bool:
    return path.startswith(("answer.header.", "answer.cookie.")) or "|url.path[" in path


def _show_answer(event: Event, visit: Visit) -> None:
    wanted = tuple(
        (name, value)
        for name, value in event.response_headers
        if _HEADERS.fullmatch(name.lower()) and not _IDLE_HEADERS.fullmatch(name.lower())
    )
    if wanted:
        map_headers(wanted, visit, prefix="answer.header")
    body = event.response_body
    if not body or len(body) > MAX_BODY:
        return
    kind = find_header(event.response_headers, "content-type").lower()
    coding = find_header(event.response_headers, "content-encoding")
    if "html" in kind:
        packed = unpack(body, coding)
        text, _ = read_text(body if packed is None else packed[0], kind)
        show_tags(text, ("input", "meta"), opened(visit), "answer.body.html")
    elif "json" in kind or (not kind and body.lstrip()[:1] in (b"{", b"[")):
        map_body(body, kind, visit, prefix="answer.body", encoding=coding)


def request_values(event: Event, json_body: bytes | None) -> Iterator[Found]:
    """The values of a request, each with the only place of that name that it stands at."""
    gathered: dict[str, Found | None] = {}

    def gather(leaf: Leaf) -> str:
        path, name, text, parts = leaf
        if len(text) >= SHORTEST and not parts and "*" not in path:
            scheme = _SCHEME.fullmatch(text) if path.startswith("header.") else None
            if scheme is not None:
                path, text = f"{path}|{scheme[1].lower()}", scheme[2]
            gathered[path] = None if path in gathered else Found(path, name, text)
        return leaf.text

    map_target(event.url, gather)
    telling = tuple([pair for pair in event.headers if pair[0].lower() not in _SKIPPED])
    if telling:
        map_headers(telling, gather)
    body = event.body if json_body is None else json_body
    if 0 < len(body) <= MAX_BODY:
        kind = find_header(event.headers, "content-type") or ("json" if json_body else "")
        map_body(body, kind, gather, encoding=find_header(event.headers, "content-encoding"))
    return (found for found in gathered.values() if found is not None)
