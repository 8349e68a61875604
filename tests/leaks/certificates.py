"""Authorities and certificates of the leak suite, made anew for each session."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Key = ec.EllipticCurvePrivateKey


def make_certificates(folder: Path) -> None:
    """`ca.pem` of the sandbox; `sandbox.pem` by it, `impostor.pem` by another; `door.pem`."""
    sandbox, impostor = make_authority("sandbox CA"), make_authority("another CA")
    (folder / "ca.pem").write_bytes(sandbox[0].public_bytes(serialization.Encoding.PEM))
    names = ["sandbox.internal", "127.0.0.3"]
    write_leaf(folder / "sandbox.pem", names, sandbox)
    write_leaf(folder / "impostor.pem", names, impostor)
    write_leaf(folder / "door.pem", ["*.hms.example", "localhost"], sandbox)


def make_authority(name: str) -> tuple[x509.Certificate, Key]:
    key = ec.generate_private_key(ec.SECP256R1())
    return build(name, [], name, key, key, is_authority=True), key


def write_leaf(path: Path, names: list[str], by: tuple[x509.Certificate, Key]) -> None:
    """Certificate and key in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = by[0].subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    cert = build(names[0], names, str(issuer), key, by[1], is_authority=False)
    path.write_bytes(
        cert.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


def build(
    name: str, names: list[str], issuer: str, key: Key, signer: Key, *, is_authority: bool
) -> x509.Certificate:
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=7))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
    )
    if names:
        alternatives = [_alternative(each) for each in names]
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    if is_authority:
        builder = builder.add_extension(
            x509.KeyUsage(
                digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False,
                key_encipherment=False, data_encipherment=False, key_agreement=False,
                encipher_only=False, decipher_only=False,
            ),
            critical=True,
        )  # fmt: skip
    return builder.sign(signer, hashes.SHA256())


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)
