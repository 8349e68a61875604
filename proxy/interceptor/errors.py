"""What keeps an interceptor from starting."""

from __future__ import annotations

from switchboard.errors import EsrError, GuardError


class InterceptorError(EsrError):
    """It cannot listen, or has nowhere to keep its certificate authority."""


class UnsafeOptionError(GuardError):
    """An option of mitmproxy that would let traffic past the switchboard."""
