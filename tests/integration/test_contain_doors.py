"""From inside a jail to the doors: by proxy, by name, by first byte, large bodies, and names."""

from __future__ import annotations

import socket
import struct
import sys
from pathlib import Path

from hms_esr.containment.names import AAAA
from tests.integration.contain_runs import contain, needs_namespaces

pytestmark = needs_namespaces


def script(folder: Path, text: str) -> tuple[str, ...]:
    """A Python program for inside; the interpreter alone, without anything of the product."""
    file = folder / "inside.py"
    file.write_text(text, encoding="utf-8")
    return (sys.executable, "-I", str(file))


def test_a_client_that_obeys_proxy_settings(tmp_path: Path) -> None:
    done = contain(tmp_path, "curl", "-sS", "http://svc.hms.example/a")
    assert done.out == "forward svc.hms.example http://svc.hms.example/a"
    assert done.err.endswith("1 request to the sandbox\n")


def test_a_client_that_ignores_proxy_settings(tmp_path: Path) -> None:
    done = contain(tmp_path, "curl", "-sS", "--noproxy", "*", "http://pay.hms.gov/a")
    assert done.out == "gateway pay.hms.gov /a"


def test_a_port_that_the_rules_name(tmp_path: Path) -> None:
    done = contain(tmp_path, "curl", "-sS", "--noproxy", "*", "http://api.treasury.example:8080/a")
    assert done.out == "gateway api.treasury.example:8080 /a"


def test_tls_goes_to_the_door_that_speaks_it(tmp_path: Path) -> None:
    """The stand-in speaks none, so it answers the first bytes of a handshake in plain HTTP."""
    done = contain(
        tmp_path,
        *script(
            tmp_path,
            "import socket\n"
            "for port in (80, 443):\n"
            "    with socket.create_connection(('svc.hms.example', port)) as made:\n"
            "        made.sendall(b'\\x16GET /tls HTTP/1.1\\r\\nHost: h\\r\\n\\r\\n')\n"
            "        print(made.recv(65536)[:12])\n"
            "    with socket.create_connection(('svc.hms.example', port)) as made:\n"
            "        made.sendall(b'GET /plain HTTP/1.1\\r\\nHost: h\\r\\n')\n"
            "        made.sendall(b'Connection: close\\r\\n\\r\\n')\n"
            "        print(b'gateway h /plain' in made.makefile('rb').read())\n",
        ),
    )
    assert done.out.splitlines()[1::2] == ["True", "True"]


def test_a_large_answer_arrives_whole(tmp_path: Path) -> None:
    done = contain(
        tmp_path, "sh", "-c", 'curl -sS --noproxy "*" http://svc.hms.example/large | wc -c'
    )
    assert done.out.strip() == "10000000"


def test_every_name_is_the_door(tmp_path: Path) -> None:
    """Over UDP and TCP, with and without libc; and no name has an IPv6 address."""
    query = struct.pack("!6H", 7, 0x0100, 1, 0, 0, 0) + b"\x03www\x03gov\x00"
    done = contain(
        tmp_path,
        *script(
            tmp_path,
            "import socket, struct\n"
            f"query = {query!r}\n"
            "print(sorted({a[4][0] for a in socket.getaddrinfo('www.hms.gov', 443)}))\n"
            "udp = socket.socket(type=socket.SOCK_DGRAM)\n"
            f"for kind in (1, {AAAA}):\n"
            "    udp.sendto(query + struct.pack('!2H', kind, 1), ('127.0.0.1', 53))\n"
            "    print(udp.recv(512)[-4:].hex(), end=' ')\n"
            "    with socket.create_connection(('127.0.0.1', 53)) as tcp:\n"
            "        whole = query + struct.pack('!2H', kind, 1)\n"
            "        tcp.sendall(struct.pack('!H', len(whole)) + whole)\n"
            "        print(tcp.recv(512)[-4:].hex())\n",
        ),
    )
    door = socket.inet_aton("198.18.0.1").hex()
    assert done.out.splitlines() == ["['198.18.0.1']", f"{door} {door}", "001c0001 001c0001"]


def test_a_service_of_its_own(tmp_path: Path) -> None:
    """The jail has a loopback, and low ports of its own for everybody."""
    done = contain(
        tmp_path,
        *script(
            tmp_path,
            "import socket\n"
            "with socket.create_server(('127.0.0.1', 88)) as server:\n"
            "    with socket.create_connection(('localhost', 88)) as client:\n"
            "        client.sendall(b'hello')\n"
            "        print(server.accept()[0].recv(5))\n",
        ),
    )
    assert done.out == "b'hello'\n"


def test_the_files_of_names_and_trust(tmp_path: Path) -> None:
    done = contain(
        tmp_path,
        *(
            "sh",
            "-c",
            'cat /etc/resolv.conf; cat "$SSL_CERT_FILE"; grep ^hosts: /etc/nsswitch.conf',
        ),
    )
    assert done.out.splitlines() == [
        "nameserver 127.0.0.1",
        "options timeout:2 attempts:2",
        "an authority",
        "hosts: files dns",
    ]
