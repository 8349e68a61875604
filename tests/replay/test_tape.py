from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from replay.account import Account
from replay.tape import (
    COLUMNS,
    UNKNOWN_WAIT,
    Record,
    Tape,
    TapeWriter,
    column_file,
    rfc3339,
    write_tape,
)
from switchboard.errors import TraceError

RECORDS = [
    Record(3_000, "POST", "/pay/77?code=1", "bo", host="ach.hms.example", body=b"{}", status=201),
    Record(1_000, "GET", "/me", "ann", host="svc.hms.example", status=200, wait_us=2_500),
    Record(2_000, "GET", "/me", "ann", host="svc.hms.example", session="second"),
]


def test_rows_are_in_due_order_from_zero(tmp_path: Path) -> None:
    info = write_tape(tmp_path / "tape", RECORDS, start_ns=1_000_000_000)
    with Tape.open(tmp_path / "tape") as tape:
        assert tape.info == info
        assert tape.due_ns.tolist() == [0, 1_000, 2_000]
        assert tape.info.start_ns == 1_000_001_000
        assert tape.session.tolist() == [0, 1, 2]
        assert tape.session_user.tolist() == [0, 0, 1]
        assert [tape.user_name(i) for i in range(2)] == ["ann", "bo"]
        assert tape.info.hosts == ("svc.hms.example", "ach.hms.example")
        assert [route.name for route in tape.info.routes] == ["svc GET /me", "ach POST /pay/{id}"]
        assert tape.status.tolist() == [200, 0, 201]
        assert tape.wait_us.tolist() == [2_500, UNKNOWN_WAIT, UNKNOWN_WAIT]


def test_a_record_is_ready_to_send_but_for_the_head_after_its_split(tmp_path: Path) -> None:
    headers = [("Host", "prod"), ("Authorization", "Bearer x"), ("Accept", "*/*")]
    write_tape(tmp_path / "t", [Record(0, "PUT", "/a", headers=headers, body=b"hi")])
    with Tape.open(tmp_path / "t") as tape:
        line, rest = tape.record(0)[: tape.split[0]], tape.record(0)[tape.split[0] :]
    assert line == b"PUT /a HTTP/1.1\r\n"
    assert rest == b"Accept: */*\r\nContent-Length: 2\r\n\r\nhi"


@pytest.mark.parametrize(
    ("record", "has_length"),
    [
        (Record(0, "GET"), False),
        (Record(0, "POST"), True),
        (Record(0, "PATCH"), True),
        (Record(0, "DELETE", body=b"x"), True),
    ],
    ids=["GET", "empty POST", "empty PATCH", "DELETE with a body"],
)
def test_content_length_where_it_belongs(tmp_path: Path, record: Record, has_length: bool) -> None:
    write_tape(tmp_path / "t", [record])
    with Tape.open(tmp_path / "t") as tape:
        assert (b"Content-Length: " in tape.record(0)) is has_length


def test_a_tape_takes_the_place_of_a_tape(tmp_path: Path) -> None:
    first = write_tape(tmp_path / "t", RECORDS)
    second = write_tape(tmp_path / "t", RECORDS[:1])
    assert first.digest != second.digest
    with Tape.open(tmp_path / "t") as tape:
        assert len(tape) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["t"]


def test_a_folder_that_is_no_tape_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep me")
    with pytest.raises(FileExistsError, match="is in the way"):
        write_tape(tmp_path, RECORDS)
    assert (tmp_path / "mine.txt").read_text() == "keep me"


def test_no_records_make_no_tape(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="at least one request"):
        write_tape(tmp_path / "t", [])
    assert list(tmp_path.iterdir()) == []


def test_a_build_that_is_interrupted_leaves_nothing(tmp_path: Path) -> None:
    def build() -> None:
        with TapeWriter(tmp_path / "t") as writer:
            writer.append("due_ns", np.arange(3))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build()
    assert list(tmp_path.iterdir()) == []


def test_a_blob_slice_may_outlive_the_tape(tmp_path: Path) -> None:
    write_tape(tmp_path / "t", RECORDS)
    tape = Tape.open(tmp_path / "t")
    held = tape.blob[:3]
    tape.close()
    assert bytes(held) == b"GET"


@pytest.mark.parametrize("name", [*map(column_file, COLUMNS), "requests.bin", "users.bin"])
@pytest.mark.parametrize("damage", ["missing", "short"])
def test_a_damaged_tape_is_refused_and_the_file_is_named(
    tmp_path: Path, name: str, damage: str
) -> None:
    write_tape(tmp_path / "t", RECORDS)
    path = tmp_path / "t" / name
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(TraceError, match=name):
        Tape.open(tmp_path / "t")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "is not a tape"),
        ("{", "is damaged"),
        ("[]", "is damaged"),
        ('{"version": 1}', "is damaged"),
        ('{"version": 99}', "version 99"),
    ],
    ids=["missing", "not JSON", "not an object", "keys missing", "from the future"],
)
def test_a_bad_tape_json_is_one_clear_sentence(
    tmp_path: Path, text: str | None, message: str
) -> None:
    write_tape(tmp_path / "t", RECORDS)
    path = tmp_path / "t" / "tape.json"
    path.unlink() if text is None else path.write_text(text)
    with pytest.raises(TraceError, match=message):
        Tape.open(tmp_path / "t")


def test_tape_json_says_what_is_in_the_tape(tmp_path: Path) -> None:
    write_tape(tmp_path / "t", RECORDS, seed=9)
    value = json.loads((tmp_path / "t" / "tape.json").read_text())
    assert value["version"] == 1
    assert value["seed"] == 9
    assert value["counts"]["requests"] == 3
    assert value["window"]["start"] == "1970-01-01T00:00:00.000001000Z"
    assert value["account"]["entries"] == value["account"]["used"] == 3


def test_an_unknown_user_is_an_index_error(tmp_path: Path) -> None:
    write_tape(tmp_path / "t", RECORDS)
    with Tape.open(tmp_path / "t") as tape, pytest.raises(IndexError, match="user 2"):
        tape.user_name(2)


def test_the_account_of_a_tape_survives_the_disk(tmp_path: Path) -> None:
    write_tape(tmp_path / "t", RECORDS)
    with Tape.open(tmp_path / "t") as tape:
        assert tape.info.account == Account(entries=3, used=3, format="records")


def test_every_file_of_a_tape_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "tape.md").read_text()
    for file in (*map(column_file, COLUMNS), "requests.bin", "users.bin", "tape.json"):
        assert f"`{file}`" in page


def test_rfc3339_keeps_nanoseconds() -> None:
    assert rfc3339(1_584_273_600_000_000_007) == "2020-03-15T12:00:00.000000007Z"
