"""Options, alarm, authority and wall, each by itself."""

from __future__ import annotations

import asyncio
import importlib
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import exceptions
from mitmproxy.options import Options

from proxy.interceptor.breaker import ADDONS, SERVER, Alarm, quiet
from proxy.interceptor.ca import prepare_ca, unbelievable, write_trusted_ca
from proxy.interceptor.errors import InterceptorError, UnsafeOptionError
from proxy.interceptor.master import Interceptor
from proxy.interceptor.options import check_options
from proxy.interceptor.replacing import replaced
from proxy.interceptor.settings import Settings
from proxy.interceptor.wall import WallError, walled
from switchboard.exchange import NullObserver
from switchboard.rules import Rules
from switchboard.switch import Switch
from tests.proxy.interceptor.harness import PRODUCTION, SANDBOX, World, build_rules, world


def options_of(here: World) -> Options:
    assert here.door.master is not None
    return here.door.master.options


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rawtcp", True),
        ("connection_strategy", "eager"),
        ("ssl_insecure", True),
        ("upstream_cert", True),
        ("validate_inbound_headers", False),
        ("http3", True),
        ("ignore_hosts", [".*"]),
        ("allow_hosts", ["nothing"]),
        ("tcp_hosts", [".*"]),
        ("udp_hosts", [".*"]),
        ("mode", ["upstream:http://127.0.0.2:1"]),
        ("mode", ["wireguard"]),
        ("listen_host", ""),
        ("ssl_verify_upstream_trusted_ca", None),
        ("client_certs", "/tmp"),
    ],
)
async def test_no_option_opens_a_way(name: str, value: Any, ca_dir: Path) -> None:
    """Refused while it runs, and what was in force stays in force."""
    async with world(ca_dir) as here:
        before = getattr(options_of(here), name)
        with pytest.raises(exceptions.OptionsError):
            options_of(here).update(**{name: value})  # type: ignore[no-untyped-call]
        assert getattr(options_of(here), name) == before


@pytest.mark.parametrize(
    "name",
    ["scripts", "map_remote", "map_local", "modify_body", "modify_headers", "client_replay",
     "server_replay"],
)  # fmt: skip
async def test_options_of_addons_that_are_not_there_are_refused_too(
    name: str, ca_dir: Path
) -> None:
    from collections.abc import Sequence

    async with world(ca_dir) as here:
        options = options_of(here)
        options.add_option(name, Sequence[str], [], "as an addon would")
        with pytest.raises(exceptions.OptionsError):
            options.update(**{name: ["x"]})  # type: ignore[no-untyped-call]


async def test_replay_from_a_file_never_forwards(ca_dir: Path) -> None:
    async with world(ca_dir) as here:
        options = options_of(here)
        with pytest.raises(exceptions.OptionsError, match="server_replay_extra"):
            options.add_option("server_replay_extra", str, "forward", "as its addon would")
        with pytest.raises(UnsafeOptionError, match="server_replay_extra"):
            check_options(options)


async def test_the_chain_is_short(ca_dir: Path) -> None:
    async with world(ca_dir) as here:
        assert here.door.master is not None
        names = [type(each).__name__ for each in here.door.master.addons.chain]
    assert names == [
        "Router", "Doorway", "NamesRouter", "Core", "Proxyserver", "NextLayer", "TlsConfig",
    ]  # fmt: skip


async def test_a_port_that_is_taken_is_said_in_one_sentence(ca_dir: Path) -> None:
    async with world(ca_dir) as here:
        settings = Settings("forward", *here.door.address, ca_dir=ca_dir)
        with pytest.raises(InterceptorError, match="cannot listen on"):
            async with Interceptor(here.switch, NullObserver(), settings):
                pass


async def test_an_error_of_an_addon_refuses_everything(ca_dir: Path) -> None:
    async with world(ca_dir, "reverse") as here:
        assert here.door.master is not None

        class Broken:
            def requestheaders(self, flow: Any) -> None:
                raise RuntimeError("with a secret in it")

        here.door.master.addons.chain.append(Broken())
        request = b"GET / HTTP/1.1\r\nHost: api.hms.example\r\n\r\n"
        await here.ask(request)
        answer = await here.ask(request)
    assert b"x-esr-refused: interlock" in answer
    assert here.switch.tripped is not None
    assert any("everything is refused" in line for line in here.said)
    assert not any("secret" in line or "\n" in line for line in here.said)


def test_mitmproxys_words_are_not_passed_on() -> None:
    said: list[str] = []
    tripped: list[str] = []
    cut: list[Any] = []
    with quiet(Alarm(tripped.append, cut.append, said.append)):
        logging.getLogger("mitmproxy.anything").info("http://user:secret@prod/")
        logging.getLogger(SERVER).error("crashed on secret", extra={"client": ("c", 1)})
        assert (tripped, cut) == ([], [("c", 1)])
        logging.getLogger(ADDONS).error("Addon error: secret")
    assert len(tripped) == 1
    assert len(said) == 2
    assert "secret" not in " ".join((*said, *tripped))


def test_keys_are_for_their_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "ca"
    certificate = prepare_ca(folder)
    assert certificate.read_text().startswith("-----BEGIN CERTIFICATE-----")
    assert folder.stat().st_mode & 0o777 == 0o700
    assert all(path.stat().st_mode & 0o77 == 0 for path in folder.iterdir())
    key = (folder / "mitmproxy-ca.pem").read_bytes()
    prepare_ca(folder)
    assert (folder / "mitmproxy-ca.pem").read_bytes() == key


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InterceptorError, match="--ca-dir"):
        prepare_ca(tmp_path / "file" / "ca")


def https_rules(ca_file: str) -> Rules:
    to = {"name": "svc", "address": SANDBOX, "port": 9_443, "scheme": "https", "ca_file": ca_file}
    return build_rules(1, routes=[{"host": "*.hms.example", "to": to}])


def test_only_the_sandboxs_authority_is_believed(ca_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_bytes((ca_dir / "mitmproxy-ca-cert.pem").read_bytes())
    trusted = write_trusted_ca(https_rules("ca.pem"), tmp_path, tmp_path)
    assert trusted.read_text().count("BEGIN CERTIFICATE") == 1
    assert trusted.parent == tmp_path
    assert unbelievable(https_rules("ca.pem"), tmp_path) == ()
    assert unbelievable(https_rules("none.pem"), tmp_path) == ("svc",)
    for rules in (None, build_rules(1), https_rules("none.pem")):
        assert write_trusted_ca(rules, tmp_path, tmp_path).name == "mitmproxy-ca-cert.pem"


async def test_the_wall_lets_only_endpoints_through() -> None:
    server: Any = importlib.import_module("mitmproxy.proxy.server")
    with walled(lambda: frozenset({(SANDBOX, 1)})):
        for host, port in ((PRODUCTION, 1), (SANDBOX, 2), ("localhost", 1)):
            with pytest.raises(WallError):
                await server.asyncio.open_connection(host, port)
        with pytest.raises(ConnectionRefusedError):
            await server.asyncio.open_connection(SANDBOX, 1)
        with pytest.raises(WallError):
            await server.mitmproxy_rs.udp.open_udp_connection(PRODUCTION, 53)
    assert server.asyncio is asyncio


def test_a_name_that_mitmproxy_lacks_stops_the_start() -> None:
    from mitmproxy.proxy import server

    with pytest.raises(AttributeError), replaced(server, "no_such_name", None):
        pass


TRIPWIRE = """
import asyncio, socket
from proxy.interceptor.wall import arm_process, lowered
arm_process(lambda: frozenset({("127.0.0.3", 1)}))

async def dial(host, port):
    try:
        await asyncio.open_connection(host, port)
    except OSError as error:
        return type(error).__name__

async def main():
    print(await dial("127.0.0.2", 1), await dial("127.0.0.3", 1), await dial("prod.test", 1))
    try:
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.2", 53))
    except OSError as error:
        print(type(error).__name__)
    try:
        socket.socket(socket.AF_UNIX).connect("/var/run/docker.sock")
    except OSError as error:
        print(type(error).__name__)
    with lowered():
        print(await dial("127.0.0.2", 1))

asyncio.run(main())
"""


def test_the_tripwire_holds_for_the_whole_process() -> None:
    """In a process of its own: an audit hook can never be taken away again."""
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", TRIPWIRE], cwd=root, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.split() == [
        "WallError", "ConnectionRefusedError", "WallError", "WallError", "WallError",
        "ConnectionRefusedError",
    ], done.stderr  # fmt: skip


async def test_replayed_flows_meet_the_seal(ca_dir: Path) -> None:
    """A replay handler is no client of ours: whatever it asks for is not dialled."""
    from mitmproxy.addons.clientplayback import ReplayHandler
    from mitmproxy.test import tflow

    async with world(ca_dir) as here:
        flow = tflow.tflow()
        flow.request.data.host, flow.request.data.port = PRODUCTION, here.production.port
        flow.request.headers["host"] = f"{PRODUCTION}:{here.production.port}"
        handler = ReplayHandler(flow, options_of(here))
        async with asyncio.timeout(5):
            await handler.replay()
    assert here.production.accepted == 0


def test_the_switch_is_never_loosened() -> None:
    """A tripped switch stays tripped whatever rules come after."""
    from switchboard.mode import MemoryMode

    switch = Switch(build_rules(1), MemoryMode(), {})
    switch.trip("a test")
    switch.replace(build_rules(1), {})
    assert switch.tripped == "a test"
