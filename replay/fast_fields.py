"""The fast way through the anonymiser: targets, header lines and bodies, remembered by their text.

What it cannot judge at a glance it hands to `replay/fields/`, which is also where everything that
it remembers comes from. Nothing here lives longer than the process, and all of it is bounded.
Read next: `anonymiser.py`.
"""

from __future__ import annotations

from typing import Final

from replay.built_in import BuiltIn
from replay.fields.body import map_body
from replay.fields.event import map_name
from replay.fields.headers import find_header, map_lines, parse_lines
from replay.fields.leaf import Visit
from replay.fields.target import map_target

_HELD: Final = 16_384
_HELD_LENGTH: Final = 256
_LINES_HELD: Final = 4_096
_LINES_LENGTH: Final = 4_096


class FastFields:
    """Replaces what a tape would hold of one event after the other.

    is_plain: the policy has no rules of its own, so a part of a path means the same in any place.
    """

    def __init__(self, visit: Visit, built_in: BuiltIn, *, is_plain: bool) -> None:
        self._visit = visit
        self._built_in = built_in
        self._is_plain = is_plain
        self._segments: dict[tuple[str, str], str] = {}
        self._queries: dict[str, str] = {}
        self._lines: dict[str, tuple[str, str, str]] = {}
        self._names: dict[tuple[str, str], str | None] = {}

    def target(self, target: str) -> str:
        path, mark, query = target.partition("?")
        if not self._is_plain or "%" in path or ";" in path or "#" in target or path[:1] != "/":
            return map_target(target, self._visit)
        user, session = self._built_in.user, self._built_in.session
        new_path = self._path(path, user, session)
        if not query:
            return new_path + mark
        if (user and user in query) or (session and session in query) or "%" in query:
            # What stands there may be this event's user, under a name that tells nothing.
            return new_path + map_target(f"/?{query}", self._visit)[1:]
        known = self._queries.get(query)
        if known is None:
            known = map_target(f"/?{query}", self._visit)[2:]
            if len(query) <= _HELD_LENGTH:
                _remember(self._queries, query, known)
        return f"{new_path}?{known}"

    def _path(self, path: str, user: str | None, session: str | None) -> str:
        segments = self._segments
        parts = path.split("/")
        name = ""
        is_changed = False
        for at, part in enumerate(parts):
            if not part:
                continue
            if part in (user, session):
                new = map_target(f"/{name}/{part}" if name else f"/{part}", self._visit)
                new = new.rpartition("/")[2]
            else:
                known = segments.get((name, part))
                new = self._learn(name, part) if known is None else known
            if new != part:
                parts[at] = new
                is_changed = True
            name = part
        return "/".join(parts) if is_changed else path

    def _learn(self, name: str, part: str) -> str:
        mapped = map_target(f"/{name}/{part}" if name else f"/{part}", self._visit)
        new = mapped.rpartition("/")[2]
        if len(name) + len(part) <= _HELD_LENGTH:
            if len(self._segments) >= _HELD:
                self._segments.clear()
            self._segments[name, part] = new
        return new

    def name(self, text: str, what: str) -> str | None:
        """A user or a session."""
        key = (what, text)
        try:
            return self._names[key]
        except KeyError:
            made = map_name(text, what, self._visit)
        if len(text) <= _HELD_LENGTH:
            if len(self._names) >= _HELD:
                self._names.clear()
            self._names[key] = made
        return made

    def lines(self, lines: str) -> str:
        """Header lines as a tape takes them."""
        return self._known_lines(lines)[0] if lines else lines

    def body(self, body: bytes, lines: str) -> bytes:
        _, kind, coding = self._known_lines(lines)
        return map_body(body, kind, self._visit, encoding=coding)

    def _known_lines(self, lines: str) -> tuple[str, str, str]:
        """What comes out; and of what went in, the type of the body and how it is packed."""
        known = self._lines.get(lines)
        if known is None:
            pairs = tuple(parse_lines(lines))
            kind = find_header(pairs, "content-type")
            coding = find_header(pairs, "content-encoding")
            known = (map_lines(lines, self._visit), kind, coding)
            if len(lines) <= _LINES_LENGTH:
                if len(self._lines) >= _LINES_HELD:
                    self._lines.clear()
                self._lines[lines] = known
        return known


def _remember(cache: dict[str, str], key: str, value: str) -> None:
    if len(cache) >= _HELD:
        cache.clear()
    cache[key] = value
