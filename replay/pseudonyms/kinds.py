"""The kinds that a policy may name.

By itself, so that whoever only reads a policy loads nothing that looks for identifiers.
Read next: `pseudonyms.py`, which has a maker for each.
"""

from __future__ import annotations

from typing import Final

PSEUDONYM_KINDS: Final = (
    "ssn", "itin", "ein", "card", "aba", "account", "iban", "email", "phone", "ip", "basic",
    "cloud_key", "private_key", "secret", "birth_date", "person_name", "street", "zip", "uuid",
    "id", "jwt", "bearer",
)  # fmt: skip
