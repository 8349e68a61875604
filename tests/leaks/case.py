"""What a case of the leak suite is, and how what came of it is judged.

A case is a function that a client runs against a door. Whatever it does, production must stay at
zero and no credential of production may reach the sandbox; `Expect` says what more is wanted.
Read next: `cases_hosts.py` for the plainest cases.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.leaks.lanes import LANES, DoorRefusedError, Lane
from tests.leaks.sandbox import Sandbox, Seen
from tests.leaks.wire import ANSWER_S, Answer, Stream

if TYPE_CHECKING:
    from tests.leaks.runner import World

ROUTED: Final = "svc.hms.example"
PATIENCE_S: Final = 0.25
"""How long to look for an answer that need not come."""
AFTER_S: Final = 0.04
"""How long to look for one more after that."""


class Expect(Enum):
    """What is wanted besides silence at production."""

    REFUSED = "refused"
    """A refusal or a closed connection, and the sandbox hears nothing either."""
    CONTAINED = "contained"
    """Whatever answers, it is not production."""
    SANDBOX = "sandbox"
    """The sandbox answers: what the door is for."""


REFUSED, CONTAINED, SANDBOX = Expect.REFUSED, Expect.CONTAINED, Expect.SANDBOX


@dataclass
class Visit:
    """One run of a case: what the case uses, and what it found."""

    lane: Lane | None
    address: tuple[str, int]
    """Of the door."""
    sandbox: Sandbox
    folder: Path
    world: World
    faults: list[str] = field(default_factory=list)
    answers: list[Answer | None] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    """By the door itself, before any request."""
    skip: str | None = None
    """Why this machine cannot run it."""
    _streams: list[Stream] = field(default_factory=list)

    @property
    def is_absolute(self) -> bool:
        return self.lane is not None and self.lane.is_absolute

    def open(
        self,
        host: str = ROUTED,
        port: int = 0,
        server_name: str | None = None,
        timeout_s: float = ANSWER_S,
    ) -> Stream:
        """A stream through the lane, towards a host. Raises DoorRefusedError."""
        assert self.lane is not None
        return self.hold(self.lane.open(self.address, host, port, server_name, timeout_s))

    def hold(self, stream: Stream) -> Stream:
        """Close it when the case is over."""
        self._streams.append(stream)
        return stream

    def ask(
        self,
        stream: Stream,
        host: str,
        path: str = "/",
        headers: Sequence[str] = (),
        method: str = "GET",
        body: bytes = b"",
    ) -> Answer | None:
        """One well-formed request, and its answer."""
        stream.send(self.request(host, path, headers, method, body))
        return self.listen(stream)

    def request(
        self,
        host: str,
        path: str = "/",
        headers: Sequence[str] = (),
        method: str = "GET",
        body: bytes = b"",
    ) -> bytes:
        """A request as this lane wants it."""
        target = self.lane.target(host, path) if self.lane is not None else path
        lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", *headers]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + body

    def listen(self, stream: Stream) -> Answer | None:
        """The next answer; None where the connection ended instead."""
        answer = stream.answer()
        self.answers.append(answer)
        return answer

    def drain(self, stream: Stream) -> None:
        """Every answer until the door closes, or has nothing more to say."""
        patience_s = PATIENCE_S
        while (answer := stream.answer(patience_s)) is not None:
            self.answers.append(answer)
            patience_s = AFTER_S
        if not stream.is_over:
            # A door that still holds something back says it now, and closes.
            stream.half_close()
            while (answer := stream.answer(PATIENCE_S)) is not None:
                self.answers.append(answer)

    def must(self, is_so: object, otherwise: str) -> None:
        """Note a fault unless it is so."""
        if not is_so:
            self.faults.append(otherwise)

    def close(self) -> None:
        for stream in self._streams:
            stream.close()


Run = Callable[[Visit], None]


@dataclass(frozen=True)
class Case:
    """One hostile thing to do, through every lane it makes sense for."""

    name: str
    threat: str
    lanes: tuple[str, ...]
    run: Run
    expect: Expect = REFUSED
    but: dict[str, Expect] = field(default_factory=dict)
    """By lane or door, where more or less is wanted than elsewhere."""

    def expected(self, lane: str) -> Expect:
        """What is wanted on this lane."""
        door = LANES[lane].door if lane in LANES else lane
        return self.but.get(lane, self.but.get(door, self.expect))


def run_case(case: Case, lane: str, visit: Visit) -> Seen:
    """Run it; the faults are in the visit then."""
    visit.sandbox.take()
    try:
        case.run(visit)
    except DoorRefusedError as error:
        visit.refusals.append(str(error))
        visit.answers.append(error.answer)
    finally:
        visit.close()
    seen = visit.sandbox.take()
    judge(case.expected(lane), visit, seen)
    return seen


def judge(expect: Expect, visit: Visit, seen: Seen) -> None:
    """Note what is not as it should be. Production's own counts are judged by the runner."""
    answers = [answer for answer in visit.answers if answer is not None]
    shown = [(each.status, each.refused_by) for each in answers]
    visit.must(
        not any(each.is_from_production for each in answers), "production's answer came back"
    )
    visit.must(not seen.secrets, f"the sandbox saw {seen.secrets} credentials of production")
    smuggled = [each for each in seen.requests if "smuggled" in each]
    visit.must(not smuggled, f"a request was smuggled to the sandbox: {smuggled}")
    if expect is REFUSED:
        visit.must(not seen.requests, f"not refused, the sandbox heard {seen.requests}")
        passed = [each.status for each in answers if not each.is_refusal]
        visit.must(not passed, f"not refused, answers were {shown}")
    elif expect is SANDBOX:
        visit.must(
            any(each.is_from_sandbox or each.status == 101 for each in answers),
            f"the sandbox did not answer: {shown}, refusals {visit.refusals}",
        )


def ask_for(
    name: str,
    threat: str,
    host: str,
    *,
    path: str = "/",
    headers: Sequence[str] = (),
    method: str = "GET",
    body: bytes = b"",
    port: int = 0,
    server_name: str | None = None,
    lanes: tuple[str, ...],
    expect: Expect = REFUSED,
    but: dict[str, Expect] | None = None,
) -> Case:
    """A well-formed request for a host, which is also where tunnels are asked to lead."""

    def run(visit: Visit) -> None:
        bare = host[1:].partition("]")[0] if host[0] == "[" else host.partition(":")[0]
        visit.ask(visit.open(bare, port, server_name), host, path, headers, method, body)

    return Case(name, threat, lanes, run, expect, but or {})


def inside(
    name: str,
    threat: str,
    data: str | bytes,
    *,
    lanes: tuple[str, ...],
    to: str = ROUTED,
    expect: Expect = REFUSED,
    but: dict[str, Expect] | None = None,
) -> Case:
    """Bytes as they are, towards a host; `{url}` in text becomes `http://HOST` in absolute form."""

    def run(visit: Visit) -> None:
        stream = visit.open(to)
        raw = data
        if isinstance(raw, str):
            url = f"http://{to}" if visit.is_absolute else ""
            raw = raw.replace("{url}", url).replace("\n", "\r\n").encode("latin-1")
        stream.send(raw)
        visit.drain(stream)

    return Case(name, threat, lanes, run, expect, but or {})
