"""The stub gateway of a run: started with the scenario's stubs and faults, driven by the run.

The gateway is a process of its own. It writes what only it knows (which faults touched which
requests, what the ledger really holds) into the run folder as it happens; the run tells it where
recorded time stands. `esr chaos` finds its admin API through the run folder.
Read next: `sandbox.py`, `stubs/config.py`.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import stubs.services
from hms_esr.admin_client import AdminClient
from hms_esr.answers import write_answers
from hms_esr.latency_files import load_latencies
from hms_esr.live_control import remove_control, write_control
from hms_esr.preparation import Preparation
from hms_esr.scratch import no_room
from scorecard.ledger_file import read_ledger
from scorecard.payments import PaymentsTruth, compare
from stubs.clock import Anchor
from stubs.config import GatewayConfig
from stubs.faults.mapping import fault_mapping
from stubs.latency import latencies_by_place
from stubs.process import StubProcess
from stubs.touches import TOUCHES_FILE
from switchboard.errors import EsrError, ScenarioError

LEDGER: Final = "ledger.ndjson"
ADMIN: Final = "127.0.0.1:0"


@dataclass(frozen=True, slots=True)
class EmbeddedStubs:
    """A running gateway, as the run sees it."""

    port: int
    admin: AdminClient
    speed: float
    epoch_ms: float
    process: StubProcess

    @property
    def loss(self) -> str | None:
        """Why what callers met since is nobody's doing but ours: the gateway has ended."""
        code = self.process.process.poll()
        if code is None:
            return None
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        return (
            f"the stub gateway of the run {how} while requests were played, so what failed since "
            "says nothing about any service or fault: run again"
        )

    async def follow(self, t0_ns: int) -> None:
        """Recorded time is 0 at `t0_ns` of the monotonic clock, and goes on from there."""
        anchor = Anchor(t0_ns, 0.0, self.speed, self.epoch_ms)
        await asyncio.to_thread(self.admin.follow, anchor)

    async def faults(self) -> list[dict[str, Any]] | None:
        """Every fault there is, also those injected on the way; None when nobody says."""
        try:
            told = await asyncio.to_thread(self.admin.call, "GET", "/faults")
        except EsrError:  # the run finds out by itself when its gateway died
            return None
        found = told.get("faults") if isinstance(told, dict) else None
        return [fault for fault in found or () if isinstance(fault, dict)]

    async def lost(self) -> dict[str, int]:
        """How much of each of its files the gateway could not write; nothing when it is gone."""
        try:
            told = await asyncio.to_thread(self.admin.call, "GET", "/config")
        except EsrError:  # that it died is found and said elsewhere
            return {}
        lost = told.get("lost") if isinstance(told, dict) else None
        return {str(name): int(count) for name, count in (lost or {}).items()}


class FaultWatch:
    """What changed among the faults of a run, and all of them that ever were."""

    def __init__(self) -> None:
        self._states: dict[str, str] = {}
        self._written: dict[int, dict[str, Any]] = {}

    @property
    def written(self) -> list[dict[str, Any]]:
        """faults.json: a fault that was cleared stays, for what it touched has its number."""
        return [self._written[number] for number in sorted(self._written)]

    def look(self, faults: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """The timeline's `fault` events: which one is in which state now."""
        changed: list[dict[str, Any]] = []
        for fault in faults:
            name, state = str(fault.get("id")), str(fault.get("state"))
            if self._states.get(name, "waiting") != state:
                changed.append({"fault": name, "state": state, "touched": fault.get("touched")})
            self._states[name] = state
            self._written[fault["number"]] = {"number": fault["number"], **fault["written"]}
        for name in self._states.keys() - {str(fault.get("id")) for fault in faults}:
            changed.append({"fault": name, "state": "cleared"})
            del self._states[name]
        return changed


@asynccontextmanager
async def open_stubs(
    prep: Preparation, folder: Path, scratch: Path
) -> AsyncIterator[EmbeddedStubs]:
    """The gateway for as long as the context lasts; it writes what it knows into `folder`.

    Raises UpstreamError when it does not come up, UsageError for files that cannot be read.
    """
    config = gateway_config(prep, folder, scratch)
    # Of this run alone: nobody else on this machine is to break it, and $ESR_TOKEN is for --serve.
    token = secrets.token_hex(16)
    stub = await asyncio.to_thread(StubProcess.start, config=config, token=token)
    try:
        admin = AdminClient(f"http://{stub.admin}", token)
        write_control(folder, f"http://{stub.admin}", token)
        yield EmbeddedStubs(stub.port, admin, _speed(prep), _epoch_ms(prep), stub)
    finally:
        remove_control(folder)
        await asyncio.to_thread(stub.stop)


def gateway_config(prep: Preparation, folder: Path, scratch: Path) -> GatewayConfig:
    """What the run's gateway is started with; the answers learned from its tape are written."""
    answers = scratch / "answers.json"
    with no_room("the answers of the sandbox", scratch):
        write_answers(prep.tape, answers)
    scenario = prep.scenario
    stubs = scenario.stubs
    settings = {name: dict(of) for name, of in stubs.settings.items()}
    if scenario.hitl_skip:
        settings["hitl"] = {"skip": True, **settings.get("hitl", {})}
    beside = scenario.file.parent if scenario.file is not None else Path.cwd()
    learned = _learned(stubs.latencies, beside)
    if not stubs.definitions:
        _check_latency([name for name, _ in stubs.latency], prep)
    return GatewayConfig(
        seed=scenario.seed,
        services=stubs.services,
        definitions=(str(_beside(stubs.definitions, beside)),) if stubs.definitions else (),
        settings=settings,
        latencies={**learned, **dict(stubs.latency)},
        faults=tuple(fault_mapping(fault) for fault in prep.faults),
        answers=str(answers),
        touches=str(folder / TOUCHES_FILE),
        ledger=str(folder / LEDGER),
        admin=ADMIN,
        clock=Anchor(0, 0.0, 0.0, _epoch_ms(prep)),  # stands still until the run begins
        with_parent=True,
    )


def numbered_faults(prep: Preparation) -> list[dict[str, Any]]:
    """faults.json: the timetable, each fault with the number that touches.rows has for it."""
    return [{"number": n, **fault_mapping(fault)} for n, fault in enumerate(prep.faults)]


def read_truth(folder: Path, beliefs: Mapping[int, bool]) -> PaymentsTruth | None:
    """What the ledger of a run and the callers' beliefs come to; None where no ledger was kept."""
    if not (folder / LEDGER).is_file():
        return None
    return compare(read_ledger(folder / LEDGER), beliefs)


def _learned(name: str | None, beside: Path) -> dict[str, Any]:
    """Learned latencies by `service METHOD /template`. Raises ScenarioError."""
    if name is None:
        return {}
    return dict(latencies_by_place(load_latencies(_beside(name, beside))))


def _check_latency(places: Sequence[str], prep: Preparation) -> None:
    """Raises ScenarioError for a latency of a service that neither the stubs nor the log have."""
    bundled = {path.stem for path in Path(stubs.services.__file__).parent.glob("*.yml")}
    recorded = {route.service for route in prep.tape.info.routes}
    known = sorted(bundled | recorded)
    for place in places:
        service = place.partition(" ")[0]
        is_part = service.partition("-")[0] in bundled
        if not is_part and service not in recorded:
            raise ScenarioError(
                f"stubs.latency: there is no service {service!r}; there are {', '.join(known)}"
            )


def _beside(name: str, folder: Path) -> Path:
    path = Path(name)
    return path if path.is_absolute() or not (folder / path).exists() else folder / path


def _speed(prep: Preparation) -> float:
    """Without a pace recorded time has no speed of its own; requests carry theirs."""
    return prep.pace.speed if prep.pace.is_paced else 1.0


def _epoch_ms(prep: Preparation) -> float:
    """When the trace began, Unix time."""
    return prep.tape.info.start_ns / 1e6
