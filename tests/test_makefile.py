"""The set-up scripts behind the Makefile, run with interpreters that are not real.

Nothing here touches the network, the real .venv or this machine's Pythons.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PICKER = ROOT / "tools/pick_python.sh"
TARGETS = {"demo", "test", "install", "check", "bench", "clean", "help", "leaks", "lock"}

BROKEN_SHIM = 'echo "pyenv: $0: command not found" >&2; exit 127'
OLD = "echo 3 9 18 cpython /old"
NO_VENV = "echo \"ModuleNotFoundError: No module named 'ensurepip'\" >&2; exit 1"
CHATTY_FAILURE = "echo Python was not found; run without arguments to install it"


def make_command(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def python(version: str, where: str) -> str:
    """A script that answers the picker's question as a Python of that version would."""
    return f"echo {version.replace('.', ' ')} cpython {where}"


def pick(
    tmp_path: Path,
    on_path: Mapping[str, str],
    in_pyenv: Mapping[str, str] | None = None,
    **variables: str,
) -> subprocess.CompletedProcess[str]:
    """Run the picker where only these commands exist."""
    (tmp_path / "bin").mkdir()
    for name, script in on_path.items():
        make_command(tmp_path / "bin" / name, script)
    for name, script in (in_pyenv or {}).items():
        make_command(tmp_path / "home/.pyenv/versions" / name / "bin/python", script)
    clean = {"PATH": str(tmp_path / "bin"), "HOME": str(tmp_path / "home"), **variables}
    return subprocess.run(
        ["/bin/sh", str(PICKER)], env=clean, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("on_path", "in_pyenv", "taken"),
    [
        pytest.param({"python3": python("3.12.4", "/a")}, {}, "/a", id="the only one"),
        pytest.param(
            {"python3.11": python("3.11.9", "/a"), "python3.12": python("3.12.1", "/b"),
             "python3": python("3.11.9", "/a")}, {}, "/b", id="the newest on PATH",
        ),
        pytest.param(
            {"python3.13": BROKEN_SHIM, "python3.12": BROKEN_SHIM,
             "python3.11": python("3.11.7", "/a")}, {}, "/a", id="a shim that does not start",
        ),
        pytest.param(
            {"python3.13": BROKEN_SHIM, "python3.11": python("3.11.7", "/a")},
            {"3.11.7": python("3.11.7", "/b"), "3.12.1": python("3.12.1", "/c"),
             "3.13.0": python("3.13.0", "/d"), "2.7.18": CHATTY_FAILURE},
            "/d", id="a newer one in pyenv",
        ),
        pytest.param(
            {"python3.12": python("3.12.1", "/a")}, {"3.12.9": python("3.12.9", "/b")},
            "/a", id="PATH wins a tie",
        ),
        pytest.param(
            {}, {"3.13.0": python("3.13.0", "/a"), "3.13.10": python("3.13.10", "/b"),
                 "3.13.9": python("3.13.9", "/c")}, "/b", id="the newest fix in pyenv",
        ),
        pytest.param(
            {"python3": python("3.14.0", "/a"), "python3.11": python("3.11.2", "/b")}, {},
            "/b", id="a tested one before a newer one",
        ),
        pytest.param(
            {"python3": python("3.14.0", "/a")}, {"3.12.1": python("3.12.1", "/b")},
            "/b", id="a tested one of pyenv before a newer one",
        ),
        pytest.param(
            {"python3": python("3.15.0", "/a"), "python3.14": python("3.14.2", "/b")}, {},
            "/b", id="of newer ones the nearest",
        ),
        pytest.param(
            {"python3": NO_VENV, "python": python("3.11.2", "/a")}, {}, "/a", id="no venv module",
        ),
        pytest.param(
            {"python3": "echo 3 11 13 pypy /a", "python": python("3.11.2", "/b")}, {},
            "/b", id="not CPython",
        ),
        pytest.param(
            {"python3": OLD, "python": python("3.13.1", "/with a space/python")}, {},
            "/with a space/python", id="a path with a space",
        ),
    ],
)  # fmt: skip
def test_the_newest_suitable_python_that_starts_is_taken(
    tmp_path: Path, on_path: Mapping[str, str], in_pyenv: Mapping[str, str], taken: str
) -> None:
    ran = pick(tmp_path, on_path, in_pyenv)
    assert (ran.returncode, ran.stdout) == (0, f"{taken}\n")
    assert len(ran.stderr.splitlines()) == 1
    assert taken in ran.stderr


def test_pyenv_root_is_looked_into(tmp_path: Path) -> None:
    root = tmp_path / "elsewhere"
    make_command(root / "versions/3.13.0/bin/python", python("3.13.0", "/a"))
    ran = pick(tmp_path, {}, {"3.12.0": python("3.12.0", "/b")}, PYENV_ROOT=str(root))
    assert ran.stdout == "/a\n"


def test_a_python_newer_than_the_tested_ones_is_noted(tmp_path: Path) -> None:
    ran = pick(tmp_path, {"python3": python("3.14.0", "/a")})
    assert "newer than the tested 3.11 to 3.13" in ran.stderr


@pytest.mark.parametrize(
    "on_path",
    [{}, {"python3": OLD}, {"python3.13": BROKEN_SHIM, "python3": NO_VENV}],
    ids=["nothing", "too old", "nothing that works"],
)  # fmt: skip
def test_no_python_is_one_sentence_and_exit_2(tmp_path: Path, on_path: Mapping[str, str]) -> None:
    ran = pick(tmp_path, on_path)
    assert (ran.returncode, ran.stdout) == (2, "")
    (sentence,) = ran.stderr.splitlines()
    assert sentence.startswith("No Python 3.11 or newer")
    assert "make install PYTHON=" in sentence


def test_python_variable_overrides_the_search(tmp_path: Path) -> None:
    mine = make_command(tmp_path / "mine", python("3.11.3", "/mine"))
    ran = pick(tmp_path, {"python3.13": python("3.13.0", "/a")}, PYTHON=str(mine))
    assert (ran.returncode, ran.stdout) == (0, "/mine\n")


@pytest.mark.parametrize("script", [OLD, BROKEN_SHIM, NO_VENV], ids=["old", "broken", "no venv"])
def test_an_unsuitable_python_variable_is_not_replaced_silently(
    tmp_path: Path, script: str
) -> None:
    mine = make_command(tmp_path / "mine", script)
    ran = pick(tmp_path, {"python3.13": python("3.13.0", "/a")}, PYTHON=str(mine))
    assert (ran.returncode, ran.stdout) == (2, "")
    assert str(mine) in ran.stderr


# What a Python does for tools/make_venv.sh: `-m venv DIR` puts a copy of it there, which notes
# each `-m pip install` in the file that the test reads.
FAKE_PYTHON = """
case "$*" in
    "-m venv "*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" && : >"$3/pyvenv.cfg" ;;
    *"pip --version") ;;
    "-m pip "*"install"*) echo "${*#*install }" >>"$PIP_LOG"; exit "${PIP_STATUS:-0}" ;;
    "-c import sys, venv"*) echo 3 13 0 cpython "$BASE" ;;
    "-c import os, sys; print"*) echo "$BASE" ;;
esac
"""


class Checkout:
    """A folder with the set-up scripts, locks, and a Python that only takes notes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = make_command(folder / "fake/python3.13", FAKE_PYTHON)
        (folder / "tools").mkdir()
        for name in ("pick_python.sh", "make_venv.sh"):
            make_command(folder / "tools" / name, (ROOT / "tools" / name).read_text())
        for name in ("requirements.lock", "requirements-dev.lock", "pyproject.toml"):
            (folder / name).write_text("as it was\n")

    def make_venv(self, kind: str, **variables: str) -> subprocess.CompletedProcess[str]:
        clean = {
            "PATH": f"{self.folder / 'fake'}{os.pathsep}/usr/bin{os.pathsep}/bin",
            "HOME": str(self.folder),
            "BASE": str(self.python),
            "PIP_LOG": str(self.folder / "pip.log"),
        }
        return subprocess.run(
            ["/bin/sh", "tools/make_venv.sh", kind], cwd=self.folder, env={**clean, **variables},
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    def installs(self) -> list[str]:
        """What was installed since the last call."""
        log = self.folder / "pip.log"
        lines = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return lines


EDITABLE = "--no-deps --no-build-isolation -e ."
PRODUCT = ["--require-hashes -r requirements.lock", EDITABLE]
DEV = ["--require-hashes -r requirements-dev.lock", EDITABLE]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_a_first_install_says_in_two_lines_what_it_does(checkout: Checkout) -> None:
    ran = checkout.make_venv("product")
    assert ran.returncode == 0
    assert checkout.installs() == PRODUCT
    assert ran.stdout == "installing the product into .venv\n"
    assert ran.stderr.startswith("python: 3.13.0, ")
    assert ran.stderr.count("\n") == 1


def test_a_second_install_does_nothing(checkout: Checkout) -> None:
    checkout.make_venv("dev")
    checkout.installs()
    for kind in ("dev", "product"):
        ran = checkout.make_venv(kind)
        assert (ran.returncode, ran.stdout, ran.stderr, checkout.installs()) == (0, "", "", [])


def test_dev_tools_are_added_to_the_product(checkout: Checkout) -> None:
    checkout.make_venv("product")
    checkout.installs()
    ran = checkout.make_venv("dev")
    assert checkout.installs() == DEV
    assert "python:" not in ran.stderr


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock", "pyproject.toml"])
def test_a_changed_lock_is_installed(checkout: Checkout, name: str) -> None:
    checkout.make_venv("dev")
    checkout.installs()
    (checkout.folder / name).write_text("changed\n")
    checkout.make_venv("dev")
    assert checkout.installs() == DEV


def test_the_product_does_not_care_for_the_dev_lock(checkout: Checkout) -> None:
    checkout.make_venv("product")
    checkout.installs()
    (checkout.folder / "requirements-dev.lock").write_text("changed\n")
    checkout.make_venv("product")
    assert checkout.installs() == []


def test_a_failed_install_is_tried_again(checkout: Checkout) -> None:
    assert checkout.make_venv("product", PIP_STATUS="1").returncode != 0
    checkout.installs()
    assert checkout.make_venv("product").returncode == 0
    assert checkout.installs() == PRODUCT


def test_a_venv_whose_python_is_gone_is_made_again(checkout: Checkout) -> None:
    checkout.make_venv("product")
    checkout.installs()
    (checkout.folder / ".venv/bin/python").unlink()
    ran = checkout.make_venv("product")
    assert (ran.returncode, checkout.installs()) == (0, PRODUCT)


def test_another_python_makes_another_venv(checkout: Checkout) -> None:
    checkout.make_venv("product")
    checkout.installs()
    left_behind = checkout.folder / ".venv/left-behind"
    left_behind.touch()
    other = make_command(
        checkout.folder / "other", FAKE_PYTHON.replace("$BASE", str(checkout.folder / "other"))
    )
    ran = checkout.make_venv("product", PYTHON=str(other))
    assert (ran.returncode, checkout.installs()) == (0, PRODUCT)
    assert not left_behind.exists()


def test_a_python_that_does_not_start_leaves_the_venv_alone(checkout: Checkout) -> None:
    checkout.make_venv("product")
    ran = checkout.make_venv("product", PYTHON="/nowhere/python3")
    assert ran.returncode == 2
    assert ran.stderr.startswith("PYTHON=/nowhere/python3 does not start")
    assert len(ran.stderr.splitlines()) == 1
    assert (checkout.folder / ".venv/bin/python").exists()


def test_a_folder_that_is_no_venv_is_left_alone(checkout: Checkout) -> None:
    precious = checkout.folder / ".venv/notes.txt"
    precious.parent.mkdir()
    precious.write_text("mine")
    ran = checkout.make_venv("product")
    assert ran.returncode == 2
    assert "is no virtual environment" in ran.stderr
    assert precious.read_text() == "mine"


def test_without_a_python_nothing_is_made(checkout: Checkout) -> None:
    ran = checkout.make_venv("product", PYTHON="/nowhere/python3")
    assert ran.returncode == 2
    assert len(ran.stderr.splitlines()) == 1
    assert not (checkout.folder / ".venv").exists()


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make as a person would, although `make test` may be running us."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(
        ["make", *arguments], cwd=ROOT, env=clean, capture_output=True, text=True, check=False
    )


def makefile_targets() -> set[str]:
    text = (ROOT / "Makefile").read_text()
    return set(re.findall(r"^([a-z]+):", text, re.MULTILINE))


def test_make_help_lists_every_target() -> None:
    ran = make("help")
    assert makefile_targets() == TARGETS
    assert set(re.findall(r"^  make ([a-z]+) ", ran.stdout, re.MULTILINE)) == TARGETS


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_every_target_is_understood_by_make(target: str) -> None:
    ran = make("--dry-run", target)
    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.parametrize("status", [0, 2])
def test_ci_runs_make_test_and_has_its_status(tmp_path: Path, status: int) -> None:
    make_command(
        tmp_path / "make",
        f'echo "make $*: $(/bin/pwd)"; echo warned >&2; echo "= 1 passed ="\n'
        f'echo "make: *** [Makefile:1: test] Error 1" >&2; exit {status}',
    )
    ran = subprocess.run(
        [str(ROOT / ".ci/run")], cwd=tmp_path, env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == status
    assert ran.stdout == f"make test: {ROOT}\n= 1 passed =\n"
    assert ran.stderr == "warned\n"


def test_ci_says_things_in_their_order(tmp_path: Path) -> None:
    """What was said first must not come out after pytest's summary."""
    go_on = tmp_path / "go on"
    make_command(
        tmp_path / "make",
        f'echo "python: 3.13.0" >&2; until [ -e "{go_on}" ]; do :; done; echo "= 1 passed ="',
    )
    with subprocess.Popen(
        [str(ROOT / ".ci/run")], cwd=tmp_path, env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as ran:  # fmt: skip
        assert ran.stdout is not None
        first = ran.stdout.readline()
        go_on.touch()
        assert first + ran.stdout.read() == "python: 3.13.0\n= 1 passed =\n"
