"""The stubbed services, one file each. `all_services` is what the gateway answers with."""

from __future__ import annotations

from stubs.service import Service
from stubs.services.ach import make_ach
from stubs.services.act import make_act
from stubs.services.svc import make_svc


def all_services() -> tuple[Service, ...]:
    """Every service, each with a memory of its own."""
    return (make_svc(), make_act(), make_ach())
