"""One log over HTTP, streamed: the session is fsspec's, what is asked and believed is ours.

fsspec's own file would follow a redirect to any host, give up after five minutes, and call a
refused connection a missing file. Here only a redirect that stays on the host is followed, and
never from https to http; the log may take as long as it keeps coming.
Read next: `remote.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import SplitResult, urljoin, urlsplit

from switchboard.errors import TraceError

SILENCE_S: Final = 60.0
"""How long nothing may come."""
MAX_REDIRECTS: Final = 5
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
# gzip on the way would hide what the file is; a file that is gzip itself comes as it lies.
_HEADERS: Final = {"Accept-Encoding": "identity", "User-Agent": "hms-esr"}
_PORTS: Final = {"http": 80, "https": 443}


def open_http(address: str, library: Any, shown: str) -> HttpLog:
    """The body that answers a GET. Raises TraceError with one sentence.

    library: fsspec, which only `remote.py` imports.
    """
    client = _Client(library)
    try:
        response = client.ask("get", address, shown)
        why = _why_not(response.status, shown)
        if why is not None:
            raise TraceError(why)
    except BaseException:
        client.close()
        raise
    return HttpLog(client, response)


def ask_http(address: str, library: Any) -> Mapping[str, Any]:
    """`size` and `ETag` as a HEAD tells them; nothing when it does not answer as it should."""
    client = _Client(library)
    try:
        response = client.ask("head", address, "")
        headers = response.headers
        length = headers.get("Content-Length", "")
        is_there = response.status == 200 and "Content-Encoding" not in headers
    except TraceError:  # whoever reads it says why
        return {}
    finally:
        client.close()
    if not is_there:
        return {}
    size = int(length) if length.isascii() and length.isdigit() and len(length) < 16 else None
    return {"size": size, "ETag": headers.get("ETag") or headers.get("Last-Modified")}


class HttpLog:
    """A body that is still coming."""

    def __init__(self, client: _Client, response: Any) -> None:
        self._client = client
        self._response = response

    def read(self, size: int, /) -> bytes:
        """`size` bytes, fewer only at the end; OSError when it breaks off before."""
        try:
            data: bytes = self._client.run(_read_all, self._response.content, size)
        except Exception as error:
            raise OSError("the connection broke") from error
        return data

    def close(self) -> None:
        self._client.close()


class _Client:
    """A session on fsspec's own thread, and the answer that is open in it."""

    def __init__(self, library: Any) -> None:
        # An instance of its own: a shared one keeps its session, and what was wrong with it.
        self._fs = library.filesystem("http", skip_instance_cache=True)
        self._sync = library.asyn.sync
        self._session = self.run(self._fs.set_session)
        self._response: Any = None

    def run(self, work: Callable[..., Any], *arguments: Any) -> Any:
        return self._sync(self._fs.loop, work, *arguments)

    def ask(self, method: str, address: str, shown: str) -> Any:
        """The answer to a request, once redirects on the host are followed."""
        for _ in range(MAX_REDIRECTS + 1):
            try:
                self._response = self.run(_ask, self._session, method, address)
            except Exception as error:
                raise TraceError(_why_failed(error, shown)) from error
            response = self._response
            if response.status not in _REDIRECTS or "Location" not in response.headers:
                return response
            response.close()
            address = _follow(address, response.headers["Location"], shown)
        raise TraceError(f"{shown} redirects more than {MAX_REDIRECTS} times")

    def close(self) -> None:
        if self._response is not None:
            self.run(_close, self._response)
        self.run(self._session.close)


async def _ask(session: Any, method: str, address: str) -> Any:
    patience = type(session.timeout)(total=None, sock_connect=SILENCE_S, sock_read=SILENCE_S)
    return await session.request(
        method, address, headers=_HEADERS, allow_redirects=False, timeout=patience
    )


async def _read_all(content: Any, size: int) -> bytes:
    """What came before the connection broke is given out first; asked again, it raises."""
    pieces: list[bytes] = []
    missing = size
    while missing > 0:
        try:
            piece = await content.read(missing)
        except Exception:
            if not pieces:
                raise
            break
        if not piece:
            break
        pieces.append(piece)
        missing -= len(piece)
    return b"".join(pieces)


async def _close(response: Any) -> None:
    response.close()


def _follow(address: str, location: str, shown: str) -> str:
    """Where a redirect leads, when that is the same host. Raises TraceError."""
    try:
        there = urljoin(address, location)
        old, new = urlsplit(address), urlsplit(there)
        is_same = old.hostname == new.hostname and _may_move(old, new)
    except ValueError:
        raise TraceError(f"{shown} redirects to something that is no address") from None
    if not is_same:
        host = ascii((new.hostname or "nowhere")[:200])[1:-1]
        raise TraceError(f"{shown} leads to {host}, which was not named; name it if it is meant")
    if old.username is not None and new.username is None:
        userinfo = old.netloc.rpartition("@")[0]
        new = new._replace(netloc=f"{userinfo}@{new.netloc}")
    return new.geturl()


def _may_move(old: SplitResult, new: SplitResult) -> bool:
    """The same port, or from http to https where neither says a port of its own."""
    ports = (old.port or _PORTS.get(old.scheme), new.port or _PORTS.get(new.scheme))
    if old.scheme == new.scheme:
        return ports[0] == ports[1]
    return (old.scheme, new.scheme) == ("http", "https") and ports == (80, 443)


def _why_not(status: int, shown: str) -> str | None:
    if status == 200:
        return None
    if status in (404, 410):
        return f"there is no log at {shown}: it answers {status}"
    if status in (401, 403, 407):
        return f"{shown} may not be read with what the address says of credentials: {status}"
    return f"{shown} answers {status} and no log"


def _why_failed(error: Exception, shown: str) -> str:
    """Never with the error's own words, which may hold the whole address."""
    name = type(error).__name__
    if isinstance(error, TimeoutError):
        return f"{shown} has not answered within {SILENCE_S:.0f} s"
    if "SSL" in name or "Certificate" in name:
        return f"cannot read {shown}: its certificate is not trusted ({name})"
    if isinstance(error, OSError):
        return f"nothing answers at {shown}"
    return f"cannot read {shown}: {name}"
