"""The words that made-up data is made of. Family names, streets and towns are invented.

Floor 1. Read next: `fake.py`.
"""

from __future__ import annotations

from typing import Final


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


FIRST_NAMES: Final = _words(
    "Ada Amara Anil Ben Bianca Boris Carla Chen Clara Dario Dina Elif Emil Esme Farah Felix Gita "
    "Hana Hugo Ines Ivan Jada Jonas Kaia Kofi Lea Liam Lucia Mei Milo Nadia Noor Olga Omar Paula "
    "Priya Quinn Rafa Rosa Sami Selma Tariq Tess Uma Viktor Wanda Yara Zane"
)
LAST_NAMES: Final = _words(
    "Ashenvale Birchmarrow Brindlewick Calderwisp Copperlane Dovemarsh Eldergrove Fennimoor "
    "Glasswater Hazelfen Inkerfield Jasperholt Kettlebrook Larkenmere Mistlethorn Nettlewick "
    "Oakenshade Pebblecroft Quillfeather Rowanmere Saltmarrow Thistledown Umberfield Vellumcroft "
    "Wrenhollow Yarrowgate Zephyrdale Amberlock Bramblefort Cinderlow Driftholm Emberglen"
)
STREETS: Final = _words(
    "Sample Placeholder Mockup Sandbox Fixture Rehearsal Replica Cardboard Stand-in Dress-up "
    "Prototype Backdrop"
)
STREET_KINDS: Final = ("Street", "Avenue", "Lane", "Road", "Court", "Way")
CITIES: Final = _words(
    "Fixtureton Mockville Sampleford Sandbox-on-Sea Stubwick Testborough Placeholder-Falls "
    "Dummyfield Specimen-Springs Draftham Replicaburg Trialhaven"
)
STATES: Final = _words(
    "AK AL AR AZ CA CO CT DE FL GA HI IA ID IL IN KS KY LA MA MD ME MI MN MO MS MT NC ND NE NH NJ "
    "NM NV NY OH OK OR PA RI SC SD TN TX UT VA VT WA WI WV WY"
)
WORDS: Final = _words(
    "the sample record was made for a rehearsal and means nothing every figure in this note is "
    "drawn by lot please keep it inside sandbox where all names are invented"
)
