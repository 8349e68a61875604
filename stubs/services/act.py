"""HMS-ACT: takes applications and moves them along each time somebody looks."""

from __future__ import annotations

from stubs.latency import LogNormal
from stubs.service import Answer, Asked, Memory, Service, StubRoute, answer_json, text_of

STEPS = ("received", "in_review", "approved", "paid")


def make_act() -> Service:
    looked: Memory[int] = Memory()

    def status(asked: Asked) -> Answer:
        application = asked.params["application"]
        times = (looked.get(application) or 0) + 1
        looked.put(application, times)
        step = STEPS[min(times, len(STEPS)) - 1]
        return answer_json(200, application=application, status=step, env="sandbox")

    return Service(
        "act",
        "HMS-ACT, workflows",
        (
            StubRoute("POST", "/applications", submit, LogNormal(median_ms=60, p99_ms=300)),
            StubRoute(
                "GET", "/applications/{application}", status, LogNormal(median_ms=20, p99_ms=110)
            ),
        ),
    )


def submit(asked: Asked) -> Answer:
    fields = asked.json()
    made_up = f"APP-{asked.number_for(f'request {asked.request_id}', 12)}"
    application = text_of(fields.get("application")) or made_up
    return answer_json(202, application=application, status=STEPS[0], env="sandbox")
