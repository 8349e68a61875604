"""A HAR 1.2 file, as browsers and proxies save it, to services that answer as was recorded.

Floor 1, pure. Entries of one method and templated path are one route. Credentials and cookies
never come along, nor what would lead a client to somewhere else.
Read next: `har_response.py`, `har_routes.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from stubs.importers.definition import Drafts, Imported
from stubs.importers.fields import mapping_in, mapping_of, text_in
from stubs.importers.har_response import read_response
from stubs.importers.har_routes import Recorded, RecordedRoutes
from stubs.importers.report import Item, LossReport, NotTakenError, UnusableFileError
from switchboard.credentials import safe_target
from switchboard.routes import split_url

LONGEST_WAIT_MS: Final = 3_600_000
MAX_URL: Final = 8_000


def import_har(value: object, name: str, report: LossReport) -> Imported:
    """One service for each host. Raises UnusableFileError."""
    log = value.get("log") if isinstance(value, Mapping) else None
    entries = log.get("entries") if isinstance(log, Mapping) else None
    if not isinstance(entries, list):
        raise UnusableFileError("this is no HAR: it has no list `log.entries`")
    drafts, routes = Drafts(name), RecordedRoutes()
    for where, entry in report.each("log.entries", entries):
        with report.taking(where) as item:
            _take(entry, drafts, routes, item)
    routes.write()
    return Imported(drafts.services())


def _take(entry: object, drafts: Drafts, routes: RecordedRoutes, item: Item) -> None:
    raw = mapping_of(entry, "an entry")
    request, response = mapping_in(raw, "request"), mapping_in(raw, "response")
    method, url = text_in(request, "method").upper(), text_in(request, "url")
    if not method.isascii() or not method.isalpha() or len(method) > 20:
        raise NotTakenError("its method is no word")
    if len(url) > MAX_URL:
        raise NotTakenError(f"its URL is longer than {MAX_URL:,} characters")
    authority, target = split_url(url)
    target = safe_target(target)
    item.what = f"{method} {target.partition('?')[0]}"[:80]
    if response.get("status") in (0, None, -1):
        raise NotTakenError("it was never answered (status 0)")
    answer = read_response(response, item)
    draft = drafts.of_host(authority)
    routes.add(draft, Recorded(method, target, answer, _wait_ms(raw), item))


def _wait_ms(entry: Mapping[str, Any]) -> float | None:
    """How long the server took to begin its answer, else how long all of it took."""
    timings = entry.get("timings")
    waits = [timings.get("wait")] if isinstance(timings, Mapping) else []
    for value in (*waits, entry.get("time")):
        if isinstance(value, int | float) and 0 <= value <= LONGEST_WAIT_MS:
            return float(value)
    return None
