"""Child processes of a benchmark: pinned to a core, accounted for by the OS, always ended.

Only the pid that was started here is ever signalled.
"""

from __future__ import annotations

import contextlib
import os
import re
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

INJECTOR, SERVER = 0, 1
"""Which of the usable cores sends, and which answers and keeps the books."""

STOP_S = 5.0
ROOT = Path(__file__).parents[1]
_ALLOWED = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


class BenchError(Exception):
    """A benchmark, or one peer of it, could not be run; the text says why."""


@dataclass(frozen=True, slots=True)
class Finished:
    """What a child said, and what the OS says that it used. CPU covers its whole life."""

    output: str
    errors: str
    exit_code: int
    cpu_s: float
    wall_s: float


def has_two_cores() -> bool:
    return len(_ALLOWED) > 1


def pin(which: int) -> None:
    """Bind this process to one core; nothing happens where the platform cannot."""
    if _ALLOWED:
        os.sched_setaffinity(0, {_ALLOWED[min(which, len(_ALLOWED) - 1)]})


@contextlib.contextmanager
def pinned(which: int | None) -> Iterator[None]:
    """Children started inside inherit the core; this process gets its own cores back.

    None leaves them all cores: for a child that pins itself and its own children.
    """
    before = os.sched_getaffinity(0) if _ALLOWED else set()
    if which is not None:
        pin(which)
    try:
        yield
    finally:
        if before:
            os.sched_setaffinity(0, before)


def start(
    command: Sequence[str],
    which: int | None,
    *,
    cwd: Path = ROOT,
    env: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a child on a core, with pipes for all three streams."""
    pipe = subprocess.PIPE
    full_env = {**os.environ, **(env or {})}
    with pinned(which):
        return subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=pipe, cwd=cwd, env=full_env
        )


def run(
    command: Sequence[str],
    which: int | None,
    *,
    timeout_s: float,
    cwd: Path = ROOT,
    env: Mapping[str, str] | None = None,
) -> Finished:
    """Run a child to its end. Raises BenchError when it cannot start or takes too long."""
    before = _children_cpu_s()
    began = time.monotonic()
    try:
        process = start(command, which, cwd=cwd, env=env)
    except OSError as error:
        raise BenchError(f"{command[0]} does not start: {error.strerror}") from error
    with process:
        try:
            output, errors = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired as error:
            raise BenchError(f"{command[0]} took longer than {timeout_s:g} s") from error
        finally:
            stop(process)
    wall_s = time.monotonic() - began
    cpu_s = _children_cpu_s() - before
    return Finished(output.decode(), errors.decode(), process.returncode, cpu_s, wall_s)


def run_module(
    module: str, arguments: Sequence[str], which: int | None, *, timeout_s: float
) -> Finished:
    """Run a module of this project. Raises BenchError with its last words when it fails."""
    done = run([sys.executable, "-m", module, *arguments], which, timeout_s=timeout_s)
    if done.exit_code != 0:
        raise BenchError(f"{module} ended with {done.exit_code}: {last_words(done.errors)}")
    return done


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a child that still lives: gently, then surely."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def last_words(errors: str) -> str:
    """The last line of standard error that says something; an exception group ends in rules."""
    lines = [line.strip(" |+-") for line in errors.splitlines()]
    said = [line for line in lines if line]
    named = [line for line in said if re.match(r"[\w.]+(Error|Exception)\b", line)]
    return (named or said or ["it said nothing"])[-1]


def _children_cpu_s() -> float:
    """CPU of the children that have ended and been waited for; one runs at a time."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
