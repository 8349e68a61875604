"""YAML text to plain values, with a way from any value back to the line it was written on.

Floor 2, and the only home of pyyaml. The result holds nothing but dict (text keys), list, str,
int, float, bool and None, so whoever reads it needs to think of no other type: dates and base-60
numbers (`1:30`) stay text. Whatever the text is, the answer is a value or one ScenarioError.
Read next: `spec.py`, which turns the value into a Scenario.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import yaml

from switchboard.errors import Fault, ScenarioError

MAX_CHARS: Final = 256 * 1024
"""Larger is not a file that a person wrote (pyyaml reads about 200 kB a second)."""
MAX_DEPTH: Final = 40
MAX_VALUES: Final = 20_000
"""Counted after aliases are followed, so nested aliases cannot grow without end."""
MAX_FAULTS: Final = 100
"""More of them are no help to anyone."""
MAX_NUMBER_CHARS: Final = 40
MAX_KEY_CHARS: Final = 200

_TAG: Final = "tag:yaml.org,2002:"
_TEXT_TAGS: Final = frozenset(_TAG + name for name in ("str", "timestamp", "value", "merge"))

LineOf = Callable[[str], int | None]


def load_yaml(text: str, source: str) -> tuple[object, LineOf]:
    """The value in `text`, and a function from a dotted path to its 1-based line.

    A path is written `slo.p95_ms` or `chaos[0].at`; for a path that is not in the text the line
    of its nearest ancestor is given, and None when the text is empty.
    Raises ScenarioError with every fault found; `source` names the file in it.
    """
    if len(text) > MAX_CHARS:
        size = f"{len(text):,} characters, and at most {MAX_CHARS:,} are read"
        raise _unreadable(source, [Fault("", None, f"the text is too large: {size}")])
    builder = _Builder()
    try:
        node = _compose(text)
        value = None if node is None else builder.build(node, "", 0)
    except _Refused as refused:
        raise _unreadable(source, [*builder.faults, refused.fault]) from refused.__cause__
    if builder.faults:
        raise _unreadable(source, builder.faults)
    return value, _line_finder(builder.lines)


class _Refused(Exception):  # noqa: N818 (a way out of the recursion, never seen outside)
    """Reading cannot go on after this one."""

    def __init__(self, message: str, line: int | None, path: str = "") -> None:
        super().__init__(message)
        self.fault = Fault(path, line, message)


class _Composer(yaml.SafeLoader):
    """Text to nodes, refusing depth before pyyaml's recursion meets Python's limit."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise _too_deep(self.line + 1)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


class _Builder:
    """Nodes to plain values, noting lines and collecting faults on the way."""

    def __init__(self) -> None:
        self.lines: dict[str, int] = {}
        self.faults: list[Fault] = []
        self.values = 0

    def build(self, node: yaml.Node, path: str, depth: int) -> object:
        line = node.start_mark.line + 1
        self.values += 1
        if len(self.faults) >= MAX_FAULTS:
            raise _Refused("reading stopped here, after too many faults", line)
        if self.values > MAX_VALUES:
            raise _Refused(f"there are more than {MAX_VALUES:,} values in it", line)
        if depth > MAX_DEPTH:  # only an alias inside its own anchor gets here
            raise _too_deep(line)
        self.lines.setdefault(path, line)
        if isinstance(node, yaml.MappingNode) and node.tag == f"{_TAG}map":
            return self._mapping(node, path, depth)
        if isinstance(node, yaml.SequenceNode) and node.tag == f"{_TAG}seq":
            items = enumerate(node.value)
            return [self.build(child, f"{path}[{at}]", depth + 1) for at, child in items]
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path, line)
        self.faults.append(Fault(path, line, _unknown_tag(node.tag)))
        return None

    def _mapping(self, node: yaml.MappingNode, path: str, depth: int) -> dict[str, object]:
        built: dict[str, object] = {}
        first_line: dict[str, int] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            key = self._key(key_node, path, line)
            if key is None:
                continue
            here = f"{path}.{key}" if path else key
            if key in built:
                message = f"is given twice (first on line {first_line[key]}); keep one of them"
                self.faults.append(Fault(here, line, message))
                self.build(value_node, here, depth + 1)
                continue
            first_line[key] = line
            self.lines.setdefault(here, line)
            built[key] = self.build(value_node, here, depth + 1)
        return built

    def _key(self, node: yaml.Node, path: str, line: int) -> str | None:
        key = self._scalar(node, path, line) if isinstance(node, yaml.ScalarNode) else node
        if not isinstance(key, str):
            message = "a list or mapping is a key here, and keys are words"
            if isinstance(node, yaml.ScalarNode):
                message = f"{_shown(node.value)} is a key here; put it in quotes if it is a name"
            self.faults.append(Fault(path, line, message))
            return None
        if not key.isprintable() or len(key) > MAX_KEY_CHARS:
            self.faults.append(Fault(path, line, f"{_shown(key)} is no key; keys are short words"))
            return None
        if node.tag == f"{_TAG}merge":
            message = "merge keys (`<<`) are not read; write the values out"
            self.faults.append(Fault(path, line, message))
            return None
        return key

    def _scalar(self, node: yaml.ScalarNode, path: str, line: int) -> object:
        try:
            return _scalar_value(node.tag, node.value)
        except ValueError as error:
            self.faults.append(Fault(path, line, str(error)))
            return None


def _compose(text: str) -> yaml.Node | None:
    try:
        loader = _Composer(text)
        try:
            return loader.get_single_node()
        finally:
            loader.dispose()
    except _Refused:
        raise
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        message = f"there is a character (code {ord(text[error.position])}) that text cannot hold"
        raise _Refused(message, line) from error
    except yaml.MarkedYAMLError as error:
        raise _Refused(*_syntax_fault(error)) from error
    except Exception as error:
        # pyyaml lets bare ValueErrors and the like out for hostile text ("\UFFFFFFFF", say).
        raise _Refused("this is not YAML", None) from error


def _syntax_fault(error: yaml.MarkedYAMLError) -> tuple[str, int | None]:
    mark = error.problem_mark or error.context_mark
    if "single document" in str(error.context):
        message = "there is more than one document in it; keep one, without `---` between"
        return message, mark.line + 1 if mark else None
    problem = " ".join(str(error.problem or error.context or "unknown problem").split())[:200]
    if mark is None:
        return f"this is not YAML: {problem}", None
    hint = "look at the indent, and quote text that holds `: `, `#` or a leading `*`, `&` or `@`"
    return f"this is not YAML: {problem} (column {mark.column + 1}); {hint}", mark.line + 1


def _scalar_value(tag: str, text: str) -> object:
    if tag in _TEXT_TAGS:
        if any(char == "\0" or "\ud800" <= char <= "\udfff" for char in text):
            raise ValueError("there is a character in it that text cannot hold")
        return text
    if tag == f"{_TAG}null":
        return None
    if tag == f"{_TAG}bool":
        return _bool(text)
    if tag in (f"{_TAG}int", f"{_TAG}float"):
        return _number(tag, text)
    raise ValueError(_unknown_tag(tag))


def _bool(text: str) -> bool:
    known = yaml.SafeLoader.bool_values.get(text.lower())
    if known is None:
        raise ValueError(f"{_shown(text)} is neither true nor false")
    return known


def _number(tag: str, text: str) -> int | float | str:
    if len(text) > MAX_NUMBER_CHARS:
        raise ValueError(f"this number has more than {MAX_NUMBER_CHARS} characters")
    if ":" in text:  # YAML 1.1 would read 1:30 as 90; nobody who writes it means that
        return text
    node = yaml.ScalarNode(tag, text)
    loader = yaml.SafeLoader("")
    try:
        if tag == f"{_TAG}int":
            return int(loader.construct_yaml_int(node))
        return float(loader.construct_yaml_float(node))
    except (ValueError, LookupError, OverflowError):
        raise ValueError(f"{_shown(text)} is not a number") from None
    finally:
        loader.dispose()


def _unknown_tag(tag: str) -> str:
    return f"the tag {_shown(tag.replace(_TAG, '!!'))} is not understood; write a plain value"


def _shown(text: str) -> str:
    """Text of the file inside a message: short, and nothing in it that a terminal would obey."""
    return f"`{''.join(char if char.isprintable() else '?' for char in text[:60])}`"


def _too_deep(line: int) -> _Refused:
    return _Refused(f"it is nested more than {MAX_DEPTH} levels deep", line)


def _unreadable(source: str, faults: list[Fault]) -> ScenarioError:
    return ScenarioError(f"{source} cannot be read", faults)


def _line_finder(lines: dict[str, int]) -> LineOf:
    def line_of(path: str) -> int | None:
        while path and path not in lines:
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return lines.get(path)

    return line_of
