"""From the files of a trace to a tape, streaming: memory stays flat however long the log.

Rows are spilled to disk column by column as they are read; at the end they are sorted, if they
have to be, and users and sessions are numbered. Nothing of the machine or the clock goes in, so
two builds of one input are byte-identical.
Read next: `readers/` (what is read), `people.py` (who sent it), `tape.py` (what comes out).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from replay.account import EXACT, Tally, describe_skips
from replay.arrange import Arranged, arrange
from replay.readers.format import Format
from replay.readers.formats import FORMATS
from replay.readers.head import Head
from replay.readers.ops import OPS
from replay.readers.sniff import Unreadable, sniff
from replay.readers.source import Source, TraceFile, find_files
from replay.rows import Rows
from replay.tape import VERSION, TapeInfo, TapeWriter
from switchboard.errors import TraceError

Progress = Callable[[int, int], None]
"""Called with the bytes read so far and the bytes there are."""


def build_tape(
    sources: Sequence[Path],
    folder: Path,
    *,
    seed: int = 0,
    format: Format | None = None,  # noqa: A002  # the word that users write
    were_found: bool = False,
    on_progress: Progress | None = None,
) -> TapeInfo:
    """Compile files and folders into a tape at `folder`, replacing a tape that stands there.

    seed: decides where inside their second one-second stamps fall.
    format: None recognises each file by its content.
    were_found: the files lay in a folder that was named, so one that is no trace is merely counted.
    Raises TraceError when there is nothing to replay, OSError when the tape cannot be written.
    An interrupted build leaves nothing behind that opens as a tape.
    """
    files = find_files(sources, were_found=were_found)
    with TapeWriter(folder) as writer:
        rows = Rows(writer, Tally())
        progress = _progress_of(files, on_progress)
        formats = {_read_file(file, rows, format, progress) for file in files}
        return writer.commit(_finish(writer, rows, formats - {""}, seed))


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
    file: TraceFile, rows: Rows, forced: Format | None, on_bytes: Callable[[int], None] | None
) -> str:
    """One file into the rows; the format it had, "" when none.

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
            (found or OPS).read(source, rows)
        if source.damage is not None:
            rows.skip(max(source.damaged_line, 1), source.damage)
        rows.tally.add_source(source.source_file())
    return found.name if isinstance(found, Format) else ""


def _not_a_trace(file: TraceFile, found: Unreadable) -> str:
    known = "; ".join(each.title for each in FORMATS.values())
    return (
        f"{file.path} is not a trace this can read: it looks like {found.kind}. "
        f"It reads {known}; each plain or compressed"
    )


def _finish(writer: TapeWriter, rows: Rows, formats: set[str], seed: int) -> TapeInfo:
    """Write what is left but for `tape.json`, and say what that shall hold."""
    tally = rows.tally
    rows.close()
    if not tally.used:
        reasons = describe_skips(tally) or "it is empty"
        raise TraceError(f"the trace has nothing to replay: {reasons}")
    done = arrange(writer, rows.leading, seed)
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
            trace_format=", ".join(sorted(formats)),
            stamps=f"spread inside one second (seed {seed})" if done.coarse else EXACT,
            out_of_order=done.out_of_order,
            notes=_notes(rows, done),
        ),
        seed=seed,
    )


def _notes(rows: Rows, done: Arranged) -> tuple[str, ...]:
    """What a person should know of how the trace was read."""
    unknown = rows.tally.bodies_unknown
    noted = (
        (done.coarse, "access-log stamps are taken as the start of each request"),
        (unknown, f"bodies were not recorded: {unknown} requests are sent with an empty one"),
        (not rows.is_anchored, "the trace has only delays: its clock starts at 1970-01-01"),
    )
    return tuple(note for applies, note in noted if applies)
