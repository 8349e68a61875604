"""What a definition's author hears, and what stops a template. Floor 1."""

from __future__ import annotations

from switchboard.errors import ScenarioError


class DefinitionError(ScenarioError):
    """A service definition is wrong: every fault in it at once, with lines."""


class TooCostlyError(Exception):
    """A template, path or schema asked for more work than one request may cost."""


class BrokenTemplateError(Exception):
    """A template could not be filled for one request. `field` says which, `reason` why."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(field, reason)
        self.field = field
        self.reason = reason
