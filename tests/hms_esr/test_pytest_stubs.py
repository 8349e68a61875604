"""What a test may wish of its gateway, and how the fixture is documented. No process is started."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hms_esr import pytest_plugin
from hms_esr.pytest_stubs import EsrStubs
from hms_esr.pytest_wishes import QUIET, WISHES, Wish, WishError, read_wish
from stubs.config import GatewayConfig

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/pytest.md").read_text(encoding="utf-8")
FOLDER = Path("/project/tests")
NOVEMBER_MS = 1_795_442_400_000.0
"""2026-11-23 09:00 in New York."""


@pytest.mark.parametrize(
    ("marked", "expected"),
    [
        pytest.param({}, Wish(3, ("/ini",)), id="nothing"),
        pytest.param({"seed": 7}, Wish(7, ("/ini",)), id="seed"),
        pytest.param({"definitions": "stubs"}, Wish(3, ("/project/tests/stubs",)), id="folder"),
        pytest.param(
            {"definitions": ["a", "/b"]}, Wish(3, ("/project/tests/a", "/b")), id="folders"
        ),
        pytest.param({"services": "ach"}, Wish(3, ("/ini",), services=("ach",)), id="service"),
        pytest.param({"latency": {"ach": 80}}, Wish(3, ("/ini",), {"ach": 80}), id="latency"),
        pytest.param(
            {"settings": {"hitl": {"skip": True}}},
            Wish(3, ("/ini",), settings={"hitl": {"skip": True}}),
            id="settings",
        ),
        pytest.param(
            {"start": "2026-11-23T09:00:00-05:00"},
            Wish(3, ("/ini",), start_ms=NOVEMBER_MS),
            id="start",
        ),
        pytest.param(
            {"start": "2026-11-23 14:00"}, Wish(3, ("/ini",), start_ms=NOVEMBER_MS), id="start, UTC"
        ),
    ],
)
def test_a_marker_goes_before_the_ini_file(marked: dict[str, Any], expected: Wish) -> None:
    assert read_wish(marked, FOLDER, Wish(3, ("/ini",))) == expected


@pytest.mark.parametrize(
    ("marked", "message"),
    [
        ({"sed": 7}, "does not know 'sed'; did you mean seed?"),
        ({"seed": "7"}, "seed must be a whole number, not text"),
        ({"seed": True}, "seed must be a whole number, not true or false"),
        ({"settings": ["skip"]}, "settings must be a mapping"),
        ({"start": "yesterday"}, "start must be a date and time such as"),
        ({"start": 5}, "start must be a date and time such as"),
    ],
)
def test_a_wish_that_cannot_be_says_what_would_be_right(
    marked: dict[str, Any], message: str
) -> None:
    with pytest.raises(WishError, match=re.escape(message)):
        read_wish(marked, FOLDER, Wish())


def test_by_default_nothing_is_slow_and_nothing_goes_wrong() -> None:
    config = Wish(seed=5).config()
    assert config == GatewayConfig(seed=5, settings=QUIET, latencies={"*": "none"})
    assert GatewayConfig.from_json(config.to_json()) == config


@pytest.mark.parametrize(
    ("latency", "latencies"),
    [("none", {"*": "none"}), ("defined", {}), ({"ach": 80}, {"*": "none", "ach": 80})],
)
def test_a_latency_is_none_or_defined_or_told(latency: Any, latencies: dict[str, Any]) -> None:
    assert Wish(latency=latency).config().latencies == latencies


def test_another_latency_is_refused() -> None:
    with pytest.raises(WishError, match="`none`, `defined` or a mapping"):
        Wish(latency="fast").config()


METHODS = [name for name in vars(EsrStubs) if not name.startswith("_")]


@pytest.mark.parametrize("name", [name for name in METHODS if name not in ("begin", "told")])
def test_everything_that_the_fixture_does_is_documented(name: str) -> None:
    assert f"`esr_stubs.{name}`" in PAGE or f"`esr_stubs.{name}(" in PAGE


@pytest.mark.parametrize("wish", WISHES)
def test_every_wish_is_documented(wish: str) -> None:
    assert f"\n| `{wish}` |" in PAGE


def test_nothing_is_documented_that_is_not_there() -> None:
    assert set(re.findall(r"esr_stubs\.([a-z_]+)", PAGE)) - {"mark"} <= set(METHODS)


@pytest.mark.parametrize("option", ["--esr-seed", "--esr-definitions"])
def test_every_option_is_documented(option: str) -> None:
    source = Path(pytest_plugin.__file__).read_text(encoding="utf-8")
    assert f'"{option}"' in source
    assert f"`{option} " in PAGE


def test_a_run_that_does_not_ask_for_it_imports_nothing() -> None:
    """The plugin is imported in every pytest run of its environment."""
    code = (
        "import sys, pytest\n"
        "before = set(sys.modules)\n"
        "import hms_esr.pytest_plugin\n"
        "print(sorted(set(sys.modules) - before))"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert said.stdout.strip() == "['hms_esr', 'hms_esr.pytest_plugin']"
