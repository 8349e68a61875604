"""HMS-ACT: takes applications, runs workflows, and answers for what they call; see act.yml.

Floor 1, pure. Read next: `workflows.py`, `mocks.py`.
"""

from __future__ import annotations

from stubs.service import Answer, Asked, Surroundings, answer_json, text_of
from stubs.services.logic import ServiceLogic
from stubs.services.mocks import Mocks
from stubs.services.workflows import Workflows, read_usual


def make_logic(surroundings: Surroundings) -> ServiceLogic:
    """Raises ScenarioError when its settings are wrong."""
    mocks = Mocks()
    workflows = Workflows(read_usual(surroundings), mocks.is_failing)
    handlers = {
        "submit": submit,
        "start": workflows.start,
        "show": workflows.show,
        "retry": workflows.retry,
        "register": mocks.register,
        "mock": mocks.answer,
        "forget": mocks.forget,
    }
    return ServiceLogic(handlers, (workflows.shelf, mocks.shelf))


def submit(asked: Asked) -> Answer:
    """A new application; how far it has got is a sequence of act.yml."""
    fields = asked.json()
    made_up = f"APP-{asked.number_for(f'request {asked.request_id}', 12)}"
    application = text_of(fields.get("application")) or made_up
    return answer_json(202, application=application, status="received", env="sandbox")
