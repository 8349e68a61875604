"""Cases about the replay engine: a log full of production, played at the sandbox or not at all."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import count
from pathlib import Path
from typing import Final

from tests.leaks.case import CONTAINED, Case, Run, Visit
from tests.leaks.doors import environment
from tests.leaks.places import MARK, PROD_LOOPBACK, PROD_V4, PROD_V6, SANDBOX, SANDBOX_PORT

REPLAY: Final = ("replay",)
TARGET: Final = f"http://{SANDBOX}:{SANDBOX_PORT}"
REFUSED_BY_GUARD: Final = 97
TIMEOUT_S: Final = 60
_runs: Final = count()

_URLS: Final = (
    "https://www.hms.gov/pay?access_token=" + MARK,
    "http://api.hms.gov:8443/v1/x",
    f"http://{PROD_V4}/a",
    f"http://{PROD_LOOPBACK}:5432/b",
    f"http://[{PROD_V6}]/c",
    "http://3405803786/d",
    f"http://user:{MARK}@www.hms.gov/e",
    "http://svc.hms.example@www.hms.gov/f",
    "//www.hms.gov/g",
    "http://WWW.HMS.GOV./h",
    "/do/redirect-name",
    "/do/redirect-ip",
    "/do/alt-svc",
    "/do/die",
    "/do/cookie",
    "ws://www.hms.gov/socket",
    "file:///etc/passwd",
)


def _log(folder: Path) -> Path:
    path = folder / "log.ndjson"
    lines = [
        {
            "ts": 1_584_230_400_000_000_000 + number * 1_000_000,
            "method": "POST" if number % 2 else "GET",
            "url": url,
            "user": f"u{number % 3}",
            "headers": {
                "Host": "www.hms.gov",
                "Authorization": f"Bearer {MARK}",
                "Cookie": f"sid={MARK}",
                "X-Forwarded-Host": "www.hms.gov",
            },
            "status": 200,
        }
        for number, url in enumerate(_URLS * 3)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def _play(visit: Visit, *arguments: str, environments: dict[str, str] | None = None) -> int:
    folder = visit.folder / f"replay-{next(_runs)}"
    (folder / "environments").mkdir(parents=True)
    for name, text in (environments or {}).items():
        (folder / "environments" / f"{name}.yml").write_text(text)
    done = subprocess.run(
        [sys.executable, "-P", "-m", "hms_esr", "replay", str(_log(folder)), "--speed", "max",
         "--timeout", "2s", *arguments],
        cwd=folder, env=environment(folder, {}), stdin=subprocess.DEVNULL, capture_output=True,
        timeout=TIMEOUT_S, check=False,
    )  # fmt: skip
    visit.refusals.append(f"{done.returncode}: {done.stderr.decode(errors='replace')[-300:]}")
    return done.returncode


def _at_sandbox(visit: Visit) -> None:
    _play(visit, "--target", TARGET)
    seen = visit.sandbox.look().requests
    visit.must(seen, f"nothing was replayed: {visit.refusals}")
    hosts = {each.split(" ")[-1] for each in seen}
    visit.must(hosts == {f"{SANDBOX}:{SANDBOX_PORT}"}, f"other hosts are named: {hosts}")


def _refused(*arguments: str, env: str | None = None) -> Run:
    def run(visit: Visit) -> None:
        found = _play(visit, *arguments, environments={"staging": env} if env else None)
        visit.must(found == REFUSED_BY_GUARD, f"it ended with {found}: {visit.refusals}")
        visit.must(not visit.sandbox.look().requests, "the sandbox was asked")

    return run


CASES: Final = [
    Case("replay-at-sandbox", "a log full of production's URLs and credentials", REPLAY,
         _at_sandbox, CONTAINED),
    Case("replay-at-prod-ip", "a target that is production's address", REPLAY,
         _refused("--target", f"http://{PROD_V4}:80"), CONTAINED),
    Case("replay-at-prod-name", "a target that is production's name", REPLAY,
         _refused("--target", "https://www.hms.gov"), CONTAINED),
    Case("replay-at-mapped", "a target in IPv6 clothes", REPLAY,
         _refused("--target", f"http://[::ffff:{PROD_V4}]:80"), CONTAINED),
    Case("replay-at-decimal", "a target written as a number", REPLAY,
         _refused("--target", "http://3405803786:80"), CONTAINED),
    Case("replay-at-declared-prod", "an environment that calls production its sandbox", REPLAY,
         _refused("--target", "staging", env="base_url: http://hosts.hms.gov\n"
                  "allow:\n  hosts: [hosts.hms.gov]\n"), CONTAINED),
]  # fmt: skip
