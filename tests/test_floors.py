"""The house stands: a folder imports only from floors below it, a library has one home.

Imports are read from the source, wherever they stand: at the top, in a function, under
TYPE_CHECKING. See docs/architecture.md for the floors.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

FLOORS = {
    "switchboard": 0,
    "proxy": 1,
    "replay": 1,
    "stubs": 1,
    "scenarios": 2,
    "scorecard": 2,
    "hms_esr": 3,
}
# Rooms of floor 1 are strangers to one another; so are those of floor 2.

# A third-party library is imported under these paths and nowhere else.
HOMES: dict[str, tuple[str, ...]] = {
    # control calls and webhooks; never the hot path
    "aiohttp": ("stubs/callbacks.py", "hms_esr/"),
    "cryptography": ("hms_esr/signing.py", "proxy/interceptor/"),
    "duckdb": ("scorecard/store.py", "replay/readers/parquet.py"),
    "fsspec": ("replay/readers/remote.py",),
    "httptools": ("replay/wire.py", "stubs/"),
    "jinja2": ("stubs/definitions/",),
    "jsonpath": ("stubs/definitions/",),
    "jsonschema": ("stubs/definitions/", "stubs/importers/"),
    "mitmproxy": ("proxy/interceptor/", "replay/readers/mitmproxy_flows.py"),
    "mitmproxy_rs": ("proxy/interceptor/wall.py",),
    "numpy": ("replay/", "scorecard/", "hms_esr/"),
    "orjson": ("replay/", "scorecard/", "stubs/", "hms_esr/"),
    "prometheus_client": ("proxy/metrics.py",),
    "pydantic": ("scenarios/", "hms_esr/api/"),
    "pytest": ("hms_esr/pytest_plugin.py",),
    "regex": ("stubs/definitions/",),
    "rich": ("hms_esr/",),
    "sse_starlette": ("hms_esr/api/",),
    "starlette": ("stubs/", "hms_esr/api/"),
    "stdnum": ("replay/identifiers/",),
    "typer": (
        "hms_esr/cli.py",
        "hms_esr/cli_stubs.py",
        "hms_esr/cli_switchboard.py",
        "hms_esr/cli_trace.py",
    ),
    "uvicorn": ("stubs/", "hms_esr/api/"),
    # a loop is started there
    "uvloop": ("replay/worker.py", "stubs/", "hms_esr/runner.py", "hms_esr/gateway_worker.py"),
    "yaml": ("scenarios/yaml_lines.py",),
    "zstandard": ("replay/readers/", "hms_esr/trace_out.py"),
}
DISTRIBUTIONS = {
    "mitmproxy_rs": "mitmproxy",  # which brings it
    "jsonpath": "python-jsonpath",
    "prometheus_client": "prometheus-client",
    "sse_starlette": "sse-starlette",
    "stdnum": "python-stdnum",
    "yaml": "pyyaml",
}

# Data that the standard library reads, and nobody imports.
DATA = {"tzdata"}

LOADED_BY_FSSPEC = {"s3fs", "gcsfs"}  # for the scheme of an address

BROUGHT_BY_THE_USER = {"pytest"}  # whose plugin nobody else loads

# Floor 0 decides and does nothing: no sockets, files, processes, clocks or chance of its own.
DOING = {
    "asyncio", "glob", "http", "io", "multiprocessing", "os", "pathlib", "random", "secrets",
    "select", "selectors", "shutil", "signal", "socket", "socketserver", "ssl", "subprocess",
    "tempfile", "threading", "time", "uuid",
}  # fmt: skip
PURE = {"PurePath", "PurePosixPath", "PureWindowsPath"}  # names only, no files
CLOCK_CALLS = {"now", "today", "utcnow"}
EDGE = ("switchboard/middleware.py", "switchboard/mode.py", "switchboard/edge/")


@dataclass(frozen=True, slots=True)
class Import:
    """One imported module, and where: `hms_esr/cli.py:15`."""

    path: str
    line: int
    module: str
    names: frozenset[str] = frozenset()

    @property
    def top(self) -> str:
        return self.module.partition(".")[0]

    @property
    def room(self) -> str:
        return self.path.partition("/")[0]

    def __str__(self) -> str:
        return f"{self.path}:{self.line} imports {self.module}"


def imports_of(source: str, path: str) -> Iterator[Import]:
    for node in ast.walk(ast.parse(source, path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(path, node.lineno, alias.name)
        elif isinstance(node, ast.ImportFrom):
            dots = "." * node.level
            names = frozenset(alias.name for alias in node.names)
            yield Import(path, node.lineno, dots + (node.module or ""), names)


def floor_faults(found: Import) -> Iterator[str]:
    """What is wrong with an import between the house's own folders, if anything."""
    if found.module.startswith("."):
        yield f"{found}: write the whole name"
    elif found.top in {"tests", "bench"}:
        yield f"{found}: the product knows neither its tests nor its benches"
    elif found.top in FLOORS and found.top != found.room:
        here, there = FLOORS[found.room], FLOORS[found.top]
        if there > here:
            yield f"{found}: floor {here} must not know floor {there}"
        elif there == here:
            yield f"{found}: rooms of floor {here} do not know one another"


def home_faults(found: Import) -> Iterator[str]:
    """What is wrong with an import of a third-party library, if anything."""
    if found.module.startswith(".") or found.top in FLOORS or found.top in sys.stdlib_module_names:
        return
    if found.top in {"tests", "bench"}:
        return
    homes = HOMES.get(found.top)
    if homes is None:
        yield f"{found}: give {found.top} a home in HOMES"
    elif not found.path.startswith(homes):
        yield f"{found}: the home of {found.top} is {' or '.join(homes)}"


def doing_faults(source: str, path: str) -> Iterator[str]:
    """What floor 0 does instead of deciding, if anything."""
    for found in imports_of(source, path):
        if found.top in DOING and not (found.names and found.names <= PURE):
            yield f"{found}: floor 0 decides, it does nothing"
    for node in ast.walk(ast.parse(source, path)):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name) and node.func.id == "open":
            yield f"{path}:{node.lineno} opens a file"
        if isinstance(node.func, ast.Attribute) and node.func.attr in CLOCK_CALLS:
            yield f"{path}:{node.lineno} reads a clock: take the time as an argument"


def sources() -> Iterator[tuple[str, str]]:
    """Every source file of the product: path from the root, text."""
    for room in FLOORS:
        for file in sorted((ROOT / room).rglob("*.py")):
            yield file.relative_to(ROOT).as_posix(), file.read_text(encoding="utf-8")


@cache
def product_imports() -> tuple[Import, ...]:
    return tuple(found for path, source in sources() for found in imports_of(source, path))


def test_a_folder_imports_only_from_floors_below_it() -> None:
    assert [fault for found in product_imports() for fault in floor_faults(found)] == []


def test_a_library_is_imported_only_at_home() -> None:
    assert [fault for found in product_imports() for fault in home_faults(found)] == []


def test_floor_0_is_standard_library_only_and_does_nothing() -> None:
    faults = [
        fault
        for path, source in sources()
        if path.startswith("switchboard/") and not path.startswith(EDGE)
        for fault in doing_faults(source, path)
    ]
    foreign = [
        str(found)
        for found in product_imports()
        if found.room == "switchboard"
        and found.top != "switchboard"
        and found.top not in sys.stdlib_module_names
    ]
    assert faults + foreign == []


def test_every_library_at_home_is_a_dependency_of_the_product() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = [
        *project["dependencies"],
        *(each for name in extras if name != "dev" for each in extras[name]),
    ]
    declared = {re.split(r"[\[<>=!~;\s]", each)[0].lower() for each in wanted}
    at_home = {DISTRIBUTIONS.get(name, name) for name in HOMES} - BROUGHT_BY_THE_USER
    assert at_home | DATA | LOADED_BY_FSSPEC == declared


def test_the_wheel_holds_every_room() -> None:
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    assert sorted(tools["hatch"]["build"]["targets"]["wheel"]["packages"]) == sorted(FLOORS)


@pytest.mark.parametrize("room", FLOORS)
def test_every_room_is_a_typed_package(room: str) -> None:
    assert (ROOT / room / "__init__.py").is_file()
    assert (ROOT / room / "py.typed").is_file()


@pytest.mark.parametrize(
    ("path", "source", "words"),
    [
        pytest.param("replay/a.py", "import hms_esr", "must not know floor 3", id="upwards"),
        pytest.param("replay/a.py", "from stubs.b import c", "do not know one another", id="aside"),
        pytest.param("proxy/a.py", "def f():\n import replay.b", "one another", id="in a function"),
        pytest.param("replay/a.py", "from . import b", "whole name", id="relative"),
        pytest.param("replay/a.py", "import bench.b", "benches", id="bench"),
        pytest.param("scorecard/a.py", "import scenarios", "one another", id="aside, floor 2"),
    ],
)
def test_a_wrong_import_is_found(path: str, source: str, words: str) -> None:
    (fault,) = [fault for found in imports_of(source, path) for fault in floor_faults(found)]
    assert words in fault


@pytest.mark.parametrize(
    ("path", "source"),
    [
        pytest.param("replay/a.py", "from switchboard.event import Event", id="downwards"),
        pytest.param("replay/a.py", "from replay.b import c", id="the same room"),
        pytest.param("hms_esr/a.py", "import proxy, stubs, scorecard", id="from the top"),
    ],
)
def test_a_right_import_passes(path: str, source: str) -> None:
    assert [fault for found in imports_of(source, path) for fault in floor_faults(found)] == []


@pytest.mark.parametrize(
    ("path", "source", "words"),
    [
        pytest.param("scenarios/loader.py", "import yaml", "home of yaml", id="not at home"),
        pytest.param("replay/a.py", "import requests", "give requests a home", id="homeless"),
    ],
)
def test_a_library_away_from_home_is_found(path: str, source: str, words: str) -> None:
    (fault,) = [fault for found in imports_of(source, path) for fault in home_faults(found)]
    assert words in fault


def test_names_of_files_are_no_files() -> None:
    assert list(doing_faults("from pathlib import PurePath", "switchboard/a.py")) == []


@pytest.mark.parametrize(
    "source",
    ["import socket", "from time import monotonic", "import os.path", "open('x')",
     "from pathlib import Path, PurePath", "import datetime\ndatetime.datetime.now()",
     "def f():\n    import random"],
)  # fmt: skip
def test_doing_on_floor_0_is_found(source: str) -> None:
    assert len(list(doing_faults(source, "switchboard/a.py"))) == 1
