"""Which format a file is in, decided by what stands in it and never by its name.

Pure: the first block of the file goes in, a format comes out, or what the file is instead.
Read next: `ops.py` and `access_log.py`; docs/add-a-reader.md says how another format is added.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import orjson

from replay.readers.access_log import is_access_line

OPS: Final = "ops"
ACCESS_LOG: Final = "access_log"
FORMATS: Final = {
    OPS: "OPS events (NDJSON, one JSON object a line or a file)",
    ACCESS_LOG: "Apache or nginx access logs (common or combined)",
}
_LINES_TRIED: Final = 50

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


def sniff(head: bytes) -> str | Unreadable | None:
    """The format of a file that starts with `head`; None when there are only blank lines."""
    kind = next((kind for magic, kind in _KINDS if head.startswith(magic)), None)
    if kind is None and b"\0" in head:
        kind = "a tar archive" if head[257:262] == b"ustar" else "binary data"
    if kind is not None:
        return Unreadable(kind)
    lines = [line for line in head.split(b"\n", 4 * _LINES_TRIED) if line.strip()][:_LINES_TRIED]
    if not lines:
        return None
    found = next((known for line in lines if (known := _format_of(line))), None)
    if found is not None:
        return found
    # A pretty-printed object, or an event whose first line is too long to be seen whole.
    if lines[0].lstrip().startswith(b"{"):
        return OPS
    return Unreadable(_text_kind(head, lines[0]))


def _format_of(line: bytes) -> str | None:
    if line.lstrip().startswith(b"{"):
        try:
            return OPS if type(orjson.loads(line)) is dict else None
        except orjson.JSONDecodeError:
            return None
    return ACCESS_LOG if is_access_line(line) else None


def _text_kind(head: bytes, line: bytes) -> str:
    if line.lstrip().startswith(b"["):
        return "a JSON array"
    if line.lstrip().startswith(b"<"):
        return "HTML or XML"
    sample = head[:4096]
    odd = sum(byte < 9 or 13 < byte < 32 or byte >= 0x7F for byte in sample)
    if odd * 10 > len(sample) * 3:
        return "binary data"
    return "text that is neither JSON nor an access log"
