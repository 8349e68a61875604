"""The workers of a gateway: started, restarted, told, heard, stopped. No request passes here.

What they count is merged into `totals` and `ledger` once a second. Read next: `member.py` (one of
them), `panel.py` (what the control API reads and does), `hms_esr/gateway_worker.py` (their side).
"""

from __future__ import annotations

import asyncio
import secrets
import signal
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from hms_esr.gateways.counts import add_counts, add_faults, add_flows
from hms_esr.gateways.errors import GatewayError
from hms_esr.gateways.job import Job, part_of
from hms_esr.gateways.listening import Address, join
from hms_esr.gateways.member import Member
from hms_esr.gateways.options import GatewayOptions
from hms_esr.gateways.plain_values import to_plain_data
from hms_esr.gateways.restarts import restart_delay_s
from hms_esr.gateways.rules_keeper import InForce
from proxy.metrics import Totals
from switchboard.ledger import Ledger

READY_TIMEOUT_S: Final = 30.0
"""How long the workers may take to come up; a machine under load is slow."""
FRESH_TIMEOUT_S: Final = 1.0
EXIT_MARGIN_S: Final = 5.0
DEATHS_REMEMBERED: Final = 16


class Supervisor:
    """All workers of one gateway. Use `start`, then `stop`."""

    def __init__(
        self,
        options: GatewayOptions,
        address: Address,
        in_force: InForce,
        say: Callable[[str], None],
    ) -> None:
        self.totals = Totals()
        self.ledger = Ledger()
        self.tripped: str | None = None
        """Why everything is refused, or None."""
        self._options = options
        self._address = address
        self._in_force = in_force
        self._say = say
        self._hop = secrets.token_hex(8)
        self._session_key = secrets.token_hex(16)
        self._started_ns = time.monotonic_ns()
        self._members: list[Member | None] = [None] * options.workers
        self._is_stopping = False
        self._is_up = False

    @property
    def members(self) -> tuple[Member, ...]:
        """Those that live."""
        return tuple(member for member in self._members if member is not None)

    async def start(self, tasks: asyncio.TaskGroup) -> None:
        """Start them and wait until all accept. Raises GatewayError."""
        started = [await self._spawn(number) for number in range(self._options.workers)]
        for member in started:
            tasks.create_task(self._keep(member))
        everyone = asyncio.gather(*(member.ready for member in started), return_exceptions=True)
        try:
            await asyncio.wait_for(everyone, READY_TIMEOUT_S)
        except TimeoutError:
            raise GatewayError(
                "the workers did not come up in time: is the machine busy?"
            ) from None
        for member in started:
            if not member.is_ready:
                why = member.complaint or "it ended before it was ready"
                raise GatewayError(f"worker {member.number} could not start: {why}")
        self._is_up = True

    async def stop(self) -> None:
        """Let what is in flight end, then make sure that no process is left."""
        self._is_stopping = True
        for member in self.members:
            member.tell(do="stop")
        limit_s = self._options.limits.drain_s + EXIT_MARGIN_S if self._is_up else EXIT_MARGIN_S
        await asyncio.gather(*(member.close(limit_s) for member in self.members))

    def kill(self) -> None:
        """End them now, whatever is in flight."""
        self._is_stopping = True
        for member in self.members:
            member.kill()

    async def end_hung(self) -> None:
        """For ever: end a worker that says nothing any more, so that another takes its place."""
        limit_s = self._options.hung_after_s
        while True:
            await asyncio.sleep(limit_s / 4)
            for member in self.members:
                silent_s = time.monotonic() - member.heard_s
                if member.is_ready and silent_s > limit_s:
                    self._say(f"worker {member.number} has said nothing for {silent_s:.0f} s")
                    member.kill()

    async def replace(self, in_force: InForce) -> None:
        """Have every worker take new rules, and those that start later as well."""
        self._in_force = in_force
        await self._ask_all(**_order_of(in_force))

    async def trip(self, reason: str) -> None:
        """Refuse everything from now on, in every worker and in those that start later."""
        self.note_trip(reason)
        await self._ask_all(do="trip", reason=self.tripped)

    def note_trip(self, reason: str) -> None:
        """Workers that start from now on refuse everything; the first reason is kept."""
        if self.tripped is None:
            self.tripped = reason

    async def refresh(self) -> None:
        """Have the counts of this moment; a worker that is slow is counted as of a second ago."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._ask_all(do="report"), FRESH_TIMEOUT_S)

    async def _ask_all(self, **fields: Any) -> None:
        await asyncio.gather(*(member.ask(**fields) for member in self.members))

    async def _spawn(self, number: int) -> Member:
        with join(self._address) as listener:
            job = self._job(number, listener.fileno())
            in_force = self._in_force
            member = await Member.spawn(job, listener, self._take)
        self._members[number] = member
        # While the process started, all others may have been told something.
        if self._in_force is not in_force:
            member.tell(**_order_of(self._in_force))
        if self.tripped != job.tripped:
            member.tell(do="trip", reason=self.tripped)
        if self._is_stopping:
            member.kill()
        return member

    def _job(self, number: int, socket_fd: int) -> Job:
        options = self._options
        record, access_log = (
            part_of(path, number, options.workers) for path in (options.record, options.access_log)
        )
        return Job(
            number=number,
            socket_fd=socket_fd,
            rules=self._in_force.rules,
            secrets=tuple(self._in_force.secrets.items()),
            mode_file=str(options.mode_file),
            limits=options.limits,
            hop=self._hop,
            seed=options.seed,
            session_key=self._session_key,
            tls_cert=str(options.tls_cert) if options.tls_cert else None,
            tls_key=str(options.tls_key) if options.tls_key else None,
            record=record,
            access_log=access_log,
            chaos=options.chaos,
            started_ns=self._started_ns,
            tripped=self.tripped,
        )

    async def _keep(self, member: Member) -> None:
        """Hear a worker out; when it dies, start another in its place."""
        deaths_s: deque[float] = deque(maxlen=DEATHS_REMEMBERED)
        number = member.number
        while True:
            code = await member.live()
            self._members[number] = None
            if self._is_over():
                return
            deaths_s.append(time.monotonic())
            delay_s = restart_delay_s(deaths_s, deaths_s[-1])
            again = f"another starts in {delay_s:g} s" if delay_s else "another starts"
            why = f" ({member.complaint})" if member.complaint else ""
            self._say(f"worker {number} {how_it_ended(code)}{why}; {again}")
            await asyncio.sleep(delay_s)
            if self._is_over():
                return
            add_flows(self.totals, {"worker_restarts": 1})
            member = await self._spawn(number)

    def _is_over(self) -> bool:
        """True when a worker that ended is not to be missed."""
        return self._is_stopping or not self._is_up

    def _take(self, report: dict[str, Any]) -> None:
        add_counts(self.totals, report["counts"])
        add_flows(self.totals, report["flows"])
        self.ledger.merge(report["ledger"])
        add_faults(self.totals, report["faults"])


def _order_of(in_force: InForce) -> dict[str, Any]:
    """What a worker is told of new rules."""
    pairs = list(in_force.secrets.items())
    return {"do": "rules", "rules": to_plain_data(in_force.rules), "secrets": pairs}


def how_it_ended(code: int) -> str:
    """`was killed by SIGKILL` or `ended with code 1`."""
    if code >= 0:
        return f"ended with code {code}"
    with suppress(ValueError):
        return f"was killed by {signal.Signals(-code).name}"
    return f"was killed by signal {-code}"
