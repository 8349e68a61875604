"""Every identifier in a text: what kind, and from where to where.

Pure; no input raises, and time grows with the length of the text alone. `replay/gate/leak_gate.py`
looks at a trace with it, `replay/anonymise/anonymiser.py` replaces what it finds in free text.
Read next: `look.py` (how a text is looked at), then any of the finders.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from replay.identifiers.addresses import find_addresses, find_emails, find_user_info
from replay.identifiers.banking import find_accounts, find_ibans, find_routing_numbers
from replay.identifiers.cards import find_cards
from replay.identifiers.dates import find_birth_dates
from replay.identifiers.fold import INVISIBLE
from replay.identifiers.kinds import NOBODYS, Span, choose_spans
from replay.identifiers.look import Look
from replay.identifiers.people_numbers import find_people_numbers
from replay.identifiers.person_names import find_person_names
from replay.identifiers.phones import find_phones
from replay.identifiers.secrets import find_secrets
from replay.identifiers.tokens import (
    find_basics,
    find_bearers,
    find_cloud_keys,
    find_jwts,
    find_private_keys,
)

_FINDERS: Final[tuple[Callable[[Look], Iterator[Span]], ...]] = (
    find_people_numbers,
    find_cards,
    find_routing_numbers,
    find_accounts,
    find_ibans,
    find_phones,
    find_emails,
    find_user_info,
    find_addresses,
    find_jwts,
    find_bearers,
    find_basics,
    find_cloud_keys,
    find_private_keys,
    find_secrets,
    find_birth_dates,
    find_person_names,
)


def find_identifiers(name: str, text: str) -> list[Span]:
    """What could belong to a real person or system, in order, without overlaps.

    name: what the text is called; it decides about everything that says nothing by itself.
    """
    return [span for span in find_spans(name, text) if span.kind != NOBODYS]


def find_spans(name: str, text: str) -> list[Span]:
    """The same, and where something stands that only looks so and belongs to nobody."""
    look = Look(name, text)
    spans = [span for find in _FINDERS for span in find(look)]
    if INVISIBLE in look.text:
        spans += _without_invisible(name, look.text)
    return choose_spans(spans)


def _without_invisible(name: str, folded: str) -> Iterator[Span]:
    """What is found once what nobody sees is gone, at its places in the text."""
    places = [at for at, char in enumerate(folded) if char != INVISIBLE]
    look = Look(name, folded.replace(INVISIBLE, ""))
    for find in _FINDERS:
        for kind, start, end in find(look):
            yield Span(kind, places[start], places[end - 1] + 1)
