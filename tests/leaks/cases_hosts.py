"""Cases about where a request wants to go: hosts, addresses and all their disguises."""

from __future__ import annotations

from typing import Final

from tests.leaks.case import (
    CONTAINED,
    ROUTED,
    SANDBOX,
    Case,
    Run,
    Visit,
    ask_for,
    inside,
)
from tests.leaks.lanes import ALL, EACH, GATEWAYS, HTTP, MIDDLEWARES, TLS, TUNNELS
from tests.leaks.places import PROD_LOOPBACK, PROD_V4, PROD_V6

PLAIN: Final = tuple(name for name in HTTP if name not in TLS)
LOOSE: Final = dict.fromkeys(
    ("forward", "reverse", "socks5", "transparent", *MIDDLEWARES), CONTAINED
)
"""Other servers may mend a request that the gateway refuses, as long as it stays inside."""

HANDSHAKE_S: Final = 1.5

_WRITTEN = {
    "decimal": "3405803786",
    "octal": "0313.0.0161.012",
    "hex": "0xcb00710a",
    "hex-dotted": "0xcb.0x0.0x71.0xa",
    "short": "203.28938",
    "decimal-loopback": "2130706434",
    "short-loopback": "127.2",
    "leading-zeros": "127.000.000.002",
}
_IPV6 = {
    "mapped": f"[::ffff:{PROD_V4}]",
    "mapped-hex": "[::ffff:cb00:710a]",
    "mapped-loopback": f"[::ffff:{PROD_LOOPBACK}]",
    "literal": f"[{PROD_V6}]",
    "own-loopback": "[::1]",
    "6to4": "[2002:cb00:710a::]",
    "nat64": "[64:ff9b::cb00:710a]",
}
# Well-formed to nobody, but to somebody: what stands in a Host header.
_BROKEN_HOSTS = {
    "userinfo-prod-first": f"www.hms.gov@{ROUTED}",
    "userinfo-prod-last": f"{ROUTED}@www.hms.gov",
    "userinfo-password": f"{ROUTED}:80@www.hms.gov",
    "port-zero": f"{ROUTED}:0",
    "port-too-high": f"{ROUTED}:99999",
    "port-signed": f"{ROUTED}:+80",
    "port-twice": f"{ROUTED}:80:443",
    "port-is-host": f"{ROUTED}:www.hms.gov",
    "hash": f"{ROUTED}#.hms.gov",
    "slash": f"www.hms.gov/{ROUTED}",
    "comma": f"www.hms.gov,{ROUTED}",
    "blank": f"www.hms.gov {ROUTED}",
    "tab": f"www.hms.gov\t{ROUTED}",
    "nul": f"www.hms.gov\0.{ROUTED}",
    "escaped-nul": f"www.hms.gov%00.{ROUTED}",
    "escaped-dot": f"www%2ehms%2egov%23.{ROUTED}",
    "backslash": f"www.hms.gov\\.{ROUTED}",
    "wide-letters": "\xef\xbd\x97\xef\xbd\x97\xef\xbd\x97.hms.gov",
    "zone": "[fe80::1%25lo]",
    "unclosed": "[::1",
    "semicolon": f"www.hms.gov;.{ROUTED}",
    "empty-labels": "www..hms.gov",
}
_ROUTING_HEADERS = {
    "x-forwarded-host": "X-Forwarded-Host: www.hms.gov",
    "forwarded": 'Forwarded: host="www.hms.gov";proto=http',
    "x-host": "X-Host: www.hms.gov",
    "x-forwarded-server": "X-Forwarded-Server: www.hms.gov",
    "x-original-url": "X-Original-URL: http://www.hms.gov/",
    "x-rewrite-url": "X-Rewrite-URL: http://www.hms.gov/",
    "x-http-host-override": "X-HTTP-Host-Override: www.hms.gov",
    "proxy-host": "Proxy-Host: www.hms.gov",
    "base-url": f"Base-Url: http://{PROD_V4}/",
    "destination": f"Destination: http://{PROD_V4}/moved",
    "x-esr-mode": "X-Esr-Mode: live",
    "x-esr-env": "X-Esr-Env: live",
    "x-esr-target": f"X-Esr-Target: http://{PROD_V4}",
    "connection-host": "Connection: host",
}


def _hosts() -> list[Case]:
    denied = "a production URL pasted into a form or a payload"
    return [
        ask_for("control", "what a door is for", ROUTED, lanes=ALL, expect=SANDBOX),
        ask_for(
            "prod-name-routed", "a name that every resolver says is production's",
            "hosts.hms.example", lanes=ALL, expect=SANDBOX,
        ),
        ask_for("pasted-prod-url", denied, "www.hms.gov", path="/pay?id=1", lanes=ALL),
        ask_for(
            "pasted-prod-post", denied, "api.hms.gov", method="POST", body=b"amount=100", lanes=ALL
        ),
        ask_for("pasted-prod-port", denied, "www.hms.gov:8443", port=8443, lanes=ALL),
        ask_for("unmapped-host", "a host that nobody named", "prod.other.example", lanes=ALL),
        ask_for("hard-coded-ip", "an address in the code", PROD_V4, lanes=ALL),
        ask_for("hard-coded-ip-port", "an address in the code", f"{PROD_V4}:8080", port=8080,
                lanes=ALL),
        ask_for("hard-coded-loopback", "an address in the code", PROD_LOOPBACK, lanes=ALL),
        ask_for("metadata", "a cloud's metadata address", "169.254.169.254", lanes=ALL),
        ask_for("outside-ip", "a DoH server's address", "1.1.1.1", lanes=ALL),
        ask_for("sandbox-address", "the sandbox, not by a route", "127.0.0.3:9001", lanes=ALL),
        ask_for("localhost", "the door's own machine", "localhost", lanes=ALL),
        ask_for("bare-name", "a name without dots", "production", lanes=ALL),
        ask_for("trailing-dot", "the same name to a resolver", "www.hms.gov.", lanes=ALL),
        ask_for("two-trailing-dots", "the same name to some", "www.hms.gov..", lanes=ALL),
        ask_for("routed-trailing-dot", "the same name to a resolver", f"{ROUTED}.", lanes=ALL,
                expect=CONTAINED),
        ask_for("upper-case", "names have no case", "WWW.HMS.GOV", lanes=ALL),
        ask_for("mixed-case-ip", "an IPv6 address has none either", "[2001:DB8::10]", lanes=ALL),
        ask_for("punycode", "a name that looks like another", "xn--ww-1sa.hms.gov", lanes=ALL),
        ask_for("punycode-unmapped", "a name like another", "svc.xn--hms-9ma.example", lanes=ALL),
        ask_for("prod-as-prefix", "a suffix that is routed", "www.hms.gov.hms.example", lanes=ALL,
                expect=CONTAINED),
        ask_for("routed-as-prefix", "a prefix that is routed", f"{ROUTED}.hms.gov", lanes=ALL),
        ask_for("routed-run-together", "no dot before it", "evilhms.example", lanes=ALL),
        ask_for("websocket-to-prod", "a WebSocket to production", "www.hms.gov", lanes=ALL,
                headers=_WEBSOCKET),
        ask_for("websocket-to-ip", "a WebSocket to production", PROD_V4, lanes=ALL,
                headers=_WEBSOCKET),
        ask_for("websocket-control", "a WebSocket to the sandbox", ROUTED, lanes=ALL,
                headers=_WEBSOCKET, expect=SANDBOX, but={"wsgi": CONTAINED}),
        ask_for("rebinding", "a name that is the sandbox's first and production's later",
                "rebind.hms.example", lanes=ALL, expect=SANDBOX),
    ]  # fmt: skip


_WEBSOCKET = (
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)


def _disguises() -> list[Case]:
    cases = [
        ask_for(
            f"ip-{name}",
            "production's address, written so that few see it",
            host,
            server_name=ROUTED,
            lanes=EACH,
        )
        for name, host in _WRITTEN.items()
    ]
    cases += [
        ask_for(f"ipv6-{name}", "production's address in IPv6 clothes", host, lanes=EACH)
        for name, host in _IPV6.items()
    ]
    cases += [
        inside(
            f"host-{name}", "a host that can be read in two ways",
            f"GET {{url}}/ HTTP/1.1\nHost: {host}\n\n", lanes=EACH, but=LOOSE,
        )
        for name, host in _BROKEN_HOSTS.items()
    ]  # fmt: skip
    cases += [
        ask_for(
            f"header-{name}", "a header by which some proxies route", ROUTED, headers=[line],
            lanes=EACH, expect=SANDBOX,
        )
        for name, line in _ROUTING_HEADERS.items()
    ]  # fmt: skip
    return cases


def _disagreements() -> list[Case]:
    def two_hosts(first: str, second: str) -> str:
        return f"GET {{url}}/ HTTP/1.1\nHost: {first}\nHost: {second}\n\n"

    prod = "www.hms.gov"
    return [
        inside("host-twice-prod-last", "two hosts", two_hosts(ROUTED, prod), lanes=ALL,
               but=LOOSE),
        inside("host-twice-prod-first", "two hosts", two_hosts(prod, ROUTED), lanes=ALL,
               but=LOOSE),
        inside("host-folded", "a host in two lines",
               f"GET {{url}}/ HTTP/1.1\nHost: {ROUTED}\n @{prod}\n\n", lanes=HTTP, but=LOOSE),
        inside("host-missing", "no host", "GET {url}/ HTTP/1.1\n\n", lanes=HTTP, but=LOOSE),
        inside("host-empty", "no host", "GET {url}/ HTTP/1.1\nHost:\n\n", lanes=HTTP, but=LOOSE),
        inside("http-1.0-no-host", "no host", "GET {url}/ HTTP/1.0\n\n", lanes=HTTP, but=LOOSE),
        inside("absolute-prod", "a URL in the request line",
               f"GET http://{prod}/ HTTP/1.1\nHost: {prod}\n\n", lanes=HTTP),
        inside("absolute-prod-host-routed", "two hosts in one request",
               f"GET http://{prod}/ HTTP/1.1\nHost: {ROUTED}\n\n", lanes=HTTP),
        inside("absolute-routed-host-prod", "two hosts in one request",
               f"GET http://{ROUTED}/ HTTP/1.1\nHost: {prod}\n\n", lanes=HTTP, but=LOOSE),
        inside("absolute-userinfo", "http://prod@sandbox/ and the other way round",
               f"GET http://{ROUTED}@{prod}/ HTTP/1.1\nHost: {ROUTED}\n\n", lanes=HTTP),
        inside("absolute-userinfo-routed", "http://prod@sandbox/",
               f"GET http://{prod}@{ROUTED}/ HTTP/1.1\nHost: {ROUTED}\n\n", lanes=HTTP, but=LOOSE),
        inside("absolute-ip", "an address in the request line",
               f"GET http://{PROD_V4}/ HTTP/1.1\nHost: {ROUTED}\n\n", lanes=HTTP),
        inside("absolute-https", "TLS asked for in the request line",
               f"GET https://{prod}/ HTTP/1.1\nHost: {prod}\n\n", lanes=HTTP),
        inside("absolute-ftp", "another protocol in the request line",
               f"GET ftp://{prod}/x HTTP/1.1\nHost: {prod}\n\n", lanes=HTTP),
        inside("absolute-middleware", "a URL in the request line",
               f"GET http://{prod}/pay HTTP/1.1\nHost: {prod}\n\n", lanes=MIDDLEWARES,
               expect=CONTAINED),
        inside("authority-form", "no path, a host",
               f"GET {prod}:80 HTTP/1.1\nHost: {ROUTED}\n\n", lanes=HTTP, but=LOOSE),
        inside("plain-connect-prod", "CONNECT where no tunnel is given",
               f"CONNECT {prod}:80 HTTP/1.1\nHost: {prod}:80\n\nGET / HTTP/1.1\n"
               f"Host: {prod}\n\n", lanes=ALL, but=dict.fromkeys(MIDDLEWARES, CONTAINED)),
        inside("plain-connect-ip", "CONNECT where no tunnel is given",
               f"CONNECT {PROD_V4}:443 HTTP/1.1\nHost: {PROD_V4}\n\n\x16\x03\x01",
               lanes=GATEWAYS),
        Case("front-sni-routed", "domain fronting: SNI routed, Host production", TLS,
             _fronted(ROUTED, ROUTED, prod)),
        Case("front-sni-prod", "domain fronting: SNI production, Host routed", TLS,
             _fronted(ROUTED, prod, ROUTED)),
        Case("front-connect-prod", "a tunnel to production, SNI and Host routed", TLS,
             _fronted(prod, ROUTED, ROUTED), but={"gateway-tls": SANDBOX,
                                                  "transparent-tls": CONTAINED}),
        Case("front-two-routed", "SNI and Host are two routed names", TLS,
             _fronted(ROUTED, ROUTED, "other.hms.example"), CONTAINED),
        *(
            Case(f"sni-{name}", "a server name that is a number", TLS, _named(text))
            for name, text in _WRITTEN.items()
            if name in ("decimal", "hex-dotted")
        ),
        Case("front-no-sni", "TLS without a name", TLS, _fronted(ROUTED, PROD_V4, "www.hms.gov")),
    ]  # fmt: skip


def _fronted(tunnel: str, server_name: str, host: str) -> Run:
    def run(visit: Visit) -> None:
        visit.ask(visit.open(tunnel, server_name=server_name), host)

    return run


def _named(server_name: str) -> Run:
    """The door may leave the client hanging, as long as it asks nobody."""

    def run(visit: Visit) -> None:
        stream = visit.open(ROUTED, server_name=server_name, timeout_s=HANDSHAKE_S)
        visit.ask(stream, server_name)

    return run


def _connections() -> list[Case]:
    def switching(visit: Visit) -> None:
        stream = visit.open()
        first = visit.ask(stream, ROUTED, "/first")
        visit.must(first and first.is_from_sandbox, "the first request was not answered")
        second = visit.ask(stream, "www.hms.gov", "/second")
        visit.must(second is None or second.is_refusal, "the second request was not refused")
        seen = visit.sandbox.look().requests
        visit.must(len(seen) <= 1, f"the sandbox heard the second request: {seen}")

    def pipelined(visit: Visit) -> None:
        stream = visit.open()
        requests = [
            visit.request(ROUTED, "/1"),
            visit.request("www.hms.gov", "/2"),
            visit.request(ROUTED, "/3"),
        ]
        stream.send(b"".join(requests))
        visit.drain(stream)
        seen = visit.sandbox.look().requests
        visit.must(not any("/2" in each for each in seen), f"the sandbox heard the second: {seen}")

    def many(visit: Visit) -> None:
        for _ in range(4):
            answer = visit.ask(visit.open(), ROUTED)
            visit.must(answer and answer.is_from_sandbox, "a later connection was not answered")

    lanes = (*(each for each in HTTP if each not in TUNNELS), "forward-connect", "socks5")
    return [
        Case("keep-alive-switch", "one connection, first the sandbox, then production", HTTP,
             switching, CONTAINED),
        Case("pipelined", "production asked for in the middle of a pipeline", lanes, pipelined,
             CONTAINED),
        Case("connection-after-connection", "what works once works again", ALL, many, SANDBOX),
    ]  # fmt: skip


CASES: Final = [*_hosts(), *_disguises(), *_disagreements(), *_connections()]
