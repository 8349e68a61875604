"""All templates of one answer, compiled together once and filled in together for each request.

A text that is exactly one `{{ expression }}` keeps the type of its value; any other makes a text.
Compiling them as one program saves a call into Jinja2 for each, which costs more than most of the
expressions. Floor 1, pure. Read next: `sandbox.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from jinja2 import Template, Undefined, nodes
from jinja2.runtime import Context

from stubs.definitions.error import BrokenTemplateError, TooCostlyError
from stubs.definitions.names import Names
from stubs.definitions.sandbox import Missing, TemplateSandbox
from stubs.definitions.work import Work
from stubs.service import BadRequestError
from switchboard.fault_reader import FaultReader, shown

MAX_TEMPLATES: Final = 2_000
"""In one answer."""

_MARKS: Final = ("{{", "{%", "{#")


def is_template(text: str) -> bool:
    return any(mark in text for mark in _MARKS)


class Sheet:
    """Templates in the making: each is added with its field, then all are compiled."""

    def __init__(self, sandbox: TemplateSandbox, reader: FaultReader) -> None:
        self._sandbox = sandbox
        self._reader = reader
        self._fields: list[str] = []
        self._body: list[nodes.Node] = []

    def add(self, path: str, source: str) -> int:
        """The number of a template's value. A fault of the template is remembered at its path."""
        number = len(self._fields)
        self._fields.append(path)
        if number == MAX_TEMPLATES:
            self._reader.fault(path, f"an answer has up to {MAX_TEMPLATES:,} templates")
        if number >= MAX_TEMPLATES:
            return 0
        try:
            tree = self._sandbox.read(source)
        except ValueError as error:
            self._reader.fault(path, str(error))
        else:
            self._body.append(_assigned(number, tree))
        return number

    def __len__(self) -> int:
        return len(self._fields)

    def compile(self) -> FilledSheet | None:
        """None when there is nothing to fill in, or nothing that could be compiled."""
        if not self._fields or len(self._body) != len(self._fields):
            return None
        tree = nodes.Template(self._body, lineno=1)
        tree.set_environment(self._sandbox)
        try:
            code = self._sandbox.compile(tree)
        except (SyntaxError, RecursionError, MemoryError, ValueError, OverflowError):
            self._reader.fault(self._fields[0], "these templates are too large to be compiled")
            return None
        return FilledSheet(self._sandbox, Template.from_code(self._sandbox, code, {}), self._fields)


class FilledSheet:
    """Compiled templates."""

    __slots__ = ("_fields", "_keys", "_name", "_run", "_sandbox")

    def __init__(self, sandbox: TemplateSandbox, template: Template, fields: Sequence[str]) -> None:
        self._sandbox = sandbox
        self._run = template.root_render_func
        self._fields = tuple(fields)
        self._keys = tuple(_key(number) for number in range(len(fields)))

    def fill(self, names: Mapping[str, Any], body_bytes: int) -> list[Any]:
        """Each template's value. Raises BrokenTemplateError, and BadRequestError for no JSON."""
        self._sandbox.work.begin(body_bytes)
        context = Context(self._sandbox, names, None, {}, None)  # type: ignore[arg-type]
        try:
            for _ in self._run(context):
                pass
        except BadRequestError:
            raise
        except Exception as error:  # whatever a template's author got wrong is told to the caller
            raise self._broken(context, error) from error
        values = [context.vars[key] for key in self._keys]
        for number, value in enumerate(values):
            if type(value) is not str:
                values[number] = self._clean(value, number)
        return values

    @property
    def work(self) -> Work:
        return self._sandbox.work

    def field(self, number: int) -> str:
        return self._fields[number]

    def _clean(self, value: Any, number: int) -> Any:
        if value is None or isinstance(value, bool | int | float | dict | list | str):
            return value
        if isinstance(value, tuple):
            return list(value)
        if isinstance(value, Missing):
            raise BrokenTemplateError(self._fields[number], value.sentence)
        if type(value) is Undefined:  # of a condition without else
            return None
        if isinstance(value, Names) and type(value).__str__ is not object.__str__:
            return str(value)
        raise BrokenTemplateError(self._fields[number], "this is no value that can be answered")

    def _broken(self, context: Context, error: Exception) -> BrokenTemplateError:
        """Templates are filled in order, so the first without a value is the broken one."""
        missing = (number for number, key in enumerate(self._keys) if key not in context.vars)
        field = self._fields[next(missing, 0)]
        if isinstance(error, TooCostlyError | RecursionError):
            return BrokenTemplateError(field, str(error) or "it is nested too deep")
        return BrokenTemplateError(field, shown(error).lstrip("_") or type(error).__name__)


def _assigned(number: int, tree: nodes.Template) -> nodes.Node:
    """`{% set value = … %}`: of the expression itself if there is nothing else."""
    target = nodes.Name(_key(number), "store", lineno=1)
    if len(tree.body) == 1 and isinstance(tree.body[0], nodes.Output):
        parts = tree.body[0].nodes
        if len(parts) == 1 and not isinstance(parts[0], nodes.TemplateData):
            return nodes.Assign(target, parts[0], lineno=1)
    return nodes.AssignBlock(target, None, tree.body, lineno=1)


def _key(number: int) -> str:
    return f"value{number}"
