"""What callers of the admin API send and get: JSON of bounded size in, JSON or a problem out.

Problems are documents of RFC 9457. Floor 1. Read next: `app.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from stubs.service import PROBLEM
from switchboard.errors import EsrError, Fault
from switchboard.fault_reader import nearest, shown

MOST_BYTES: Final = 1024 * 1024
MOST_FAULTS: Final = 100
"""More of them are no help to anyone."""
HEADERS: Final = {"x-esr-env": "sandbox", "cache-control": "no-store"}


class CallError(Exception):
    """A call that cannot be done as it was sent: what is answered instead.

    faults: each wrong thing and where it stands.   more: further fields of the document.
    """

    def __init__(
        self,
        status: int,
        title: str,
        detail: str,
        faults: Iterable[Fault] = (),
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.title = title
        self.faults = tuple(faults)
        self.more = more or {}


def reply(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON value."""
    body = orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS)
    media_type = "application/json"
    return Response(body, status, {**HEADERS, **(headers or {})}, media_type)


def problem(
    status: int, title: str, detail: str, faults: Iterable[Fault] = (), more: Any = None
) -> Response:
    """A problem document, with an error for each fault."""
    errors = [
        {"path": each.path, "detail": each.message}
        | ({} if each.line is None else {"line": each.line})
        for each in list(faults)[:MOST_FAULTS]
    ]
    document = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    document |= {"errors": errors} if errors else {}
    body = orjson.dumps(document | (more or {}), default=str)
    return Response(body, status, HEADERS, PROBLEM.decode())


def refuse_faults(error: EsrError, title: str, status: int = 422) -> CallError:
    """An error of a file or a mapping, with every fault in it."""
    return CallError(status, title, str(error), getattr(error, "faults", ()))


async def read_json(request: Request) -> Any:
    """The JSON value of the body. Raises CallError."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise CallError(415, "JSON needed", "send Content-Type: application/json")
    parts = bytearray()
    try:
        async for part in request.stream():
            parts += part
            if len(parts) > MOST_BYTES:
                raise CallError(413, "Body too large", f"send at most {MOST_BYTES:,} bytes")
    except ClientDisconnect:
        raise CallError(400, "No body", "the connection ended before the body did") from None
    try:
        return orjson.loads(bytes(parts))
    except orjson.JSONDecodeError as error:
        raise CallError(400, "No JSON", f"the body cannot be read: {error}") from None


def check_query(request: Request, known: Iterable[str]) -> None:
    """Raises CallError for a parameter that nobody reads: a typo must not widen what is meant."""
    words = tuple(known)
    for name, _ in request.query_params.multi_items():
        if name not in words:
            hint = nearest(name[:80], words) if words else "this call takes none"
            raise CallError(422, "Unknown parameter", f"there is no ?{shown(name)}=; {hint}")


def query_count(request: Request, name: str, default: int, most: int) -> int:
    """A whole number of the query. Raises CallError."""
    text = request.query_params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 18) or int(text) > most:
        detail = f"?{name}= must be a whole number from 0 to {most:,}"
        raise CallError(422, "Parameter amiss", detail)
    return int(text)
