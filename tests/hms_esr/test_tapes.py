"""Tapes are kept, found again, replaced when their log changes, and done without where need be."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path

import pytest

from hms_esr import tapes
from hms_esr.options import Reading
from hms_esr.tapes import KEPT, Recipe, open_tape
from hms_esr.trace_reading import Sources, choose_reading
from replay.tape import Tape
from switchboard.errors import EsrError, LeakError, TraceError

LINE = '{"ts": 1584277200000000000, "method": "GET", "url": "/a", "user": "u"}\n'


@pytest.fixture(name="log")
def log_fixture(tmp_path: Path) -> Path:
    log = tmp_path / "day.ndjson"
    log.write_text(LINE)
    return log


def open_one(
    stack: ExitStack,
    log: Path,
    home: Path,
    seed: int = 0,
    how: Reading | None = None,
    named: str = "",
) -> Tape:
    read = choose_reading(how or Reading(), {}, home)
    recipe = Recipe(Sources((log,), False, (named or str(log),)), read, seed, "mend it")
    return open_tape(recipe, home, stack)


def kept(home: Path) -> list[str]:
    return sorted(path.name for path in (home / "tapes").iterdir())


def test_an_unchanged_log_is_compiled_once(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ExitStack() as stack:
        first = open_one(stack, log, tmp_path)
        monkeypatch.setattr(tapes, "build_tape", None)  # it would not be callable
        again = open_one(stack, log, tmp_path)
        assert again.folder == first.folder
    assert len(kept(tmp_path)) == 1


def test_a_changed_log_or_seed_or_format_is_another_tape(log: Path, tmp_path: Path) -> None:
    with ExitStack() as stack:
        open_one(stack, log, tmp_path)
        open_one(stack, log, tmp_path, seed=1)
        open_one(stack, log, tmp_path, how=Reading(format="ops"))
        log.write_text(LINE * 2)
        assert len(open_one(stack, log, tmp_path)) == 2
    assert len(kept(tmp_path)) == 4


def test_a_damaged_tape_is_made_anew(log: Path, tmp_path: Path) -> None:
    with ExitStack() as stack:
        folder = open_one(stack, log, tmp_path).folder
        (folder / "tape.json").write_text("{")
        assert len(open_one(stack, log, tmp_path)) == 1


def test_without_a_place_to_keep_it_a_tape_is_made_for_the_run(log: Path, tmp_path: Path) -> None:
    (tmp_path / "home").touch()
    with ExitStack() as stack:
        folder = open_one(stack, log, tmp_path / "home").folder
        assert folder.exists()
    assert not folder.exists()


def test_without_any_room_the_folder_is_named(
    log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tapes, "build_tape", no_room)
    with ExitStack() as stack, pytest.raises(EsrError, match=r"cannot write the tape to .*TMPDIR"):
        open_one(stack, log, tmp_path)


def test_what_is_wrong_with_the_log_is_not_taken_for_a_full_disk(log: Path, tmp_path: Path) -> None:
    log.write_text("")
    with ExitStack() as stack, pytest.raises(TraceError):
        open_one(stack, log, tmp_path)
    assert kept(tmp_path) == []


@pytest.mark.parametrize(
    ("named", "shown"),
    [
        (
            "https://bob:hunter2@host.example/a.log?sig=T0P",
            "https://host.example/a.log is not made",
        ),
        ("-", "standard input is not made"),
        ("a\x1b.log", "a\ufffd.log is not made"),
    ],
)
def test_a_refusal_names_the_source_and_none_of_its_secrets(
    named: str, shown: str, log: Path, tmp_path: Path
) -> None:
    log.write_text(LINE.replace("/a", "/a?ssn=219-09-1234"))
    with ExitStack() as stack, pytest.raises(LeakError) as refused:
        open_one(stack, log, tmp_path, named=named)
    assert str(refused.value).startswith(shown)


def test_a_log_that_leaks_leaves_nothing_and_the_way_out_is_said(log: Path, tmp_path: Path) -> None:
    log.write_text(LINE.replace("/a", "/a?ssn=219-09-1234"))
    with ExitStack() as stack, pytest.raises(LeakError, match=r"1 ssn.*; mend it") as refused:
        open_one(stack, log, tmp_path)
    assert refused.value.exit_code == 97
    assert "219-09" not in str(refused.value)
    assert kept(tmp_path) == []
    with ExitStack() as stack:
        allowed = open_one(stack, log, tmp_path, how=Reading(allow_kind=("ssn",)))
        assert allowed.info.account.allowed == ("ssn",)
        assert allowed.info.account.found == {"ssn": 1}


def test_only_the_newest_are_kept_and_what_was_never_finished_goes(
    log: Path, tmp_path: Path
) -> None:
    old, new = (tmp_path / "tapes" / f".TAPE-{name}.1a2b3c4d.building" for name in ("old", "new"))
    for folder in (old, new):
        folder.mkdir(parents=True)
    os.utime(old, (0, 0))
    with ExitStack() as stack:
        for seed in range(KEPT + 3):
            open_one(stack, log, tmp_path, seed=seed)
    names = kept(tmp_path)
    assert len([name for name in names if name.startswith("TAPE-")]) == KEPT
    assert new.name in names
    assert old.name not in names
