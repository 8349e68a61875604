"""Every case of the leak suite, by name, and the pairs of case and lane that are run."""

from __future__ import annotations

from collections import Counter
from typing import Final

from tests.leaks import (
    cases_answers,
    cases_credentials,
    cases_dns,
    cases_framing,
    cases_hosts,
    cases_replay,
    cases_state,
    cases_tunnels,
)
from tests.leaks.case import Case

CASES: Final[list[Case]] = [
    *cases_hosts.CASES,
    *cases_framing.CASES,
    *cases_answers.CASES,
    *cases_credentials.CASES,
    *cases_tunnels.CASES,
    *cases_dns.CASES,
    *cases_replay.CASES,
    *cases_state.CASES,
]
BY_NAME: Final = {case.name: case for case in CASES}
_TWICE: Final = [name for name, count in Counter(case.name for case in CASES).items() if count > 1]
assert not _TWICE, f"two cases of one name: {_TWICE}"

PAIRS: Final = [(lane, case) for case in CASES for lane in case.lanes]
PAIRS.sort(key=lambda pair: pair[0])
"""By lane, so that each door is started once and used until it is done with."""
