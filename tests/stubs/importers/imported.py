"""Importing examples and asking what came out of them, in memory."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scenarios.yaml_lines import load_yaml
from stubs.definitions.reader import parse_definition
from stubs.gateway import Gateway
from stubs.importers.definition import Imported
from stubs.importers.formats import import_value, sniff_format
from stubs.importers.report import Item, LossReport
from stubs.importers.yaml_text import dump_yaml
from stubs.learned import LearnedAnswers
from stubs.service import Service
from tests.stubs.asgi import Said, ScriptedSleep, ask_now

EXAMPLES = Path(__file__).parent / "examples"


class Example:
    """What one example became: definitions, report, and a gateway that answers from them."""

    def __init__(self, value: object, name: str = "example") -> None:
        self.report = LossReport(f"{name}.json", sniff_format(value))
        self.imported: Imported = import_value(value, self.report.format, name, self.report)
        self.services = [read_back(service) for service in self.imported.services]
        self.sleep = ScriptedSleep()
        self.gateway = Gateway(self.services, LearnedAnswers(), 7, self.sleep)

    def ask(
        self,
        method: str,
        target: str,
        *,
        host: str = "",
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> Said:
        """The answer of the host's service, of the only one otherwise."""
        named = {"host": host} if host else {"x-esr-service": self.services[0].name}
        return ask_now(self.gateway, method, target, {**named, **(headers or {})}, body)

    @property
    def outcomes(self) -> list[str]:
        return [item.outcome for item in self.report.items]

    def item(self, where: str) -> Item:
        (found,) = [item for item in self.report.items if item.where == where]
        return found

    def why(self, where: str) -> str:
        return "; ".join(self.item(where).notes)


def read_back(service: Mapping[str, Any]) -> Service:
    """The definition as it is written to a file, read as the gateway reads it."""
    value, line_of = load_yaml(dump_yaml(service), "imported.yml")
    assert value == service
    return parse_definition(value, source="imported.yml", line_of=line_of)


def load_example(name: str) -> Any:
    text = (EXAMPLES / name).read_text(encoding="utf-8")
    return load_yaml(text, name)[0] if name.endswith(".yml") else json.loads(text)


def example(name: str) -> Example:
    return Example(load_example(name))
