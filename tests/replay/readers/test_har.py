from __future__ import annotations

import gzip
import json
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.readers.entry import Entry
from replay.readers.har import HAR, NO_ENTRIES, OVERLONG_ENTRY, TRUNCATED, read_har
from replay.readers.har_entry import ABORTED, CACHED, NO_OFFSET, NOT_HTTP, parse_har_entry
from replay.readers.head import Head
from replay.readers.json_stream import NOT_JSON, TOO_MANY_VALUES
from replay.readers.sniff import sniff
from replay.readers.source import Source, TraceFile
from switchboard.event import EventError

REAL = Path(__file__).parents[4] / "shared" / "data" / "har"
CHROME = REAL / "chrome_github.com_home.har"
FIREFOX = REAL / "firefox_h2_filamentgroup.com.har"
Change = Callable[[dict[str, Any]], object]


class ListSink:
    """Keeps what a reader hands over."""

    def __init__(self, *, needs_whole: bool = True) -> None:
        self.needs_whole = needs_whole
        self.entries: list[tuple[int, Entry]] = []
        self.skipped: list[tuple[int, str]] = []
        self.notes: Counter[str] = Counter()

    def add(self, line: int, entry: Entry) -> None:
        self.entries.append((line, entry))

    def add_request(self, *_: object) -> None:
        raise AssertionError("the reader of HARs has no fast way")

    def skip(self, line: int, reason: str, gap_ms: float = 0.0) -> None:
        assert gap_ms == 0
        self.skipped.append((line, reason))

    def note(self, text: str, count: int = 1) -> None:
        self.notes[text] += count

    @property
    def reasons(self) -> list[str]:
        return [reason for _, reason in self.skipped]

    @property
    def urls(self) -> list[str]:
        return [entry.event.url for _, entry in self.entries]


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., ListSink]:
    def read_bytes(data: bytes, *, needs_whole: bool = True) -> ListSink:
        return read_file(tmp_path, data, needs_whole=needs_whole)

    return read_bytes


def read_file(folder: Path, data: bytes, *, needs_whole: bool = True) -> ListSink:
    path = folder / "a.har"
    path.write_bytes(data)
    sink = ListSink(needs_whole=needs_whole)
    with Source(TraceFile(path, "a.har")) as source:
        read_har(source, sink)
        if source.damage is not None:  # as whoever opened it counts it
            sink.skip(max(source.damaged_line, 1), source.damage)
    return sink


def an_entry(number: int = 0) -> dict[str, Any]:
    return {
        "startedDateTime": f"2020-03-15T12:00:{number % 60:02d}.123Z",
        "time": 50,
        "request": {
            "method": "GET",
            "url": f"https://a.example/{number}?x=1",
            "httpVersion": "HTTP/1.1",
            "headers": [{"name": "Accept", "value": "*/*"}],
            "queryString": [{"name": "x", "value": "1"}],
            "cookies": [],
            "headersSize": -1,
            "bodySize": 0,
        },
        "response": {
            "status": 200,
            "statusText": "OK",
            "httpVersion": "HTTP/1.1",
            "headers": [{"name": "Content-Type", "value": "text/plain"}],
            "cookies": [],
            "content": {"size": 2, "mimeType": "text/plain", "text": "ok"},
            "redirectURL": "",
            "headersSize": -1,
            "bodySize": 2,
        },
        "cache": {},
        "timings": {"blocked": 9, "send": 1, "wait": 20, "receive": 4},
    }


def a_har(*entries: object, **log: object) -> bytes:
    creator = {"name": "test", "version": "1"}
    return json.dumps(
        {"log": {"version": "1.2", "creator": creator, "entries": entries, **log}}
    ).encode()


def changed(change: Change) -> dict[str, Any]:
    entry = an_entry()
    change(entry)
    return entry


def parsed(change: Change) -> Entry:
    return parse_har_entry(changed(change), "somebody")


# Real files.


@pytest.mark.parametrize("path", [CHROME, FIREFOX], ids=["chrome", "firefox"])
def test_a_real_file_gives_true_counts(path: Path) -> None:
    if not path.exists():
        pytest.skip(f"{path.name} is not here")
    entries = json.loads(path.read_bytes())["log"]["entries"]
    sent = [each for each in entries if int(each["response"]["status"])]
    sink = read_file_at(path)
    assert sink.urls == [each["request"]["url"] for each in sent]
    assert sink.reasons == [ABORTED] * (len(entries) - len(sent))
    assert [entry.event.method for _, entry in sink.entries] == [
        each["request"]["method"] for each in sent
    ]
    assert [entry.event.status for _, entry in sink.entries] == [
        each["response"]["status"] for each in sent
    ]
    texts = [each["response"]["content"].get("text") for each in sent]
    assert [entry.event.response_body is not None for _, entry in sink.entries] == [
        text is not None for text in texts
    ]


def read_file_at(path: Path) -> ListSink:
    sink = ListSink()
    with Source(TraceFile(path, path.name)) as source:
        assert sniff(Head(source.head())) is HAR
        read_har(source, sink)
    return sink


def test_chrome_keeps_no_bodies_and_has_pseudo_headers() -> None:
    if not CHROME.exists():
        pytest.skip(f"{CHROME.name} is not here")
    sink = read_file_at(CHROME)
    posts = [entry for _, entry in sink.entries if entry.event.method == "POST"]
    assert [entry.body_unknown for entry in posts] == [True, True]
    names = {name for _, entry in sink.entries for name, _ in entry.event.headers}
    assert not any(name.startswith(":") for name in names)
    assert len({entry.client for _, entry in sink.entries}) == 1


# One entry.


def test_an_entry_is_read_in_full() -> None:
    entry = parse_har_entry({**an_entry(), "connection": "7", "pageref": "p"}, "somebody")
    event = entry.event
    assert event.ts_ns == 1_584_273_600_123_000_000
    assert (event.method, event.url) == ("GET", "https://a.example/0?x=1")
    assert event.headers == (("Accept", "*/*"),)
    assert (event.status, event.wait_ms) == (200, 25)
    assert event.response_headers == (("Content-Type", "text/plain"),)
    assert event.response_body == b"ok"
    assert (event.user, event.session, event.body) == (None, None, b"")
    assert (entry.client, entry.connection) == ("somebody", "7")
    assert (entry.inferred, entry.coarse, entry.body_unknown) == (False, False, False)


def test_answers_are_left_out_where_nobody_looks_at_them() -> None:
    event = parse_har_entry(an_entry(), "somebody", with_answer=False).event
    assert (event.status, event.response_headers, event.response_body) == (200, (), None)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda e: e.pop("request"), "no request"),
        (lambda e: e.update(request=None), "no request"),
        (lambda e: e.update(request=[]), "no request"),
        (lambda e: e["request"].pop("url"), "no url"),
        (lambda e: e["request"].update(url=5), "bad url"),
        (lambda e: e["request"].update(url="https://"), "bad url"),
        (lambda e: e["request"].update(url="https://a.example/a b"), "bad url"),
        (lambda e: e["request"].update(url="https://a.example/\ud800"), "bad url"),
        (lambda e: e["request"].pop("method"), "no method"),
        (lambda e: e["request"].update(method=[]), "bad method"),
        (lambda e: e["request"].update(method="CONNECT"), "bad method"),
        (lambda e: e["request"].update(method="GET / HTTP/1.1\r\n"), "bad method"),
        (lambda e: e.pop("startedDateTime"), "no startedDateTime"),
        (lambda e: e.update(startedDateTime=""), "no startedDateTime"),
        (lambda e: e.update(startedDateTime="yesterday"), "bad startedDateTime"),
        (lambda e: e.update(startedDateTime=1584273600), "bad startedDateTime"),
        (lambda e: e.update(startedDateTime="1970-01-01T00:00:00Z"), "ts outside 1990..2100"),
        (lambda e: e["response"].update(status=0), ABORTED),
        (lambda e: e["response"].update(status="0"), ABORTED),
        (lambda e: e["response"].update(status=-1), ABORTED),
        (lambda e: e["response"].update(status=12999), "bad status"),
        (lambda e: e["response"].update(status=99), "bad status"),
        (lambda e: e["response"].update(status=200.5), "bad status"),
        (lambda e: e["response"].update(status=float("nan")), "bad status"),
        (lambda e: e["response"].update(status=[]), "bad status"),
        (lambda e: e.update(_fromCache="memory"), CACHED),
        (lambda e: e.update(_fromCache="disk"), CACHED),
        (lambda e: e["response"].update(_fetchType="Disk Cache"), CACHED),
        (lambda e: e["response"].update(_serviceWorkerResponseSource="cache-storage"), CACHED),
        (lambda e: e["request"].update(url="data:text/plain,x"), NOT_HTTP),
        (lambda e: e["request"].update(url="blob:https://a.example/1"), NOT_HTTP),
        (lambda e: e["request"].update(url="chrome-extension://abc/x.js"), NOT_HTTP),
        (lambda e: e["request"].update(url="about:blank"), NOT_HTTP),
        (lambda e: e["request"].update(url="wss://a.example/feed"), NOT_HTTP),
        (lambda e: e["request"].update(url="a.example"), NOT_HTTP),
        (lambda e: e["request"].update(postData={"text": 5}), "bad body"),
        (lambda e: e["request"].update(postData={"text": "é", "encoding": "base64"}), "bad body"),
        (lambda e: e["response"]["content"].update(text="x", encoding="base64"), "bad body"),
    ],
)
def test_what_was_not_sent_or_cannot_be_is_refused(change: Change, reason: str) -> None:
    with pytest.raises(EventError) as caught:
        parsed(change)
    assert caught.value.reason == reason


@pytest.mark.parametrize("value", [None, 5, "x", [], True])
def test_an_entry_is_an_object(value: object) -> None:
    with pytest.raises(EventError, match="not an object"):
        parse_har_entry(value, "somebody")


NOON = 1_584_273_600_000_000_000


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("2020-03-15T12:00:00Z", NOON),
        ("2020-03-15T12:00:00.123Z", NOON + 123_000_000),
        ("2020-03-15T12:00:00.1234567Z", NOON + 123_456_700),
        ("2020-03-15T12:00:00.123456789Z", NOON + 123_456_789),
        ("2020-03-15T05:00:00.1310893-07:00", NOON + 131_089_300),
        ("2020-03-15T21:00:00.090+09:00", NOON + 90_000_000),
        ("2020-03-15T21:00:00.090+0900", NOON + 90_000_000),
        ("2020-03-15T12:00:00.5", NOON + 500_000_000),
        ("2020-03-15T12:00:00", NOON),
        (" 2020-03-15T12:00:00Z ", NOON),
    ],
)
def test_stamps_of_every_exporter_are_read(text: str, ns: int) -> None:
    assert parsed(lambda e: e.update(startedDateTime=text)).event.ts_ns == ns


def test_a_stamp_without_a_zone_is_noted(read: Callable[..., ListSink]) -> None:
    naive = changed(lambda e: e.update(startedDateTime="2020-03-15T12:00:00.5"))
    sink = read(a_har(naive, an_entry(), naive))
    assert (len(sink.entries), sink.notes) == (3, Counter({NO_OFFSET: 2}))
    assert not read(a_har(an_entry())).notes


@pytest.mark.parametrize(
    ("change", "wait_ms"),
    [
        (lambda e: None, 25),
        (lambda e: e.update(timings={"send": -1, "wait": 20.5, "receive": -1}), 20.5),
        (lambda e: e.update(timings={"send": None, "wait": "20"}), 20),
        (lambda e: e.update(timings={}), 50),
        (lambda e: e.update(timings=None, time=1.5), 1.5),
        (lambda e: e.update(timings={"wait": -1}, time=-1), None),
        (lambda e: e.update(timings={"wait": float("nan")}, time=None), None),
        (lambda e: e.update(timings={"wait": 1e300}, time=float("inf")), None),
        (lambda e: (e.pop("timings"), e.pop("time")), None),
    ],
)
def test_a_wait_is_what_the_server_took(change: Change, wait_ms: float | None) -> None:
    assert parsed(change).event.wait_ms == wait_ms


@pytest.mark.parametrize("status", [200, "200", 200.0, "200.0"])
def test_a_status_may_be_a_text(status: object) -> None:
    assert parsed(lambda e: e["response"].update(status=status)).event.status == 200


@pytest.mark.parametrize(
    "change",
    [
        lambda e: e.pop("response"),
        lambda e: e.update(response=None),
        lambda e: e["response"].pop("status"),
        lambda e: e["response"].update(status=""),
    ],
)
def test_an_answer_that_nobody_recorded_is_no_hindrance(change: Change) -> None:
    assert parsed(change).event.status is None


@pytest.mark.parametrize(
    ("change", "connection"),
    [
        (lambda e: e.update(connection="443", serverIPAddress="192.0.2.1"), "192.0.2.1 443"),
        (lambda e: e.update(connection="443", _connectionId="812"), "812"),
        (lambda e: e.update(connection=5), "5"),
        (lambda e: e.update(connection="", serverIPAddress="192.0.2.1"), None),
        (lambda e: e.update(connection=[]), None),
    ],
)
def test_a_connection_is_told_from_others(change: Change, connection: str | None) -> None:
    assert parsed(change).connection == connection


def test_a_worker_that_asked_the_network_was_no_cache() -> None:
    worker = {"_fetchedViaServiceWorker": True, "_serviceWorkerResponseSource": "network"}
    assert parsed(lambda e: e["response"].update(worker)).event.status == 200
    assert parsed(lambda e: e["response"].update(_fetchType="Network Load")).event.status == 200
    assert parsed(lambda e: e["response"].update(_fetchType="Service Worker")).event.status == 200


# Headers.


def named(**pairs: str) -> list[dict[str, str]]:
    return [{"name": name.replace("_", "-"), "value": text} for name, text in pairs.items()]


@pytest.mark.parametrize(
    ("headers", "kept"),
    [
        ([{"name": ":method", "value": "GET"}, {"name": ":path", "value": "/"}], ()),
        ([{"name": ":authority", "value": "b.example"}], (("Host", "b.example"),)),
        (
            [{"name": ":authority", "value": "b.example"}, {"name": "host", "value": "c.example"}],
            (("host", "c.example"),),
        ),
        (
            named(Connection="keep-alive, X_A", X_A="1", Content_Length="0", Te="trailers"),
            (("X-A", "1"),),
        ),
        ([{"name": "Connection", "value": "x-a"}, {"name": "X-A", "value": "1"}], ()),
        ([{"name": "A", "value": None}, {"name": "B", "value": 5}], (("A", ""), ("B", "5"))),
        ([{"name": ""}, {"value": "x"}, {"name": 5, "value": "x"}, None, "x", []], ()),
        (None, ()),
        ({"Accept": "*/*"}, ()),
    ],
)
def test_headers_of_one_hop_stay_behind(headers: object, kept: object) -> None:
    assert parsed(lambda e: e["request"].update(headers=headers)).event.headers == kept


def test_cookies_are_taken_from_their_list_where_the_header_is_missing() -> None:
    cookies = [{"name": "a", "value": "1"}, {"name": "b", "value": "2"}]
    entry = parsed(lambda e: e["request"].update(cookies=cookies))
    assert entry.event.headers[-1] == ("Cookie", "a=1; b=2")
    both = {"cookies": cookies, "headers": named(cookie="a=1")}
    assert parsed(lambda e: e["request"].update(both)).event.headers == (("cookie", "a=1"),)


def test_an_answer_says_nothing_of_bytes_that_are_not_there() -> None:
    headers = named(
        content_encoding="gzip", Transfer_Encoding="chunked", set_cookie="a=1\nb=2", etag="x"
    )
    event = parsed(lambda e: e["response"].update(headers=headers)).event
    assert event.response_headers == (("set-cookie", "a=1"), ("set-cookie", "b=2"), ("etag", "x"))


def test_a_fragment_never_travels() -> None:
    entry = parsed(lambda e: e["request"].update(url="https://a.example/x?y#z:/?"))
    assert entry.event.url == "https://a.example/x?y"


# Bodies.


def body_of(post: object, size: int = -1, **headers: str) -> tuple[bytes | None, tuple[Any, ...]]:
    request = {"method": "POST", "postData": post, "bodySize": size, "headers": named(**headers)}
    entry = parsed(lambda e: e["request"].update(request))
    return None if entry.body_unknown else entry.event.body, entry.event.headers


def test_a_text_is_sent_as_utf_8() -> None:
    assert body_of({"text": "é", "mimeType": "text/plain"}) == (
        "é".encode(),
        (("Content-Type", "text/plain"),),
    )
    assert body_of({"text": "a"}, content_type="text/x") == (b"a", (("content-type", "text/x"),))


@pytest.mark.parametrize(
    ("post", "size", "body"),
    [
        (None, 0, b""),
        (None, -1, b""),
        (None, 12, None),
        ({"mimeType": "text/plain"}, 12, None),
        ({"mimeType": "", "params": [], "text": ""}, 0, b""),
        ({"mimeType": "", "params": [], "text": ""}, 3, None),
        ({"text": b64encode(b"\0\xff").decode(), "encoding": "base64"}, -1, b"\0\xff"),
        ({"text": "\u00ff\u0000", "mimeType": ""}, 2, b"\xff\0"),  # each byte a character
        ({"text": "\u00ff\u0000", "mimeType": ""}, 3, b"\xc3\xbf\0"),
        ({"text": "\ufffd", "mimeType": ""}, 3, "\ufffd".encode()),
        ({"text": "a\ufffd\ufffd", "mimeType": ""}, 5, None),  # bytes that are lost
        ({"text": "a\ud800", "mimeType": ""}, -1, "a\ufffd".encode()),
        ({"text": "longer than was sent"}, 5, b"longer than was sent"),
    ],
)
def test_a_body_is_what_was_sent_or_unknown(post: object, size: int, body: bytes | None) -> None:
    assert body_of(post, size)[0] == body


def test_the_header_knows_a_bodys_size_better() -> None:
    assert body_of({"text": "\u00ff"}, 2, Content_Length="1")[0] == b"\xff"
    assert body_of(None, 0, Content_Length="7")[0] is None


def test_a_form_is_encoded_again() -> None:
    post = {
        "mimeType": "application/x-www-form-urlencoded",
        "params": [{"name": "a b", "value": "ü&="}, {"name": "c"}, None, {"name": 5, "value": 6}],
    }
    assert body_of(post)[0] == b"a+b=%C3%BC%26%3D&c=&5=6"


def test_a_multipart_form_is_encoded_again_with_its_boundary() -> None:
    post = {
        "mimeType": "multipart/form-data",
        "params": [
            {"name": "a", "value": "1"},
            {"name": 'f"\r\n', "value": "x", "fileName": "f.txt", "contentType": "text/plain"},
        ],
    }
    body, headers = body_of(post, content_type='multipart/form-data; boundary="XX"')
    assert headers == (("content-type", 'multipart/form-data; boundary="XX"'),)
    assert body == (
        b'--XX\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
        b'--XX\r\nContent-Disposition: form-data; name="f%22%0D%0A"; filename="f.txt"\r\n'
        b"Content-Type: text/plain\r\n\r\nx\r\n--XX--\r\n"
    )
    body, headers = body_of(post)
    (name, text), *_ = headers
    assert (name, text[:34]) == ("Content-Type", "multipart/form-data; boundary=esr-")
    assert body is not None
    assert body.startswith(b"--" + text[30:].encode() + b"\r\n")


def test_a_file_that_was_left_out_of_a_form_is_a_body_unknown() -> None:
    params = [{"name": "f", "fileName": "f.txt"}]
    assert body_of({"mimeType": "multipart/form-data", "params": params})[0] is None


# A file.


def test_numbers_are_those_of_the_entries(read: Callable[..., ListSink]) -> None:
    sink = read(a_har(an_entry(1), {"request": {}}, 5, an_entry(4)))
    assert [line for line, _ in sink.entries] == [1, 4]
    assert sink.skipped == [(2, "no url"), (3, "not an object")]


@pytest.mark.parametrize(
    "data",
    [
        b'\xef\xbb\xbf {"log":{"entries":[%b]}}',
        b'{"_x":{"log":{"entries":[5]}},"log":{"pages":[{"entries":[1]}],"_y":"]}","entries":[%b],"browser":1},"z":[{}]}',
        b'{"log":{"entries":[%b]}}\n',
        b'{"log":{"en\\u0074ries":[ %b ] , "version":"1.2"}}\r\n\r\n',
    ],
)
def test_keys_come_in_any_order(data: bytes, read: Callable[..., ListSink]) -> None:
    sink = read(data % json.dumps(an_entry(), indent=1).encode())
    assert (sink.urls, sink.skipped) == (["https://a.example/0?x=1"], [])


def test_hars_may_stand_one_a_line(read: Callable[..., ListSink]) -> None:
    sink = read(a_har(an_entry(1)) + b"\n" + a_har() + b"\n" + a_har(an_entry(2), an_entry(3)))
    assert [line for line, _ in sink.entries] == [1, 2, 3]
    assert len({entry.client for _, entry in sink.entries}) == 2


@pytest.mark.parametrize(
    "data",
    [b"{}", b'{"log":{}}', b'{"log":5}', b'{"log":{"entries":{}}}', b'{"log":{"version":"1.2"}}'],
)
def test_a_har_without_entries_says_so(data: bytes, read: Callable[..., ListSink]) -> None:
    assert read(data).skipped == [(1, NO_ENTRIES)]


def test_an_entry_that_is_broken_costs_only_itself(read: Callable[..., ListSink]) -> None:
    good = json.dumps(an_entry()).encode()
    data = b'{"log":{"entries":[%b,{"a":nope},{"a":[1,]},{"a" "b"},%b]}}' % (good, good)
    sink = read(data)
    assert (len(sink.urls), sink.reasons) == (2, [NOT_JSON] * 3)


@pytest.mark.parametrize("rest", [b"oops", b",]}}", b"]}} nonsense", b']} "x"'])
def test_what_follows_no_rule_ends_the_file(rest: bytes, read: Callable[..., ListSink]) -> None:
    sink = read(b'{"log":{"entries":[' + json.dumps(an_entry()).encode() + rest)
    assert (len(sink.urls), sink.reasons) == (1, [NOT_JSON])


def test_what_orjson_refuses_is_read_all_the_same(read: Callable[..., ListSink]) -> None:
    entry = changed(lambda e: e["request"].update(method="POST", postData={"text": "BODY"}))
    text = json.dumps(entry).encode()
    data = [text.replace(b"BODY", each) for each in (b"a\tb", b"\\ud83d", b"\xff\xfe")]
    sink = read(b'{"log":{"entries":[%b]}}' % b",".join(data))
    bodies = [entry.event.body for _, entry in sink.entries]
    assert bodies == [b"a\tb", "\ufffd".encode(), b"\xff\xfe"]


@pytest.mark.parametrize("rest", [b"\\", b"\\\\", b'"', b'":{', b'","b":[1,2', b""])
def test_a_file_that_is_cut_keeps_what_came_before(
    rest: bytes, read: Callable[..., ListSink]
) -> None:
    whole = json.dumps(an_entry()).encode()
    sink = read(b'{"log":{"entries":[' + whole + b',{"a":"b' + rest)
    assert (len(sink.urls), sink.skipped) == (1, [(2, TRUNCATED)])


def test_a_damaged_archive_is_counted_once(read: Callable[..., ListSink]) -> None:
    packed = gzip.compress(a_har(*map(an_entry, range(50))))
    sink = read(packed[: len(packed) // 2])
    assert sink.urls
    assert sink.reasons == ["file ends early (truncated gzip)"]
    assert sink.skipped[0][0] == len(sink.urls) + 1


def test_an_entry_without_end_fills_no_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("replay.readers.har.MAX_ENTRY", 1000)
    whole = json.dumps(an_entry()).encode()
    long = b'{"a":"' + b"x" * 1001 + b'"}'
    sink = read_file(tmp_path, b'{"log":{"entries":[%b,%b,%b]}}' % (whole, long, whole))
    assert (len(sink.urls), sink.skipped) == (2, [(2, OVERLONG_ENTRY)])
    sink = read_file(tmp_path, b'{"log":{"entries":[%b,%b' % (whole, long[:-2]))
    assert (len(sink.urls), sink.skipped) == (1, [(2, OVERLONG_ENTRY)])


def test_a_long_entry_of_tiny_values_fills_no_memory(read: Callable[..., ListSink]) -> None:
    text = json.dumps(an_entry()).encode()
    tiny, long = b"[]," * 3_000_000, b'{"a":"' + b"[,{" * 3_000_000 + b'"}'
    sink = read(b'{"log":{"entries":[%b,{"a":[%b0]},%b]}}' % (text, tiny, long))
    assert len(sink.urls) == 1
    assert sink.skipped == [(2, TOO_MANY_VALUES), (3, "no request")]


@pytest.mark.parametrize(
    ("head", "is_har"),
    [
        (a_har(), True),
        (b'{ "x": [1, "}"], "log" : { "pages": [', True),
        (b'{"log":{"_mine":1}}', True),
        (b'{"log":{}}', False),
        (b'{"log":5}', False),
        (b'{"method":"GET","log":"x"}', False),
        (b'{"x":{"log":{"version":"1.2"}}}', False),
        (b"[]", False),
        (b"", False),
        (b'{"', False),
    ],
)
def test_a_har_is_known_by_its_log(head: bytes, is_har: bool) -> None:
    assert HAR.recognises(Head(head)) is is_har
    assert (sniff(Head(head)) is HAR) is is_har


# Anything at all.

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["log", "entries", "request", "url", "name", "value", "text", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inside = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, inner in inside:
        yield (*path, key)
        yield from places(inner, (*path, key))


RICH = changed(
    lambda e: (
        e.update(connection="1", serverIPAddress="192.0.2.1", _fromCache=None, _connectionId=2),
        e["request"].update(
            method="POST",
            cookies=[{"name": "a", "value": "b"}],
            postData={
                "mimeType": "multipart/form-data",
                "params": [{"name": "a", "value": "b", "fileName": "c", "contentType": "d"}],
                "encoding": None,
            },
        ),
    )
)
PLACES = [*places(RICH)]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(PLACES), st.none() | st.tuples(JSON)), max_size=4))
def test_an_entry_that_is_bent_is_read_or_refused(changes: list[tuple[Any, Any]]) -> None:
    for base in (RICH, {**RICH, "_esr": {"user": "u", "extra": {}, "unknown": []}}):
        entry = deepcopy(base)
        for path, value in changes:
            bend(entry, path, value)
        with suppress(EventError):
            assert parse_har_entry(entry, "somebody").event.ts_ns is not None


def bend(value: Any, path: tuple[Any, ...], new: tuple[object] | None) -> None:
    """Put something else in the place, or take out what stands there."""
    try:
        for key in path[:-1]:
            value = value[key]
        if new is None:
            del value[path[-1]]
        else:
            value[path[-1]] = new[0]
    except (LookupError, TypeError):  # an earlier change took the place away
        return


WHOLE = a_har(RICH, an_entry(1), an_entry(2), pages=[{"id": "a"}])


@settings(max_examples=100, deadline=None)
@given(cut=st.integers(0, len(WHOLE)), junk=st.binary(max_size=6), rest=st.integers(0, 40))
def test_any_cut_and_any_junk_adds_up(
    tmp_path_factory: pytest.TempPathFactory, cut: int, junk: bytes, rest: int
) -> None:
    folder = tmp_path_factory.getbasetemp()
    sink = read_file(folder, WHOLE[:cut])
    assert len(sink.entries) <= 3
    assert len(sink.skipped) == (0 < cut < len(WHOLE))
    sink = read_file(folder, WHOLE[:cut] + junk + WHOLE[cut + rest :])
    lines = [line for line, _ in sink.entries] + [line for line, _ in sink.skipped]
    assert sorted(lines) == list(range(1, len(lines) + 1))


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_without_a_crash(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    folder = tmp_path_factory.getbasetemp()
    assert not read_file(folder, data).entries
    read_file(folder, b'{"log":{"entries":[' + data)
