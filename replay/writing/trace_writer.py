"""From the files of a trace to another file: the same readers and treatment as a tape, another end.

What leaves here may go anywhere, so it leaves without credentials unless the anonymiser has
replaced them. Every event gets the time that it has in a tape: delays are added up, one-second
stamps are spread inside their second, and clients have names instead of addresses.
Read next: `read_files.py`, `replay/treatment.py`, `exports/` (what an event is written with).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from replay.account import EXACT, Account, Tally, describe_skips
from replay.building.timeline import Timeline
from replay.building.twins import find_twins
from replay.readers.entry import COARSE, INFERRED, Entry, Sink
from replay.readers.files import TraceFile
from replay.readers.format import Format
from replay.readers.opening import Progress, count_progress
from replay.writing.client_names import ClientNames
from replay.writing.read_files import read_file
from replay.writing.safe_event import safe_event
from replay.writing.seconds import Seconds
from replay.writing.sorting import Echoes, Placed, Sorter
from switchboard.errors import LeakError, TraceError
from switchboard.event import LATEST_NS, NS_PER_S, Event, EventError

if TYPE_CHECKING:
    from replay.gate.findings import Findings

DELAYS_START_NS: Final = 1_577_836_800 * NS_PER_S
"""2020-01-01: when a trace of delays alone begins, for formats that need a time."""
MAX_LEADING: Final = 10_000
"""Entries before the first stamp that wait for it."""
DUPLICATE: Final = "duplicate"
_JSON: Final = ("content-type", "application/json")

Judge = Callable[[str, int, Event], None]
"""Looks at an event as it will be written: the file and the line that it came from, and itself."""

Chain = Callable[["Writer", Tally, "Findings"], Sink]
"""Builds what stands between the readers and the writer; see `replay/treatment.py`."""


class EventWriter(Protocol):
    """What writes events in some format."""

    def write(self, event: Event) -> None:
        """`ts_ns` is set. Raises EventError for an event that the format cannot hold."""

    def close(self) -> None:
        """Write what ends the file; the file itself stays open."""


class Enough(BaseException):
    """There are as many entries as were asked for. No reader may take this for an error."""


def transcribe(
    files: Sequence[TraceFile],
    out: EventWriter,
    *,
    format: Format | None = None,  # noqa: A002  # the word that users write
    chain: Chain | None = None,
    findings: Findings | None = None,
    judge: Judge | None = None,
    allowed: Collection[str] = (),
    tally: Tally | None = None,
    seed: int = 0,
    in_order: bool = False,
    drop_twins: bool = False,
    keeps_credentials: bool = False,
    most: int | None = None,
    folder: Path | None = None,
    on_progress: Progress | None = None,
) -> Account:
    """Write what the files hold through `out`, and say what became of every entry.

    format: None recognises each file by its content.   chain, findings: as for `build_tape`.
    judge: looks at everything that is about to be written, and adds to `findings`.
    in_order: by time, for which all is sorted first.   drop_twins: what two files both say is
    written once; only with `in_order`.   keeps_credentials: the anonymiser has replaced them.
    most: end after so many entries.   folder: where temporary files may lie.
    Raises TraceError when nothing is left to write, LeakError when something was found that must
    not leave; what was written until then has to be thrown away.
    """
    tally = Tally() if tally is None else tally
    with ExitStack() as stack:
        sorter = stack.enter_context(Sorter(folder)) if in_order else None
        writer = Writer(
            out, tally, sorter=sorter, drop_twins=drop_twins, seed=seed, most=most,
            keeps_credentials=keeps_credentials, judge=judge,
        )  # fmt: skip
        sink: Sink = writer
        if chain is not None:
            findings = _new_findings() if findings is None else findings
            sink = chain(writer, tally, findings)
        formats = _read_all(files, sink, writer, format, on_progress)
        writer.finish()
    passed = _check(findings)
    if not tally.used:
        raise TraceError(f"nothing of the trace is left to write: {_why_nothing(tally)}")
    return tally.close(
        trace_format=", ".join(sorted({each.name for each in formats})),
        stamps=f"spread inside one second (seed {seed})" if writer.spread else EXACT,
        out_of_order=writer.out_of_order,
        notes=writer.notes(),
        stamp=", ".join(sorted({each.stamp for each in formats}, reverse=True)),
        allowed=tuple(sorted(allowed)),
        found=passed,
    )


def _read_all(
    files: Sequence[TraceFile],
    sink: Sink,
    writer: Writer,
    forced: Format | None,
    on_progress: Progress | None,
) -> list[Format]:
    on_bytes = count_progress(files, on_progress)
    formats: list[Format] = []
    twins = find_twins(files)
    try:
        for place, file in enumerate(files):
            twin = files[twins[place]].name if place in twins else None
            found = read_file(file, sink, writer, forced, on_bytes, twin)
            formats += [] if found is None else [found]
    except Enough:
        writer.tally.note("reading ended once there were as many entries as were asked for")
    return formats


class Writer:
    """The end of the chain: takes entries, gives each its time, and writes them.

    rows: how many it has accepted.   file: the name of the one that is being read.
    An event that the format cannot hold is found out late, so it is counted here as skipped.
    """

    needs_whole = True

    def __init__(
        self,
        out: EventWriter,
        tally: Tally,
        *,
        sorter: Sorter | None = None,
        drop_twins: bool = False,
        seed: int = 0,
        keeps_credentials: bool = False,
        most: int | None = None,
        judge: Judge | None = None,
    ) -> None:
        self._judge = judge
        self.tally = tally
        self.file = ""
        self.rows = 0
        self.out_of_order = 0
        self._out = out
        self._sorter = sorter
        self._echoes = Echoes() if drop_twins else None
        self._seconds = Seconds(self._write, seed)
        self._keeps_credentials = keeps_credentials
        self._most = most
        self._timeline = Timeline()
        self._leading: list[Placed] = []
        self._placed_early = 0
        self._latest_ns = 0
        self._scrubbed = 0
        self._clients = ClientNames()
        self._keys: dict[str, int] = {}

    @property
    def spread(self) -> int:
        """How many stamps had one-second steps."""
        return self._seconds.spread

    def add(self, line: int, entry: Entry) -> None:
        if self._most is not None and self.rows >= self._most:
            raise Enough
        event = entry.event
        was_anchored = self._timeline.is_anchored
        ns = self._timeline.time_of(event.ts_ns, event.delay_ms)
        if not self._timeline.is_anchored and DELAYS_START_NS + ns >= LATEST_NS:
            raise EventError("delays add up past the year 2100")
        if self._timeline.is_anchored and not was_anchored:
            self._place_leading(self._timeline.lead_ns)
        event = self._prepare(entry)
        is_named = event.user is not None or event.session is not None
        client = 0 if is_named or entry.client is None else self._clients.number(entry.client)
        placed = Placed(
            ns, event, self.file, line, self.rows, entry.coarse, client, entry.inferred
        )  # fmt: skip
        self.rows += 1
        self.tally.bodies_unknown += entry.body_unknown
        self._timeline.reach(ns)
        if self._timeline.is_anchored:
            self._take(placed)
            return
        self._leading.append(placed)
        if len(self._leading) >= MAX_LEADING:
            self._place_early()

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
        """As `add`; a reader that asked `needs_whole` does not come here."""
        pairs = (each.partition(": ") for each in lines.split("\r\n") if each)
        event = Event(
            ts_ns, None, method, f"http://{authority}{target}" if authority else target,
            user, session, service, tuple((name, value) for name, _, value in pairs), body, status,
            wait_ms,
        )  # fmt: skip
        entry = Entry(
            event, client=client, coarse=bool(marks & COARSE), inferred=bool(marks & INFERRED)
        )
        self.add(line, entry)

    def skip(self, line: int, reason: str, gap_ms: float = 0.0) -> None:
        self.tally.skip(self.file, line, reason)
        self._timeline.pass_by(gap_ms)

    def note(self, text: str, count: int = 0) -> None:
        self.tally.note(text, count)

    def finish(self) -> None:
        """Write all that still waits, and end the file."""
        self._place_early()
        if self._sorter is not None:
            for placed in self._sorter.in_order():
                if self._echoes is not None and self._echoes.is_echo(placed):
                    self.tally.drop(DUPLICATE)
                else:
                    self._seconds.take(placed)
        self._seconds.flush()
        self._out.close()
        if not self.tally.session_keys:  # nobody chose a key: the log's own ways were used
            for kind, count in self._keys.items():
                self.tally.note_key(kind, count)

    def notes(self) -> tuple[str, ...]:
        """What a person should know of how it was written."""
        unknown = self.tally.bodies_unknown
        noted = (
            (self.spread, "access-log stamps are taken as the start of each request"),
            (unknown, f"bodies were not recorded: {unknown} requests have an empty one"),
            (
                self._placed_early,
                f"{self._placed_early} entries had only delays: their clock starts at 2020-01-01",
            ),
            (self._scrubbed, f"credentials were taken out of {self._scrubbed} entries"),
        )
        return tuple(note for applies, note in noted if applies)

    def _prepare(self, entry: Entry) -> Event:
        """The event as it is written, but for its time."""
        event = entry.event
        if entry.json_body is not None:
            event = event._replace(body=entry.json_body)
            if not any(name.lower() == "content-type" for name, _ in event.headers):
                event = event._replace(headers=(*event.headers, _JSON))
        if not self._keeps_credentials:
            safe = safe_event(event)
            self._scrubbed += safe != event
            event = safe
        return event

    def _place_leading(self, shift_ns: int) -> None:
        """What came before the first stamp has its times now."""
        leading, self._leading = self._leading, []
        for placed in leading:
            self._take(placed._replace(ns=placed.ns + shift_ns))

    def _place_early(self) -> None:
        """What waits for a stamp waits no longer."""
        self._placed_early += len(self._leading)
        self._place_leading(DELAYS_START_NS)

    def _take(self, placed: Placed) -> None:
        self.out_of_order += placed.ns < self._latest_ns
        self._latest_ns = max(placed.ns, self._latest_ns)
        if self._sorter is None:
            self._seconds.take(placed)
        else:
            self._sorter.add(placed)

    def _write(self, placed: Placed) -> None:
        event = placed.event
        if placed.client:
            user, session = self._clients.name(placed.client, placed.ns, inferred=placed.inferred)
            event = event._replace(user=user, session=session)
        if self._judge is not None:
            self._judge(placed.file, placed.line, event)
        try:
            self._out.write(event._replace(ts_ns=placed.ns, delay_ms=None))
        except EventError as error:
            self.tally.skip(placed.file, placed.line, error.reason)
            return
        self.tally.used += 1
        kind = "client" if placed.client else "user" if event.user else "session"
        kind = kind if event.user or event.session else "none"
        self._keys[kind] = self._keys.get(kind, 0) + 1


def _new_findings() -> Findings:
    from replay.gate.findings import Findings

    return Findings()


def _check(findings: Findings | None) -> Mapping[str, int]:
    """What was found and is allowed, by kind. Raises LeakError for what is not."""
    if findings is None:
        return {}
    if findings.total:
        from replay.gate.findings import describe_counts

        listed = describe_counts(findings.counts)
        message = f"nothing is written: it may hold data of real people or systems: {listed}"
        raise LeakError(message, findings.counts)
    return findings.allowed


def _why_nothing(tally: Tally) -> str:
    dropped = "; ".join(f"{name} left out {count}" for name, count in sorted(tally.dropped.items()))
    return "; ".join(filter(None, (describe_skips(tally), dropped))) or "it is empty"
