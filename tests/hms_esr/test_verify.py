"""`esr runs verify`: what was changed is found, and no hostile folder ends in a traceback."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from hms_esr.interlock import Interlock
from hms_esr.judge import Judge
from hms_esr.preparation import Preparation
from hms_esr.run_writer import RunWriter
from hms_esr.runs import UnknownRunError
from hms_esr.signing import load_signer, load_verifiers
from hms_esr.verify import verify_command, verify_run
from replay.outcome import Outcomes
from switchboard.interlock import HmacKey, sign

Prepare = Callable[..., Preparation]
RowsOf = Callable[..., Outcomes]
OTHER = HmacKey(b"another key altogether")


@pytest.fixture(name="run")
def run_fixture(prepare_log: Prepare, rows_of: RowsOf, tmp_path: Path) -> Path:
    """The folder of a run that is over."""
    prep = prepare_log()
    with RunWriter.open(prep, {}, tmp_path, print) as writer:
        writer.begin(1_584_277_200_000_000_000)
        writer.append_rows(0, rows_of(prep))
        judge = Judge(prep, writer.run_id)
        judge.fold(rows_of(prep))
        interlock = Interlock(prep, writer.run_id, signer=writer.signer)
        card, certificate = judge.conclude("done", 3.0, [], (), interlock.production())
        writer.finish(card, certificate, interlock.seal)
        writer.enter("done", 3.0)
    return writer.folder


def faults_of(run: Path) -> tuple[str, ...]:
    home = run.parent.parent
    return verify_run(run, load_verifiers({"ESR_HOME": str(home)}, home)).faults


def change(path: Path, **fields: Any) -> dict[str, Any]:
    """Change a JSON file; the document as it is then."""
    document = {**orjson.loads(path.read_bytes()), **fields}
    path.write_bytes(orjson.dumps(document))
    return document


def sign_again(run: Path, **fields: Any) -> None:
    """What somebody with the key could do."""
    home = run.parent.parent
    document = change(run / "interlock.json", **fields)
    signed = sign(document, load_signer({"ESR_HOME": str(home)}, home))
    (run / "interlock.json").write_bytes(orjson.dumps(signed))


def test_a_run_that_nobody_touched_holds(run: Path) -> None:
    assert faults_of(run) == ()


def test_every_file_that_was_measured_is_vouched_for(run: Path) -> None:
    for name in ("scorecard.json", "certificate.json", "outcomes-0.parquet"):
        whole = (run / name).read_bytes()
        (run / name).write_bytes(whole + b"\n")
        assert f"{name} was changed after it was signed" in faults_of(run)
        (run / name).unlink()
        assert f"{name} is gone" in faults_of(run)
        (run / name).mkdir()
        assert f"{name} is gone" in faults_of(run)
        (run / name).rmdir()
        (run / name).write_bytes(whole)
    (run / "outcomes-1.parquet").touch()
    assert faults_of(run) == ("outcomes-1.parquet was added after it was signed",)


def test_a_changed_number_breaks_the_signature(run: Path) -> None:
    change(run / "interlock.json", attempts_refused=1)
    assert faults_of(run)[0].startswith("the signature is wrong")


def test_the_scorecard_must_say_the_same(run: Path) -> None:
    change(run / "scorecard.json", production={"connections": 0, "refused": 99})
    assert faults_of(run) == (
        "scorecard.json was changed after it was signed",
        "scorecard.json says something else of production than the interlock",
    )


def test_the_interlock_of_another_run_is_found_out(run: Path) -> None:
    moved = run.with_name("RUN-20200315-093000-0000")
    run.rename(moved)
    assert faults_of(moved) == (f"it is the interlock of another run, {run.name}",)


def test_a_run_that_was_killed_vouches_for_nothing(run: Path) -> None:
    sign_again(run, files={})
    assert faults_of(run) == (
        "it was signed before the run was over, and vouches for none of its files",
    )


@pytest.mark.parametrize(
    "name",
    ["../../secret", "/etc/passwd", "", "run.json", "outcomes-0.rows", "\x1b[31m", "..", "a\0b"],
)
def test_it_vouches_for_files_of_the_run_only(run: Path, name: str) -> None:
    files = orjson.loads((run / "interlock.json").read_bytes())["files"]
    sign_again(run, files={**files, name: "ab"})
    (fault,) = faults_of(run)
    assert "which is no file of a run" in fault
    assert "\x1b" not in fault


def test_another_key_and_no_key_are_said(run: Path, tmp_path: Path) -> None:
    (fault,) = verify_run(run, [OTHER]).faults
    assert "a key that is not at hand" in fault
    assert any("there is no key to check it with" in each for each in verify_run(run, []).faults)


HOSTILE: dict[str, Callable[[Path], object]] = {
    "missing": lambda path: None,
    "empty": lambda path: path.touch(),
    "garbage": lambda path: path.write_bytes(os.urandom(999)),
    "deep": lambda path: path.write_bytes(b"[" * 1_000_000),
    "long": lambda path: os.truncate(os.open(path, os.O_CREAT | os.O_WRONLY), 1 << 40),
    "a folder": lambda path: path.mkdir(),
    "a pipe": os.mkfifo,
    "endless": lambda path: path.symlink_to("/dev/zero"),
    "a loop": lambda path: path.symlink_to(path),
    "a list": lambda path: path.write_text("[]"),
    "empty object": lambda path: path.write_text("{}"),
    "odd shapes": lambda path: path.write_bytes(
        orjson.dumps({"schema": "esr.interlock/2", "signature": 5, "files": 5, "declared": "x"})
    ),
}


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE.keys())
@pytest.mark.parametrize("name", ["interlock.json", "scorecard.json"])
def test_a_hostile_file_is_a_sentence(run: Path, name: str, make: Callable[[Path], object]) -> None:
    (run / name).unlink()
    make(run / name)
    faults = faults_of(run)
    assert faults
    assert all(fault.isprintable() for fault in faults)


def test_a_million_faults_are_not_all_listed(run: Path) -> None:
    sign_again(run, files={f"no-such-{number}": "ab" for number in range(100)})
    faults = faults_of(run)
    assert len(faults) == 21
    assert faults[-1].startswith("and ")


def told(capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    captured = capsys.readouterr()
    return captured.out, captured.err


def test_the_command_says_it_in_one_line(
    run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(run.parents[2])
    monkeypatch.delenv("ESR_HOME", raising=False)
    assert verify_command("latest", None) == 0
    out, _ = told(capsys)
    assert out.startswith(f"{run.name} holds: 0 connections to production, 0 attempts refused; ")
    assert out.count("\n") == 1
    assert verify_command(run.name, "-") == 0
    out, _ = told(capsys)
    document = orjson.loads(out)
    assert (document["holds"], document["connections_to_production"]) == (True, 0)
    (run / "outcomes-0.parquet").unlink()
    assert verify_command("latest", None) == 97
    out, _ = told(capsys)
    assert out.splitlines() == [f"{run.name} does not hold:", "  outcomes-0.parquet is gone"]
    assert verify_command("latest", "-") == 97
    out, _ = told(capsys)
    assert orjson.loads(out) == {
        "run_id": run.name, "holds": False, "faults": ["outcomes-0.parquet is gone"],
        "connections_to_production": None, "attempts_refused": None, "signature": None,
    }  # fmt: skip


def test_an_interlock_of_a_door_is_named_by_its_file(
    run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    home = run.parents[2]
    monkeypatch.chdir(home)
    monkeypatch.delenv("ESR_HOME", raising=False)
    (home / "door.json").write_bytes((run / "interlock.json").read_bytes())
    assert verify_command("door.json", None) == 0
    assert told(capsys)[0].startswith("door.json holds: ")
    with pytest.raises(UnknownRunError):
        verify_command("none.json", None)
