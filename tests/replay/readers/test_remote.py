from __future__ import annotations

import gzip
import socket
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from fsspec.implementations.memory import MemoryFileSystem  # type: ignore[import-untyped]
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.readers.remote import (
    Remote,
    find_remote,
    is_address,
    open_remote,
    parse_address,
    show_address,
)
from replay.readers.source import Source, TraceFile, find_files, identity
from switchboard.errors import TraceError

LOG = b"".join(b"line %d\n" % number for number in range(200_000))
SECRET = "s3cr3t-of-a-bucket"


class Shelf(BaseHTTPRequestHandler):
    """Answers each path in a way of its own."""

    protocol_version = "HTTP/1.1"
    asked: list[str]
    elsewhere: str

    def do_GET(self) -> None:
        self.asked.append(f"{self.command} {self.path}")
        path = self.path.partition("?")[0]
        if path == "/cut.log":
            self._start(200, len(LOG))
            self.wfile.write(LOG[: len(LOG) // 2])
            self.close_connection = True
        elif path == "/cut-early.log":
            self._start(200, len(LOG))
            self.wfile.write(LOG[:100])
            self.close_connection = True
        elif path == "/moved.log":
            self._start(302, 0, Location="/a.log?moved")
        elif path == "/round.log":
            self._start(302, 0, Location="/round.log")
        elif path == "/away.log":
            self._start(302, 0, Location=self.elsewhere)
        elif path == "/odd.log":
            self._start(302, 0, Location="http://[::1")
        elif path.startswith("/status/"):
            self._start(int(path.rpartition("/")[2]), 0)
        elif path == "/login.log" and not self.headers.get("Authorization", "").startswith("Basic"):
            self._start(401, 0)
        else:
            body = gzip.compress(LOG) if path.endswith(".gz") else LOG
            self._start(200, len(body), ETag='"v1"')
            if self.command == "GET":
                self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815

    def _start(self, status: int, length: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(length)}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


def serve(asked: list[str], elsewhere: str = "") -> ThreadingHTTPServer:
    handler = type("Handler", (Shelf,), {"asked": asked, "elsewhere": elsewhere})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=partial(server.serve_forever, poll_interval=0.02)).start()
    return server


@pytest.fixture(scope="module")
def asked_elsewhere() -> list[str]:
    return []


@pytest.fixture(scope="module")
def site(asked_elsewhere: list[str]) -> Iterator[str]:
    other = serve(asked_elsewhere)
    server = serve([], f"http://127.0.0.1:{other.server_port}/a.log?sig={SECRET}")
    yield f"http://127.0.0.1:{server.server_port}"
    for each in (server, other):
        each.shutdown()
        each.server_close()


def source_of(address: str) -> Source:
    return Source(find_files([parse_address(address)])[0])


@pytest.mark.parametrize("name", ["a.log", "a.log.gz", "moved.log"])
def test_a_log_over_http_is_streamed(site: str, name: str) -> None:
    with source_of(f"{site}/{name}?sig={SECRET}") as source:
        assert b"".join(iter(source.stream().read, b"")) == LOG
        found = source.source_file()
    assert found.path == f"{site}/{name}"
    assert found.bytes == len(gzip.compress(LOG) if name.endswith(".gz") else LOG)
    assert source.damage is None


def test_user_and_password_of_the_address_are_used_and_never_shown(site: str) -> None:
    address = site.replace("//", f"//ops:{SECRET}@") + "/login.log"
    with source_of(address) as source:
        assert source.head().startswith(b"line 0\n")
        assert source.name == f"{site}/login.log"


def test_a_format_that_needs_a_file_gets_a_copy(site: str) -> None:
    with source_of(f"{site}/a.log.gz") as source:
        copy = source.as_file()
        assert copy.read_bytes() == LOG
        assert not source.path.exists()
    assert not copy.exists()


def test_what_came_before_the_connection_broke_is_used(site: str) -> None:
    with source_of(f"{site}/cut.log") as source:
        lines = sum(len(batch) for _, batch in source.batches())
    assert 0 < lines < 200_000
    assert source.damage == "file ends early (the connection broke)"
    assert source.damaged_line == lines + 1


def test_a_connection_that_breaks_at_once_is_damage_and_no_error(site: str) -> None:
    """What had come by then may be read or not; it depends on which was first, break or reader."""
    with source_of(f"{site}/cut-early.log") as source:
        lines = [line for _, batch in source.batches() for line in batch]
    assert lines[:1] in ([], [b"line 0"])
    assert source.damage == "file ends early (the connection broke)"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("status/404", "there is no log at"),
        ("status/403", "may not be read"),
        ("login.log", "may not be read"),
        ("status/500", "answers 500 and no log"),
        ("round.log", "redirects more than 5 times"),
        ("odd.log", "redirects to something that is no address"),
        ("away.log", "leads to 127.0.0.1, which was not named"),
    ],
)
def test_what_is_no_log_is_one_sentence_without_secrets(
    site: str, path: str, message: str, asked_elsewhere: list[str]
) -> None:
    with pytest.raises(TraceError, match=message) as caught:
        source_of(f"{site}/{path}?X-Amz-Signature={SECRET}")
    assert f"{site}/{path}" in str(caught.value)
    assert SECRET not in str(caught.value)
    assert asked_elsewhere == []


def test_nobody_answers() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}/a.log"
        with pytest.raises(TraceError, match=f"nothing answers at {address}"):
            source_of(address)


def test_the_server_says_whether_a_log_has_changed(site: str) -> None:
    named = parse_address(f"{site}/a.log?sig={SECRET}")
    found = identity(named)
    assert found is not None
    assert found[1:] == [len(LOG), '"v1"']
    assert SECRET not in str(found)
    assert identity(parse_address(f"{site}/status/404")) is None
    assert find_files([named])[0].size() == len(LOG)


class Bucket(MemoryFileSystem):  # type: ignore[misc]
    """A store that lives in memory, under the name of one that does not."""

    protocol = "s3"
    store: dict[str, object] = {}  # noqa: RUF012  # as its base has it
    pseudo_dirs = [""]  # noqa: RUF012

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        bare: str = super()._strip_protocol(path.removeprefix("s3://"))
        return bare


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    # The module's own name is hidden behind a read-only view of what it holds.
    monkeypatch.setitem(vars(sys.modules["fsspec.registry"])["_registry"], "s3", Bucket)
    store = Bucket()
    for name in ("day/part-10.gz", "day/part-9.gz", "day/README.md", "odd[1].log", "x.log"):
        store.pipe_file(f"logs/{name}", gzip.compress(LOG) if name.endswith(".gz") else LOG)
    yield store
    store.store.clear()
    Bucket.clear_instance_cache()


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("s3://logs/x.log", ["x.log"]),
        ("s3://logs/nothing.log", ["nothing.log"]),
        ("s3://logs/day/", ["day/part-10.gz", "day/part-9.gz"]),
        ("s3://logs/*.log", ["odd[1].log", "x.log"]),
        ("s3://logs/**/*.gz", ["day/part-10.gz", "day/part-9.gz"]),
        ("s3://logs/odd[1].log", ["odd[1].log"]),
        ("S3://logs/x.log", ["x.log"]),
    ],
)
@pytest.mark.usefixtures("bucket")
def test_globs_and_folders_of_a_store(address: str, found: list[str]) -> None:
    files = find_remote(parse_address(address), lambda name: not name.endswith(".md"))
    assert sorted(file.address for file in files) == [f"s3://logs/{name}" for name in found]


@pytest.mark.usefixtures("bucket")
def test_a_file_of_a_store_is_streamed() -> None:
    (found,) = find_remote(parse_address("s3://logs/day/*9.gz"))
    (file,) = find_files([found])
    assert file.size() == len(gzip.compress(LOG))
    assert identity(found) is not None
    with Source(file) as source:
        assert b"".join(iter(source.stream().read, b"")) == LOG
        assert source.source_file().path == "s3://logs/day/part-9.gz"


@pytest.mark.parametrize("address", ["s3://logs/empty/", "s3://logs/*.har"])
@pytest.mark.usefixtures("bucket")
def test_a_store_that_holds_nothing_there(address: str) -> None:
    with pytest.raises(TraceError, match="holds no log file"):
        find_remote(parse_address(address))


class OddError(Exception):
    """As a store's own library may raise it, with more in its words than is good."""


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (FileNotFoundError(SECRET), "there is no log at s3://logs/x.log"),
        (PermissionError(SECRET), "s3://logs/x.log may not be read with the credentials"),
        (type("NoCredentialsError", (Exception,), {})(SECRET), "no credentials for s3://logs"),
        (OddError(SECRET), "cannot read s3://logs/x.log: OddError"),
    ],
)
def test_an_error_of_a_store_is_one_sentence_of_ours(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch, error: Exception, message: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(type(bucket), "_open", fail)
    with pytest.raises(TraceError, match=message) as caught:
        open_remote(parse_address("s3://logs/x.log"))
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "extra"), [("http://x/y", "remote"), ("s3://b/k", "s3"), ("gs://b/k", "gs")]
)
def test_without_the_package_one_sentence_names_it(
    monkeypatch: pytest.MonkeyPatch, address: str, extra: str
) -> None:
    for name in ("fsspec", "fsspec.asyn", "s3fs", "gcsfs"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(TraceError) as caught:
        open_remote(parse_address(address))
    assert f"pip install 'hms-esr[{extra}]'" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ftp://x/y", "a log cannot be read from ftp://; it is read from http://"),
        ("file:///tmp/x", "file:// is not needed"),
        ("http:///y", "its host or bucket is missing"),
        ("http://[::1/y", "its host or bucket is missing"),
        ("http://x:y/z", "its host or bucket is missing"),
        ("s3://b/\n", "control characters"),
        (f"https://ops:{SECRET}@/y?sig={SECRET}", "its host or bucket is missing"),
    ],
)
def test_what_is_no_address_is_said(text: str, message: str) -> None:
    with pytest.raises(TraceError, match=message) as caught:
        parse_address(text)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("s3://b/k", True), ("http://x", True), ("a/b.log", False), ("c:/x", False), ("://x", False)],
)
def test_is_address(text: str, *, expected: bool) -> None:
    assert is_address(text) is expected


PART = st.text(st.characters(codec="ascii", exclude_characters="/?#@"), max_size=12)


@settings(max_examples=80)
@given(user=PART, host=PART, path=PART, query=PART)
def test_no_address_is_shown_with_its_secrets(user: str, host: str, path: str, query: str) -> None:
    shown = show_address(f"https://{user}:{SECRET}@{host}/{path}?{query}={SECRET}#{SECRET}")
    assert SECRET not in shown
    assert shown.isascii()
    assert shown.isprintable()


@settings(max_examples=80)
@given(text=st.text(max_size=30) | st.builds("{}://{}".format, PART, st.text(max_size=20)))
def test_any_text_is_an_address_or_a_trace_error(text: str) -> None:
    try:
        found = parse_address(text)
    except TraceError:
        return
    assert found.address.lower() == text.lower()
    assert "address" not in repr(found)


def test_a_trace_file_of_elsewhere_has_no_place_here() -> None:
    file = find_files([Remote("s3://bucket/key.log")])[0]
    assert isinstance(file, TraceFile)
    assert file.name == "s3://bucket/key.log"
    assert not file.path.with_name("key.times").exists()
