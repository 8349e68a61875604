"""Several processes that read a trace together; what they make of it is as if one had read it all.

Each part of the trace is read by a process of its own (`build_worker.py`) into a folder of its own.
Here the parts are put together: hosts and routes get the numbers that they would have had, and what
was counted adds up. Where a part turns out to need what came before it, there is no result, and one
process reads it all.
Read next: `segments.py` (the parts), `reading.py` (what a process does).
"""

from __future__ import annotations

import hashlib
import os
import pickle
import secrets
import selectors
import shutil
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

import numpy as np

import replay
from replay.account import SourceFile, Tally
from replay.building.people import NAMES
from replay.building.places import Places
from replay.building.reading import Chain, OnBytes, Piece, Reading
from replay.readers.source import TraceFile
from replay.tape import BLOB, TapeWriter
from switchboard.errors import EsrError, TraceError
from switchboard.event import EventError

if TYPE_CHECKING:
    from replay.gate.findings import Findings

RESULT: Final = "result.pickle"
LOG: Final = "log.txt"
COUNT: Final = struct.Struct("<Q")
_READ_AT_ONCE: Final = 65_536
_HASHED_AT_ONCE: Final = 1 << 20
_COPIED_AT_ONCE: Final = 1 << 20
_SAID: Final = 300
"""Characters of what a process said last that a message repeats."""


Sourced = tuple[int, SourceFile]
"""A file's place in the trace, and what there is to know of it."""


@dataclass(frozen=True, slots=True)
class Job:
    """What one process is to do. chain, with findings of its own, must be picklable."""

    pieces: list[Piece]
    folder: Path
    forced: str | None
    chain: Chain | None


@dataclass(slots=True)
class Done:
    """What a process has made of its part.

    leans: it has times that count from what came before it.   stands_alone: False where it has
    more hosts or routes than a part may, or answers of which another part may repeat values.
    """

    reading: Reading
    sources: list[Sourced]
    findings: Findings | None
    leans: bool
    stands_alone: bool


class _Worker:
    """One process, seen from here. It ends with this one: it cannot say how far it is."""

    def __init__(self, job: Job, hash_seed: str) -> None:
        self.job = job
        self._log = (job.folder / LOG).open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "replay.building.build_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=_environment(hash_seed),
            start_new_session=True,  # Ctrl-C is for this process, which then ends the others
        )

    @property
    def output(self) -> IO[bytes]:
        """How many bytes it has read, as numbers of `COUNT`."""
        if self.process.stdout is None:
            raise AssertionError("the process was started with a pipe")
        return self.process.stdout

    def tell(self) -> None:
        """Hand over the job. Raises OSError or ValueError where it cannot be told."""
        stdin = self.process.stdin
        if stdin is None:
            raise AssertionError("the process was started with a pipe")
        told = pickle.dumps(self.job)
        with suppress(BrokenPipeError), stdin:  # one that is gone says why in its result
            stdin.write(told)

    def result(self) -> Done:
        """What it made, once its output has ended. Raises what it raised."""
        code = self.process.wait()
        try:
            answer = pickle.loads((self.job.folder / RESULT).read_bytes())  # noqa: S301  # our own
        except (OSError, EOFError, pickle.UnpicklingError):
            raise TraceError(self._last_words(code)) from None
        if isinstance(answer, Done):
            return answer
        raise answer

    def end(self) -> None:
        """Make sure that it is gone."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None and not pipe.closed:
                pipe.close()
        self._log.close()

    def _last_words(self, code: int) -> str:
        how = f"was ended by signal {-code}" if code < 0 else f"ended with {code}"
        lines = (self.job.folder / LOG).read_text(errors="replace").strip().splitlines()
        said = f": {lines[-1][:_SAID]}" if lines else ""
        return f"a process that read part of the trace {how}{said}; try again with one worker"


def read_parts(
    parts: Sequence[list[Piece]],
    writer: TapeWriter,
    *,
    forced: str | None,
    chain: Chain | None,
    findings: Findings | None,
    on_bytes: OnBytes | None,
) -> Reading | None:
    """Read each part in a process of its own; None when only one process can read the trace.

    Raises TraceError as reading does, or when a process dies; OSError when one cannot write.
    """
    folders = [writer.path / f"part-{number}" for number in range(len(parts))]
    for folder in folders:
        folder.mkdir()
    jobs = [Job(*each, forced, chain) for each in zip(parts, folders, strict=True)]
    with _hashing(parts) as hashed, _running(jobs) as workers:
        done = _wait(workers, on_bytes)
        if done is None:
            return None
        sources = [source for each in done for source in each.sources] + hashed()
    return _join(done, sources, writer, findings)


@contextmanager
def _running(jobs: Sequence[Job]) -> Iterator[list[_Worker]]:
    # One seed for all: what is equal must have equal keys in every part.
    seed = str(1 + secrets.randbelow(2**32 - 1))
    workers: list[_Worker] = []
    try:
        for job in jobs:
            workers.append(_Worker(job, seed))  # noqa: PERF401  # those that were started must end
        for worker in workers:
            worker.tell()
        yield workers
    finally:
        for worker in workers:
            worker.end()


def _wait(workers: Sequence[_Worker], on_bytes: OnBytes | None) -> list[Done] | None:
    """What all of them made, in order; None as soon as one of them cannot be used."""
    done: dict[int, Done] = {}
    failed: dict[int, Exception] = {}
    told = dict.fromkeys(range(len(workers)), b"")
    with selectors.DefaultSelector() as selector:
        for number, worker in enumerate(workers):
            selector.register(worker.output, selectors.EVENT_READ, number)
        while selector.get_map():
            for key, _ in selector.select():
                data = os.read(key.fd, _READ_AT_ONCE)
                if data:
                    told[key.data] = _tell(told[key.data] + data, on_bytes)
                    continue
                selector.unregister(key.fileobj)
                try:
                    done[key.data] = workers[key.data].result()
                except (EsrError, OSError) as error:
                    # The first in the order of the trace is what one process would have met.
                    failed[key.data] = error
                    for worker in workers[key.data + 1 :]:
                        worker.process.kill()
                    continue
                if not done[key.data].stands_alone or (done[key.data].leans and key.data > 0):
                    return None
    if failed:
        raise failed[min(failed)]
    in_order = [done[number] for number in range(len(workers))]
    first = in_order[0].reading
    # Delays alone: where they lie in time only a stamp of another part could say.
    return in_order if first.is_anchored or not first.tally.used else None


def _tell(told: bytes, on_bytes: OnBytes | None) -> bytes:
    """Pass on how much was read; what is left is the start of another number."""
    whole = len(told) - len(told) % COUNT.size
    if on_bytes is not None and whole:
        on_bytes(sum(count for (count,) in COUNT.iter_unpack(told[:whole])))
    return told[whole:]


@contextmanager
def _hashing(parts: Sequence[list[Piece]]) -> Iterator[Callable[[], list[Sourced]]]:
    """Hashes the files that are cut, which nobody reads whole, while others read them in parts."""
    cut = {p.place: p.file for part in parts for p in part if p.stretch is not None}
    hashed: list[Sourced] = []
    failed: list[OSError] = []
    gone = threading.Event()

    def hash_all() -> None:
        try:
            hashed.extend((place, _hash(file, gone)) for place, file in cut.items())
        except OSError as error:
            failed.append(error)

    def wait() -> list[Sourced]:
        thread.join()
        for error in failed:
            raise TraceError(f"cannot read {error.filename}: {error.strerror}") from error
        return hashed

    thread = threading.Thread(target=hash_all, name="hashing")
    thread.start()
    try:
        yield wait
    finally:
        gone.set()
        thread.join()


def _hash(file: TraceFile, gone: threading.Event) -> SourceFile:
    digest, size = hashlib.sha256(), 0
    with file.path.open("rb", buffering=0) as handle:
        while not gone.is_set() and (block := handle.read(_HASHED_AT_ONCE)):
            digest.update(block)
            size += len(block)
    return SourceFile(file.name, size, digest.hexdigest())


def _join(
    done: Sequence[Done], sources: list[Sourced], writer: TapeWriter, findings: Findings | None
) -> Reading | None:
    """All parts as one; None when a tape has no room for all of their hosts."""
    places = Places()
    parts = []
    for each in done:
        (part,) = each.reading.parts
        try:
            hosts = [places.add_host(authority) for authority in each.reading.hosts]
        except EventError:
            return None
        routes = [places.add_route(key) for key in each.reading.route_keys]
        numbers = np.array(hosts, np.uint16), np.array(routes, np.uint16)
        parts.append(replace(part, hosts=numbers[0], routes=numbers[1]))
        _join_files(part.folder, writer.path)
    tally = Tally()
    for each in done:
        tally.merge(each.reading.tally)
        if findings is not None and each.findings is not None:
            findings.merge(each.findings)
    for _, source in sorted(sources, key=lambda pair: pair[0]):
        tally.add_source(source)
    readings = [each.reading for each in done]
    return Reading(
        tally,
        places.hosts(),
        places.route_keys(),
        parts,
        any(reading.is_anchored for reading in readings),
        {name for reading in readings for name in reading.formats},
        {stamp for reading in readings for stamp in reading.stamps},
        sum(reading.blob_size for reading in readings),
        {
            "requests": sum(reading.bodies["requests"] for reading in readings),
            "bytes": sum(reading.bodies["bytes"] for reading in readings),
            "largest": max(reading.bodies["largest"] for reading in readings),
        },
    )


def _join_files(part: Path, folder: Path) -> None:
    """Request bytes and names of the part behind those that are there; they are gone from it."""
    for name in (BLOB, *NAMES):
        more = part / name
        if not more.exists():
            continue
        if not (folder / name).exists():
            more.rename(folder / name)
            continue
        with more.open("rb") as source, (folder / name).open("ab") as target:
            shutil.copyfileobj(source, target, _COPIED_AT_ONCE)
        more.unlink()


def _environment(hash_seed: str) -> dict[str, str]:
    """The process finds the package where this one found it, installed or not."""
    home = str(Path(replay.__file__).parent.parent)
    inherited = os.environ.get("PYTHONPATH")
    path = os.pathsep.join(filter(None, (home, inherited)))
    return {**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": hash_seed}
