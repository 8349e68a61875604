"""The frozen Scenario, and `parse_scenario`, which reports every fault of a file at once.

Floor 2, pure: a mapping in, a Scenario or one ScenarioError out; `keys.py` has the words.
pydantic takes 50 ms to import, so a command line imports this file only when it plays something.
Read next: `loader.py`, which finds the files; `docs/scenarios.md` says the same for authors.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from re import compile as compile_pattern
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, SkipValidation, ValidationError

from replay.anonymise.policy import Policy
from replay.anonymise.policy_reader import read_policy
from replay.retry import RetryPolicy
from replay.schedule import Spike
from scenarios.callers import read_retry, retry_mapping
from scenarios.cues import CUE_KEYS, cues_mapping, read_cues
from scenarios.keys import KEYS, SCRIPTED, not_asked_for, unserved
from scenarios.policies import policy_mapping
from scenarios.slo import Slo, build_slo
from scenarios.spikes import read_spike, spike_mapping
from scenarios.stub_settings import (
    NO_SETTINGS,
    StubSettings,
    read_stub_settings,
    stub_settings_mapping,
)
from scenarios.units import format_duration, format_speed, parse_duration, parse_speed
from stubs.faults.fault import Fault as Cue
from switchboard.errors import Fault, ScenarioError
from switchboard.fault_reader import FaultReader
from switchboard.headers import is_label

MAX_USERS: Final = 10_000_000
MAX_SEED: Final = 2**63 - 1
MAX_TEXT: Final = 4_096
MAX_NOTES: Final = 20_000
MAX_FAULTS: Final = 100
SHORTEST_S: Final = 0.001

LineOf = Callable[[str], int | None]

_ID: Final = compile_pattern(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
SECTIONS: Final = frozenset(
    {"slo", "stubs", "anonymise", "retry", "spike", "spike_at", "spike_size", *CUE_KEYS}
)
_FIELDS: Final = {"duration": "duration_s"}
_KEY_OF_FIELD: Final = {field: key for key, field in _FIELDS.items()}


def parse_id(value: object) -> str:
    """A scenario's id. Raises ValueError."""
    text = _text(value)
    if not _ID.fullmatch(text):
        rule = "an id is 1 to 64 letters, digits, _ and -, such as stimulus_2020"
        raise ValueError(f"{_shown(text)} is not an id; {rule}")
    return text


def parse_source(value: object) -> str:
    """Where requests come from; only `replay_logs` can be played. Raises ValueError."""
    text = _text(value)
    if text == "replay_logs":
        return text
    if text == "synthetic":
        raise ValueError(f"`synthetic` is not there yet: {SCRIPTED}; use replay_logs")
    raise ValueError(f"{_shown(text)} is not a source; write replay_logs")


def parse_log_path(value: object) -> str:
    """The path of a log, as text. Raises ValueError; whether it exists is not looked at."""
    text = _text(value)
    if not text.strip():
        raise ValueError("is empty; write a file, a folder or a glob such as logs/*.ndjson.gz")
    return text


def parse_users(value: object) -> int:
    """1 to ten million. Raises ValueError."""
    return _whole(value, 1, MAX_USERS, "write a whole number of users, such as 50000")


def parse_seed(value: object) -> int:
    """0 to 2**63 - 1. Raises ValueError."""
    return _whole(value, 0, MAX_SEED, "write a whole number, such as 7")


def parse_window(value: object) -> float:
    """A duration longer than nothing, in seconds to the millisecond. Raises ValueError."""
    seconds = round(parse_duration(value), 3)
    if seconds < SHORTEST_S:
        raise ValueError(f"{_shown(str(value))} leaves nothing to play; write 20s or 30m")
    return seconds


def parse_arrivals(value: object) -> float:
    """A speed, but not `max`: sessions need an order in time. Raises ValueError."""
    factor = parse_speed(value)
    if math.isinf(factor):
        raise ValueError("`max` is not possible for arrivals; write a factor such as 2x")
    return factor


def parse_target(value: object) -> str:
    """An environment's name, a service's name or an http(s) URL, as text. Raises ValueError."""
    text = _text(value)
    is_url = text.startswith(("http://", "https://")) and " " not in text
    if not is_url and not is_label(text):
        hint = "write an environment such as staging, a URL, or a service such as svc-profile"
        raise ValueError(f"{_shown(text)} is not a target; {hint}")
    return text


def _parse_notes(value: object) -> str:
    if not isinstance(value, str) or len(value) > MAX_NOTES:
        raise ValueError(f"must be text of at most {MAX_NOTES:,} characters")
    return value


def _parse_flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{_kind(value)}, and true or false is due here")
    return value


class Scenario(BaseModel):
    """One scenario, checked whole. Frozen: `model_copy(update=...)` makes a changed one."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, arbitrary_types_allowed=True
    )

    id: Annotated[str, BeforeValidator(parse_id)]
    log_path: Annotated[str, BeforeValidator(parse_log_path)]
    source: Annotated[Literal["replay_logs"], BeforeValidator(parse_source)] = "replay_logs"
    speed: Annotated[float, BeforeValidator(parse_speed)] = 1.0
    """`math.inf` means max."""
    users: Annotated[int, BeforeValidator(parse_users)] | None = None
    duration_s: Annotated[float, BeforeValidator(parse_window)] | None = None
    """Of recorded time; wall time is duration_s / speed."""
    target: Annotated[str, BeforeValidator(parse_target)] = "embedded"
    arrivals: Annotated[float, BeforeValidator(parse_arrivals)] = 1.0
    seed: Annotated[int, BeforeValidator(parse_seed)] = 0
    slo: tuple[Slo, ...] = ()
    chaos: SkipValidation[tuple[Cue, ...]] = ()
    """Faults on cue, whichever way the file asked for them."""
    stubs: SkipValidation[StubSettings] = NO_SETTINGS
    retry: SkipValidation[RetryPolicy | None] = None
    spike: SkipValidation[Spike | None] = None
    anonymise: SkipValidation[Policy | None] = None
    """None leaves personal data as it is; the leak gate still looks."""
    hitl_skip: Annotated[bool, BeforeValidator(_parse_flag)] = False
    notes: Annotated[str, BeforeValidator(_parse_notes)] | None = None
    file: Path | None = None
    """The file it was read from; a relative log_path is looked for beside it too."""


def parse_scenario(
    mapping: object, source: str, line_of: LineOf = lambda path: None, *, file: Path | None = None
) -> Scenario:
    """The Scenario in a mapping of KEYS; `source` names it in errors, such as `surge.yml`.

    Raises ScenarioError with every fault at once, in the order of their lines.
    """
    if not isinstance(mapping, Mapping):
        message = "a scenario is a mapping of keys; it begins with a line such as `id: surge`"
        raise _refusal(source, [Fault("", line_of(""), message)])
    unknown = [_plain(str(key)) for key in mapping if key not in KEYS]
    faults = [Fault(key, line_of(key), unserved(key)) for key in unknown]
    given = {key: value for key, value in mapping.items() if key in KEYS and value is not None}
    empty = [key for key in KEYS if key in mapping and mapping[key] is None]
    faults += [
        Fault(key, line_of(key), "has no value; write one or take the line out") for key in empty
    ]
    sections, section_faults = _read_sections(given, source, line_of)
    faults += section_faults
    fields = {key: value for key, value in given.items() if key not in SECTIONS}
    scenario, field_faults = _build({**fields, **sections}, file, line_of)
    not_asked = not_asked_for(mapping) | set(empty)
    faults += [fault for fault in field_faults if fault.path not in not_asked]
    if faults or scenario is None:
        faults.sort(key=lambda fault: (fault.line or 0, fault.path))
        raise _refusal(source, faults)
    return scenario


def scenario_mapping(scenario: Scenario) -> dict[str, Any]:
    """The scenario as JSON or YAML would hold it; `parse_scenario` of it gives an equal one."""
    written: dict[str, Any] = {
        "id": scenario.id,
        "source": scenario.source,
        "log_path": scenario.log_path,
        "speed": format_speed(scenario.speed),
        "users": scenario.users,
        "duration": None if scenario.duration_s is None else format_duration(scenario.duration_s),
        "target": scenario.target,
        "arrivals": format_speed(scenario.arrivals),
        "seed": scenario.seed,
        "slo": {slo.name: slo.limit for slo in scenario.slo},
        **cues_mapping(scenario.chaos),
        "stubs": stub_settings_mapping(scenario.stubs) or None,
        "retry": scenario.retry and retry_mapping(scenario.retry),
        **spike_mapping(scenario.spike),
        "anonymise": scenario.anonymise and policy_mapping(scenario.anonymise),
        "hitl_skip": scenario.hitl_skip or None,
        "notes": scenario.notes,
    }
    return {key: value for key, value in written.items() if value is not None}


def _read_sections(
    given: Mapping[str, object], source: str, line_of: LineOf
) -> tuple[dict[str, object], list[Fault]]:
    """The keys that hold more than one value, each read by a file of its own."""
    reader = FaultReader(line_of)
    slos, slo_faults = _read_slos(given.get("slo", {}), line_of)
    sections: dict[str, object] = {
        "slo": slos,
        "chaos": read_cues(given, source, line_of, reader),
        "spike": read_spike(given, reader),
    }
    if "stubs" in given:
        sections["stubs"] = read_stub_settings(given["stubs"], "stubs", reader)
    if given.get("anonymise", False) is not False:
        sections["anonymise"] = read_policy(given["anonymise"], reader, "anonymise")
    if "retry" in given:
        sections["retry"] = read_retry(given["retry"], "retry", reader)
    return sections, [*slo_faults, *reader.faults]


def _build(
    given: Mapping[str, object], file: Path | None, line_of: LineOf
) -> tuple[Scenario | None, list[Fault]]:
    fields = {_FIELDS.get(key, key): value for key, value in given.items()}
    try:
        return Scenario.model_validate({**fields, "file": file}), []
    except ValidationError as error:
        faults = []
        for detail in error.errors(include_url=False, include_input=False):
            field = str(detail["loc"][0])
            key = _KEY_OF_FIELD.get(field, field)
            cause = detail.get("ctx", {}).get("error", detail["msg"])
            message = _missing(key) if detail["type"] == "missing" else str(cause)
            faults.append(Fault(key, line_of(key), message))
        return None, faults


def _read_slos(value: object, line_of: LineOf) -> tuple[tuple[Slo, ...], list[Fault]]:
    if not isinstance(value, Mapping):
        message = "must be a mapping of objectives, such as `p95_ms: 800`"
        return (), [Fault("slo", line_of("slo"), message)]
    slos, faults = [], []
    for name, limit in value.items():
        try:
            slos.append(build_slo(str(name), limit))
        except ValueError as error:
            path = f"slo.{_plain(str(name))}"
            faults.append(Fault(path, line_of(path), str(error)))
    return tuple(slos), faults


def _missing(key: str) -> str:
    example = {"id": "id: surge", "log_path": "log_path: logs/yesterday.ndjson.gz"}
    return f"is missing; write it as `{example.get(key, key)}`"


def _text(value: object) -> str:
    if not isinstance(value, str):
        quotes = "; put it in quotes" if isinstance(value, bool | int | float) else ""
        raise ValueError(f"{_kind(value)}, and text is due here{quotes}")
    if len(value) > MAX_TEXT or not value.isprintable():
        raise ValueError(f"must be one line of at most {MAX_TEXT:,} plain characters")
    return value


def _whole(value: object, least: int, greatest: int, hint: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{_kind(value)}, and a whole number is due here; {hint}")
    if not least <= value <= greatest:
        raise ValueError(f"is outside {least:,} to {greatest:,}; {hint}")
    return value


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return f"is the YAML value {str(value).lower()}"
    if isinstance(value, int | float):
        return "is a number"
    if isinstance(value, str):
        return "is text"
    return "is a list" if isinstance(value, list) else "is a mapping"


def _shown(text: str) -> str:
    return f"`{_plain(text)}`"


def _plain(text: str) -> str:
    """Text of the file inside a message: short, and nothing in it that a terminal would obey."""
    return "".join(char if char.isprintable() else "?" for char in text[:60])


def _refusal(source: str, faults: list[Fault]) -> ScenarioError:
    if len(faults) > MAX_FAULTS:
        left = len(faults) - MAX_FAULTS
        faults = [*faults[:MAX_FAULTS], Fault("", None, f"and {left:,} more faults")]
    return ScenarioError(f"{source} cannot be played", faults)
