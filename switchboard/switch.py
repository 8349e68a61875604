"""The switch: the rules and the mode that a door asks for every request.

Floor 0. It holds what may change while a door is open (the rules of an edited file, the mode, a
tripped interlock), each replaced in one assignment, so that a request sees the old or the new and
never half of both. An exception in our own code denies. Read next: `decide.py`, `mode.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from switchboard.decide import Ask, Decision, decide, refuse
from switchboard.rules import LIVE, SANDBOX, Endpoint, Mode, Rules

NOTHING: frozenset[Endpoint] = frozenset()


class ModeCell(Protocol):
    """Where the mode is kept; see `mode.py`."""

    def read(self) -> Mode:
        """The mode now; `sandbox` when it cannot be determined."""


class Switch:
    """What a door asks. One a process."""

    def __init__(self, rules: Rules | None, mode: ModeCell, secrets: Mapping[str, str]) -> None:
        self._mode = mode
        self._state: tuple[Rules | None, Mapping[str, str]] = (rules, dict(secrets))
        self._tripped: str | None = None

    def __repr__(self) -> str:
        source = self.rules.source if self.rules is not None else "nothing readable"
        return f"<Switch {self.mode} by {source}{' TRIPPED' if self._tripped else ''}>"

    @property
    def rules(self) -> Rules | None:
        return self._state[0]

    @property
    def secrets(self) -> Mapping[str, str]:
        """Values of injected credentials, by `Injection.secret_name`."""
        return self._state[1]

    @property
    def mode(self) -> Mode:
        """The mode now; whatever goes wrong in reading it, it is sandbox."""
        try:
            return LIVE if self._mode.read() == LIVE else SANDBOX
        except Exception:
            return SANDBOX

    @property
    def tripped(self) -> str | None:
        """Why everything is refused, or None."""
        return self._tripped

    @property
    def endpoints(self) -> frozenset[Endpoint]:
        """What may be dialled now; nothing once the interlock was tripped."""
        rules = self._state[0]
        if rules is None or self._tripped is not None:
            return NOTHING
        return rules.endpoints(self.mode)

    def decide(self, ask: Ask) -> Decision:
        """What becomes of the request; an exception on the way is a refusal."""
        if self._tripped is not None:
            return refuse("interlock", self._tripped)
        try:
            return decide(self._state[0], self.mode, ask)
        except Exception as error:
            return refuse("no-rules", f"deciding failed with {type(error).__name__}")

    def replace(self, rules: Rules | None, secrets: Mapping[str, str]) -> None:
        """Take new rules; None refuses everything from now on."""
        self._state = (rules, dict(secrets))

    def trip(self, reason: str) -> None:
        """Refuse everything from now on; the first reason is kept and nothing takes it back."""
        if self._tripped is None:
            self._tripped = reason
