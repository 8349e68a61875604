"""The page about the gateway names what there is."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import typer

from hms_esr.cli import app
from stubs.config import JOURNAL, GatewayConfig
from stubs.incoming import MAX_HEAD_BYTES, MAX_HEADERS, MAX_WIRE_BYTES
from stubs.transport import KEEP_ALIVE_S, MOST_WAITING, REQUEST_S

PAGE = (Path(__file__).parents[2] / "docs/stub-gateway.md").read_text(encoding="utf-8")


def serve_options() -> list[str]:
    command: Any = typer.main.get_command(app)
    serve = command.commands["stubs"].commands["serve"]
    return [option for parameter in serve.params for option in parameter.opts if "--" in option]


@pytest.mark.parametrize("option", serve_options())
def test_every_option_of_serve_is_described(option: str) -> None:
    assert f"`{option}" in PAGE or f" {option} " in PAGE


@pytest.mark.parametrize("name", [each.name for each in fields(GatewayConfig)])
def test_every_field_of_the_configuration_is_described(name: str) -> None:
    assert f"`{name}`" in PAGE


@pytest.mark.parametrize(
    "words",
    [
        f"{MAX_HEAD_BYTES // 1024} KiB, {MAX_HEADERS:,} headers",
        f"| {MAX_WIRE_BYTES // 2**20} MiB |",
        f"| {REQUEST_S:.0f} s |",
        f"| {MOST_WAITING} |",
        f"| {KEEP_ALIVE_S / 3600:.0f} hour |",
        f"{JOURNAL:,} unless told",
    ],
)
def test_the_limits_are_those_of_the_code(words: str) -> None:
    assert words in PAGE
