"""The variables of a Chaos Toolkit experiment: `${name}`, from its configuration alone.

Floor 1, pure. Neither the environment nor a secret is read; what needs one is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from stubs.importers.fields import scalar_text
from stubs.importers.report import NotTakenError
from switchboard.fault_reader import shown

MAX_DEPTH: Final = 12
MAX_TEXT: Final = 10_000

_VARIABLE: Final = re.compile(r"\$\{([A-Za-z0-9_.-]{1,100})\}")


class Configuration:
    """The values that the file itself holds."""

    def __init__(self, raw: object) -> None:
        self._values = dict(raw) if isinstance(raw, Mapping) else {}

    def fill(self, value: Any, depth: int = 0) -> Any:
        """The value with its variables filled in. Raises NotTakenError."""
        if depth > MAX_DEPTH:
            raise NotTakenError("it is nested too deeply")
        if isinstance(value, str):
            return self._fill_text(value)
        if isinstance(value, Mapping):
            return {key: self.fill(each, depth + 1) for key, each in value.items()}
        return [self.fill(each, depth + 1) for each in value] if isinstance(value, list) else value

    def _fill_text(self, text: str) -> Any:
        whole = _VARIABLE.fullmatch(text)
        if whole is not None:
            return self._value(whole[1])
        filled = _VARIABLE.sub(lambda found: scalar_text(self._value(found[1]), found[1]), text)
        if len(filled) > MAX_TEXT:
            raise NotTakenError("one of its texts is too long")
        return filled

    def _value(self, name: str) -> Any:
        value = self._values.get(name)
        if isinstance(value, Mapping):
            if "default" not in value:
                raise NotTakenError(f"it needs {shown(name)}, which is not in the file")
            value = value["default"]
        if not isinstance(value, str | int | float | bool):
            raise NotTakenError(f"it needs {shown(name)}, which is not in the file")
        return value
