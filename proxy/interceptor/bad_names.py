"""What a name server says while a fault is declared: no such name, a failure, an old address.

The old address is of TEST-NET-1 (RFC 5737), which nobody has; nothing here is ever dialled.
Read next: `names_service.py`.
"""

from __future__ import annotations

import struct
import zlib
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Final

from mitmproxy.dns import Question, ResourceRecord
from mitmproxy.net.dns import classes, domain_names, response_codes, types

from switchboard.trouble import Trouble

if TYPE_CHECKING:
    from mitmproxy.dns import DNSMessage  # up to 11.0 it has another name

_STALE_4: Final = int(IPv4Address("192.0.2.1"))
_STALE_6: Final = int(IPv6Address("2001:db8::1"))
_RETRY_S: Final = 60


def stale_address(name: str, *, is_ipv6: bool) -> IPv4Address | IPv6Address:
    """An address that is kept for documentation, always the same for a name."""
    number = zlib.crc32(name.lower().encode()) % 254
    return IPv6Address(_STALE_6 + number) if is_ipv6 else IPv4Address(_STALE_4 + number)


def bad_answer(query: DNSMessage, trouble: Trouble, *, is_ipv6: bool) -> DNSMessage | None:
    """The answer, or None where the name server says nothing.

    is_ipv6: the names of the sandbox have an IPv6 address.
    """
    question, ttl_s = query.questions[0], int(trouble.ttl_s)
    if trouble.mode == "timeout":
        return None
    if trouble.mode == "servfail":
        return query.fail(response_codes.SERVFAIL)
    if trouble.mode == "stale_ip":
        return query.succeed(_stale_records(question, ttl_s, is_ipv6=is_ipv6))
    answer = query.fail(response_codes.NXDOMAIN)
    answer.authorities = [_authority(question.name, ttl_s)]
    return answer


def _stale_records(question: Question, ttl_s: int, *, is_ipv6: bool) -> list[ResourceRecord]:
    name = question.name
    address = stale_address(name, is_ipv6=is_ipv6)
    if question.type == types.A and isinstance(address, IPv4Address):
        return [ResourceRecord.A(name, address, ttl=ttl_s)]
    if question.type == types.AAAA and isinstance(address, IPv6Address):
        return [ResourceRecord.AAAA(name, address, ttl=ttl_s)]
    return []


def _authority(name: str, ttl_s: int) -> ResourceRecord:
    """The zone's SOA record: without one nobody remembers that a name is not there (RFC 2308)."""
    zone = name.partition(".")[2] or name
    names = domain_names.pack(f"ns.{zone}") + domain_names.pack(f"hostmaster.{zone}")
    numbers = struct.pack("!5I", 1, _RETRY_S, _RETRY_S, _RETRY_S, ttl_s)
    return ResourceRecord(zone, types.SOA, classes.IN, ttl_s, names + numbers)
