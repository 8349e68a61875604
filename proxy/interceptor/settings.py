"""What an interceptor is told when it starts. Read next: `master.py`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, get_args

ProxyMode = Literal["forward", "reverse", "transparent", "socks5", "dns"]
PROXY_MODES: Final[tuple[ProxyMode, ...]] = get_args(ProxyMode)
DEFAULT_CA_DIR: Final = Path(".esr/proxy-ca")


@dataclass(frozen=True, slots=True)
class Settings:
    """One listener. Times in seconds."""

    mode: ProxyMode
    host: str
    """An IP literal."""
    port: int = 0
    """0: any free one."""
    ca_dir: Path = DEFAULT_CA_DIR
    folder: Path = Path()
    """What file names in the rules are relative to."""
    answer: str | None = None
    """The address that DNS answers give; None: the one it listens on."""
    hop: str = ""
    """This door's name in the chain of doors, by which a loop is found."""
    max_captured_bytes: int = 0
    """How much of a body is kept for a recorder; 0 keeps none."""
    max_head_bytes: int = 32_768
    max_body_bytes: int = 256 * 1024 * 1024
    max_connections: int = 2_000
    head_timeout_s: float = 10.0
    """Until when a client must have asked for something."""
    idle_timeout_s: int = 300
    hook_timeout_s: float = 5.0
    """How long addons may think about a dial before it is denied."""
    connect_timeout_s: float = 5.0
    answer_timeout_s: float = 60.0
    """From the end of a request to the head of its answer."""
    stub_timeout_s: float = 60.0
    drain_s: float = 5.0
