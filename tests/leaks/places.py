"""Who is where in the namespace of the leak suite: addresses, ports, names, marks.

Everything outside loopback is production's: its host is also the default gateway and answers for
every address in the world, so whoever tries to get out knocks there and is counted.
Read next: `production.py` (who counts), `runner.py` (who puts it all together).
"""

from __future__ import annotations

from typing import Final

PROD_LOOPBACK: Final = "127.0.0.2"
PROD_V4: Final = "203.0.113.10"
PROD_V6: Final = "2001:db8::10"
RUNNER_V4: Final = "203.0.113.1"
RUNNER_V6: Final = "2001:db8::1"
SANDBOX: Final = "127.0.0.3"
CLIENT: Final = "198.51.100.5"
"""Where clients of the transparent door dial from; only what comes from here is redirected."""

SANDBOX_PORT: Final = 9001
SANDBOX_TLS_PORT: Final = 9443
IMPOSTOR_PORT: Final = 9444
DOWN_PORT: Final = 9002
FENCE_PORT: Final = 9

PROD_TCP: Final = (53, 80, 443, 5432, 8080, 8443, SANDBOX_PORT, DOWN_PORT, SANDBOX_TLS_PORT)
PROD_UDP: Final = (53, 443)

RUNNER_LINK: Final = "leak0"
PROD_LINK: Final = "leak1"
RUNNER_MAC: Final = "02:00:00:00:00:01"
PROD_MAC: Final = "02:00:00:00:00:02"

MARK: Final = "PRODSECRET"
"""In every credential of production that a case carries. The sandbox must never see it."""
TOKEN: Final = "sandbox-token"
"""The sandbox's own credential."""

HOSTS: Final = f"""127.0.0.1 localhost
::1 localhost
{PROD_V4} api.hms.gov hosts.hms.gov hosts.hms.example
{PROD_LOOPBACK} www.hms.gov
"""
RESOLV: Final = f"nameserver {PROD_LOOPBACK}\noptions timeout:1 attempts:1\n"

RULES: Final = """
mode: sandbox
routes:
  - {{host: down.hms.example, to: {{name: down, address: 127.0.0.3, port: 9002}}}}
  - host: secure.hms.example
    to: {{name: tls, address: 127.0.0.3, port: 9443, scheme: https,
         server_name: sandbox.internal, ca_file: "{ca}"}}
  - host: impostor.hms.example
    to: {{name: impostor, address: 127.0.0.3, port: 9444, scheme: https,
         server_name: sandbox.internal, ca_file: "{ca}"}}
  - {{host: links.hms.example, to: svc, edit: {{links: true}}}}
  - {{host: prefix.hms.example, path: /v1, to: svc, edit: {{strip_prefix: /v1, prefix: /sandbox}}}}
  - {{host: "*.hms.example", to: {{name: svc, address: 127.0.0.3, port: 9001}}}}
  - {{host: api.treasury.example, stub: ach}}
credentials:
  inject: [{{upstream: svc, header: Authorization, from_env: ESR_SVC_TOKEN, prefix: "Bearer "}}]
deny:
  hosts: ["*.hms.gov"]
  networks: ["203.0.113.0/24", "127.0.0.2/32", "2001:db8::/32"]
"""

LIVE_RULES: Final = """
mode: sandbox
routes:
  - host: "*.hms.example"
    to: {name: svc, address: 127.0.0.3, port: 9001}
    live: {name: live, address: 127.0.0.2, port: 80}
"""
"""The one file that names production, as a live upstream: for flips of the mode."""
