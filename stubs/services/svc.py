"""HMS-SVC: log-in, profiles, eligibility and the premium look-up."""

from __future__ import annotations

from stubs.latency import LogNormal, Uniform
from stubs.service import Answer, Asked, Service, StubRoute, answer_json

PREMIUM_CENTS = 74_200
"""What every premium is, in cents a year."""


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
    citizen = str(asked.json().get("citizen", "C-00000000"))
    token = f"sandbox-{asked.number_for('token' + citizen, 12)}"
    return answer_json(200, citizen=citizen, session=token, expires_in=1800, env="sandbox")


def profile(asked: Asked) -> Answer:
    citizen = asked.params["citizen"]
    household = 1 + int(asked.number_for("household" + citizen, 2)) % 6
    return answer_json(
        200,
        citizen=citizen,
        name=f"Sandbox Citizen {asked.number_for(citizen, 4)}",
        household=household,
        income=int(asked.number_for("income" + citizen, 5)),
        env="sandbox",
    )


def eligibility(asked: Asked) -> Answer:
    fields = asked.json()
    citizen = str(fields.get("citizen", ""))
    is_eligible = int(asked.number_for("eligible" + citizen, 2)) < 92
    amount = 1200 if is_eligible else 0
    return answer_json(200, citizen=citizen, eligible=is_eligible, amount=amount, env="sandbox")


def premium(asked: Asked) -> Answer:
    asked.json()
    return answer_json(200, premium=PREMIUM_CENTS)
