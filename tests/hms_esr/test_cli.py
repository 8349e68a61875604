"""The thin command line: optional values are spelled out, and bad input is one sentence."""

from __future__ import annotations

import pytest

from hms_esr.cli import spell_out


@pytest.mark.parametrize(
    ("given", "spelled"),
    [
        (["a", "--loop"], ["a", "--loop=forever"]),
        (["a", "--loop", "3"], ["a", "--loop", "3"]),
        (["--loop", "a"], ["--loop=forever", "a"]),
        (["a", "--loop", "--speed", "2x"], ["a", "--loop=forever", "--speed", "2x"]),
        (["a", "--loop=2"], ["a", "--loop=2"]),
        (["a", "--serve"], ["a", "--serve=127.0.0.1:8420"]),
        (["a", "--serve", "9000"], ["a", "--serve", "9000"]),
        (["a", "--serve", "127.0.0.1:9000"], ["a", "--serve", "127.0.0.1:9000"]),
        (["a", "--serve", "[::1]:9000"], ["a", "--serve", "[::1]:9000"]),
        (["--serve", "stimulus_2020"], ["--serve=127.0.0.1:8420", "stimulus_2020"]),
    ],
)
def test_optional_values_are_spelled_out(given: list[str], spelled: list[str]) -> None:
    assert spell_out(given) == spelled
