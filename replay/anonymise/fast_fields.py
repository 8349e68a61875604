"""The fast way through the anonymiser: targets, header lines and bodies, by what was seen before.

What it cannot do at a glance it hands to `replay/fields/`, which is also where everything that it
remembers comes from. Nothing here lives longer than the process, and all of it is bounded.
Read next: `layouts.py`; `anonymiser.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from replay.anonymise.built_in import BuiltIn
from replay.anonymise.layouts import (
    Plan,
    Seen,
    find_spots,
    is_plain_json,
    learn_json,
    learn_target,
    replace_json,
    replace_target,
)
from replay.fields.body import map_body
from replay.fields.event import map_name
from replay.fields.headers import find_header, map_lines, parse_lines
from replay.fields.json_body import map_json
from replay.fields.leaf import Leaf, Visit
from replay.fields.nested import opened
from replay.fields.places import Show
from replay.fields.target import map_target
from replay.fields.url_parts import map_url
from replay.pseudonyms.quick import ZEROS

_HELD: Final = 4_096
_HELD_LENGTH: Final = 2_048
_LINES_LENGTH: Final = 4_096
_NAMES_HELD: Final = 131_072
"""Users and sessions: a log takes turns among many."""
_TEXTS_HELD: Final = 65_536
_NAME_LENGTH: Final = 256
_JSON_TYPE: Final = re.compile(
    r"(?:application|text)/(?!x-ndjson|json-seq|jsonl)[\w.+-]*json(?: ?; ?charset=\"?utf-8\"?)?",
    re.IGNORECASE,
)
_ENCODED: Final = re.compile(rb"[%;#]")
_NO_PLAN: Final = Plan(())
"""Stands for a layout that has to be taken apart each time."""
_OFTEN: Final = 4
"""A plan costs as much as taking a few texts apart: it is made when a layout comes this often."""

Lines = tuple[str, str, str]
"""Header lines as they come out; and of what went in, the body's type and how it is packed."""


class FastFields:
    """Replaces what a tape would hold of one event after the other.

    is_settled: of a text that was shown, whether it stays as it is whatever its digits are.
    """

    def __init__(self, visit: Visit, built_in: BuiltIn, is_settled: Callable[[Seen], bool]) -> None:
        self._visit = visit
        self._show: Show = opened(self._watch)
        self._has_inside = False
        self._built_in = built_in
        self._is_settled = is_settled
        self._targets: dict[bytes, Plan | int] = {}
        self._bodies: dict[bytes, Plan | int] = {}
        self._each_line: dict[str, str] = {}
        self._lines: dict[str, Lines] = {}
        self._texts: dict[tuple[str, str, str, bool], str | None] = {}
        self._names: dict[tuple[str, str], str | None] = {}

    def _look(self, path: str, name: str, text: str, parts: tuple[int, ...] = ()) -> str | None:
        """What takes the place of a text, remembered: a citizen comes again and again."""
        built_in = self._built_in
        key = (path, name, text, text in (built_in.user, built_in.session))
        try:
            return self._texts[key]
        except KeyError:
            self._has_inside = False
            made = self._show(path, name, text, parts)
        if self._has_inside:  # where the event's user may be, too
            return made
        if len(text) <= _NAME_LENGTH and len(path) <= _NAME_LENGTH:
            if len(self._texts) >= _TEXTS_HELD:
                self._texts.clear()
            self._texts[key] = made
        return made

    def _watch(self, leaf: Leaf) -> str | None:
        if "|" in leaf.path:
            self._has_inside = True
        return self._visit(leaf)

    def target(self, target: str) -> str:
        layout = target.encode("ascii", "replace").translate(ZEROS)
        plan = self._targets.get(layout, 1)
        if isinstance(plan, int):
            _remember(self._targets, layout, self._target_plan(target, layout, plan))
        elif plan is not _NO_PLAN:
            made = replace_target(target, plan, self._look)
            if made is not None and not self._built_in.is_named_in(made):
                return made
        return map_target(target, self._visit)

    def _target_plan(self, target: str, layout: bytes, times: int) -> Plan | int:
        """How often the layout was met, until it is often enough for a plan."""
        if target[:1] != "/" or _ENCODED.search(layout) is not None:
            return _NO_PLAN
        if times < _OFTEN:
            return times + 1
        found = find_spots(target, _map_target, self._is_settled)
        return (found is not None and learn_target(target, _map_target, found)) or _NO_PLAN

    def name(self, text: str, what: str) -> str | None:
        """A user or a session."""
        key = (what, text)
        try:
            return self._names[key]
        except KeyError:
            made = map_name(text, what, self._visit)
        if len(text) <= _NAME_LENGTH:
            if len(self._names) >= _NAMES_HELD:
                self._names.clear()
            self._names[key] = made
        return made

    def body(self, body: bytes, kind: str, coding: str) -> bytes:
        """kind, coding: as `lines` says."""
        if coding or _JSON_TYPE.fullmatch(kind) is None:
            return map_body(body, kind, self._visit, encoding=coding)
        layout = body.translate(ZEROS)
        plan = self._bodies.get(layout, 1)
        if isinstance(plan, int):
            _remember(self._bodies, layout, self._body_plan(body, layout, plan))
        elif plan is not _NO_PLAN:
            made = replace_json(body.decode("ascii"), plan, self._look)
            if made is not None and not self._built_in.is_named_in(made):
                return made.encode("ascii")
        return map_body(body, kind, self._visit)

    def _body_plan(self, body: bytes, layout: bytes, times: int) -> Plan | int:
        text = body.decode("latin-1")
        if len(layout) > _HELD_LENGTH or not is_plain_json(text):
            return _NO_PLAN
        if times < _OFTEN:
            return times + 1
        found = find_spots(text, _map_json, self._is_settled)
        return (found is not None and learn_json(text, _map_json, found)) or _NO_PLAN

    def lines(self, lines: str) -> Lines:
        """Header lines as a tape takes them, and what they say of the body."""
        if self._built_in.is_named_in(lines):
            return (map_lines(lines, self._visit), *_kind_of(lines))
        known = self._lines.get(lines)
        if known is None:
            each = [f"{line}\r\n" for line in lines.split("\r\n") if line]
            self._has_inside = False
            known = ("".join(map(self._line, each)), *_kind_of(lines))
            if not self._has_inside and len(lines) <= _LINES_LENGTH:
                if len(self._lines) >= _HELD:
                    self._lines.clear()
                self._lines[lines] = known
        return known

    def _line(self, line: str) -> str:
        known = self._each_line.get(line)
        if known is None:
            had_inside, self._has_inside = self._has_inside, False
            known = map_lines(line, self._watch)
            if not self._has_inside and len(line) <= _LINES_LENGTH:
                if len(self._each_line) >= _HELD:
                    self._each_line.clear()
                self._each_line[line] = known
            self._has_inside = self._has_inside or had_inside
        return known


def _kind_of(lines: str) -> tuple[str, str]:
    """Type of the body, and how it is packed."""
    pairs = tuple(parse_lines(lines))
    return find_header(pairs, "content-type"), find_header(pairs, "content-encoding")


def _map_target(target: str, show: Show) -> str | None:
    return map_url(target, show, "url")


def _map_json(text: str, show: Show) -> str | None:
    return map_json(text, show, "body.$")


def _remember(plans: dict[bytes, Plan | int], layout: bytes, plan: Plan | int) -> None:
    if len(layout) <= _HELD_LENGTH:
        if len(plans) >= _HELD:
            plans.clear()
        plans[layout] = plan
