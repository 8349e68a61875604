"""The delays of a Hoverfly simulation that hold for every pair of an address. Floor 1, pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from stubs.definitions.patterns import Pattern
from stubs.importers.fields import list_in, mapping_of, text_in
from stubs.importers.report import Item, LossReport, NotTakenError
from stubs.importers.text_match import check_pattern
from stubs.importers.waits import Latency, fixed_latency, mean_lognormal_latency

MAX_RULES: Final = 50


class GlobalDelays:
    """`globalActions`: the first delay whose pattern is found in host and path holds."""

    def __init__(self, raw: object, report: LossReport) -> None:
        self._rules: list[tuple[Pattern, str, Latency, Item]] = []
        self._used: set[int] = set()
        if raw is None:
            return
        try:
            actions = mapping_of(raw, "`globalActions`")
            for key in ("delays", "delaysLogNormal"):
                for where, each in report.each(f"globalActions.{key}", list_in(actions, key)):
                    with report.taking(where) as item:
                        if len(self._rules) >= MAX_RULES:
                            raise NotTakenError(f"up to {MAX_RULES} of them are read")
                        self._rules.append(_read_rule(each, item))
        except NotTakenError as error:
            report.item("data.globalActions").refuse(str(error))

    def find(self, address: str, method: str, item: Item) -> Latency:
        """The delay of a pair that has none itself."""
        for number, (pattern, wanted, latency, _) in enumerate(self._rules):
            if wanted in ("", method) and pattern.finds(address):
                self._used.add(number)
                item.approximate("its delay is that of all its address, from globalActions")
                return latency
        return None

    def close(self) -> None:
        """Say which delays were of no use."""
        for number, (_, _, _, item) in enumerate(self._rules):
            if number not in self._used:
                item.refuse("it is for no pair in the file")


def _read_rule(raw: object, item: Item) -> tuple[Pattern, str, Latency, Item]:
    rule = mapping_of(raw, "a delay")
    item.what = text_in(rule, "urlPattern")[:80]
    try:
        pattern = Pattern(check_pattern(text_in(rule, "urlPattern")))
    except ValueError as error:
        raise NotTakenError(str(error)) from None
    return pattern, text_in(rule, "httpMethod", "").upper(), _latency(rule, item), item


def _latency(rule: Mapping[str, Any], item: Item) -> Latency:
    if "delay" in rule:
        return fixed_latency(rule["delay"])
    if rule.get("min") or rule.get("max"):
        item.approximate("its log-normal delay is not cut at `min` and `max`")
    return mean_lognormal_latency(rule.get("median"), rule.get("mean"))
