"""mitmproxy's options: those that are set, and those that nobody may set.

Its defaults forward: raw TCP, connections opened before anybody asked where to, every public
certificate authority. What is forbidden here sends traffic round the router, so it is refused at
start, and again whenever an option changes. Read next: `master.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from mitmproxy.optmanager import OptManager

from proxy.interceptor.errors import UnsafeOptionError
from proxy.interceptor.settings import ProxyMode, Settings

# An address that is never dialled: in reverse mode the Host decides, and mitmproxy wants one.
_NOWHERE: Final = "http://127.0.0.1:1"
_SPECS: Final[dict[ProxyMode, str]] = {
    "forward": "regular",
    "reverse": f"reverse:{_NOWHERE}",
    "transparent": "transparent",
    "socks5": "socks5",
    "dns": "dns",
}

# Every option that must have this value; those that a mitmproxy does not know are skipped.
REQUIRED: Final[dict[str, Any]] = {
    "server": True,
    "connection_strategy": "lazy",
    "rawtcp": False,
    "http3": False,
    "ssl_insecure": False,
    "ssl_verify_upstream_trusted_confdir": None,
    "upstream_cert": False,
    "add_upstream_certs_to_client_chain": False,
    "client_certs": None,
    "server_replay_extra": "kill",
    "validate_inbound_headers": True,
    "keep_host_header": True,
    "onboarding": False,
    "connect_addr": None,
    "request_client_cert": False,
    "show_ignored_hosts": False,
    "store_streamed_bodies": False,
    "dns_use_hosts_file": False,
    "tls_version_client_min": "TLS1_2",
    "tls_version_server_min": "TLS1_2",
}

# Every option that must be empty.
FORBIDDEN: Final = (
    "scripts",
    "ignore_hosts",
    "allow_hosts",
    "tcp_hosts",
    "udp_hosts",
    "map_remote",
    "map_local",
    "modify_body",
    "modify_headers",
    "client_replay",
    "server_replay",
    "stickycookie",
    "stickyauth",
    "upstream_auth",
    "dns_name_servers",
)


def spec_of(mode: ProxyMode) -> str:
    """mitmproxy's own word for a mode."""
    return _SPECS[mode]


def values_of(settings: Settings, trusted_ca: Path) -> dict[str, Any]:
    """Every option that is set at start."""
    return {
        **REQUIRED,
        "mode": [spec_of(settings.mode)],
        "listen_host": settings.host,
        "listen_port": settings.port,
        "confdir": str(settings.ca_dir),
        "ssl_verify_upstream_trusted_ca": str(trusted_ca),
        "body_size_limit": str(settings.max_body_bytes),
        "tcp_timeout": settings.idle_timeout_s,
    }


def set_options(options: OptManager, values: dict[str, Any]) -> None:
    """Set those that this mitmproxy knows and that are not so already."""
    changed = {
        name: value
        for name, value in values.items()
        if name in options and getattr(options, name) != value
    }
    options.update(**changed)  # type: ignore[no-untyped-call]


def check_options(options: OptManager) -> None:
    """Raise UnsafeOptionError when an option would let traffic past the switchboard."""
    for name, value in _wrong(options):
        raise UnsafeOptionError(f"the option {name}={value!r:.60}", "mitmproxy", "Leave it as is.")


def _wrong(options: OptManager) -> Iterable[tuple[str, Any]]:
    for name, value in REQUIRED.items():
        if name in options and getattr(options, name) != value:
            yield name, getattr(options, name)
    for name in FORBIDDEN:
        if name in options and getattr(options, name):
            yield name, getattr(options, name)
    if any(mode not in _SPECS.values() for mode in options.mode):
        yield "mode", options.mode
    if not options.ssl_verify_upstream_trusted_ca:
        yield "ssl_verify_upstream_trusted_ca", None
    if not options.listen_host:
        yield "listen_host", options.listen_host
