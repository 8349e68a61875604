"""HMS-SVC: log-in, profiles, eligibility, applications and permits; svc.yml has the routes.

Floor 1, pure. Read next: `permits.py`.
"""

from __future__ import annotations

from typing import Final

from stubs.service import Answer, Asked, Surroundings, answer_json, text_of
from stubs.services.logic import ServiceLogic, Settings
from stubs.services.permits import MOST_REVIEW_DAYS, REVIEW_DAYS, Permits

PREMIUM_CENTS: Final = 74_200
"""What every premium is, in cents a year."""
ELIGIBLE_PERCENT: Final = 92
"""How many citizens in a hundred are eligible."""


def make_logic(surroundings: Surroundings) -> ServiceLogic:
    """Raises ScenarioError when its settings are wrong."""
    settings = Settings(surroundings, "svc", ("review_sla_days",))
    days = settings.number("review_sla_days", REVIEW_DAYS, 0, MOST_REVIEW_DAYS)
    settings.check()
    permits = Permits(days)
    handlers = {
        "log_in": log_in,
        "profile": profile,
        "eligibility": eligibility,
        "premium": premium,
        "apply": apply,
        "file_permit": permits.file,
        "show_permit": permits.show,
    }
    return ServiceLogic(handlers, (permits.shelf,))


def log_in(asked: Asked) -> Answer:
    citizen = text_of(asked.json().get("citizen"), "C-00000000")
    token = f"sandbox-{asked.number_for(f'token {citizen}', 12)}"
    return answer_json(200, citizen=citizen, session=token, expires_in=1800, env="sandbox")


def profile(asked: Asked) -> Answer:
    citizen = asked.params["citizen"]
    digits = asked.number_for(f"profile {citizen}", 11)
    return answer_json(
        200,
        citizen=citizen,
        name=f"Sandbox Citizen {digits[:4]}",
        household=1 + int(digits[4:6]) % 6,
        income=int(digits[6:]),
        env="sandbox",
    )


def eligibility(asked: Asked) -> Answer:
    citizen = text_of(asked.json().get("citizen"))
    is_eligible = int(asked.number_for(f"eligible {citizen}", 2)) < ELIGIBLE_PERCENT
    amount = 1200 if is_eligible else 0
    return answer_json(200, citizen=citizen, eligible=is_eligible, amount=amount, env="sandbox")


def premium(asked: Asked) -> Answer:
    asked.json()
    return answer_json(200, premium=PREMIUM_CENTS)


def apply(asked: Asked) -> Answer:
    """A new application; what becomes of it is kept by svc.yml's state."""
    fields = asked.json()
    made_up = f"APP-{asked.number_for(f'request {asked.request_id}', 12)}"
    application = text_of(fields.get("application")) or made_up
    citizen = text_of(fields.get("citizen"))
    return answer_json(
        201, application=application, citizen=citizen, status="received", env="sandbox"
    )
