"""`esr chaos inject|list|clear`: faults of a run that is under way, or of a stub gateway.

Which gateway that is says the run's `control.json`. Read next: `live_control.py`, `chaos_words.py`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from rich.console import Console
from rich.text import Text

from hms_esr.admin_client import AdminClient
from hms_esr.chaos_words import read_faults
from hms_esr.commands import Output, here
from hms_esr.exits import PASS, UsageError
from hms_esr.live_control import NotLiveError, read_control
from hms_esr.plain import to_shown
from hms_esr.run_folder import is_alive, runs_folder
from hms_esr.runs import LATEST, find_run
from stubs.faults.durations import format_ms

ACTIVE: Final = "bold red"
TOKEN: Final = "ESR_TOKEN"  # noqa: S105  # the name of a variable


def chaos_inject_command(
    fault: Sequence[str],
    *,
    run: str = LATEST,
    gateway: str | None = None,
    lasting: str | None = None,
    ttl: str | None = None,
    reason: str | None = None,
    json_file: str | None = None,
    env: Mapping[str, str] = os.environ,
) -> int:
    """Inject one fault or a file of them into a live run.

    fault: words such as `down ach for=3m at=now`, JSON, or the name of a YAML or JSON file.
    lasting, ttl, reason: `for`, `ttl` and `reason` of each of them.
    Raises EsrError when it cannot be read, or nobody takes it.
    """
    out = Output(json_file)
    options = {"for": lasting, "ttl": ttl, "reason": reason}
    faults = read_faults(fault, {name: text for name, text in options.items() if text is not None})
    told = _client(run, gateway, env).call("POST", "/faults", faults)
    _print_rows(out.console, told, "injected ")
    out.write(told)
    out.check_heard()
    return PASS


def chaos_list_command(
    *,
    run: str = LATEST,
    gateway: str | None = None,
    json_file: str | None = None,
    env: Mapping[str, str] = os.environ,
) -> int:
    """Every fault of a live run: waiting, active or over, and how many requests it touched."""
    out = Output(json_file)
    told = _client(run, gateway, env).call("GET", "/faults")
    _print_rows(out.console, told, "")
    if not told.get("faults"):
        _line(out.console, "there are no faults")
    out.write(told)
    out.check_heard()
    return PASS


def chaos_clear_command(
    ids: Sequence[str] = (),
    *,
    run: str = LATEST,
    gateway: str | None = None,
    json_file: str | None = None,
    env: Mapping[str, str] = os.environ,
) -> int:
    """Clear the faults of these ids, or all of them."""
    out = Output(json_file)
    client = _client(run, gateway, env)
    if len(ids) == 1:
        told = client.call("DELETE", f"/faults/{quote(ids[0], safe='')}")
    else:
        told = client.call("POST", "/faults/clear", {"ids": list(ids)} if ids else None)
    cleared = told.get("cleared") or []
    _line(out.console, f"cleared {', '.join(cleared)}" if cleared else "there was nothing to clear")
    out.write(told)
    out.check_heard()
    return PASS


def find_live_run(folder: Path, name: str) -> Path:
    """The folder of the run that is meant; `latest` is the newest that is under way.

    Raises UnknownRunError or NotLiveError.
    """
    if name != LATEST:
        return find_run(folder, name)
    newest = find_run(folder, LATEST)
    live = [run for run in folder.glob("RUN-*") if run.is_dir() and is_alive(run)]
    if not live:
        raise NotLiveError(
            f"no run is under way (the latest is {newest.name}): start one, or name a gateway "
            "with --gateway http://127.0.0.1:PORT"
        )
    return max(live)


def _client(run: str, gateway: str | None, env: Mapping[str, str]) -> AdminClient:
    if gateway is None:
        control = read_control(find_live_run(runs_folder(env, here()), run))
        return AdminClient(control.url, control.token)
    if run != LATEST:
        raise UsageError("--run and --gateway are both given; faults go to one of them")
    try:
        url = gateway if "://" in gateway else f"http://{gateway}"
        return AdminClient(url, env.get(TOKEN) or None)
    except ValueError as error:
        raise UsageError(f"--gateway: {error} (write it like http://127.0.0.1:8090)") from None


def _print_rows(console: Console, told: Mapping[str, Any], verb: str) -> None:
    for row in told.get("faults") or []:
        style = ACTIVE if row.get("state") == "active" else ""
        _line(console, f"{verb}{describe(row)}", style)


def describe(row: Mapping[str, Any]) -> str:
    """`ach-down: active, down on ach, from 15m until 18m, touched 120 requests`."""
    at, ends = row.get("at_ms"), row.get("ends_ms")
    until = "until it is cleared or the run ends" if ends is None else f"until {_when(ends)}"
    touched = row.get("touched") or 0
    parts = [
        f"{row.get('state')}",
        f"{row.get('kind')} on {_whom(row.get('target'))}",
        f"from {_when(at)} {until}",
        f"touched {touched:,} request{'s' * (touched != 1)}",
    ]
    reason = [str(row["reason"])] if row.get("reason") else []
    return f"{row.get('id')}: {', '.join(parts + reason)}"


def _whom(target: object) -> str:
    if not isinstance(target, Mapping):
        return str(target)
    rest = [str(value) for name, value in target.items() if name != "service"]
    service = "everybody" if target.get("service") in (None, "*") else str(target["service"])
    return " ".join([service, *rest])


def _when(ms: object) -> str:
    """Recorded time, to the millisecond."""
    return format_ms(float(round(ms))) if isinstance(ms, int | float) else "?"


def _line(console: Console, text: str, style: str = "") -> None:
    console.print(Text(to_shown(text), style=style), soft_wrap=True)
