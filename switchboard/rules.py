"""The rules of a switchboard, as values: what is routed where, what is edited, what is refused.

Floor 0. A rule dials an IP literal or nothing, so that no resolver can change its mind between
the check and the dial. `Rules.endpoints` is the whole list of what may ever be dialled.
Read next: `rules_reader.py` (from a mapping to these), `decide.py` (what they say of a request).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from switchboard.base_url import authority_of
from switchboard.errors import Fault
from switchboard.hosts import Network

Mode = Literal["sandbox", "live"]
SANDBOX: Final[Mode] = "sandbox"
LIVE: Final[Mode] = "live"

Endpoint = tuple[str, int]
"""An IP literal without brackets, and a port."""
Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Destination:
    """An address that requests may be sent to."""

    name: str
    address: str
    port: int
    scheme: str = "http"
    host_header: str | None = None
    """The Host header to send; None: the address and port. `{host}` in it is what was asked for,
    `{service}` the service's name."""
    server_name: str | None = None
    """What its certificate must say; only with https."""
    ca_file: str | None = None
    """The only authority that is believed; only with https."""

    @property
    def endpoint(self) -> Endpoint:
        return (self.address, self.port)

    @property
    def authority(self) -> str:
        """`address:port`, as a Host header or a redirect of the destination itself says it."""
        return authority_of(self.scheme, self.address, self.port)


@dataclass(frozen=True, slots=True)
class Edits:
    """What a route changes in a request, and in the answer to it."""

    strip_prefix: str = ""
    """Taken off the path that was asked for."""
    prefix: str = ""
    """Put before what is left: `/sandbox`."""
    set_headers: Pairs = ()
    drop_headers: frozenset[str] = frozenset()
    """Lower case."""
    set_query: Pairs = ()
    drop_query: frozenset[str] = frozenset()
    set_cookies: Pairs = ()
    drop_cookies: frozenset[str] = frozenset()
    links: bool = False
    """Map links in the text of answers back to what the client asked."""


NO_EDITS: Final = Edits()


@dataclass(frozen=True, slots=True)
class Route:
    """Which requests go where. The first route of the file that takes a request has it."""

    rule: str
    """Its place in the file: `routes[0]`."""
    hosts: tuple[str, ...]
    to: Destination | None = None
    """Exactly one of `to` and `stub` is set."""
    stub: str | None = None
    """The service whose stub answers in place."""
    ports: frozenset[int] = frozenset()
    """Empty: every port."""
    path: str = ""
    """A prefix of whole segments; "" takes every path."""
    methods: frozenset[str] = frozenset()
    """Empty: every method."""
    live: Destination | None = None
    """Where its requests go in live mode; without one they are refused then."""
    edits: Edits = NO_EDITS
    line: int | None = None

    @property
    def is_for_whole_host(self) -> bool:
        """True when neither path nor method matters, so that a host is decided once."""
        return not self.path and not self.methods


@dataclass(frozen=True, slots=True)
class Injection:
    """A header that one destination wants. Its value is read on floor 3 and never kept here."""

    upstream: str
    header: str
    from_env: str | None = None
    from_file: str | None = None
    prefix: str = ""

    @property
    def secret_name(self) -> str:
        """Under which name the value is found among the secrets."""
        return self.from_env or f"file:{self.from_file}"


@dataclass(frozen=True, slots=True)
class Keep:
    """What passes although it looks like a credential: names in lower case."""

    headers: frozenset[str] = frozenset()
    query: frozenset[str] = frozenset()
    cookies: frozenset[str] = frozenset()


CookiePolicy = Literal["sandbox", "drop"]


@dataclass(frozen=True, slots=True)
class Rules:
    """A whole rules file."""

    routes: tuple[Route, ...]
    source: str
    mode: Mode = SANDBOX
    injections: tuple[Injection, ...] = ()
    keep: Keep = Keep()
    cookies: CookiePolicy = "sandbox"
    """`sandbox`: only cookies that the sandbox itself has set come back to it."""
    run: str | None = None
    labels: Pairs = ()
    deny_hosts: tuple[str, ...] = ()
    deny_networks: tuple[Network, ...] = ()
    allow_networks: tuple[Network, ...] = ()
    canaries: tuple[str, ...] | None = None
    """None: nobody asked for them; empty: those that follow from `deny`."""
    digest: str = ""
    """SHA-256 of the mapping it was read from."""
    notes: tuple[Fault, ...] = ()
    """Not wrong, but worth a look: routes that overlap, injections nobody uses."""
    _endpoints: dict[Mode, frozenset[Endpoint]] = field(
        default_factory=dict, compare=False, repr=False
    )

    def endpoints(self, mode: Mode) -> frozenset[Endpoint]:
        """Every address that may be dialled in this mode; nothing else ever is."""
        known = self._endpoints.get(mode)
        if known is None:
            ends = ((route.live if mode == LIVE else route.to) for route in self.routes)
            known = frozenset(end.endpoint for end in ends if end is not None)
            self._endpoints[mode] = known
        return known

    @property
    def destinations(self) -> tuple[Destination, ...]:
        """Every destination of the sandbox, each once, in file order."""
        return tuple(dict.fromkeys(route.to for route in self.routes if route.to is not None))

    @property
    def secret_names(self) -> tuple[str, ...]:
        """The environment variables that injections are taken from."""
        return tuple(dict.fromkeys(each.from_env for each in self.injections if each.from_env))

    @property
    def secret_files(self) -> tuple[str, ...]:
        """The files that injections are taken from."""
        return tuple(dict.fromkeys(each.from_file for each in self.injections if each.from_file))
