"""HMS-MFE: tiles that load as they do elsewhere, and call nobody but this sandbox; see mfe.yml.

A tile's API base is where the tile itself came from, if that was this machine or a name that can
be no real host; else a path on whatever host it came from. A caller's Host header is never echoed
otherwise: in a replay it names the recorded, real machine. Floor 1, pure.
Read next: `stubs/choice.py`, which finds the service of a path.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any, Final

from stubs.routing import family_of
from stubs.service import Answer, Asked, Surroundings, answer_json
from stubs.services.logic import ServiceLogic, Settings, answer_absent
from switchboard.base_url import authority_of, parse_base_url
from switchboard.hosts import is_private, literal_address

RESERVED: Final = ("example", "invalid", "localhost", "test")
"""Top-level domains that nobody can have (RFC 2606, RFC 6761)."""
_HTML: Final = b"text/html; charset=utf-8"
_POLICY: Final = b"default-src 'none'; connect-src 'self'; frame-ancestors 'self'"
_LONGEST_HOST: Final = 200


@dataclass(frozen=True, slots=True)
class Tile:
    """One widget: which service it calls, and how."""

    name: str
    title: str
    service: str
    calls: tuple[str, ...]


TILES: Final = (
    Tile("profile", "My profile", "svc", ("GET /profiles/{citizen}",)),
    Tile("premium", "Flood premium", "svc", ("POST /fetch_premium",)),
    Tile("permits", "My permits", "svc", ("POST /permits", "GET /permits/{permit}")),
    Tile("applications", "My applications", "act", ("GET /applications/{application}",)),
    Tile("payments", "Payments", "ach", ("POST /payments", "GET /payments/{payment}")),
    Tile("assistant", "Ask the agent", "agx", ("POST /ask",)),
    Tile("approvals", "Waiting for you", "hitl", ("GET /approvals",)),
)
_BY_NAME: Final = {tile.name: tile for tile in TILES}


def make_logic(surroundings: Surroundings) -> ServiceLogic:
    """Raises ScenarioError when its settings are wrong."""
    settings = Settings(surroundings, "mfe", ("api_base",))
    base = settings.text("api_base")
    if base and not is_sandbox_base(base):
        settings.fault(
            "api_base", "must be a path, or a URL of this machine, a private address or a .example"
        )
    settings.check()
    board = Board(base.rstrip("/"))
    return ServiceLogic({"list": board.show_all, "show": board.show})


class Board:
    """All tiles. base: what comes before the service's name, "" to go by the request."""

    def __init__(self, base: str) -> None:
        self._base = base

    def show_all(self, asked: Asked) -> Answer:
        """GET /tiles."""
        rows = [{"tile": tile.name, "title": tile.title} for tile in TILES]
        return answer_json(200, tiles=rows, env="sandbox")

    def show(self, asked: Asked) -> Answer:
        """GET /tiles/{tile}, as HTML for whoever would rather have that."""
        tile = _BY_NAME.get(asked.params["tile"])
        if tile is None:
            return answer_absent("tile", asked.params["tile"])
        base = f"{self._base}/{tile.service}" if self._base else api_base(asked, tile.service)
        if "text/html" in asked.header(b"accept"):
            headers = ((b"content-security-policy", _POLICY), (b"vary", b"accept, host"))
            return Answer(200, html_of(tile, base).encode(), _HTML, headers)
        return answer_json(200, **_fields(tile), api_base=base, env="sandbox")


def api_base(asked: Asked, service: str) -> str:
    """Where the tile's calls go, as seen from the page that it is in."""
    try:
        from_here = parse_base_url(f"http://{asked.header(b'host')[:_LONGEST_HOST]}")
    except ValueError:
        return f"/{service}"
    if from_here.prefix or not is_nobodys(from_here.host):
        return f"/{service}"
    label, _, domain = from_here.host.partition(".")
    if family_of(label) == "mfe" and domain:  # each service has a name of its own
        return f"http://{authority_of('http', f'{service}.{domain}', from_here.port)}"
    return f"http://{authority_of('http', from_here.host, from_here.port)}/{service}"


def is_nobodys(host: str) -> bool:
    """Whether a parsed host is this machine, or a name that nobody can have."""
    address = literal_address(host)
    if address is not None:
        return address.is_loopback
    return host.rpartition(".")[2] in RESERVED


def is_sandbox_base(text: str) -> bool:
    """Whether an API base leads nowhere but to a sandbox."""
    if text.startswith("/"):
        return text.isprintable() and not text.startswith("//") and "\\" not in text
    try:
        host = parse_base_url(text).host
    except ValueError:
        return False
    address = literal_address(host)
    return is_nobodys(host) or (address is not None and is_private(address))


def html_of(tile: Tile, base: str) -> str:
    """The tile as a piece of a page."""
    calls = "".join(f"<li><code>{escape(call)}</code></li>" for call in tile.calls)
    return (
        f'<section class="hms-tile" data-tile="{escape(tile.name)}" data-env="sandbox"'
        f' data-api-base="{escape(base)}"><h2>{escape(tile.title)}</h2>'
        f"<p>Sandbox: nothing here is real.</p><ul>{calls}</ul></section>\n"
    )


def _fields(tile: Tile) -> dict[str, Any]:
    return {
        "tile": tile.name,
        "title": tile.title,
        "service": tile.service,
        "calls": list(tile.calls),
    }
