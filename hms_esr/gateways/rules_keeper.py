"""The rules in force, and the edits of their file that are taken or refused.

An edit is taken when the file is sound, every secret and authority it names is there, and nothing
in it leads back to ourselves. Otherwise what was in force stays in force, and that is said, counted
and shown; what was missing is looked for again, so nobody has to edit the file once more.
The mode of an edited file changes nothing: a running gateway is flipped, and that is audited.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hms_esr.gateways.authorities import find_authorities
from hms_esr.gateways.listening import Address, check_no_loop
from hms_esr.gateways.secret_values import read_secrets
from scenarios.rules_files import RulesWatch
from switchboard.errors import EsrError
from switchboard.rules import Rules

Own = Sequence[tuple[str, Address]]
"""Addresses of our own, each with what it is."""


@dataclass(frozen=True, slots=True)
class InForce:
    """Rules, and the values that they inject."""

    rules: Rules
    secrets: Mapping[str, str] = field(repr=False)


class RulesKeeper:
    """Rules of a file that may be edited while they are in force."""

    def __init__(
        self, path: Path, env: Mapping[str, str], own: Own, say: Callable[[str], None]
    ) -> None:
        """Read them. Raises RuleError with every fault, or GatewayError."""
        self.taken = 0
        self.refused = 0
        self.complaint: str | None = None
        """What is wrong with the file as it is now, or None."""
        self._path = path
        self._env = env
        self._own = tuple(own)
        self._say = say
        self._watch = RulesWatch(path, report=self._note)
        self._weighed = self._watch.rules
        """As they were read, those that are in force."""
        self.in_force = self._weigh(self._watch.rules)

    def check(self) -> InForce | None:
        """What is in force from now on, when the file was edited and is sound; else None."""
        try:
            self._watch.check()
        except (EsrError, OSError) as error:
            self._refuse(str(error))
            return None
        if self._watch.complaint is not None or self._watch.rules == self._weighed:
            self._mend()
            return None
        # New rules, or sound ones that lacked a secret: it may be there by now.
        try:
            found = self._weigh(self._watch.rules)
        except EsrError as error:
            self._refuse(f"{error}\nThe rules that were read before stay in force.")
            return None
        self.taken += 1
        self.complaint = None
        self.in_force = found
        return found

    def _weigh(self, rules: Rules) -> InForce:
        check_no_loop(rules, self._own)
        folder = self._path.parent
        found = InForce(find_authorities(rules, folder), read_secrets(rules, self._env, folder))
        self._weighed = rules
        return found

    def _note(self, sentence: str) -> None:
        """What the watch says: a complaint, or that it was mended."""
        if self._watch_complains(sentence):
            self._refuse(sentence)
        else:
            self._say(sentence)

    def _watch_complains(self, sentence: str) -> bool:
        return self._watch.complaint == sentence

    def _refuse(self, complaint: str) -> None:
        if complaint != self.complaint:
            self.refused += 1
            self.complaint = complaint
            self._say(f"REFUSED the edited rules: {complaint}")

    def _mend(self) -> None:
        """The file is again what is in force."""
        if self._watch.complaint is None and self._watch.rules == self._weighed:
            self.complaint = None
