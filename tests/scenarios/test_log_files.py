from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from replay.readers.files import STDIN
from replay.readers.remote import Remote
from scenarios.log_files import bundled_lake, is_data, lake_folder, resolve_log_path
from switchboard.errors import TraceError


def touch(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}\n")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    touch(tmp_path / "lake", "raw/10/b.ndjson", "raw/9/a.ndjson.gz", "raw/9/README.md", "x.log")
    touch(tmp_path / "lake", "raw/.hidden/c.ndjson", "raw/9/.d.ndjson", "raw/9/_SUCCESS")
    touch(tmp_path, "secret.log", "here/one.log", "here/both.log", "beside/both.log")
    touch(tmp_path, "beside/only.log", "here/odd[1].log", "here/odd1.log", "here/notes.md")
    (tmp_path / "here/nothing").mkdir()
    return tmp_path


def resolve(place: Path, log_path: str) -> list[str]:
    found = resolve_log_path(
        log_path, scenario_dir=place / "beside", lake=place / "lake", cwd=place / "here"
    )
    return [path.relative_to(place).as_posix() for path in found if isinstance(path, Path)]


@pytest.mark.parametrize(
    ("log_path", "found"),
    [
        ("/lake/raw/", ["lake/raw/9/a.ndjson.gz", "lake/raw/10/b.ndjson"]),
        ("/lake", ["lake/raw/9/a.ndjson.gz", "lake/raw/10/b.ndjson", "lake/x.log"]),
        ("/lake/raw/9", ["lake/raw/9/a.ndjson.gz"]),
        ("/lake/raw/*/*.ndjson", ["lake/raw/10/b.ndjson"]),
        ("/lake/**/*.gz", ["lake/raw/9/a.ndjson.gz"]),
        ("/lake/raw/../x.log", ["lake/x.log"]),
        ("one.log", ["here/one.log"]),
        ("both.log", ["here/both.log"]),
        ("only.log", ["beside/only.log"]),
        ("odd[1].log", ["here/odd[1].log"]),
        ("*.log", ["here/both.log", "here/odd1.log", "here/odd[1].log", "here/one.log"]),
        ("o?ly.log", ["beside/only.log"]),
        ("notes.md", ["here/notes.md"]),
        ("../lake/raw", None),
    ],
)
def test_resolve(place: Path, log_path: str, found: list[str] | None) -> None:
    if found is None:
        found = ["here/../lake/raw/9/a.ndjson.gz", "here/../lake/raw/10/b.ndjson"]
    assert resolve(place, log_path) == found


def test_an_absolute_path_is_taken_as_it_is(place: Path) -> None:
    assert resolve(place, str(place / "secret.log")) == ["secret.log"]
    assert resolve(place, str(place / "here/on*.log")) == ["here/one.log"]


@pytest.mark.parametrize(
    ("log_path", "message"),
    [
        ("/lake/../secret.log", "leads out of the lake"),
        ("/lake/raw/../../secret.log", "leads out of the lake"),
        ("/lake/**/../../../*.log", "leads out of the lake"),
        ("/lake/../lakeside/x.log", "leads out of the lake"),
        ("/lake/raw/2020", "there is no log at {place}/lake/raw/2020; $ESR_LAKE names another"),
        ("/lake/*.har", "there is no log at {place}/lake/*.har"),
        ("no.log", "there is no log at {place}/here/no.log or {place}/beside/no.log"),
        ("nothing", "the folder {place}/here/nothing holds no log file"),
        ("*.md", "the pattern {place}/here/*.md matches no log file"),
        ("", "the log path is empty"),
        ("a\0b", "the log path is empty or not a path"),
        ("ftp://bucket/key", "a log cannot be read from ftp://; it is read from http://, https://"),
        ("https:///y", "its host or bucket is missing"),
        ("file:///tmp/x", "file:// is not needed; write the path itself"),
        ("x" * 5_000, "cannot be read: File name too long"),
    ],
)
def test_what_cannot_be_found_is_a_trace_error(place: Path, log_path: str, message: str) -> None:
    with pytest.raises(TraceError) as caught:
        resolve(place, log_path)
    assert message.format(place=place) in str(caught.value)


@pytest.mark.parametrize("address", ["https://host.example/day.log?sig=x", "s3://bucket/key.gz"])
def test_an_address_is_what_lies_there(tmp_path: Path, address: str) -> None:
    assert resolve_log_path(address, scenario_dir=None, lake=tmp_path, cwd=tmp_path) == (
        Remote(address),
    )


def test_a_folder_of_a_store_is_read_in_the_order_people_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["9.log", "README.md", "10.log", "_SUCCESS"]

    def find(remote: Remote, is_data: Callable[[str], bool]) -> list[Remote]:
        return [Remote(f"{remote.address}{name}") for name in reversed(names) if is_data(name)]

    monkeypatch.setattr("scenarios.log_files.find_remote", find)
    found = resolve_log_path("gs://logs/day/", scenario_dir=None, lake=tmp_path, cwd=tmp_path)
    assert found == (Remote("gs://logs/day/9.log"), Remote("gs://logs/day/10.log"))


def test_a_dash_is_standard_input(tmp_path: Path) -> None:
    (tmp_path / "-").write_text("{}")
    assert resolve_log_path("-", scenario_dir=None, lake=tmp_path, cwd=tmp_path) == (STDIN,)
    assert resolve_log_path("./-", scenario_dir=None, lake=tmp_path, cwd=tmp_path) == (
        tmp_path / "-",
    )


def test_a_pipe_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(TraceError, match="is not a regular file"):
        resolve_log_path("pipe", scenario_dir=None, lake=tmp_path, cwd=tmp_path)


def test_the_lake_is_the_bundled_one_unless_named(tmp_path: Path) -> None:
    assert lake_folder({}, tmp_path) == bundled_lake()
    assert lake_folder({"ESR_LAKE": ""}, tmp_path) == bundled_lake()
    assert lake_folder({"ESR_LAKE": "pond"}, tmp_path) == tmp_path / "pond"
    assert lake_folder({"ESR_LAKE": "/data/lake"}, tmp_path) == Path("/data/lake")


def test_the_bundled_surge_is_seven_files() -> None:
    found = resolve_log_path("/lake/raw/events/2020/03/15/", scenario_dir=None, lake=bundled_lake())
    assert [path.name for path in found if isinstance(path, Path)] == [
        f"ops-140{minute}.ndjson.gz" for minute in range(7)
    ]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.ndjson", True),
        ("access_log", True),
        ("access.log.1", True),
        ("a.har", True),
        (".a.log", False),
        ("_SUCCESS", False),
        ("a.log~", False),
        ("README", False),
        ("Readme.txt", False),
        ("a.gz.sha256", False),
    ],
)
def test_is_data(name: str, *, expected: bool) -> None:
    assert is_data(name) is expected


PARTS = st.sampled_from(
    ["..", ".", "raw", "*", "**", "?", "[.][.]", "9", "", "secret.log", "[", "]"]
)


def escapes(place: Path, log_path: str) -> bool:
    try:
        found = resolve_log_path(log_path, scenario_dir=None, lake=place / "lake", cwd=place)
    except TraceError:
        return False
    return any(
        not isinstance(path, Path) or not path.resolve().is_relative_to(place / "lake")
        for path in found
    )


@given(parts=st.lists(PARTS, max_size=8))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_path_below_lake_leaves_the_lake(place: Path, parts: list[str]) -> None:
    assert not escapes(place, "/".join(["/lake", *parts]))
