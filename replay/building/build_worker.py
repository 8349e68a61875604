"""One process of several that read a trace: `python -m replay.building.build_worker`.

Standard input tells it what to do.
It spills the rows of its part into its folder, says on standard output how many bytes it has read,
and leaves a pickled `Done` behind, or the error that it met.
Read next: `build_workers.py`, which starts it.
"""

from __future__ import annotations

import os
import pickle
import sys

from replay.building.build_workers import COUNT, RESULT, Done, Job
from replay.building.places import MAX_PART_ROUTES, Places
from replay.building.reading import Reader
from replay.building.spill_files import SpillFiles
from replay.readers.formats import FORMATS
from switchboard.errors import EsrError

_TOLD_BYTES = 1 << 20
"""How much is read before it is told."""


def main() -> None:
    job = pickle.load(sys.stdin.buffer)  # noqa: S301  # from the process that started this one
    answer: Done | Exception
    try:
        answer = read(job)
    except (EsrError, OSError) as error:
        answer = error
    # Under another name first: half a result is none.
    written = job.folder / f"{RESULT}.new"
    written.write_bytes(pickle.dumps(answer))
    written.rename(job.folder / RESULT)


def read(job: Job) -> Done:
    """Read the part. Raises EsrError and OSError."""
    findings = None
    if job.chain is not None:
        from replay.gate.findings import Findings

        findings = Findings()
    files = SpillFiles(job.folder)
    progress = _Progress()
    reader = Reader(
        files,
        chain=job.chain,
        findings=findings,
        forced=None if job.forced is None else FORMATS[job.forced],
        on_bytes=progress.add,
        places=Places(MAX_PART_ROUTES),
    )
    try:
        reader.read(job.pieces)
    finally:
        files.close_files()
    progress.tell()
    rows = reader.rows
    stands_alone = not (rows.places.is_full or rows.has_answers)
    return Done(reader.result(), reader.sources, findings, rows.has_lead, stands_alone)


class _Progress:
    """Tells the parent what was read; when nobody listens any more, this process ends."""

    def __init__(self) -> None:
        self._untold = 0

    def add(self, count: int) -> None:
        self._untold += count
        if self._untold >= _TOLD_BYTES:
            self.tell()

    def tell(self) -> None:
        try:
            os.write(sys.stdout.fileno(), COUNT.pack(self._untold))
        except BrokenPipeError:
            sys.exit("nobody waits for this any more")
        self._untold = 0


if __name__ == "__main__":
    main()
