"""The fixture `esr_stubs` in pytest runs of their own: the sample project, and tests that fail."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLUGIN = "hms_esr.pytest_plugin"
FAILING = """
import os
import urllib.request

import pytest


def note(stubs):
    with open("pids", "a") as file:
        file.write(f"{stubs.pid}\\n")


def test_one(esr_stubs):
    note(esr_stubs)
    urllib.request.urlopen(esr_stubs.url("svc") + "/profiles/C-1").close()
    esr_stubs.fault("latency", "ach", ms=5)
    esr_stubs.verify(service="ach", exactly=1)


def test_two_begins_anew(esr_stubs):
    note(esr_stubs)
    assert esr_stubs.calls() == []
    esr_stubs.verify(service="ach", never=True)
    assert esr_stubs.now_ms < 60_000


@pytest.mark.esr_stubs(seed=9)
def test_another_gateway(esr_stubs):
    note(esr_stubs)


@pytest.mark.esr_stubs(sed=9)
def test_misspelt(esr_stubs):
    raise AssertionError("never run")


@pytest.mark.esr_stubs(definitions="nowhere")
def test_no_such_folder(esr_stubs):
    raise AssertionError("never run")


def test_no_such_fault(esr_stubs):
    esr_stubs.fault("downn", "ach")


def test_no_such_service(esr_stubs):
    assert esr_stubs.url("svc-profile").endswith("/svc-profile")
    esr_stubs.url("avh")


def test_a_gateway_that_died_is_replaced(esr_stubs):
    os.kill(esr_stubs.pid, 9)


def test_after_it_died(esr_stubs):
    note(esr_stubs)
    esr_stubs.set_state("svc", "application", "APP-1", "approved")
    assert esr_stubs.state("svc")["application"] == {"APP-1": "approved"}
    esr_stubs.reset()
    esr_stubs.fault("down", "ach").clear()
    esr_stubs.clear_faults()
    assert esr_stubs.state("svc")["application"] == {}
"""


def run_pytest(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A run of its own, which sees no plugin but pytest's and ours."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    env["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    env["PYTHONPATH"] = str(ROOT)
    command = [sys.executable, "-m", "pytest", "-p", PLUGIN, "-W", "error", *arguments]
    return subprocess.run(
        command, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=120
    )


def test_the_sample_project_passes(tmp_path: Path) -> None:
    project = tmp_path / "project"
    shutil.copytree(
        ROOT / "examples/pytest-project",
        project,
        ignore=shutil.ignore_patterns("__pycache__", ".*_cache"),
    )
    said = run_pytest(project, "-q", "-p", "no:cacheprovider")
    assert said.returncode == 0, said.stdout + said.stderr
    tests = (project / "tests/test_payments.py").read_text(encoding="utf-8")
    assert f"{len(re.findall(r'^def test_', tests, re.MULTILINE))} passed" in said.stdout


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[int]]:
    """What the run of tests that fail says, and the gateways that it had."""
    folder = tmp_path_factory.mktemp("failing")
    (folder / "test_failing.py").write_text(FAILING, encoding="utf-8")
    said = run_pytest(folder, "-rA", "--strict-markers")
    pids = [int(pid) for pid in (folder / "pids").read_text(encoding="utf-8").split()]
    return said.stdout + said.stderr, pids


@pytest.mark.parametrize(
    ("test", "outcome"),
    [
        ("test_one", "FAILED"),
        ("test_two_begins_anew", "PASSED"),
        ("test_another_gateway", "PASSED"),
        ("test_misspelt", "ERROR"),
        ("test_no_such_folder", "ERROR"),
        ("test_no_such_fault", "FAILED"),
        ("test_no_such_service", "FAILED"),
        ("test_a_gateway_that_died_is_replaced", "PASSED"),
        ("test_after_it_died", "PASSED"),
    ],
)
def test_a_test_fares_as_it_should(failing: tuple[str, list[int]], test: str, outcome: str) -> None:
    assert re.search(rf"^{outcome} test_failing.py::{test}\b", failing[0], re.MULTILINE), failing[0]


@pytest.mark.parametrize(
    "words",
    [
        "was never called, wanted exactly once",
        "svc GET /profiles/C-1 200",
        "fault ach-latency: active, touched 0",
        "the marker does not know 'sed'; did you mean seed?",
        "there is no such folder with definitions",
        "`downn` is not a kind of fault; did you mean down?",
        "no stub is called 'avh'; did you mean ach?",
    ],
)
def test_a_failure_says_why(failing: tuple[str, list[int]], words: str) -> None:
    assert words in failing[0]


def test_a_gateway_is_shared_and_ends_with_the_session(failing: tuple[str, list[int]]) -> None:
    one, two, other, after = failing[1]
    assert one == two
    assert len({one, other, after}) == 3
    for pid in failing[1]:
        assert not Path(f"/proc/{pid}").exists()
