"""The rules file is edited while the gateway runs: sound edits are taken, others are not."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.integration.esr import wait_until
from tests.integration.gateway_runs import RunningGateway, gateway, write_rules

MORE = "tags: {labels: {edit: again}}\n"


def replace_file(path: Path, text: str) -> None:
    """As an editor does it: a new file in the place of the old."""
    beside = path.with_suffix(".new")
    beside.write_text(text)
    beside.replace(path)


def refusals(door: RunningGateway, host: str) -> set[str]:
    """What each of a few connections is told, so that both workers are likely to be asked."""
    return {door.ask(host).headers.get("x-esr-refused", "passed") for _ in range(20)}


def test_a_sound_edit_is_taken_by_every_worker(tmp_path: Path) -> None:
    rules = write_rules(tmp_path, 1)
    with gateway(tmp_path, workers=2) as door:
        assert refusals(door, "b.hms.gov") == {"deny.hosts[0]"}
        replace_file(rules, rules.read_text().replace("*.hms.gov", "*.elsewhere.gov"))
        wait_until(lambda: door.status["reloads"]["taken"] == 1)
        digests = {worker["rules"] for worker in door.status["workers"]}
        assert digests == {door.status["rules"]["digest"]}
        assert refusals(door, "b.hms.gov") == {"unmapped-host"}
        assert refusals(door, "b.elsewhere.gov") == {"deny.hosts[0]"}
        assert "took the edited rules" in door.said


def test_an_unsound_edit_changes_nothing_and_is_told(tmp_path: Path) -> None:
    rules = write_rules(tmp_path, 1)
    sound = rules.read_text()
    with gateway(tmp_path) as door:
        digest = door.status["rules"]["digest"]
        replace_file(rules, sound.replace("203.0.113.0/24", "everything") + "unknown: 1\n")
        wait_until(lambda: door.status["reloads"]["refused"] == 1)
        status = door.status
        assert status["rules"]["digest"] == digest
        assert "everything" in status["reloads"]["fault"]
        assert "unknown" in door.said
        assert b"esr_gateway_reload_failure_total 1.0" in door.call("/metrics").body
        assert refusals(door, "b.hms.gov") == {"deny.hosts[0]"}
        replace_file(rules, sound)
        wait_until(lambda: door.status["reloads"]["fault"] is None)
        replace_file(rules, sound + MORE)
        wait_until(lambda: door.status["reloads"]["taken"] == 1)
        assert door.stop() == 0


def test_a_file_that_is_gone_changes_nothing(tmp_path: Path) -> None:
    rules = write_rules(tmp_path, 1)
    sound = rules.read_text()
    with gateway(tmp_path) as door:
        rules.unlink()
        wait_until(lambda: door.status["reloads"]["refused"] == 1)
        assert "switchboard.yml" in door.status["reloads"]["fault"]
        assert refusals(door, "b.hms.gov") == {"deny.hosts[0]"}
        rules.write_text(sound + MORE)
        wait_until(lambda: door.status["reloads"]["taken"] == 1)
        assert door.status["reloads"]["fault"] is None


def test_an_edit_that_needs_a_secret_which_is_not_there_is_refused(tmp_path: Path) -> None:
    rules = write_rules(tmp_path, 1)
    with gateway(tmp_path) as door:
        replace_file(rules, rules.read_text().replace("ESR_SVC_TOKEN", "ESR_NOT_SET"))
        wait_until(lambda: door.status["reloads"]["refused"] == 1)
        assert "ESR_NOT_SET" in door.said
        assert "sandbox-token" not in door.said


def test_an_edit_that_leads_back_to_the_gateway_is_refused(tmp_path: Path) -> None:
    rules = write_rules(tmp_path, 1)
    with gateway(tmp_path) as door:
        replace_file(rules, rules.read_text().replace("port: 1}", f"port: {door.control}}}"))
        wait_until(lambda: door.status["reloads"]["refused"] == 1)
        assert "control API" in door.status["reloads"]["fault"]


def test_a_worker_that_starts_later_has_the_edited_rules(tmp_path: Path) -> None:
    rules = write_rules(tmp_path, 1)
    with gateway(tmp_path) as door:
        (pid,) = door.worker_pids
        replace_file(rules, rules.read_text().replace("*.hms.gov", "*.elsewhere.gov"))
        wait_until(lambda: door.status["reloads"]["taken"] == 1)
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: door.worker_pids not in ([], [pid]))
        assert refusals(door, "b.elsewhere.gov") == {"deny.hosts[0]"}
