"""`esr chaos`: faults as they are typed, and a live run's gateway that takes them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from hms_esr.chaos_command import (
    chaos_clear_command,
    chaos_inject_command,
    chaos_list_command,
    describe,
    find_live_run,
)
from hms_esr.chaos_words import parse_words, read_faults
from hms_esr.exits import UsageError
from hms_esr.live_control import NotLiveError, remove_control, write_control
from hms_esr.local_api import LocalApiError
from hms_esr.run_folder import RunLock
from hms_esr.runs import UnknownRunError
from stubs.admin.app import DoorGuard, make_admin
from stubs.admin.place import Door
from switchboard.errors import GuardError, ScenarioError, UpstreamError
from tests.stubs.admin.scripted import ScriptedDesk, make_desk
from tests.stubs.admin.serving import serving

TOKEN = "t0ken-of-this-run"
RUN = "RUN-20261121-100000-aaaa"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("down ach", {"kind": "down", "target": {"service": "ach"}}),
        (
            "down ach for=3m at=now",
            {"kind": "down", "target": {"service": "ach"}, "for": "3m", "at": "now"},
        ),
        (
            "error ach POST /payments status=503 probability=0.2",
            {
                "kind": "error",
                "target": {"service": "ach", "route": "POST /payments"},
                "status": 503,
                "probability": 0.2,
            },
        ),
        (
            "latency svc-fee /fees/* ms=50 tenant=t-1",
            {
                "kind": "latency",
                "target": {"service": "svc-fee", "route": "/fees/*", "tenant": "t-1"},
                "ms": 50,
            },
        ),
        (
            'latency ach dist=percentiles table={"p50":20,"p99":300}',
            {
                "kind": "latency",
                "target": {"service": "ach"},
                "dist": "percentiles",
                "table": {"p50": 20, "p99": 300},
            },
        ),
        ("ACH_DOWN at=16m", {"action": "ACH_DOWN", "at": "16m"}),
        ("kill_pod svc-fee after: 12m", "kill_pod svc-fee after: 12m"),
        (
            "hang * reason=drill=1",
            {"kind": "hang", "target": {"service": "*"}, "reason": "drill=1"},
        ),
    ],
)
def test_words_are_a_fault(text: str, fault: Any) -> None:
    assert parse_words(text.split(" ")) == fault


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "name a fault"),
        ([" "], "name a fault"),
        (["donw", "ach"], "did you mean down?"),
        (["down ach 'x"], "cannot be read"),
        (["down", "ach", "svc"], "is not understood"),
        (["down", "/payments"], "is not understood"),
        (["down", "ach", "for=1m", "for=2m"], "for is written twice"),
        (["down", "ach", "service=svc"], "service is written twice"),
        (["{"], "is no JSON"),
        (["[]"], "1 to 1,000"),
        (["nothing.yml"], "nothing.yml cannot be read: No such file"),
    ],
)
def test_words_that_are_none(words: list[str], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        read_faults(words, {})


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["down"], "target is missing"),
        (["down", "ach", "for=3"], "for: must be text, not a number|has no unit"),
        (["down", "ach", "mode=gone", "every_n=0"], "2 faults"),
        (['[{"kind": "down", "target": "ach"}, {"kind": "x"}]'], r"\[1\].kind"),
    ],
)
def test_a_fault_that_is_wrong_never_leaves(words: list[str], says: str) -> None:
    with pytest.raises(ScenarioError, match=says):
        read_faults(words, {})


def test_a_file_of_faults_says_the_lines_of_what_is_wrong(tmp_path: Path) -> None:
    file = tmp_path / "outage.yml"
    file.write_text("title: x\nchaos:\n  - {kind: down, target: ach}\n  - kind: donw\n")
    with pytest.raises(ScenarioError) as caught:
        read_faults([str(file)], {})
    assert [(fault.path, fault.line) for fault in caught.value.faults] == [("chaos[1].kind", 4)]
    file.write_text("- {kind: down, target: ach, at: now}\n- ACH: 1\n")
    with pytest.raises(ScenarioError) as caught:
        read_faults([str(file)], {})
    assert caught.value.faults[0].line == 2


def test_options_are_for_each_fault(tmp_path: Path) -> None:
    file = tmp_path / "outage.json"
    file.write_text('{"chaos": [{"kind": "down", "target": "ach"}, "kill_pod svc-fee"]}')
    made = read_faults([str(file)], {"for": "5m", "reason": "drill"})
    assert made == [
        {"kind": "down", "target": "ach", "for": "5m", "reason": "drill"},
        {"kill_pod": "svc-fee", "for": "5m", "reason": "drill"},
    ]
    with pytest.raises(UsageError, match="--for and for of the fault are both given"):
        read_faults(["down", "ach", "for=1m"], {"for": "5m"})


# A live run


@pytest.fixture
def desk() -> ScriptedDesk:
    return make_desk()


@pytest.fixture
def home(desk: ScriptedDesk, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment in which one run is under way, whose gateway has that desk."""
    folder = tmp_path / "runs" / RUN
    folder.mkdir(parents=True)
    app = DoorGuard(make_admin(desk), Door(TOKEN))
    with serving(app) as port, RunLock.take(folder):
        write_control(folder, f"http://127.0.0.1:{port}", TOKEN)
        yield {"ESR_HOME": str(tmp_path)}
        remove_control(folder)


def test_a_fault_is_injected_listed_and_cleared(
    desk: ScriptedDesk, home: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["down", "ach", "at=now", "mode=reset"]
    assert chaos_inject_command(words, lasting="3m", reason="drill", env=home) == 0
    said = capsys.readouterr().out
    expected = "ach-down: active, down on ach, from 15m until 18m, touched 0 requests, drill\n"
    assert said == f"injected {expected}"
    (fault,) = desk.chaos.faults
    assert (fault.for_ms, fault.reason) == (180_000, "drill")
    assert chaos_list_command(run=RUN[:12], env=home, json_file="-") == 0
    shown = capsys.readouterr()
    assert [row["id"] for row in json.loads(shown.out)["faults"]] == ["ach-down"]
    assert shown.err == expected
    assert chaos_clear_command(["ach-down"], env=home) == 0
    assert capsys.readouterr().out == "cleared ach-down\n"
    assert len(desk.chaos.faults) == 0
    assert chaos_list_command(env=home) == 0
    assert chaos_clear_command(env=home) == 0
    assert capsys.readouterr().out == "there are no faults\nthere was nothing to clear\n"


def test_several_are_cleared_by_name_or_all(
    desk: ScriptedDesk, home: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    def left() -> list[str]:
        return [fault.id for fault in desk.chaos.faults]

    faults = [{"kind": "hang", "target": name, "id": f"/{name} ?"} for name in ("a", "b", "c")]
    assert chaos_inject_command([json.dumps(faults)], env=home) == 0
    assert chaos_clear_command(["/a ?", "/b ?"], env=home) == 0
    assert left() == ["/c ?"]
    assert chaos_clear_command(["/c ?"], env=home) == 0
    assert left() == []
    assert chaos_inject_command([json.dumps(faults)], env=home) == 0
    assert chaos_clear_command(env=home) == 0
    assert left() == []


def test_what_the_gateway_refuses_is_said_in_its_words(home: dict[str, str]) -> None:
    assert chaos_inject_command(["down", "ach", "mode=reset"], env=home) == 0
    with pytest.raises(LocalApiError, match="contradicts ach-down"):
        chaos_inject_command(["down", "ach", "mode=status_503"], env=home)
    with pytest.raises(LocalApiError, match="did you mean ach-down"):
        chaos_clear_command(["ach-dwn"], env=home)


def test_a_gateway_can_be_named_and_has_the_token_of_the_environment(
    desk: ScriptedDesk, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(DoorGuard(make_admin(desk), Door(TOKEN))) as port:
        url = f"127.0.0.1:{port}"
        assert chaos_inject_command(["hang", "svc"], gateway=url, env={"ESR_TOKEN": TOKEN}) == 0
        with pytest.raises(LocalApiError, match="ESR_TOKEN"):
            chaos_list_command(gateway=url, env={})
    assert "until it is cleared or the run ends" in capsys.readouterr().out
    with pytest.raises(UpstreamError, match="does not answer"):
        chaos_list_command(gateway=url, env={})


@pytest.mark.parametrize(
    ("gateway", "run", "error", "says"),
    [
        ("http://10.0.0.1:8090", "latest", GuardError, "only ever called on this machine"),
        ("http://stubs.example:8090", "latest", GuardError, "only ever called on this machine"),
        ("ftp://127.0.0.1", "latest", UsageError, "--gateway: the URL must start with"),
        ("http://127.0.0.1:8090", RUN, UsageError, "both given"),
    ],
)
def test_gateways_that_are_none(gateway: str, run: str, error: type, says: str) -> None:
    with pytest.raises(error, match=says):
        chaos_list_command(gateway=gateway, run=run, env={})


def test_a_run_that_is_over_takes_no_faults(tmp_path: Path) -> None:
    env = {"ESR_HOME": str(tmp_path)}
    with pytest.raises(UnknownRunError, match="there are no runs"):
        chaos_list_command(env=env)
    folder = tmp_path / "runs" / RUN
    folder.mkdir(parents=True)
    write_control(folder, "http://127.0.0.1:1", TOKEN)
    with pytest.raises(NotLiveError, match=f"no run is under way .the latest is {RUN}"):
        chaos_list_command(env=env)
    with pytest.raises(NotLiveError, match="is over"):
        chaos_list_command(run=RUN, env=env)
    with RunLock.take(folder):
        remove_control(folder)
        with pytest.raises(NotLiveError, match="takes no orders"):
            chaos_list_command(env=env)


def test_the_latest_run_is_the_newest_that_is_under_way(tmp_path: Path) -> None:
    names = [f"RUN-20261121-10000{number}-aaaa" for number in range(3)]
    folders = [tmp_path / name for name in names]
    with ExitStack() as stack:
        for folder in folders:
            folder.mkdir()
        stack.enter_context(RunLock.take(folders[0]))
        stack.enter_context(RunLock.take(folders[1]))
        assert find_live_run(tmp_path, "latest") == folders[1]
        assert find_live_run(tmp_path, names[2]) == folders[2]


@pytest.mark.parametrize(
    ("row", "text"),
    [
        (
            {"id": "x", "kind": "loss", "target": {"service": "*"}, "state": "over",
             "at_ms": 0.4, "ends_ms": 90_000, "touched": 1},
            "x: over, loss on everybody, from 0ms until 1m30s, touched 1 request",
        ),
        (
            {"id": "y", "kind": "hang", "target": {"service": "ach", "route": "POST /p"},
             "state": "waiting", "at_ms": 5, "ends_ms": None, "touched": 0, "reason": "why"},
            "y: waiting, hang on ach POST /p, from 5ms until it is cleared or the run ends, "
            "touched 0 requests, why",
        ),
    ],
)  # fmt: skip
def test_a_fault_in_one_line(row: dict[str, Any], text: str) -> None:
    assert describe(row) == text
