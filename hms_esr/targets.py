"""What `--target` means, and whether the guard lets it pass: decided before anything is sent.

A target is `embedded`, an environment file's name, a URL, or one of the trace's services to flood
alone. Names in an environment are resolved here, once, by the parent, and every address they have
must pass the guard; workers are given IP literals only.
"""

from __future__ import annotations

import difflib
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from replay.worker import Target
from scenarios.environments import environment_folders, environment_names, load_environment
from switchboard.environment import (
    Environment,
    Upstream,
    embedded_environment,
    environment_for_url,
)
from switchboard.errors import GuardError, UpstreamError
from switchboard.guard import check_address, check_declared

EMBEDDED = "embedded"
NO_PORT_YET = 1
"""The embedded gateway's port while nothing has been started; never dialled."""


@dataclass(frozen=True, slots=True)
class Aim:
    """Where a run is sent. `service`: the only service that is played, or None for all.

    environment: for the embedded sandbox it stands for any port until the gateway has one.
    """

    environment: Environment
    is_embedded: bool
    service: str | None = None

    @property
    def name(self) -> str:
        return EMBEDDED if self.is_embedded else self.environment.name


def choose_aim(text: str, services: Sequence[str], env: Mapping[str, str], cwd: Path) -> Aim:
    """What `text` stands for. Raises GuardError when it is not declared as a sandbox.

    services: the names of the trace's services.
    """
    if text == EMBEDDED:
        return Aim(embedded_environment(NO_PORT_YET), is_embedded=True)
    folders = environment_folders(env, cwd)
    if "://" in text or _looks_like_address(text):
        environment = environment_for_url(text if "://" in text else f"http://{text}")
    elif text in environment_names(folders):
        environment = load_environment(text, folders)
    elif text in services:
        return Aim(embedded_environment(NO_PORT_YET), is_embedded=True, service=text)
    else:
        raise _undeclared(text, services, environment_names(folders))
    check_declared(environment)
    return Aim(environment, is_embedded=False)


def _looks_like_address(text: str) -> bool:
    return ":" in text or "." in text or text == "localhost"


def _undeclared(text: str, services: Sequence[str], names: Sequence[str]) -> GuardError:
    known = [EMBEDDED, *names, *services]
    near = difflib.get_close_matches(text, known, 3)
    hint = f"Did you mean {' or '.join(near)}?" if near else f"Known are {', '.join(known)}."
    return GuardError(
        text,
        "no environment of this name is declared, and the trace has no such service",
        f"{hint} If {text} is a sandbox, declare it in environments/{text}.yml with its base_url "
        "and, unless that is loopback, an allow list.",
    )


def secrets_of(environment: Environment, env: Mapping[str, str]) -> dict[str, str]:
    """The environment variables that the credentials name, read once."""
    return {name: env[name] for name in environment.secret_names if name in env}


def resolve_upstreams(environment: Environment) -> dict[str, Target]:
    """A dialable target for each upstream, by name.

    Raises GuardError when an upstream has an address that is not allowed, UpstreamError when its
    name has none.
    """
    return {upstream.name: _resolve(environment, upstream) for upstream in environment.upstreams}


def _resolve(environment: Environment, upstream: Upstream) -> Target:
    addresses = [upstream.address] if upstream.address else _look_up(upstream)
    for address in addresses:
        check_address(environment, upstream, address)
    return Target(
        host=addresses[0],
        port=upstream.port,
        tls=upstream.scheme == "https",
        server_name=upstream.host,
        ca_file=os.environ.get("ESR_CA_FILE") or None,
    )


def _look_up(upstream: Upstream) -> list[str]:
    try:
        found = socket.getaddrinfo(upstream.host, upstream.port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise UpstreamError(
            f"the name {upstream.host} of upstream {upstream.name} has no address "
            f"({error.strerror or error}): start the sandbox, or mend its base_url"
        ) from error
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
