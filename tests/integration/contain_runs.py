"""Running `esr contain` in a pretend outside world, and asking what this machine can do."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest

HERE = Path(__file__).parent
LAUNCHER = (sys.executable, "-P", str(HERE / "contain_standin.py"), "contain")
HOSTILE = (sys.executable, "-I", str(HERE / "contain_hostile.py"))
TIMEOUT_S = 120

RULES = """\
mode: sandbox
routes:
  - {host: "*.hms.example", to: {name: svc, address: 127.0.0.1, port: 9001}}
  - {host: api.treasury.example, ports: [8080], stub: ach}
credentials:
  inject: [{upstream: svc, header: Authorization, from_env: ESR_SVC_TOKEN, prefix: "Bearer "}]
deny: {hosts: ["*.hms.gov"], networks: ["203.0.113.0/24"]}
"""

# How a user is, in front of a command line. Each is a namespace of its own, so that what is set in
# it is not set for anybody else.
AS_ROOT = ()
AS_USER = ("unshare", "-U", "--map-user=1000", "--map-group=1000")
"""An ordinary user: no capability is left after exec."""
_NO_MORE = "echo 0 > /proc/sys/user/max_user_namespaces"
ROOT_WITHOUT_USER_NAMESPACES = ("unshare", "-Ur", "sh", "-c", f'{_NO_MORE} && exec "$@"', "sh")
USER_WITHOUT_USER_NAMESPACES = (
    *("unshare", "-Ur", "sh", "-c", f'{_NO_MORE} && exec "$@"', "sh"),
    *("setpriv", "--inh-caps=-all", "--bounding-set=-all", "--securebits=+noroot"),
)


WORLD = ("unshare", "-n", "-p", "--fork", "--kill-child", "--mount-proc")
"""A network without a way out, and a process table without anybody who is in another."""


@cache
def is_possible() -> bool:
    """Whether this machine lets us make an outer network at all."""
    if sys.platform != "linux" or platform.machine() not in {"x86_64", "aarch64"}:
        return False
    try:
        done = subprocess.run(
            [*WORLD, "ip", "link", "set", "lo", "up"], capture_output=True, check=False
        )
    except OSError:
        return False
    return done.returncode == 0


needs_namespaces = pytest.mark.skipif(
    not is_possible(), reason="needs root, unshare and iproute2 on Linux"
)


@dataclass(frozen=True)
class Contained:
    """How a command in the pretend world ended, and what of production it reached."""

    code: int
    out: str
    err: str
    reached: Mapping[str, int] = field(default_factory=dict)


def run_in_world(
    folder: Path,
    command: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    is_stdin_a_socket: bool = False,
) -> Contained:
    """Run a command in a world of its own, with a production to be reached."""
    if not (folder / "switchboard.yml").exists():
        (folder / "switchboard.yml").write_text(RULES, encoding="utf-8")
    task = {
        "command": list(command),
        "environment": {
            "ESR_SVC_TOKEN": "t0",
            "ESR_HOME": str(folder / "home"),
            **(environment or {}),
        },
        "is_stdin_a_socket": is_stdin_a_socket,
    }
    done = subprocess.run(
        [*WORLD, sys.executable, "-I", str(HERE / "contain_outer.py")],
        cwd=folder,
        input=json.dumps(task),
        env={**os.environ, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
    )
    assert done.returncode == 0, done.stderr
    return Contained(**json.loads(done.stdout))


def contain(
    folder: Path, *command: str, user: Sequence[str] = AS_ROOT, **more: object
) -> Contained:
    """Run `esr contain` with stand-in doors."""
    return run_in_world(folder, [*user, *LAUNCHER, *command], **more)  # type: ignore[arg-type]
