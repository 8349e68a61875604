"""A labelled corpus for the leak gate: events with one planted value each, and events with none.

Drawn from a seed. Every kind of value stands in several encodings, and the events come as OPS lines
and as lines of an access log; clean events are full of what merely looks like something: UUIDs,
digests, epoch stamps, order numbers, versions, coordinates.
Read next: `leak_values.py` (what is planted), `leak_decoys.py` (what is not), `leaks.py`.
"""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlencode

from bench.leak_decoys import draw_clean
from bench.leak_values import DRAWS, Draw, Value

Event = dict[str, Any]
_STAMP: Final = "2020-03-15T14:05:00.003Z"
_UNICODE_DIGITS: Final = ("０１２３４５６７８９", "٠١٢٣٤٥٦٧٨٩", "०१२३४५६७८९")
_UNICODE_DASHES: Final = "‐‑‒–—−"
_WITH_DIGITS: Final = frozenset(
    {"ssn", "itin", "ein", "card", "aba", "account", "phone", "birth_date"}
)


class Planted(NamedTuple):
    """An event and what is in it. line: as it stands in a file of `form`, "ops" or "combined"."""

    kind: str
    encoding: str
    form: str
    line: str


def _event(draw: Draw, url: str = "/forms/17", **more: object) -> Event:
    return {
        "ts": _STAMP,
        "user": f"C-{draw.randrange(10**8):08d}",
        "method": "POST" if "body" in more else "GET",
        "url": url,
        "headers": {"accept": "application/json", "user-agent": "okhttp/4.9.0"},
        "status": 200,
        **more,
    }


def _with_type(event: Event, kind: str) -> Event:
    return {**event, "headers": {**event["headers"], "content-type": kind}}


def _form(draw: Draw, body: str) -> Event:
    return _with_type(_event(draw, body=body), "application/x-www-form-urlencoded")


def _json(draw: Draw, body: str) -> Event:
    return _with_type(_event(draw, body=body), "application/json")


def plain(draw: Draw, value: Value) -> Event:
    """In a field of a JSON body, in a header, or in a path."""
    if value.name == "authorization":
        event = _event(draw)
        return {**event, "headers": {**event["headers"], "authorization": value.text}}
    field: object = value.text
    if draw.random() < 0.2 and value.text.isdigit() and value.text[0] != "0":
        field = int(value.text)
    body = {"case": draw.randrange(10**5), "applicant": {value.name: field}, "state": "TX"}
    return _event(draw, body=draw.choice([body, {"items": [body]}]))


def url_encoded(draw: Draw, value: Value) -> Event:
    """In a query or a form, some of it or all of it percent-encoded."""
    if draw.random() < 0.3:
        coded = "".join(f"%{byte:02X}" for byte in value.text.encode())
        pairs = f"page=2&{quote(value.name)}={coded}"
    else:
        pairs = urlencode({"page": 2, value.name: value.text, "sort": "asc"})
    return _form(draw, pairs) if draw.random() < 0.5 else _event(draw, f"/search?{pairs}")


def json_escaped(draw: Draw, value: Value) -> Event:
    coded = "".join(f"\\u{ord(char):04x}" for char in value.text)
    return _json(draw, f'{{"id":{draw.randrange(999)},"{value.name}":"{coded}"}}')


def in_base64(draw: Draw, value: Value) -> Event:
    inner = json.dumps({value.name: value.text, "v": 1})
    if value.kind not in ("secret", "person_name") and draw.random() < 0.3:
        inner = f"{value.name}: {value.text}"
    coded = base64.b64encode(inner.encode()).decode()
    return _event(draw, body={"v": 2, draw.choice(["payload", "blob", "state"]): coded})


def split(draw: Draw, value: Value) -> Event:
    """Over several parameters of a query or fields of a form."""
    stem = value.name
    mark = draw.choice(["", "_", "[{}]"])
    keys = [f"{stem}[{at}]" if "[" in mark else f"{stem}{mark}{at + 1}" for at in range(9)]
    pairs = urlencode({"step": "x", **dict(zip(keys, value.parts, strict=False))})
    return _form(draw, pairs) if draw.random() < 0.5 else _event(draw, f"/apply?{pairs}")


def in_unicode(draw: Draw, value: Value) -> Event:
    """Digits of other scripts, and dashes that are no hyphen."""
    digits = draw.choice(_UNICODE_DIGITS)
    text = "".join(digits[int(char)] if char in "0123456789" else char for char in value.text)
    text = text.replace("-", draw.choice(_UNICODE_DASHES)).replace(" ", "\u00a0")
    return _event(draw, body={value.name: text, "n": 1})


def nested(draw: Draw, value: Value) -> Event:
    """JSON in a string of JSON."""
    inner = json.dumps({"data": {value.name: value.text}})
    body = {
        "event": "submit",
        "detail": json.dumps({"raw": inner}) if draw.random() < 0.5 else inner,
    }
    return _event(draw, body=body)


def free_text(draw: Draw, value: Value) -> Event:
    text = f"Hello, {value.said.format(value.text)}. Thank you, and have a good day."
    return _event(draw, body={draw.choice(["comment", "message", "notes"]): text})


ENCODINGS: Final[dict[str, Callable[[Draw, Value], Event]]] = {
    "plain": plain,
    "URL": url_encoded,
    "\\u0031": json_escaped,
    "base64": in_base64,
    "split": split,
    "Unicode": in_unicode,
    "nested": nested,
    "in a text": free_text,
}


def applies(kind: str, encoding: str, value: Value) -> bool:
    if encoding == "split":
        return bool(value.parts)
    return encoding != "Unicode" or kind in _WITH_DIGITS


def planted(seed: int, each: int) -> Iterator[Planted]:
    """So many events of each kind in each encoding that it can have."""
    for kind, draw_value in DRAWS.items():
        for encoding, encode in ENCODINGS.items():
            draw = random.Random(f"{seed} {kind} {encoding}")
            for _ in range(each):
                value = draw_value(draw)
                if applies(kind, encoding, value):
                    yield _written(draw, kind, encoding, encode(draw, value))


def clean(seed: int, count: int) -> Iterator[str]:
    """OPS lines with nothing in them that belongs to anybody."""
    draw = random.Random(f"{seed} clean")
    for _ in range(count):
        event = _event(draw)
        yield json.dumps({**event, **draw_clean(draw)}, ensure_ascii=draw.random() < 0.5)


def _written(draw: Draw, kind: str, encoding: str, event: Event) -> Planted:
    """As a line of an access log now and then, where all of it is in the URL."""
    if "body" not in event and "?" in event["url"] and draw.random() < 0.5:
        line = (
            f'203.0.113.9 - - [15/Mar/2020:14:05:00 +0000] "GET {event["url"]} HTTP/1.1" 200 17'
            ' "-" "okhttp/4.9.0"'
        )
        return Planted(kind, encoding, "combined", line)
    line = json.dumps(event, ensure_ascii=draw.random() < 0.5)
    return Planted(kind, encoding, "ops", line)
