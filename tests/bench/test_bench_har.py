"""The log of the HAR benchmark, and that every reader of it counts the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.har import READERS, measure, write_har


@pytest.mark.parametrize("with_bodies", [True, False])
def test_every_reader_finds_every_entry(tmp_path: Path, with_bodies: bool) -> None:
    path = tmp_path / "a.har"
    write_har(path, 1, with_bodies=with_bodies)
    assert 1_000_000 < path.stat().st_size < 1_100_000
    entries = json.loads(path.read_bytes())["log"]["entries"]
    found = {name: measure(name, path) for name in READERS}
    assert {one.entries for one in found.values()} == {len(entries)}
    assert all(one.cpu_s > 0 and one.peak_mb > 0 for one in found.values())
