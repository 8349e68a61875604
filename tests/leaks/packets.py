"""Counting the IP packets that arrive at an address, in the kernel's own words.

A packet socket bound to one protocol gets only what arrives, never what leaves. A filter in the
kernel lets nothing else through, so that however busy the interface is, none is missed.
"""

from __future__ import annotations

import ctypes
import socket
import struct
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, ip_address
from typing import Final, NamedTuple

from tests.leaks.places import FENCE_PORT

ETH_P_IP: Final = 0x0800
ETH_P_IPV6: Final = 0x86DD
SO_ATTACH_FILTER: Final = 26
UDP: Final = 17

LOAD_WORD: Final = 0x20
JUMP_EQUAL: Final = 0x15
RETURN: Final = 0x06
IPV4_DESTINATION: Final = 16


class Packet(NamedTuple):
    """One packet that arrived, as far as anybody asks."""

    protocol: int
    source: str
    destination: str
    port: int
    payload: bytes

    def __str__(self) -> str:
        return f"{self.source} -> {self.destination} protocol {self.protocol} port {self.port}"


class Counter:
    """Packets that arrive on an interface; with addresses, only those for one of them."""

    def __init__(self, interface: str, addresses: Sequence[str] = ()) -> None:
        self._sockets = [_open(interface, ETH_P_IP, addresses)]
        if not addresses:
            self._sockets.append(_open(interface, ETH_P_IPV6, ()))

    def fileno_all(self) -> list[int]:
        return [each.fileno() for each in self._sockets]

    def arrived(self) -> Iterator[Packet]:
        """What arrived since the last call, without waiting; multicast is nobody's."""
        for each in self._sockets:
            while True:
                try:
                    raw, _ = each.recvfrom(65_535)
                except BlockingIOError:
                    break
                packet = parse_packet(raw)
                if packet is not None and not ip_address(packet.destination).is_multicast:
                    yield packet


def _open(interface: str, protocol: int, addresses: Sequence[str]) -> socket.socket:
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(protocol))
    if addresses:
        _attach(sock, addresses)
    sock.bind((interface, protocol))
    sock.setblocking(False)
    return sock


def _attach(sock: socket.socket, addresses: Sequence[str]) -> None:
    """`ld [16]; jeq each -> accept; ret 0; accept: ret all`, a classic BPF program."""
    words = [int(IPv4Address(each)) for each in addresses]
    program = [(LOAD_WORD, 0, 0, IPV4_DESTINATION)]
    program += [(JUMP_EQUAL, len(words) - n, 0, word) for n, word in enumerate(words)]
    program += [(RETURN, 0, 0, 0), (RETURN, 0, 0, 0xFFFF)]
    code = b"".join(struct.pack("=HBBI", *each) for each in program)
    buffer = ctypes.create_string_buffer(code)
    header = struct.pack("@HP", len(program), ctypes.addressof(buffer))
    sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, header)


def parse_packet(raw: bytes) -> Packet | None:
    """The packet, or None for what is no IP packet."""
    if len(raw) >= 20 and raw[0] >> 4 == 4:
        at, protocol = (raw[0] & 15) * 4, raw[9]
        source, destination = raw[12:16], raw[16:20]
    elif len(raw) >= 40 and raw[0] >> 4 == 6:
        at, protocol = 40, raw[6]
        source, destination = raw[8:24], raw[24:40]
    else:
        return None
    port = int.from_bytes(raw[at + 2 : at + 4], "big") if protocol in (6, UDP) else 0
    return Packet(
        protocol, str(ip_address(source)), str(ip_address(destination)), port, raw[at + 8 :]
    )


def is_fence(packet: Packet) -> bool:
    """True for the runner's own mark that nothing sent before it is still under way."""
    return packet.protocol == UDP and packet.port == FENCE_PORT
