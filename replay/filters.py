"""What of a log is left out on purpose: by time, host, route, method, status, user, and by sample.

Every entry that is left out is counted under the first filter that did not want it. Its delay still
counts: what comes after keeps its time. A sample is of users and not of requests, and chosen by
hash, so the same users are in it in every file and every run, and all of a larger share's.
Read next: `filter_words.py` (how filters are written), `building/timeline.py` (when an entry was).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from replay.account import Tally
from replay.building.timeline import Timeline
from replay.readers.entry import Entry, Sink
from replay.readers.through import Through
from switchboard.event import Event
from switchboard.hosts import host_of, matches
from switchboard.routes import route_template, service_label, service_of, split_url
from switchboard.seeded import text64, unit

TIME, HOST, ROUTE, METHOD = "time", "host", "route", "method"
STATUS, USER, SESSION, SAMPLE = "status", "user", "session", "sample"
_HELD: Final = 65_536
_SALT: Final = 0x5A3B_1E00


class Moment(NamedTuple):
    """A time, or how long after the first entry of the trace."""

    ns: int
    is_offset: bool = False


class RoutePattern(NamedTuple):
    """Paths that are alike. parts: what stands between the `*` of the pattern, which may be any."""

    parts: tuple[str, ...]
    method: str | None = None
    service: str | None = None

    def takes(self, method: str, path: str, authority: str, service: str | None) -> bool:
        if self.method is not None and self.method != method:
            return False
        if self.service is not None:
            label = service_label(service) if service is not None else service_of(authority)
            if self.service != label:
                return False
        return is_like(self.parts, path) or is_like(self.parts, route_template(path))


@dataclass(frozen=True, slots=True)
class Filters:
    """What is kept: all that every filter wants. One that is empty or None wants everything.

    start: the first moment that is kept.   end: the first that is not.
    hosts: patterns as in `switchboard/hosts.py`.   statuses: first and last code; 0 is unrecorded.
    sample: the share of users that is kept, from 0 to 1.
    """

    start: Moment | None = None
    end: Moment | None = None
    hosts: tuple[str, ...] = ()
    routes: tuple[RoutePattern, ...] = ()
    methods: frozenset[str] = frozenset()
    statuses: tuple[tuple[int, int], ...] = ()
    users: frozenset[str] = frozenset()
    sessions: frozenset[str] = frozenset()
    sample: float | None = None
    seed: int = 0

    @property
    def is_empty(self) -> bool:
        """It leaves nothing out."""
        return self == Filters(seed=self.seed)

    @property
    def counts_from_first(self) -> bool:
        """It needs to see the first entry of the trace: a part of it alone cannot be cut."""
        return any(moment is not None and moment.is_offset for moment in (self.start, self.end))


class Asked(NamedTuple):
    """What the filters look at of one entry."""

    ns: int
    host: Callable[[], str]
    method: str
    authority: str
    target: str
    user: str | None
    session: str | None
    service: str | None
    client: str | None
    status: int | None


class Filtered(Through):
    """Leaves out what the filters do not want."""

    def __init__(self, end: Sink, filters: Filters, tally: Tally) -> None:
        super().__init__(end)
        self._filters = filters
        self._tally = tally
        self._timeline = Timeline()
        self._first_ns: int | None = None
        self._held_ms = 0.0
        self._is_behind = False
        self._hosts: dict[str, bool] = {}
        self._sampled: dict[str, bool] = {}

    @property
    def needs_whole(self) -> bool:
        # A path that was recorded alone has its host in a header.
        return bool(self._filters.hosts) or self.end.needs_whole

    def add(self, line: int, entry: Entry) -> None:
        event = entry.event
        ns = self._time_of(event.ts_ns, event.delay_ms)
        authority, target = split_url(event.url)
        unwanted = self._why_not(
            Asked(
                ns,
                lambda: authority or _host_header(event),
                event.method,
                authority,
                target,
                event.user,
                event.session,
                event.service,
                entry.client,
                event.status,
            )
        )
        if unwanted is None:
            self._pass_on(line, entry, ns)
            return
        self._timeline.reach(ns)
        self._tally.drop(unwanted)
        if event.ts_ns is None:
            self._held_ms += event.delay_ms or 0.0
        else:
            self._is_behind, self._held_ms = True, 0.0

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
        self._time_of(ts_ns, None)
        unwanted = self._why_not(
            Asked(
                ts_ns,
                lambda: authority,
                method,
                authority,
                target,
                user,
                session,
                service,
                client,
                status,
            )
        )
        self._held_ms = 0.0
        self._is_behind = unwanted is not None
        if unwanted is not None:
            self._tally.drop(unwanted)
            return
        self.end.add_request(
            line, ts_ns, method, authority, target, user, session, service, lines, body, status,
            wait_ms, client, marks,
        )  # fmt: skip

    def skip(self, line: int, reason: str, gap_ms: float = 0.0) -> None:
        self._timeline.pass_by(gap_ms)
        self.end.skip(line, reason, gap_ms + self._held_ms)
        self._held_ms = 0.0

    def _pass_on(self, line: int, entry: Entry, ns: int) -> None:
        """With the time that it has in the whole log, whatever was left out before it."""
        event = entry.event
        if event.ts_ns is not None:
            self._held_ms, self._is_behind = 0.0, False
        elif self._is_behind:
            event = event._replace(ts_ns=ns)
        elif self._held_ms:
            event = event._replace(delay_ms=(event.delay_ms or 0.0) + self._held_ms)
        self.end.add(line, entry if event is entry.event else entry._replace(event=event))
        self._timeline.reach(ns)
        self._held_ms, self._is_behind = 0.0, False

    def _time_of(self, ts_ns: int | None, delay_ms: float | None) -> int:
        was_anchored = self._timeline.is_anchored
        ns = self._timeline.time_of(ts_ns, delay_ms)
        if self._first_ns is None:
            self._first_ns = ns
        elif self._timeline.is_anchored and not was_anchored:
            self._first_ns += self._timeline.lead_ns
        return ns

    def _why_not(self, asked: Asked) -> str | None:
        """The first filter that does not want it."""
        wanted = self._filters
        if not self._is_in_time(asked.ns):
            return TIME
        if wanted.hosts and not self._is_host(asked.host()):
            return HOST
        if wanted.routes and not _is_route(wanted.routes, asked):
            return ROUTE
        if wanted.methods and asked.method not in wanted.methods:
            return METHOD
        if wanted.statuses and not _is_status(wanted.statuses, asked.status or 0):
            return STATUS
        if wanted.users and asked.user not in wanted.users:
            return USER
        if wanted.sessions and asked.session not in wanted.sessions:
            return SESSION
        if wanted.sample is not None and not self._is_sampled(asked):
            return SAMPLE
        return None

    def _is_in_time(self, ns: int) -> bool:
        start, end = self._filters.start, self._filters.end
        if start is not None and ns < self._at(start):
            return False
        return end is None or ns < self._at(end)

    def _at(self, moment: Moment) -> int:
        return moment.ns + (self._first_ns or 0) if moment.is_offset else moment.ns

    def _is_host(self, authority: str) -> bool:
        known = self._hosts.get(authority)
        if known is None:
            known = any(matches(each, _plain_host(authority)) for each in self._filters.hosts)
            _remember(self._hosts, authority, known)
        return known

    def _is_sampled(self, asked: Asked) -> bool:
        filters = self._filters
        who = _who(asked)
        if who is None:  # each request is somebody of its own
            place = text64(f"{asked.method} {asked.authority}{asked.target}")
            return unit(filters.seed, _SALT, place, asked.ns) < (filters.sample or 0.0)
        known = self._sampled.get(who)
        if known is None:
            known = unit(filters.seed, _SALT, text64(who)) < (filters.sample or 0.0)
            _remember(self._sampled, who, known)
        return known


def is_like(parts: tuple[str, ...], text: str) -> bool:
    """True when the text is the parts in order with anything between them; looks at it once."""
    first, last = parts[0], parts[-1]
    if len(parts) == 1:
        return text == first
    if len(text) < len(first) + len(last) or not text.startswith(first) or not text.endswith(last):
        return False
    at, end = len(first), len(text) - len(last)
    for part in parts[1:-1]:
        at = text.find(part, at, end)
        if at < 0:
            return False
        at += len(part)
    return True


def _is_route(patterns: tuple[RoutePattern, ...], asked: Asked) -> bool:
    path = asked.target.partition("?")[0]
    return any(each.takes(asked.method, path, asked.authority, asked.service) for each in patterns)


def _is_status(ranges: tuple[tuple[int, int], ...], status: int) -> bool:
    return any(first <= status <= last for first, last in ranges)


def _who(asked: Asked) -> str | None:
    """Whose request it is, as a tape tells users apart: by user, else session, else client."""
    if asked.user is not None:
        return f"user\0{asked.user}"
    if asked.session is not None:
        return f"session\0{asked.session}"
    return None if asked.client is None else f"client\0{asked.client}"


def _host_header(event: Event) -> str:
    return next((value for name, value in event.headers if name.lower() == "host"), "")


def _plain_host(authority: str) -> str:
    """The host alone; "" for what is none, which only `*` takes."""
    try:
        return host_of(authority)
    except ValueError:
        return ""


def _remember(known: dict[str, bool], key: str, value: bool) -> None:
    if len(known) >= _HELD:
        known.clear()
    if len(key) <= 256:
        known[key] = value
