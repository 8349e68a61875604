"""Logs that lie elsewhere: `http(s)://`, and `s3://` and `gs://` with their globs and folders.

fsspec reads them; it is an extra, and is imported only where an address was named. Only what was
named is asked for: a redirect is followed on the host that was named and nowhere else. What a
message or an account shows of an address has no user, no password and no query in it, for there
stand the signatures. Read next: `http_log.py` (one file over HTTP), `files.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final, NoReturn, Protocol
from urllib.parse import urlsplit

from switchboard.credentials import safe_target
from switchboard.errors import TraceError

SCHEMES: Final[Mapping[str, str]] = {"http": "remote", "https": "remote", "s3": "s3", "gs": "gs"}
"""What can be read, and the extra that it needs."""
MAX_FILES: Final = 100_000
_ADDRESS: Final = re.compile(r"([a-z][a-z0-9+.-]{0,30})://(.+)", re.IGNORECASE | re.DOTALL)
_MAGIC: Final = re.compile(r"[*?\[]")
_BLOCK: Final = 4 * 1024 * 1024
_MARKS: Final = ("ETag", "etag", "md5Hash", "generation", "LastModified", "updated", "created")
"""What the stores call that which changes with the content, the surest first."""


@dataclass(frozen=True, slots=True)
class Remote:
    """One file that lies elsewhere. Its address may hold secrets and is never shown."""

    address: str = field(repr=False)
    bytes: int | None = field(default=None, compare=False)
    """How long it is, where a listing said so."""

    @property
    def scheme(self) -> str:
        return self.address.partition("://")[0]

    @property
    def is_http(self) -> bool:
        return self.scheme in ("http", "https")

    @property
    def shown(self) -> str:
        return show_address(self.address)


class RemoteFile(Protocol):
    """An open one; see `files.RawFile`."""

    def read(self, size: int, /) -> bytes: ...
    def close(self) -> None: ...


def is_address(text: str) -> bool:
    """True for what has a scheme, so that it cannot be meant as a path."""
    return _ADDRESS.match(text) is not None


def parse_address(text: str) -> Remote:
    """The address a person wrote, checked. Raises TraceError for one that cannot be read."""
    found = _ADDRESS.match(text)
    scheme = found[1].lower() if found else ""
    if found is None or scheme not in SCHEMES:
        raise TraceError(_unknown(scheme))
    if len(text) > 4_096 or any(char < " " or char == "\x7f" for char in text):
        raise TraceError(f"{show_address(text)} is not an address: it holds control characters")
    try:
        host = urlsplit(text).hostname
        host = host and (urlsplit(text).port, host)[1]
    except ValueError:
        host = None
    if not host:
        raise TraceError(f"{show_address(text)} is not an address: its host or bucket is missing")
    return Remote(f"{scheme}://{found[2]}")


def show_address(address: str) -> str:
    """The address without user, password, query and fragment: fit for a message or an account."""
    scheme, _, rest = address.partition("://")
    place = re.split(r"[?#]", rest, maxsplit=1)[0]
    authority, slash, path = place.partition("/")
    plain = f"{scheme}://{authority.rpartition('@')[2]}{safe_target(slash + path)}"
    return ascii(plain[:500])[1:-1]


def find_remote(remote: Remote, is_data: Callable[[str], bool] = bool) -> list[Remote]:
    """What an address names: itself, or the files that its glob or its folder holds, unsorted.

    is_data: says by its name whether a file of a folder may be a log. Folders end in a slash; HTTP
    has neither globs nor folders. Raises TraceError when there is nothing.
    """
    if remote.is_http:
        return [remote]
    _, _, place = remote.address.partition("://")
    is_glob = _MAGIC.search(place) is not None
    if not is_glob and not place.endswith("/"):
        return [remote]
    store = _store(remote)
    try:
        if is_glob and store.isfile(place):  # a name may hold brackets
            return [remote]
        found = store.glob(place, detail=True) if is_glob else store.find(place, detail=True)
    except Exception as error:  # each store has errors of its own
        _refuse(remote, error)
    files = (
        Remote(f"{remote.scheme}://{name.lstrip('/')}", _size_of(facts))
        for name, facts in found.items()
        if facts.get("type") == "file" and is_data(name.rpartition("/")[2])
    )
    some = list(islice(files, MAX_FILES + 1))
    if not some:
        raise TraceError(f"{remote.shown} holds no log file")
    if len(some) > MAX_FILES:
        raise TraceError(f"more than {MAX_FILES:,} files lie at {remote.shown}; name fewer")
    return some


def open_remote(remote: Remote) -> RemoteFile:
    """Its bytes, streamed. Raises TraceError; reading raises OSError where it breaks off."""
    if remote.is_http:
        from replay.readers.http_log import open_http

        return open_http(remote.address, _fsspec(remote), remote.shown)
    store = _store(remote)
    try:
        opened = store.open(
            _place(remote), "rb", block_size=_BLOCK, cache_type="readahead", compression=None
        )
    except Exception as error:
        _refuse(remote, error)
    return _Streamed(opened, remote)


def ask_size(remote: Remote) -> int | None:
    """How long it is, when that can be told without reading it."""
    return _size_of(_facts(remote)) if remote.bytes is None else remote.bytes


def ask_identity(remote: Remote) -> list[str | int] | None:
    """Size and mark of the content as the server tells them; None when it tells no mark."""
    facts = _facts(remote)
    mark = next((facts[name] for name in _MARKS if facts.get(name)), None)
    return None if mark is None else [_size_of(facts) or -1, str(mark)]


class _Streamed:
    """A file of a store; what breaks while it is read is an OSError, whatever its own name."""

    def __init__(self, opened: Any, remote: Remote) -> None:
        self._file = opened
        self._remote = remote

    def read(self, size: int, /) -> bytes:
        try:
            return bytes(self._file.read(size))
        except Exception as error:
            raise OSError(type(error).__name__) from error

    def close(self) -> None:
        self._file.close()


def _facts(remote: Remote) -> Mapping[str, Any]:
    """What is told of a file; nothing when it cannot be asked, for its reader says why not."""
    if remote.is_http:
        from replay.readers.http_log import ask_http

        return ask_http(remote.address, _fsspec(remote))
    try:
        facts: Mapping[str, Any] = _store(remote).info(_place(remote))
    except TraceError:
        raise
    except Exception:
        return {}
    return facts


def _size_of(facts: Mapping[str, Any]) -> int | None:
    size = facts.get("size", facts.get("Size"))
    return size if type(size) is int and size >= 0 else None


def _place(remote: Remote) -> str:
    return remote.address.partition("://")[2]


def _store(remote: Remote) -> Any:
    library = _fsspec(remote)
    try:
        return library.filesystem(remote.scheme)
    except (ImportError, ValueError) as error:
        raise TraceError(_needs(remote)) from error
    except Exception as error:
        _refuse(remote, error)


def _fsspec(remote: Remote) -> Any:
    try:
        import fsspec.asyn  # type: ignore[import-untyped]
    except ImportError as error:
        raise TraceError(_needs(remote)) from error
    return fsspec


def _needs(remote: Remote) -> str:
    extra = SCHEMES[remote.scheme]
    return f"reading {remote.scheme}:// needs one more package: pip install 'hms-esr[{extra}]'"


def _refuse(remote: Remote, error: Exception) -> NoReturn:
    """Never with the error's own words: a store puts the whole address into them."""
    name = type(error).__name__
    if isinstance(error, FileNotFoundError):
        why = f"there is no log at {remote.shown}"
    elif isinstance(error, PermissionError) or "Forbidden" in name or "Denied" in name:
        why = f"{remote.shown} may not be read with the credentials that are set"
    elif "Credential" in name or "Auth" in name:
        why = f"no credentials for {remote.shown}: set those of its store in the environment"
    else:
        why = f"cannot read {remote.shown}: {name}"
    raise TraceError(why) from error


def _unknown(scheme: str) -> str:
    if scheme == "file":
        return "file:// is not needed; write the path itself"
    known = ", ".join(f"{each}://" for each in SCHEMES)
    return f"a log cannot be read from {scheme[:20]}://; it is read from {known} or from a path"
