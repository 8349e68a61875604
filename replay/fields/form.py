"""Names and values with `&` between them: the query of a URL, the body of a form.

A value that is left as it is stays byte-identical, however it was written. Read next: `target.py`.
"""

from __future__ import annotations

from replay.fields.labels import is_naming, is_valued, read_label
from replay.fields.percent import decode_plus, encode_plus
from replay.fields.places import MAX_LEAVES, Show, looks_like_data, step
from replay.fields.siblings import Part, part_of, show_together


def map_pairs(raw: str, show: Show, here: str) -> str:
    """The pairs of a query or form, each value shown; one that is taken out goes with its name."""
    if not raw:
        return raw
    if raw.count("&") > MAX_LEAVES:
        return _map_bare(raw, show, here) or ""
    pairs: list[str | None] = list(raw.split("&"))
    parts: list[Part] = []
    is_changed = False
    label = ""
    for at, pair in enumerate(pairs):
        if not pair:
            continue
        new = _map_pair(pair, show, here, at, parts, label)
        label = _label_of(pair)
        if new is not pair:
            pairs[at] = new
            is_changed = True
    if len(parts) > 1:
        together = show_together(parts, show, here)
        olds = raw.split("&") if together else []
        for at, text in together.items():
            pairs[at] = _join(olds[at], text)
            is_changed = True
    return "&".join([pair for pair in pairs if pair is not None]) if is_changed else raw


def _label_of(pair: str) -> str:
    """What it says of the pair after it: `name=ssn&value=...`."""
    key, _, raw = pair.partition("=")
    return read_label(decode_plus(raw)) if is_naming(key) else ""


def _map_pair(
    pair: str, show: Show, here: str, at: int, parts: list[Part], label: str
) -> str | None:
    """The very pair when nothing of it changed, None when it is taken out."""
    raw_key, mark, raw = pair.partition("=")
    if not mark:
        return _map_bare(pair, show, f"{here}.~key")
    key = decode_plus(raw_key)
    if looks_like_data(key):
        new_key = _map_bare(raw_key, show, f"{here}.*~key")
        if new_key is None:
            return None
    else:
        new_key = raw_key
    text = decode_plus(raw)
    if not text:
        return pair if new_key is raw_key else f"{new_key}="
    part = part_of(key, text, at)
    if part is not None:
        parts.append(part)
    new = show(here + step(key), label if label and is_valued(key) else key, text)
    if new is None:
        return None
    if new == text:
        return pair if new_key is raw_key else f"{new_key}={raw}"
    return f"{new_key}={encode_plus(new, raw)}"


def _map_bare(raw: str, show: Show, path: str) -> str | None:
    """A text without a name."""
    text = decode_plus(raw)
    new = show(path, "", text)
    if new is None or new == text:
        return None if new is None else raw
    return encode_plus(new, raw)


def _join(pair: str, text: str | None) -> str | None:
    key, _, raw = pair.partition("=")
    return None if text is None else f"{key}={encode_plus(text, raw)}"
