from __future__ import annotations

import contextlib
import errno
import gzip
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.account import Account, Tally
from replay.building import row_file, row_sort
from replay.building.compile import EmptyTraceError, build_tape
from replay.building.places import MAX_HOSTS, MAX_ROUTES
from replay.gate.findings import Findings
from replay.readers.entry import Entry, Sink
from replay.readers.formats import find_format
from replay.readers.through import Through
from replay.tape import UNKNOWN_WAIT, Tape, TapeInfo, TapeWriter
from switchboard.errors import LeakError, TraceError

SEMICOMPLETE = (
    Path(__file__).parents[3] / "../shared/data/access_logs/semicomplete-2015-combined.log"
)
T0 = 1_584_273_600_000_000_000
MS = 1_000_000


def event(at_ms: float | None = 0, **more: Any) -> dict[str, Any]:
    stamp = {} if at_ms is None else {"ts": T0 + int(at_ms * MS)}
    return {**stamp, "method": "GET", "url": "/a", **more}


def write(path: Path, *events: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(one) + "\n" for one in events))
    return path


def build(tmp_path: Path, *events: object) -> Tape:
    build_tape([write(tmp_path / "in.ndjson", *events)], tmp_path / "tape")
    return Tape.open(tmp_path / "tape")


def people(tape: Tape) -> list[tuple[str, int]]:
    return [(tape.user_name(tape.user_of(i)), int(tape.session[i])) for i in range(len(tape))]


def adds_up(account: Account) -> bool:
    return account.entries == account.used + sum(account.skipped.values())


def test_a_request_is_stripped_and_ready(tmp_path: Path) -> None:
    headers = {
        "Host": "prod.example",
        "Authorization": "Bearer abc",
        "Cookie": "sid=1",
        "Connection": "close",
        "Content-Length": "999",
        "Expect": "100-continue",
        "Upgrade": "h2c",
        "Transfer-Encoding": "chunked",
        "Accept-Encoding": "gzip",
    }
    url = "https://u:p@ACH.hms.example/pay/77?token=s3cret&x=1#frag"
    posted = event(method="POST", url=url, headers=headers, body={"a": [1, "é"]}, user="ann")
    with build(tmp_path, {**posted, "status": 201, "wait_ms": 12.5}) as tape:
        head, _, body = tape.record(0).partition(b"\r\n\r\n")
        assert head.split(b"\r\n") == [
            b"POST /pay/77?token=sandbox&x=1 HTTP/1.1",
            b"Accept-Encoding: gzip",
            b"content-type: application/json",
            b"Content-Length: 14",
        ]
        assert json.loads(body) == {"a": [1, "é"]}
        assert tape.record(0)[: tape.split[0]].endswith(b" HTTP/1.1\r\n")
        assert tape.info.hosts == ("ach.hms.example",)
        assert tape.info.routes[0].name == "ach POST /pay/{id}"
        assert (tape.status[0], tape.wait_us[0]) == (201, 12_500)


@pytest.mark.parametrize(
    ("given_body", "sent", "has_type"),
    [
        ({"body": "plain text"}, b"plain text", False),
        ({"body": "é"}, "é".encode(), False),
        ({"body_b64": "AAH/"}, b"\x00\x01\xff", False),
        ({"body": []}, b"[]", True),
        ({"body": False}, b"false", True),
        ({}, b"", False),
    ],
    ids=["text", "UTF-8", "base64", "empty list", "false", "none"],
)
def test_bodies(tmp_path: Path, given_body: dict[str, Any], sent: bytes, has_type: bool) -> None:
    with build(tmp_path, event(method="PUT", **given_body)) as tape:
        head, _, body = tape.record(0).partition(b"\r\n\r\n")
    assert body == sent
    assert b"Content-Length: %d" % len(sent) in head
    assert (b"content-type: application/json" in head) is has_type


def test_unknown_answers_are_marked(tmp_path: Path) -> None:
    with build(tmp_path, event(), event(wait_ms=1e9)) as tape:
        assert tape.status.tolist() == [0, 0]
        assert tape.wait_us.tolist() == [UNKNOWN_WAIT, UNKNOWN_WAIT - 1]


def test_stamps_that_go_back_are_sorted_and_counted(tmp_path: Path) -> None:
    urls = ["/d", "/b", "/a", "/c", "/e"]
    events = [event(at, url=url) for at, url in zip([30, 10, 0, 20, 30], urls, strict=True)]
    with build(tmp_path, *events) as tape:
        assert tape.due_ns.tolist() == [0, 10 * MS, 20 * MS, 30 * MS, 30 * MS]
        targets = [tape.record(i).split()[1] for i in range(5)]
        assert targets == [b"/a", b"/b", b"/c", b"/d", b"/e"]
        assert tape.info.account.out_of_order == 3
        assert tape.info.start_ns == T0
        assert tape.info.seconds == 0.03


@pytest.mark.parametrize(
    ("times", "due_ms", "start"),
    [
        ([(None, 5), (None, 10), (None, 0.5)], [0, 10, 10.5], 5 * MS),
        ([(100, None), (None, 10), (50, None), (None, 5)], [0, 5, 50, 60], T0 + 50 * MS),
        ([(None, 7), (None, 10), (100, None), (None, 1)], [0, 10, 10, 11], T0 + 90 * MS),
        ([(100, 999), (None, 10)], [0, 10], T0 + 100 * MS),
    ],
    ids=["delays alone", "delay after a stamp", "delays before the first stamp", "stamp wins"],
)
def test_delays_count_from_the_entry_before(
    tmp_path: Path, times: list[tuple[float, float]], due_ms: list[float], start: int
) -> None:
    events = [{**event(at), **({} if delay is None else {"delay": delay})} for at, delay in times]
    with build(tmp_path, *events) as tape:
        assert tape.due_ns.tolist() == [int(due * MS) for due in due_ms]
        assert tape.info.start_ns == start


def test_the_delay_of_an_event_that_is_skipped_still_passes(tmp_path: Path) -> None:
    skipped = [event(None, delay=7, url="nowhere"), event(None, delay=5, url="*")]
    with build(tmp_path, event(), *skipped, event(None, delay=1)) as tape:
        assert tape.due_ns.tolist() == [0, 13 * MS]


def test_a_folder_of_one_object_files_is_one_trace(tmp_path: Path) -> None:
    for number in range(12):
        one = event(None, delay=10, url=f"/n{number}", user="ann")
        (tmp_path / "in").mkdir(exist_ok=True)
        indent = 2 if number % 2 else None
        (tmp_path / "in" / f"{number}.json").write_text(json.dumps(one, indent=indent))
    info = build_tape([tmp_path / "in"], tmp_path / "tape")
    with Tape.open(tmp_path / "tape") as tape:
        assert tape.due_ns.tolist() == [number * 10 * MS for number in range(12)]
        assert [tape.record(i).split()[1] for i in (2, 10)] == [b"/n2", b"/n10"]
    assert (info.account.entries, info.users, info.sessions) == (12, 1, 1)
    assert len(info.account.sources) == 12


def test_users_and_sessions(tmp_path: Path) -> None:
    events = [
        event(0, user="ann", session="x"),
        event(1, user="bo", session="x"),
        event(2, user="ann", session="y"),
        event(3, user="ann"),
        event(4, session="z"),
        event(5),
        event(6),
        event(7, session="z"),
        event(8, user="z"),
        event(9_000_000, user="ann"),
    ]
    with build(tmp_path, *events) as tape:
        assert people(tape) == [
            ("ann", 0),
            ("bo", 1),
            ("ann", 2),
            ("ann", 3),
            ("z", 4),
            ("anonymous-1", 5),
            ("anonymous-2", 6),
            ("z", 4),
            ("z", 7),
            ("ann", 3),
        ]
        assert (tape.info.users, tape.info.sessions) == (6, 8)


def access_line(client: str, time: str, request: str = "GET / HTTP/1.1") -> str:
    return f'{client} - - [17/May/2015:{time} +0000] "{request}" 200 1'


def build_log(tmp_path: Path, *lines: str, seed: int = 0) -> Tape:
    (tmp_path / "a.log").write_text("\n".join(lines) + "\n")
    build_tape([tmp_path / "a.log"], tmp_path / "tape", seed=seed)
    return Tape.open(tmp_path / "tape")


def test_clients_become_users_whose_sessions_end_when_they_are_idle(tmp_path: Path) -> None:
    lines = [
        access_line("10.0.0.1", "10:00:00"),
        access_line("::1", "10:00:01"),
        access_line("10.0.0.1", "10:29:58"),
        access_line("10.0.0.1", "11:00:10"),
        access_line("-", "11:00:11"),
        access_line("-", "11:00:12"),
    ]
    with build_log(tmp_path, *lines) as tape:
        names = ["client-1", "client-2", "client-1", "client-1", "anonymous-1", "anonymous-2"]
        assert people(tape) == list(zip(names, [0, 1, 0, 2, 3, 4], strict=True))
    for path in (tmp_path / "tape").iterdir():
        assert b"10.0.0.1" not in path.read_bytes()


def test_one_second_stamps_are_spread_in_file_order(tmp_path: Path) -> None:
    lines = [access_line("a", "10:00:00", f"GET /{i} HTTP/1.1") for i in range(50)]
    lines += [access_line("a", "10:00:01", "GET /next HTTP/1.1")]
    with build_log(tmp_path, *lines, seed=3) as tape:
        due = tape.due_ns + tape.info.start_ns % 1_000_000_000
        assert [tape.record(i).split()[1] for i in range(3)] == [b"/0", b"/1", b"/2"]
        assert np.all(np.diff(due) > 0)
        assert [int(at // 20_000_000) for at in due[:50]] == list(range(50))
        assert due[50] >= 1_000_000_000
        assert tape.info.account.stamps == "spread inside one second (seed 3)"
        first = tape.due_ns.tolist()
    with build_log(tmp_path, *lines, seed=4) as tape:
        assert tape.due_ns.tolist() != first


def test_bodies_that_were_not_recorded_are_counted(tmp_path: Path) -> None:
    with build_log(tmp_path, access_line("a", "10:00:00", "POST /x HTTP/1.1")) as tape:
        assert b"Content-Length: 0\r\n" in tape.record(0)
        assert tape.info.account.bodies_unknown == 1
        assert any("bodies were not recorded" in note for note in tape.info.account.notes)


def test_two_formats_make_one_trace(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.log").write_text(access_line("a", "10:00:00") + "\n")
    at = 1_431_856_800_000_000_000
    write(tmp_path / "in" / "b.ndjson", {**event(), "ts": at}, {**event(), "ts": at + 10**9})
    info = build_tape([tmp_path / "in"], tmp_path / "tape")
    assert info.account.format == "common, ops"
    assert info.requests == 3
    with Tape.open(tmp_path / "tape") as tape:
        assert np.all(np.diff(tape.due_ns) >= 0)
        assert tape.info.start_ns == at


@pytest.mark.skipif(not SEMICOMPLETE.exists(), reason="the shared access log is not here")
def test_every_line_of_a_real_access_log_is_accounted_for(tmp_path: Path) -> None:
    info = build_tape([SEMICOMPLETE], tmp_path / "tape", seed=1)
    assert info.account.entries == 10_000
    assert adds_up(info.account)
    assert info.account.used == 10_000
    assert info.account.bodies_unknown == 5
    assert 3 * 86_400 < info.seconds < 4 * 86_400
    with Tape.open(tmp_path / "tape") as tape:
        assert np.all(np.diff(tape.due_ns) >= 0)
        assert tape.info == info
    blob = (tmp_path / "tape" / "requests.bin").read_bytes()
    assert b"semicomplete.com/presentations/logstash-monitorama-2013/" not in blob
    assert b"eferer" not in blob


def test_two_builds_are_byte_identical_wherever_they_run(tmp_path: Path) -> None:
    events = [
        event(i * 7 % 50, user=f"u{i % 9}", session=f"s{i % 4}", body={"i": i}) for i in range(200)
    ]
    found = []
    for place in ("here", "over/there"):
        write(tmp_path / place / "in" / "x.ndjson", *events)
        (tmp_path / place / "in" / "y.log").write_text(access_line("a", "10:00:00") + "\n")
        build_tape([tmp_path / place / "in"], tmp_path / place / "tape", seed=5)
        files = sorted((tmp_path / place / "tape").iterdir())
        found.append({path.name: path.read_bytes() for path in files})
    assert found[0] == found[1]
    assert str(tmp_path).encode() not in b"".join(found[0].values())


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (event(ts="9999-01-01T00:00:00Z"), "ts outside 1990..2100"),
        (event(ts="1989-12-31T23:59:59Z"), "ts outside 1990..2100"),
        (event(ts=1_584_273_600), "ts outside 1990..2100"),
        (event(ts="yesterday"), "bad ts"),
        (event(None), "no ts"),
        (event(None, delay=-1), "negative delay"),
        (event(None, delay=1e300), "bad delay"),
        (event(method="BAD METHOD"), "bad method"),
        (event(method="CONNECT"), "bad method"),
        (event(method=[]), "bad method"),
        (event(url="*", method="OPTIONS"), "asterisk target"),
        (event(url="/a\nb"), "bad url"),
        (event(url="/a b"), "bad url"),
        (event(url="/" + "1" * 70_000), "url too long"),
        (event(url="/?" + "a&" * 35_000), "url too long"),
        ([], "not an object"),
        ("x", "not an object"),
    ],
)
def test_what_cannot_be_replayed_is_counted_with_its_line(
    tmp_path: Path, bad: object, reason: str
) -> None:
    with build(tmp_path, event(), bad, event()) as tape:
        account = tape.info.account
        assert account.skipped == {reason: 1}
        assert (account.entries, account.used) == (3, 2)
        assert [(e.file, e.line, e.reason) for e in account.examples] == [("in.ndjson", 2, reason)]


def test_delays_cannot_leave_the_calendar(tmp_path: Path) -> None:
    year = event(None, delay=365 * 86_400_000)
    with build(tmp_path, *([year] * 200)) as tape:
        assert set(tape.info.account.skipped) == {"delays add up past the year 2100"}
        assert tape.info.seconds < 4.2e9


def test_examples_are_few_and_counts_are_whole(tmp_path: Path) -> None:
    with build(tmp_path, event(), *[[]] * 50) as tape:
        assert tape.info.account.skipped == {"not an object": 50}
        assert len(tape.info.account.examples) == 5


def test_hosts_are_bounded(tmp_path: Path) -> None:
    events = [event(i, url=f"http://h{i}.example/") for i in range(MAX_HOSTS + 3)]
    with build(tmp_path, *events, event(url="http://h1.example/")) as tape:
        assert tape.info.account.skipped == {"too many hosts": 3}
        assert len(tape.info.hosts) == MAX_HOSTS


def test_routes_are_bounded(tmp_path: Path) -> None:
    def word(i: int) -> str:
        return "".join(chr(ord("g") + int(digit)) for digit in str(i))

    events = [event(i, url=f"http://svc.x/{word(i)}") for i in range(MAX_ROUTES + 10)]
    with build(tmp_path, *events, event(url="/last")) as tape:
        assert len(tape.info.routes) == MAX_ROUTES + 2
        names = [route.name for route in tape.info.routes]
        assert names[-2:] == ["svc (other)", "(other)"]
        assert np.count_nonzero(tape.route == MAX_ROUTES) == 10


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "nothing to replay: it is empty"),
        (b"\n\n", r"blank line \(2, first at x:1\)"),
        (b'{"url": "/"}\n[]\n', r"no method \(1, first at x:1\)|no ts \(1, first at x:1\)"),
        (b"\x89PNG\r\n\x1a\n", "looks like a PNG image. It reads "),
        (bytes(100), "looks like (binary data|nothing but NUL)"),
        (b"Dear diary\n", "in none of the formats"),
        (b"\x1f\x8b", "truncated gzip"),
        (b"\x1f\x8b" + b"x" * 50, "damaged gzip"),
        (b"\x28\xb5\x2f\xfd", "truncated zstd"),
    ],
    ids=["empty", "blank", "useless", "PNG", "NULs", "text", "cut gzip", "bad gzip", "cut zstd"],
)
def test_nothing_to_replay_is_one_clear_sentence(
    tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(TraceError, match=message):
        build_tape([tmp_path / "x"], tmp_path / "tape")
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_a_stray_file_in_a_folder_is_counted(tmp_path: Path) -> None:
    write(tmp_path / "in" / "a.ndjson", event())
    (tmp_path / "in" / "logo.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    info = build_tape([tmp_path / "in"], tmp_path / "tape")
    assert info.account.skipped == {"not a trace: a PNG image": 1}
    assert (info.account.examples[0].file, info.account.format) == ("logo.png", "ops")


@pytest.mark.parametrize(
    "pack",
    [gzip.compress, lambda data: zstandard.ZstdCompressor().compress(data)],
    ids=["gzip", "zstd"],
)
def test_a_truncated_archive_is_used_as_far_as_it_goes(
    tmp_path: Path, pack: Callable[[bytes], bytes]
) -> None:
    lines = b"".join(
        json.dumps(event(i, body=os.urandom(40).hex())).encode() + b"\n" for i in range(9_000)
    )
    packed = pack(lines)
    (tmp_path / "x").write_bytes(packed[: len(packed) // 2])
    account = build_tape([tmp_path / "x"], tmp_path / "tape").account
    assert account.used > 100
    assert adds_up(account)
    ((reason, count),) = account.skipped.items()
    assert (reason.startswith("file ends early (truncated"), count) == (True, 1)
    assert account.examples[0].line == account.used + 1


def test_a_line_of_10_mb_is_passed_over(tmp_path: Path) -> None:
    long = event(body="x" * 10_000_000)
    with build(tmp_path, event(), long, event()) as tape:
        assert tape.info.account.skipped == {"line longer than 8 MiB": 1}
        assert tape.info.account.examples[0].line == 2


def test_a_format_can_be_forced(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("oops\n" * 60 + access_line("a", "10:00:00") + "\n")
    with pytest.raises(TraceError, match="in none of the formats"):
        build_tape([tmp_path / "x"], tmp_path / "tape")
    info = build_tape([tmp_path / "x"], tmp_path / "tape", format=find_format("access_log"))
    assert info.account.skipped == {"not an access log line": 60}


def test_progress_ends_where_the_files_end(tmp_path: Path) -> None:
    path = write(tmp_path / "in", *[event(i) for i in range(10_000)])
    seen: list[tuple[int, int]] = []
    build_tape([path], tmp_path / "tape", on_progress=lambda *now: seen.append(now))
    size = path.stat().st_size
    assert seen[-1] == (size, size)
    assert seen == sorted(seen)


def test_a_full_disk_is_an_oserror_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: TapeWriter, file: str, data: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(TapeWriter, "append_bytes", full)
    path = write(tmp_path / "in", event())
    with pytest.raises(OSError, match="No space left"):
        build_tape([path], tmp_path / "tape")
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_an_interrupted_build_keeps_the_tape_that_was_there(tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    path = write(tmp_path / "in", event())
    before = build_tape([path], tmp_path / "tape")
    write(path, event(), event())
    with pytest.raises(KeyboardInterrupt):
        build_tape([path], tmp_path / "tape", on_progress=interrupt)
    with Tape.open(tmp_path / "tape") as tape:
        assert tape.info == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "tape"]


EVENTS = st.fixed_dictionaries(
    {
        "ts": st.integers(T0, T0 + 20),
        "method": st.sampled_from(["GET", "POST", "?"]),
        "url": st.sampled_from(["/", "/a/1", "http://h/x", "*"]),
    },
    optional={
        "user": st.sampled_from(["a", "b", "c"]),
        "session": st.sampled_from(["x", "y"]),
        "status": st.sampled_from([200, 500]),
        "body": st.integers(),
    },
)
LINES = st.one_of(
    EVENTS.map(lambda one: json.dumps(one).encode()),
    st.binary(max_size=60),
    st.just(access_line("a", "10:00:00").encode()),
    st.sampled_from([b"", b"{}", b"[]", b'{"ts":1e400}', b'{"a":"\\ud800"}', b"\xff", b"\0"]),
)


def attempt(path: Path, folder: Path, forced: str | None) -> TapeInfo | None:
    with contextlib.suppress(TraceError):
        return build_tape([path], folder, format=find_format(forced) if forced else None)
    return None


@settings(max_examples=120, deadline=None)
@given(
    lines=st.lists(LINES, max_size=12),
    forced=st.sampled_from([None, None, "ops", "access_log"]),
    pack=st.sampled_from([bytes, gzip.compress]),
    cut=st.sampled_from([0, 0, 5]),
)
def test_any_bytes_give_a_tape_that_adds_up_or_a_trace_error(
    lines: list[bytes],
    forced: str | None,
    pack: Callable[[bytes], bytes],
    cut: int,
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        check_any_bytes(Path(folder), lines, forced, pack, cut)


def check_any_bytes(
    home: Path,
    lines: list[bytes],
    forced: str | None,
    pack: Callable[[bytes], bytes],
    cut: int,
) -> None:
    packed = pack(b"\n".join(lines))
    (home / "x").write_bytes(packed[: len(packed) - cut])
    info = attempt(home / "x", home / "tape", forced)
    if info is None:
        assert [path.name for path in home.iterdir()] == ["x"]
        return
    assert adds_up(info.account)
    assert info.requests == info.account.used
    with Tape.open(home / "tape") as tape:
        assert np.all(np.diff(tape.due_ns) >= 0)
        assert tape.due_ns[0] == 0
        assert int(tape.length.sum()) == len(tape.blob)
        assert set(tape.session.tolist()) == set(range(info.sessions))
        assert set(tape.session_user.tolist()) == set(range(info.users))
        for i in range(info.requests):
            assert tape.record(i)[: tape.split[i]].endswith(b" HTTP/1.1\r\n")


@settings(max_examples=60, deadline=None)
@given(st.lists(EVENTS, min_size=1, max_size=25))
def test_people_are_numbered_as_a_plain_loop_would(events: list[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        check_people(Path(folder), events)


def check_people(home: Path, events: list[dict[str, Any]]) -> None:
    usable = [one for one in events if one["method"] != "?" and one["url"] != "*"]
    users: dict[object, int] = {}
    sessions: dict[object, int] = {}
    expected = []
    for place, one in sorted(enumerate(usable), key=lambda item: (item[1]["ts"], item[0])):
        key = one.get("user") or ("session", one.get("session", place))
        user = users.setdefault(key, len(users))
        session = sessions.setdefault((user, one.get("session")), len(sessions))
        expected.append((user, session))
    info = attempt(write(home / "x", *events), home / "tape", "ops")
    if info is None:
        assert not usable
        return
    with Tape.open(home / "tape") as tape:
        assert [(tape.user_of(i), int(tape.session[i])) for i in range(len(tape))] == expected


def test_a_trace_in_two_zones_is_one_course_of_time(tmp_path: Path) -> None:
    stamps = ["14:00:00 +0200", "08:00:01 -0400", "12:00:02 +0000", "17:30:03 +0530"]
    lines = [f'a - - [15/Mar/2020:{at}] "GET /{i} HTTP/1.1" 200 1' for i, at in enumerate(stamps)]
    with build_log(tmp_path, *lines) as tape:
        assert [tape.record(i).split()[1] for i in range(4)] == [b"/0", b"/1", b"/2", b"/3"]
        assert (tape.info.account.out_of_order, tape.info.seconds < 4) == (0, True)


def test_clocks_that_are_put_back_change_nothing(tmp_path: Path) -> None:
    # New York, 1 November 2020: 1:59:59 is followed by 1:00:00.
    stamps = ["01:59:59 -0400", "01:00:00 -0500", "01:59:59 -0500", "02:00:00 -0500"]
    lines = [f'a - - [01/Nov/2020:{at}] "GET /{i} HTTP/1.1" 200 1' for i, at in enumerate(stamps)]
    with build_log(tmp_path, *lines) as tape:
        assert [tape.record(i).split()[1] for i in range(4)] == [b"/0", b"/1", b"/2", b"/3"]
        assert tape.info.account.out_of_order == 0
        assert 3_600 < tape.info.seconds < 3_602


def test_entries_that_are_out_of_order_by_hours_are_sorted_and_told(tmp_path: Path) -> None:
    hours = [5, 1.5, 3, 8]
    with build(tmp_path, *[event(h * 3_600_000, url=f"/{h}") for h in hours]) as tape:
        assert [tape.record(i).split()[1] for i in range(4)] == [b"/1.5", b"/3", b"/5", b"/8"]
        assert tape.info.account.out_of_order == 2
        assert "entries were out of order by up to 3.5 h: they were sorted" in (
            tape.info.account.notes
        )


def test_what_users_were_told_apart_by_and_what_stamps_meant(tmp_path: Path) -> None:
    events = [event(user="ann"), event(user="bo"), event(session="x"), event()]
    (tmp_path / "b.log").write_text(access_line("10.0.0.1", "10:00:00") + "\n")
    log = write(tmp_path / "in.ndjson", *events)
    account = build_tape([log, tmp_path / "b.log"], tmp_path / "tape").account
    assert account.session_keys == {"client": 1, "none": 1, "session": 1, "user": 2}
    assert account.stamp == "start"


def test_what_bodies_come_to(tmp_path: Path) -> None:
    bodies = [event(method="POST", body="x" * size) for size in (3, 10, 0)]
    with build(tmp_path, event(), *bodies) as tape:
        assert tape.info.bodies == {"requests": 2, "bytes": 13, "largest": 10}


def test_a_trace_with_nothing_to_replay_has_an_account(tmp_path: Path) -> None:
    with pytest.raises(EmptyTraceError) as caught:
        build_tape([write(tmp_path / "x", *[event(method="CONNECT")] * 2)], tmp_path / "tape")
    account = caught.value.account
    assert (account.entries, account.skipped, account.format) == (2, {"bad method": 2}, "ops")


class Finding(Through):
    """Finds a thing in every entry."""

    def __init__(self, end: Sink, found: Findings, *, is_allowed: bool) -> None:
        super().__init__(end)
        self._found = found
        self._is_allowed = is_allowed

    needs_whole = True

    def add(self, line: int, entry: Entry) -> None:
        self._found.add("x", line, "url", "ssn", "1", is_allowed=self._is_allowed)
        super().add(line, entry)


def test_a_tape_with_findings_is_not_kept(tmp_path: Path) -> None:
    log = write(tmp_path / "x", event(), event())
    with pytest.raises(LeakError, match="2 ssn") as caught:
        build_tape(
            [log],
            tmp_path / "tape",
            chain=lambda rows, _, found: Finding(rows, found, is_allowed=False),
        )
    assert (caught.value.exit_code, caught.value.findings) == (97, {"ssn": 2})
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_findings_that_are_allowed_are_on_the_record(tmp_path: Path) -> None:
    info = build_tape(
        [write(tmp_path / "x", event(), event())],
        tmp_path / "tape",
        chain=lambda rows, _, found: Finding(rows, found, is_allowed=True),
        allowed=["ssn"],
        anonymiser="none at all",
    )
    with Tape.open(tmp_path / "tape") as tape:
        assert tape.info == info
    assert (info.account.allowed, info.account.found) == (("ssn",), {"ssn": 2})
    assert info.anonymiser == "none at all"


def test_what_a_chain_leaves_out_is_named_when_nothing_is_left(tmp_path: Path) -> None:
    class Nothing(Through):
        needs_whole = True

        def __init__(self, end: Sink, tally: Tally) -> None:
            super().__init__(end)
            self._tally = tally

        def add(self, line: int, entry: Entry) -> None:
            self._tally.drop("route")

    with pytest.raises(EmptyTraceError, match="nothing to replay: route left out 2") as caught:
        build_tape(
            [write(tmp_path / "x", event(), event())],
            tmp_path / "tape",
            chain=lambda rows, tally, _: Nothing(rows, tally),
        )
    assert caught.value.account.dropped == {"route": 2}


def test_memory_holds_a_chunk_and_not_the_log(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sizes: list[int] = []
    read = np.fromfile

    def watched(*given: Any, **more: Any) -> Any:
        found = read(*given, **more)
        sizes.append(len(found))
        return found

    monkeypatch.setattr(row_file, "CHUNK", 50)
    monkeypatch.setattr(row_file.read_chunks, "__defaults__", (50,))
    monkeypatch.setattr(row_sort, "RUN", 100)
    monkeypatch.setattr(row_sort, "SAMPLE", 10)
    monkeypatch.setattr(row_sort, "SAMPLES_A_PART", 8)
    monkeypatch.setattr(np, "fromfile", watched)
    events = [event(i * 7_919 % 2_000, user=f"u{i % 90}", url=f"/{i}") for i in range(2_000)]
    with build(tmp_path, *events) as tape:
        assert np.all(np.diff(tape.due_ns) >= 0)
        assert tape.info.users == 90
    assert max(sizes) <= 280
