"""Names for clones: one recorded user played several times must not be one user to the service.

A clone's name keeps the length and the kinds of character of the recorded one (digits stay
digits, letters stay letters), so that paths, lengths and validators still fit. Names are decided
by hash(seed, clone), and are unique within a run.
"""

from __future__ import annotations

from collections.abc import Sequence

from switchboard.seeded import mix64, text64

_DIGITS = "0123456789"
_LOWER = "abcdefghijklmnopqrstuvwxyz"
_UPPER = _LOWER.upper()
_TRIES = 16
_DRAWS_PER_KEY = 12
"""Twelve letters take 57 of a key's 64 bits."""


def clone_names(originals: Sequence[str], clones: Sequence[int], seed: int) -> tuple[str, ...]:
    """The name of each lane: the recorded one where clone is 0, else a new one.

    Two lanes never share a name. Where a name is too short to make enough others of its shape,
    the clone's number is appended.
    """
    taken = set(originals)
    names: list[str] = []
    for original, clone in zip(originals, clones, strict=True):
        name = original if clone == 0 else _new_name(original, clone, seed, taken)
        taken.add(name)
        names.append(name)
    return tuple(names)


def _new_name(original: str, clone: int, seed: int, taken: set[str]) -> str:
    key = mix64(seed, text64(original), clone)
    for attempt in range(_TRIES):
        name = disguise(original, mix64(key, attempt))
        if name not in taken:
            return name
    suffix = clone
    while f"{original}~{suffix}" in taken:
        suffix += 1
    return f"{original}~{suffix}"


def disguise(name: str, key: int) -> str:
    """`name` with every ASCII letter and digit after the first letters replaced by hash.

    The leading letters stay (`C-48219730` becomes `C-07751264`): services route on such prefixes.
    """
    prefix = len(name) - len(name.lstrip(_LOWER + _UPPER))
    if prefix == len(name):
        prefix = 0
    replaced = []
    pool = key
    for position, character in enumerate(name):
        if position % _DRAWS_PER_KEY == 0:
            pool = mix64(key, position)
        alphabet = "" if position < prefix else _alphabet_of(character)
        if not alphabet:
            replaced.append(character)
            continue
        pool, draw = divmod(pool, len(alphabet))
        replaced.append(alphabet[draw])
    return "".join(replaced)


def _alphabet_of(character: str) -> str:
    for alphabet in (_DIGITS, _LOWER, _UPPER):
        if character in alphabet:
            return alphabet
    return ""
