"""A whole event, taken apart, shown text by text, and put together again.

With a visitor that leaves everything as it is, what comes out is what went in. It never raises,
whatever the event holds. Read next: `leaf.py`, then `target.py`, `headers.py`, `body.py`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from replay.fields.body import map_body
from replay.fields.headers import Pairs, clean_line, find_header, map_headers
from replay.fields.json_body import map_json
from replay.fields.leaf import Leaf, Visit
from replay.fields.nested import opened
from replay.fields.target import map_target
from replay.readers.entry import Entry
from switchboard.event import Event

JSON_TYPE = "application/json"


def map_entry(entry: Entry, visit: Visit) -> Entry:
    """The entry with every leaf of its event replaced; the very one if nothing changed."""
    event = map_event(entry.event, visit, json_body=entry.json_body)
    if entry.json_body is None:
        return entry if event is entry.event else entry._replace(event=event)
    if event.body is entry.json_body and event._replace(body=entry.event.body) == entry.event:
        return entry
    return entry._replace(event=event, json_body=event.body)


def map_event(event: Event, visit: Visit, *, json_body: bytes | None = None) -> Event:
    """The event with every leaf replaced by what `visit` says; the very one if nothing changed.

    json_body: stands for the body, as in an Entry; it comes back as the event's `body`.
    """
    url = map_target(event.url, visit)
    user = map_name(event.user, "user", visit) if event.user else event.user
    session = map_name(event.session, "session", visit) if event.session else event.session
    headers = map_headers(event.headers, visit) if event.headers else event.headers
    body = old_body = event.body if json_body is None else json_body
    if body:
        body = _map_body(body, event.headers, visit, "body", is_json=json_body is not None)
        if body is not old_body:
            headers = _measured(headers, len(old_body), len(body))
    is_same = (
        url is event.url
        and user is event.user
        and session is event.session
        and headers is event.headers
        and body is event.body
    )
    if not is_same:
        event = event._replace(url=url, user=user, session=session, headers=headers, body=body)
    if event.response_headers or event.response_body:
        event = _map_answer(event, visit)
    if event.extra:
        extra = _map_extra(event.extra, visit)
        event = event if extra is event.extra else event._replace(extra=extra)
    return event


def map_name(name: str, what: str, visit: Visit) -> str | None:
    """A user or a session; None when nothing of it is left."""
    new = visit(Leaf(what, what, name))
    return name if new == name else clean_line(new or "") or None


def _map_answer(event: Event, visit: Visit) -> Event:
    headers = map_headers(event.response_headers, visit, prefix="answer.header")
    body = event.response_body
    if body:
        new = _map_body(body, event.response_headers, visit, "answer.body")
        if new is not body:
            headers = _measured(headers, len(body), len(new))
            body = new
    if headers is event.response_headers and body is event.response_body:
        return event
    return event._replace(response_headers=headers, response_body=body)


def _map_body(
    body: bytes, headers: Pairs, visit: Visit, prefix: str, *, is_json: bool = False
) -> bytes:
    kind = find_header(headers, "content-type") or (JSON_TYPE if is_json else "")
    coding = find_header(headers, "content-encoding")
    return map_body(body, kind, visit, prefix=prefix, encoding=coding)


def _measured(headers: Pairs, before: int, after: int) -> Pairs:
    """A length that was true stays true."""
    if before == after or find_header(headers, "content-length") != str(before):
        return headers
    return tuple(
        (name, str(after)) if name.lower() == "content-length" else (name, value)
        for name, value in headers
    )


def _map_extra(extra: Mapping[str, Any], visit: Visit) -> Mapping[str, Any]:
    """What an OPS event holds besides what is known: it is not replayed, but it is exported."""
    try:
        # Not orjson: an integer may be of any size.
        text = json.dumps(dict(extra))
    except (TypeError, ValueError, RecursionError):
        return {}  # too deep or too odd to be looked into, so it does not travel
    show = opened(visit)
    mapped = map_json(text, show, "extra.$")
    if mapped is None:
        return extra if show("extra.text", "", text) == text else {}
    if mapped == text:
        return extra
    loaded = json.loads(mapped)
    return loaded if type(loaded) is dict else {}
