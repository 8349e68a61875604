"""`esr stubs import`: a file of another tool in, service definitions out, and what was lost.

The file is read here, its size and depth bounded; what it means is decided in `stubs/importers/`,
which can say nothing that forwards, proxies or runs code. Nothing is fetched and nothing is sent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from hms_esr.answers import learn_answers
from hms_esr.commands import Output, here
from hms_esr.exits import PASS, UsageError
from hms_esr.plain import to_plain, to_shown
from hms_esr.terminal import plural
from replay.tape import INFO, Tape
from scenarios.yaml_lines import MAX_CHARS, load_yaml
from stubs.importers.answers import parse_json
from stubs.importers.definition import Imported
from stubs.importers.formats import TAPE, check_format, import_value, sniff_format
from stubs.importers.learned import import_learned
from stubs.importers.report import Item, LossReport, Outcome, UnusableFileError
from stubs.importers.yaml_text import dump_yaml
from switchboard.errors import ScenarioError

MAX_FILE_BYTES: Final = 64 * 1024 * 1024
MAX_DEPTH: Final = 100
LINES_SHOWN: Final = 200

_BARE_KEY: Final = re.compile(
    r"(^[ \t]*(?:- +)*|[{,] ?)([0-9][0-9.]{0,20}|[1-5]XX|yes|no|on|off|true|false|null)(: |:$)",
    re.MULTILINE | re.IGNORECASE,
)

_STYLES: Final[Mapping[Outcome, str]] = {
    "kept": "green",
    "approximated": "yellow",
    "refused": "bold red",
}
_HEADER: Final = "# Imported from {source} ({format}). Look through it before you trust it.\n"


def import_command(
    file: str,
    *,
    out: str | None = None,
    as_format: str | None = None,
    json_file: str | None = None,
) -> int:
    """Write what can be taken over, say what cannot; 2 when nothing is left.

    file: of any format, or the folder of a tape.   out: the folder to write to; without one the
    report is printed and nothing is written.
    """
    output = Output(json_file)
    imported, report = read_import(here() / file, file, as_format)
    if imported.is_empty:
        print_report(output.console, report)
        output.write({**report.to_json(), "written": []})
        raise UnusableFileError(f"nothing of {to_shown(file)} can be used: {_why(report)}")
    written = [] if out is None else write_import(imported, report, here() / out)
    print_report(output.console, report)
    for name in written:
        _line(output.console, f"wrote {name}", "green")
    if out is None:
        _line(output.console, "nothing was written: say where with --out FOLDER", "dim")
    output.write({**report.to_json(), "written": [to_plain(name) for name in written]})
    output.check_heard()
    return PASS


def read_import(path: Path, source: str, as_format: str | None) -> tuple[Imported, LossReport]:
    """What came out of a file or of a tape's folder. Raises UnusableFileError or TraceError."""
    wanted = None if as_format is None else check_format(as_format)
    name = path.stem.partition(".")[0] or "imported"
    if path.is_dir():
        return _read_tape(path, source, name, wanted)
    if wanted == TAPE:
        raise UnusableFileError(f"{to_shown(source)} is no folder, and a tape is one")
    value = parse_file(read_bounded(path, source), source)
    try:
        chosen = wanted or sniff_format(value)
        report = LossReport(source, chosen)
        return import_value(value, chosen, name, report), report
    except UnusableFileError as error:
        raise UnusableFileError(f"{to_shown(source)}: {error}") from None


def _read_tape(
    path: Path, source: str, name: str, wanted: str | None
) -> tuple[Imported, LossReport]:
    if wanted not in (None, TAPE) or not (path / INFO).is_file():
        raise UnusableFileError(f"{to_shown(source)} is a folder, and not that of a tape")
    report = LossReport(source, TAPE)
    with Tape.open(path) as tape:
        learned = learn_answers(tape)
    return import_learned(learned, name, report), report


def read_bounded(path: Path, source: str) -> str:
    """The text of a file. Raises UnusableFileError when it is too large or no text."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        reason = error.strerror or error
        raise UnusableFileError(f"{to_shown(source)} cannot be read: {reason}") from error
    if len(data) > MAX_FILE_BYTES:
        size = f"{MAX_FILE_BYTES // 1024**2} MiB"
        raise UnusableFileError(f"{to_shown(source)} is larger than {size}: import a part of it")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UnusableFileError(f"{to_shown(source)} is no UTF-8 text") from None


def parse_file(text: str, source: str) -> object:
    """The JSON or YAML in a text. Raises UnusableFileError."""
    broken = ""
    if text.lstrip()[:1] in ("{", "["):
        try:
            return check_depth(parse_json(text), source)
        except json.JSONDecodeError as error:
            broken = str(error)  # it may be YAML all the same
        except ValueError as error:
            raise UnusableFileError(f"{to_shown(source)} cannot be read: {error}") from None
    try:
        return load_yaml(quote_keys(text), to_shown(source))[0]
    except ScenarioError as error:
        if len(text) > MAX_CHARS and not broken:
            hint = "YAML of that size is not read: convert it to JSON"
            raise UnusableFileError(f"{to_shown(source)}: {hint}") from None
        if broken:
            raise UnusableFileError(f"{to_shown(source)} is no JSON: {broken[:200]}") from None
        raise UnusableFileError(str(error)) from None


def quote_keys(text: str) -> str:
    """YAML in which a key such as `200` or `no` is a text, which a mapping of ours must have."""
    return _BARE_KEY.sub(r'\1"\2"\3', text)


def check_depth(value: object, source: str) -> object:
    """The value, when no part of it is nested deeper than anything a person writes."""
    level = [value]
    for _ in range(MAX_DEPTH):
        below: list[object] = []
        for each in level:
            if isinstance(each, dict):
                below.extend(each.values())
            elif isinstance(each, list):
                below.extend(each)
        if not below:
            return value
        level = below
    raise UnusableFileError(f"{to_shown(source)} is nested more than {MAX_DEPTH} levels deep")


def write_import(imported: Imported, report: LossReport, folder: Path) -> list[str]:
    """One file a service, and in folders below the faults or the drill; gives the files' names."""
    texts: dict[str, Mapping[str, Any]] = {
        f"{service['service']}.yml": service for service in imported.services
    }
    if imported.chaos:
        texts[f"chaos/{imported.services[0]['service']}.yml"] = {"chaos": list(imported.chaos)}
    if imported.drill is not None:
        texts[f"drills/{imported.drill['id']}.yml"] = imported.drill
    for name in texts:
        if (folder / name).exists():
            place = to_shown(str(folder / name))
            raise UsageError(f"{place} is there already: choose another --out")
    return [str(_write(folder, name, value, report)) for name, value in texts.items()]


def _write(folder: Path, name: str, value: Mapping[str, Any], report: LossReport) -> Path:
    """Write a file that is not there yet: an import never overwrites what somebody mended."""
    path = folder / name
    header = _HEADER.format(source=to_shown(Path(report.source).name), format=report.format)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(header + dump_yaml(value))
    except OSError as error:
        reason = error.strerror or error
        raise UsageError(f"{to_shown(str(path))} cannot be written: {reason}") from error
    return path


def print_report(console: Console, report: LossReport) -> None:
    """A line for each item that is not as it was, then the totals."""
    losses = [item for item in report.items if item.outcome != "kept"]
    for item in losses[:LINES_SHOWN]:
        _print_item(console, item)
    if len(losses) > LINES_SHOWN:
        _line(console, f"… and {len(losses) - LINES_SHOWN:,} more: --json has them all", "dim")
    totals = report.totals
    count = sum(totals.values())
    counts = ", ".join(f"{count:,} {outcome}" for outcome, count in totals.items())
    items = f"{count:,} {plural('item', count)}"
    _line(console, f"{report.source} ({report.format}): {items}: {counts}", "bold")


def _print_item(console: Console, item: Item) -> None:
    what = f" ({item.what})" if item.what else ""
    count = f" × {item.count:,}" if item.count > 1 else ""
    _line(console, f"{item.outcome:<13}{item.where}{what}{count}", _STYLES[item.outcome])
    for note in item.notes:
        _line(console, f"{'':<13}{note}")


def _why(report: LossReport) -> str:
    refused = next((item for item in report.items if item.is_refused), None)
    if refused is None:
        return "there is nothing in it"
    more = report.totals["refused"] - refused.count
    rest = f", and {more:,} more were refused" if more else ""
    return f"{refused.where}: {'; '.join(refused.notes)}{rest}"


def _line(console: Console, text: str, style: str = "") -> None:
    console.print(Text(to_shown(text), style=style), soft_wrap=True)
