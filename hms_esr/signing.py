"""Keys for the interlock: from the environment, from a PEM file, or made on first use.

The only home of cryptography outside the interceptor, and it is imported only when Ed25519 is asked
for. No key is ever printed: a document names it by an id. Read next: `switchboard/interlock.py`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hms_esr.key_file import MIN_KEY, KeyFile
from hms_esr.run_folder import home_folder
from switchboard.errors import EsrError
from switchboard.interlock import HmacKey, Signer, Verifier

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )

KEY_VARIABLE: Final = "ESR_INTERLOCK_KEY"
PEM_VARIABLE: Final = "ESR_INTERLOCK_ED25519"
KEY_FILE: Final = "interlock.key"
ED25519: Final = "ed25519"


class SigningError(EsrError):
    """A key cannot be used; the sentence names where it came from, and never the key."""


@dataclass(frozen=True, slots=True)
class Ed25519Verifier:
    """Checks with the public key: who has it can check and cannot sign."""

    key: Ed25519PublicKey = field(repr=False)

    @property
    def algorithm(self) -> str:
        return ED25519

    @property
    def key_id(self) -> str:
        return hashlib.sha256(self.key.public_bytes_raw()).hexdigest()[:16]

    def is_signed(self, data: bytes, value: str) -> bool:
        from cryptography.exceptions import InvalidSignature

        try:
            self.key.verify(bytes.fromhex(value), data)
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class Ed25519Signer:
    """Signs with the private key."""

    key: Ed25519PrivateKey = field(repr=False)

    @property
    def algorithm(self) -> str:
        return ED25519

    @property
    def key_id(self) -> str:
        return Ed25519Verifier(self.key.public_key()).key_id

    def sign(self, data: bytes) -> str:
        return self.key.sign(data).hex()


def load_signer(env: Mapping[str, str], cwd: Path) -> Signer:
    """The key to sign with: Ed25519 when asked for, else `$ESR_INTERLOCK_KEY`, else the key file.

    The key file is made where there is none. Raises SigningError when a key is no good, OSError
    when the file can be neither read nor made.
    """
    pem = env.get(PEM_VARIABLE)
    if pem:
        return _load_ed25519_signer(cwd / pem)
    of_environment = _key_of_environment(env)
    if of_environment is not None:
        return of_environment
    return HmacKey(_key_file(home_folder(env, cwd) / KEY_FILE).read_or_make())


def load_verifiers(env: Mapping[str, str], cwd: Path) -> tuple[Verifier, ...]:
    """Every key at hand to check with; nothing is made. Raises SigningError or OSError."""
    found: list[Verifier] = []
    pem = env.get(PEM_VARIABLE)
    if pem:
        found.append(_load_ed25519_verifier(cwd / pem))
    key = _key_of_environment(env)
    if key is not None:
        found.append(key)
    path = home_folder(env, cwd) / KEY_FILE
    if path.exists():
        found.append(HmacKey(_key_file(path).read()))
    return tuple(found)


def _key_of_environment(env: Mapping[str, str]) -> HmacKey | None:
    text = env.get(KEY_VARIABLE)
    if not text:
        return None
    if len(text) < MIN_KEY:
        raise SigningError(
            f"${KEY_VARIABLE} is too short to be a key: give it at least {MIN_KEY} characters, "
            "such as the output of openssl rand -hex 32"
        )
    return HmacKey(os.fsencode(text))


def _key_file(path: Path) -> KeyFile:
    afterwards = "what was signed with the old one cannot be checked then"
    return KeyFile(path, SigningError, "sign with it", afterwards)


def _load_ed25519_signer(path: Path) -> Ed25519Signer:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key = None
    try:
        key = load_pem_private_key(_key_file(path).read_private(), None)
    except OSError as error:
        raise _bad_pem(path, error.strerror or str(error)) from None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        """No PEM, no private key, or one with a password: said below."""
    if not isinstance(key, Ed25519PrivateKey):
        raise _bad_pem(path, "it holds no Ed25519 private key without a password")
    return Ed25519Signer(key)


def _load_ed25519_verifier(path: Path) -> Ed25519Verifier:
    """From the public key, or from the private one where that is what is named."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        data = path.read_bytes()
    except OSError as error:
        raise _bad_pem(path, error.strerror or str(error)) from None
    if b"PRIVATE KEY" in data:
        return Ed25519Verifier(_load_ed25519_signer(path).key.public_key())
    key = None
    try:
        key = load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm):
        """Said below."""
    if not isinstance(key, Ed25519PublicKey):
        raise _bad_pem(path, "it holds no Ed25519 key")
    return Ed25519Verifier(key)


def _bad_pem(path: Path, why: str) -> SigningError:
    return SigningError(
        f"${PEM_VARIABLE}: {path}: {why}; make one with openssl genpkey -algorithm ed25519 "
        f"-out {path.name}"
    )
