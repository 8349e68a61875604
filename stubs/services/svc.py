"""HMS-SVC: log-in, profiles, eligibility and the premium look-up."""

from __future__ import annotations

from stubs.latency import LogNormal, Uniform
from stubs.service import Answer, Asked, Service, StubRoute, answer_json, text_of

PREMIUM_CENTS = 74_200
"""What every premium is, in cents a year."""
ELIGIBLE_PERCENT = 92
"""How many citizens in a hundred are eligible."""


def make_svc() -> Service:
    return Service(
        "svc",
        "HMS-SVC, core services",
        (
            StubRoute("POST", "/login", log_in, LogNormal(median_ms=25, p99_ms=140)),
            StubRoute("GET", "/profiles/{citizen}", profile, LogNormal(median_ms=18, p99_ms=90)),
            StubRoute("POST", "/eligibility", eligibility, LogNormal(median_ms=40, p99_ms=220)),
            StubRoute("POST", "/fetch_premium", premium, Uniform(min_ms=50, max_ms=250)),
        ),
    )


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
