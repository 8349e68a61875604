"""Which format a file is in, decided by what stands in it and never by its name.

Pure: the first block of the file goes in, a format comes out, or what the file is instead.
Read next: `formats.py`, which lists them; docs/add-a-reader.md says how another is added.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Final

from replay.readers.format import Format
from replay.readers.formats import FORMATS
from replay.readers.head import Head
from replay.readers.ops import OPS

MAPPING_WANTED: Final = ": say which column is what with --mapping FILE"
NO_REQUESTS: Final = "JSON objects that are no requests (no method, no url)"
# First bytes of what people point a replay at by mistake.
_KINDS: Final = (
    (b"\x89PNG\r\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"%PDF-", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x7fELF", "a program (ELF)"),
    (b"PAR1", f"a Parquet file{MAPPING_WANTED}"),
    (b"Obj\x01", "an Avro file"),
    (b"ORC", "an ORC file"),
    (b"SQLite format 3", "an SQLite database"),
    (b"BZh", "bzip2 data"),
    (b"\xfd7zXZ", "xz data"),
    (b"\x04\x22\x4d\x18", "lz4 data"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"\x1f\x8b", "gzip data inside gzip or zstd"),
    (b"\x28\xb5\x2f\xfd", "zstd data inside gzip or zstd"),
    (b"\xd4\xc3\xb2\xa1", "a packet capture (pcap)"),
    (b"\x0a\x0d\x0d\x0a", "a packet capture (pcapng)"),
    (b"\xff\xfe", "UTF-16 text"),
    (b"\xfe\xff", "UTF-16 text"),
)

_W3C: Final = re.compile(rb"#(?:Version|Software|Fields|Date|Start-Date): ")
_ARRAY: Final = re.compile(rb"\[\s*+[\[{\"\]]")
_MARKUP: Final = re.compile(rb"<[A-Za-z!?]")
_LTSV: Final = re.compile(rb"[\w.-]{1,64}:[^\t]*+\t[\w.-]{1,64}:")
_FEW: Final = 10
_TABLE_LINES: Final = 10


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Not a trace: `kind` says what the file looks like, with nothing of its content."""

    kind: str


def sniff(head: Head) -> Format | Unreadable | None:
    """The format of a file that starts so; None when there are only blank lines.

    Where several formats know some of it, most of the lines decide: the others are skipped.
    """
    if head.data and not head.data.strip():
        return None
    binary = _binary_kind(head.data)
    asked = (each for each in FORMATS.values() if each.is_binary or binary is None)
    found = [each for each in asked if each.recognises(head)]
    if found:
        chosen = _choose(head, found)
        return chosen if chosen is not OPS or _may_hold_events(head) else Unreadable(NO_REQUESTS)
    if not head.data:
        return None
    return Unreadable(binary or _text_kind(head))


def _choose(head: Head, found: list[Format]) -> Format:
    """The format of most lines; but one that is told by more than its lines is taken as it is."""
    first = found[0]
    if len(found) == 1 or not _is_of_lines(first, head):
        return first
    owners = Counter(_owner(Head(line, is_all=True), found) for line in head.lines)
    return max(found, key=lambda each: owners[each.name])  # of equals, the one that is asked first


def _may_hold_events(head: Head) -> bool:
    """False where none of the objects that can be seen whole has anything of a request."""
    return not head.objects or any("method" in each or "url" in each for each in head.objects)


def _is_of_lines(found: Format, head: Head) -> bool:
    """True when it is all the same to the format in which order the lines stand."""
    if found.is_binary:
        return False
    return found.recognises(Head(b"\n".join(reversed(head.lines)), is_all=True))


def _owner(line: Head, found: list[Format]) -> str:
    """Whose line it is; "" when it is nobody's, and when it is just any JSON object."""
    owner = next((each.name for each in found if each.recognises(line)), "")
    if owner == OPS.name and not any("url" in value for value in line.objects):
        return ""
    return owner


def _binary_kind(data: bytes) -> str | None:
    """What a file is that is no text; None for a text.

    A text may hold NULs: hosts that crash leave runs of them between its lines, and an attack may
    send one. Where they are in more than a few lines it is none.
    """
    kind = next((kind for magic, kind in _KINDS if data.startswith(magic)), None)
    if kind is not None or b"\0" not in data:
        return kind
    if data[257:262] == b"ustar":
        return "a tar archive"
    lines = [line.strip(b"\0\r") for line in data.split(b"\n")]
    inside = sum(b"\0" in line for line in lines)
    if not any(lines):
        return "nothing but NUL bytes"
    return "binary data" if inside * _FEW > len(lines) else None


def _text_kind(head: Head) -> str:
    start = head.data.lstrip()
    if _W3C.match(start):
        return "a W3C extended log, as IIS and CloudFront write it, which is not readable yet"
    if _ARRAY.match(start):
        return "a JSON array"
    if _MARKUP.match(start):
        return "HTML or XML"
    sample = head.data[:4096]
    odd = sum(byte < 9 or 13 < byte < 32 or byte >= 0x7F for byte in sample)
    if odd * 10 > len(sample) * 3:
        return "binary data"
    if head.lines and _LTSV.match(head.lines[0]):
        return "LTSV (labels, values and tabs), which is not readable yet"
    if _is_table(head.lines):
        return f"a table (CSV){MAPPING_WANTED}"
    return "text that is in none of the formats"


def _is_table(lines: list[bytes]) -> bool:
    """Two lines or more that all have the same number, two or more, of what parts columns."""
    first = lines[:_TABLE_LINES]
    counts = (({line.count(mark) for line in first}) for mark in (b",", b";", b"\t", b"|"))
    return len(first) > 1 and any(len(each) == 1 and min(each) > 1 for each in counts)
