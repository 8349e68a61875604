"""Cases about where a request ends: smuggling, and everything that is no plain HTTP/1.1.

The second request, where there is one, is for production and asks for `/smuggled`, which the
sandbox must never be asked for either.
"""

from __future__ import annotations

from typing import Final

from tests.leaks.case import CONTAINED, PATIENCE_S, ROUTED, Case, Visit, inside
from tests.leaks.cases_hosts import LOOSE
from tests.leaks.lanes import ALL, EACH, GATEWAYS, HTTP, MIDDLEWARES
from tests.leaks.places import PROD_V4

_SECOND: Final = "GET http://www.hms.gov/smuggled HTTP/1.1\nHost: www.hms.gov\n\n"
_SECOND_PLAIN: Final = "GET /smuggled HTTP/1.1\nHost: www.hms.gov\n\n"
_POST: Final = f"POST {{url}}/a HTTP/1.1\nHost: {ROUTED}\n"
_GET: Final = f"GET {{url}}/a HTTP/1.1\nHost: {ROUTED}\n"
_MIDDLE: Final = dict.fromkeys(MIDDLEWARES, CONTAINED)

# Name -> the head and what follows it. None of them may be read in two ways by two servers.
_SMUGGLING: Final = {
    "cl-te": f"{_POST}Content-Length: 6\nTransfer-Encoding: chunked\n\n0\n\nG{_SECOND}",
    "te-cl": f"{_POST}Transfer-Encoding: chunked\nContent-Length: 4\n\n5c\n{_SECOND}0\n\n",
    "te-te": f"{_POST}Transfer-Encoding: chunked\nTransfer-Encoding: x\n\n0\n\n{_SECOND}",
    "te-te-cow": f"{_POST}Transfer-Encoding: chunked, cow\nContent-Length: 3\n\n0\n\n{_SECOND}",
    "te-identity": f"{_POST}Transfer-Encoding: identity\nContent-Length: 0\n\n{_SECOND}",
    "te-blank-before-colon": f"{_POST}Transfer-Encoding : chunked\nContent-Length: 0\n\n{_SECOND}",
    "te-tab": f"{_POST}Transfer-Encoding:\tchunked\nContent-Length: 0\n\n0\n\n{_SECOND}",
    "te-vertical-tab": f"{_POST}Transfer-Encoding: \x0bchunked\nContent-Length: 0\n\n{_SECOND}",
    "te-quoted": f'{_POST}Transfer-Encoding: "chunked"\nContent-Length: 0\n\n{_SECOND}',
    "te-upper-case": f"{_POST}Transfer-Encoding: CHUNKED\nContent-Length: 0\n\n0\n\n{_SECOND}",
    "te-http-1.0": f"POST {{url}}/ HTTP/1.0\nHost: {ROUTED}\nTransfer-Encoding: chunked\n"
    f"Content-Length: 0\n\n0\n\n{_SECOND}",
    "cl-twice": f"{_POST}Content-Length: 0\nContent-Length: 92\n\n{_SECOND}",
    "cl-list": f"{_POST}Content-Length: 0, 92\n\n{_SECOND}",
    "cl-signed": f"{_POST}Content-Length: +0\n\n{_SECOND}",
    "cl-negative": f"{_POST}Content-Length: -1\n\n{_SECOND}",
    "cl-hex": f"{_POST}Content-Length: 0x5c\n\n{_SECOND}",
    "cl-underscore": f"{_POST}Content-Length: 9_2\n\n{_SECOND}",
    "cl-huge": f"{_POST}Content-Length: 18446744073709551616\n\n{_SECOND}",
    "cl-blank-before-colon": f"{_POST}Content-Length : 92\n\n{_SECOND}",
    "chunk-size-signed": f"{_POST}Transfer-Encoding: chunked\n\n+0\n\n{_SECOND}",
    "chunk-size-prefixed": f"{_POST}Transfer-Encoding: chunked\n\n0x0\n\n{_SECOND}",
    "chunk-size-huge": f"{_POST}Transfer-Encoding: chunked\n\nffffffffffffffff1\n\n{_SECOND}",
    "chunk-size-not-hex": f"{_POST}Transfer-Encoding: chunked\n\nxyz\n\n{_SECOND}",
    "chunk-no-line-end": f"{_POST}Transfer-Encoding: chunked\n\n1\nAB0\n\n{_SECOND}",
    "fold": f"{_GET}X-Folded: a\n b\n\n",
    "fold-te": f"{_POST}Transfer-Encoding:\n chunked\nContent-Length: 0\n\n{_SECOND}",
    "blank-before-first-header": f"GET {{url}}/ HTTP/1.1\n Host: www.hms.gov\nHost: {ROUTED}\n\n",
    "header-without-colon": f"{_GET}www.hms.gov\n\n",
    "header-name-blank": f"{_GET}X Y: 1\n\n",
    "header-name-empty": f"{_GET}: www.hms.gov\n\n",
    "nul-in-header": f"{_GET}X-Nul: a\0b\n\n",
}
# What a server may well answer from the sandbox, as long as no second request comes of it.
_CONTAINED: Final = {
    "cl-0": f"{_GET}Content-Length: {len(_SECOND_PLAIN) + _SECOND_PLAIN.count(chr(10))}\n\n"
            f"{_SECOND_PLAIN}",
    "chunk-extension": f"{_POST}Transfer-Encoding: chunked\n\n3;a=\"\n\nGET /\"\nabc\n0\n\n",
    "chunk-extension-long": f"{_POST}Transfer-Encoding: chunked\n\n3;{'x' * 20_000}\nabc\n0\n\n",
    "chunk-trailers": f"{_POST}Transfer-Encoding: chunked\nTrailer: Host\n\n"
                      "0\nHost: www.hms.gov\n\n",
    "expect-continue": f"{_POST}Expect: 100-continue\nContent-Length: 3\n\nabc",
    "expect-unknown": f"{_POST}Expect: www.hms.gov\nContent-Length: 3\n\nabc",
    "leading-line-ends": f"\n\n{_GET}\n",
    "trace": f"TRACE {{url}}/ HTTP/1.1\nHost: {ROUTED}\n\n",
    "connection-names-host": f"{_GET}Connection: host, content-length\n\n",
    "method-unknown": f"BREW {{url}}/ HTTP/1.1\nHost: {ROUTED}\n\n",
    "options-star": f"OPTIONS * HTTP/1.1\nHost: {ROUTED}\n\n",
    "http-1.2": f"GET {{url}}/ HTTP/1.2\nHost: {ROUTED}\n\n",
    "get-with-body": f"{_GET}Content-Length: 3\n\nabc",
}  # fmt: skip
_NOT_HTTP: Final = {
    "bare-lf": f"GET {{url}}/ HTTP/1.1\nHost: {ROUTED}\nX: y\n\n{_SECOND}",
    "bare-cr": f"GET {{url}}/ HTTP/1.1\r\nHost: {ROUTED}\r\nX: a\rHost: www.hms.gov\r\n\r\n",
    "http-0.9": "GET http://www.hms.gov/\r\n\r\n",
    "http-0.9-ip": f"GET http://{PROD_V4}/\r\n",
    "http-2.0-line": "GET / HTTP/2.0\r\nHost: www.hms.gov\r\n\r\n",
    "h2-preface": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
    "two-blanks": "GET  http://www.hms.gov/  HTTP/1.1\r\nHost: www.hms.gov\r\n\r\n",
    "lower-case-version": "GET / http/1.1\r\nHost: www.hms.gov\r\n\r\n",
    "ssh-banner": "SSH-2.0-OpenSSH_9.6\r\n",
    "smtp": "EHLO www.hms.gov\r\n",
    "redis": "*1\r\n$4\r\nPING\r\n",
    "postgres": "\0\0\0\x08\x04\xd2\x16\x2f",
    "kafka": "\0\0\0\x10\0\x12\0\x03\0\0\0\x01\0\x02me\0\0",
    "tls-hello-in-plain": "\x16\x03\x01\0\x05\x01\0\0\x01\0",
    "random-bytes": "\x80\x90\xa0\xb0\0\0\xff\xfe" * 16,
    "nothing-but-line-ends": "\r\n" * 64,
    "proxy-protocol": f"PROXY TCP4 1.2.3.4 {PROD_V4} 1 80\r\nGET / HTTP/1.1\r\n"
    "Host: www.hms.gov\r\n\r\n",
    "socks4": "\x04\x01\0\x50\xcb\0\x71\x0a\0",
}
_TARGETS: Final = {
    "two-slashes": "//www.hms.gov/x",
    "backslash": "/\\www.hms.gov/x",
    "dot-segments": "/../../www.hms.gov",
    "escaped-dots": "/%2e%2e/%2e%2e/x",
    "twice-escaped-dots": "/%252e%252e/x",
    "nul": "/a%00b",
    "raw-nul": "/a\0b",
    "not-ascii": "/\xfc",
    "hash": "/#@www.hms.gov/",
    "at": "@www.hms.gov/",
    "question-first": "?@www.hms.gov/",
    "semicolon-dots": "/..;/x",
}  # fmt: skip


def _targets() -> list[Case]:
    return [
        inside(
            f"target-{name}", "a target that some server reads as another place",
            f"GET {{url}}{target} HTTP/1.1\nHost: {ROUTED}\n\n", lanes=EACH, but=LOOSE,
        )
        for name, target in _TARGETS.items()
    ]  # fmt: skip


def _large() -> list[Case]:
    def trickle(visit: Visit) -> None:
        stream = visit.open()
        for piece in visit.request("www.hms.gov").replace(b"\r\n", b"\r\n|").split(b"|")[:-1]:
            stream.send(piece)
        visit.must(not stream.more(PATIENCE_S) or stream.is_over or stream.buffer, "odd silence")

    def streamed(visit: Visit) -> None:
        stream = visit.open("www.hms.gov")
        head = visit.request("www.hms.gov", "/upload", ["Transfer-Encoding: chunked"], "POST")
        stream.send(head)
        for _ in range(8):
            stream.send(b"1000\r\n" + b"x" * 4096 + b"\r\n")
        visit.drain(stream)

    def streamed_length(visit: Visit) -> None:
        stream = visit.open("www.hms.gov")
        stream.send(visit.request("www.hms.gov", "/u", ["Content-Length: 900000"], "POST"))
        stream.send(b"x" * 100_000)
        visit.drain(stream)

    header = "X-Pad: " + "x" * 65_536
    bomb = "\n".join(f"X-{n}: y" for n in range(2_000))
    return [
        inside("head-huge", "a head that fills memory", f"{_GET}{header}\n\n", lanes=GATEWAYS),
        inside("head-bomb", "a head of thousands of lines", f"{_GET}{bomb}\n\n", lanes=GATEWAYS),
        inside("head-huge-loose", "a head that fills memory", f"{_GET}{header}\n\n",
               lanes=tuple(set(ALL) - set(GATEWAYS)), expect=CONTAINED),
        Case("head-never-ends", "a head that trickles and stops", HTTP, trickle, CONTAINED),
        Case("streamed-to-prod", "a body that streams before anybody decides", HTTP, streamed),
        Case("streamed-length-to-prod", "a body that never ends", HTTP, streamed_length),
    ]  # fmt: skip


def _upgrades() -> list[Case]:
    return [
        inside(
            f"upgrade-{name}", "a protocol that nobody checks",
            f"GET {{url}}/ HTTP/1.1\nHost: {ROUTED}\nConnection: Upgrade{more}\n"
            f"Upgrade: {name}\n\n{_SECOND}", lanes=GATEWAYS,
        )
        for name, more in (
            ("h2c", ", HTTP2-Settings\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA"),
            ("TLS/1.2", ""),
            ("raw", ""),
        )
    ] + [
        inside(
            f"upgrade-{name}-prod", "a protocol that nobody checks",
            f"GET {{url}}/ HTTP/1.1\nHost: www.hms.gov\nConnection: Upgrade\nUpgrade: {name}\n\n",
            lanes=HTTP, to="www.hms.gov",
        )
        for name in ("h2c", "raw")
    ]  # fmt: skip


CASES: Final = [
    *(
        inside(f"smuggle-{name}", "two servers see two requests", data, lanes=EACH, but=LOOSE)
        for name, data in _SMUGGLING.items()
    ),
    *(
        inside(f"odd-{name}", "rare, and no second request", data, lanes=EACH, expect=CONTAINED)
        for name, data in _CONTAINED.items()
    ),
    *(
        inside(
            f"not-http-{name}", "bytes that a proxy may tunnel", data.encode("latin-1"), lanes=ALL,
            to="www.hms.gov", but=_MIDDLE,
        )
        for name, data in _NOT_HTTP.items()
    ),
    *_targets(),
    *_large(),
    *_upgrades(),
]  # fmt: skip
