"""`esr chaos` on a run that is under way, from its first request to its end."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
from pathlib import Path
from typing import Any

from hms_esr.admin_client import AdminClient
from hms_esr.live_control import CONTROL_FILE, read_control
from tests.integration.esr import BIN, TIMEOUT_S, environment, esr, run_folders, wait_until


def test_a_fault_is_injected_into_a_live_run_and_cleared(tmp_path: Path) -> None:
    command = [str(BIN / "esr-replay"), "stimulus_2020", "--speed", "10x", "--users", "3000"]
    env = environment(tmp_path / "home")
    quiet: Any = subprocess.DEVNULL
    with subprocess.Popen(command, cwd=tmp_path, env=env, stdout=quiet, stderr=quiet) as run:
        try:
            _inject_and_clear(tmp_path)
        finally:
            run.send_signal(signal.SIGINT)
            run.wait(TIMEOUT_S)
    (folder,) = run_folders(tmp_path)
    assert not (folder / CONTROL_FILE).exists()
    (kept,) = json.loads((folder / "faults.json").read_text())
    assert kept["id"] == "svc-down", "what a cleared fault touched is still put down to it"
    told = esr(tmp_path, "chaos", "list")
    assert (told.code, told.out) == (2, "")
    assert f"no run is under way (the latest is {folder.name})" in told.err


def _inject_and_clear(cwd: Path) -> None:
    wait_until(lambda: any((folder / CONTROL_FILE).is_file() for folder in run_folders(cwd)))
    (folder,) = run_folders(cwd)
    assert stat.S_IMODE((folder / CONTROL_FILE).stat().st_mode) == 0o600
    told = esr(cwd, "chaos", "inject", "down", "svc", "mode=status_503", "--for", "20m")
    assert told.code == 0, told.err
    assert told.out.startswith("injected svc-down: active, down on svc, from ")

    control = read_control(folder)
    client = AdminClient(control.url, control.token)

    def touched() -> int:
        (row,) = client.call("GET", "/faults")["faults"]
        return int(row["touched"])

    wait_until(lambda: touched() > 0)
    wait_until(lambda: (folder / "faults.json").is_file())
    assert esr(cwd, "chaos", "clear", "svc-down").out == "cleared svc-down\n"
    assert client.call("GET", "/faults")["faults"] == []


def test_a_run_whose_gateway_is_killed_is_void_and_says_so(tmp_path: Path) -> None:
    command = [str(BIN / "esr"), "drill", "run", "ach_outage", "--no-baseline"]
    env = environment(tmp_path / "home")
    with subprocess.Popen(command, cwd=tmp_path, env=env, stdout=subprocess.PIPE, text=True) as run:
        wait_until(
            lambda: any((folder / CONTROL_FILE).is_file() for folder in run_folders(tmp_path))
        )
        (folder,) = run_folders(tmp_path)
        rows = folder / "outcomes-0.rows"
        wait_until(lambda: rows.is_file() and rows.stat().st_size > 0)
        os.kill(_gateway_of(run.pid), signal.SIGKILL)
        said = run.communicate(timeout=TIMEOUT_S)[0]
    assert run.returncode == 98, said
    assert "the stub gateway of the run was killed by signal 9" in said
    assert "VOID" in said
    facts = json.loads((folder / "run.json").read_text())
    assert (facts["state"], facts["verdict"]) == ("failed", "void")
    assert (folder / "drill.json").is_file()


def _gateway_of(pid: int) -> int:
    """The child of a process that is a stub gateway."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    children = [child for each in threads for child in (each / "children").read_text().split()]
    names = {int(child): Path(f"/proc/{child}/cmdline").read_bytes() for child in children}
    (found,) = (child for child, name in names.items() if b"hms_esr.stub_gateway" in name)
    return found
