"""One route of a definition, from what somebody wrote to what answers. Floor 1, pure.

Read next: `route.py`, which puts the parts to work.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from stubs.definitions.answers import Said, Say, parse_answer
from stubs.definitions.callbacks import parse_callbacks
from stubs.definitions.fake import FakeNames
from stubs.definitions.names import NowNames, RequestNames, StateNames
from stubs.definitions.parts import parse_part
from stubs.definitions.patterns import Pattern
from stubs.definitions.route import Chances, DefinedRoute, Transition
from stubs.definitions.sandbox import TemplateSandbox
from stubs.definitions.states import Machine, Turns
from stubs.definitions.templates import Sheet, is_template
from stubs.definitions.view import View, Views
from stubs.definitions.when import When, find_machine, parse_when, read_schema
from stubs.latency import NoDelay, parse_latency
from stubs.service import Answer, Asked, Handler, StubRoute
from switchboard.fault_reader import FaultReader, join, kind_of, nearest, shown

ROUTE_KEYS: Final = (
    "method",
    "path",
    "path_regex",
    "name",
    "priority",
    "when",
    "validate",
    "latency",
    "answer",
    "answers",
    "key",
    "cycle",
    "chance",
    "sets",
    "callbacks",
    "handler",
)
VALIDATE_KEYS: Final = ("schema",)
CHANCE_KEYS: Final = ("share", "answer")
MAX_PATH_CHARS: Final = 1_000
MAX_ANSWERS: Final = 1_000
MAX_TIMES: Final = 1_000_000
PRIORITIES: Final = range(1, 1_001)

_METHOD: Final = re.compile(r"[A-Z]{1,20}")
_BRACE: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]{0,60})\}")
_OWN: Final = "/__esr"


@dataclass(slots=True)
class RouteKit:
    """What all routes of a definition share."""

    reader: FaultReader
    sandbox: TemplateSandbox
    views: Views
    machines: Mapping[str, Machine]
    data: Mapping[str, Any]
    handlers: Mapping[str, Handler]
    turns: list[Turns] = field(default_factory=list)
    defined: dict[tuple[str, str], list[tuple[int, int, DefinedRoute]]] = field(
        default_factory=dict
    )

    def names_of(self, asked: Asked, view: View) -> dict[str, Any]:
        return {
            "request": RequestNames(asked, view),
            "state": StateNames(self.machines, asked, view),
            "data": self.data,
            "now": NowNames(asked.epoch_ms),
            "fake": FakeNames.of_request(asked.seed, asked.request_id),
        }

    def link_siblings(self) -> None:
        """Let the routes of one method and path know each other, as they are tried."""
        for found in self.defined.values():
            # Of equals the later one is tried first.
            ordered = [route for _, _, route in sorted(found, key=lambda each: each[:2])]
            for route in ordered:
                route.siblings = ordered


def parse_route(raw: object, path: str, kit: RouteKit) -> list[StubRoute]:
    """A route for each of its methods."""
    reader = kit.reader
    fields = reader.mapping(raw, path, ROUTE_KEYS)
    if not isinstance(raw, Mapping):
        return []
    methods = _parse_methods(fields, path, reader)
    template, names, pattern = _parse_place(fields, path, reader)
    priority = _parse_priority(fields, path, reader)
    when = When()
    if "when" in fields:
        when = parse_when(fields["when"], join(path, "when"), reader, names, kit.machines)
    latency: Any = NoDelay()
    if "latency" in fields:
        latency = parse_latency(fields["latency"], join(path, "latency"), reader)
    shown_name = _route_name(fields, path, reader, methods, template)
    said = _parse_said(fields, path, kit, shown_name)
    defined = DefinedRoute(
        shown_name,
        kit.views,
        when,
        said.say,
        _parse_validate(fields, path, reader),
        _parse_chances(fields, path, kit),
        _parse_sets(fields, path, kit),
        parse_callbacks(fields, path, reader, kit.sandbox, kit.names_of),
    )
    for method in methods:
        found = kit.defined.setdefault((method, template), [])
        found.append((priority, -len(found), defined))
    is_fixed = defined.is_plain and said.fixed is not None
    return [
        StubRoute(
            method,
            template,
            _constant(said.fixed) if said.fixed and is_fixed else defined.answer,
            latency,
            priority,
            defined.accepts if when.checks else None,
            None if pattern is None else pattern.fits,
            said.fixed if is_fixed else None,
        )
        for method in methods
    ]


def _constant(answer: Answer) -> Handler:
    return lambda asked: answer


def _parse_methods(fields: Mapping[str, object], path: str, reader: FaultReader) -> list[str]:
    raw = fields.get("method")
    at = join(path, "method")
    if raw is None:
        reader.fault(at, "method is missing; write GET, a list such as [GET, PUT], or ANY")
        return ["GET"]
    words = raw if isinstance(raw, list | tuple) else [raw]
    methods: dict[str, None] = {}
    for word in words:
        if not isinstance(word, str) or not _METHOD.fullmatch(word.upper()):
            reader.fault(at, f"{shown(word)!r} is no method; write GET, [GET, PUT] or ANY")
        else:
            methods[word.upper()] = None
    if not words:
        reader.fault(at, "must have at least one method")
    if "ANY" in methods and len(methods) > 1:
        reader.fault(at, "ANY is every method already; leave the others out")
    return list(methods)


def _parse_place(
    fields: Mapping[str, object], path: str, reader: FaultReader
) -> tuple[str, list[str], Pattern | None]:
    """The template, the names in its braces, and the pattern in its place if there is one."""
    if "path_regex" in fields:
        if "path" in fields:
            reader.fault(join(path, "path_regex"), "path is given as well; keep one of them")
        at = join(path, "path_regex")
        pattern = reader.checked(at, fields["path_regex"], Pattern)
        return ("" if pattern is None else pattern.text), [], pattern
    if "path" not in fields:
        reader.fault(join(path, "path"), "path is missing; write one such as /profiles/{citizen}")
        return "", [], None
    template = reader.checked(join(path, "path"), fields["path"], _checked_template)
    names = [] if template is None else _BRACE.findall(template)
    return template or "", names, None


def _checked_template(text: str) -> str:
    """A path template. Raises ValueError."""
    if not text.startswith("/"):
        raise ValueError("a path begins with `/`, such as /profiles/{citizen}")
    if len(text) > MAX_PATH_CHARS or not text.isprintable():
        raise ValueError(f"a path is one line of up to {MAX_PATH_CHARS:,} characters")
    if text == _OWN or text.startswith(f"{_OWN}/"):
        raise ValueError(f"paths under {_OWN} are the gateway's own")
    if "?" in text or "#" in text:
        raise ValueError("a path has no `?` and no `#`; query fields belong under when.query")
    names = []
    for segment in text.split("/"):
        if "{" not in segment and "}" not in segment:
            continue
        brace = _BRACE.fullmatch(segment)
        if brace is None:
            raise ValueError(
                f"braces take a whole segment, such as /{{name}}, not {shown(segment)}"
            )
        names.append(brace[1])
    if len(set(names)) < len(names):
        raise ValueError("two braces have the same name; give each its own")
    return text


def _parse_priority(fields: Mapping[str, object], path: str, reader: FaultReader) -> int:
    raw = fields.get("priority", 5)
    if isinstance(raw, bool) or not isinstance(raw, int) or raw not in PRIORITIES:
        reader.fault(join(path, "priority"), "must be a whole number from 1 (tried first) to 1000")
        return 5
    return raw


def _route_name(
    fields: Mapping[str, object], path: str, reader: FaultReader, methods: list[str], template: str
) -> str:
    name = f"{'|'.join(methods)} {template}"
    if "name" not in fields:
        return name
    given = reader.text(fields, path, "name")
    if len(given) > MAX_PATH_CHARS or not given.isprintable():
        reader.fault(join(path, "name"), "must be one line")
    return f"{name} ({given})"


def _parse_said(fields: Mapping[str, object], path: str, kit: RouteKit, name: str) -> Said:
    """The one of `answer`, `answers` and `handler` that is given."""
    reader = kit.reader
    given = [key for key in ("answer", "answers", "handler") if key in fields]
    if len(given) != 1:
        hint = "write one of answer, answers and handler"
        problem = f"{' and '.join(given)} are given" if given else "says nothing"
        reader.fault(path, f"{problem}; {hint}")
    if "answers" not in fields:
        for key in ("key", "cycle"):
            if key in fields:
                reader.fault(join(path, key), f"{key} belongs to `answers`, a sequence")
    if given[:1] == ["answer"]:
        at = join(path, "answer")
        return parse_answer(fields["answer"], at, reader, kit.sandbox, kit.names_of)
    if given[:1] == ["answers"]:
        return _parse_sequence(fields, path, kit, name)
    if given[:1] == ["handler"]:
        return _parse_handler(fields["handler"], join(path, "handler"), kit)
    return Said(_say_nothing, None)


def _parse_sequence(fields: Mapping[str, object], path: str, kit: RouteKit, name: str) -> Said:
    reader = kit.reader
    if "key" not in fields:
        hint = "say whose sequence it is, such as tenant, path.id, or service for one for all"
        reader.fault(join(path, "key"), f"key is missing; {hint}")
    part = reader.checked(join(path, "key"), fields.get("key", "service"), parse_part)
    is_cycle = fields.get("cycle", False)
    if not isinstance(is_cycle, bool):
        reader.fault(join(path, "cycle"), f"must be true or false, not {kind_of(is_cycle)}")
    items = reader.items(fields, path, "answers")
    if not 1 <= len(items) <= MAX_ANSWERS:
        reader.fault(join(path, "answers"), f"must have 1 to {MAX_ANSWERS:,} answers")
    says: list[Say] = []
    times: list[int] = []
    for at, raw in items[:MAX_ANSWERS]:
        said = parse_answer(raw, at, reader, kit.sandbox, kit.names_of, ("times",))
        says.append(said.say)
        times.append(_parse_times(raw, at, reader))
    if part is None or not says:
        return Said(_say_nothing, None)
    turns = Turns(f"answers of {name}", part, times, is_cycle=bool(is_cycle))
    kit.turns.append(turns)
    return Said(lambda asked, view: says[turns.take(asked, view)](asked, view), None)


def _parse_times(raw: object, path: str, reader: FaultReader) -> int:
    times = raw.get("times", 1) if isinstance(raw, Mapping) else 1
    if isinstance(times, bool) or not isinstance(times, int) or not 1 <= times <= MAX_TIMES:
        reader.fault(join(path, "times"), f"must be a whole number from 1 to {MAX_TIMES:,}")
        return 1
    return times


def _parse_handler(raw: object, path: str, kit: RouteKit) -> Said:
    if not isinstance(raw, str):
        kit.reader.fault(path, f"must be the name of a function, not {kind_of(raw)}")
        return Said(_say_nothing, None)
    handler = kit.handlers.get(raw)
    if handler is None:
        hint = nearest(raw, kit.handlers) if kit.handlers else "this service has no logic"
        kit.reader.fault(path, f"there is no function {shown(raw)}; {hint}")
        return Said(_say_nothing, None)
    return Said(lambda asked, view: handler(asked), None)


def _parse_validate(fields: Mapping[str, object], path: str, reader: FaultReader) -> Any:
    if "validate" not in fields:
        return None
    at = join(path, "validate")
    given = reader.mapping(fields["validate"], at, VALIDATE_KEYS)
    if "schema" not in given:
        reader.fault(join(at, "schema"), "schema is missing")
        return None
    return read_schema(given["schema"], join(at, "schema"), reader)


def _parse_chances(fields: Mapping[str, object], path: str, kit: RouteKit) -> Chances:
    reader = kit.reader
    chances: list[tuple[float, Say]] = []
    total = 0.0
    for at, raw in reader.items(fields, path, "chance"):
        given = reader.mapping(raw, at, CHANCE_KEYS)
        share = given.get("share")
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
            reader.fault(join(at, "share"), "must be a share from 0 to 1, such as 0.002")
            share = 0.0
        if "answer" not in given:
            reader.fault(join(at, "answer"), "answer is missing")
        total += share
        answer = given.get("answer", {})
        said = parse_answer(answer, join(at, "answer"), reader, kit.sandbox, kit.names_of)
        chances.append((total, said.say))
    if total > 1 + 1e-9:
        reader.fault(join(path, "chance"), f"the shares add up to {total:g}, which is over 1")
    return chances


def _parse_sets(fields: Mapping[str, object], path: str, kit: RouteKit) -> Transition | None:
    if "sets" not in fields:
        return None
    reader, at = kit.reader, join(path, "sets")
    raw = fields["sets"]
    if not isinstance(raw, Mapping) or not raw:
        reader.fault(at, f"must be a mapping of states to values, not {kind_of(raw)}")
        return None
    sheet = Sheet(kit.sandbox, reader)
    fixed: list[tuple[Machine, Any]] = []
    filled: list[tuple[Machine, int]] = []
    for name, value in raw.items():
        here = join(at, shown(name))
        machine = find_machine(str(name), here, reader, kit.machines)
        if isinstance(value, str) and is_template(value):
            number = sheet.add(here, value)
            if machine is not None:
                filled.append((machine, number))
        elif machine is not None:
            fixed.append((machine, _checked_state(machine, value, here, reader)))
    return Transition(tuple(fixed), tuple(filled), sheet.compile(), kit.names_of)


def _checked_state(machine: Machine, value: Any, path: str, reader: FaultReader) -> Any:
    try:
        return machine.checked(value)
    except ValueError as error:
        reader.fault(path, str(error))
        return None


def _say_nothing(asked: Asked, view: View) -> Answer:
    """In place of an answer that could not be read."""
    return Answer(500)
