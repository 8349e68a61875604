"""`esr switchboard`: explain a request, check rules, show and flip the mode.

Nothing here sends a request anywhere but to the control API, and that only where it is named.
Read next: `switchboard/explain.py`, `switchboard_lint.py`, `control_client.py`.
"""

from __future__ import annotations

import getpass
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from hms_esr.commands import Output, here
from hms_esr.control_client import ControlClient
from hms_esr.exits import PASS, USAGE, UsageError
from hms_esr.switchboard_lint import lint
from hms_esr.switchboard_reports import print_explanation, print_lint, print_mode
from scenarios.rules_files import find_rules, mode_file_of, read_lines, read_rules
from scenarios.units import parse_duration
from switchboard.curl import CurlRequest, parse_curl, parse_curl_words
from switchboard.errors import GuardError, RuleError
from switchboard.explain import explain, request_of_url
from switchboard.headers import is_token
from switchboard.mode import FileMode
from switchboard.rules import LIVE, SANDBOX, Mode, Rules

DEFAULT_TIMEOUT: Final = "15s"
LONGEST_WHY: Final = 200
MOST_STDIN: Final = 1_000_000
AUDIT_TAIL_BYTES: Final = 65_536


def explain_command(
    request: Sequence[str],
    *,
    rules: str | None = None,
    mode: str | None = None,
    sni: str | None = None,
    json_file: str | None = None,
) -> int:
    """Say what would become of a request; 0 when it would go on, 97 when it is refused.

    request: a URL, METHOD and URL, a curl command (one word or many), or `-` for standard input.
    """
    out = Output(json_file)
    asked = read_request(request)
    path = find_rules(rules, os.environ, here())
    found = read_rules(path)
    chosen = parse_mode(mode) if mode else _mode_now(mode_file_of(path), found)
    told = explain(asked, found, chosen, line_of=read_lines(path), server_name=sni)
    print_explanation(out.console, told)
    out.write(told.to_json())
    out.check_heard()
    return GuardError.exit_code if told.is_refused else PASS


def check_command(target: str | None = None, *, json_file: str | None = None) -> int:
    """Lint a rules file, or an environment and the rules that stand on it; 2 with faults."""
    out = Output(json_file)
    found = lint(target, os.environ, here())
    for each in found:
        print_lint(out.console, each)
    is_sound = not any(each.faults for each in found)
    out.write({"sound": is_sound, "files": [each.to_json() for each in found]})
    out.check_heard()
    return PASS if is_sound else USAGE


def show_command(
    *,
    rules: str | None = None,
    mode_file: str | None = None,
    control: str | None = None,
    json_file: str | None = None,
) -> int:
    """Show the mode, and who flipped it last and why."""
    out = Output(json_file)
    if control is not None:
        status = _client(control, DEFAULT_TIMEOUT).status()
        shown: dict[str, Any] = {"mode": status.get("mode"), "control": control, "status": status}
    else:
        shown = _state_of_file(rules, mode_file)
    print_mode(out.console, shown)
    out.write(shown)
    out.check_heard()
    return PASS


def flip_command(
    mode: str,
    *,
    rules: str | None = None,
    mode_file: str | None = None,
    who: str | None = None,
    why: str | None = None,
    timeout: str = DEFAULT_TIMEOUT,
    control: str | None = None,
    json_file: str | None = None,
) -> int:
    """Flip the mode; when it returns, no request goes the old way any more.

    Back to the sandbox always works, with rules or without. `live` needs a reason, and rules in
    which some route names a live upstream.
    """
    out = Output(json_file)
    wanted = parse_mode(mode)
    who, why = _one_line("--who", who or _user()), _reason(wanted, why)
    if control is not None:
        answer = _client(control, timeout).flip(wanted, who, why)
        shown: dict[str, Any] = {"mode": answer.get("mode", wanted), "control": control}
        shown["last_flip"] = {"to": wanted, "who": who, "why": why}
    else:
        _flip_file(wanted, rules, mode_file, who, why, timeout)
        shown = _state_of_file(rules, mode_file)
    print_mode(out.console, shown)
    out.write(shown)
    out.check_heard()
    return PASS


def read_request(words: Sequence[str]) -> CurlRequest:
    """The request that somebody pasted. Raises UsageError."""
    if list(words) == ["-"]:
        words = [sys.stdin.read(MOST_STDIN) if sys.stdin is not None else ""]
    try:
        return _parse_request([word.strip() for word in words] if len(words) == 1 else words)
    except ValueError as error:
        raise UsageError(f"the request cannot be read: {error}") from None


def _parse_request(words: Sequence[str]) -> CurlRequest:
    first = words[0].removeprefix("$ ") if words else ""
    if not first:
        raise ValueError("paste a URL or a curl command behind `esr switchboard explain`")
    name = first.split(maxsplit=1)[0].rpartition("/")[2]
    if name in ("curl", "curl.exe"):
        return parse_curl(first) if len(words) == 1 else parse_curl_words(words)
    if len(words) == 1:
        return request_of_url(_with_scheme(first))
    if len(words) == 2 and is_token(first):
        return request_of_url(_with_scheme(words[1]), first)
    raise ValueError("write one URL, METHOD and URL, or a command that begins with curl")


def _with_scheme(url: str) -> str:
    return url if "://" in url else f"http://{url}"


def parse_mode(text: str) -> Mode:
    """The mode of this name. Raises UsageError."""
    if text == LIVE:
        return LIVE
    if text == SANDBOX:
        return SANDBOX
    raise UsageError(f"the mode is sandbox or live, not {text[:40]!a}")


def _mode_now(mode_file: Path, rules: Rules) -> Mode:
    return FileMode(mode_file, rules.mode).read()


def _flip_file(
    mode: Mode, rules: str | None, mode_file: str | None, who: str, why: str, timeout: str
) -> None:
    default: Mode = SANDBOX
    if mode == LIVE or mode_file is None:
        path = find_rules(rules, os.environ, here())
        if mode == LIVE:
            found = read_rules(path)
            _check_live(found)
            default = found.mode
    file = _mode_path(rules, mode_file)
    FileMode(file, default).flip(mode, who=who, why=why, timeout_s=_seconds(timeout))


def _check_live(rules: Rules) -> None:
    if not any(route.live for route in rules.routes):
        raise RuleError(
            f"the mode stays sandbox: no route of {rules.source} names a live upstream, so every "
            "request would be refused; give a route `live: {name, address, port}`"
        )


def _state_of_file(rules: str | None, mode_file: str | None) -> dict[str, Any]:
    path = _mode_path(rules, mode_file)
    cell = FileMode(path, _default_mode(rules, mode_file))
    last, count = _last_flip(cell.audit_path)
    return {
        "mode": cell.read(),
        "mode_file": str(path),
        "is_default": not path.exists(),
        "flips": count,
        "last_flip": last,
    }


def _mode_path(rules: str | None, mode_file: str | None) -> Path:
    if mode_file is not None:
        return here() / mode_file
    return mode_file_of(find_rules(rules, os.environ, here()))


def _default_mode(rules: str | None, mode_file: str | None) -> Mode:
    """What holds where no mode file is; rules that cannot be read are no reason to say live."""
    try:
        return read_rules(find_rules(rules, os.environ, here())).mode
    except RuleError:
        return SANDBOX


def _last_flip(path: Path) -> tuple[Mapping[str, Any] | None, int]:
    """The last line of the audit log that can be read, and how many flips its end tells of."""
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - AUDIT_TAIL_BYTES))
            lines = file.read().splitlines()
    except OSError:
        return None, 0
    flips = [flip for line in lines if (flip := _parse_flip(line)) is not None]
    return (flips[-1] if flips else None), len(flips)


def _parse_flip(line: bytes) -> dict[str, Any] | None:
    try:
        flip = json.loads(line)
    except ValueError:
        return None
    return flip if isinstance(flip, dict) else None


def _client(control: str, timeout: str) -> ControlClient:
    return ControlClient(control, os.environ.get("ESR_TOKEN") or None, _seconds(timeout) + 1)


def _seconds(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise UsageError(f"--timeout {text[:40]!a}: {error}") from None


def _reason(mode: Mode, why: str | None) -> str:
    if why is not None and why.strip():
        return _one_line("--why", why)
    if mode == LIVE:
        raise UsageError(
            'live needs a reason, which is written to the audit log: --why "release 7"'
        )
    return "back to the sandbox, from the command line"


def _one_line(option: str, text: str) -> str:
    if len(text) > LONGEST_WHY or not text.isprintable():
        raise UsageError(f"{option} must be one line of at most {LONGEST_WHY} characters")
    return text


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user often has no name
        return f"user {os.getuid()}"
