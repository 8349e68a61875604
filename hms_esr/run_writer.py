"""The files of a run, written as it goes: what was measured before a crash can still be read.

No write error stops a run: the first is said at once, in one sentence, what is lost after it is
counted, and the scorecard still prints. docs/runs.md lists the files.
"""

from __future__ import annotations

import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hms_esr import __version__
from hms_esr.interlock import INTERLOCK_FILE, Mark, marks_of
from hms_esr.plain import hide_secrets, to_plain
from hms_esr.preparation import Preparation
from hms_esr.run_folder import RunLock, home_folder, new_run_id, runs_folder
from hms_esr.scratch import make_scratch, no_room
from hms_esr.signing import KEY_FILE, load_signer
from replay.outcome import Outcomes
from scenarios.spec import scenario_mapping
from scorecard.card import Scorecard
from scorecard.certificate import Certificate
from scorecard.files import Losses, Timeline, write_json
from scorecard.store import RowSpool, RunContext, rows_to_parquet, save_context
from scorecard.tally import Pace
from stubs.touches import TOUCHES_FILE
from switchboard.interlock import Signer

SCHEMA = "esr.run/1"

Seal = Callable[[Mapping[str, Mark]], Mapping[str, Any]]
"""From the marks of files to the interlock that vouches for them."""


class RunWriter:
    """Writes one run folder. Made by `open`."""

    def __init__(
        self,
        prep: Preparation,
        run_id: str,
        folder: Path,
        scratch: Path,
        losses: Losses,
        signer: Signer | None = None,
    ) -> None:
        self.run_id = run_id
        self.signer = signer
        """None where no key could be had, which is among the losses."""
        self.folder = folder
        self.scratch = scratch
        """Where workers find their part of the plan; gone when the run is over."""
        self._prep = prep
        self._losses = losses
        self._timeline = Timeline(folder / "timeline.ndjson", time.time_ns, losses)
        self._spools = [
            RowSpool(folder / f"outcomes-{number}.rows", losses)
            for number in range(prep.options.workers)
        ]
        self._facts = _facts(prep, run_id)

    @classmethod
    @contextmanager
    def open(
        cls, prep: Preparation, env: Mapping[str, str], cwd: Path, say: Callable[[str], None]
    ) -> Iterator[RunWriter]:
        """A new run folder, locked for as long as the context lasts.

        Where none can be made the run is kept in a temporary folder, and `say` is told. Raises
        ScratchError when there is no room even there, SigningError when a key is no good.
        """
        losses = Losses(say)
        signer = _load_signer(env, cwd, losses)
        run_id = new_run_id(datetime.now(UTC))
        with ExitStack() as stack:
            scratch = make_scratch("esr-run-", stack)
            folder = _make_folder(runs_folder(env, cwd), run_id, losses)
            with suppress(OSError):
                stack.enter_context(RunLock.take(folder))
            writer = cls(prep, run_id, folder, scratch, losses, signer)
            stack.callback(writer.close)
            yield writer

    def enter(self, state: str, elapsed_s: float) -> None:
        """The run is in a new state."""
        self._facts["state"] = state
        self._write_facts()
        self._timeline.append(elapsed_s, "state", state=state)

    def fail(self, reason: str, elapsed_s: float) -> None:
        """The run could not go on."""
        self._facts["reason"] = reason
        self.enter("failed", elapsed_s)

    def note(self, event: str, elapsed_s: float, **more: object) -> None:
        """Something happened to the run."""
        self._timeline.append(elapsed_s, event, **more)

    def begin(self, wall_ns: int) -> None:
        """The run's own time is 0 at `wall_ns`, epoch nanoseconds."""
        plan = self._prep.plan
        self._facts["started"] = datetime.fromtimestamp(wall_ns / 1e9, UTC).isoformat()
        pace: Pace = "open" if self._prep.pace.is_paced else "max"
        routes = self._prep.tape.info.routes
        save_context(
            self.folder,
            RunContext(self.run_id, wall_ns, pace, plan.lanes.name, routes),
            self._losses,
        )

    def append_rows(self, worker: int, rows: Outcomes) -> None:
        """Keep a worker's outcomes."""
        self._spools[worker].append(rows)

    def write_faults(self, faults: Sequence[Mapping[str, Any]]) -> None:
        """Keep the timetable of faults; nothing without any."""
        if faults:
            write_json(self.folder / "faults.json", list(faults), self._losses)

    def lose(self, lost: Mapping[str, int]) -> None:
        """What the stub gateway could not write down of this run, by file."""
        for name, count in lost.items():
            if count:
                error = OSError(f"the stub gateway could not write {name} of it")
                self._losses.add(f"rows of {name}", count, self.folder, error)

    def write_card(self, card: Scorecard) -> None:
        """Keep the newest scorecard."""
        write_json(self.folder / "scorecard.json", card, self._losses)

    def write_interlock(self, seal: Seal) -> None:
        """Keep the interlock as of now; it vouches for no file before the run is over."""
        write_json(self.folder / INTERLOCK_FILE, seal({}), self._losses)

    def finish(self, card: Scorecard, certificate: Certificate, seal: Seal) -> None:
        """Everything that is known at the end: Parquet, certificate, scorecard, interlock."""
        for spool in self._spools:
            spool.close()
        rows_to_parquet(self.folder, self._losses)
        _remove_empty(self.folder / TOUCHES_FILE)
        write_json(self.folder / "certificate.json", certificate.to_json(), self._losses)
        self.write_card(card)
        write_json(self.folder / INTERLOCK_FILE, seal(self._marks()), self._losses)
        self._facts["verdict"] = card["verdict"]
        self._facts["reason"] = card["reason"]
        self._write_facts()

    @property
    def losses(self) -> str | None:
        """One sentence about what could not be written, or None."""
        return self._losses.describe()

    def close(self) -> None:
        """Let the files go; those that nothing was written to are removed."""
        for spool in self._spools:
            spool.close()
        self._timeline.close()
        for log in self.folder.glob("worker-*.log"):
            _remove_empty(log)

    def _marks(self) -> dict[str, Mark]:
        try:
            return marks_of(self.folder)
        except OSError as error:
            self._losses.add("marks of files", 1, self.folder / INTERLOCK_FILE, error)
            return {}

    def _write_facts(self) -> None:
        write_json(self.folder / "run.json", self._facts, self._losses)


def _remove_empty(path: Path) -> None:
    with suppress(OSError):
        if path.stat().st_size == 0:
            path.unlink()


def _make_folder(runs: Path, run_id: str, losses: Losses) -> Path:
    folder = runs / run_id
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        losses.add("run folder", 1, folder, error)
        with no_room("a run folder", None):
            return Path(tempfile.mkdtemp(prefix=f"{run_id}-"))
    return folder


def _load_signer(env: Mapping[str, str], cwd: Path, losses: Losses) -> Signer | None:
    try:
        return load_signer(env, cwd)
    except OSError as error:
        losses.add("signature", 1, home_folder(env, cwd) / KEY_FILE, error)
        return None


def _facts(prep: Preparation, run_id: str) -> dict[str, Any]:
    """run.json: what was played, by what, and how it was asked for."""
    info, asked = prep.tape.info, scenario_mapping(prep.scenario)
    return {
        "schema": SCHEMA,
        "run_id": run_id,
        "state": "ready",
        "verdict": None,
        "reason": None,
        "started": None,
        "scenario": {**asked, "log_path": hide_secrets(asked["log_path"])},
        "target": prep.aim.name,
        "seed": prep.scenario.seed,
        "command": [hide_secrets(to_plain(word)) for word in prep.options.command],
        "workers": prep.options.workers,
        "planned": len(prep.plan),
        "users": len(prep.plan.lanes.name),
        "tape": {
            "sha256": info.digest,
            "requests": info.requests,
            "anonymiser": info.anonymiser,
            "allowed": list(info.account.allowed),
            "found": dict(info.account.found),
            "sources": _sources(prep),
        },
        "versions": {
            "hms_esr": __version__,
            "python": platform.python_version(),
            "platform": sys.platform,
        },
    }


def _sources(prep: Preparation) -> list[dict[str, Any]]:
    return [
        {"path": source.path, "bytes": source.bytes, "sha256": source.sha256}
        for source in prep.tape.info.account.sources
    ]
