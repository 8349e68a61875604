"""Exit codes, and the last line of defence: no traceback reaches a user.

0 pass · 2 usage or an invalid scenario · 96 target unreachable · 97 refused by the guard ·
98 void · 99 SLO failed · 130 interrupted · 70 a fault of our own, its traceback in a file.
"""

from __future__ import annotations

import os
import tempfile
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path

from hms_esr.voice import say
from switchboard.errors import EsrError

PASS = 0
USAGE = 2
OUR_FAULT = 70
VOID = 98
SLO_FAILED = 99
INTERRUPTED = 130

EXIT_OF_VERDICT: Mapping[str, int] = {"pass": PASS, "void": VOID, "fail": SLO_FAILED}


class UsageError(EsrError):
    """An option's value makes no sense; the sentence names the option."""


def run_guarded(command: Callable[[], int]) -> int:
    """Run a command; turn what goes wrong into one sentence and an exit code."""
    try:
        return command()
    except EsrError as error:
        say(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        say("interrupted")
        return INTERRUPTED
    except OSError as error:
        say(os_sentence(error))
        return USAGE
    except MemoryError:
        say("there is not enough memory for this; play fewer users, or a shorter duration")
        return USAGE
    except Exception:
        say(_crash_sentence())
        return OUR_FAULT


def os_sentence(error: OSError) -> str:
    """What the system refused, and of which file."""
    reason = error.strerror or str(error)
    return f"{error.filename}: {reason}" if error.filename else reason


def _crash_sentence() -> str:
    """Keep the traceback in a file that only this user can read; it may quote a request."""
    detail = traceback.format_exc()
    try:
        descriptor, name = tempfile.mkstemp(prefix="esr-crash-", suffix=".txt")
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace") as file:
            file.write(detail)
    except OSError:
        return f"this is a fault of our own: {detail.strip().splitlines()[-1]}"
    return f"this is a fault of our own; please report it with {Path(name)}"
