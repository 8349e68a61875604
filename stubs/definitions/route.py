"""One route at work: is it for this request, and if so, what changes and what is said.

In this order: what does not fit `validate` is answered 400; `chance` may answer instead; `sets`
makes its transition, if `when.state` still holds; then the answer is given. Floor 1, pure.
Read next: `states.py`, `answers.py`.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from stubs.definitions.answers import NamesOf, Say
from stubs.definitions.callbacks import CallbackForms
from stubs.definitions.error import BrokenTemplateError
from stubs.definitions.states import Machine, apply_sets
from stubs.definitions.templates import FilledSheet
from stubs.definitions.view import NOTHING, UNREADABLE, View, Views
from stubs.definitions.when import When
from stubs.service import Answer, Asked, answer_problem

if TYPE_CHECKING:
    from stubs.definitions.schema import BodySchema

Chances = Sequence[tuple[float, Say]]
"""(draws below this, what is said), ascending."""

_NO_CHANCES: Final[Chances] = ()


@dataclass(slots=True)
class Transition:
    """What a route sets: values, or the numbers of templates in the sheet."""

    fixed: tuple[tuple[Machine, Any], ...]
    filled: tuple[tuple[Machine, int], ...]
    sheet: FilledSheet | None
    names_of: NamesOf

    def apply(self, asked: Asked, view: View) -> None:
        """Raises BrokenTemplateError, BadRequestError."""
        sets = list(self.fixed)
        if self.sheet is not None:
            values = self.sheet.fill(self.names_of(asked, view), len(asked.body))
            sets += [(machine, values[number]) for machine, number in self.filled]
        apply_sets(sets, asked, view)


@dataclass(slots=True, eq=False, repr=False)
class DefinedRoute:
    """What a definition says about one route."""

    name: str
    views: Views
    when: When
    say: Say
    validate: BodySchema | None = None
    chances: Chances = _NO_CHANCES
    transition: Transition | None = None
    callbacks: CallbackForms | None = None
    siblings: list[DefinedRoute] = field(default_factory=list)
    """All routes of the same method and path, itself among them, as they are tried."""
    _is_broken: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether it only ever gives its answer."""
        return not (self.validate or self.chances or self.transition or self.callbacks)

    def accepts(self, asked: Asked) -> bool:
        return self.when.holds(asked, self.views.of(asked))

    def answer(self, asked: Asked) -> Answer:
        """Raises BadRequestError for a body that is no JSON where JSON is wanted."""
        view = self.views.of(asked)
        try:
            return self._answer(asked, view)
        except BrokenTemplateError as error:
            return self._broken(error)

    def _answer(self, asked: Asked, view: View) -> Answer:
        refused = self._refusal(view)
        if refused is not None:
            return refused
        draw = asked.chance if self.chances else 1.0
        for below, say in self.chances:
            if draw < below:
                return say(asked, view)
        if self.transition is not None:
            # What was true when the request came may have changed while it waited: whoever comes
            # second is answered as the state is now, however stale its own reads are.
            now = replace(asked, stale_ms=0.0) if asked.stale_ms else asked
            if not all(check(now, view) for check in self.when.states):
                return self._lost(now, view)
            self.transition.apply(now, view)
        answer = self.say(asked, view)
        if self.callbacks is not None:
            made = (*answer.callbacks, *self.callbacks.make(asked, view))
            answer = replace(answer, callbacks=made)
        return answer

    def _refusal(self, view: View) -> Answer | None:
        """The 400 for a body that does not fit `validate`."""
        if self.validate is None:
            return None
        if view.json is NOTHING or view.json is UNREADABLE:
            return answer_problem(400, "Bad request", "the body must be JSON")
        findings = self.validate.findings(view.json)
        return answer_problem(400, "Bad request", "; ".join(findings)) if findings else None

    def _lost(self, asked: Asked, view: View) -> Answer:
        for sibling in self.siblings:
            if sibling is not self and sibling.when.holds(asked, view):
                return sibling.answer(asked)
        detail = f"another request changed the state that {self.name} needs"
        return answer_problem(409, "State changed", detail)

    def _broken(self, error: BrokenTemplateError) -> Answer:
        detail = f"the template in {error.field} of {self.name} cannot be filled: {error.reason}"
        if not self._is_broken:  # once each: the log must not grow with the run
            self._is_broken = True
            logging.getLogger(__name__).warning(detail)
        return answer_problem(500, "Broken template", detail)
