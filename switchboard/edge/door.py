"""What the two middlewares share: their settings, the rules file, and what they tell an observer.

Floor 0's edge: it reads the rules file and the clock. Whatever goes wrong in here refuses.
Read next: `asgi_door.py` and `wsgi_door.py`, then `sandbox_way.py`, which decides.
"""

from __future__ import annotations

import json
import logging
import time
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from switchboard.decide import Refuse, problem, refuse
from switchboard.edge.in_flight import DRAIN_S, FLIPPED, InFlight
from switchboard.errors import EsrError, RuleError
from switchboard.exchange import Exchange, Observer, Refusal
from switchboard.mode import Cell, FileMode, default_mode
from switchboard.rules import LIVE, Mode, Rules
from switchboard.rules_reader import parse_rules
from switchboard.sandbox_way import APP, Entered, Incoming, SandboxWay

LONGEST_RULES_BYTES: Final = 4_000_000
PASSED_LIVE: Final = "live"

RulesSource = Rules | Mapping[str, object] | str | Path
Pairs = list[tuple[str, str]]
Answer = tuple[int, Pairs, bytes]

log = logging.getLogger("switchboard.middleware")


class Door:
    """The settings of one middleware and what it decides; no ASGI and no WSGI."""

    def __init__(
        self,
        prefix: str,
        mode: Cell | str | Path | None,
        rules: RulesSource | None,
        tags: Mapping[str, str] | None,
        observer: Observer | None,
        capture_bytes: int,
        drain_s: float,
    ) -> None:
        cell = FileMode(mode) if isinstance(mode, str | Path) else mode or default_mode()
        self.observer = observer
        self.capture_bytes = capture_bytes if observer is not None else 0
        self.flight = InFlight(cell, drain_s)
        self.broken: Refuse | None = None
        """Why everything is refused, live mode included."""
        self.way = SandboxWay(prefix, None, tags or {})
        if rules is not None:
            try:
                self.way = SandboxWay(prefix, read_rules(rules), tags or {})
            except (EsrError, OSError, ValueError) as error:
                log.error("everything is refused: %s", error)
                self.broken = refuse("no-rules")

    def enter(self, mode: Mode, incoming: Incoming) -> Entered | Refuse:
        """What the application gets in sandbox mode; an exception on the way is a refusal."""
        if self.broken is not None:
            return self.broken
        try:
            return self.way.enter(incoming)
        except Exception as error:
            log.exception("a request is refused because deciding failed")
            return refuse("no-rules", f"deciding failed with {type(error).__name__}")

    def answer(self, entered: Entered, headers: Sequence[tuple[str, str]]) -> Pairs | Refuse:
        """The headers of an answer in sandbox mode; an exception on the way is a refusal."""
        try:
            return self.way.answer(entered, headers)
        except Exception as error:
            log.exception("an answer is refused because deciding failed")
            return refuse("no-rules", f"deciding failed with {type(error).__name__}")


class Story:
    """One request as an observer is told of it, while it goes on; null-like without one."""

    def __init__(self, door: Door, incoming: Incoming, client: str, mode: Mode) -> None:
        self._observer = door.observer
        self._capture_bytes = door.capture_bytes
        self._incoming = incoming
        self._client = client
        self._mode = mode
        self._began_ns = time.time_ns()
        self._clock = time.perf_counter_ns()
        self.rule = PASSED_LIVE
        self.status = 0
        self.answer_headers: Pairs = []
        self._parts: dict[str, list[bytes]] = {"in": [], "out": []}
        self._sizes = {"in": 0, "out": 0}
        self._is_told = False

    def add(self, way: str, data: bytes) -> None:
        """A part of the body, `in` or `out`."""
        self._sizes[way] += len(data)
        if self._capture_bytes and self._sizes[way] <= self._capture_bytes:
            self._parts[way].append(data)

    def refused(self, refusal: Refuse) -> None:
        """It was refused."""
        if self._observer is None or self._is_told:
            return
        self._is_told = True
        try:
            self._tell_refused(refusal, self._observer)
        except Exception:
            log.exception("the observer failed; the request goes on")

    def passed(self) -> None:
        """It was answered, and the answer is over."""
        if self._observer is None or self._is_told or not self.status:
            return
        self._is_told = True
        try:
            self._tell_passed(self._observer)
        except Exception:
            log.exception("the observer failed; the request goes on")

    def _tell_refused(self, refusal: Refuse, observer: Observer) -> None:
        observer.refused(
            Refusal(
                self._began_ns,
                "middleware",
                self._client,
                shown(self._authority),
                self._incoming.method,
                refusal.rule,
                refusal.reason,
            )
        )

    def _tell_passed(self, observer: Observer) -> None:
        incoming = self._incoming
        observer.passed(
            Exchange(
                at_ns=self._began_ns,
                door="middleware",
                client=self._client,
                rule=self.rule,
                upstream=APP,
                address=None,
                port=0,
                scheme=incoming.scheme,
                authority=self._authority,
                method=incoming.method,
                target=self._target(),
                status=self.status,
                wait_ms=(time.perf_counter_ns() - self._clock) / 1e6,
                headers=list(incoming.headers),
                answer_headers=self.answer_headers,
                body=self._body("in"),
                answer_body=self._body("out"),
                bytes_in=self._sizes["in"],
                bytes_out=self._sizes["out"],
                is_live=self._mode == LIVE,
            )
        )

    @property
    def _authority(self) -> str:
        return next((value for name, value in self._incoming.headers if name.lower() == "host"), "")

    def _target(self) -> str:
        incoming = self._incoming
        raw = incoming.raw or (incoming.root + incoming.path).decode("latin-1") or "/"
        return f"{raw}?{incoming.query}" if incoming.query else raw

    def _body(self, way: str) -> bytes | None:
        if not self._capture_bytes or self._sizes[way] > self._capture_bytes:
            return None
        return b"".join(self._parts[way])


def shown(text: str) -> str:
    """Fit for a report: no user information, no control characters."""
    return ascii(text.rpartition("@")[2][:100])[1:-1]


def refusal_answer(refusal: Refuse, incoming: Incoming | None) -> Answer:
    """Status, headers and body of a refusal."""
    headers = incoming.headers if incoming is not None else ()
    host = next((value for name, value in headers if name.lower() == "host"), "")
    status, answer, body = problem(refusal, host)
    return status, answer, b"" if incoming is not None and incoming.method == "HEAD" else body


def flipped_answer() -> Answer:
    """What a request is told that a flip cut off before it had answered."""
    return problem(FLIPPED, "")


def read_rules(source: RulesSource) -> Rules:
    """Rules from a mapping, or from a JSON or TOML file. Raises RuleError, OSError, ValueError.

    YAML is read where its library is at home: hand over what `scenarios.rules_files` reads.
    """
    if isinstance(source, Rules):
        return source
    if isinstance(source, Mapping):
        return parse_rules(source, source="the rules", line_of=_no_line)
    path = Path(source)
    if path.suffix not in (".json", ".toml"):
        raise RuleError(f"{path}: the middleware reads .json and .toml; hand other rules over")
    with path.open("rb") as file:
        raw = file.read(LONGEST_RULES_BYTES + 1)
    if len(raw) > LONGEST_RULES_BYTES:
        raise RuleError(f"{path}: longer than {LONGEST_RULES_BYTES:,} bytes")
    mapping = _parse_text(raw.decode("utf-8"), path)
    return parse_rules(mapping, source=str(path), line_of=_no_line)


def _parse_text(text: str, path: Path) -> Any:
    try:
        if path.suffix == ".toml":
            return tomllib.loads(text)
        return json.loads(text, object_pairs_hook=_once_each)
    except (ValueError, RecursionError) as error:
        raise RuleError(f"{path}: {error}") from error


def _once_each(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands there twice")
    return found


def _no_line(path: str) -> int | None:
    return None


__all__ = ["DRAIN_S", "Door", "Story", "flipped_answer", "read_rules", "refusal_answer"]
