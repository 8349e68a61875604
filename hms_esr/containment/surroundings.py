"""What a contained command finds in its environment variables. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from hms_esr.containment.plan import DOOR, PROXY_PORT

PROXIES: Final = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
NO_PROXY: Final = "NO_PROXY"
AUTHORITY: Final = (
    "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS",
    "GIT_SSL_CAINFO", "AWS_CA_BUNDLE", "PIP_CERT", "CARGO_HTTP_CAINFO", "DENO_CERT",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", "ESR_CA_FILE",
)  # fmt: skip
LEADING_OUT: Final = (
    "DBUS_SESSION_BUS_ADDRESS", "DBUS_SYSTEM_BUS_ADDRESS", "DOCKER_HOST", "SSH_AUTH_SOCK",
)  # fmt: skip
"""They name sockets that lead nowhere inside: without them, a client says so at once."""
OTHER_AUTHORITIES: Final = ("SSL_CERT_DIR",)
OURS: Final = (
    "ESR_TOKEN", "ESR_RULES", "ESR_MODE_FILE", "ESR_INTERLOCK_KEY", "ESR_INTERLOCK_ED25519",
)  # fmt: skip


def build_surroundings(
    variables: Mapping[str, str], secret_names: Iterable[str], own: str, *, has_proxy: bool
) -> dict[str, str]:
    """The variables of the command.

    variables: those of the caller.   secret_names: variables that the doors inject; they hold them,
    the command does not.   own: the jail's folder.   has_proxy: whether there is a forward proxy.
    """
    dropped = {*LEADING_OUT, *OURS, *secret_names, *(OTHER_AUTHORITIES if has_proxy else ())}
    dropped |= {spelled for name in (*PROXIES, NO_PROXY) for spelled in (name, name.lower())}
    kept = {name: value for name, value in variables.items() if name not in dropped}
    told = {
        NO_PROXY: "",
        "no_proxy": "",
        "ESR_CONTAINED": "1",
        "ESR_DOOR": f"http://{DOOR}",
    }
    if has_proxy:
        proxy = f"http://{DOOR}:{PROXY_PORT}"
        told |= {spelled: proxy for name in PROXIES for spelled in (name, name.lower())}
        told |= dict.fromkeys(AUTHORITY, f"{own}/ca.pem")
        told["ESR_PROXY"] = proxy
        told["NODE_USE_ENV_PROXY"] = "1"
    return {**kept, **told}
