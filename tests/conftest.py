"""What every test can count on: the same examples, and none of this machine's settings."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

# "fast" is the suite's: the same examples on every machine, and no deadline, for a slow machine is
# no fault of the code. Look further with HYPOTHESIS_PROFILE=deep.
settings.register_profile("fast", max_examples=100, deadline=None, derandomize=True, database=None)
settings.register_profile("deep", max_examples=5_000, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fast"))


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own ESR_LAKE or ESR_TOKEN must not change what a test sees."""
    for name in list(os.environ):
        if name.startswith("ESR_"):
            monkeypatch.delenv(name)
