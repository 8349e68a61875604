from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.readers.access_log import COMBINED, COMMON
from replay.readers.envoy import ENVOY
from replay.readers.format import END, START, Format
from replay.readers.formats import FORMATS
from replay.readers.har import HAR
from replay.readers.head import Head
from replay.readers.nginx_json import NGINX_JSON
from replay.readers.ops import OPS
from replay.readers.sniff import MAPPING_WANTED, NO_REQUESTS, Unreadable, sniff

OTHER = b'{"level": "info", "msg": "started"}'
ACCESS = b'::1 - - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.0" 200 -'


@pytest.mark.parametrize(
    ("head", "found"),
    [
        (b'{"method": "GET"}\n', OPS),
        (b'\n\n  {"method": "GET"}', OPS),
        (b'{\n  "method": "GET"\n}', OPS),
        (b'oops\n{"method": "GET"}\n', OPS),
        (b'{"cut off: ' + b"x" * 1000, OPS),
        (ACCESS, COMMON),
        (b"# a comment\n" + ACCESS + b"\r\n", COMMON),
        (b"", None),
        (b"\n \r\n", None),
        (b"\x89PNG\r\n\x1a\n" + b"{}", Unreadable("a PNG image")),
        (b"PK\x03\x04" + bytes(20), Unreadable("a ZIP archive")),
        (b"\x7fELF" + bytes(20), Unreadable("a program (ELF)")),
        (b"a\0b", Unreadable("binary data")),
        (bytes(range(128, 256)), Unreadable("binary data")),
        (b"\xff\xfe{\0", Unreadable("UTF-16 text")),
        (b"name" + bytes(253) + b"ustar" + bytes(20), Unreadable("a tar archive")),
        (b'[{"method": "GET"}]', Unreadable("a JSON array")),
        (b"<!doctype html>", Unreadable("HTML or XML")),
        (bytes(500), Unreadable("nothing but NUL bytes")),
        (
            b"#Version: 1.0\n#Fields: date time cs-method cs-uri-stem\n2024-01-02 03:04:05 GET /",
            Unreadable(
                "a W3C extended log, as IIS and CloudFront write it, which is not readable yet"
            ),
        ),
        (b"PAR1\x15\0", Unreadable(f"a Parquet file{MAPPING_WANTED}")),
        (b"ts,method,url\n1,GET,/\n2,GET,/b\n", Unreadable(f"a table (CSV){MAPPING_WANTED}")),
        (b"ts\tmethod\turl\n1\tGET\t/", Unreadable(f"a table (CSV){MAPPING_WANTED}")),
        (OTHER + b"\n" + OTHER, Unreadable(NO_REQUESTS)),
        (b'{"name": "package"}', Unreadable(NO_REQUESTS)),
        (
            b"time:x\thost:192.0.2.7\treq:GET / HTTP/1.1\n" * 2,
            Unreadable("LTSV (labels, values and tabs), which is not readable yet"),
        ),
        (
            b"[Sat Nov 21 19:25:15] [core:error] no",
            Unreadable("text that is in none of the formats"),
        ),
        (b"<134>Nov 21 19:25:15 a b: c", Unreadable("text that is in none of the formats")),
        (b"Dear diary", Unreadable("text that is in none of the formats")),
    ],
)
def test_a_file_is_known_by_its_content(head: bytes, found: object) -> None:
    assert sniff(Head(head)) == found


NGINX = b'{"msec": "1431857103.123", "request": "GET / HTTP/1.1", "remote_addr": "192.0.2.7"}'
ENVOY_LINE = (
    b'[2016-04-15T20:17:00.310Z] "POST /a HTTP/2" 204 - 154 0 226 100 "-" "ua" "id" "host" "-"'
)
EVENT = b'{"ts": "2024-01-02T03:04:05Z", "method": "GET", "url": "/"}'
SAME_AGAIN = b'0.1 - - [10/Oct/2000:13:55:36 -0700] "GET / HT'


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ([SAME_AGAIN[5:], ACCESS, ACCESS], COMMON),
        ([b"# made by a script"] * 300 + [ACCESS], COMMON),
        ([b""] * 5_000 + [ACCESS], COMMON),
        ([b"\0" * 4_096 + ACCESS, ACCESS], COMMON),
        ([ACCESS, b"\0" * 4_096, ACCESS], COMMON),
        ([ACCESS, b"\0" * 4_096 + ACCESS, b"\0" * 300], COMMON),
        ([ACCESS] * 20 + [ACCESS.replace(b"GET /", b"GET /\0")], COMMON),
        ([ACCESS, NGINX, NGINX], NGINX_JSON),
        ([NGINX, ACCESS, ACCESS], COMMON),
        ([ACCESS, NGINX], COMMON),
        ([ACCESS, ENVOY_LINE, ENVOY_LINE], ENVOY),
        ([ACCESS + b' "-" "ua"', ACCESS, ACCESS], COMMON),
        ([ACCESS, ACCESS + b' "-" "ua"', ACCESS + b' "-" "ua"'], COMBINED),
        ([EVENT, NGINX, EVENT], OPS),
        ([NGINX, EVENT, NGINX], NGINX_JSON),
        ([OTHER, OTHER, OTHER, NGINX], NGINX_JSON),
        ([OTHER, OTHER, ACCESS], COMMON),
        ([b'{"log": {"version": "1.2", "entries": [', *[EVENT] * 30], HAR),
        ([b"{", b'"log": {', b'"version": "1.2",', *[EVENT] * 30], HAR),
    ],
    ids=[
        "cut line first",
        "comments first",
        "blank lines first",
        "NULs first",
        "NULs between",
        "NULs around",
        "a NUL in one line",
        "mostly nginx",
        "mostly access",
        "half and half",
        "mostly Envoy",
        "mostly common",
        "mostly combined",
        "mostly OPS",
        "nginx before OPS",
        "any objects and one of nginx",
        "any objects and one access line",
        "HAR with objects on lines",
        "pretty HAR",
    ],
)
def test_most_lines_decide(lines: list[bytes], found: Format) -> None:
    assert sniff(Head(b"\n".join(lines))) is found


def test_every_format_has_its_own_name_and_a_stamp() -> None:
    assert all(name == each.name for name, each in FORMATS.items())
    assert {each.stamp for each in FORMATS.values()} <= {START, END}
    assert FORMATS["alb"].stamp == FORMATS["nginx_json"].stamp == END
    assert FORMATS["envoy"].stamp == FORMATS["combined"].stamp == START


@given(st.lists(st.sampled_from([ACCESS, NGINX, ENVOY_LINE, EVENT, OTHER, b"", b"\0\0", b"x"])))
def test_any_mixture_has_an_answer(lines: list[bytes]) -> None:
    found = sniff(Head(b"\n".join(lines)))
    known = {ACCESS, NGINX, ENVOY_LINE, EVENT} & set(lines)
    assert isinstance(found, Format) is bool(known)


@given(st.binary(max_size=300))
def test_any_bytes_have_an_answer(head: bytes) -> None:
    found = sniff(Head(head))
    assert found is None or isinstance(found, Unreadable | Format)
