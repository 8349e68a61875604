"""Which format a file is in, decided by what stands in it and never by its name.

Pure: the first block of the file goes in, a format comes out, or what the file is instead.
Read next: `formats.py`, which lists them; docs/add-a-reader.md says how another is added.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from replay.readers.format import Format
from replay.readers.formats import FORMATS
from replay.readers.head import Head

# First bytes of what people point a replay at by mistake.
_KINDS: Final = (
    (b"\x89PNG\r\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"%PDF-", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x7fELF", "a program (ELF)"),
    (b"PAR1", "a Parquet file"),
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


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Not a trace: `kind` says what the file looks like, with nothing of its content."""

    kind: str


def sniff(head: Head) -> Format | Unreadable | None:
    """The format of a file that starts so; None when there are only blank lines."""
    if head.data and not head.data.strip():
        return None
    binary = _binary_kind(head.data)
    asked = (each for each in FORMATS.values() if each.is_binary or binary is None)
    found = next((each for each in asked if each.recognises(head)), None)
    if found is not None or not head.lines:
        return found
    return Unreadable(binary or _text_kind(head.data, head.lines[0]))


def _binary_kind(data: bytes) -> str | None:
    """What a file is that is no text; None for a text."""
    kind = next((kind for magic, kind in _KINDS if data.startswith(magic)), None)
    if kind is None and b"\0" in data:
        return "a tar archive" if data[257:262] == b"ustar" else "binary data"
    return kind


def _text_kind(head: bytes, line: bytes) -> str:
    if line.lstrip().startswith(b"["):
        return "a JSON array"
    if line.lstrip().startswith(b"<"):
        return "HTML or XML"
    sample = head[:4096]
    odd = sum(byte < 9 or 13 < byte < 32 or byte >= 0x7F for byte in sample)
    if odd * 10 > len(sample) * 3:
        return "binary data"
    return "text that is in none of the formats"
