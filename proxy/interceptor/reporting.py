"""Who is told: the observer, of every request and every refusal; and the counts of the door."""

from __future__ import annotations

import time
from dataclasses import dataclass, fields

from mitmproxy.connection import Client

from switchboard.decide import Refuse
from switchboard.exchange import Exchange, Observer, Refusal

LONGEST_HOST = 100


@dataclass(slots=True)
class Statistics:
    """Whole numbers since the start; a value to read."""

    connections: int = 0
    requests: int = 0
    answered: int = 0
    refused: int = 0
    names_answered: int = 0
    dials: int = 0
    dials_denied: int = 0
    clients_gone: int = 0
    """Clients that left before their answer was complete."""
    crashes: int = 0
    """Connections that were cut because something inside mitmproxy failed."""

    def to_json(self) -> dict[str, int]:
        return {each.name: getattr(self, each.name) for each in fields(self)}


class Reporter:
    """Tells the observer, and counts."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self.counts = Statistics()

    def passed(self, exchange: Exchange) -> None:
        """A request was answered by the sandbox."""
        self.counts.answered += 1
        self._observer.passed(exchange)

    def refused(self, client: Client, host: str, method: str, refusal: Refuse) -> None:
        """An attempt was refused; who asked is named."""
        self.counts.refused += 1
        self._observer.refused(
            Refusal(
                at_ns=time.time_ns(),
                door="proxy",
                client=client_name(client),
                host=shown_host(host),
                method=method[:20] if method.isascii() and method.isprintable() else "?",
                rule=refusal.rule,
                reason=refusal.reason,
            )
        )


def client_name(client: Client) -> str:
    """`127.0.0.1:50412`."""
    host, port = client.peername[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def shown_host(text: str) -> str:
    """A hostile host fit for a report: no user information, no control characters."""
    return ascii(text.rpartition("@")[2][:LONGEST_HOST])[1:-1]
