"""Two spellings of the first guided tour that hold two keys in one line, made into YAML.

`chaos: kill_pod svc-fee after: "12m"` and `spike_at: "10m" spike_size: 8000` were printed so, and
YAML takes neither. Lines keep their numbers, so that every fault is still found where it stands.
Floor 2, pure. Read next: `yaml_lines.py`.
"""

from __future__ import annotations

import re
from typing import Final

_TIME: Final = r'(?P<time>"[^"\n]{0,40}"|\'[^\'\n]{0,40}\'|[^\s"\'#]{1,40})'
_END: Final = r"(?P<end>[ \t]*(?:#.*)?)$"
_KILL: Final = re.compile(
    rf"^chaos:[ \t]+kill_pod[ \t]+(?P<pod>[\w.-]{{1,80}})[ \t]+after:[ \t]*{_TIME}{_END}",
    re.MULTILINE,
)
_SPIKE: Final = re.compile(
    rf"^spike_at:[ \t]*{_TIME}[ \t]+spike_size:[ \t]*(?P<size>[\w.-]{{1,20}}){_END}", re.MULTILINE
)


def spell_out(text: str) -> str:
    """The text with each of the two as a mapping on the same line."""
    text = _KILL.sub(r"chaos: [{kill_pod: \g<pod>, after: \g<time>}]\g<end>", text)
    return _SPIKE.sub(r"spike: {spike_at: \g<time>, spike_size: \g<size>}\g<end>", text)
