"""Files, ports and numbers that somebody hostile or tired hands the gateway."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import ssl
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hms_esr.gateway_command import gateway_command
from hms_esr.gateways import member as members
from hms_esr.gateways.errors import GatewayError
from hms_esr.gateways.job import Job
from hms_esr.gateways.listening import Address, address_of, check_no_overlap, reserve
from hms_esr.gateways.options import GatewayOptions
from hms_esr.gateways.rules_keeper import InForce, RulesKeeper
from hms_esr.gateways.supervisor import Supervisor
from hms_esr.gateways.worker import limits_here
from proxy.gateway.limits import Limits
from proxy.gateway.tls import build_upstream_context
from scenarios.rules_files import read_rules
from switchboard.errors import EsrError, RuleError

PLAIN = """
routes:
  - {host: "*.hms.example", to: {name: svc, address: 127.0.0.1, port: 9001}}
"""
WITH_FILE = PLAIN + "credentials: {inject: [{upstream: svc, header: X-Key, from_file: key}]}\n"
WITH_TLS = PLAIN.replace("9001", "9001, scheme: https, server_name: svc.test, ca_file: ca.pem")
PIPES: list[Callable[[Path], None]] = [os.mkfifo, Path.mkdir]


def keep(folder: Path, text: str = PLAIN) -> tuple[RulesKeeper, list[str]]:
    (folder / "switchboard.yml").write_text(text)
    said: list[str] = []
    return RulesKeeper(folder / "switchboard.yml", {}, (), said.append), said


def edit(folder: Path, text: str) -> None:
    (folder / "new").write_text(text)
    (folder / "new").replace(folder / "switchboard.yml")


# A pipe where a file should be: opening one waits for ever.


@pytest.mark.parametrize("make", PIPES)
def test_what_takes_the_place_of_the_rules_is_not_waited_for(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    keeper, said = keep(tmp_path)
    assert keeper.check() is None
    (tmp_path / "switchboard.yml").unlink()
    make(tmp_path / "switchboard.yml")
    assert keeper.check() is None
    assert keeper.check() is None
    assert len(said) == 1
    assert "plain file" in said[0]


@pytest.mark.parametrize("make", PIPES)
def test_what_takes_the_place_of_a_secret_is_not_waited_for(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    make(tmp_path / "key")
    with pytest.raises(GatewayError, match="key, which cannot be read"):
        keep(tmp_path, WITH_FILE)


@pytest.mark.parametrize("make", PIPES)
def test_what_takes_the_place_of_a_certificate_is_not_waited_for(
    tmp_path: Path, make: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "switchboard.yml").write_text(PLAIN)
    make(tmp_path / "pem")
    with pytest.raises(GatewayError, match="pem cannot be read"):
        gateway_command(tls_cert="pem", tls_key="pem")


def test_a_credential_of_spaces_is_none(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("  \n")
    with pytest.raises(GatewayError, match="holds no credential"):
        keep(tmp_path, WITH_FILE)


# Authorities.


def certificate() -> str:
    """Any authority of this machine: nobody is dialled."""
    for path in (ssl.get_default_verify_paths().cafile, "/etc/ssl/certs/ca-certificates.crt"):
        if path and Path(path).is_file():
            text = Path(path).read_text(encoding="ascii", errors="ignore")
            end = "-----END CERTIFICATE-----\n"
            return f"# Authorité\n{text.partition(end)[0]}{end}"
    pytest.skip("this machine has no authorities at all")


def test_an_authority_stands_beside_the_rules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    (tmp_path / "ca.pem").write_text(certificate())
    keeper, _ = keep(tmp_path, WITH_TLS)
    (route,) = keeper.in_force.rules.routes
    assert route.to is not None
    assert route.to.ca_file is not None
    assert build_upstream_context(route.to.ca_file).get_ca_certs()
    assert keeper.in_force.rules.digest == read_rules(tmp_path / "switchboard.yml").digest
    assert keeper.check() is None, "nothing was edited"
    assert keeper.check() is None


@pytest.mark.parametrize("content", [None, b"", b"junk", b"\xff\xfe", b"\0" * 99])
def test_an_authority_that_is_none_is_named_at_the_start(
    tmp_path: Path, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "ca.pem").write_bytes(content)
    with pytest.raises(GatewayError, match=r"ca\.pem"):
        keep(tmp_path, WITH_TLS)


def test_an_edit_whose_authority_is_missing_changes_nothing_until_it_is_there(
    tmp_path: Path,
) -> None:
    keeper, said = keep(tmp_path)
    edit(tmp_path, WITH_TLS)
    assert keeper.check() is None
    assert keeper.check() is None
    assert "ca.pem" in said[0]
    assert len(said) == 1
    assert keeper.refused == 1
    (tmp_path / "ca.pem").write_text(certificate())
    assert keeper.check() is not None, "nobody has to edit the rules once more"
    assert keeper.complaint is None
    assert keeper.check() is None
    assert keeper.taken == 1


def test_an_edit_that_is_taken_back_while_its_secret_is_missing(tmp_path: Path) -> None:
    keeper, _ = keep(tmp_path)
    edit(tmp_path, WITH_FILE)
    assert keeper.check() is None
    edit(tmp_path, PLAIN)
    assert keeper.check() is None
    assert keeper.complaint is None
    edit(tmp_path, "routes: 7\n")
    (tmp_path / "key").write_text("abc")
    assert keeper.check() is None
    assert keeper.taken == 0
    assert keeper.complaint is not None


# Files of which each would spoil the other.


@pytest.mark.parametrize(
    "options",
    [
        {"record": "switchboard.yml"},
        {"interlock": "switchboard.yml"},
        {"mode_file": "switchboard.yml"},
        {"record": "a.ndjson", "access_log": "a.ndjson"},
        {"record": "a.ndjson", "access_log": "./b/../a.ndjson"},
        {"record": "alias.yml"},
        {"record": "a.ndjson", "interlock": "a.ndjson"},
    ],
    ids=str,
)
def test_one_file_for_two_things_is_refused(
    tmp_path: Path, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "switchboard.yml").write_text(PLAIN)
    (tmp_path / "alias.yml").symlink_to("switchboard.yml")
    (tmp_path / "b").mkdir()
    with pytest.raises(EsrError, match="same file"):
        gateway_command(listen="127.0.0.1:0", **options)
    assert (tmp_path / "switchboard.yml").read_text() == PLAIN


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"interlock": "."}, "--interlock"),
        ({"seed": 10**30}, "--seed"),
        ({"seed": -(10**30)}, "--seed"),
        ({"max_connections": 10**30}, "--max-connections"),
        ({"max_body_bytes": 10**30}, "--max-body-bytes"),
    ],
    ids=str,
)
def test_what_cannot_be_is_said_before_anything_listens(
    tmp_path: Path, options: dict[str, Any], named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "switchboard.yml").write_text(PLAIN)
    with pytest.raises(GatewayError, match=named) as caught:
        gateway_command(listen="127.0.0.1:0", **options)
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)


def test_the_name_of_an_environment_is_no_path(tmp_path: Path) -> None:
    for name in ("a" * 5_000, "../x", "a/b", ""):
        (tmp_path / "switchboard.yml").write_text(f"environment: '{name}'\n")
        with pytest.raises(RuleError, match="environment") as caught:
            read_rules(tmp_path / "switchboard.yml")
        assert len(str(caught.value)) < 400
    shutil.rmtree(tmp_path)


# Ports.


def test_a_port_is_taken_before_its_gateway_listens() -> None:
    holder = reserve(Address("127.0.0.1", 0), "--listen")
    with holder, pytest.raises(GatewayError, match="already in use"):
        reserve(address_of(holder), "--control")


def test_a_port_can_be_had_again_after_a_server_that_left_connections() -> None:
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = int(server.getsockname()[1])
        with socket.create_connection(("127.0.0.1", port)) as client:
            accepted, _ = server.accept()
            accepted.close()  # first: so the connection lingers on this side
            assert client.recv(1) == b""
    reserve(Address("127.0.0.1", port), "--listen").close()


@pytest.mark.parametrize(
    ("listen", "control"),
    [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::1", "::")],
)
def test_the_control_api_does_not_share_the_port(listen: str, control: str) -> None:
    with pytest.raises(GatewayError, match="its own port"):
        check_no_overlap(Address(listen, 80), Address(control, 80))
    check_no_overlap(Address(listen, 80), Address(control, 81))


# Whoever is started while the others are told something.


class StandIn:
    """A worker that never ran; what it is told is kept."""

    def __init__(self, job: Job) -> None:
        self.number = job.number
        self.told: list[dict[str, Any]] = []
        self.is_killed = False

    def tell(self, **fields: Any) -> None:
        self.told.append(fields)

    async def ask(self, **fields: Any) -> None:
        self.told.append(fields)

    async def close(self, timeout_s: float) -> None:
        """It ended by itself."""

    def kill(self) -> None:
        self.is_killed = True


def slow_supervisor(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Supervisor, asyncio.Event]:
    may_start = asyncio.Event()

    async def spawn(job: Job, listener: socket.socket, on_report: object) -> StandIn:
        await may_start.wait()
        return StandIn(job)

    monkeypatch.setattr(members.Member, "spawn", spawn)
    keeper, _ = keep(folder)
    where = Address("127.0.0.1", 0)
    options = GatewayOptions(where, folder / "r", folder / "m", folder / "i")
    return Supervisor(options, where, keeper.in_force, lambda _: None), may_start


async def test_a_worker_that_starts_meanwhile_is_told_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    supervisor, may_start = slow_supervisor(tmp_path, monkeypatch)
    old = supervisor._in_force
    async with asyncio.TaskGroup() as tasks:
        starting = tasks.create_task(supervisor._spawn(0))
        await asyncio.sleep(0)
        await supervisor.trip("odd traffic")
        await supervisor.replace(InForce(replace(old.rules, run="drill"), {}))
        may_start.set()
    member: Any = starting.result()
    assert {"do": "trip", "reason": "odd traffic"} in member.told
    (edited,) = [order for order in member.told if order["do"] == "rules"]
    assert edited["rules"]["run"] == "drill"
    assert not member.is_killed


async def test_a_worker_that_starts_while_all_stop_ends_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    supervisor, may_start = slow_supervisor(tmp_path, monkeypatch)
    async with asyncio.TaskGroup() as tasks:
        starting = tasks.create_task(supervisor._spawn(0))
        await asyncio.sleep(0)
        await supervisor.stop()
        may_start.set()
    member: Any = starting.result()
    assert member.is_killed


@pytest.mark.parametrize(("files", "most"), [(20_000, 15_000), (64, 48), (1, 1), (65_536, 20_000)])
def test_clients_leave_files_for_upstreams(files: int, most: int) -> None:
    assert limits_here(Limits(), files).max_connections == most
    assert limits_here(Limits(max_connections=7), 20_000).max_connections == 7
