from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.readers.transcode import BIG, LITTLE, Utf16, utf16_of


@pytest.mark.parametrize(
    ("head", "encoding"),
    [
        (b"", None),
        (b"a\0", None),
        (b"GET / HTTP/1.1", None),
        (b"\xff\xfe", LITTLE),
        (b"\xfe\xff", BIG),
        ("GET /".encode("utf-16-le"), LITTLE),
        ("GET /".encode("utf-16-be"), BIG),
        ("GET /straße/and/some/more".encode("utf-16-le"), LITTLE),
        ("GET /а/and/some/more".encode("utf-16-be"), BIG),
        ("GET /".encode("utf-32-le"), None),
        (b"\xff\xfe\0\0" + "GET /".encode("utf-32-le"), None),
        (b"\0" * 64, None),
        (b"PAR1\x15\0\x15\x0e", None),
    ],
)
def test_utf_16_is_told_by_its_mark_or_its_nuls(head: bytes, encoding: str | None) -> None:
    assert utf16_of(head) == encoding


@settings(max_examples=80)
@given(
    text=st.text(max_size=40),
    encoding=st.sampled_from([LITTLE, BIG]),
    marked=st.booleans(),
    size=st.integers(1, 9),
)
def test_any_text_comes_back_wherever_its_blocks_end(
    text: str, encoding: str, size: int, *, marked: bool
) -> None:
    text = text.removeprefix("\ufeff")
    data = (("\ufeff" if marked else "") + text).encode(encoding)
    blocks = [data[at : at + size] for at in range(0, len(data), size)]
    stream = Utf16(encoding)
    assert b"".join(stream.transcode(blocks)) == text.encode()
    assert not stream.is_cut


@settings(max_examples=80)
@given(data=st.binary(max_size=60), encoding=st.sampled_from([LITTLE, BIG]))
def test_any_bytes_become_utf_8(data: bytes, encoding: str) -> None:
    stream = Utf16(encoding)
    b"".join(stream.transcode([data])).decode()
    if len(data) % 2:
        assert stream.is_cut
