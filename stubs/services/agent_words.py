"""What an agent says: sentences that fit a benefits office and promise nothing to anybody.

Floor 1, pure. Read next: `agx.py`.
"""

from __future__ import annotations

from typing import Final

from switchboard.seeded import mix64, text64

TOPICS: Final = {
    "eligib": "Eligibility depends on household, income and residence; all three are in the file.",
    "permit": "A permit is reviewed in the order of its filing; the status page shows where it is.",
    "premium": "The premium is set by zone and cover; a new look-up shows what applies today.",
    "pay": "A payment settles on the next banking day after it was taken.",
    "appeal": "An appeal has to name the decision and be filed within the time it states.",
    "document": "Scans are fine as long as every page can be read.",
    "deadline": "Deadlines count from the day of the notice, not from the day it was read.",
}
"""What is said when a question has such a word in it."""
OPENINGS: Final = (
    "Thank you for asking.",
    "Here is what the rehearsal file shows.",
    "I looked this up in the sandbox.",
    "Good question.",
    "In short:",
)
BODIES: Final = (
    "The application is complete and waits for its review.",
    "One document is still missing, which can be sent at any time.",
    "Nothing needs to be done at the moment.",
    "A case worker will look at this before anything is decided.",
    "The figures agree with what was declared.",
    "This needs the consent of the person concerned before it can go on.",
)
CLOSINGS: Final = (
    "Is there anything else?",
    "I can start the next step if you say so.",
    "This is a rehearsal, and no decision.",
    "A person will confirm it.",
)
_FURTHER: Final = "As said before:"


def say_answer(seed: int, question: str, turn: int) -> str:
    """The answer to a question in one turn of a conversation, from 1."""
    base = mix64(seed, text64(question), turn)
    lowered = question.lower()
    topics = [text for word, text in TOPICS.items() if word in lowered][:2]
    bodies = [BODIES[mix64(base, at) % len(BODIES)] for at in range(1 + mix64(base, 9) % 2)]
    opening = _FURTHER if turn > 1 and mix64(base, 7) % 4 == 0 else _one(OPENINGS, base, 5)
    parts = [opening, *topics, *dict.fromkeys(bodies), _one(CLOSINGS, base, 6)]
    return " ".join(parts)


def _one(choices: tuple[str, ...], base: int, draw: int) -> str:
    return choices[mix64(base, draw) % len(choices)]
