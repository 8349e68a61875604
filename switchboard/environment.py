"""An environment: the sandbox a run may talk to, and nothing else.

Floor 0. `parse_environment` takes a mapping (YAML is read two floors up) and reports every fault
in it at once. Values only: whether an address may be used is decided in `guard.py`, and what a
request becomes in `rewrite.py`. The file format is described in `docs/environments.md`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import PurePath
from typing import Final, TypeVar

from switchboard.base_url import BaseUrl, authority_of, parse_base_url
from switchboard.credentials import has_secret_shape
from switchboard.errors import GuardError, RuleError
from switchboard.fault_reader import FaultReader, LineOf, join, nearest, shown
from switchboard.headers import HOP_BY_HOP, is_label, is_token, is_value
from switchboard.hosts import (
    DisguisedHostError,
    Network,
    host_of,
    literal_address,
    parse_host,
    parse_pattern,
)

BUILT_IN: Final = "built in"
COMMAND_LINE: Final = "command line"
SANDBOX_TOKEN: Final = "esr-sandbox"  # noqa: S105 - a constant that opens nothing
"""What the embedded sandbox is given as a bearer token, so that the swap can be seen."""

ENVIRONMENT_KEYS: Final = (
    "name",
    "notes",
    "base_url",
    "host",
    "upstreams",
    "allow",
    "credentials",
)
UPSTREAM_KEYS: Final = ("name", "hosts", "base_url", "host")
ALLOW_KEYS: Final = ("hosts", "networks")
CREDENTIAL_KEYS: Final = ("header", "from_env", "prefix", "upstream")

# Suffixes that no public registry hands out, so that one label of them may be declared whole.
PRIVATE_SUFFIXES: Final = frozenset(
    {"corp", "example", "home", "internal", "invalid", "lan", "local", "localhost", "svc", "test"}
)
WIDEST_NETWORK: Final = {4: 8, 6: 32}
"""The shortest prefix that may be declared: a sandbox is not half the internet."""

T = TypeVar("T")
_ENV_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")


@dataclass(frozen=True, slots=True)
class Upstream:
    """One address of the sandbox, and the recorded hosts it stands in for."""

    name: str
    scheme: str
    host: str
    """An IP literal without brackets, or a DNS name."""
    port: int
    prefix: str
    """"" or like `/sandbox`; stands before every path."""
    matches: tuple[str, ...]
    """Patterns of recorded hosts: `ach.*`, `*.hms.example`, `*` or a whole host."""
    host_header: str | None
    """The Host header to send, in which `{service}` is the service's name; None: as dialled."""

    @property
    def authority(self) -> str:
        """`host` or `host:port`, as a Host header says it."""
        return authority_of(self.scheme, self.host, self.port)

    @property
    def address(self) -> str | None:
        """The IP address to dial without asking a resolver, or None for a DNS name."""
        literal = literal_address(self.host)
        return None if literal is None else str(literal)


@dataclass(frozen=True, slots=True)
class Credential:
    """A header the sandbox wants. Its value is never shown, whoever prints this."""

    header: str
    value_env: str | None
    value: str | None = field(repr=False)
    prefix: str = ""
    upstream: str | None = None


@dataclass(frozen=True, slots=True)
class Environment:
    """What a run may talk to: upstreams in order, and what was declared as sandbox."""

    name: str
    upstreams: tuple[Upstream, ...]
    allow_hosts: tuple[str, ...]
    allow_networks: tuple[Network, ...]
    credentials: tuple[Credential, ...]
    source: str
    """The file it was read from, or `BUILT_IN` or `COMMAND_LINE`."""

    @property
    def secret_names(self) -> tuple[str, ...]:
        """The environment variables that `rewrite.bind` needs to be given."""
        names = (credential.value_env for credential in self.credentials)
        return tuple(dict.fromkeys(name for name in names if name is not None))


def embedded_environment(port: int) -> Environment:
    """Everything goes to the stub gateway on this machine, under `<service>.sandbox.test`."""
    if not 1 <= port <= 65_535:
        raise ValueError(f"port must be 1..65535, not {port}")
    base = BaseUrl("http", "127.0.0.1", port, "")
    upstream = _upstream("embedded", base, ("*",), "{service}.sandbox.test")
    credential = Credential("Authorization", None, SANDBOX_TOKEN, "Bearer ")
    return Environment("embedded", (upstream,), (), (), (credential,), BUILT_IN)


def environment_for_url(url: str) -> Environment:
    """The environment of `--target URL`: one upstream for every host, and nothing declared.

    Raises RuleError for what is no URL of a sandbox, GuardError for a host in disguise.
    """
    try:
        base = parse_base_url(url)
    except DisguisedHostError as error:
        raise GuardError("the host of --target", str(error), "Nothing was sent.") from None
    except ValueError as error:
        raise RuleError(f"--target: {error} (write it like http://127.0.0.1:8080)") from None
    upstream = _upstream("target", base, ("*",), None)
    return Environment("target", (upstream,), (), (), (), COMMAND_LINE)


def parse_environment(mapping: object, *, source: str, line_of: LineOf) -> Environment:
    """The environment in a parsed file. Raises RuleError with every fault in it.

    source: the file's name, for messages.   line_of: the line of a path like `allow.hosts[0]`.
    """
    reader = FaultReader(line_of)
    top = reader.mapping(mapping, "", ENVIRONMENT_KEYS)
    name = reader.text(top, "", "name", default=PurePath(source).stem)
    if not is_label(name):
        reader.fault("name", "must be letters, digits, dots and dashes, such as staging")
    reader.text(top, "", "notes", default="")
    names, upstreams = _read_upstreams(reader, top) if top else ((), ())
    allow = reader.mapping(top.get("allow", {}), "allow", ALLOW_KEYS)
    environment = Environment(
        name,
        upstreams,
        _each(reader, reader.items(allow, "allow", "hosts"), _parse_allowed_host),
        _each(reader, reader.items(allow, "allow", "networks"), _parse_network),
        _read_credentials(reader, top, names),
        source,
    )
    if reader.faults:
        raise RuleError(source, reader.faults)
    return environment


def _upstream(
    name: str, base: BaseUrl, patterns: tuple[str, ...], host_header: str | None
) -> Upstream:
    return Upstream(name, base.scheme, base.host, base.port, base.prefix, patterns, host_header)


def _read_upstreams(
    reader: FaultReader, top: Mapping[str, object]
) -> tuple[tuple[str, ...], tuple[Upstream, ...]]:
    """The names of all upstreams, and those that are whole."""
    if "upstreams" not in top:
        return _read_short_form(reader, top)
    for key in ("base_url", "host"):
        if key in top:
            reader.fault(key, f"belongs in each of upstreams; {key} alone is the short form")
    names: list[str] = []
    upstreams: list[Upstream | None] = []
    taken: set[str] = set()
    for path, raw in reader.items(top, "", "upstreams"):
        item = reader.mapping(raw, path, UPSTREAM_KEYS)
        if not item:
            continue
        name = reader.text(item, path, "name")
        if name in names:
            reader.fault(f"{path}.name", f"there are two upstreams of the name {shown(name)}")
        elif name and not is_label(name):
            reader.fault(f"{path}.name", "must be letters, digits, dots and dashes, such as svc")
        names.append(name)
        upstreams.append(_read_upstream(reader, path, item, name, taken))
    if not names and top["upstreams"] == []:
        reader.fault("upstreams", "is empty; name at least one upstream")
    return tuple(names), tuple(upstream for upstream in upstreams if upstream is not None)


def _read_short_form(
    reader: FaultReader, top: Mapping[str, object]
) -> tuple[tuple[str, ...], tuple[Upstream, ...]]:
    if "base_url" not in top:
        message = "is missing; name at least one, or write base_url: http://127.0.0.1:9000"
        reader.fault("upstreams", message)
        return ("default",), ()
    base = reader.checked("base_url", top["base_url"], parse_base_url)
    host = _read_host_header(reader, top, "")
    upstream = None if base is None else _upstream("default", base, ("*",), host)
    return ("default",), () if upstream is None else (upstream,)


def _read_upstream(
    reader: FaultReader, path: str, item: Mapping[str, object], name: str, taken: set[str]
) -> Upstream | None:
    base = None
    if "base_url" in item:
        base = reader.checked(f"{path}.base_url", item["base_url"], parse_base_url)
    else:
        reader.fault(f"{path}.base_url", "base_url is missing")
    patterns = _read_patterns(reader, path, item, taken)
    host = _read_host_header(reader, item, path)
    return None if base is None else _upstream(name, base, patterns, host)


def _read_patterns(
    reader: FaultReader, path: str, item: Mapping[str, object], taken: set[str]
) -> tuple[str, ...]:
    """The host patterns of one upstream; `taken` holds those of the upstreams before it."""
    items = reader.items(item, path, "hosts")
    if not items and not item.get("hosts"):
        reader.fault(f"{path}.hosts", 'name the recorded hosts it stands in for, such as ["svc.*"]')
    patterns = []
    for at, raw in items:
        pattern = reader.checked(at, raw, parse_pattern)
        if pattern is None:
            continue
        if pattern in taken or "*" in taken:
            already = "*" if "*" in taken else pattern
            reader.fault(at, f'never matches: "{already}" above it already takes every such host')
        patterns.append(pattern)
        taken.add(pattern)
    return tuple(patterns)


def _read_host_header(reader: FaultReader, raw: Mapping[str, object], path: str) -> str | None:
    if "host" not in raw:
        return None
    return reader.checked(join(path, "host"), raw["host"], _parse_host_header)


def _read_credentials(
    reader: FaultReader, top: Mapping[str, object], upstreams: tuple[str, ...]
) -> tuple[Credential, ...]:
    credentials: list[Credential] = []
    seen: set[tuple[str, str | None]] = set()
    for path, raw in reader.items(top, "", "credentials"):
        if isinstance(raw, Mapping) and "value" in raw:
            reader.fault(f"{path}.value", "a secret does not belong in a file; use from_env")
            raw = {key: value for key, value in raw.items() if key != "value"}
        item = reader.mapping(raw, path, CREDENTIAL_KEYS)
        if not item:
            continue
        credential = _read_credential(reader, path, item, upstreams)
        key = (credential.header.lower(), credential.upstream)
        if key in seen:
            reader.fault(path, f"there already is a credential for {shown(credential.header)}")
        seen.add(key)
        credentials.append(credential)
    return tuple(credentials)


def _read_credential(
    reader: FaultReader, path: str, item: Mapping[str, object], upstreams: tuple[str, ...]
) -> Credential:
    header = reader.text(item, path, "header")
    if header:
        reader.checked(f"{path}.header", header, _parse_credential_header)
    variable = reader.text(item, path, "from_env")
    if has_secret_shape(variable):
        reader.fault(f"{path}.from_env", "looks like a secret; write the name of its variable")
    elif variable and not _ENV_NAME.fullmatch(variable):
        reader.fault(f"{path}.from_env", "must name an environment variable, such as ESR_TOKEN_SVC")
    prefix = reader.text(item, path, "prefix", default="")
    if not is_value(prefix) or len(prefix) > 64:
        reader.fault(f"{path}.prefix", 'must be short plain text, such as "Bearer "')
    upstream = reader.text(item, path, "upstream") if "upstream" in item else None
    if upstream and upstream not in upstreams:
        hint = nearest(upstream, upstreams)
        reader.fault(f"{path}.upstream", f"there is no upstream {shown(upstream)}; {hint}")
    return Credential(header, variable, None, prefix, upstream)


def _parse_credential_header(text: str) -> str:
    low = text.lower()
    if not is_token(text):
        raise ValueError("must be a header name, such as Authorization")
    if low in HOP_BY_HOP or low == "host" or low.startswith("x-esr-"):
        raise ValueError(f"{text} is set by the switchboard itself")
    return text


def _parse_host_header(text: str) -> str:
    host_of(text.replace("{service}", "service"))
    if "@" in text:
        raise ValueError("must be a host, without user information")
    return text.lower()


def _parse_allowed_host(text: str) -> str:
    suffix = text.removeprefix("*.")
    if "*" in suffix:
        raise ValueError("must be a whole host or *.suffix: an open end could be anybody's host")
    if literal_address(parsed := parse_host(suffix)) is not None and "localhost" not in parsed:
        raise ValueError(f"an address belongs in allow.networks, as {parsed}")
    if suffix != text and "." not in parsed and parsed not in PRIVATE_SUFFIXES:
        raise ValueError(f"*.{parsed} is too wide for a sandbox; name more of the host")
    return parsed if suffix == text else f"*.{parsed}"


def _parse_network(text: str) -> Network:
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f"{shown(text)} is not a network such as 10.20.0.0/16") from None
    if "/" in text and str(network).partition("/")[0] != text.partition("/")[0].lower():
        raise ValueError(f"{shown(text)} is an address inside a network; write {network}")
    if network.prefixlen < WIDEST_NETWORK[network.version]:
        widest = WIDEST_NETWORK[network.version]
        raise ValueError(f"{network} is too wide for a sandbox; /{widest} is the widest")
    return network


def _each(
    reader: FaultReader, items: list[tuple[str, object]], parse: Callable[[str], T]
) -> tuple[T, ...]:
    values = (reader.checked(path, raw, parse) for path, raw in items)
    return tuple(value for value in values if value is not None)
