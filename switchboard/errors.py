"""The small family of errors: whose fault it is, and what a person can do about it.

Floor 0. `str(error)` is always the one clear sentence for the terminal, and `exit_code` is what
the command line answers with. What happens to a single request (a timeout, a reset, a 503) is a
value in its outcome, never one of these; a caller's misuse is a plain ValueError.
Read next: `environment.py` and `guard.py`, which raise most of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar


class EsrError(Exception):
    """Anything a person caused and can put right. `str(error)` says what, where and how."""

    exit_code: ClassVar[int] = 2


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong in a file someone wrote."""

    path: str
    """Where in the file, such as `slo.p95_ms` or `upstreams[0].base_url`; "" is the whole file."""
    line: int | None
    message: str

    def __str__(self) -> str:
        line = "" if self.line is None else f"line {self.line}"
        if not self.path:
            return f"{line}: {self.message}" if line else self.message
        return f"{self.path} ({line}): {self.message}" if line else f"{self.path}: {self.message}"


class ScenarioError(EsrError):
    """The author of a scenario or environment file has something to mend: all of it, at once."""

    def __init__(self, message: str, faults: Iterable[Fault] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.faults: tuple[Fault, ...] = tuple(faults)

    def __str__(self) -> str:
        if not self.faults:
            return self.message
        if len(self.faults) == 1:
            return f"{self.message}: {self.faults[0]}"
        listed = "".join(f"\n  {fault}" for fault in self.faults)
        return f"{self.message}: {len(self.faults)} faults{listed}"


class TraceError(EsrError):
    """The trace cannot be read, or there is nothing in it to replay."""


class LeakError(EsrError):
    """What was to be kept may hold data of real people or systems, so it was not.

    findings: how many there are of each kind.
    """

    exit_code: ClassVar[int] = 97

    def __init__(self, message: str, findings: Mapping[str, int]) -> None:
        super().__init__(message)
        self.findings = dict(findings)


class RuleError(ScenarioError):
    """An environment or rules file is wrong."""


class UpstreamError(EsrError):
    """The target does not answer."""

    exit_code: ClassVar[int] = 96


class GuardError(EsrError):
    """The guard refused: nothing was sent."""

    exit_code: ClassVar[int] = 97

    def __init__(self, host: str, rule: str, remedy: str) -> None:
        super().__init__(host, rule, remedy)
        self.host = host
        self.rule = rule
        self.remedy = remedy

    def __str__(self) -> str:
        return f"refused {self.host}: {self.rule}. {self.remedy}"
