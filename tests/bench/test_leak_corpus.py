"""A small corpus is held to the targets of the large one; the quick look misses nothing in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench import leaks
from bench.leak_corpus import ENCODINGS, clean, planted
from bench.leak_values import DRAWS
from bench.leaks import CERTAIN, RECALL, measure_alarms, measure_recall, recall_of
from bench.report import Options
from replay.account import Tally
from replay.fields.event import map_entry
from replay.gate.scanner import Scanner
from replay.identifiers.kinds import KINDS
from replay.identifiers.leaves import LeafFinder
from replay.readers.entry import Entry
from replay.readers.ops import parse_entry

SEED = 11
EACH = 4
EVENTS = 1_000


def test_every_kind_is_planted() -> None:
    assert DRAWS.keys() == KINDS.keys()


def test_a_corpus_is_told_by_its_seed() -> None:
    assert list(planted(SEED, 2)) == list(planted(SEED, 2))
    assert list(planted(SEED, 2)) != list(planted(SEED + 1, 2))
    assert list(clean(SEED, 20)) == list(clean(SEED, 20))


def test_enough_of_what_is_planted_is_found(tmp_path: Path) -> None:
    cells = measure_recall(tmp_path, SEED, EACH)
    assert {encoding for _, encoding in cells} == ENCODINGS.keys()
    assert recall_of(cells) >= RECALL
    assert {kind: recall_of(cells, kind) for kind in CERTAIN} == dict.fromkeys(CERTAIN, 1.0)


def test_clean_events_raise_hardly_an_alarm(tmp_path: Path) -> None:
    scanned, gated = measure_alarms(tmp_path, SEED, EVENTS)
    assert len(scanned.lines) <= EVENTS // 1_000
    assert len(gated.lines) <= EVENTS // 1_000


def test_the_quick_look_misses_nothing_that_the_close_one_finds() -> None:
    lines = [one.line for one in planted(SEED, 2) if one.form == "ops"] + list(clean(SEED, 150))
    for line in lines:
        entry = parse_entry(json.loads(line))
        noted = leaks.Noted()
        Scanner(Tally(), noted).add(1, entry)
        assert close_look(entry) == noted.lines.get(1, set()), line


def close_look(entry: Entry) -> set[str]:
    """The kinds that are found when everything is taken apart."""
    kinds: set[str] = set()
    finder = LeafFinder(lambda path, kind, text: kinds.add(kind), lambda text: False)
    map_entry(entry, finder.visit)
    return kinds


def test_the_report_has_the_tables_and_the_targets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leaks, "QUICK_EACH", 1)
    monkeypatch.setattr(leaks, "QUICK_CLEAN", 50)
    monkeypatch.setattr(leaks, "REAL_LOGS", tmp_path / "none")
    report = leaks.bench_leaks(Options(1, True, False), tmp_path)
    assert len(report.tables) == 2
    assert {target.what for target in report.targets} >= {"missed, of all", "missed, of ssn"}
    assert "left out" in report.notes[0]
