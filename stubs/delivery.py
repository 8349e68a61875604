"""Whose answers arrived: what the gateway saw on the wire, told to the services that care.

A stub cannot know that its answer was lost on the way, and a ledger needs to: a payment that was
taken while its caller heard nothing is a ghost. The gateway tells it here after an answer that was
not delivered whole, or that a fault had touched; of all others it need say nothing.

    deliveries = watch_deliveries(services)
    …
    deliveries.told("ach", "POST /payments", request_id, attempt, status, delivered)

Floor 1, no sockets. Read next: `services/ach/ledger.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, runtime_checkable

from stubs.service import Service


@runtime_checkable
class Delivery(Protocol):
    """A store of a service that wants to know what became of answers."""

    def watch(self) -> None:
        """From now on it is told of every answer that did not arrive as it was made."""

    def told(
        self, service: str, route: str, request_id: int, attempt: int, status: int, delivered: bool
    ) -> None:
        """One answer is over.

        service: the label it was sent to.   route: `POST /payments`.   status: that the caller
        read, which a fault may have made up; 0 when there was none.   delivered: whether the whole
        answer was written to a connection that still stood.
        """


class DeliveryLog:
    """Passes on what became of answers."""

    def __init__(self, observers: Iterable[Delivery] = ()) -> None:
        self.observers: list[Delivery] = []
        for observer in observers:
            self.add(observer)

    def add(self, observer: Delivery) -> None:
        self.observers.append(observer)
        observer.watch()

    def told(
        self, service: str, route: str, request_id: int, attempt: int, status: int, delivered: bool
    ) -> None:
        """As `Delivery.told`, to every observer."""
        for observer in self.observers:
            observer.told(service, route, request_id, attempt, status, delivered)


def watch_deliveries(services: Iterable[Service]) -> DeliveryLog:
    """A log whose observers are the stores of the services that ask to be told."""
    stores = {id(store): store for service in services for store in service.stores}
    return DeliveryLog(store for store in stores.values() if isinstance(store, Delivery))
