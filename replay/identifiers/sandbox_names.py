"""Names that nobody has: syllables put together, 512 first names and 1,024 last names.

Which list a name comes from does not matter to `is_sandbox_name`: a word of either is invented.
Read next: `sandbox.py`.
"""

from __future__ import annotations

from typing import Final

_FIRST_STARTS: Final = (
    "Abzo", "Bexu", "Cyvo", "Dweza", "Elzu", "Fyxo", "Gwizo", "Hazqui",
    "Ixza", "Jyvo", "Kezu", "Lyxa", "Mivzo", "Nuxe", "Oqza", "Pyzo",
    "Quiva", "Rexyo", "Syzu", "Tovxa", "Ulvyo", "Vexzo", "Wyzu", "Xaluo",
    "Yevzo", "Zuxa", "Brezyo", "Clyxo", "Drizua", "Fluvzo", "Grexua", "Plyzo",
)  # fmt: skip
_FIRST_ENDS: Final = (
    "bren", "dith", "fenn", "gorn", "kell", "lind", "merr", "nell",
    "pelt", "rind", "sken", "tham", "vard", "wick", "yorn", "zell",
)  # fmt: skip
_LAST_STARTS: Final = (
    "Arkzu", "Blyvo", "Corxu", "Dezwo", "Emxo", "Fazqui", "Glovza", "Hyxu",
    "Irvzo", "Jaxwe", "Kryzo", "Luzqua", "Myxo", "Nevzu", "Orxya", "Phyzo",
    "Qualzo", "Ruvxe", "Skyzo", "Tryxa", "Umzwo", "Vlyxo", "Wezqua", "Xovza",
    "Ystzo", "Zwexu", "Brivzo", "Chyxa", "Drozwe", "Fryzo", "Gnuxa", "Stevzo",
)  # fmt: skip
_LAST_ENDS: Final = (
    "bank", "berg", "brook", "cliff", "combe", "dale", "fall", "field",
    "firth", "ford", "gate", "grove", "haven", "hill", "holm", "hurst",
    "land", "ley", "mark", "mead", "mere", "moor", "more", "port",
    "ridge", "shaw", "stead", "strand", "thorpe", "vale", "wald", "worth",
)  # fmt: skip

FIRST_NAMES: Final = tuple(start + end for start in _FIRST_STARTS for end in _FIRST_ENDS)
LAST_NAMES: Final = tuple(start + end for start in _LAST_STARTS for end in _LAST_ENDS)
