"""Cases about names: the DNS door answers everything itself, and never with production."""

from __future__ import annotations

import struct
from typing import Final

from tests.leaks import dns
from tests.leaks.case import CONTAINED, ROUTED, Case, Run, Visit
from tests.leaks.lanes import send_datagram
from tests.leaks.places import PROD_LOOPBACK, PROD_V4, PROD_V6
from tests.leaks.wire import ANSWER_S, dial

DNS: Final = ("dns",)
_PRODUCTION: Final = {PROD_LOOPBACK, PROD_V4, PROD_V6}
_KINDS: Final = {
    "a": dns.A, "aaaa": dns.AAAA, "https": dns.HTTPS, "svcb": dns.SVCB, "srv": dns.SRV,
    "mx": dns.MX, "txt": dns.TXT, "any": dns.ANY, "ptr": dns.PTR, "ns": 2, "soa": 6, "cname": 5,
    "unknown": 65_280, "axfr": 252,
}  # fmt: skip
_NAMES: Final = {
    "prod": "www.hms.gov", "api": "api.hms.gov", "routed": ROUTED, "unmapped": "prod.other.example",
    "upper": "WWW.HMS.GOV", "case-mixed": "wWw.hMs.GoV", "ip": PROD_V4, "root": "",
    "srv-name": "_https._tcp.www.hms.gov", "reverse": "10.113.0.203.in-addr.arpa",
    "doh": "dns.google", "odd-bytes": "www\0hms.gov", "long-label": "w" * 63 + ".hms.gov",
    "prod-under-routed": "www.hms.gov.hms.example", "localhost": "localhost",
}  # fmt: skip


def _check(visit: Visit, raw: bytes | None, kind: int) -> None:
    if raw is None:
        return
    reply = dns.parse_reply(raw)
    visit.must(not _PRODUCTION & set(reply.addresses), f"production's address: {reply.addresses}")
    if kind in (dns.AAAA, dns.HTTPS, dns.SVCB):
        outside = [each for each in reply.addresses if each != "::1"]
        visit.must(not outside, f"an address in answer to {kind}: {reply}")
    if kind in (dns.HTTPS, dns.SVCB):
        visit.must(not reply.answers, "an HTTPS record, which leads to ECH and HTTP/3")


def _query(name: str, kind: int) -> Run:
    def run(visit: Visit) -> None:
        raw = send_datagram(visit.address, dns.build_query(name, kind), ANSWER_S)
        visit.must(raw is not None, "the query was not answered")
        _check(visit, raw, kind)

    return run


def _by_tcp(name: str) -> Run:
    def run(visit: Visit) -> None:
        stream = visit.hold(dial(visit.address))
        query = dns.build_query(name, dns.A)
        stream.send(struct.pack(">H", len(query)) + query)
        size = stream.until(2)
        if len(size) == 2:
            _check(visit, stream.until(int.from_bytes(size, "big")), dns.A)

    return run


def _rebinding(visit: Visit) -> None:
    for _ in range(3):
        raw = send_datagram(visit.address, dns.build_query("rebind.hms.example", dns.A), ANSWER_S)
        visit.must(raw is not None, "the query was not answered")
        _check(visit, raw, dns.A)


_MALFORMED: Final = {
    "empty": b"",
    "short": b"\0\x01\x01",
    "no-question": b"\0\x01\x01\0\0\0\0\0\0\0\0\0",
    "cut-name": dns.build_query("www.hms.gov", dns.A)[:20],
    "pointer-loop": b"\0\x01\x01\0\0\x01\0\0\0\0\0\0\xc0\x0c\0\x01\0\x01",
    "two-questions": b"\0\x01\x01\0\0\x02\0\0\0\0\0\0"
                     + (dns.build_name(ROUTED) + b"\0\x01\0\x01")
                     + (dns.build_name("www.hms.gov") + b"\0\x01\0\x01"),
    "many-claimed": b"\0\x01\x01\0\xff\xff\0\0\0\0\0\0\0\0\x01\0\x01",
    "a-response": b"\0\x01\x81\x80\0\x01\0\0\0\0\0\0" + dns.build_name("www.hms.gov")
                  + b"\0\x01\0\x01",
    "update": b"\0\x01\x28\0\0\x01\0\0\0\0\0\0" + dns.build_name("www.hms.gov") + b"\0\x06\0\x01",
    "notify": b"\0\x01\x20\0\0\x01\0\0\0\0\0\0" + dns.build_name("www.hms.gov") + b"\0\x06\0\x01",
    "chaos-class": b"\0\x01\x01\0\0\x01\0\0\0\0\0\0" + dns.build_name("www.hms.gov")
                   + b"\0\x01\0\x03",
    "not-dns": b"GET http://www.hms.gov/ HTTP/1.1\r\n\r\n",
    "quic": b"\xc0\0\0\0\x01\x08abcdefgh" + b"\0" * 1180,
    "huge": b"\0\x01\x01\0\0\x01\0\0\0\0\0\0" + b"\x3f" * 4_000,
}  # fmt: skip


def _malformed(raw: bytes) -> Run:
    def run(visit: Visit) -> None:
        send_datagram(visit.address, raw, 0.05)
        # It must still be there for the next one, which also shows that it has looked at this.
        reply = send_datagram(visit.address, dns.build_query("www.hms.gov", dns.A), ANSWER_S)
        visit.must(reply is not None, "the door is dead")
        _check(visit, reply, dns.A)

    return run


CASES: Final = [
    *(Case(f"dns-{kind}", "a query whose answer may lead out", DNS, _query("www.hms.gov", number),
           CONTAINED) for kind, number in _KINDS.items()),
    *(Case(f"dns-routed-{kind}", "a query whose answer may lead out", DNS, _query(ROUTED, number),
           CONTAINED) for kind, number in _KINDS.items() if kind in ("aaaa", "https", "any")),
    *(Case(f"dns-name-{name}", "a name that some other resolver may be asked for", DNS,
           _query(text, dns.A), CONTAINED) for name, text in _NAMES.items()),
    *(Case(f"dns-tcp-{name}", "the same over TCP", DNS, _by_tcp(_NAMES[name]), CONTAINED)
      for name in ("prod", "routed", "unmapped")),
    Case("dns-rebinding", "a name that is the sandbox's first", DNS, _rebinding, CONTAINED),
    *(Case(f"dns-malformed-{name}", "no query", DNS, _malformed(raw), CONTAINED)
      for name, raw in _MALFORMED.items()),
]  # fmt: skip
