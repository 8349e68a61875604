"""One value that was split over neighbouring keys: `ssn1=666&ssn2=12&ssn3=3456`.

Keys with one stem and suffixes that count on (1 2 3, a b c, [0] [1]) whose values are all digits
are shown together as one text, besides each alone. Pure. Read next: `form.py`, `json_body.py`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import Final, NamedTuple

from replay.fields.places import Show, step
from replay.identifiers.sandbox import is_sandbox_phone, is_sandbox_ssn, is_test_card

_LONGEST_PART: Final = 16
_LONGEST_KEY: Final = 64
_MOST_PARTS: Final = 16
_SUFFIX: Final = re.compile(
    r"(?P<stem>.*?[^\d_.\-\[])[_.\-]?(?:\[(?P<index>\d{1,2})\]|(?P<number>\d{1,2})\]?)"
    r"|(?P<stem_of_letter>.*[^_.\-])[_.\-](?P<letter>[a-pA-P])",
    re.DOTALL,
)


class Part(NamedTuple):
    """A value that may be part of one: `at` is where its owner finds it again."""

    stem: str
    order: int
    at: int
    text: str


def part_of(key: str, text: str, at: int) -> Part | None:
    """What a key and its value may be a part of, if anything."""
    if not (text.isdigit() and text.isascii()) or len(text) > _LONGEST_PART:
        return None
    found = _suffix_of(key)
    return None if found is None else Part(found[0], found[1], at, text)


@lru_cache(4096)
def _suffix_of(key: str) -> tuple[str, int] | None:
    """`ssn_2` is the stem `ssn` and 2."""
    found = _SUFFIX.fullmatch(key) if len(key) <= _LONGEST_KEY else None
    if found is None:
        return None
    if found["letter"] is not None:
        return found["stem_of_letter"], ord(found["letter"].lower()) - ord("a")
    return found["stem"], int(found["index"] or found["number"])


def show_together(parts: list[Part], show: Show, here: str) -> dict[int, str | None]:
    """What takes the places of values that turned out to be one; by `at`."""
    taken: dict[int, str | None] = {}
    stems: dict[str, list[Part]] = {}
    for part in parts:
        stems.setdefault(part.stem, []).append(part)
    for stem, group in stems.items():
        if 2 <= len(group) <= _MOST_PARTS and _counts_on(group):
            taken.update(_show_group(stem, group, show, here))
    return taken


def _counts_on(group: list[Part]) -> bool:
    group.sort(key=lambda part: part.order)
    return all(after.order == before.order + 1 for before, after in pairwise(group))


def _proves_itself(digits: str) -> bool:
    return is_sandbox_ssn(digits) or is_test_card(digits) or is_sandbox_phone(digits)


def _show_group(stem: str, group: list[Part], show: Show, here: str) -> dict[int, str | None]:
    text = "".join(part.text for part in group)
    lengths = tuple(len(part.text) for part in group)
    new = show(f"{here}{step(stem)}*", stem, text, lengths)
    if new is None:
        return dict.fromkeys((part.at for part in group), None)
    if new == text:
        # Nobody's number stays whole, whatever its parts would be taken for alone.
        return {part.at: part.text for part in group} if _proves_itself(text) else {}
    # One that is not as long must still not leave anything of the old one: the last takes the rest.
    ends = [*accumulate(lengths[:-1]), max(len(new), len(text))]
    starts = (0, *ends)
    return {part.at: new[start:end] for part, start, end in zip(group, starts, ends, strict=False)}
