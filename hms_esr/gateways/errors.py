"""What can keep a gateway from starting, other than its rules."""

from __future__ import annotations

from switchboard.errors import EsrError


class GatewayError(EsrError):
    """An option, a port, a secret or a certificate cannot be used."""
