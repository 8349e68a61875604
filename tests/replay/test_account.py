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


def test_what_filters_drop_is_part_of_the_sum() -> None:
    tally = Tally()
    tally.used = 2
    tally.skip("a", 1, "not JSON")
    tally.drop("route")
    tally.drop("sample", 3)
    tally.note_key("user")
    tally.note_key("none", 4)
    tally.note("mind this")
    tally.note("so many", 2)
    tally.note("so many", 1)
    closed = tally.close(
        trace_format="ops",
        stamps="exact",
        out_of_order=0,
        notes=("first",),
        stamp="start",
        allowed=("ssn",),
        found={"ssn": 3},
    )
    assert closed.entries == 7 == closed.used + closed.skipped_total + closed.dropped_total
    assert closed.dropped == {"route": 1, "sample": 3}
    assert closed.session_keys == {"none": 4, "user": 1}
    assert closed.notes == ("first", "mind this", "so many (3)")
    assert parse_account(json.loads(json.dumps(account_to_json(closed)))) == closed


def test_an_account_of_old_lacks_some_keys() -> None:
    value = account_to_json(Tally().close(trace_format="", stamps="", out_of_order=0, notes=()))
    for key in ("dropped", "session_keys", "stamp", "allowed", "found", "bodies_unknown"):
        del value[key]
    assert parse_account(value) == parse_account(json.loads(json.dumps(value)))
    assert parse_account(value).dropped == {}


def filled(numbers: range) -> Tally:
    tally = Tally()
    for number in numbers:
        tally.used += 1
        tally.bodies_unknown += number % 2
        tally.skip(f"{number}.log", number, f"reason {number % 3}")
        tally.drop(f"filter {number % 2}")
        tally.note_key("user")
        tally.note(f"note {number % 30}", number % 4)
        tally.add_source(SourceFile(f"{number}.log", 1, ""))
    return tally


def test_parts_add_up_to_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account, "MAX_SOURCES", 15)
    whole, merged = filled(range(25)), filled(range(12))
    merged.merge(filled(range(12, 25)))
    fields = {"trace_format": "", "stamps": "", "out_of_order": 0, "notes": ()}
    assert whole.close(**fields) == merged.close(**fields)  # type: ignore[arg-type]


def test_notes_are_bounded() -> None:
    tally = Tally()
    for number in range(account.MAX_NOTES + 5):
        tally.note(f"note {number}")
    notes = tally.close(trace_format="", stamps="", out_of_order=0, notes=()).notes
    assert (len(notes), notes[-1]) == (account.MAX_NOTES + 1, "and 5 more notes")
