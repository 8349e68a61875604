"""The lock files say what pyproject.toml asks for, by hash, and name no place to get it from."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LOCKS = ("requirements.lock", "requirements-dev.lock")
PYTHONS = ("3.11", "3.12", "3.13")


def asked_for() -> dict[str, list[Requirement]]:
    """What each lock has to hold, from pyproject.toml."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    project = tomllib.loads(text)
    product = project["project"]["dependencies"] + project["dependency-groups"]["build"]
    extras = project["project"]["optional-dependencies"]
    product += extras["mitm"]  # locked with the product, so that `esr proxy` works as installed
    dev = extras["dev"]
    return {
        "requirements.lock": [Requirement(each) for each in product],
        "requirements-dev.lock": [Requirement(each) for each in product + dev],
    }


def entries(lock: str) -> list[tuple[Requirement, list[str]]]:
    """Each pinned requirement of a lock, with its hashes."""
    text = (ROOT / lock).read_text(encoding="utf-8")
    text = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    found = []
    for line in filter(str.strip, text.splitlines()):
        pinned, *hashes = re.split(r"\s+--hash=", line.strip())
        found.append((Requirement(pinned), hashes))
    return found


def version_of(requirement: Requirement) -> str:
    (specifier,) = requirement.specifier
    assert specifier.operator == "=="
    return specifier.version


def versions(lock: str, python: str) -> dict[str, str]:
    """What installing a lock on that Python for Linux gives: name to version."""
    machine = {
        "python_version": python, "python_full_version": f"{python}.5", "sys_platform": "linux",
        "platform_system": "Linux", "platform_python_implementation": "CPython",
        "implementation_name": "cpython", "os_name": "posix",
    }  # fmt: skip
    return {
        canonicalize_name(each.name): version_of(each)
        for each, _ in entries(lock)
        if each.marker is None or each.marker.evaluate(machine)
    }


@pytest.mark.parametrize("lock", LOCKS)
def test_every_entry_is_pinned_and_hashed(lock: str) -> None:
    for requirement, hashes in entries(lock):
        assert version_of(requirement)
        assert hashes, requirement
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", each) for each in hashes), requirement


@pytest.mark.parametrize("lock", LOCKS)
def test_no_index_and_no_place_is_named(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert re.findall(r"https?:|file:|--index|--extra-index|--find-links| @ ", text) == []


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_what_the_project_asks_for(lock: str, python: str) -> None:
    locked = versions(lock, python)
    for requirement in asked_for()[lock]:
        if requirement.marker and not requirement.marker.evaluate({"python_version": python}):
            continue
        name = canonicalize_name(requirement.name)
        assert name in locked, "pyproject.toml has changed: make lock"
        assert requirement.specifier.contains(locked[name]), "pyproject.toml has changed: make lock"


@pytest.mark.parametrize("python", PYTHONS)
def test_the_dev_lock_adds_to_the_product_and_changes_nothing(python: str) -> None:
    product, dev = (versions(lock, python) for lock in LOCKS)
    assert product.items() <= dev.items()
