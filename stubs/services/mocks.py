"""Mock endpoints: whoever rehearses a workflow says what the services it calls would answer.

Floor 1. Read next: `workflows.py`, whose steps may depend on one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from stubs.service import Answer, Asked, BadRequestError, answer_json, text_of
from stubs.services.logic import answer_absent, dump_bounded
from stubs.services.shelf import Shelf

MOCKS: Final = 1_000
MAX_BODY_BYTES: Final = 4_096
_BODILESS: Final = (204, 304)


@dataclass(slots=True)
class Mock:
    """What an endpoint answers, and how often it did."""

    name: str
    status: int
    body: bytes
    called: int = 0


class Mocks:
    """The registered endpoints of one sandbox."""

    def __init__(self) -> None:
        self.shelf: Shelf[Mock] = Shelf("mocks", _shown, "PUT /mock/{name}", MOCKS)

    def register(self, asked: Asked) -> Answer:
        """PUT /mock/{name} with the `status` and the `json` to answer."""
        fields = asked.json()
        status = fields.get("status", 200)
        if isinstance(status, bool) or not isinstance(status, int) or not 200 <= status <= 599:
            raise BadRequestError("status must be a whole number of 200 to 599")
        body = dump_bounded(fields.get("json", {}), "json", MAX_BODY_BYTES)
        name = asked.params["name"]
        is_new = self.shelf.get(name) is None
        mock = Mock(text_of(name), status, b"" if status in _BODILESS else body)
        self.shelf.keep(name, mock)
        return answer_json(201 if is_new else 200, mock=mock.name, status=status, env="sandbox")

    def answer(self, asked: Asked) -> Answer:
        """GET or POST /mock/{name}: what was registered."""
        mock = self.shelf.get(asked.params["name"])
        if mock is None:
            return answer_absent("mock", asked.params["name"])
        mock.called += 1
        return Answer(mock.status, mock.body)

    def forget(self, asked: Asked) -> Answer:
        """DELETE /mock/{name}."""
        name = asked.params["name"]
        if not self.shelf.remove(name):
            return answer_absent("mock", name)
        return answer_json(200, mock=text_of(name), forgotten=True, env="sandbox")

    def is_failing(self, name: str) -> bool:
        """Whether a step that calls it would fail: it is not there, or answers 400 and above."""
        mock = self.shelf.get(name)
        return mock is None or mock.status >= 400


def _shown(mock: Mock) -> dict[str, Any]:
    return {"status": mock.status, "body_bytes": len(mock.body), "called": mock.called}
