"""Routes: from the list in a rules file to Route values, faults collected on the way.

Floor 0. Read next: `rules_reader.py`, which reads everything around them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from ipaddress import ip_address, ip_network
from typing import Final

from switchboard.credentials import has_secret_shape
from switchboard.decide import why_bad_target
from switchboard.environment import WIDEST_NETWORK, Environment, Upstream
from switchboard.fault_reader import FaultReader, LineOf, join, kind_of, nearest, shown
from switchboard.headers import HOP_BY_HOP, is_label, is_token, is_value
from switchboard.hosts import Network, host_of, literal_address, parse_host, parse_pattern
from switchboard.rules import NO_EDITS, Destination, Edits, Pairs, Route

ROUTE_KEYS: Final = ("host", "ports", "path", "methods", "to", "stub", "live", "edit", "notes")
DESTINATION_KEYS: Final = ("name", "address", "port", "scheme", "host", "server_name", "ca_file")
EDIT_KEYS: Final = ("strip_prefix", "prefix", "headers", "query", "cookies", "links")
CHANGE_KEYS: Final = ("set", "drop")

_PREFIX: Final = re.compile(r"(?:/[A-Za-z0-9._~!$&'()*+,;=:@%-]+)+")
_COOKIE: Final = re.compile(r"[!-+\--:<-\[\]-~]*")


class RouteReader:
    """Reads the routes of one file; destinations are known by name once declared."""

    def __init__(
        self, reader: FaultReader, line_of: LineOf, environment: Environment | None
    ) -> None:
        self._reader = reader
        self._line_of = line_of
        self._environment = environment
        self._known: dict[str, Destination] = {}
        if environment is not None:
            for upstream in environment.upstreams:
                end = _end_of(upstream)
                if end is not None:
                    self._known[end.name] = end

    def read(self, items: list[tuple[str, object]]) -> Iterator[Route]:
        """The routes that are whole enough to go on with."""
        # Names first, so that a route may use a destination that a later one declares.
        for path, raw in items:
            if isinstance(raw, Mapping):
                for key in ("to", "live"):
                    if isinstance(raw.get(key), Mapping):
                        self._declare(f"{path}.{key}", raw[key])
        for path, raw in items:
            item = self._reader.mapping(raw, path, ROUTE_KEYS)
            if item:
                yield self._route(path, item)

    def from_environment(self) -> Iterator[Route]:
        """A route for each upstream of the layer below, after all routes of the file."""
        if self._environment is None:
            return
        for upstream in self._environment.upstreams:
            end = self._known.get(upstream.name)
            rule = f"environment.{upstream.name}"
            if end is None:
                what = f"upstream {upstream.name} of environment {self._environment.name}"
                why = "has https, which needs a ca_file" if upstream.address else "is no address"
                message = f"{what} {why}; give it a route with `to` in this file"
                self._reader.fault("environment", message)
            else:
                edits = Edits(prefix=upstream.prefix) if upstream.prefix else NO_EDITS
                yield Route(rule, upstream.matches, end, edits=edits)

    def _route(self, path: str, item: Mapping[str, object]) -> Route:
        hosts = self._hosts(path, item)
        stub = self._stub(path, item)
        to = self._end(f"{path}.to", item["to"]) if "to" in item else None
        live = self._end(f"{path}.live", item["live"]) if "live" in item else None
        if ("to" in item) == ("stub" in item):
            self._reader.fault(path, "needs exactly one of `to` (a sandbox address) and `stub`")
        return Route(
            rule=path,
            hosts=hosts,
            to=to,
            stub=stub,
            ports=self._ports(path, item),
            path=self._prefix(path, item, "path"),
            methods=self._methods(path, item),
            live=live,
            edits=self._edits(path, item),
            line=self._line_of(path),
        )

    def _hosts(self, path: str, item: Mapping[str, object]) -> tuple[str, ...]:
        raw = item.get("host")
        if raw is None:
            self._reader.fault(join(path, "host"), 'host is missing, such as host: "*.hms.example"')
            return ()
        if isinstance(raw, str):
            one = self._reader.checked(join(path, "host"), raw, parse_pattern)
            return () if one is None else (one,)
        items = self._reader.items(item, path, "host")
        if isinstance(raw, list | tuple) and not items:
            self._reader.fault(join(path, "host"), "is empty; name at least one host")
        patterns = (self._reader.checked(at, each, parse_pattern) for at, each in items)
        return tuple(dict.fromkeys(pattern for pattern in patterns if pattern is not None))

    def _stub(self, path: str, item: Mapping[str, object]) -> str | None:
        if "stub" not in item:
            return None
        stub = self._reader.text(item, path, "stub")
        if stub and not is_label(stub):
            self._reader.fault(f"{path}.stub", "must be the name of a service, such as ach")
        return stub.lower()

    def _ports(self, path: str, item: Mapping[str, object]) -> frozenset[int]:
        ports = set()
        raw = item.get("ports", [])
        single = {"ports": [raw]} if isinstance(raw, int) and not isinstance(raw, bool) else item
        for at, port in self._reader.items(single, path, "ports"):
            if type(port) is not int or not 1 <= port <= 65_535:
                self._reader.fault(at, "must be a number from 1 to 65535")
            else:
                ports.add(port)
        if raw == []:
            return frozenset()
        return frozenset(ports)

    def _methods(self, path: str, item: Mapping[str, object]) -> frozenset[str]:
        methods = set()
        raw = item.get("methods", [])
        for at, each in self._reader.items(
            {"methods": [raw]} if isinstance(raw, str) else item, path, "methods"
        ):
            if not isinstance(each, str) or not is_token(each) or each.upper() == "CONNECT":
                self._reader.fault(at, "must be a method, such as GET")
            else:
                methods.add(each.upper())
        return frozenset(methods)

    def _prefix(self, path: str, item: Mapping[str, object], key: str) -> str:
        text = self._reader.text(item, path, key, default="")
        prefix = text.rstrip("/")
        if prefix and (_PREFIX.fullmatch(prefix) is None or why_bad_target(prefix) is not None):
            self._reader.fault(
                join(path, key), "must be plain segments such as /sandbox, without .."
            )
            return ""
        if text and not text.startswith("/"):
            self._reader.fault(join(path, key), "must start with a slash, such as /sandbox")
            return ""
        return prefix

    def _declare(self, path: str, raw: Mapping[str, object]) -> None:
        """Remember a destination under its name, quietly: `_end` reports what is wrong with it."""
        quiet = FaultReader(self._line_of)
        end = _read_destination(quiet, path, raw)
        if end is not None and not quiet.faults:
            self._known.setdefault(end.name, end)

    def _end(self, path: str, raw: object) -> Destination | None:
        if isinstance(raw, str):
            known = self._known.get(raw)
            if known is None:
                hint = nearest(raw, self._known) if self._known else "write {name, address, port}"
                self._reader.fault(path, f"no destination is called {shown(raw)}; {hint}")
            return known
        end = _read_destination(self._reader, path, raw)
        if end is not None and self._known.get(end.name, end) != end:
            message = f"there already is a {end.name} at {self._known[end.name].authority}"
            self._reader.fault(f"{path}.name", f"{message}; give this one another name")
        return end

    def _edits(self, path: str, item: Mapping[str, object]) -> Edits:
        if "edit" not in item:
            return NO_EDITS
        at = f"{path}.edit"
        edit = self._reader.mapping(item["edit"], at, EDIT_KEYS)
        headers = _read_changes(self._reader, at, edit, "headers", _check_header)
        query = _read_changes(self._reader, at, edit, "query", _check_query)
        cookies = _read_changes(self._reader, at, edit, "cookies", _check_cookie)
        links = edit.get("links", False)
        if not isinstance(links, bool):
            self._reader.fault(f"{at}.links", "must be true or false")
        return Edits(
            strip_prefix=self._prefix(at, edit, "strip_prefix"),
            prefix=self._prefix(at, edit, "prefix"),
            set_headers=headers[0],
            drop_headers=frozenset(name.lower() for name in headers[1]),
            set_query=query[0],
            drop_query=frozenset(query[1]),
            set_cookies=cookies[0],
            drop_cookies=frozenset(cookies[1]),
            links=links is True,
        )


def _read_destination(reader: FaultReader, path: str, raw: object) -> Destination | None:
    if not isinstance(raw, Mapping):
        message = f"must be a destination {{name, address, port}} or its name, not {kind_of(raw)}"
        reader.fault(path, message)
        return None
    item = reader.mapping(raw, path, DESTINATION_KEYS)
    name = reader.text(item, path, "name")
    if name and not is_label(name):
        reader.fault(f"{path}.name", "must be letters, digits, dots and dashes, such as svc")
    address = None
    if "address" in item:
        address = reader.checked(f"{path}.address", item["address"], _parse_address)
    else:
        reader.fault(f"{path}.address", "address is missing, such as 127.0.0.1")
    port = item.get("port")
    if type(port) is not int or not 1 <= port <= 65_535:
        reader.fault(f"{path}.port", "port is missing or no number from 1 to 65535")
        port = 0
    scheme = reader.text(item, path, "scheme", default="http")
    if scheme not in ("http", "https"):
        reader.fault(f"{path}.scheme", "must be http or https")
    host = None
    if "host" in item:
        host = reader.checked(f"{path}.host", item["host"], _parse_host_header)
    server_name, ca_file = _read_tls(reader, path, item, scheme)
    if address is None or not port or not name:
        return None
    return Destination(name, address, port, scheme, host, server_name, ca_file)


def _read_tls(
    reader: FaultReader, path: str, item: Mapping[str, object], scheme: str
) -> tuple[str | None, str | None]:
    ca_file = reader.text(item, path, "ca_file", default="") or None
    server_name = None
    if "server_name" in item:
        server_name = reader.checked(f"{path}.server_name", item["server_name"], parse_host)
    if scheme == "https" and ca_file is None:
        message = "an https destination needs ca_file: the sandbox's own authority, and no other"
        reader.fault(f"{path}.ca_file", message)
    if scheme != "https" and (ca_file or server_name):
        reader.fault(path, "ca_file and server_name belong to scheme: https")
    return server_name, ca_file


def _parse_address(text: str) -> str:
    host = parse_host(f"[{text}]" if ":" in text and not text.startswith("[") else text)
    address = literal_address(host)
    if address is None or host.endswith("localhost"):
        raise ValueError(
            f"{shown(text)} is a name; rules dial addresses only, such as 127.0.0.1, so that no "
            "resolver can send a request elsewhere"
        )
    return str(address)


def _parse_host_header(text: str) -> str:
    if "@" in text:
        raise ValueError("must be a host, without user information")
    host_of(text.replace("{service}", "service").replace("{host}", "host.example"))
    return text.lower()


def parse_network(text: str, widest: int | None = None) -> Network:
    """A network in CIDR form; `widest` is the shortest prefix that is taken."""
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f"{shown(text)} is not a network such as 10.20.0.0/16") from None
    if "/" in text and network.network_address != ip_address(text.partition("/")[0]):
        raise ValueError(f"{shown(text)} is an address inside a network; write {network}")
    shortest = WIDEST_NETWORK[network.version] if widest is None else widest
    if network.prefixlen < shortest:
        raise ValueError(f"{network} is too wide for a sandbox; /{shortest} is the widest")
    return network


def _end_of(upstream: Upstream) -> Destination | None:
    """The destination that an environment's upstream is, when it is an address and not a name."""
    if upstream.address is None or upstream.scheme != "http":
        return None
    return Destination(
        upstream.name, upstream.address, upstream.port, host_header=upstream.host_header
    )


def _read_changes(
    reader: FaultReader,
    path: str,
    edit: Mapping[str, object],
    key: str,
    check: Callable[[str, str], str | None],
) -> tuple[Pairs, tuple[str, ...]]:
    """What is set and what is dropped under `headers`, `query` or `cookies`."""
    at = join(path, key)
    change = reader.mapping(edit.get(key, {}), at, CHANGE_KEYS)
    pairs = []
    wanted = change.get("set", {})
    if not isinstance(wanted, Mapping):
        reader.fault(f"{at}.set", f"must be a mapping, not {kind_of(wanted)}")
        wanted = {}
    for name, value in wanted.items():
        text = str(value) if isinstance(value, str | int | float) else None
        why = "must be text" if text is None else check(str(name), text)
        if why is not None or text is None:
            reader.fault(f"{at}.set.{shown(name)}", why or "must be text")
        else:
            pairs.append((str(name), text))
    dropped = []
    for where, name in reader.items(change, at, "drop"):
        if not isinstance(name, str) or not name or not name.isprintable():
            reader.fault(where, "must be a name")
        else:
            dropped.append(name)
    return tuple(pairs), tuple(dropped)


def _check_header(name: str, value: str) -> str | None:
    low = name.lower()
    if not is_token(name):
        return "must be a header name, such as x-team"
    if low in HOP_BY_HOP or low in ("host", "cookie") or low.startswith("x-esr-"):
        return f"{name} is set by the switchboard itself"
    if has_secret_shape(value):
        return "looks like a secret; use credentials.inject, which takes it from outside the file"
    return None if is_value(value) else "must be visible ASCII"


def _check_query(name: str, value: str) -> str | None:
    return None if name and (name + value).isprintable() else "must be a name and a plain value"


def _check_cookie(name: str, value: str) -> str | None:
    if not is_token(name) or _COOKIE.fullmatch(value) is None:
        return "must be a cookie's name and a value without spaces, quotes, commas and semicolons"
    return "looks like a secret; a file is no place for it" if has_secret_shape(value) else None
