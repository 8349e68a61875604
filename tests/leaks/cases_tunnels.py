"""Cases about tunnels: CONNECT, SOCKS5, and connections that a firewall turned to the door."""

from __future__ import annotations

from typing import Final

from tests.leaks.case import CONTAINED, PATIENCE_S, ROUTED, Case, Run, Visit
from tests.leaks.lanes import DoorRefusedError, connect_on, send_datagram, socks_request
from tests.leaks.places import MARK, PROD_LOOPBACK, PROD_V4, PROD_V6
from tests.leaks.wire import dial

FORWARD: Final = ("forward",)
SOCKS: Final = ("socks5",)
TRANSPARENT: Final = ("transparent",)
_BINARY: Final = b"\0\0\0\x08\x04\xd2\x16\x2f" + b"\x80\x01\x02" * 20
_QUIC: Final = b"\xc0\0\0\0\x01\x08abcdefgh\0\0\x44\x9e" + b"\0" * 1180

_AUTHORITIES: Final = {
    "prod": "www.hms.gov:443",
    "prod-80": "www.hms.gov:80",
    "prod-database": "www.hms.gov:5432",
    "ip": f"{PROD_V4}:443",
    "loopback-ip": f"{PROD_LOOPBACK}:80",
    "ipv6": f"[{PROD_V6}]:443",
    "ipv6-mapped": f"[::ffff:{PROD_V4}]:443",
    "decimal": "3405803786:80",
    "hex": "0xcb00710a:80",
    "userinfo": f"{ROUTED}@www.hms.gov:443",
    "upper-case": "WWW.HMS.GOV:443",
    "trailing-dot": "www.hms.gov.:443",
    "no-port": "www.hms.gov",
    "port-zero": "www.hms.gov:0",
    "port-twice": f"{ROUTED}:80:443",
    "nul": f"www.hms.gov\0{ROUTED}:443",
    "own-address": "127.0.0.1:80",
    "metadata": "169.254.169.254:80",
    "unmapped": "prod.other.example:443",
    "url": "http://www.hms.gov:80",
}


def _connect_then(authority: str, payload: bytes, host: str | None = None) -> Run:
    def run(visit: Visit) -> None:
        stream = visit.hold(dial(visit.address))
        line = f"CONNECT {authority} HTTP/1.1\r\nHost: {host or authority}\r\n\r\n"
        stream.send(line.encode("latin-1") + payload)
        answer = stream.answer(is_head=True)
        if answer is not None and 200 <= answer.status < 300:
            # A door may open a tunnel to see what goes in; nothing may come out of it.
            stream.send(_BINARY)
            visit.drain(stream)
        else:
            visit.answers.append(answer)

    return run


def _connect_routed_binary(visit: Visit) -> None:
    stream = visit.open(ROUTED, 80)
    connect_on(stream, f"{ROUTED}:80")
    stream.send(_BINARY)
    visit.drain(stream)


def _connect_twice(visit: Visit) -> None:
    """A tunnel in a tunnel."""
    stream = visit.open(ROUTED, 80)
    connect_on(stream, f"{ROUTED}:80")
    connect_on(stream, "www.hms.gov:80")
    visit.ask(stream, "www.hms.gov")


def _connect_then_switch(visit: Visit) -> None:
    """A request first, then a tunnel to production on the same connection."""
    stream = visit.open()
    visit.ask(stream, ROUTED)
    connect_on(stream, "www.hms.gov:80")
    stream.send(b"GET / HTTP/1.1\r\nHost: www.hms.gov\r\n\r\n")
    visit.drain(stream)


def _connect_with_password(visit: Visit) -> None:
    stream = visit.hold(dial(visit.address))
    line = f"CONNECT {ROUTED}:80 HTTP/1.1\r\nHost: {ROUTED}:80\r\n"
    stream.send(f"{line}Proxy-Authorization: Basic {MARK}\r\nX-Api-Key: {MARK}\r\n\r\n".encode())
    answer = stream.answer(is_head=True)
    if answer is not None and answer.status == 200:
        stream.send(f"GET / HTTP/1.1\r\nHost: {ROUTED}\r\n\r\n".encode())
        visit.listen(stream)


def _quic(visit: Visit) -> None:
    """A door that listens on TCP must not have a UDP port that relays."""
    visit.must(send_datagram(visit.address, _QUIC, 0.05) is None, "QUIC was answered")


_SOCKS: Final = {
    "by-name": socks_request(1, "www.hms.gov", 80),
    "by-ip": socks_request(1, PROD_V4, 443),
    "by-loopback-ip": socks_request(1, PROD_LOOPBACK, 80),
    "by-ipv6": socks_request(1, PROD_V6, 443),
    "by-mapped-ipv6": socks_request(1, f"::ffff:{PROD_V4}", 443),
    "by-decimal": socks_request(1, "3405803786", 80),
    "by-unmapped-name": socks_request(1, "prod.other.example", 443),
    "database": socks_request(1, PROD_V4, 5432),
    "bind": socks_request(2, PROD_V4, 80),
    "bind-name": socks_request(2, "www.hms.gov", 80),
    "udp-associate": socks_request(3, PROD_V4, 53),
    "udp-associate-any": socks_request(3, "0.0.0.0", 0),
    "unknown-command": b"\x05\x09\0\x01\xcb\0\x71\x0a\0\x50",
    "unknown-address-type": b"\x05\x01\0\x07\xcb\0\x71\x0a\0\x50",
    "name-with-nul": b"\x05\x01\0\x03\x1bwww.hms.gov\0svc.hms.example\0\x50",
    "name-empty": b"\x05\x01\0\x03\0\0\x50",
    "name-255": b"\x05\x01\0\x03\xff" + b"w" * 255 + b"\0\x50",
    "port-zero": socks_request(1, "www.hms.gov", 0),
}
_GREETINGS: Final = {
    "socks4": b"\x04\x01\0\x50\xcb\0\x71\x0a\0",
    "socks4a": b"\x04\x01\0\x50\0\0\0\x01\0www.hms.gov\0",
    "http": b"GET http://www.hms.gov/ HTTP/1.1\r\nHost: www.hms.gov\r\n\r\n",
    "connect": b"CONNECT www.hms.gov:80 HTTP/1.1\r\n\r\n",
    "no-methods": b"\x05\0",
    "unknown-methods": b"\x05\x02\x80\x81",
    "random": b"\xff" * 40,
}


def _socks(request: bytes) -> Run:
    def run(visit: Visit) -> None:
        stream = visit.hold(dial(visit.address))
        stream.send(b"\x05\x01\0")
        if stream.until(2) != b"\x05\0":
            raise DoorRefusedError("the greeting")
        stream.send(request)
        stream.more(PATIENCE_S)
        is_open = stream.buffer[1:2] == b"\0"
        stream.buffer = b""
        if is_open:
            stream.send(b"GET / HTTP/1.1\r\nHost: www.hms.gov\r\n\r\n")
            visit.drain(stream)
        if request[1] == 3:
            send_datagram(visit.address, b"\0\0\0\x01\xcb\0\x71\x0a\0\x35" + b"q" * 20, 0.1)

    return run


def _greeting(data: bytes) -> Run:
    def run(visit: Visit) -> None:
        stream = visit.hold(dial(visit.address))
        stream.send(data)
        visit.drain(stream)

    return run


def _tunnel_binary(host: str, port: int) -> Run:
    def run(visit: Visit) -> None:
        stream = visit.open(host, port)
        stream.send(_BINARY)
        visit.drain(stream)

    return run


def _tunnel_silent(visit: Visit) -> None:
    """A client that waits for the server's banner, as SMTP and MySQL clients do."""
    stream = visit.open("www.hms.gov", 443)
    visit.must(b"PRODUCTION" not in stream.buffer, "production spoke")
    stream.more(PATIENCE_S)
    stream.half_close()
    visit.drain(stream)


CASES: Final = [
    *(
        Case(f"connect-{name}", "a tunnel to production", FORWARD, _connect_then(authority, b""))
        for name, authority in _AUTHORITIES.items()
    ),
    Case("connect-ahead", "a tunnel and bytes for it at once", FORWARD,
         _connect_then("www.hms.gov:5432", _BINARY)),
    Case("connect-ahead-tls", "a tunnel and a TLS hello at once", FORWARD,
         _connect_then(f"{PROD_V4}:443", b"\x16\x03\x01\0\x05\x01\0\0\x01\0")),
    Case("connect-host-differs", "CONNECT to production, Host routed", FORWARD,
         _connect_then("www.hms.gov:443", b"", f"{ROUTED}:443")),
    Case("connect-host-prod", "CONNECT to the sandbox, Host production", FORWARD,
         _connect_then(f"{ROUTED}:80", b"GET / HTTP/1.1\r\nHost: www.hms.gov\r\n\r\n",
                       "www.hms.gov:80")),
    Case("connect-routed-binary", "CONNECT to the sandbox, then no HTTP", FORWARD,
         _connect_routed_binary, CONTAINED),
    Case("connect-in-connect", "a tunnel inside a tunnel", FORWARD, _connect_twice, CONTAINED),
    Case("connect-after-request", "a tunnel on a connection in use", FORWARD,
         _connect_then_switch, CONTAINED),
    Case("connect-with-password", "credentials for the proxy", FORWARD, _connect_with_password,
         CONTAINED),
    Case("quic", "UDP 443 to the door", ("gateway", "forward", "reverse", "socks5", "transparent"),
         _quic),
    *(Case(f"socks-{name}", "a tunnel by SOCKS5", SOCKS, _socks(each))
      for name, each in _SOCKS.items()),
    *(Case(f"socks-greeting-{name}", "no SOCKS5 at all", SOCKS, _greeting(each))
      for name, each in _GREETINGS.items()),
    *(Case(f"tunnel-binary-{name}", "bytes of another protocol in a tunnel",
           ("forward-connect", "socks5", "transparent"), _tunnel_binary(host, port), expect)
      for name, host, port, expect in (
          ("prod", "www.hms.gov", 443, None), ("ip", PROD_V4, 5432, None),
          ("database", "www.hms.gov", 5432, None), ("routed", ROUTED, 80, CONTAINED),
      ) for expect in [expect or Case.expect]),
    Case("tunnel-silent", "a client that waits for the banner",
         ("forward-connect", "socks5", "transparent"), _tunnel_silent),
]  # fmt: skip
