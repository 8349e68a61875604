"""From the mapping in a rules file to Rules, with every fault in it at once.

Floor 0. Deny wins here already: an allow or a destination that touches a denied network, or a
route whose hosts are all denied, is a fault and not a warning. The format is described in
docs/switchboard.md. Read next: `rules.py`, `route_reader.py`, `overlaps.py`, `denials.py`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from ipaddress import IPv4Network, IPv6Network
from typing import Final, TypeVar, cast, get_args

from switchboard.credentials import has_secret_shape
from switchboard.denials import check_denials
from switchboard.environment import Environment
from switchboard.errors import RuleError
from switchboard.fault_reader import FaultReader, LineOf, join, kind_of, nearest, shown
from switchboard.headers import HOP_BY_HOP, is_label, is_token, is_value
from switchboard.hosts import Network, parse_pattern
from switchboard.overlaps import check_overlaps
from switchboard.route_reader import RouteReader, parse_network
from switchboard.rules import (
    LIVE,
    SANDBOX,
    CookiePolicy,
    Destination,
    Injection,
    Keep,
    Mode,
    Pairs,
    Route,
    Rules,
)

RULES_KEYS: Final = (
    "mode",
    "environment",
    "routes",
    "credentials",
    "tags",
    "deny",
    "allow",
    "interlock",
    "notes",
)
CREDENTIALS_KEYS: Final = ("inject", "keep", "cookies")
INJECT_KEYS: Final = ("upstream", "header", "from_env", "from_file", "prefix")
KEEP_KEYS: Final = ("headers", "query", "cookies")
TAGS_KEYS: Final = ("run", "labels")
DENY_KEYS: Final = ("hosts", "networks")
ALLOW_KEYS: Final = ("networks",)
INTERLOCK_KEYS: Final = ("canaries",)
MOST_ROUTES: Final = 1_000

T = TypeVar("T")
_ENV_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_CANARY: Final = re.compile(r"(\[[^\]]+\]|[^:]+)(?::([0-9]{1,5}))?")


def parse_rules(
    mapping: object, *, source: str, line_of: LineOf, environment: Environment | None = None
) -> Rules:
    """The rules in a parsed file. Raises RuleError with every fault in it.

    line_of: the line of a path like `routes[0].to`.   environment: the layer below; its upstreams
    can be named by routes and take what no route of the file does.
    """
    reader = FaultReader(line_of)
    top = reader.mapping(mapping, "", RULES_KEYS)
    if not top and not reader.faults:
        reader.fault("", "the file is empty; it needs routes")
    deny = reader.mapping(top.get("deny", {}), "deny", DENY_KEYS)
    allow = reader.mapping(top.get("allow", {}), "allow", ALLOW_KEYS)
    deny_networks = _each(reader, reader.items(deny, "deny", "networks"), _parse_denied_network)
    deny_hosts = _each(reader, reader.items(deny, "deny", "hosts"), parse_pattern)
    allowed = _read_allowed(reader, allow, environment)
    routes = _read_routes(reader, top, line_of, environment)
    _check_environment(reader, top, environment)
    names = tuple(dict.fromkeys(d.name for route in routes for d in _ends(route)))
    credentials = reader.mapping(top.get("credentials", {}), "credentials", CREDENTIALS_KEYS)
    tags = reader.mapping(top.get("tags", {}), "tags", TAGS_KEYS)
    injections = _read_injections(reader, credentials, names)
    if environment is not None:
        injections += _injections_of(environment, names, injections)
    rules = Rules(
        routes=routes,
        source=source,
        mode=_read_mode(reader, top),
        injections=injections,
        keep=_read_keep(reader, credentials),
        cookies=_read_cookies(reader, credentials),
        run=_read_run(reader, tags),
        labels=_read_labels(reader, tags),
        deny_hosts=deny_hosts,
        deny_networks=deny_networks,
        allow_networks=tuple(network for _, network in allowed),
        canaries=_read_canaries(reader, top),
        digest=_digest(mapping, environment),
        notes=check_overlaps(reader, routes),
    )
    check_denials(reader, rules, allowed)
    if rules.mode == LIVE and not any(route.live for route in routes):
        message = "is live, and no route names a live upstream, so everything would be refused"
        reader.fault("mode", message)
    if reader.faults:
        raise RuleError(source, reader.faults)
    return rules


def _read_mode(reader: FaultReader, top: Mapping[str, object]) -> Mode:
    mode = top.get("mode", SANDBOX)
    if mode not in (SANDBOX, LIVE):
        reader.fault("mode", f"must be sandbox or live, not {shown(mode)}")
    return LIVE if mode == LIVE else SANDBOX


def _read_routes(
    reader: FaultReader,
    top: Mapping[str, object],
    line_of: LineOf,
    environment: Environment | None,
) -> tuple[Route, ...]:
    items = reader.items(top, "", "routes")
    if not items and environment is None and top:
        reader.fault("routes", "name at least one route; a host that no route names is refused")
    if len(items) > MOST_ROUTES:
        reader.fault("routes", f"there are more than {MOST_ROUTES:,} of them")
        items = items[:MOST_ROUTES]
    routes = RouteReader(reader, line_of, environment)
    return (*routes.read(items), *routes.from_environment())


def _ends(route: Route) -> tuple[Destination, ...]:
    return tuple(end for end in (route.to, route.live) if end is not None)


def _parse_denied_network(text: str) -> Network:
    """As wide as one likes: to deny much is never dangerous.

    An IPv4 network in IPv6 clothes is the IPv4 network, or it would deny nothing at all.
    """
    network = parse_network(text, widest=0)
    if isinstance(network, IPv6Network) and network.prefixlen >= 96:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return IPv4Network((mapped, network.prefixlen - 96))
    return network


def _read_allowed(
    reader: FaultReader, allow: Mapping[str, object], environment: Environment | None
) -> list[tuple[str, Network]]:
    """Each allowed network with where it was written."""
    items = reader.items(allow, "allow", "networks")
    read = ((path, reader.checked(path, raw, parse_network)) for path, raw in items)
    own = [(path, network) for path, network in read if network is not None]
    below = environment.allow_networks if environment is not None else ()
    return [*own, *(("environment", network) for network in below)]


def _check_environment(
    reader: FaultReader, top: Mapping[str, object], environment: Environment | None
) -> None:
    name = reader.text(top, "", "environment", default="")
    if name and environment is None:
        message = f"environment {shown(name)} is not at hand here: whoever reads rules hands it in"
        reader.fault("environment", message)


def _read_injections(
    reader: FaultReader, credentials: Mapping[str, object], names: tuple[str, ...]
) -> tuple[Injection, ...]:
    found: list[Injection] = []
    seen: set[tuple[str, str]] = set()
    for path, raw in reader.items(credentials, "credentials", "inject"):
        if isinstance(raw, Mapping) and "value" in raw:
            reader.fault(f"{path}.value", "a secret does not belong in a file; use from_env")
            raw = {key: value for key, value in raw.items() if key != "value"}
        item = reader.mapping(raw, path, INJECT_KEYS)
        if not item:
            continue
        injection = _read_injection(reader, path, item, names)
        key = (injection.upstream, injection.header.lower())
        if key in seen:
            reader.fault(
                path, f"there already is one for {shown(injection.header)} of this upstream"
            )
        seen.add(key)
        found.append(injection)
    return tuple(found)


def _read_injection(
    reader: FaultReader, path: str, item: Mapping[str, object], names: tuple[str, ...]
) -> Injection:
    upstream = reader.text(item, path, "upstream")
    if upstream and upstream not in names:
        hint = nearest(upstream, names) if names else "no route leads anywhere"
        reader.fault(f"{path}.upstream", f"no route leads to {shown(upstream)}; {hint}")
    header = reader.text(item, path, "header")
    if header:
        reader.checked(f"{path}.header", header, _parse_injected_header)
    from_env, from_file = _read_origin(reader, path, item)
    prefix = reader.text(item, path, "prefix", default="")
    if not is_value(prefix) or len(prefix) > 64:
        reader.fault(f"{path}.prefix", 'must be short plain text, such as "Bearer "')
    return Injection(upstream, header, from_env, from_file, prefix)


def _read_origin(
    reader: FaultReader, path: str, item: Mapping[str, object]
) -> tuple[str | None, str | None]:
    if ("from_env" in item) == ("from_file" in item):
        reader.fault(path, "needs exactly one of from_env and from_file")
    variable = reader.text(item, path, "from_env", default="")
    if has_secret_shape(variable):
        reader.fault(f"{path}.from_env", "looks like a secret; write the name of its variable")
    elif variable and not _ENV_NAME.fullmatch(variable):
        reader.fault(f"{path}.from_env", "must name an environment variable, such as ESR_SVC_TOKEN")
    file = reader.text(item, path, "from_file", default="")
    if "\0" in file:
        reader.fault(f"{path}.from_file", "must be the path of a file")
    return variable or None, file or None


def _parse_injected_header(text: str) -> str:
    low = text.lower()
    if not is_token(text):
        raise ValueError("must be a header name, such as Authorization")
    if low in HOP_BY_HOP or low in ("host", "cookie") or low.startswith("x-esr-"):
        raise ValueError(f"{text} is set by the switchboard itself")
    return text


def _injections_of(
    environment: Environment, names: tuple[str, ...], own: tuple[Injection, ...]
) -> tuple[Injection, ...]:
    """The credentials of the layer below, for each upstream that they belong to."""
    taken = {(each.upstream, each.header.lower()) for each in own}
    upstreams = [upstream.name for upstream in environment.upstreams if upstream.name in names]
    chosen: dict[tuple[str, str], Injection] = {}
    for wanted in (False, True):  # one for a single upstream replaces one for all
        for each in environment.credentials:
            if (each.upstream is not None) != wanted or each.value_env is None:
                continue
            for name in [each.upstream] if each.upstream else upstreams:
                key = (name, each.header.lower())
                if name in names and key not in taken:
                    chosen[key] = Injection(name, each.header, each.value_env, None, each.prefix)
    return tuple(chosen.values())


def _read_keep(reader: FaultReader, credentials: Mapping[str, object]) -> Keep:
    at = "credentials.keep"
    keep = reader.mapping(credentials.get("keep", {}), at, KEEP_KEYS)

    def names(key: str) -> frozenset[str]:
        return frozenset(_each(reader, reader.items(keep, at, key), _parse_kept))

    return Keep(headers=names("headers"), query=names("query"), cookies=names("cookies"))


def _parse_kept(text: str) -> str:
    low = text.lower()
    if not text or len(text) > 256 or not text.isprintable():
        raise ValueError("must be a name, such as authorization")
    if low in HOP_BY_HOP or low in ("host", "cookie", "proxy-authorization"):
        raise ValueError(f"{shown(text)} never passes; cookies are kept by name, under cookies")
    return low


def _read_cookies(reader: FaultReader, credentials: Mapping[str, object]) -> CookiePolicy:
    policy = credentials.get("cookies", "sandbox")
    if policy not in get_args(CookiePolicy):
        reader.fault("credentials.cookies", f"must be sandbox or drop, not {shown(policy)}")
        return "drop"
    return cast(CookiePolicy, policy)


def _read_run(reader: FaultReader, tags: Mapping[str, object]) -> str | None:
    run = reader.text(tags, "tags", "run", default="")
    if run and not is_label(run):
        reader.fault("tags.run", "must be letters, digits, dots and dashes, such as drill-7")
    return run or None


def _read_labels(reader: FaultReader, tags: Mapping[str, object]) -> Pairs:
    labels = tags.get("labels", {})
    if not isinstance(labels, Mapping):
        reader.fault("tags.labels", f"must be a mapping, not {kind_of(labels)}")
        return ()
    pairs = []
    for key, value in labels.items():
        at = join("tags.labels", shown(key))
        if not is_label(str(key)) or "." in str(key) or len(str(key)) > 40:
            reader.fault(at, "a label's name is letters, digits and dashes, such as team")
        elif not isinstance(value, str | int) or not is_value(str(value)) or not str(value).strip():
            reader.fault(at, "must be short plain text")
        else:
            pairs.append((str(key).lower(), str(value)[:200]))
    return tuple(pairs)


def _read_canaries(reader: FaultReader, top: Mapping[str, object]) -> tuple[str, ...] | None:
    interlock = reader.mapping(top.get("interlock", {}), "interlock", INTERLOCK_KEYS)
    canaries = interlock.get("canaries", False)
    if isinstance(canaries, bool):
        return () if canaries else None
    if not isinstance(canaries, list | tuple):
        reader.fault("interlock.canaries", "must be true, false or a list of hosts and addresses")
        return None
    if not canaries:
        reader.fault("interlock.canaries", "is empty; write true, false or at least one host")
    return _each(reader, reader.items(interlock, "interlock", "canaries"), _parse_canary)


def _parse_canary(text: str) -> str:
    parts = _CANARY.fullmatch(text)
    if parts is None or (parts[2] and not 1 <= int(parts[2]) <= 65_535):
        raise ValueError(f"{shown(text)} is not HOST or HOST:PORT")
    host = parse_pattern(parts[1])
    if "*" in host:
        raise ValueError(f"{shown(text)} is a pattern; a canary dials one host")
    shown_host = f"[{host}]" if ":" in host else host
    return f"{shown_host}:{parts[2]}" if parts[2] else shown_host


def _digest(mapping: object, environment: Environment | None) -> str:
    # The printout of an environment shows no secret.
    whole = [mapping, repr(environment)] if environment is not None else mapping
    plain = json.dumps(whole, sort_keys=True, default=str, ensure_ascii=True)
    return hashlib.sha256(plain.encode()).hexdigest()


def _each(
    reader: FaultReader, items: list[tuple[str, object]], parse: Callable[[str], T]
) -> tuple[T, ...]:
    values = (reader.checked(path, raw, parse) for path, raw in items)
    return tuple(value for value in values if value is not None)
