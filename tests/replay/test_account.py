from __future__ import annotations

import json

import pytest

from replay import account
from replay.account import SourceFile, Tally, account_to_json, describe_skips, parse_account


def test_an_account_survives_json() -> None:
    tally = Tally()
    tally.used = 2
    tally.bodies_unknown = 1
    tally.skip("a.log", 7, "not JSON")
    tally.add_source(SourceFile("a.log", 10, "00"))
    closed = tally.close(trace_format="ops", stamps="exact", out_of_order=1, notes=("mind this",))
    assert parse_account(json.loads(json.dumps(account_to_json(closed)))) == closed
    assert (closed.entries, closed.skipped_total) == (3, 1)


def test_skips_are_described_with_the_most_frequent_first() -> None:
    tally = Tally()
    tally.skip("b", 3, "bad url")
    for line in (5, 6):
        tally.skip("a", line, "not JSON")
    assert describe_skips(tally) == "not JSON (2, first at a:5); bad url (1, first at b:3)"


def test_past_the_limit_files_are_folded_into_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account, "MAX_SOURCES", 2)
    tally = Tally()
    for i in range(5):
        tally.add_source(SourceFile(f"{i}.json", 10, str(i)))
    sources = tally.close(trace_format="", stamps="", out_of_order=0, notes=()).sources
    assert [source.path for source in sources] == ["0.json", "1.json", "(and 3 more files)"]
    assert sources[2].bytes == 30
