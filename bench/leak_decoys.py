"""What clean events are full of: everything that looks like an identifier and is none.

Read next: `leak_corpus.py`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import string
import uuid
from collections.abc import Callable
from random import Random as Draw
from typing import Any, Final
from urllib.parse import quote


def _hex(draw: Draw, length: int) -> str:
    return f"{draw.getrandbits(4 * length):0{length}x}"


def _uuid(draw: Draw) -> str:
    return str(uuid.UUID(int=draw.getrandbits(128), version=4))


def _code(draw: Draw) -> str:
    return (
        f"{draw.choice(['SKU', 'AB', 'PRD', 'X'])}-{draw.randrange(10**6):06d}-{draw.choice('ABC')}"
    )


def _version(draw: Draw) -> str:
    return ".".join(str(draw.randrange(40)) for _ in range(draw.choice([2, 3, 3, 4])))


def _image(draw: Draw) -> str:
    return "data:image/png;base64," + base64.b64encode(draw.randbytes(90)).decode()


def _order(draw: Draw) -> str:
    return str(draw.randrange(10 ** draw.choice([5, 6, 7, 8, 9, 10, 11])))


_AGENTS: Final = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/120.0.6099.129 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_2 like Mac OS X) AppleWebKit/605.1.15 Version/17.2 "
    "Mobile/15E148 Safari/604.1",
    "okhttp/4.9.0", "Dalvik/2.1.0 (Linux; U; Android 13; SM-G991B Build/TP1A.220624.014)",
    "curl/8.4.0", "python-requests/2.31.0", "Googlebot/2.1 (+http://www.google.com/bot.html)",
)  # fmt: skip
_WORDS: Final = [
    "status",
    "report",
    "order",
    "pending",
    "shipped",
    "weekly",
    "region",
    "total",
    "amount",
    "warehouse",
    "delivery",
    "standard",
    "express",
    "summer",
    "winter",
    "blue",
    "green",
    "large",
    "small",
    "review",
    "request",
    "benefit",
    "program",
    "notice",
    "office",
]


def _sentence(draw: Draw) -> str:
    return " ".join(draw.choices(_WORDS, k=draw.randrange(4, 14))).capitalize() + "."


_DECOYS: Final[dict[str, Callable[[Draw], Any]]] = {
    "id": _uuid,
    "trace_id": lambda d: _hex(d, 32),
    "span_id": lambda d: _hex(d, 16),
    "object_id": lambda d: _hex(d, 24),
    "checksum": lambda d: hashlib.sha256(d.randbytes(8)).hexdigest(),
    "md5": lambda d: _hex(d, 32),
    "created_at": lambda d: 1_500_000_000_000 + d.randrange(3 * 10**11),
    "updated": lambda d: 1_500_000_000 + d.randrange(3 * 10**8),
    "ts_us": lambda d: 1_500_000_000_000_000 + d.randrange(3 * 10**14),
    "ts_ns": lambda d: 1_500_000_000_000_000_000 + d.randrange(3 * 10**17),
    "date": lambda d: f"20{d.randrange(10, 26)}-{d.randrange(1, 13):02d}-{d.randrange(1, 29):02d}",
    "when": lambda d: f"2020-03-{d.randrange(1, 29):02d}T14:05:{d.randrange(60):02d}.003Z",
    "order_number": _order,
    "order": lambda d: f"ORD-{d.randrange(10**4):04d}-{d.randrange(10**7):07d}",
    "invoice": lambda d: f"INV/{d.randrange(2015, 2026)}/{d.randrange(10**6):06d}",
    "tweet_id": lambda d: d.randrange(10**18, 17 * 10**17),
    "sequence": lambda d: d.randrange(10**15, 10**16),
    "sku": _code,
    "product_name": lambda d: " ".join(w.capitalize() for w in d.sample(_WORDS, 2)),
    "file_name": lambda d: f"scan_{d.randrange(10**8)}.pdf",
    "host_name": lambda d: f"node-{d.randrange(99)}.internal",
    "name": lambda d: d.choice(["Summer Sale", "New York", "Basic Plan", "checkout", "Blue Chair"]),
    "version": _version,
    "app": lambda d: f"portal/{_version(d)}",
    "lat": lambda d: round(d.uniform(-90, 90), 7),
    "lon": lambda d: round(d.uniform(-180, 180), 7),
    "score": lambda d: d.random(),
    "bbox": lambda d: ",".join(f"{d.uniform(-90, 90):.6f}" for _ in range(4)),
    "etag": lambda d: f'W/"{_hex(d, 10)}-{_hex(d, 5)}"',
    "locale": lambda d: d.choice(["en-US", "de_DE", "fr-CA", "zh-Hans-CN"]),
    "currency": lambda d: d.choice(["USD", "EUR"]),
    "amount": lambda d: round(d.uniform(1, 99_999), 2),
    "count": lambda d: d.randrange(10**6),
    "image": _image,
    "cursor": lambda d: base64.urlsafe_b64encode(d.randbytes(24)).decode(),
    "ip": lambda d: f"10.{d.randrange(256)}.{d.randrange(256)}.{d.randrange(256)}",
    "email": lambda d: f"user{d.randrange(99)}@example.com",
    "phone": lambda d: f"212-555-01{d.randrange(100):02d}",
    "password": lambda d: d.choice(["********", "fake-password", "[REDACTED]", ""]),
    "token": lambda d: d.choice(["<token>", "null", "sandbox", "xxxxxxxxxxxxxxxx"]),
    "isbn": lambda d: f"978-3-16-{d.randrange(10**6):06d}-{d.randrange(10)}",
    "ean": lambda d: str(d.randrange(4 * 10**12, 5 * 10**12)),
    "imei": lambda d: str(35 * 10**13 + d.randrange(10**13)),
    "zip": lambda d: f"{d.randrange(10**5):05d}-{d.randrange(10**4):04d}",
    "color": lambda d: f"#{_hex(d, 6)}",
    "mac": lambda d: ":".join(_hex(d, 2) for _ in range(6)),
    "path": lambda d: f"/var/log/app-{_version(d)}/{_order(d)}.log",
    "msg": _sentence,
    "case": lambda d: f"APP-C-{d.randrange(10**8):08d}",
    "citizen": lambda d: f"C-{d.randrange(10**8):08d}",
    "range": lambda d: f"bytes={d.randrange(999)}-{d.randrange(10**6)}",
    "size": lambda d: f"{d.randrange(4000)}x{d.randrange(4000)}",
    "time": lambda d: f"{d.randrange(24):02d}:{d.randrange(60):02d}:{d.randrange(60):02d}",
    "slug": lambda d: "-".join([*d.sample(_WORDS, 3), str(d.randrange(10**6))]),
    "ga": lambda d: f"GA1.2.{d.randrange(10**10)}.{1_500_000_000 + d.randrange(10**8)}",
    "numbers": lambda d: [d.randrange(10**4) for _ in range(8)],
    "code": lambda d: "".join(d.choices(string.ascii_uppercase + string.digits, k=8)),
}  # fmt: skip


def draw_clean(draw: Draw) -> dict[str, Any]:
    """What to put over an event: a URL with a query, headers, and now and then a body."""
    names = draw.sample(sorted(_DECOYS), 9)
    fields = {name: _DECOYS[name](draw) for name in names}
    query = "&".join(f"{name}={_plain(fields[name])}" for name in names[:2])
    path = f"/api/v{draw.randrange(4)}/{draw.choice(_WORDS)}/{_order(draw)}/{_uuid(draw)}"
    drawn: dict[str, Any] = {
        "url": f"{path}?{query}",
        "headers": {
            "user-agent": draw.choice(_AGENTS),
            "x-request-id": _uuid(draw),
            "if-none-match": f'"{_hex(draw, 32)}"',
            "traceparent": f"00-{_hex(draw, 32)}-{_hex(draw, 16)}-01",
            "accept-language": "en-US,en;q=0.9",
        },
    }
    if draw.random() < 0.6:
        body: Any = {name: fields[name] for name in names[2:]}
        if draw.random() < 0.2:
            body = {"event": "click", "detail": json.dumps(body)}
        drawn |= {"method": "POST", "body": body}
    return drawn


def _plain(value: Any) -> str:
    return quote(str(value))
