"""What `--target` means, and that the guard comes before every dial."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest

from hms_esr.targets import choose_aim, resolve_upstreams, secrets_of
from switchboard.environment import environment_for_url
from switchboard.errors import EsrError, GuardError, RuleError, UpstreamError

SERVICES = ("svc", "svc-profile", "ach")


def declare(folder: Path, name: str, text: str) -> None:
    (folder / "environments").mkdir(exist_ok=True)
    (folder / "environments" / f"{name}.yml").write_text(text)


def test_embedded_is_the_sandbox_that_comes_with_us(tmp_path: Path) -> None:
    aim = choose_aim("embedded", SERVICES, {}, tmp_path)
    assert (aim.is_embedded, aim.service, aim.name) == (True, None, "embedded")


def test_a_service_is_flooded_alone(tmp_path: Path) -> None:
    aim = choose_aim("svc-profile", SERVICES, {}, tmp_path)
    assert (aim.is_embedded, aim.service) == (True, "svc-profile")


def test_an_environment_beats_a_service_of_its_name(tmp_path: Path) -> None:
    declare(tmp_path, "svc", "base_url: http://127.0.0.1:9\n")
    aim = choose_aim("svc", SERVICES, {}, tmp_path)
    assert (aim.is_embedded, aim.name) == (False, "svc")


@pytest.mark.parametrize(
    "text", ["http://127.0.0.1:8080/sandbox", "127.0.0.1:8080", "localhost", "http://[::1]:80"]
)
def test_loopback_needs_no_declaration(tmp_path: Path, text: str) -> None:
    assert not choose_aim(text, (), {}, tmp_path).is_embedded


@pytest.mark.parametrize(
    "text",
    ["http://192.0.2.7", "api.hms.gov", "10.0.0.1:80", "http://127.1/", "http://0.0.0.0",
     "http://[::ffff:10.0.0.1]/", "http://127.0.0.1.evil.example/", "http://169.254.169.254/"],
)  # fmt: skip
def test_everything_else_is_refused_without_being_looked_up(
    tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look_up(*_: Any, **__: Any) -> Any:
        raise AssertionError("a name was looked up")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with pytest.raises(GuardError) as caught:
        choose_aim(text, (), {}, tmp_path)
    assert caught.value.exit_code == 97


@pytest.mark.parametrize(
    ("text", "hint"),
    [("stagin", "staging"), ("svc-profil", "svc-profile"), ("zzz", "embedded")],
)
def test_an_unknown_name_is_refused_and_the_nearest_named(
    tmp_path: Path, text: str, hint: str
) -> None:
    declare(tmp_path, "staging", "base_url: http://127.0.0.1:9\n")
    with pytest.raises(GuardError, match=hint):
        choose_aim(text, SERVICES, {}, tmp_path)


def test_an_undeclared_address_in_a_file_is_refused_with_what_to_declare(tmp_path: Path) -> None:
    declare(tmp_path, "far", "base_url: http://192.0.2.7\n")
    with pytest.raises(GuardError, match=r"192\.0\.2\.7/32"):
        choose_aim("far", (), {}, tmp_path)


def test_a_faulty_file_names_every_fault(tmp_path: Path) -> None:
    declare(tmp_path, "bad", "base_url: ftp://127.0.0.1\nnonsense: 1\n")
    with pytest.raises(RuleError) as caught:
        choose_aim("bad", (), {}, tmp_path)
    assert len(caught.value.faults) == 2


def test_an_address_is_its_own_target() -> None:
    (target,) = resolve_upstreams(environment_for_url("https://127.0.0.1:8443")).values()
    assert (target.host, target.port, target.tls) == ("127.0.0.1", 8443, True)


NAMED = "base_url: http://box.internal:80\nallow: {hosts: [box.internal]}\n"


def answering(*addresses: str) -> Any:
    return lambda host, port, **_: [(2, 1, 6, "", (address, port)) for address in addresses]


def test_every_address_of_a_name_must_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    declare(tmp_path, "box", NAMED)
    environment = choose_aim("box", (), {}, tmp_path).environment
    monkeypatch.setattr(socket, "getaddrinfo", answering("10.0.0.5", "10.0.0.5", "10.0.0.6"))
    (target,) = resolve_upstreams(environment).values()
    assert (target.host, target.server_name) == ("10.0.0.5", "box.internal")
    monkeypatch.setattr(socket, "getaddrinfo", answering("10.0.0.5", "93.184.216.34"))
    with pytest.raises(GuardError, match=r"93\.184\.216\.34|box\.internal"):
        resolve_upstreams(environment)


def test_a_name_without_an_address_is_unreachable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look_up(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    declare(tmp_path, "box", NAMED)
    environment = choose_aim("box", (), {}, tmp_path).environment
    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with pytest.raises(UpstreamError, match=r"box\.internal"):
        resolve_upstreams(environment)


def test_only_the_named_variables_are_read(tmp_path: Path) -> None:
    text = "base_url: http://127.0.0.1:9\ncredentials:\n  - {header: X-Key, from_env: BOX_KEY}\n"
    declare(tmp_path, "box", text)
    environment = choose_aim("box", (), {}, tmp_path).environment
    assert secrets_of(environment, {"BOX_KEY": "k", "OTHER": "o"}) == {"BOX_KEY": "k"}
    assert secrets_of(environment, {}) == {}


def test_a_url_with_a_user_is_no_target(tmp_path: Path) -> None:
    with pytest.raises(EsrError):
        choose_aim("http://127.0.0.1@192.0.2.7/", (), {}, tmp_path)
