"""Names for clones: one recorded user played several times must not be one user to the service.

A clone's name keeps the length and the kinds of character of the recorded one (digits stay
digits, letters stay letters, hexadecimal stays hexadecimal), so that paths, lengths and validators
still fit. Names are decided by hash(seed, clone), and are unique within a run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from switchboard.seeded import mix64, text64

_DIGITS = "0123456789"
_LOWER = "abcdefghijklmnopqrstuvwxyz"
_UPPER = _LOWER.upper()
_LETTERS = _LOWER + _UPPER
_ALPHABETS = {c: alphabet for alphabet in (_DIGITS, _LOWER, _UPPER) for c in alphabet}
_HEX_ALPHABETS = {c: alphabet for alphabet in (_DIGITS, "abcdef", "ABCDEF") for c in alphabet}
_NOT_HEX = frozenset(_LETTERS) - frozenset("abcdefABCDEF")

_TRIES = 16
_DRAWS_PER_KEY = 12
"""Twelve letters take 57 of a key's 64 bits."""


def clone_names(
    originals: Sequence[str], clones: Sequence[int], seed: int, recorded: Iterable[str] = ()
) -> tuple[str, ...]:
    """The name of each lane: the recorded one where clone is 0, else a new one.

    Two lanes never share a name, nor does a clone take the name of a user in `recorded`. Where a
    name is too short to make enough others of its shape, the clone's number is appended.
    """
    taken = set(recorded).union(originals)
    names: list[str] = []
    for original, clone in zip(originals, clones, strict=True):
        name = original if clone == 0 else _new_name(original, clone, seed, taken)
        taken.add(name)
        names.append(name)
    return tuple(names)


def _new_name(original: str, clone: int, seed: int, taken: set[str]) -> str:
    key = mix64(seed, text64(original), clone)
    for attempt in range(_TRIES):
        name = disguise(original, key + attempt)
        if name not in taken:
            return name
    suffix = clone
    while f"{original}~{suffix}" in taken:
        suffix += 1
    return f"{original}~{suffix}"


def disguise(name: str, key: int) -> str:
    """`name` with every ASCII letter and digit after the first letters replaced by hash.

    The leading letters stay (`C-48219730` becomes `C-07751264`): services route on such prefixes.
    So does what follows an @, since a clone must not be of another organisation.
    """
    local, at, domain = name.partition("@")
    prefix = len(local) - len(local.lstrip(_LETTERS))
    if prefix == len(local):
        prefix = 0
    rest = local[prefix:]
    return f"{local[:prefix]}{_replace(rest, _alphabets_of(rest), key)}{at}{domain}"


def _alphabets_of(text: str) -> Mapping[str, str]:
    """For each replaceable character, those that may take its place."""
    is_hex = len(text) >= 8 and _NOT_HEX.isdisjoint(text)
    return _HEX_ALPHABETS if is_hex else _ALPHABETS


def _replace(text: str, alphabets: Mapping[str, str], key: int) -> str:
    replaced = []
    pool = draws = 0
    for character in text:
        alphabet = alphabets.get(character)
        if alphabet is None:
            replaced.append(character)
            continue
        if draws % _DRAWS_PER_KEY == 0:
            pool = mix64(key, draws)
        draws += 1
        pool, draw = divmod(pool, len(alphabet))
        replaced.append(alphabet[draw])
    return "".join(replaced)
