"""The gateway's arguments: what is taken, and the sentence for what is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from stubs.listening import listen, parse_listen
from stubs.stage import load_answers
from switchboard.errors import EsrError


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:8080", ("127.0.0.1", 8080)),
        ("127.0.0.1:0", ("127.0.0.1", 0)),
        ("localhost:65535", ("localhost", 65535)),
        (":80", ("127.0.0.1", 80)),
        ("[::1]:80", ("::1", 80)),
    ],
)
def test_an_address_is_a_host_and_a_port(text: str, address: tuple[str, int]) -> None:
    assert parse_listen(text) == address


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        pytest.param("", "HOST:PORT", id="nothing"),
        pytest.param("8080", "HOST:PORT", id="port alone"),
        pytest.param("127.0.0.1", "HOST:PORT", id="host alone"),
        pytest.param("127.0.0.1:", "HOST:PORT", id="no port"),
        pytest.param("127.0.0.1:http", "HOST:PORT", id="name of a port"),
        pytest.param("127.0.0.1:-1", "HOST:PORT", id="negative"),
        pytest.param("127.0.0.1:8_0", "HOST:PORT", id="underscore"),
        pytest.param("127.0.0.1: 80", "HOST:PORT", id="space"),
        pytest.param("127.0.0.1:²", "HOST:PORT", id="superscript"),
        pytest.param("127.0.0.1:65536", "65535", id="too large"),
        pytest.param("127.0.0.1:" + "9" * 5_000, "HOST:PORT", id="5000 digits"),
        pytest.param("::1:80", "brackets", id="IPv6 without brackets"),
        pytest.param("192.0.2.1:80", "assign", id="not ours"),
        pytest.param("a\0b:80", "", id="NUL"),
        pytest.param("a" * 70 + ".x:80", "", id="label too long"),
    ],
)
def test_a_wrong_address_is_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(EsrError) as caught:
        listen(text)
    said = str(caught.value)
    assert said.startswith("cannot listen on ")
    assert sentence in said
    assert len(said.splitlines()) == 1
    assert len(said) < 300
    assert caught.value.exit_code == 2


def test_no_answers_file_is_no_answers() -> None:
    assert list(load_answers(None)) == []


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        pytest.param(b"", "", id="empty"),
        pytest.param(b"{", "", id="cut off"),
        pytest.param(b"\xff\xfe", "", id="bytes"),
        pytest.param(b"[" * 100_000, "", id="deep"),
        pytest.param(b"[]", "a list `routes`", id="a list"),
        pytest.param(b'{"routes": 5}', "a list `routes`", id="no list"),
        pytest.param(b'{"routes": [{}]}', "routes[0]: `service`", id="empty entry"),
    ],
)
def test_a_wrong_answers_file_is_one_sentence(
    tmp_path: Path, content: bytes, sentence: str
) -> None:
    path = tmp_path / "answers.json"
    path.write_bytes(content)
    with pytest.raises(EsrError) as caught:
        load_answers(path)
    said = str(caught.value)
    assert said.startswith(f"cannot read the answers in {path}: ")
    assert sentence in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize("name", ["missing.json", "."])
def test_an_answers_file_that_cannot_be_read_is_one_sentence(tmp_path: Path, name: str) -> None:
    with pytest.raises(EsrError, match="cannot read the answers in "):
        load_answers(tmp_path / name)
