"""The copy of the rules that doors go by, which the command cannot edit."""

from __future__ import annotations

from pathlib import Path

import pytest

from hms_esr.containment.frozen_rules import FrozenRulesError, freeze_rules
from hms_esr.containment.plan import ContainError
from scenarios.rules_files import read_rules
from switchboard.errors import RuleError

ROUTE = '{host: "*.hms.example", to: {name: svc, address: 127.0.0.1, port: 9001}}'


def write(folder: Path, text: str) -> Path:
    file = folder / "there" / "switchboard.yml"
    file.parent.mkdir()
    file.write_text(text, encoding="utf-8")
    return file


def test_an_edit_of_the_file_changes_nothing(tmp_path: Path) -> None:
    file = write(tmp_path, f"routes: [{ROUTE}]\n")
    copy, rules = freeze_rules(file, {}, tmp_path, tmp_path / "copy")
    file.write_text(f"routes: [{ROUTE.replace('9001', '9002')}]\n", encoding="utf-8")
    assert read_rules(copy) == rules
    assert rules.endpoints("sandbox") == {("127.0.0.1", 9001)}


def test_what_rules_name_is_copied_with_them(tmp_path: Path) -> None:
    inject = "[{upstream: svc, header: X-Key, from_file: keys/svc}]"
    file = write(tmp_path, f"routes: [{ROUTE}]\ncredentials: {{inject: {inject}}}\n")
    (file.parent / "keys").mkdir()
    (file.parent / "keys/svc").write_text("k", encoding="utf-8")
    copy, _ = freeze_rules(file, {}, tmp_path, tmp_path / "copy")
    assert (copy.parent / "keys/svc").read_text(encoding="utf-8") == "k"


def test_a_file_beside_and_above_has_no_place_in_the_copy(tmp_path: Path) -> None:
    inject = "[{upstream: svc, header: X-Key, from_file: ../key}]"
    file = write(tmp_path, f"routes: [{ROUTE}]\ncredentials: {{inject: {inject}}}\n")
    (tmp_path / "key").write_text("k", encoding="utf-8")
    with pytest.raises(FrozenRulesError, match=r"\.\./key"):
        freeze_rules(file, {}, tmp_path, tmp_path / "copy")


def test_environments_come_along_and_the_nearest_wins(tmp_path: Path) -> None:
    file = write(tmp_path, f"environment: staging\nroutes: [{ROUTE}]\n")
    near, far = file.parent / "environments", tmp_path / "far"
    for folder, port in ((near, 9101), (far, 9102)):
        folder.mkdir()
        (folder / "staging.yml").write_text(
            f'upstreams: [{{name: pay, hosts: [pay.example], base_url: "http://127.0.0.1:{port}"}}]\n',
            encoding="utf-8",
        )
    variables = {"ESR_ENVIRONMENTS": str(far)}
    copy, rules = freeze_rules(file, variables, tmp_path, tmp_path / "copy")
    (near / "staging.yml").write_text("upstreams: []\n", encoding="utf-8")
    assert read_rules(copy) == rules
    assert "9101" in (copy.parent / "environments/staging.yml").read_text(encoding="utf-8")


def test_canaries_are_left_to_the_jail(tmp_path: Path) -> None:
    """Doors are outside: what they can reach says nothing about the command."""
    file = write(tmp_path, f"routes: [{ROUTE}]\ninterlock: {{canaries: true}}\n")
    copy, rules = freeze_rules(file, {}, tmp_path, tmp_path / "copy")
    assert rules.canaries == ()
    assert read_rules(copy).canaries is None
    assert read_rules(copy).endpoints("sandbox") == rules.endpoints("sandbox")


def test_live_rules_are_refused(tmp_path: Path) -> None:
    live = ROUTE[:-1] + ", live: {name: real, address: 127.0.0.3, port: 80}}"
    file = write(tmp_path, f"mode: live\nroutes: [{live}]\n")
    with pytest.raises(ContainError, match="mode: live"):
        freeze_rules(file, {}, tmp_path, tmp_path / "copy")


def test_faults_name_the_users_own_file(tmp_path: Path) -> None:
    file = write(tmp_path, "routes: 7\n")
    with pytest.raises(RuleError, match=r"there/switchboard\.yml"):
        freeze_rules(file, {}, tmp_path, tmp_path / "copy")
