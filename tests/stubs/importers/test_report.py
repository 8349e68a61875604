"""Nothing of a file is dropped in silence: every item is in the report, and totals add up."""

from __future__ import annotations

import pytest

from stubs.importers.report import MAX_ITEMS, MAX_NOTES, LossReport, NotTakenError


def test_an_item_is_kept_until_something_else_is_said() -> None:
    report = LossReport("a.json", "har")
    kept, near, refused = (report.item(f"entries[{at}]") for at in range(3))
    for item in (near, near, refused):
        item.approximate("a")
    refused.refuse("b")
    outcomes = [item.outcome for item in report.items]
    assert outcomes == ["kept", "approximated", "refused"]
    assert [each.notes for each in (kept, near, refused)] == [[], ["a"], ["b"]]


def refuse(why: str) -> None:
    raise NotTakenError(why)


def test_an_error_refuses_its_item_and_no_other() -> None:
    report = LossReport("a.json", "har")
    with report.taking("entries[0]"):
        refuse("too odd")
    with report.taking("entries[1]"):
        pass
    assert report.totals == {"kept": 1, "approximated": 0, "refused": 1}
    assert report.to_json()["report"][0] == {
        "where": "entries[0]", "what": "", "outcome": "refused", "count": 1, "why": ["too odd"],
    }  # fmt: skip


def test_other_errors_are_not_swallowed() -> None:
    report = LossReport("a.json", "har")
    with pytest.raises(KeyError), report.taking("entries[0]"):
        raise KeyError


def test_what_is_too_much_is_refused_and_counted() -> None:
    report = LossReport("a.json", "har")
    for where, _ in report.each("entries", [None] * (MAX_ITEMS + 7)):
        report.item(where)
    assert len(report.items) == MAX_ITEMS + 1
    assert report.totals == {"kept": MAX_ITEMS, "approximated": 0, "refused": 7}
    assert report.to_json()["items"] == MAX_ITEMS + 7


def test_notes_are_bounded() -> None:
    item = LossReport("a.json", "har").item("x")
    for number in range(100):
        item.approximate(str(number))
    assert len(item.notes) == MAX_NOTES


def test_an_item_is_one_line_for_people() -> None:
    item = LossReport("a.json", "har").item("a\x1b[2J\n" * 100, "b\r\n")
    assert item.where.isprintable()
    assert item.what.isprintable()
    assert len(item.where) < 500
