from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.readers import vegeta_targets
from replay.readers.head import Head
from replay.readers.sniff import sniff
from replay.readers.vegeta_targets import NO_TIMES, VEGETA_TARGETS
from tests.replay.readers.collecting import Collector, read_bytes, read_file

README = b"""# as vegeta's own manual has them
GET http://goku:9090/path/to/dragon?item=ball

GET http://user:password@goku:9090/path/to
HEAD http://goku:9090/path/to/success

GET http://goku:9090/
X-Account-ID: 8675309

DELETE http://goku:9090/path/to/remove
Confirmation-Token:  90215
# a comment between
Authorization: Token DEADBEEF
X-Empty-Line-Ends: yes

POST http://goku:9090/things
@path/to/newthing.json
PATCH http://goku:9090/thing/71988591
Content-Type: application/json
@/path/to/thing-71988591.json
"""


def read(data: bytes) -> Collector:
    return read_bytes(data, VEGETA_TARGETS)


def test_targets_of_the_manual(tmp_path: Path) -> None:
    (tmp_path / "path" / "to").mkdir(parents=True)
    (tmp_path / "path" / "to" / "newthing.json").write_bytes(b'{"a":1}')
    (tmp_path / "targets.txt").write_bytes(README)
    found = read_file(tmp_path / "targets.txt", VEGETA_TARGETS)
    assert found.skips == []
    assert found.notes == {NO_TIMES: 0}
    entries = [entry for _, entry in found.entries]
    assert [line for line, _ in found.entries] == [2, 4, 5, 7, 10, 16, 18]
    assert [entry.event.method for entry in entries] == [
        "GET", "GET", "HEAD", "GET", "DELETE", "POST", "PATCH",
    ]  # fmt: skip
    assert entries[0].event.url == "http://goku:9090/path/to/dragon?item=ball"
    assert entries[3].event.headers == (("X-Account-ID", "8675309"),)
    assert [name for name, _ in entries[4].event.headers] == [
        "Confirmation-Token", "Authorization", "X-Empty-Line-Ends",
    ]  # fmt: skip
    assert (entries[5].event.body, entries[5].body_unknown) == (b'{"a":1}', False)
    assert (entries[6].event.body, entries[6].body_unknown) == (b"", True)
    assert {entry.event.delay_ms for entry in entries} == {1.0}
    assert {entry.event.ts_ns for entry in entries} == {None}


def test_a_target_after_headers_needs_no_blank_line() -> None:
    found = read(b"GET http://h/a\nA: b\nGET http://h/b\nA: c\n")
    assert [entry.event.url for _, entry in found.entries] == ["http://h/a", "http://h/b"]


def test_who_asked_is_carried() -> None:
    found = read(b"GET http://h/a\nX-Esr-User: a%20b\nX-Esr-Session: s\nA: b\n")
    ((_, entry),) = found.entries
    assert (entry.event.user, entry.event.session) == ("a b", "s")
    assert entry.event.headers == (("A", "b"),)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"GET\n", "bad request line"),
        (b"get http://h/\n", "bad request line"),
        (b"http://h/\nA: b\n", "bad request line"),
        (b"GET http://h/a b\n", "bad url"),
        (b"GET ftp://h/\n", "bad url"),
        (b"CONNECT http://h/\n", "bad method"),
        (b"GET http://h/\nA\n", "bad header"),
        (b"GET http://h/\nA:\n", "bad header"),
        (b"GET http://h/\n: b\n", "bad header"),
        (b"GET http://h/\nA B: b\n", "bad header"),
        (b"GET http://h/\nX-Esr-User: %00\n", "bad user"),
        (b"GET http://h/\n" + b"A: b\n" * 1_001, "too many headers"),
        (b"GET http://h/\nA: " + b"b" * (8 << 20) + b"\n", "line longer than 8 MiB"),
        (b"GET http://h/" + b"b" * (8 << 20) + b"\nA: b\n", "line longer than 8 MiB"),
    ],
)
def test_bad_targets(data: bytes, reason: str) -> None:
    found = read(data + b"\n\nGET http://h/next\n")
    assert found.skips == [(1, reason)]
    assert found.gaps_ms == [1.0]
    assert [entry.event.url for _, entry in found.entries] == ["http://h/next"]


def test_body_files_are_read_beside_the_trace_and_nowhere_else(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    folder = tmp_path / "log"
    (folder / "in").mkdir(parents=True)
    (folder / "in" / "body").write_bytes(b"mine")
    (folder / "out").symlink_to(secret)
    (folder / "up").symlink_to(tmp_path)
    (folder / "ring").symlink_to(folder / "ring")
    (folder / "again").symlink_to(folder / "in" / "body")
    os.mkfifo(folder / "pipe")
    names = {
        "in/body": b"mine",
        " in/body ": b"mine",
        "again": b"mine",
        "./in/./body": b"mine",
        str(secret): None,
        str(folder / "in" / "body"): None,
        "../secret": None,
        "in/../../secret": None,
        "in/../in/body": None,
        "out": None,
        "up/secret": None,
        "ring": None,
        "pipe": None,
        "in": None,
        "": None,
        ".": None,
        "missing": None,
        "in/body/x": None,
        "a\0b": None,
        "x" * 5_000: None,
        "/dev/zero": None,
        "<<EOF": None,
    }
    for name, body in names.items():
        (folder / "t").write_text(f"POST http://h/\n@{name}\n\n", newline="")
        ((_, entry),) = read_file(folder / "t", VEGETA_TARGETS).entries
        assert (entry.event.body, entry.body_unknown) == (body or b"", body is None), name


def test_body_files_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vegeta_targets, "MAX_BODY", 10)
    (tmp_path / "fits").write_bytes(b"x" * 10)
    (tmp_path / "long").write_bytes(b"x" * 11)
    (tmp_path / "t").write_bytes(b"POST http://h/\n@fits\nPOST http://h/\n@long\n")
    found = read_file(tmp_path / "t", VEGETA_TARGETS)
    assert [entry.event.body for _, entry in found.entries] == [b"x" * 10]
    assert found.reasons == ["body file longer than 64 MiB"]


@pytest.mark.parametrize(
    ("data", "claimed"),
    [
        (README, True),
        (b"\n\n  GET   http://h/  \n", True),
        (b"# a\n#b\nPUT https://h\n", True),
        (b"GET http://h/ HTTP/1.1\n", False),
        (b"GET /a\n", False),
        (b"get http://h/\n", False),
        (b"hello\nGET http://h/\n", False),
        (b"#\n", False),
        (b"GET http://h/" + b"a" * 100_000, False),
    ],
)
def test_recognised_by_its_content(data: bytes, claimed: bool) -> None:
    assert (sniff(Head(data)) is VEGETA_TARGETS) is claimed


def check(data: bytes) -> None:
    found = read(data)
    lines = [line for line, _ in found.entries] + [line for line, _ in found.skips]
    assert len(set(lines)) == len(lines)
    assert all(1 <= line <= data.count(b"\n") + 1 for line in lines)


def test_cut_at_every_byte() -> None:
    for end in range(0, len(README), 2):
        check(README[:end])


@settings(max_examples=60)
@given(st.integers(0, len(README)), st.integers(0, 30), st.binary(max_size=30))
def test_mutations(at: int, length: int, data: bytes) -> None:
    check(README[:at] + data + README[at + length :])


@settings(max_examples=60)
@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    check(data)
    check(b"GET http://h/\n" + data)


def test_hostile_lines_are_read_in_one_pass() -> None:
    for filler in (b"GET ", b"A", b" ", b":", b"@", b"\t", b"#", b"GET http://"):
        check(b"GET http://h/\n" + filler * 500_000)
        check(filler * 500_000)
