"""vegeta's HTTP targets: what to ask for, in text, without times.

A target is a line `METHOD URL`, then `Name: value` lines, then perhaps `@path`, a file with the
body; a blank line ends it, and so does the next target. Lines that start with `#` are comments.
A body file is looked for beside the trace and below, and nowhere else: whoever wrote the trace
must not choose which files of this machine are sent.
Read next: `vegeta_json.py`, the form that can hold bodies.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final

from replay.readers.carried import restore
from replay.readers.entry import Entry, Sink
from replay.readers.format import START, Format
from replay.readers.head import Head
from replay.readers.raw_http import decode_text
from replay.readers.source import OVERLONG, Source
from switchboard.event import EventError, parse_event
from switchboard.headers import is_token

STEP_MS: Final = 1.0
NO_TIMES: Final = "vegeta targets without times are taken 1 ms apart"
BAD_LINE: Final = "bad request line"
BAD_HEADER: Final = "bad header"
MAX_HEADERS: Final = 1_000
MAX_BODY: Final = 64 * 1024 * 1024

_TARGET: Final = re.compile(r"([A-Z]{1,32})[ \t]+(\S.*)")
_FIRST: Final = re.compile(rb"[A-Z]{1,32}[ \t]+https?://[!-~\x80-\xff]+[ \t]*")


@dataclass(slots=True)
class Target:
    """One target as its lines say it; `fault` is why it cannot be used."""

    line: int
    method: str = ""
    url: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    body_file: str | None = None
    fault: str | None = None


def read_vegeta_targets(source: Source, sink: Sink) -> None:
    """Every target becomes an entry for the sink, or a skip with its reason."""
    sink.note(NO_TIMES, 0)
    for target in iter_targets(source):
        try:
            sink.add(target.line, parse_target(target, source.path.parent))
        except EventError as error:
            sink.skip(target.line, error.reason, STEP_MS)


def iter_targets(source: Source) -> Iterator[Target]:
    """The targets of a file, taken apart into lines and not judged yet."""
    target: Target | None = None
    for first, batch in source.batches():
        for number, raw in enumerate(batch, first):
            text = None if raw is None else decode_text(raw).strip()
            if text is not None and text.startswith("#"):
                continue
            if target is not None and (not text or _starts_target(text)) and text is not None:
                yield target
                target = None
            if target is None:
                target = _start(number, text) if text != "" else None
            elif _take_line(target, text):
                yield target
                target = None
    if target is not None:
        yield target


def parse_target(target: Target, folder: Path) -> Entry:
    """The entry of a target. Raises EventError with a short reason."""
    if target.fault is not None:
        raise EventError(target.fault)
    event = parse_event({"delay": STEP_MS, "method": target.method, "url": target.url})
    event = restore(event._replace(headers=tuple(target.headers)))
    body = None if target.body_file is None else read_body(folder, target.body_file)
    is_unknown = target.body_file is not None and body is None
    return Entry(event._replace(body=body or b""), body_unknown=is_unknown)


def read_body(folder: Path, name: str) -> bytes | None:
    """What the file of that name beside the trace holds.

    None when it is not there, or lies (by its name or through a link) anywhere else.
    """
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name:
        return None
    try:
        found = (folder / path).resolve()
        if not found.is_relative_to(folder.resolve()) or not found.is_file():
            return None
        with found.open("rb") as file:
            data = file.read(MAX_BODY + 1)
    except (OSError, RuntimeError, ValueError):  # links in a ring, a name too long or not encodable
        return None
    if len(data) > MAX_BODY:
        raise EventError("body file longer than 64 MiB")
    return data


def _start(number: int, text: str | None) -> Target:
    found = None if text is None else _TARGET.fullmatch(text)
    if found is None:
        return Target(number, fault=OVERLONG if text is None else BAD_LINE)
    return Target(number, found[1], found[2])


def _starts_target(text: str) -> bool:
    """A request line where a header may stand: no header has a space in its name."""
    found = _TARGET.fullmatch(text)
    return found is not None and found[2].startswith(("http://", "https://"))


def _take_line(target: Target, text: str | None) -> bool:
    """Take a line after the first; True when it ends the target."""
    if text is None:
        target.fault = target.fault or OVERLONG
        return False
    if text.startswith("@"):
        target.body_file = text[1:].strip()
        return True
    name, colon, value = (part.strip() for part in text.partition(":"))
    if not (colon and is_token(name) and value):
        target.fault = target.fault or BAD_HEADER
    elif len(target.headers) >= MAX_HEADERS:
        target.fault = target.fault or "too many headers"
    else:
        target.headers.append((name, value))
    return False


def _recognises(head: Head) -> bool:
    lines = (line.strip() for line in head.lines)
    first = next((line for line in lines if not line.startswith(b"#")), b"")
    return len(first) < 65_536 and _FIRST.fullmatch(first) is not None


VEGETA_TARGETS: Final = Format(
    "vegeta_targets",
    "vegeta targets (text)",
    START,
    _recognises,
    read_vegeta_targets,
)
