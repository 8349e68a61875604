"""Handshakes that go wrong on purpose: an expired certificate, another host's, an alert, a stall.

The certificates are signed by the interceptor's own authority, which clients of the sandbox trust:
so the one thing that is wrong with them is what the fault says.
Read next: `doorway.py`, which asks; `layers.py`, which says the alert.
"""

from __future__ import annotations

import datetime
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID
from mitmproxy.addons.tlsconfig import TlsConfig
from mitmproxy.tls import TlsData

from switchboard.trouble import Mode

WRONG_HOST: Final = "wrong-host.invalid"
_DAY: Final = datetime.timedelta(days=1)


def begin_badly(tls: TlsConfig, data: TlsData, mode: Mode, now: datetime.datetime) -> None:
    """Begin TLS with the client as ever, but with a certificate that it must refuse."""
    tls.tls_start_client(data)
    connection: Any = data.ssl_conn
    good = connection.get_certificate().to_cryptography()
    connection.use_certificate(bad_certificate(good, tls.certstore.default_privatekey, mode, now))


def bad_certificate(
    good: x509.Certificate, key: Any, mode: Mode, now: datetime.datetime
) -> x509.Certificate:
    """The same certificate but for its dates (`expired`) or its names (`wrong_host`).

    key: the authority's.
    """
    is_expired = mode == "expired"
    begin = now - 30 * _DAY if is_expired else good.not_valid_before_utc
    end = now - _DAY if is_expired else good.not_valid_after_utc
    subject = good.subject if is_expired else _named(WRONG_HOST)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(good.issuer)
        .public_key(good.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
    )
    for extension in good.extensions:
        value: Any = extension.value
        if not is_expired and isinstance(value, x509.SubjectAlternativeName):
            value = x509.SubjectAlternativeName([x509.DNSName(WRONG_HOST)])
        builder = builder.add_extension(value, extension.critical)
    return builder.sign(key, hashes.SHA256())


def _named(host: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
