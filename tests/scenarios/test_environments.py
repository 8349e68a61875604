"""Finding environment files, and reading them as a person would have written them."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from scenarios.environments import (
    MAX_BYTES,
    environment_folders,
    environment_names,
    load_environment,
    read_environment,
)
from switchboard.environment import (
    ALLOW_KEYS,
    CREDENTIAL_KEYS,
    ENVIRONMENT_KEYS,
    UPSTREAM_KEYS,
)
from switchboard.errors import RuleError
from switchboard.guard import check_declared

SHORT = "base_url: http://127.0.0.1:9000\n"
PAGE = Path(__file__).parents[2] / "docs" / "environments.md"


def folder_with(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.yml").write_text(text, encoding="utf-8")
    return folder


def error_of(path: Path) -> RuleError:
    with pytest.raises(RuleError) as caught:
        read_environment(path)
    return caught.value


def test_folders_in_order(tmp_path: Path) -> None:
    listed = os.pathsep.join(["/etc/esr", "", "mine"])
    assert environment_folders({"ESR_ENVIRONMENTS": listed}, tmp_path) == (
        tmp_path / "environments",
        Path("/etc/esr"),
        tmp_path / "mine",
    )
    assert environment_folders({}, tmp_path) == (tmp_path / "environments",)


def test_the_first_folder_wins(tmp_path: Path) -> None:
    first = folder_with(tmp_path / "a", staging=SHORT)
    second = folder_with(tmp_path / "b", staging="nonsense: 1", other=SHORT)
    folders = (tmp_path / "missing", first, second)
    assert environment_names(folders) == ("staging", "other")
    assert load_environment("staging", folders).upstreams[0].port == 9000


def test_only_yaml_files_count(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "folder.yml").mkdir()
    (tmp_path / "long.yaml").write_text(SHORT)
    assert environment_names([tmp_path]) == ("long",)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("stagin", "did you mean staging?"),
        ("zzz", "there are staging"),
        ("../secret", "is not the name of an environment"),
        ("a\r\nb", "is not the name of an environment"),
    ],
)
def test_an_unknown_name(tmp_path: Path, name: str, says: str) -> None:
    folder = folder_with(tmp_path, staging=SHORT)
    with pytest.raises(RuleError) as caught:
        load_environment(name, [folder])
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_with_no_environment_at_all_the_message_says_what_to_write(tmp_path: Path) -> None:
    with pytest.raises(RuleError, match=r"write staging\.yml in"):
        load_environment("staging", [tmp_path / "environments"])


def test_faults_carry_their_lines(tmp_path: Path) -> None:
    text = "upstreams:\n  - name: svc\n    hots: [a]\n    base_url: http://h:0\nalow: {}\n"
    faults = error_of(folder_with(tmp_path, bad=text) / "bad.yml").faults
    assert [(fault.path, fault.line) for fault in faults] == [
        ("alow", 5),
        ("upstreams[0].hots", 3),
        ("upstreams[0].base_url", 4),
        ("upstreams[0].hosts", 2),
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "must be a mapping"),
        ("- a\n", "must be a mapping"),
        (f"{SHORT}name: other\n", "name (line 2): must be bad, like the file"),
        (f"{SHORT}{SHORT}", "twice"),
        ("a: [", "not YAML"),
        ("!!python/object:os.system x", "bad.yml"),
    ],
)
def test_bad_files(tmp_path: Path, text: str, says: str) -> None:
    error = error_of(folder_with(tmp_path, bad=text) / "bad.yml")
    assert says in str(error)
    assert "bad.yml" in str(error)
    assert type(error) is RuleError


@pytest.mark.parametrize(
    ("data", "says"),
    [(b"\xff\xfe", "is not UTF-8"), (b"a" * (MAX_BYTES + 1), "is larger than")],
)
def test_files_that_are_no_text(tmp_path: Path, data: bytes, says: str) -> None:
    (tmp_path / "bad.yml").write_bytes(data)
    assert says in str(error_of(tmp_path / "bad.yml"))


def test_a_file_that_is_gone(tmp_path: Path) -> None:
    assert "cannot be read: No such file" in str(error_of(tmp_path / "gone.yml"))


def test_the_examples_of_the_page_are_true(tmp_path: Path) -> None:
    examples = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(examples) == 2
    for text in examples:
        environment = read_environment(folder_with(tmp_path, staging=text) / "staging.yml")
        check_declared(environment)


@pytest.mark.parametrize("word", [*ENVIRONMENT_KEYS, *UPSTREAM_KEYS, *ALLOW_KEYS, *CREDENTIAL_KEYS])
def test_every_word_is_on_the_page(word: str) -> None:
    assert re.search(rf"`[a-z.\[\]]*\b{word}`", PAGE.read_text(encoding="utf-8"))
