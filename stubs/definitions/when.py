"""Which requests a route takes: its `when`, every part of which must hold.

Floor 1, pure. Read next: `matchers.py`, which has the operators, and `view.py`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from stubs.definitions.matchers import Condition, parse_condition, same
from stubs.definitions.states import Machine
from stubs.definitions.view import NOTHING, UNREADABLE, View
from stubs.service import Asked
from switchboard.fault_reader import FaultReader, join, kind_of, nearest, shown

if TYPE_CHECKING:
    from stubs.definitions.schema import BodySchema

WHEN_KEYS: Final = (
    "query",
    "headers",
    "cookies",
    "form",
    "path",
    "json",
    "body",
    "schema",
    "state",
)
BODY_OPERATORS: Final = ("equals", "not", "contains", "matches", "any_of", "absent")
JSON_OPERATORS: Final = ("equals_json", "includes_json")
MAX_COMPARED: Final = 100_000
"""Values that `includes_json` compares for one body."""

Check = Callable[[Asked, View], bool]


@dataclass(frozen=True, slots=True)
class When:
    """The checks of a route. `states` are asked again when the route makes a transition."""

    checks: tuple[Check, ...] = ()
    states: tuple[Check, ...] = ()

    def holds(self, asked: Asked, view: View) -> bool:
        for check in self.checks:  # noqa: SIM110 (a generator would cost more than most checks)
            if not check(asked, view):
                return False
        return True


def parse_when(
    raw: object,
    path: str,
    reader: FaultReader,
    names: Sequence[str],
    machines: Mapping[str, Machine],
) -> When:
    """What somebody wrote under `when`. names: the braces of the route's path."""
    fields = reader.mapping(raw, path, WHEN_KEYS)
    plain = [
        check
        for key, parse in _SIMPLE.items()
        if key in fields
        for check in parse(fields[key], join(path, key), reader)
    ]
    if "path" in fields:
        plain += _parse_path(fields["path"], join(path, "path"), reader, names)
    if "schema" in fields:
        plain += _parse_schema(fields["schema"], join(path, "schema"), reader)
    states: list[Check] = []
    if "state" in fields:
        states = _parse_states(fields["state"], join(path, "state"), reader, machines)
    return When((*plain, *states), tuple(states))


def _parse_query(raw: object, path: str, reader: FaultReader) -> list[Check]:
    return [_query(name, condition) for name, condition in _conditions(raw, path, reader)]


def _parse_headers(raw: object, path: str, reader: FaultReader) -> list[Check]:
    return [_header(name, condition) for name, condition in _conditions(raw, path, reader)]


def _parse_cookies(raw: object, path: str, reader: FaultReader) -> list[Check]:
    return [_cookie(name, condition) for name, condition in _conditions(raw, path, reader)]


def _parse_form(raw: object, path: str, reader: FaultReader) -> list[Check]:
    return [_form(name, condition) for name, condition in _conditions(raw, path, reader)]


def _parse_json(raw: object, path: str, reader: FaultReader) -> list[Check]:
    # Only definitions that use it wait for the library, which takes a while to import.
    from stubs.definitions.json_path import parse_json_path

    checks = []
    for name, condition in _conditions(raw, path, reader, is_json=True):
        find = reader.checked(join(path, name), name, parse_json_path)
        if find is not None:
            checks.append(_json(find, condition))
    return checks


def _parse_path(raw: object, path: str, reader: FaultReader, names: Sequence[str]) -> list[Check]:
    checks = []
    for name, condition in _conditions(raw, path, reader):
        if name not in names:
            hint = nearest(name, names) if names else "the path has no {names}"
            reader.fault(join(path, shown(name)), f"the path has no {{{shown(name)}}}; {hint}")
        checks.append(_param(name, condition))
    return checks


def _parse_schema(raw: object, path: str, reader: FaultReader) -> list[Check]:
    schema = read_schema(raw, path, reader)
    return [] if schema is None else [_schema(schema)]


def _parse_states(
    raw: object, path: str, reader: FaultReader, machines: Mapping[str, Machine]
) -> list[Check]:
    checks = []
    for name, condition in _conditions(raw, path, reader, is_json=True):
        machine = find_machine(name, join(path, shown(name)), reader, machines)
        if machine is not None:
            _check_states(raw, name, path, reader, machine)
            checks.append(_state(machine, condition))
    return checks


def _parse_body(raw: object, path: str, reader: FaultReader) -> list[Check]:
    if not isinstance(raw, Mapping):
        return [_body(parse_condition(raw, path, reader, is_json=False))]
    reader.mapping(raw, path, (*BODY_OPERATORS, *JSON_OPERATORS))
    checks: list[Check] = []
    texts = {key: value for key, value in raw.items() if key in BODY_OPERATORS}
    if texts:
        checks.append(_body(parse_condition(texts, path, reader, is_json=False)))
    if "equals_json" in raw:
        checks.append(_equals_json(raw["equals_json"]))
    if "includes_json" in raw:
        checks.append(_includes_json(raw["includes_json"]))
    if not raw:
        reader.fault(path, f"needs one of {', '.join((*BODY_OPERATORS, *JSON_OPERATORS))}")
    return checks


_SIMPLE: Final[Mapping[str, Callable[[object, str, FaultReader], list[Check]]]] = {
    "query": _parse_query,
    "headers": _parse_headers,
    "cookies": _parse_cookies,
    "form": _parse_form,
    "body": _parse_body,
    "json": _parse_json,
}


def read_schema(raw: object, path: str, reader: FaultReader) -> BodySchema | None:
    # Only definitions that use it wait for the library, which takes a while to import.
    from stubs.definitions.schema import BodySchema

    try:
        return BodySchema(raw)
    except ValueError as error:
        reader.fault(path, str(error))
        return None


def find_machine(
    name: str, path: str, reader: FaultReader, machines: Mapping[str, Machine]
) -> Machine | None:
    machine = machines.get(name)
    if machine is None:
        hint = nearest(name, machines) if machines else "this file has no `state`"
        reader.fault(path, f"there is no state {shown(name)}; {hint}")
    return machine


def _conditions(
    raw: object, path: str, reader: FaultReader, *, is_json: bool = False
) -> Iterable[tuple[str, Condition]]:
    """Each name of a mapping with its condition."""
    if not isinstance(raw, Mapping):
        reader.fault(path, f"must be a mapping of names to conditions, not {kind_of(raw)}")
        return
    for name, condition in raw.items():
        at = join(path, shown(name))
        if isinstance(name, str):
            yield name, parse_condition(condition, at, reader, is_json=is_json)
        else:
            reader.fault(at, "a name is text; put it in quotes")


def _check_states(raw: object, name: str, path: str, reader: FaultReader, machine: Machine) -> None:
    """A word that is no state of a machine that lists its states can never match."""
    wanted = raw.get(name) if isinstance(raw, Mapping) else None
    if machine.states is None or isinstance(wanted, Mapping):
        return
    try:
        machine.checked(wanted)
    except ValueError as error:
        reader.fault(join(path, name), str(error))


def _query(name: str, holds: Condition) -> Check:
    return lambda asked, view: holds(view.query.get(name, ()))


def _cookie(name: str, holds: Condition) -> Check:
    return lambda asked, view: holds(view.cookies.get(name, ()))


def _form(name: str, holds: Condition) -> Check:
    return lambda asked, view: holds(view.form.get(name, ()))


def _header(name: str, holds: Condition) -> Check:
    raw = name.lower().encode("latin-1", "replace")

    def check(asked: Asked, view: View) -> bool:
        value = asked.headers.get(raw)
        return holds(() if value is None else (value.decode("latin-1"),))

    return check


def _param(name: str, holds: Condition) -> Check:
    def check(asked: Asked, view: View) -> bool:
        value = asked.params.get(name)
        return holds(() if value is None else (value,))

    return check


def _json(find: Callable[[Any], list[Any]], holds: Condition) -> Check:
    def check(asked: Asked, view: View) -> bool:
        value = view.json
        return holds(() if value is NOTHING or value is UNREADABLE else find(value))

    return check


def _body(holds: Condition) -> Check:
    def check(asked: Asked, view: View) -> bool:
        return holds((view.body.decode("utf-8", "replace"),) if view.body else ())

    return check


def _schema(schema: BodySchema) -> Check:
    def check(asked: Asked, view: View) -> bool:
        value = view.json
        return value is not NOTHING and value is not UNREADABLE and schema.fits(value)

    return check


def _state(machine: Machine, holds: Condition) -> Check:
    return lambda asked, view: holds((machine.read(asked, view),))


def _equals_json(wanted: object) -> Check:
    return lambda asked, view: view.json is not NOTHING and same(wanted, view.json)


def _includes_json(wanted: object) -> Check:
    said = False

    def check(asked: Asked, view: View) -> bool:
        nonlocal said
        if view.json is NOTHING or view.json is UNREADABLE:
            return False
        included, left = includes(wanted, view.json, MAX_COMPARED)
        if left <= 0 and not said:
            said = True
            message = "a body has too many values for includes_json and counts as not matching"
            logging.getLogger(__name__).warning(message)
        return included and left > 0

    return check


def includes(wanted: Any, value: Any, left: int) -> tuple[bool, int]:
    """Whether a JSON value has all that is wanted, and how many comparisons are left.

    Objects may have more keys, lists more items in any order.
    """
    left -= 1
    if left <= 0:
        return False, left
    if isinstance(wanted, dict):
        return _includes_keys(wanted, value, left)
    if isinstance(wanted, list):
        return _includes_items(wanted, value, left)
    return same(wanted, value), left


def _includes_keys(wanted: dict[str, Any], value: Any, left: int) -> tuple[bool, int]:
    if not isinstance(value, dict) or any(key not in value for key in wanted):
        return False, left
    for key, below in wanted.items():
        found, left = includes(below, value[key], left)
        if not found:
            return False, left
    return True, left


def _includes_items(wanted: list[Any], value: Any, left: int) -> tuple[bool, int]:
    if not isinstance(value, list):
        return False, left
    for item in wanted:
        found = False
        for each in value:
            found, left = includes(item, each, left)
            if found or left <= 0:
                break
        if not found:
            return False, left
    return True, left
