"""How a contained command begins and ends: its code, signals, doors, and a killed parent."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.integration.contain_runs import (
    LAUNCHER,
    RULES,
    USER_WITHOUT_USER_NAMESPACES,
    contain,
    needs_namespaces,
    run_in_world,
)
from tests.integration.esr import environment, wait_until

pytestmark = needs_namespaces

WAIT = "echo begun > begun; exec sleep 86400"
TIMEOUT_S = 60


@contextmanager
def running(folder: Path, *command: str) -> Iterator[subprocess.Popen[str]]:
    """A supervisor that is a child of this test, once its command runs."""
    (folder / "switchboard.yml").write_text(RULES, encoding="utf-8")
    known = {"ESR_SVC_TOKEN": "t0", "STANDIN_PIDS": str(folder / "pids")}
    process = subprocess.Popen(
        # Without --fork, unshare becomes the supervisor.
        ["unshare", "-n", *LAUNCHER, *command],
        cwd=folder,
        env=environment(folder / "home", known),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_until(lambda: (folder / "begun").exists() or process.poll() is not None)
        yield process
    finally:
        process.kill()
        process.communicate(timeout=TIMEOUT_S)


def descendants(pid: int) -> list[int]:
    """Every process below one, from the kernel's own list."""
    found = []
    with suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            for child in (thread / "children").read_text().split():
                found += [int(child), *descendants(int(child))]
    return found


def name_of(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return []


def names_below(pid: int) -> list[list[bytes]]:
    return [name_of(each) for each in descendants(pid)]


def is_gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state in "ZX"


def all_gone(pids: list[int]) -> Callable[[], bool]:
    return lambda: all(map(is_gone, pids))


@pytest.mark.parametrize(
    ("script", "code"),
    [
        pytest.param("exit 0", 0, id="0"),
        pytest.param("exit 7", 7, id="7"),
        pytest.param("kill -TERM $$", 128 + signal.SIGTERM, id="a signal"),
        pytest.param("kill -KILL $$", 128 + signal.SIGKILL, id="killed"),
        pytest.param("sleep 86400 & exit 3", 3, id="it leaves a child behind"),
    ],
)
def test_the_commands_code_is_the_exit_code(tmp_path: Path, script: str, code: int) -> None:
    assert contain(tmp_path, "sh", "-c", script).code == code


@pytest.mark.parametrize("command", ["no-such-command", "./no/such/file"])
def test_a_command_that_is_not_there(tmp_path: Path, command: str) -> None:
    done = contain(tmp_path, command)
    assert done.code == 127
    assert done.err == f"esr: {command}: there is no such command here\n"


def test_a_command_that_is_hidden_inside(tmp_path: Path) -> None:
    """What lies in /run is there for the supervisor, and not for the command."""
    script = 'mount -t tmpfs none /run && cp /bin/true /run/there && exec "$@" /run/there'
    done = run_in_world(tmp_path, ["unshare", "-m", "sh", "-c", script, "sh", *LAUNCHER])
    assert done.code == 127
    assert "esr: /run/there: No such file or directory\n" in done.err


def test_a_command_that_is_no_program(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not a program\n", encoding="utf-8")
    (tmp_path / "text").chmod(0o755)
    done = contain(tmp_path, "./text")
    assert done.code == 126
    assert "esr: ./text: Exec format error\n" in done.err


def test_no_command_at_all(tmp_path: Path) -> None:
    done = contain(tmp_path)
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "esr contain -- COMMAND" in done.err


def test_an_unsound_rules_file(tmp_path: Path) -> None:
    (tmp_path / "switchboard.yml").write_text("routes: 7\n", encoding="utf-8")
    done = contain(tmp_path, "true")
    assert done.code == 2
    assert "switchboard.yml" in done.err


def test_rules_that_are_live(tmp_path: Path) -> None:
    text = RULES.replace("mode: sandbox", "mode: live").replace(
        "port: 9001}", "port: 9001}, live: {name: real, address: 127.0.0.3, port: 80}"
    )
    (tmp_path / "switchboard.yml").write_text(text, encoding="utf-8")
    done = contain(tmp_path, "true")
    assert done.code == 97
    assert "mode: live" in done.err


def test_where_no_jail_can_be_made(tmp_path: Path) -> None:
    done = contain(tmp_path, "touch", "ran", user=USER_WITHOUT_USER_NAMESPACES)
    assert (done.code, done.err.count("\n")) == (97, 1)
    assert "this machine lets" in done.err
    assert not (tmp_path / "ran").exists()


def test_a_door_that_does_not_open(tmp_path: Path) -> None:
    done = contain(tmp_path, "touch", "ran", environment={"STANDIN": "broken"})
    assert done.code == 97
    assert "has no room" in done.err
    assert not (tmp_path / "ran").exists()


def test_a_door_whose_canary_got_out_ends_everything(tmp_path: Path) -> None:
    script = 'curl -s --noproxy "*" http://svc.hms.example/alarm; sleep 86400'
    done = contain(tmp_path, "sh", "-c", script)
    assert done.code == 97
    assert "STOPPED: the gateway door ended" in done.err


def test_a_door_that_ends_takes_only_its_own_way_with_it(tmp_path: Path) -> None:
    script = """
    curl -s --noproxy "*" http://svc.hms.example/end
    curl -s --noproxy "*" http://svc.hms.example/again
    echo "$?"
    curl -s http://svc.hms.example/by-proxy
    """
    done = contain(tmp_path, "sh", "-c", script)
    assert done.code == 0
    first, second = done.out.splitlines()
    assert first != "0"
    assert second.startswith("forward svc.hms.example")
    assert "the gateway door ended" in done.err
    assert "not counted: what went through gateway" in done.err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1])
def test_a_signal_reaches_the_command(tmp_path: Path, number: signal.Signals) -> None:
    name = number.name.removeprefix("SIG")
    trap = f"trap 'echo {name} > heard; exit 9' {name}"
    script = f"{trap}; echo begun > begun; while :; do sleep 0.05; done"
    with running(tmp_path, "sh", "-c", script) as supervisor:
        supervisor.send_signal(number)
        _, err = supervisor.communicate(timeout=TIMEOUT_S)
    assert supervisor.returncode == 9, err
    assert (tmp_path / "heard").read_text() == f"{name}\n"


def test_a_signal_before_the_command_runs(tmp_path: Path) -> None:
    """Nothing is started, and nothing is left."""
    (tmp_path / "switchboard.yml").write_text(RULES, encoding="utf-8")
    pids = tmp_path / "pids"
    process = subprocess.Popen(
        ["unshare", "-n", *LAUNCHER, "touch", "ran"],
        cwd=tmp_path,
        env=environment(
            tmp_path, {"ESR_SVC_TOKEN": "t0", "STANDIN_PIDS": str(pids), "STANDIN": "slow"}
        ),
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until(pids.exists)
    below = descendants(process.pid)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=TIMEOUT_S)
    assert (process.returncode, err) == (130, "esr: interrupted\n")
    assert not (tmp_path / "ran").exists()
    wait_until(all_gone(below))


@pytest.mark.parametrize("victim", ["supervisor", "warden", "first process"])
def test_whoever_is_killed_everything_ends(tmp_path: Path, victim: str) -> None:
    script = f"setsid sleep 86400 & {WAIT}"
    with running(tmp_path, "sh", "-c", script) as supervisor:
        wait_until(lambda: sum(b"sleep" in name for name in names_below(supervisor.pid)) == 2)
        below = descendants(supervisor.pid)
        wardens = [pid for pid in below if b"hms_esr.containment.warden" in name_of(pid)]
        doors = list(map(int, (tmp_path / "pids").read_text().split()))
        assert len(wardens) == 2
        assert set(doors) <= set(below)
        chosen = {"supervisor": supervisor.pid, "warden": wardens[0], "first process": wardens[1]}
        os.kill(chosen[victim], signal.SIGKILL)
        supervisor.wait(TIMEOUT_S)
        wait_until(all_gone(below))
    assert supervisor.returncode == (-signal.SIGKILL if victim == "supervisor" else 97)


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    """No folder in /tmp, and the interlocks where runs are kept."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    done = contain(
        tmp_path, "curl", "-s", "http://svc.hms.example/", environment={"TMPDIR": str(temporary)}
    )
    assert done.code == 0, done.err
    assert list(temporary.iterdir()) == []
    kept = sorted(file.name for file in (tmp_path / "home/switchboard").iterdir())
    assert len(kept) == 4
    assert kept[0].startswith("interlock-")
