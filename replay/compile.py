"""From the files of a trace to a tape, streaming: memory stays flat however long the log.

Rows are spilled to disk column by column as they are read; at the end they are sorted, if they
have to be, and users and sessions are numbered. Nothing of the machine or the clock goes in, so
two builds of one input are byte-identical.
Read next: `readers/` (what is read), `people.py` (who sent it), `tape.py` (what comes out).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from replay.account import EXACT, Tally, describe_skips
from replay.arrange import Arranged, arrange
from replay.link import MAX_LINKS
from replay.readers.entry import Sink
from replay.readers.format import Format
from replay.readers.formats import FORMATS
from replay.readers.head import Head
from replay.readers.ops import OPS
from replay.readers.sniff import Unreadable, sniff
from replay.readers.source import Source, TraceFile, find_files
from replay.rows import Rows
from replay.tape import ANONYMISER, VERSION, TapeInfo, TapeWriter
from switchboard.errors import LeakError, TraceError

if TYPE_CHECKING:
    from replay.findings import Findings

Progress = Callable[[int, int], None]
"""Called with the bytes read so far and the bytes there are."""

Chain = Callable[["Rows", Tally, "Findings"], Sink]
"""Builds what stands between the readers and the rows."""


def build_tape(
    sources: Sequence[Path],
    folder: Path,
    *,
    seed: int = 0,
    format: Format | None = None,  # noqa: A002  # the word that users write
    were_found: bool = False,
    on_progress: Progress | None = None,
    chain: Chain | None = None,
    findings: Findings | None = None,
    allowed: Collection[str] = (),
    anonymiser: str = ANONYMISER,
    workers: int = 1,
) -> TapeInfo:
    """Compile files and folders into a tape at `folder`, replacing a tape that stands there.

    seed: decides where inside their second one-second stamps fall.
    format: None recognises each file by its content.
    were_found: the files lay in a folder that was named, so one that is no trace is merely counted.
    chain: builds what every entry goes through before it becomes a row; None is nothing.
    findings: what the chain found of real people; anything in it that is not `allowed` (a kind)
    keeps the tape from being kept.   anonymiser: says in the tape what was done to personal data.
    workers: how many processes share the reading; the tape is the same, byte for byte.
    Raises TraceError when there is nothing to replay, LeakError when something was found that must
    not be kept, OSError when the tape cannot be written.
    An interrupted build leaves nothing behind that opens as a tape.
    """
    files = find_files(sources, were_found=were_found)
    with TapeWriter(folder) as writer:
        rows = Rows(writer, Tally())
        sink: Sink = rows
        if chain is not None:
            findings = _new_findings() if findings is None else findings
            sink = chain(rows, rows.tally, findings)
        progress = _progress_of(files, on_progress)
        found = [_read_file(file, sink, rows, format, progress) for file in files]
        judged = Judged(findings, frozenset(allowed), anonymiser)
        formats = [each for each in found if each is not None]
        return writer.commit(_finish(writer, rows, formats, seed, judged))


def _new_findings() -> Findings:
    from replay.findings import Findings

    return Findings()


@dataclass(frozen=True, slots=True)
class Judged:
    """What was done about personal data, and what was found of it nevertheless."""

    findings: Findings | None
    allowed: frozenset[str]
    anonymiser: str

    def check(self) -> None:
        """Raises LeakError when something was found that nobody allowed."""
        refused = {kind: n for kind, n in self._counts().items() if kind not in self.allowed}
        if refused:
            listed = ", ".join(f"{kind} ({count})" for kind, count in sorted(refused.items()))
            raise LeakError(
                f"the tape is not kept: it may hold data of real people or systems: {listed}",
                refused,
            )

    def passed(self) -> dict[str, int]:
        """What was found and is allowed, by kind."""
        return {kind: n for kind, n in self._counts().items() if kind in self.allowed}

    def _counts(self) -> Mapping[str, int]:
        return {} if self.findings is None else self.findings.counts


def _progress_of(
    files: Sequence[TraceFile], on_progress: Progress | None
) -> Callable[[int], None] | None:
    if on_progress is None:
        return None
    total = sum(file.path.stat().st_size for file in files)
    done = 0

    def add(count: int) -> None:
        nonlocal done
        done += count
        on_progress(min(done, total), total)

    return add


def _read_file(
    file: TraceFile,
    sink: Sink,
    rows: Rows,
    forced: Format | None,
    on_bytes: Callable[[int], None] | None,
) -> Format | None:
    """One file into the sink; the format it had, None when none.

    A file that is no trace is refused if it was asked for itself, and counted if it was found.
    """
    with Source(file, on_bytes) as source:
        rows.file = source.name
        found = forced or sniff(Head(source.head()))
        if isinstance(found, Unreadable):
            if file.asked_for:
                raise TraceError(_not_a_trace(file, found))
            rows.skip(1, f"not a trace: {found.kind}")
        else:
            # A file of blank lines is in no format; reading it counts them.
            (found or OPS).read(source, sink)
        if source.damage is not None:
            rows.skip(max(source.damaged_line, 1), source.damage)
        rows.tally.add_source(source.source_file())
    return found if isinstance(found, Format) else None


def _not_a_trace(file: TraceFile, found: Unreadable) -> str:
    known = "; ".join(each.title for each in FORMATS.values())
    return (
        f"{file.path} is not a trace this can read: it looks like {found.kind}. "
        f"It reads {known}; each plain or compressed"
    )


def _finish(
    writer: TapeWriter,
    rows: Rows,
    formats: Collection[Format],
    seed: int,
    judged: Judged,
) -> TapeInfo:
    """Write what is left but for `tape.json`, and say what that shall hold."""
    tally = rows.tally
    rows.close()
    judged.check()
    if not tally.used:
        raise TraceError(f"the trace has nothing to replay: {_why_nothing(tally)}")
    done = arrange(writer, [rows.part()], seed)
    return TapeInfo(
        version=VERSION,
        requests=tally.used,
        sessions=done.sessions,
        users=done.users,
        request_bytes=rows.blob_size,
        start_ns=done.start_ns,
        seconds=done.seconds,
        hosts=rows.places.hosts(),
        routes=rows.places.routes(),
        account=tally.close(
            trace_format=", ".join(sorted({each.name for each in formats})),
            stamps=f"spread inside one second (seed {seed})" if done.coarse else EXACT,
            out_of_order=done.out_of_order,
            notes=_notes(rows, done),
            stamp=", ".join(sorted({each.stamp for each in formats}, reverse=True)),
            allowed=tuple(sorted(judged.allowed)),
            found=judged.passed(),
        ),
        seed=seed,
        anonymiser=judged.anonymiser,
        links=rows.links.count,
    )


def _why_nothing(tally: Tally) -> str:
    dropped = "; ".join(f"{name} left out {count}" for name, count in sorted(tally.dropped.items()))
    return "; ".join(filter(None, (describe_skips(tally), dropped))) or "it is empty"


def _notes(rows: Rows, done: Arranged) -> tuple[str, ...]:
    """What a person should know of how the trace was read."""
    unknown = rows.tally.bodies_unknown
    left_out = rows.links.left_out
    noted = (
        (done.coarse, "access-log stamps are taken as the start of each request"),
        (unknown, f"bodies were not recorded: {unknown} requests are sent with an empty one"),
        (not rows.is_anchored, "the trace has only delays: its clock starts at 1970-01-01"),
        (left_out, f"the tape keeps {MAX_LINKS:,} links: {left_out:,} more were left out"),
    )
    return tuple(note for applies, note in noted if applies)
