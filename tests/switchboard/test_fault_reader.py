"""Reading goes on after a fault, and every fault says where it is."""

from __future__ import annotations

import pytest

from switchboard.fault_reader import FaultReader, kind_of, nearest, shown

LINES = {"name": 1, "allow": 3}


def reader() -> FaultReader:
    return FaultReader(LINES.get)


def test_a_good_mapping_has_no_fault() -> None:
    it = reader()
    top = it.mapping({"name": "x", "list": ["a", "b"]}, "", ("name", "list"))
    assert it.text(top, "", "name") == "x"
    assert it.text(top, "", "notes", default="none") == "none"
    assert it.items(top, "", "list") == [("list[0]", "a"), ("list[1]", "b")]
    assert it.items(top, "", "other") == []
    assert it.faults == []


def test_every_fault_is_remembered_with_its_path_and_line() -> None:
    it = reader()
    it.mapping({"nmae": 1}, "", ("name", "allow"))
    it.mapping(5, "allow", ("hosts",))
    assert it.text({"name": 5}, "", "name") == ""
    assert it.text({}, "up[0]", "name") == ""
    assert it.items({"hosts": "x"}, "allow", "hosts") == []
    assert it.checked("port", "x", int) is None
    assert [str(fault) for fault in it.faults] == [
        "nmae: unknown key; did you mean name?",
        "allow (line 3): must be a mapping with hosts, not a number",
        "name (line 1): must be text, not a number",
        "up[0].name: name is missing",
        "allow.hosts: must be a list such as [a, b], not text",
        "port: invalid literal for int() with base 10: 'x'",
    ]


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (None, "nothing"),
        (True, "true or false"),
        (1.5, "a number"),
        ("", "text"),
        ({}, "a mapping"),
        ([], "a list"),
    ],
)
def test_kinds(value: object, kind: str) -> None:
    assert kind_of(value) == kind


def test_a_far_word_lists_what_is_known() -> None:
    assert nearest("zzz", ("hosts", "networks")) == "known here: hosts, networks"


def test_hostile_text_is_shown_on_one_line() -> None:
    assert shown("a\r\n\x1b[31mé") == "a\\r\\n\\x1b[31m\\xe9"
    assert len(shown("x" * 1000)) == 80
