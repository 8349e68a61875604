"""From the files of a trace to a tape, streaming: memory stays flat however long the log.

Rows are spilled to disk column by column as they are read; at the end they are sorted, if they
have to be, and users and sessions are numbered. Nothing of the machine or the clock goes in, so
two builds of one input are byte-identical.
Read next: `readers/` (what is read), `people.py` (who sent it), `replay/tape.py` (what comes out).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from replay.account import EXACT, Account, Tally, describe_skips
from replay.building.arrange import Arranged, arrange
from replay.building.build_workers import read_parts
from replay.building.places import named
from replay.building.reading import Chain, Piece, Reader, Reading, pieces_of
from replay.building.segments import plan_parts
from replay.building.twins import find_twins
from replay.linking.link import MAX_LINKS
from replay.readers.format import Format
from replay.readers.formats import FORMATS
from replay.readers.opening import Progress, count_progress
from replay.readers.source import Named, find_files
from replay.tape import ANONYMISER, VERSION, TapeInfo, TapeWriter
from switchboard.errors import LeakError, TraceError

if TYPE_CHECKING:
    from replay.gate.findings import Findings

_HOUR_NS: Final = 3_600 * 10**9


class EmptyTraceError(TraceError):
    """Nothing in the trace can be used; `account` says what became of it."""

    def __init__(self, message: str, account: Account) -> None:
        super().__init__(message)
        self.account = account


def build_tape(
    sources: Sequence[Named],
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
    in_order: bool = False,
) -> TapeInfo:
    """Compile files and folders into a tape at `folder`, replacing a tape that stands there.

    seed: decides where inside their second one-second stamps fall.
    format: None recognises each file by its content.
    were_found: the files lay in a folder that was named, so one that is no trace is merely counted.
    chain: builds what every entry goes through before it becomes a row; None is nothing.
    findings: what the chain found of real people; anything of a kind that nobody allowed keeps
    the tape from being kept.   allowed: the kinds that are, for the record.
    anonymiser: says in the tape what was done about personal data.
    workers: how many processes share the reading; the tape is the same, byte for byte.
    in_order: the chain has to see the trace from front to end, so one process reads it. Where that
    is not so and there are several, `chain` must be picklable: each process builds its own.
    Raises EmptyTraceError when there is nothing to replay, any other TraceError when it cannot be
    read, LeakError when something was found that must not be kept, OSError when the tape cannot be
    written. A build that ends so, or is interrupted, leaves nothing behind that opens as a tape.
    """
    files = find_files(sources, were_found=were_found)
    pieces = pieces_of(files, find_twins(files))
    if chain is not None and findings is None:
        findings = _new_findings()
    judged = Judged(findings, frozenset(allowed), anonymiser)
    progress = count_progress(files, on_progress)
    with TapeWriter(folder) as writer:
        reading = None
        if not in_order:
            reading = _read_shared(pieces, writer, format, chain, findings, progress, workers)
        if reading is None:
            reader = Reader(
                writer, chain=chain, findings=findings, forced=format, on_bytes=progress
            )
            reader.read(pieces)
            reading = reader.result()
            for _, source in reader.sources:
                reading.tally.add_source(source)
        return writer.commit(_finish(writer, reading, seed, judged))


def _read_shared(
    pieces: Sequence[Piece],
    writer: TapeWriter,
    forced: Format | None,
    chain: Chain | None,
    findings: Findings | None,
    on_bytes: Callable[[int], None] | None,
    workers: int,
) -> Reading | None:
    """What several processes made of the trace; None when one has to read it."""
    if forced is not None and FORMATS.get(forced.name) is not forced:
        return None  # it was made for this trace, and only here
    parts = plan_parts(pieces, workers, forced)
    if len(parts) < 2:
        return None
    reading = read_parts(
        parts,
        writer,
        forced=None if forced is None else forced.name,
        chain=chain,
        findings=findings,
        on_bytes=on_bytes,
    )
    if reading is None:
        for path in writer.path.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    return reading


def _new_findings() -> Findings:
    from replay.gate.findings import Findings

    return Findings()


@dataclass(frozen=True, slots=True)
class Judged:
    """What was done about personal data, and what was found of it nevertheless."""

    findings: Findings | None
    allowed: frozenset[str]
    anonymiser: str

    def check(self) -> None:
        """Raises LeakError when something was found that nobody allowed."""
        found = self.findings
        if found is not None and found.total:
            from replay.gate.findings import describe_counts

            listed = describe_counts(found.counts)
            message = f"the tape is not kept: it may hold data of real people or systems: {listed}"
            raise LeakError(message, found.counts)

    def passed(self) -> Mapping[str, int]:
        """What was found and is allowed, by kind."""
        return {} if self.findings is None else self.findings.allowed


def _finish(writer: TapeWriter, reading: Reading, seed: int, judged: Judged) -> TapeInfo:
    """Write what is left but for `tape.json`, and say what that shall hold."""
    tally = reading.tally
    judged.check()
    if not tally.used:
        message = f"the trace has nothing to replay: {_why_nothing(tally)}"
        raise EmptyTraceError(message, _account(reading, None, seed, judged))
    done = arrange(writer, reading.parts, seed)
    for part in writer.path.glob("part-*"):
        shutil.rmtree(part)
    for name, count in done.keys.items() if not tally.session_keys else ():
        tally.note_key(name, count)
    return TapeInfo(
        version=VERSION,
        requests=tally.used,
        sessions=done.sessions,
        users=done.users,
        request_bytes=reading.blob_size,
        start_ns=done.start_ns,
        seconds=done.seconds,
        hosts=reading.hosts,
        routes=tuple(named(*key) for key in reading.route_keys),
        account=_account(reading, done, seed, judged),
        seed=seed,
        anonymiser=judged.anonymiser,
        links=reading.links,
        bodies=reading.bodies,
    )


def _account(reading: Reading, done: Arranged | None, seed: int, judged: Judged) -> Account:
    is_spread = done is not None and done.coarse
    return reading.tally.close(
        trace_format=", ".join(sorted(reading.formats)),
        stamps=f"spread inside one second (seed {seed})" if is_spread else EXACT,
        out_of_order=0 if done is None else done.out_of_order,
        notes=() if done is None else _notes(reading, done),
        stamp=", ".join(sorted(reading.stamps, reverse=True)),
        allowed=tuple(sorted(judged.allowed)),
        found=judged.passed(),
    )


def _why_nothing(tally: Tally) -> str:
    dropped = "; ".join(f"{name} left out {count}" for name, count in sorted(tally.dropped.items()))
    return "; ".join(filter(None, (describe_skips(tally), dropped))) or "it is empty"


def _notes(reading: Reading, done: Arranged) -> tuple[str, ...]:
    """What a person should know of how the trace was read."""
    unknown, left_out = reading.tally.bodies_unknown, reading.links_left_out
    back_h = done.furthest_back_ns / _HOUR_NS
    noted = (
        (done.coarse, "access-log stamps are taken as the start of each request"),
        (unknown, f"bodies were not recorded: {unknown} requests are sent with an empty one"),
        (not reading.is_anchored, "the trace has only delays: its clock starts at 1970-01-01"),
        (back_h >= 1, f"entries were out of order by up to {back_h:.1f} h: they were sorted"),
        (left_out, f"the tape keeps {MAX_LINKS:,} links: {left_out:,} more were left out"),
    )
    return tuple(note for applies, note in noted if applies)
