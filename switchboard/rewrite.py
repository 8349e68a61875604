"""The pure rewrite: what a recorded request's head becomes for a sandbox.

Floor 0. A recorded host is only ever compared with patterns, never resolved or dialled. A head
(Host, the sandbox's own credentials, the tags) is shared by every request of one recorded host
and service, so it is bound once, ahead of time, and inserted behind the request line.
Read next: `environment.py`, `credentials.py` (what was taken out before), `guard.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from switchboard.environment import Credential, Environment, Upstream
from switchboard.errors import RuleError
from switchboard.headers import is_label, is_value
from switchboard.hosts import host_of, matches
from switchboard.routes import service_label


@dataclass(frozen=True, slots=True)
class Bound:
    """Where the requests of one recorded host go, and what is put into their heads."""

    upstream: Upstream
    prefix: bytes
    """Stands before every request target."""
    head: bytes = field(repr=False)
    """Header lines, each ending in CRLF; they hold the sandbox's credentials."""


@dataclass(frozen=True, slots=True)
class Unmapped:
    """A recorded host that no upstream stands in for: its requests are skipped and counted."""

    authority: str
    reason: str


def bind(
    authority: str, service: str, env: Environment, run_id: str, secrets: Mapping[str, str]
) -> Bound | Unmapped:
    """What becomes of requests recorded for `authority`: the first upstream that takes it.

    service: the host's own, which a Host header may name. The tag `x-esr-service` is each
    request's and not in here: services may share a host.
    secrets: the environment variables named by `env.secret_names`, already read.
    Raises RuleError when one of them is missing, ValueError for a run id unfit for a header.
    """
    if not is_label(run_id):
        raise ValueError("a run id is letters, digits, dots and dashes")
    try:
        host = host_of(authority) if authority else ""
    except ValueError:
        return Unmapped(_shown(authority), "it is not a host name")
    upstream = choose_upstream(host, env)
    if upstream is None:
        return Unmapped(_shown(authority), f"no upstream of environment {env.name} takes it")
    service = service_label(service)
    head = [
        ("Host", (upstream.host_header or upstream.authority).replace("{service}", service)),
        *_credential_headers(upstream, env, secrets),
        ("x-esr-env", "sandbox"),
        ("x-esr-run", run_id),
    ]
    lines = "".join([f"{name}: {value}\r\n" for name, value in head])
    return Bound(upstream, upstream.prefix.encode("ascii"), lines.encode("ascii"))


def choose_upstream(host: str, env: Environment) -> Upstream | None:
    """The first upstream, in file order, one of whose patterns takes the host."""
    for upstream in env.upstreams:
        if any(matches(pattern, host) for pattern in upstream.matches):
            return upstream
    return None


def _credential_headers(
    upstream: Upstream, env: Environment, secrets: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """What the upstream is given; a credential of its own replaces one for every upstream."""
    chosen: dict[str, Credential] = {}
    for wanted in (None, upstream.name):
        for credential in env.credentials:
            if credential.upstream == wanted:
                chosen[credential.header.lower()] = credential
    for credential in chosen.values():
        yield credential.header, credential.prefix + _secret(credential, env, secrets)


def _secret(credential: Credential, env: Environment, secrets: Mapping[str, str]) -> str:
    """The value, checked; a message names the variable and never what is in it."""
    if credential.value_env is None:
        value, what = credential.value or "", f"the credential for {credential.header}"
    else:
        value, what = secrets.get(credential.value_env, ""), credential.value_env
    value = value.strip()  # a secret read from a file often brings its line break along
    if not value:
        raise RuleError(
            f"{env.source}: {what} is not set; the header {credential.header} is taken from it"
        )
    if not is_value(value):
        raise RuleError(f"{env.source}: {what} holds characters that no header may have")
    return value


def _shown(authority: str) -> str:
    """A recorded authority fit for a report: no user information, no control characters."""
    return ascii(authority.rpartition("@")[2][:100])[1:-1]
