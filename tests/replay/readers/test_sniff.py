from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.readers.access_log import COMMON
from replay.readers.format import Format
from replay.readers.head import Head
from replay.readers.ops import OPS
from replay.readers.sniff import Unreadable, sniff

ACCESS = b'::1 - - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.0" 200 -'


@pytest.mark.parametrize(
    ("head", "found"),
    [
        (b'{"method": "GET"}\n', OPS),
        (b'\n\n  {"method": "GET"}', OPS),
        (b'{\n  "method": "GET"\n}', OPS),
        (b'oops\n{"method": "GET"}\n', OPS),
        (b'{"cut off: ' + b"x" * 1000, OPS),
        (ACCESS, COMMON),
        (b"# a comment\n" + ACCESS + b"\r\n", COMMON),
        (b"", None),
        (b"\n \r\n", None),
        (b"\x89PNG\r\n\x1a\n" + b"{}", Unreadable("a PNG image")),
        (b"PK\x03\x04" + bytes(20), Unreadable("a ZIP archive")),
        (b"\x7fELF" + bytes(20), Unreadable("a program (ELF)")),
        (b"a\0b", Unreadable("binary data")),
        (bytes(range(128, 256)), Unreadable("binary data")),
        (b"\xff\xfe{\0", Unreadable("UTF-16 text")),
        (b"name" + bytes(253) + b"ustar" + bytes(20), Unreadable("a tar archive")),
        (b'[{"method": "GET"}]', Unreadable("a JSON array")),
        (b"<!doctype html>", Unreadable("HTML or XML")),
        (b"Dear diary", Unreadable("text that is in none of the formats")),
    ],
)
def test_a_file_is_known_by_its_content(head: bytes, found: object) -> None:
    assert sniff(Head(head)) == found


@given(st.binary(max_size=300))
def test_any_bytes_have_an_answer(head: bytes) -> None:
    found = sniff(Head(head))
    assert found is None or isinstance(found, Unreadable | Format)
