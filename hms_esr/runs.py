"""Reading the runs that were kept, also those that were killed.

Showing a killed run first turns the rows it left into Parquet, so that it reads like any other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import orjson

from hms_esr.plain import to_plain, to_shown
from hms_esr.run_folder import FINAL_STATES, state_of
from scorecard.files import Losses
from scorecard.store import rows_to_parquet
from switchboard.errors import EsrError

LATEST = "latest"
DOCUMENTS = ("run.json", "scorecard.json", "certificate.json", "interlock.json")


class UnknownRunError(EsrError):
    """There is no such run, or several."""


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A line of `esr runs`."""

    run_id: str
    scenario: str | None
    state: str
    verdict: str | None
    started: str | None
    sent: int | None
    error_pct: float | None
    p95_ms: float | None

    def to_json(self) -> dict[str, Any]:
        """One field a key."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class ShownRun:
    """Everything that `esr runs show` tells."""

    run_id: str
    state: str
    folder: Path
    facts: Mapping[str, Any]
    card: Mapping[str, Any] | None
    certificate: Mapping[str, Any] | None
    files: tuple[tuple[str, int], ...]
    notes: tuple[str, ...]

    @property
    def title(self) -> str:
        """What heads the scorecard."""
        return f"{(self.card or {}).get('scenario', self.run_id)}  {self.state}"

    def to_json(self) -> dict[str, Any]:
        """run.json's facts with the state as it really is, the scorecard and the certificate."""
        return {
            **self.facts,
            "run_id": self.run_id,
            "state": self.state,
            "folder": to_plain(str(self.folder)),
            "scorecard": self.card,
            "certificate": self.certificate,
            "files": dict(self.files),
            "notes": list(self.notes),
        }


def list_runs(folder: Path) -> tuple[RunSummary, ...]:
    """Every run, newest first."""
    return tuple(_summary(run) for run in _run_folders(folder))


def show_run(folder: Path, name: str) -> ShownRun:
    """The run that `name` means. Raises UnknownRunError."""
    run = find_run(folder, name)
    facts = _read(run / "run.json")
    state = state_of(run, _text(facts.get("state")))
    notes = _recover(run) if state in FINAL_STATES else []
    notes += [f"{name} is damaged" for name in DOCUMENTS if _is_damaged(run / name)]
    card = _read(run / "scorecard.json") or None
    if card is not None:
        card = {**card, "state": state}
    reason = facts.get("reason")
    if card is None and reason:
        notes.append(str(reason))
    return ShownRun(
        run_id=to_plain(run.name),
        state=state,
        folder=run,
        facts=facts,
        card=card,
        certificate=_read(run / "certificate.json") or None,
        files=_files(run),
        notes=tuple(notes),
    )


def _recover(run: Path) -> list[str]:
    """Turn rows that a killed run left into Parquet."""
    losses = Losses()
    converted = rows_to_parquet(run, losses)
    notes = []
    if converted.rows:
        notes.append(f"recovered {converted.rows:,} outcomes that the run had measured")
    if converted.torn_bytes:
        notes.append(f"{converted.torn_bytes} bytes of an outcome were torn and left out")
    if losses.first:
        notes.append(losses.first)
    return notes


def _summary(run: Path) -> RunSummary:
    facts, card = _read(run / "run.json"), _read(run / "scorecard.json")
    return RunSummary(
        run_id=to_plain(run.name),
        scenario=_text(_inside(facts.get("scenario")).get("id")),
        state=state_of(run, _text(facts.get("state"))),
        verdict=_text(facts.get("verdict")),
        started=_text(facts.get("started")),
        sent=_count(_inside(card.get("requests")).get("sent")),
        error_pct=_number(card.get("error_pct")),
        p95_ms=_number(card.get("latency_p95_ms")),
    )


# A damaged file must not hide the other runs: what has the wrong type is not known.
def _inside(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: object) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def find_run(folder: Path, name: str) -> Path:
    """The folder of the run that `name` means. Raises UnknownRunError."""
    runs = _run_folders(folder)
    if not runs:
        raise UnknownRunError(f"there are no runs in {folder}; start one with esr-replay SCENARIO")
    if name == LATEST:
        return runs[0]
    exact = [run for run in runs if run.name == name]
    matching = exact or [run for run in runs if name and run.name.startswith(name)]
    if len(matching) == 1:
        return matching[0]
    if matching:
        shown = ", ".join(to_shown(run.name) for run in matching[:5])
        raise UnknownRunError(f"{name} is the start of several runs: {shown}; write more of it")
    names = [to_shown(run.name) for run in runs]
    near = get_close_matches(name, names, 3, 0.4) or names[:3]
    raise UnknownRunError(
        f"there is no run {to_shown(name[:80]) or 'of no name'} in {folder}; "
        f"near are {', '.join(near)}"
    )


def _run_folders(folder: Path) -> list[Path]:
    """Newest first, which the ids sort by."""
    return sorted((run for run in folder.glob("RUN-*") if run.is_dir()), reverse=True)


def _is_damaged(path: Path) -> bool:
    return path.is_file() and not _read(path)


def _read(path: Path) -> dict[str, Any]:
    """A JSON object, or an empty one where it is missing or damaged."""
    try:
        value = orjson.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _files(run: Path) -> tuple[tuple[str, int], ...]:
    return tuple(
        (to_plain(path.name), path.stat().st_size)
        for path in sorted(run.iterdir())
        if path.is_file() and path.name != "lock"
    )
