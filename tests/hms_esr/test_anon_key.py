"""The anonymiser's key: where it comes from, and that nobody else reads it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from hms_esr.anon_key import KEY_FILE, KEY_VARIABLE, AnonKeyError, load_key

SECRET = "0123456789abcdef-secret"


def test_the_environment_comes_first(tmp_path: Path) -> None:
    assert load_key({KEY_VARIABLE: SECRET}, tmp_path) == SECRET.encode()
    assert list(tmp_path.iterdir()) == []


def test_a_key_file_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    home = tmp_path / "deep" / "home"
    key = load_key({}, home)
    assert len(key) == 64
    assert stat.S_IMODE((home / KEY_FILE).stat().st_mode) == 0o600
    assert load_key({}, home) == key
    assert [path.name for path in home.iterdir()] == [KEY_FILE]
    assert load_key({}, tmp_path / "other") != key


def test_one_that_was_first_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = tmp_path / KEY_FILE
    real_link = os.link

    def link(source: Path, target: Path) -> None:
        theirs.write_text("a" * 64)
        theirs.chmod(0o600)
        real_link(source, target)

    monkeypatch.setattr(os, "link", link)
    assert load_key({}, tmp_path) == b"a" * 64
    assert [path.name for path in tmp_path.iterdir()] == [KEY_FILE]


@pytest.mark.parametrize(
    ("text", "mode", "words"),
    [
        (SECRET, 0o644, "can be read by others"),
        (SECRET, 0o640, "chmod 600"),
        ("short", 0o600, "holds no key"),
        ("\0\xff" * 20, 0o600, "holds no key"),
    ],
)
def test_a_file_that_is_no_good_is_refused(
    tmp_path: Path, text: str, mode: int, words: str
) -> None:
    path = tmp_path / KEY_FILE
    path.write_bytes(text.encode("latin-1"))
    path.chmod(mode)
    with pytest.raises(AnonKeyError) as raised:
        load_key({}, tmp_path)
    assert words in str(raised.value)
    assert str(path) in str(raised.value)
    assert text not in str(raised.value) or text == "short"


def test_a_short_key_in_the_environment_is_refused_without_being_named(tmp_path: Path) -> None:
    with pytest.raises(AnonKeyError) as raised:
        load_key({KEY_VARIABLE: "hunter2"}, tmp_path)
    assert "at least 16" in str(raised.value)
    assert "hunter2" not in str(raised.value)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / KEY_FILE, 0o600)
    with pytest.raises(AnonKeyError, match="is not a file"):
        load_key({}, tmp_path)
    (tmp_path / KEY_FILE).unlink()
    (tmp_path / KEY_FILE).mkdir()
    with pytest.raises(AnonKeyError, match=KEY_VARIABLE):
        load_key({}, tmp_path)


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AnonKeyError, match=KEY_VARIABLE):
        load_key({}, tmp_path / "file" / "home")
