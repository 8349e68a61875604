from __future__ import annotations

import warnings
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.readers.source import Stream
from replay.readers.tnetstrings import ENDS_EARLY, MAX_DEPTH, TOO_LONG, is_sound, iter_values

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.binary(max_size=9)
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=12,
)


def test_values_are_bounded() -> None:
    blocks = [b"3:a", b"bc,", b"200:", b"x" * 150, b"x" * 50, b",1:a", b","]
    assert list(iter_values(Stream(iter(blocks)), 100)) == [b"3:abc,", TOO_LONG, b"1:a,"]
    assert list(iter_values(Stream(iter(blocks[:4])), 100)) == [b"3:abc,", ENDS_EARLY]


@pytest.mark.parametrize(
    ("value", "sound"),
    [
        (b"0:~", True),
        (b"5:hello,", True),
        (b"8:5:hello,]", True),
        (b"0:}", True),
        (b"5:hello?", False),
        (b"6:hello,", False),
        (b"4:hello,", False),
        (b"8:6:hello,]", False),
        (b"8:4:hello,]", False),
        (b"3:-1:]", False),
        (b"4:01:a]", False),
        (b"", True),
        (b"0:~0:~", True),
        (b"0:~0", False),
    ],
)
def test_sound_values(value: bytes, sound: bool) -> None:
    assert is_sound(value) is sound


def test_depth_is_bounded() -> None:
    deep = b"0:~"
    for _ in range(MAX_DEPTH - 1):
        deep = b"%d:%s]" % (len(deep), deep)
    assert is_sound(deep)
    assert not is_sound(b"%d:%s]" % (len(deep), deep))


@settings(max_examples=80)
@given(VALUES, st.integers(0, 30))
def test_all_that_is_written_is_sound_and_nothing_that_is_cut(value: Any, cut: int) -> None:
    pytest.importorskip("mitmproxy", reason="it comes with the extra mitm")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of what mitmproxy stands on
        from mitmproxy.io import tnetstring
    data = tnetstring.dumps(value)
    assert is_sound(data)
    assert list(iter_values(Stream(iter([data])))) == [data]
    assert not is_sound(data[: max(1, len(data) - 1 - cut)])
