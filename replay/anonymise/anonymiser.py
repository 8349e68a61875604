"""The link of the chain that replaces people: everything behind it knows pseudonyms alone.

Two ways lead through it. Whole entries are taken apart leaf by leaf (`replay/fields/`), and each
leaf is asked for: a rule of the policy, else the built-in one. What a reader has stripped already
goes the fast way, which gives what the whole way gives for all that a tape holds (a property test
says so), and remembers what it has seen.
Read next: `policy.py`, `built_in.py`, `fast_fields.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from replay.anonymise.built_in import BuiltIn, telling_name
from replay.anonymise.fast_fields import FastFields
from replay.anonymise.generalise import generalise
from replay.anonymise.layouts import Seen
from replay.anonymise.policy import BUILT_IN, DROP, GENERALISE, KEEP, PSEUDONYM, Policy, Rule, Rules
from replay.fields.event import map_entry
from replay.fields.leaf import Leaf
from replay.pseudonyms.pseudonyms import Pseudonyms, has_digit
from replay.pseudonyms.telling import ID, kinds_of_name
from replay.readers.entry import Entry, Sink
from replay.readers.through import Through
from switchboard.credentials import header_line, is_dropped_name
from switchboard.event import Event


@dataclass(frozen=True, slots=True)
class Anonymise:
    """What is needed to anonymise; goes to other processes, and says nothing of the key."""

    key: bytes = field(repr=False)
    policy: Policy = BUILT_IN

    def describe(self) -> str:
        """Policy, its digest, and a fingerprint of the key: for the tape and for reports."""
        fingerprint = Pseudonyms(self.key).fingerprint
        return f"policy {self.policy.name} ({self.policy.digest}), key {fingerprint}"


class Anonymiser(Through):
    """Passes on what it is given, with pseudonyms in the place of people."""

    def __init__(self, end: Sink, anonymise: Anonymise) -> None:
        super().__init__(end)
        self._anonymise = anonymise
        self._pseudonyms = Pseudonyms(anonymise.key)
        self._rules = Rules(anonymise.policy)
        self._built_in = BuiltIn(self._pseudonyms)
        self._fast = FastFields(self.visit, self._built_in, self._is_settled)

    def describe(self) -> str:
        return self._anonymise.describe()

    def visit(self, leaf: Leaf) -> str | None:
        """What takes the place of a leaf of the event at hand."""
        if self._rules:
            rule = self._rules.find(leaf)
            if rule is not None:
                return self._apply(rule, leaf)
        return self._built_in.choose(leaf)

    def _is_settled(self, seen: Seen) -> bool:
        """True for a text that stays as it is, whatever its digits are."""
        if self._rules:
            if has_digit(seen.name):
                return False
            rule = self._rules.find(Leaf(*seen))
            if rule is not None:
                return rule.action == KEEP
        return self._built_in.is_settled(seen.path, seen.name, seen.text)

    def add(self, line: int, entry: Entry) -> None:
        event = _without_hidden_secrets(entry.event)
        self._built_in.user, self._built_in.session = event.user, event.session
        mapped = map_entry(entry._replace(event=event), self.visit)
        if mapped.client is not None or mapped.connection is not None:
            mapped = mapped._replace(
                client=self._alias("client", mapped.client),
                connection=self._alias("connection", mapped.connection),
            )
        self.end.add(line, mapped)

    def add_request(
        self,
        line: int,
        ts_ns: int,
        method: str,
        authority: str,
        target: str,
        user: str | None,
        session: str | None,
        service: str | None,
        lines: str,
        body: bytes,
        status: int | None,
        wait_ms: float | None,
        client: str | None = None,
        marks: int = 0,
    ) -> None:
        built_in, fast = self._built_in, self._fast
        built_in.user, built_in.session = user, session
        new_lines, kind, coding = fast.lines(lines)
        self.end.add_request(
            line,
            ts_ns,
            method,
            authority,
            fast.target(target),
            fast.name(user, "user") if user is not None else None,
            fast.name(session, "session") if session is not None else None,
            service,
            new_lines,
            fast.body(body, kind, coding) if body else body,
            status,
            wait_ms,
            self._alias("client", client) if client is not None else None,
            marks,
        )

    def _apply(self, rule: Rule, leaf: Leaf) -> str | None:
        action = rule.action
        if action == KEEP:
            return leaf.text
        if action == DROP:
            return None
        if action == PSEUDONYM:
            return self._pseudonym(rule.kind, leaf)
        if action == GENERALISE:
            return generalise(rule.kind, leaf.name, leaf.text)
        return self._pseudonyms.free_text(leaf.name, leaf.text)

    def _pseudonym(self, kind: str, leaf: Leaf) -> str:
        """Of the kind that the rule says, else of the one that the name tells, else of an id."""
        if kind:
            return self._pseudonyms.of(kind, leaf.text)
        for told in kinds_of_name(telling_name(leaf.path, leaf.name)):
            made = self._pseudonyms.make(told, leaf.text)
            if made is not None:
                return made
        return self._pseudonyms.make(ID, leaf.text) or leaf.text

    def _alias(self, what: str, text: str | None) -> str | None:
        return None if text is None else self._pseudonyms.alias(what, text)


def _without_hidden_secrets(event: Event) -> Event:
    """The event without headers that no tape would hold because of what they say.

    A secret in an innocent header goes as a whole, whichever way an entry takes; what is named as
    a credential stays here, to be replaced.
    """
    kept = tuple(
        (name, value)
        for name, value in event.headers
        if is_dropped_name(name) or name.lower() in _HOP or header_line(name, value) is not None
    )
    return event if len(kept) == len(event.headers) else event._replace(headers=kept)


_HOP: Final = frozenset({"connection", "transfer-encoding", "te", "upgrade"})
