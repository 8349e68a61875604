"""Where in a target or a JSON body the texts stand that may have to be replaced.

A log repeats itself: most of its requests differ from others in their digits alone. So the first
requests of a layout (all its digits made 0) are taken apart in full, and it is remembered which of
their texts could change with other digits, and from where to where they stand. In the next request
of that layout only those are looked at.
Read next: `fast_fields.py`, which asks; `replay/fields/`, which takes apart.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from json.encoder import encode_basestring_ascii
from typing import Final, NamedTuple

from replay.fields.json_body import is_json
from replay.fields.places import Show

MapText = Callable[[str, Show], str | None]
"""Takes a text apart, shows its parts, puts it together again; None when it is not of its kind."""

MAX_SPOTS: Final = 64
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_BARE_NUMBER: Final = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_SAFE: Final = re.compile(r"[A-Za-z0-9_~@:-][A-Za-z0-9._~@:-]*")
"""What is written in a target as it is, and climbs no path."""
_JSON_PARTS: Final = re.compile(r'"([^"]*)"([ \t\r\n]*:)?|(?<![.eE+0-9])-?(0{2,})')
_QUERY_KEY: Final = re.compile(r"[?&]([^=&]*)")
_DIGIT: Final = re.compile(r"[0-9]")


class Seen(NamedTuple):
    """A text that was shown."""

    path: str
    name: str
    text: str
    parts: tuple[int, ...]


class Spot(NamedTuple):
    """A text to look at each time. name_at: where its name stands, if that has digits."""

    start: int
    end: int
    path: str
    name: str
    name_at: tuple[int, int] | None


class Plan(NamedTuple):
    """What to look at in a text of one layout.

    same: pieces whose digits must be the very ones. no_zero: where a number may not begin with 0.
    """

    spots: tuple[Spot, ...]
    same: tuple[tuple[int, int, str], ...] = ()
    no_zero: tuple[int, ...] = ()


class Recorder:
    """Shows texts on, and remembers them."""

    def __init__(self, show: Show) -> None:
        self.seen: list[Seen] = []
        self._show = show

    def __call__(self, path: str, name: str, text: str, parts: tuple[int, ...] = ()) -> str | None:
        self.seen.append(Seen(path, name, text, parts))
        return self._show(path, name, text, parts)


def find_spots(
    text: str, map_text: MapText, is_settled: Callable[[Seen], bool]
) -> list[tuple[int, Seen]] | None:
    """The texts that may have to be replaced, each with its number; None when a plan is no good."""
    recorder = Recorder(_leave)
    if map_text(text, recorder) is None:
        return None
    found = [(at, seen) for at, seen in enumerate(recorder.seen) if not is_settled(seen)]
    if len(found) > MAX_SPOTS or any(_is_odd(seen) for seen in recorder.seen):
        return None
    return found


def _leave(path: str, name: str, text: str, parts: tuple[int, ...] = ()) -> str | None:
    return text


def _is_odd(seen: Seen) -> bool:
    return bool(seen.parts) or seen.path.endswith("~key")


def learn_json(text: str, map_text: MapText, found: list[tuple[int, Seen]]) -> Plan | None:
    """The plan of a JSON text without escapes; None when some text cannot be found in it again."""
    spots = _locate(text, map_text, found, dict[int, tuple[int, int]]())
    if spots is None:
        return None
    same, no_zero = [], []
    for piece in _JSON_PARTS.finditer(text.translate(_TO_ZEROS)):
        if piece[2] is not None and _DIGIT.search(piece[1]) is not None:
            same.append((piece.start(1), piece.end(1), text[piece.start(1) : piece.end(1)]))
        elif piece[3] is not None:
            no_zero.append(piece.start(3))
    return Plan(spots, tuple(same), tuple(no_zero))


def learn_target(target: str, map_text: MapText, found: list[tuple[int, Seen]]) -> Plan | None:
    """The plan of a target in which nothing is percent-encoded."""
    names = _segments_before(target)
    spots = _locate(target, map_text, found, names)
    if spots is None or any("+" in target[spot.start : spot.end] for spot in spots):
        return None
    keys = [key for key in _QUERY_KEY.finditer(target) if _DIGIT.search(key[1]) is not None]
    return Plan(spots, tuple((key.start(1), key.end(1), key[1]) for key in keys))


def _segments_before(target: str) -> dict[int, tuple[int, int]]:
    """Where each segment that names the next one stands, by where the next one begins."""
    path = target.partition("?")[0]
    places = [(found.start(), found.end()) for found in re.finditer(r"[^/]+", path)]
    return {after[0]: before for before, after in pairwise(places)}


def _locate(
    text: str,
    map_text: MapText,
    found: list[tuple[int, Seen]],
    names: dict[int, tuple[int, int]],
) -> tuple[Spot, ...] | None:
    spots: list[Spot] = []
    for number, seen in found:
        place = _place_of(text, map_text, number, seen.text)
        if place is None:
            return None
        name_at = names.get(place[0]) if _DIGIT.search(seen.name) else None
        spots.append(Spot(*place, seen.path, seen.name, name_at))
    return tuple(spots)


def _place_of(text: str, map_text: MapText, number: int, said: str) -> tuple[int, int] | None:
    """Where the text of that number stands: another one in its place shows it."""
    other = _other(said)
    if other is None:
        return None
    count = -1

    def show(path: str, name: str, text: str, parts: tuple[int, ...] = ()) -> str | None:
        nonlocal count
        count += 1
        return other if count == number else text

    mapped = map_text(text, show)
    if mapped is None or len(mapped) != len(text) or mapped == text:
        return None
    start = next(at for at, char in enumerate(text) if char != mapped[at])
    end = start + len(said)
    is_there = text[start:end] == said and mapped == f"{text[:start]}{other}{text[end:]}"
    return (start, end) if is_there else None


def _other(said: str) -> str | None:
    """A text as long, without a character in its place, that is a number where the text is one."""
    if _NUMBER.fullmatch(said):
        if _BARE_NUMBER.fullmatch(said) is None or said[0] == "-" or "." in said:
            return None
        return "".join([str(int(digit) % 9 + 1) for digit in said])
    return "".join(["q" if char != "q" else "z" for char in said])


def replace_json(text: str, plan: Plan, show: Show) -> str | None:
    """The JSON text with the spots of its plan replaced; None when the plan does not fit it."""
    for start in plan.no_zero:
        if text[start] == "0":
            return None
    for start, end, said in plan.same:
        if text[start:end] != said:
            return None
    pieces: list[str] = []
    at = 0
    for start, end, path, name, _ in plan.spots:
        old = text[start:end]
        new = show(path, name, old)
        if new == old:
            continue
        is_string = text[start - 1 : start] == '"'
        if is_string:
            start, end = start - 1, end + 1
        pieces += [text[at:start], _json_token(new, is_string=is_string)]
        at = end
    return "".join([*pieces, text[at:]]) if pieces else text


def _json_token(new: str | None, *, is_string: bool) -> str:
    if new is None:
        return "null"
    if not is_string and _NUMBER.fullmatch(new):
        return new
    return encode_basestring_ascii(new)


def replace_target(target: str, plan: Plan, show: Show) -> str | None:
    """The target with the spots of its plan replaced; None when that takes more care."""
    for start, end, said in plan.same:
        if target[start:end] != said:
            return None
    pieces: list[str] = []
    at = 0
    for start, end, path, name, name_at in plan.spots:
        old = target[start:end]
        new = show(path, name if name_at is None else target[name_at[0] : name_at[1]], old)
        if new == old:
            continue
        if new is None or _SAFE.fullmatch(new) is None:
            return None
        pieces += [target[at:start], new]
        at = end
    return "".join([*pieces, target[at:]]) if pieces else target


def is_plain_json(text: str) -> bool:
    """JSON in which nothing is escaped, so that its layout is all there is to know of it."""
    return "\\" not in text and text.isascii() and text[:1] in ("{", "[") and is_json(text)


_TO_ZEROS: Final = str.maketrans("123456789", "0" * 9)
