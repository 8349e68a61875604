"""The bundled lake: a synthetic OPS log of a surge on 15 March 2020, made from a seed.

`python -m scenarios.lake.generate [FOLDER]` writes it anew; the same seed gives the same bytes.
Nothing in it was ever recorded: citizens, amounts and credentials are invented, and the
credentials look like production on purpose, so that stripping them can be seen to work.

How it is made: arrivals are a Poisson process whose rate is quiet, climbs eightfold within a
minute, and decays slowly; each arrival is a session that walks STEPS in order, thinks between
them, and may give up. The busier the moment, the longer the waits and the more 5xx answers.
Only `Random.random()` is drawn, since Python promises that its sequence never changes.
"""

from __future__ import annotations

import base64
import gzip
import json
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import NormalDist
from typing import Final

SEED: Final = 20_200_315
DAY: Final = "2020-03-15"
START_MINUTE: Final = 14 * 60
FOLDER: Final = Path("raw/events/2020/03/15")

ARRIVALS_S: Final = 360.0
SESSIONS: Final = 6_400
QUIET_S: Final = 70.0
CLIMB_S: Final = 45.0
CREST_S: Final = 25.0
PEAK: Final = 9.5
"""Arrival rate at the crest, in multiples of the quiet rate."""
TAIL: Final = 1.3
DECAY_S: Final = 65.0
GRID_S: Final = 0.1

THINK_MEDIAN_S: Final = 5.5
THINK_SIGMA: Final = 0.45
THINK_LEAST_S: Final = 1.5
RETURNING: Final = 0.07
"""Share of sessions in which someone who was here before comes back to ask for the status."""

AGENTS: Final = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/80.0.3987.132",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 13_3_1 like Mac OS X) Version/13.0.5 Mobile Safari/604.1",
    "Mozilla/5.0 (Linux; Android 10; SM-G960U) AppleWebKit/537.36 Chrome/80.0 Mobile",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_3) Version/13.0.5 Safari/605.1.15",
    "Mozilla/5.0 (Windows NT 6.1; rv:73.0) Gecko/20100101 Firefox/73.0",
    "hms-mobile/4.2 (benefits; Android 9)",
)

_NORMAL: Final = NormalDist()


@dataclass(frozen=True, slots=True)
class Step:
    """One request of a session: what it asks, how long it took, how it usually ended."""

    name: str
    method: str
    url: str
    service: str
    wait_median_ms: float
    good_status: int
    refusals: tuple[tuple[int, float], ...]
    """(status, share) of the answers that are the citizen's fault."""
    goes_on: float
    """Share of those who are still there after a good answer."""


STEPS: Final = (
    Step("login", "POST", "https://svc.hms.example/login", "svc-auth", 48, 200,
         ((401, 0.02),), 0.985),
    Step("profile", "GET", "https://svc.hms.example/profiles/{user}", "svc-profile", 62, 200,
         ((404, 0.003),), 0.97),
    Step("eligibility", "POST", "https://svc.hms.example/eligibility", "svc-eligibility", 140, 200,
         ((422, 0.012),), 0.90),
    Step("application", "POST", "https://act.hms.example/applications", "act-applications", 210,
         201, ((409, 0.006), (422, 0.008)), 0.95),
    Step("payment", "POST", "https://ach.hms.example/payments", "ach-payments", 290, 202,
         ((402, 0.006),), 0.96),
    Step("status", "GET", "https://act.hms.example/applications/APP-{user}", "act-applications", 55,
         200, ((404, 0.002),), 0.40),
)  # fmt: skip
LOGIN, STATUS = STEPS[0], STEPS[-1]
MOST_POLLS: Final = 3
MOST_RETRIES: Final = 2


@dataclass(frozen=True, slots=True)
class Visit:
    """One session of one citizen."""

    user: str
    number: int
    at_s: float
    agent: str
    income_usd: int
    household: int


def rate_at(at_s: float) -> float:
    """Arrivals at a moment, in multiples of the quiet rate."""
    climb = (at_s - QUIET_S) / CLIMB_S
    if climb <= 0:
        return 1.0
    if climb <= 1:
        return 1.0 + (PEAK - 1.0) * climb
    after = at_s - QUIET_S - CLIMB_S - CREST_S
    if after <= 0:
        return PEAK
    return TAIL + (PEAK - TAIL) * math.exp(-after / DECAY_S)


def arrival_times(rng: Random) -> list[float]:
    """Seconds of each arrival: a unit Poisson process, taken back through the summed rate."""
    steps = round(ARRIVALS_S / GRID_S)
    total, summed = 0.0, [0.0]
    for at in range(steps):
        total += rate_at((at + 0.5) * GRID_S)
        summed.append(total)
    scale = total / SESSIONS
    times: list[float] = []
    level, cell = 0.0, 0
    while True:
        level += -math.log(1.0 - rng.random()) * scale
        if level >= total:
            return times
        while summed[cell + 1] < level:
            cell += 1
        inside = (level - summed[cell]) / (summed[cell + 1] - summed[cell])
        times.append((cell + inside) * GRID_S)


def build_events(seed: int = SEED) -> list[tuple[float, str]]:
    """Every event as (seconds from the start, its JSON line), in the order of the log."""
    rng = Random(seed)
    events: list[tuple[float, str]] = []
    for visit, is_return in _visits(rng):
        events += _back_for_status(visit, rng) if is_return else _walk(visit, rng)
    events.sort()
    return events


def write_lake(folder: Path, seed: int = SEED) -> list[Path]:
    """Write one .ndjson.gz for each minute under `folder`; the files that were written."""
    minutes: dict[int, list[str]] = {}
    for at_s, line in build_events(seed):
        minutes.setdefault(int(at_s // 60), []).append(line)
    target = folder / FOLDER
    target.mkdir(parents=True, exist_ok=True)
    return [_write_minute(target, minute, lines) for minute, lines in sorted(minutes.items())]


def _write_minute(target: Path, minute: int, lines: list[str]) -> Path:
    hour, minute_of_hour = divmod(START_MINUTE + minute, 60)
    path = target / f"ops-{hour:02}{minute_of_hour:02}.ndjson.gz"
    text = "".join(f"{line}\n" for line in lines)
    # No name and no time in the header, so that the same events give the same bytes.
    with path.open("wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as packed:
        packed.write(text.encode())
    return path


def _visits(rng: Random) -> Iterator[tuple[Visit, bool]]:
    used: set[str] = set()
    earlier: list[Visit] = []
    for at_s in arrival_times(rng):
        ready = _how_many_left(earlier, at_s)
        if ready > 100 and rng.random() < RETURNING:
            before = earlier.pop(int(rng.random() * ready))
            yield Visit(before.user, 2, at_s, before.agent, 0, 0), True
            continue
        visit = Visit(
            user=_new_user(rng, used),
            number=1,
            at_s=at_s,
            agent=AGENTS[int(rng.random() ** 1.6 * len(AGENTS))],
            income_usd=100 * int(_lognormal(rng, 410, 0.5)),
            household=1 + int(rng.random() ** 2 * 6),
        )
        earlier.append(visit)
        yield visit, False


def _how_many_left(earlier: list[Visit], at_s: float) -> int:
    """How many came long enough ago (2 minutes) to be gone: `earlier` is in order of arrival."""
    low, high = 0, len(earlier)
    while low < high:
        middle = (low + high) // 2
        if earlier[middle].at_s < at_s - 120.0:
            low = middle + 1
        else:
            high = middle
    return low


def _new_user(rng: Random, used: set[str]) -> str:
    while True:
        user = f"C-{10_000_000 + int(rng.random() * 90_000_000)}"
        if user not in used:
            used.add(user)
            return user


def _walk(visit: Visit, rng: Random) -> Iterator[tuple[float, str]]:
    at_s = visit.at_s
    for step in STEPS[:-1]:
        for _ in range(1 + MOST_RETRIES):
            status, wait_ms = _answer(step, at_s, rng)
            yield at_s, _line(visit, step, at_s, status, wait_ms)
            at_s += wait_ms / 1000 + _think_s(rng)
            if status < 400 or rng.random() < 0.35:
                break
        if status >= 400 or rng.random() > step.goes_on:
            return
    yield from _poll(visit, at_s, rng)


def _back_for_status(visit: Visit, rng: Random) -> Iterator[tuple[float, str]]:
    status, wait_ms = _answer(LOGIN, visit.at_s, rng)
    yield visit.at_s, _line(visit, LOGIN, visit.at_s, status, wait_ms)
    if status < 400:
        yield from _poll(visit, visit.at_s + wait_ms / 1000 + _think_s(rng), rng)


def _poll(visit: Visit, at_s: float, rng: Random) -> Iterator[tuple[float, str]]:
    for _ in range(MOST_POLLS):
        status, wait_ms = _answer(STATUS, at_s, rng)
        yield at_s, _line(visit, STATUS, at_s, status, wait_ms)
        at_s += wait_ms / 1000 + _think_s(rng)
        if rng.random() > STATUS.goes_on:
            return


def _answer(step: Step, at_s: float, rng: Random) -> tuple[int, float]:
    """What was recorded of the answer: (status, wait in ms), worse when the moment was busy."""
    load = (rate_at(at_s) - 1.0) / (PEAK - 1.0)
    wait_ms = _lognormal(rng, step.wait_median_ms * (1.0 + 2.2 * load), 0.42 + 0.18 * load)
    if rng.random() < 0.008 + 0.02 * load:  # the odd lock, cold cache or collected garbage
        wait_ms *= 4.0 + 6.0 * rng.random()
    draw = rng.random()
    for status, share in (*step.refusals, (503, 0.001 + 0.03 * load), (429, 0.006 * load)):
        draw -= share
        if draw < 0:
            return status, min(wait_ms, 9_000.0)
    if draw < 0.004 * load:
        return 504, 10_000.0
    return step.good_status, min(wait_ms, 9_000.0)


def _think_s(rng: Random) -> float:
    return THINK_LEAST_S + _lognormal(rng, THINK_MEDIAN_S - THINK_LEAST_S, THINK_SIGMA)


def _lognormal(rng: Random, median: float, sigma: float) -> float:
    # 1e-9 keeps the draw inside (0, 1), where the inverse is defined.
    return median * math.exp(sigma * _NORMAL.inv_cdf(1e-9 + rng.random() * (1 - 2e-9)))


def _line(visit: Visit, step: Step, at_s: float, status: int, wait_ms: float) -> str:
    event = {
        "ts": _stamp(at_s),
        "user": visit.user,
        "session": f"S-{visit.user}-{visit.number}",
        "service": step.service,
        "method": step.method,
        "url": step.url.format(user=visit.user),
        "headers": _headers(visit, step),
        **({"body": _body(visit, step)} if step.method == "POST" else {}),
        "status": status,
        "wait_ms": round(wait_ms, 1),
    }
    return json.dumps(event, separators=(",", ":"))


def _stamp(at_s: float) -> str:
    minutes, milliseconds = divmod(int(at_s * 1000), 60_000)
    hour, minute = divmod(START_MINUTE + minutes, 60)
    return f"{DAY}T{hour:02}:{minute:02}:{milliseconds / 1000:06.3f}Z"


def _headers(visit: Visit, step: Step) -> dict[str, str]:
    headers = {"user-agent": visit.agent, "accept": "application/json"}
    if step.method == "POST":
        headers["content-type"] = "application/json"
    if step is not LOGIN:
        headers["authorization"] = f"Bearer {_fake_token(visit.user)}"
        headers["cookie"] = f"session=fake-S-{visit.user}-{visit.number}; region=us-east"
    headers["x-api-key"] = "prod-fake-7f3c9a51e8"
    if step.name == "payment":
        headers["idempotency-key"] = f"pay-{visit.user}-{visit.number}"
    return headers


def _fake_token(user: str) -> str:
    """Shaped like a JWT, so that credential checks meet one; its signature is the word fake."""
    claims = json.dumps({"sub": user, "fake": True}, separators=(",", ":")).encode()
    return f"eyJhbGciOiJub25lIn0.{base64.urlsafe_b64encode(claims).decode().rstrip('=')}.fake"


def _body(visit: Visit, step: Step) -> dict[str, object]:
    citizen: dict[str, object] = {"citizen": visit.user}
    amount = 1200 + 500 * (visit.household - 1)
    if step.name == "login":
        return citizen | {"password": "fake-password"}
    if step.name == "eligibility":
        facts = {"household": visit.household, "income_usd": visit.income_usd}
        return citizen | {"program": "stimulus-2020"} | facts
    if step.name == "application":
        consent = {"amount_usd": amount, "consent": True}
        return {"application": f"APP-{visit.user}"} | citizen | consent
    account = {"routing": "FAKE-000000000", "account": "FAKE-1234"}
    return {"application": f"APP-{visit.user}"} | citizen | {"amount_usd": amount} | account


def main(arguments: list[str]) -> int:
    """Write the lake where the package keeps it, or under the folder named."""
    folder = Path(arguments[0]) if arguments else Path(__file__).parent
    for path in write_lake(folder):
        sys.stdout.write(f"{path} {path.stat().st_size:,} bytes\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
