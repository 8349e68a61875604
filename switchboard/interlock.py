"""The interlock's document: what was contacted and refused, in one form, signed and checked.

Floor 0, pure. A document says what may be contacted as well as what was, so whoever reads it can
count the connections to production again; `check_document` does, and believes no number that it
did not derive. The signature covers everything but itself. Keys come from a floor above.
Read next: `ledger.py` (what is counted), `hms_esr/signing.py` (keys), docs/interlock.md.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any, Final, Protocol

from switchboard.hosts import Network
from switchboard.rules import Endpoint, Mode, Rules

SCHEMA: Final = "esr.interlock/2"
HMAC_SHA256: Final = "hmac-sha256"
MAX_BYTES: Final = 8 * 1024 * 1024
"""A thousand rows for each door are a few hundred kilobytes."""

ESCAPED: Final = frozenset({"escaped", "foreign-answer", "failed"})
"""Outcomes of a canary that mean that there may be a way to production."""

# A key that signs something else too must not be led to sign one of these.
_DOMAIN: Final = b"esr.interlock/2\n"


class Signer(Protocol):
    """A key, and what is done with it."""

    @property
    def algorithm(self) -> str: ...

    @property
    def key_id(self) -> str: ...

    def sign(self, data: bytes) -> str:
        """The signature in hexadecimal digits."""


class Verifier(Protocol):
    """What is needed to check a signature."""

    @property
    def algorithm(self) -> str: ...

    @property
    def key_id(self) -> str: ...

    def is_signed(self, data: bytes, value: str) -> bool:
        """True when this key made that signature of these bytes."""


@dataclass(frozen=True, slots=True)
class HmacKey:
    """HMAC-SHA256: whoever can check a signature could have made it."""

    secret: bytes = field(repr=False)

    @property
    def algorithm(self) -> str:
        return HMAC_SHA256

    @property
    def key_id(self) -> str:
        """Tells keys apart and gives nothing of them away."""
        return hmac.new(self.secret, b"esr interlock key id", hashlib.sha256).hexdigest()[:16]

    def sign(self, data: bytes) -> str:
        return hmac.new(self.secret, data, hashlib.sha256).hexdigest()

    def is_signed(self, data: bytes, value: str) -> bool:
        return hmac.compare_digest(self.sign(data).encode(), value.encode(errors="replace"))


@dataclass(frozen=True, slots=True)
class Declared:
    """What was declared as sandbox: these pairs and nothing else, and never a denied network."""

    endpoints: frozenset[Endpoint] = frozenset()
    denied: tuple[Network, ...] = ()

    @classmethod
    def by(cls, rules: Rules) -> Declared:
        """What the rules declare. A live upstream is none of it: that is production."""
        return cls(rules.endpoints("sandbox"), rules.deny_networks)

    def __or__(self, other: Declared) -> Declared:
        """For a door whose rules were replaced while it ran."""
        denied = tuple(dict.fromkeys((*self.denied, *other.denied)))
        return Declared(self.endpoints | other.endpoints, denied)


def build_document(
    *,
    run_id: str,
    door: str,
    mode: Mode,
    rules: Mapping[str, str],
    declared: Declared,
    rows: Mapping[str, Sequence[Mapping[str, Any]]],
    canaries: Mapping[str, Any] | None,
    written: str,
    tripped: str | None = None,
    more: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The document, unsigned.

    run_id: what it is the interlock of.   rules: `source` and `digest`.   rows: as `Ledger.to_json`
    gives them.   canaries: None when nobody asked for them.   written: RFC 3339.
    tripped: why everything is refused.   more: what only this door has to say.
    """
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "run_id": run_id,
        "door": door,
        "written": written,
        "mode": mode,
        "rules": dict(rules),
        "declared": {
            "endpoints": [list(pair) for pair in sorted(declared.endpoints)],
            "denied_networks": [str(network) for network in declared.denied],
        },
        "contacted": [dict(row) for row in rows["contacted"]],
        "refused": [dict(row) for row in rows["refused"]],
        "connections_to_production": 0,
        "attempts_refused": 0,
        "canaries": canaries,
        "tripped": tripped,
        **(more or {}),
    }
    document["connections_to_production"] = len(production_of(document))
    document["attempts_refused"] = sum(row["attempts"] for row in document["refused"])
    fit: dict[str, Any] = _fit(document)
    return fit


def production_of(document: Mapping[str, Any]) -> list[Endpoint]:
    """The contacted addresses that were not declared as sandbox, or are denied; each once.

    Raises ValueError, TypeError or KeyError where the document has no such shape.
    """
    declared = document["declared"]
    endpoints = {(str(address), int(port)) for address, port in declared["endpoints"]}
    denied = [ip_network(text) for text in declared["denied_networks"]]
    dialled = dict.fromkeys(
        (str(row["address"]), int(row["port"]))
        for row in document["contacted"]
        if row["address"] != "" and row["requests"]  # a stub answers in place, nothing is dialled
    )
    return [pair for pair in dialled if pair not in endpoints or _is_in(pair[0], denied)]


def _is_in(text: str, networks: Iterable[Network]) -> bool:
    """Also an IPv4 address in IPv6 clothes; what is no address at all is in every network."""
    try:
        address = ip_address(text)
    except ValueError:
        return True
    mapped = getattr(address, "ipv4_mapped", None)
    return any(address in network or (mapped and mapped in network) for network in networks)


def canonical_bytes(document: Mapping[str, Any]) -> bytes:
    """The one way to write it: sorted keys, no spaces, ASCII; without the signature's value.

    Raises ValueError for what JSON cannot say.
    """
    unsigned = dict(document)
    signature = document.get("signature")
    if isinstance(signature, Mapping):
        unsigned["signature"] = {k: v for k, v in signature.items() if k != "value"}
    try:
        text = json.dumps(unsigned, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, RecursionError) as error:
        raise ValueError(f"it cannot be written as JSON ({error})") from None
    return _DOMAIN + text.encode("ascii")


def sign(document: Mapping[str, Any], signer: Signer) -> dict[str, Any]:
    """The document with its signature, in the place of any that it has."""
    named = {**document, "signature": {"algorithm": signer.algorithm, "key_id": signer.key_id}}
    named["signature"]["value"] = signer.sign(canonical_bytes(named))
    return named


def parse_document(data: bytes) -> dict[str, Any]:
    """A document from a file. Raises ValueError with one short sentence.

    A name that stands twice is refused: two readers could believe two different things.
    """
    if len(data) > MAX_BYTES:
        raise ValueError("it is far too long")
    try:
        value = json.loads(data, object_pairs_hook=_once, parse_constant=_no_number)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not JSON (line {error.lineno})") from None
    if not isinstance(value, dict):
        raise ValueError("it is not a JSON object")
    return value


def check_document(document: Mapping[str, Any], verifiers: Sequence[Verifier]) -> list[str]:
    """Everything about it that does not hold, in sentences; an empty list when all does."""
    if document.get("schema") != SCHEMA:
        return [f"the document does not have the schema {SCHEMA}"]
    faults = list(_check_signature(document, verifiers))
    try:
        faults += _check_numbers(document)
        faults += _check_canaries(document)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        faults.append("the document does not have the shape of an interlock")
    if document.get("tripped") is not None:
        faults.append("it was tripped: everything was refused from then on")
    return faults


def _check_signature(document: Mapping[str, Any], verifiers: Sequence[Verifier]) -> Iterator[str]:
    signature = document.get("signature")
    if not isinstance(signature, dict) or not isinstance(signature.get("value"), str):
        yield "it is not signed"
        return
    name = (signature.get("algorithm"), signature.get("key_id"))
    known = [each for each in verifiers if (each.algorithm, each.key_id) == name]
    if not known:
        algorithm, key_id = (ascii(str(part)[:40])[1:-1] for part in name)
        yield f"it is signed with a key that is not at hand ({algorithm}, key {key_id})"
        return
    try:
        data = canonical_bytes(document)
    except ValueError:
        data = b""
    if not known[0].is_signed(data, signature["value"]):
        yield "the signature is wrong: the document was changed after it was signed"


def _check_numbers(document: Mapping[str, Any]) -> Iterator[str]:
    production = production_of(document)
    if document["connections_to_production"] != len(production):
        yield "connections_to_production is not what follows from contacted and declared"
    if production:
        shown = ", ".join(f"{ascii(address)[1:-1]}:{port}" for address, port in production[:5])
        yield f"production was contacted: {shown}"
    attempts = [row["attempts"] for row in document["refused"]]
    if document["attempts_refused"] != sum(attempts) or any(count < 0 for count in attempts):
        yield "attempts_refused is not the sum of refused"


def _check_canaries(document: Mapping[str, Any]) -> Iterator[str]:
    canaries = document["canaries"]
    for row in canaries["results"] if canaries is not None else ():
        if row["outcome"] in ESCAPED:
            yield f"the canary {ascii(str(row['target'])[:80])[1:-1]} got out"


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return value


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number of JSON")


def _fit(value: Any) -> Any:
    """Text that every writer of JSON takes: what clients say about themselves may be anything."""
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, dict):
        return {_fit(key): _fit(each) for key, each in value.items()}
    return [_fit(each) for each in value] if isinstance(value, list) else value
