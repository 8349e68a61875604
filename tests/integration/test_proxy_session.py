"""A pasted production URL in a real browser, and a client that knows of no proxy at all.

Both run in a network namespace without a way out.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.integration.proxy_runs import network_of_its_own


def _can_unshare() -> bool:
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        return False
    done = subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False)
    return done.returncode == 0


def need(*programs: str) -> None:
    """Skip, saying what is missing."""
    missing = [name for name in programs if shutil.which(name) is None]
    if missing:
        pytest.skip(f"NOT TESTED: {', '.join(missing)} is not installed")
    if not _can_unshare():
        pytest.skip("NOT TESTED: this user may not make a network namespace")
    if importlib.util.find_spec("mitmproxy") is None:
        pytest.skip("NOT TESTED: mitmproxy is not installed")


def run(cwd: Path, module: str) -> Any:
    done = network_of_its_own(cwd, module)
    assert done.returncode == 0, done.stderr[-3_000:]
    return json.loads(done.stdout)


def test_a_browser_gets_the_sandboxs_page(tmp_path: Path) -> None:
    need("chromium")
    found = run(tmp_path, "tests.integration.proxy_browser")
    assert "the sandbox page" in found["page"], found["page"]
    assert "production" not in found["page"]
    assert "production" not in found["refused"]
    assert found["production"] == 0
    assert "GET / HTTP/1.1" in found["sandbox"]
    assert found["code"] == 0


def test_a_redirected_client_gets_the_sandboxs_page(tmp_path: Path) -> None:
    need("iptables", "curl")
    if os.geteuid() != 0:
        pytest.skip("NOT TESTED: iptables needs root")
    found = run(tmp_path, "tests.integration.proxy_redirect")
    for name in ("http", "https"):
        assert "the sandbox page" in found[name], name
    assert "x-esr-refused: unmapped-host" in found["other name"]
    assert "x-esr-refused: unmapped-host" in found["plain address"]
    assert "x-esr-refused: unmapped-host" in found["address"]
    assert "x-esr-refused: host-mismatch" in found["fronted"]
    assert found["production"] == 0
    assert found["code"] == 0
