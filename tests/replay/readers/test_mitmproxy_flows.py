from __future__ import annotations

import gzip
import subprocess
import sys
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.readers.head import Head
from replay.readers.mitmproxy_flows import BAD_FLOW, MITMPROXY
from replay.readers.sniff import sniff
from replay.readers.source import Source, TraceFile
from replay.readers.tnetstrings import ENDS_EARLY, NOT_ONE
from switchboard.errors import TraceError
from tests.replay.readers.collecting import Collector, read_bytes

pytest.importorskip("mitmproxy", reason="it comes with the extra mitm")

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # of the libraries that mitmproxy stands on
    from mitmproxy import flow as flows
    from mitmproxy.io import tnetstring
    from mitmproxy.test import tflow

TS = 1_584_273_600.123456


def state(**changes: Any) -> dict[str, Any]:
    """An HTTP flow as mitmproxy keeps it, with changes: `request__path` is inside `request`."""
    found: dict[str, Any] = tflow.tflow(resp=True).get_state()
    found["request"] |= {
        "timestamp_start": TS,
        "timestamp_end": TS + 0.1,
        "host": "10.0.0.7",
        "port": 443,
        "scheme": b"https",
        "method": b"POST",
        "path": b"/a?x=1",
        "headers": (
            (b"Host", b"svc.hms.example"),
            (b"A", b"1"),
            (b"a", b"2"),
            (b"Content-Length", b"7"),
        ),
    }
    found["response"] |= {"timestamp_start": TS + 0.25, "timestamp_end": TS + 0.5}
    for name, value in changes.items():
        part, _, key = name.partition("__")
        if key:
            found[part][key] = value
        else:
            found[part] = value
    return found


def dump(value: Any) -> bytes:
    return tnetstring.dumps(value)


def of_kind(flow: flows.Flow) -> bytes:
    return dump(flow.get_state())


@cache
def good() -> bytes:
    return dump(state())


def read(data: bytes) -> Collector:
    return read_bytes(data, MITMPROXY)


def event_of(**changes: Any) -> Any:
    ((_, entry),) = read(dump(state(**changes))).entries
    return entry.event


def test_a_flow() -> None:
    found = read(good())
    ((line, entry),) = found.entries
    assert (line, found.skips) == (1, [])
    event = entry.event
    assert event.ts_ns == 1_584_273_600_123_456_000
    assert (event.method, event.url) == ("POST", "https://svc.hms.example/a?x=1")
    assert event.headers == (("A", "1"), ("a", "2"))
    assert event.body == b"content"
    assert (event.status, event.wait_ms) == (200, 500.0)
    assert event.response_headers == (("header-response", "svalue"),)
    assert event.response_body == b"message"
    assert entry.connection == entry.client
    assert len(entry.connection or "") == 36
    assert entry.inferred is False


def test_one_connection_is_one_client() -> None:
    one, other = state(), state()
    again = {**state(), "client_conn": dict(one["client_conn"])}
    found = read(dump(one) + dump(other) + dump(again))
    first, second, third = (entry.connection for _, entry in found.entries)
    assert first == third != second


@pytest.mark.parametrize(
    ("changes", "url"),
    [
        (
            {"request__headers": (), "request__authority": b"auth.example"},
            "https://auth.example/a?x=1",
        ),
        ({"request__headers": ()}, "https://10.0.0.7/a?x=1"),
        ({"request__headers": (), "request__port": 8443}, "https://10.0.0.7:8443/a?x=1"),
        ({"request__headers": (), "request__host": "::1"}, "https://[::1]/a?x=1"),
        ({"request__headers": ((b"Host", b"a/b"),)}, "https://10.0.0.7/a?x=1"),
        ({"request__scheme": b"http"}, "http://svc.hms.example/a?x=1"),
        ({"request__scheme": b""}, "http://svc.hms.example/a?x=1"),
        ({"request__path": b"/\xff/\xc3\xa9"}, "https://svc.hms.example/%FF/%C3%A9"),
        ({"request__path": b"//x"}, "https://svc.hms.example//x"),
        ({"request__path": b"*", "request__method": b"OPTIONS"}, "*"),
    ],
)
def test_urls(changes: dict[str, Any], url: str) -> None:
    assert event_of(**changes).url == url


def test_bodies() -> None:
    found = read(dump(state(request__content=None)) + dump(state(request__content=b"")))
    assert [entry.body_unknown for _, entry in found.entries] == [True, False]
    coded = ((b"content-encoding", b"gzip"), (b"A", b"b"))
    event = event_of(
        request__headers=coded,
        request__content=b"as it was",
        response__headers=coded,
        response__content=gzip.compress(b"hello"),
    )
    assert event.body == b"as it was"
    assert ("content-encoding", "gzip") in event.headers
    assert (event.response_headers, event.response_body) == ((("A", "b"),), b"hello")
    assert event_of(response__content=None).response_body is None


def test_a_flow_without_an_answer_is_used() -> None:
    found = read(of_kind(tflow.tflow(err=True)) + dump(state(response=None)))
    assert found.skips == []
    assert {(entry.event.status, entry.event.wait_ms) for _, entry in found.entries} == {
        (None, None)
    }


@pytest.mark.parametrize("ended", [None, float("nan"), float("inf"), TS - 1, 1e300])
def test_a_wait_that_cannot_be_is_unknown(ended: Any) -> None:
    assert event_of(response__timestamp_end=ended).wait_ms is None


def test_older_versions_are_read() -> None:
    assert read(dump(state(version=20))).skips == []


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (lambda: of_kind(tflow.ttcpflow()), "tcp flow"),
        (lambda: of_kind(tflow.tudpflow()), "udp flow"),
        (lambda: of_kind(tflow.tdnsflow()), "dns flow"),
        (lambda: of_kind(tflow.twebsocketflow()), "websocket flow"),
        (lambda: dump(state(request__method=b"CONNECT")), "bad method"),
        (lambda: dump(state(request__method=b"G T")), "bad method"),
        (lambda: dump(state(request__method=5)), BAD_FLOW),
        (lambda: dump(state(request__path=b"/a b")), "bad url"),
        (lambda: dump(state(request__path=b"/a\r\nX: y")), "bad url"),
        (lambda: dump(state(request__path=b"a")), "bad url"),
        (lambda: dump(state(request__scheme=b"ftp")), "bad url"),
        (lambda: dump(state(request__headers=(), request__host="a/b")), "bad url"),
        (lambda: dump(state(request__headers=((b"A", b"b\r\nC: d"),))), "bad header"),
        (lambda: dump(state(request__headers=((b"A b", b""),))), "bad header"),
        (lambda: dump(state(request__headers=5)), BAD_FLOW),
        (lambda: dump(state(request__content=5)), BAD_FLOW),
        (lambda: dump(state(request__timestamp_start=None)), BAD_FLOW),
        (lambda: dump(state(request__timestamp_start=True)), "bad ts"),
        (lambda: dump(state(request__timestamp_start=float("nan"))), "ts outside 1990..2100"),
        (lambda: dump(state(request__timestamp_start=float("inf"))), "ts outside 1990..2100"),
        (lambda: dump(state(request__timestamp_start=5)), "ts outside 1990..2100"),
        (lambda: dump(state(response__status_code=5)), "bad status"),
        (lambda: dump(state(response__status_code="200")), BAD_FLOW),
        (lambda: dump(state(type="smtp")), BAD_FLOW),
        (lambda: dump(state(version=1_000)), BAD_FLOW),
        (lambda: dump(state(version=["x"])), BAD_FLOW),
        (lambda: dump(state(request=None)), BAD_FLOW),
        (lambda: dump(state(client_conn={})), BAD_FLOW),
        (lambda: dump({}), BAD_FLOW),
        (lambda: b"5:hello,", BAD_FLOW),
        (lambda: b"0:~", BAD_FLOW),
        (lambda: b"6:2:-1:~}", BAD_FLOW),
    ],
)  # fmt: skip
def test_what_is_not_used(data: Any, reason: str) -> None:
    found = read(good() + data() + good())
    assert found.skips == [(2, reason)]
    assert [line for line, _ in found.entries] == [1, 3]


@pytest.mark.parametrize(
    ("tail", "reason"),
    [
        (b"12", ENDS_EARLY),
        (b"12:", ENDS_EARLY),
        (b"999999999999:abc", ENDS_EARLY),
        (b"\n", NOT_ONE),
        (b"hello", NOT_ONE),
        (b"9999999999999:abc", NOT_ONE),
        (b"012:abc", NOT_ONE),
        (b"-1:abc", NOT_ONE),
        (b"{}", NOT_ONE),
    ],
)
def test_a_damaged_end_is_one_skip(tail: bytes, reason: str) -> None:
    found = read(good() + tail)
    assert found.skips == [(2, reason)]
    assert len(found.entries) == 1


def test_a_file_that_was_cut_in_packing_counts_once() -> None:
    found = read(gzip.compress(good() * 3, 0)[:-40])
    assert found.skips == [(3, "file ends early (truncated gzip)")]
    assert len(found.entries) == 2


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.binary(max_size=9)
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=12,
)


def test_lies_about_lengths() -> None:
    """With lengths below nothing mitmproxy's reader looks at each part twice, and so on inside."""
    lie = b"-1:" * 60 + b"]" * 60
    found = read(good() + b"%d:%s]" % (len(lie), lie) + b"%d:%s}" % (len(lie), lie))
    assert found.skips == [(2, BAD_FLOW), (3, BAD_FLOW)]


def test_many_small_values_are_passed_in_one_pass() -> None:
    found = read(good() + b"0:~" * 50_000)
    assert found.reasons == [BAD_FLOW] * 50_000


@pytest.mark.parametrize(
    ("data", "claimed"),
    [
        (good, True),
        (lambda: of_kind(tflow.ttcpflow()), True),
        (lambda: of_kind(tflow.tdnsflow()), True),
        (lambda: good()[:40], True),
        (lambda: b"100:7:version;2:21#", True),
        (lambda: b"100:7:request,", True),
        (lambda: b"100:8:request,", False),
        (lambda: b"100:5:hello,", False),
        (lambda: b"10:20:30 GET /", False),
        (lambda: b"", False),
    ],
)
def test_recognised_by_its_content(data: Any, claimed: bool) -> None:
    assert (sniff(Head(data())) is MITMPROXY) is claimed


def test_recognised_without_importing_mitmproxy() -> None:
    code = (
        "import sys; from replay.readers.head import Head; from replay.readers.sniff import sniff\n"
        "assert sniff(Head(b'100:7:version;2:21#')).name == 'mitmproxy'\n"
        "assert not [name for name in sys.modules if name.startswith('mitmproxy.')]\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_reading_leaves_the_process_as_it_was(tmp_path: Path) -> None:
    """mitmproxy is a program: as a library it must not take over logging, signals or warnings."""
    (tmp_path / "flows").write_bytes(good())
    code = """
import asyncio, gc, logging, os, signal, socket, sys, threading, warnings
from pathlib import Path
from replay.readers.mitmproxy_flows import MITMPROXY
from replay.readers.source import Source, TraceFile

def process():
    return (
        list(logging.root.handlers), logging.root.level, logging.getLoggerClass(),
        list(warnings.filters), warnings.showwarning, sys.excepthook, sys.unraisablehook,
        threading.excepthook, threading.active_count(), list(sys.meta_path), list(sys.path_hooks),
        sys.getrecursionlimit(), [signal.getsignal(each) for each in signal.valid_signals()],
        socket.getdefaulttimeout(), dict(os.environ), list(sys.path), gc.get_threshold(),
        sys.stdout, sys.stderr, os.getcwd(), os.listdir("/proc/self/fd"),
    )

class Sink:
    needs_whole = True
    used = 0
    def add(self, line, entry):
        self.used += 1
    def skip(self, line, reason, gap_ms=0.0):
        raise AssertionError(reason)

before = process()
sink = Sink()
with Source(TraceFile(Path(sys.argv[1]), "flows")) as source:
    MITMPROXY.read(source, sink)
assert sink.used == 1
assert process() == before
"""
    subprocess.run([sys.executable, "-c", code, tmp_path / "flows"], check=True, timeout=60)


def test_without_mitmproxy_one_clear_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mitmproxy.io", None)
    (tmp_path / "flows").write_bytes(good())
    with (
        Source(TraceFile(tmp_path / "flows", "flows")) as source,
        pytest.raises(TraceError, match=r"pip install 'hms-esr\[mitm\]'"),
    ):
        MITMPROXY.read(source, Collector())


def check(data: bytes) -> None:
    found = read(data)
    lines = sorted([line for line, _ in found.entries] + [line for line, _ in found.skips])
    assert lines == list(range(1, len(lines) + 1))


def test_cut_at_every_byte() -> None:
    for end in range(0, len(good()), 7):
        found = read(good() + good()[:end])
        assert len(found.entries) == 1
        assert found.reasons == ([ENDS_EARLY] if end else [])


@settings(max_examples=80)
@given(st.integers(0, 2_000), st.integers(0, 5), st.binary(max_size=5))
def test_mutations(at: int, length: int, data: bytes) -> None:
    check(good() + good()[:at] + data + good()[at + length :])


@settings(max_examples=80)
@given(
    st.sampled_from(
        [
            *("version", "type", "id", "error", "client_conn", "metadata", "request", "response"),
            *("websocket", "request__headers", "request__trailers", "request__host"),
            *("request__port", "request__authority", "request__http_version"),
            *("response__headers", "response__reason", "client_conn__id"),
            "client_conn__proxy_mode",
        ]
    ),
    VALUES,
)
def test_any_values(name: str, value: Any) -> None:
    check(dump(state(**{name: value})))


@settings(max_examples=50)
@given(st.binary(max_size=100))
def test_any_bytes(data: bytes) -> None:
    check(data)
    check(b"%d:%s}" % (len(data), data))
