"""What all connections of a gateway share: the book, the pools, the limits, who is told.

Floor 1. It is asked for every request and touches no socket itself.
Read next: `book.py`, `client_wire.py`, `server.py`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from proxy.gateway.book import Book, Way
from proxy.gateway.dialler import Connect, Dialler
from proxy.gateway.errands import Errands
from proxy.gateway.limits import Limits
from proxy.gateway.plan import Plan
from proxy.gateway.pool import Place, Pool
from proxy.gateway.readers import AnswerReader, RequestReader
from proxy.gateway.request_head import RequestHead
from proxy.gateway.statistics import GatewayStatistics
from proxy.gateway.tls import AskedNames, server_name_of
from switchboard.decide import Ask, refuse
from switchboard.edit_request import is_loop
from switchboard.exchange import Exchange, Observer, Refusal, StubCall
from switchboard.switch import Switch
from switchboard.trouble import TroubleCall

if TYPE_CHECKING:
    from proxy.gateway.client_wire import ClientWire

log = logging.getLogger("proxy.gateway")
_MOST_TURNS: Final = 3


class Desk:
    """One a gateway."""

    def __init__(
        self,
        switch: Switch,
        observer: Observer,
        limits: Limits,
        *,
        stubs: StubCall | None,
        max_captured_bytes: int,
        hop: str,
        clock: Callable[[], float],
        connect: Connect | None,
        troubles: TroubleCall | None = None,
    ) -> None:
        self.switch = switch
        self.limits = limits
        self.stubs = stubs
        self.troubles = troubles
        """None: no fault was ever declared, and nobody is asked."""
        self.max_captured_bytes = max_captured_bytes
        """0: bodies are not kept for whoever observes."""
        self.hop = hop
        self.statistics = GatewayStatistics()
        self.reader = RequestReader(limits.max_headers)
        self.errands = Errands()
        self.dialler = Dialler(
            switch, limits, AnswerReader(limits.max_headers), self.errands, self.statistics, connect
        )
        self.names = AskedNames()
        self.clients: set[ClientWire] = set()
        self.is_draining = False
        """It stops: every answer is the last one of its connection."""
        self.is_over = False
        """It has stopped: whoever comes now comes too late."""
        self._observer = observer
        self._clock = clock
        self.now = clock()
        """Seconds, monotonic, as of the last sweep: fine enough for every timeout."""
        self._book = Book(switch.rules, switch.secrets, switch.mode, hop)
        self._pools: dict[Place, Pool] = {}
        self._changed: list[asyncio.Future[None]] = []

    # What a request asks.

    def choose(self, scheme: str, head: RequestHead) -> Way:
        """Where it goes, or why it does not."""
        if head.hops and self.hop and is_loop(head.headers, self.hop):
            return refuse("loop")
        for _ in range(_MOST_TURNS):
            way = self.book().choose(self.switch, scheme, head)
            if way is not None:
                return way
        return refuse("no-rules", "they changed again and again while they were asked")

    def book(self) -> Book:
        """The book of the rules and the mode that hold now."""
        book = self._book
        if not book.is_current(self.switch):
            book = self._begin_book()
        return book

    def _begin_book(self) -> Book:
        switch = self.switch
        self._book = Book(switch.rules, switch.secrets, switch.mode, self.hop)
        self.close_pools()
        self.dialler.forget_authorities()
        return self._book

    def close_pools(self) -> None:
        """End every idle connection, and those in use once they are done."""
        for pool in self._pools.values():
            pool.retire()
        self._pools = {}

    def pool_of(self, plan: Plan) -> Pool:
        """Where the plan's destination has its idle connections.

        A plan of an old book gets a pool of its own book's time: retired, so that nothing is kept.
        """
        pool = plan.pool
        if pool is None:
            to = plan.to
            name = ca_file = None
            if to.scheme == "https":
                ask = Ask(plan.scheme, plan.host, plan.port, "GET", "/")
                name, ca_file = server_name_of(ask, plan.forward), to.ca_file
            place = Place(to.address, to.port, name, ca_file)
            pool = self._pools.get(place)
            if pool is None:  # an empty one is false
                pool = Pool(place, self.limits)
            plan.pool = pool
            self._pools[place] = pool
        return pool

    # What is told.

    def passed(self, exchange: Exchange) -> None:
        """A request was answered."""
        statistics = self.statistics
        statistics.bytes_in += exchange.bytes_in
        statistics.bytes_out += exchange.bytes_out
        key = (exchange.upstream, exchange.status // 100)
        statistics.by[key] = statistics.by.get(key, 0) + 1
        try:
            self._observer.passed(exchange)
        except Exception:
            self._complain()

    def refused(self, refusal: Refusal) -> None:
        """A request was refused."""
        self.statistics.refused += 1
        try:
            self._observer.refused(refusal)
        except Exception:
            self._complain()

    def _complain(self) -> None:
        self.statistics.observer_errors += 1
        if self.statistics.observer_errors == 1:
            log.exception("whoever observes this gateway raised; later ones are only counted")

    def changed(self) -> None:
        """Something ended: whoever waits for that looks again."""
        if self._changed:
            waiting, self._changed = self._changed, []
            for each in waiting:
                if not each.done():
                    each.set_result(None)

    async def wait_until(self, is_done: Callable[[], bool], timeout_s: float) -> bool:
        """Wait for it, looking whenever something ended. False when the time was up."""
        try:
            async with asyncio.timeout(timeout_s):
                while not is_done():
                    future = asyncio.get_running_loop().create_future()
                    self._changed.append(future)
                    await future
        except TimeoutError:
            return is_done()
        return True

    # What time brings.

    def sweep(self) -> None:
        """Look after every timeout; a few times a second."""
        self.now = now = self._clock()
        self.book()
        for client in [each for each in self.clients if each.deadline <= now]:
            client.check(now)
        for pool in self._pools.values():
            pool.sweep(now)

    @property
    def idle_upstreams(self) -> int:
        """Connections to upstreams that nobody uses now."""
        return sum(len(pool) for pool in self._pools.values())
