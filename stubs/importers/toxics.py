"""Toxiproxy's toxics as faults, as our own Toxiproxy API has them. Floor 1, pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stubs.importers.report import Item, NotTakenError
from stubs.toxiproxy.toxics import TOXICS, ToxiproxyError, parse_toxic


def toxic_fault(raw: Mapping[str, Any], item: Item) -> tuple[str, dict[str, Any]]:
    """The toxic's name, and its fault without target and time. Raises NotTakenError."""
    try:
        toxic = parse_toxic(dict(raw))
        fields = toxic.fields()
    except ToxiproxyError as error:
        raise NotTakenError(str(error)) from None
    if TOXICS[toxic.type].nearly:
        item.approximate(TOXICS[toxic.type].nearly)
    if toxic.toxicity < 1:
        item.approximate("its toxicity is the share of the requests, not of the connections")
        return toxic.name, fields
    return toxic.name, {key: value for key, value in fields.items() if key != "probability"}
