"""Where templates run: Jinja2 without loaders, macros or Python, and with a budget of work.

A template is checked before it is compiled: only the nodes and names listed here are let through,
so that includes, imports, macros and powers are refused when a definition is loaded. What is left
is rewritten so that loops, joins and comparisons are paid for when they run. Floor 1, pure.
Read next: `templates.py`, which fills in a whole answer at once.
"""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterator, KeysView, Mapping, ValuesView
from functools import partial
from typing import Any, Final

from jinja2 import StrictUndefined, TemplateSyntaxError, Undefined, nodes, pass_context
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from stubs.definitions.fake import FAKE_NAMES
from stubs.definitions.filters import FILTERS, TESTS, Filter, text_from
from stubs.definitions.names import NOW_NAMES, REQUEST_NAMES, ROOTS, Names
from stubs.definitions.work import CHARS_A_STEP, Work
from switchboard.fault_reader import nearest, shown

MAX_TEMPLATE_CHARS: Final = 16_000
MAX_DEPTH: Final = 40
MAX_NESTED_LOOPS: Final = 3
MAX_NUMBER_BITS: Final = 256
NODES_A_STEP: Final = 10

TAGS: Final = ("for", "if", "set")
TEXT_METHODS: Final = frozenset(("startswith", "endswith", "split"))
MAPPING_METHODS: Final = frozenset(("get", "items", "keys", "values"))
LOOP_NAMES: Final = frozenset(
    ("index", "index0", "first", "last", "length", "revindex", "revindex0", "cycle")
)
_ALLOWED_TEXT: Final = (
    "Add And Assign AssignBlock Call Compare Concat CondExpr Const Dict Div Filter FloorDiv For "
    "Getattr Getitem If Keyword List Mod Mul Name Neg Not Operand Or Output Pair Pos Slice Sub "
    "Template TemplateData Test Tuple"
)
_ALLOWED: Final = frozenset(_ALLOWED_TEXT.split())
_REASONS: Final = {
    "Include": "include reads other files",
    "Import": "import reads other files",
    "FromImport": "import reads other files",
    "Extends": "extends reads other files",
    "Block": "block belongs to templates in several files",
    "Macro": "a macro could call itself for ever",
    "CallBlock": "call belongs to macros",
    "Pow": "a power can be larger than memory",
    "NSRef": "namespaces are not kept here",
}
_EACH: Final = "~each"
_WEIGH: Final = "~weigh"
_CONCAT: Final = "~concat"
_BUILT: Final = "~built"
"""Filters that only the rewriting can name."""
_ITERABLE: Final = (list, tuple, dict, str, ItemsView, KeysView, ValuesView)


class Missing(StrictUndefined):
    """A name that is not there, and says so in words."""

    __slots__ = ()

    @property
    def sentence(self) -> str:
        return f"there is no {shown(self._undefined_name)!r} in it"

    @property
    def _undefined_message(self) -> str:
        return self.sentence


class TemplateSandbox(ImmutableSandboxedEnvironment):
    """The environment of one definition's templates.

    Which names there are below `state` and `data` is known when it is made, so that a misspelt
    one is a fault of the file and not of a request.
    """

    intercepted_binops = frozenset(("*", "+", "%"))

    def __init__(self, states: Mapping[str, object], data: Mapping[str, object]) -> None:
        super().__init__(
            undefined=Missing,
            autoescape=False,
            cache_size=0,
            keep_trailing_newline=True,
            finalize=self._finalize,
        )
        self.work = Work()
        self.globals.clear()
        self.filters = {
            _EACH: self._each,
            _WEIGH: self._weigh,
            _CONCAT: self._concat,
            _BUILT: self._built,
        }
        self.filters |= {name: _at_run(self._run_filter, run) for name, run in FILTERS.items()}
        self.tests = dict(TESTS)
        self._known: dict[str, Mapping[str, object]] = {
            "request": REQUEST_NAMES,
            "state": states,
            "data": data,
            "now": NOW_NAMES,
            "fake": FAKE_NAMES,
        }

    def read(self, source: str) -> nodes.Template:
        """The checked and rewritten tree of a template. Raises ValueError in one sentence."""
        if len(source) > MAX_TEMPLATE_CHARS:
            raise ValueError(f"a template has up to {MAX_TEMPLATE_CHARS:,} characters")
        self.work.begin()
        try:
            tree = self.parse(source)
        except TemplateSyntaxError as error:
            raise ValueError(f"this is no template: {shown(error.message)}") from error
        except RecursionError:
            raise ValueError("this template is nested too deep") from None
        except ValueError:  # Python refuses to read numbers of thousands of digits
            raise ValueError("a number in this template is too long") from None
        self._check(tree)
        return _rewritten(tree)

    def getattr(self, obj: Any, attribute: str) -> Any:
        return self._look(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(argument, str):
            return self._look(obj, argument)
        kind = type(obj)
        if kind is dict:
            try:
                return obj[argument]
            except (KeyError, TypeError):
                return Missing(obj=obj, name=text_from(argument))
        if (kind is list or kind is str or kind is tuple) and type(argument) is int:
            if -len(obj) <= argument < len(obj):
                return obj[argument]
            return Missing(obj=obj, name=str(argument))
        if isinstance(obj, Undefined):
            return obj
        return Missing(obj=obj, name=text_from(argument))

    def call(self, context: Context, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Call a method that `getattr` gave out; there is nothing else to call."""
        if isinstance(obj, Undefined):
            obj._fail_with_undefined_error()
        owner = getattr(obj, "__self__", None)
        if not isinstance(owner, str | dict | Names | LoopContext):
            raise SecurityError("this cannot be called")
        kwargs.pop("_loop_vars", None)
        kwargs.pop("_block_vars", None)
        for each in (owner, *args) if isinstance(owner, str) else args:
            self.work.weigh(each)
        self.work.spend(1)
        return obj(*args, **kwargs)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        for each in (left, right):
            if isinstance(each, Undefined):
                each._fail_with_undefined_error()
        if operator == "%" and isinstance(left, str):
            raise SecurityError("a text cannot be formatted with %; join with ~")
        if operator == "+" and isinstance(left, str | list | tuple):
            self.work.weigh(left)
            self.work.weigh(right)
        if operator == "*":
            self._check_product(left, right)
        result = self.binop_table[operator](left, right)
        if isinstance(result, list | tuple):
            self.work.spend_built(result)
        return result

    def _check_product(self, left: Any, right: Any) -> None:
        if not all(isinstance(each, int | float) for each in (left, right)):
            raise SecurityError("only numbers can be multiplied")
        bits = sum(each.bit_length() for each in (left, right) if isinstance(each, int))
        if bits > MAX_NUMBER_BITS:
            raise OverflowError(f"a number has up to {MAX_NUMBER_BITS} bits")

    def _look(self, obj: Any, name: str) -> Any:
        kind = type(obj)
        if kind is dict:
            if name in obj:
                return obj[name]
            if name in MAPPING_METHODS:
                return getattr(obj, name)
        elif isinstance(obj, Names):
            try:
                return obj.look(name)
            except LookupError:
                return Missing(obj=obj, name=name)
        elif kind is str:
            if name in TEXT_METHODS:
                return getattr(obj, name)
        elif kind is LoopContext:
            if name in LOOP_NAMES:
                return getattr(obj, name)
        elif isinstance(obj, Undefined):
            return obj  # so that one `default` at the end of a path is enough
        return Missing(obj=obj, name=name)

    def _run_filter(self, run: Filter, _: Context, value: Any, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(value, Undefined):
            self.work.weigh(value)
        elif run is not FILTERS["default"]:
            value._fail_with_undefined_error()
        return run(self.work, value, *args, **kwargs)

    @pass_context
    def _each(self, _: Context, value: Any, steps: int) -> Any:
        """What a loop goes over, paid for before it starts."""
        if isinstance(value, Undefined):
            value._fail_with_undefined_error()
        if not isinstance(value, _ITERABLE):
            raise TypeError("a loop goes over a list or a mapping")
        self.work.spend(1 + len(value) * steps)
        return value

    @pass_context
    def _weigh(self, _: Context, value: Any) -> Any:
        if not isinstance(value, Undefined):
            self.work.weigh(value)
        return value

    @pass_context
    def _built(self, _: Context, value: Any) -> Any:
        self.work.spend_built(value)
        return value

    @pass_context
    def _concat(self, _: Context, values: list[Any]) -> str:
        texts = [self._finalize(value) for value in values]
        self.work.spend_chars(sum(map(len, texts)))
        return "".join(texts)

    def _finalize(self, value: Any) -> str:
        """What `{{ }}` writes inside a text."""
        if isinstance(value, str):
            self.work.spend(1 + len(value) // CHARS_A_STEP)
            return value
        if type(value) is Undefined:  # of a condition without else: nothing, as Jinja2 has it
            return ""
        if isinstance(value, Undefined):
            value._fail_with_undefined_error()
        if value is not None and not isinstance(value, bool | int | float | dict | list | tuple):
            if not isinstance(value, Names) or type(value).__str__ is object.__str__:
                raise TypeError("this is no value that can be written")
            return str(value)
        text = text_from(value)
        self.work.spend_chars(len(text))
        return text

    def _check(self, tree: nodes.Template) -> None:
        """Raises ValueError for a node, a name, a filter or a test that is not offered."""
        walked = list(_walk(tree))
        stored = {n.name for n, _, _ in walked if isinstance(n, nodes.Name) and n.ctx == "store"}
        for node, depth, loops in walked:
            if depth > MAX_DEPTH or loops > MAX_NESTED_LOOPS:
                limit = f"{MAX_DEPTH} levels or {MAX_NESTED_LOOPS} loops"
                raise ValueError(f"this template is nested deeper than {limit}")
            _check_node(node)
            if isinstance(node, nodes.Name):
                self._check_name(node, stored, loops)
            elif isinstance(node, nodes.Getattr | nodes.Getitem):
                self._check_path(node)
            elif isinstance(node, nodes.Filter):
                _check_word("filter", node.name, FILTERS)
            elif isinstance(node, nodes.Test):
                _check_word("test", node.name, TESTS)

    def _check_name(self, node: nodes.Name, stored: set[str], loops: int) -> None:
        if node.ctx == "store":
            if node.name in ROOTS or node.name.startswith("_"):
                raise ValueError(f"{node.name} cannot be set; choose another name")
        elif node.name not in ROOTS and node.name not in stored:
            if node.name == "loop" and loops:
                return
            raise ValueError(f"{node.name} is not known here; {nearest(node.name, ROOTS)}")

    def _check_path(self, node: nodes.Getattr | nodes.Getitem) -> None:
        """`request.jsn`, `state.aplication`: what comes right after a root is known."""
        if not isinstance(node.node, nodes.Name) or node.node.name not in self._known:
            return
        if isinstance(node, nodes.Getattr):
            name = node.attr
        elif isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
            name = node.arg.value
        else:
            return
        root = node.node.name
        known = self._known[root]
        if name not in known and not (root == "data" and name in MAPPING_METHODS):
            hint = nearest(name, known) if known else f"this file has no {root}"
            raise ValueError(f"there is no {root}.{shown(name)}; {hint}")


def _check_node(node: nodes.Node) -> None:
    kind = type(node).__name__
    if kind not in _ALLOWED:
        reason = _REASONS.get(kind, "it is not offered")
        raise ValueError(f"{reason}; a template has {{{{ values }}}} and {', '.join(TAGS)}")
    if isinstance(node, nodes.For) and node.recursive:
        raise ValueError("a recursive loop might never end; nest two loops instead")
    if isinstance(node, nodes.Call | nodes.Filter | nodes.Test) and (
        node.dyn_args is not None or node.dyn_kwargs is not None
    ):
        raise ValueError("write the arguments out: * and ** are not offered")
    if isinstance(node, nodes.AssignBlock) and node.filter is not None:
        raise ValueError("a set block takes no filter; apply it where the value is used")


def _check_word(what: str, name: str, known: Mapping[str, object]) -> None:
    if name not in known:
        raise ValueError(f"there is no {what} {shown(name)}; {nearest(name, known)}")


def _walk(tree: nodes.Node) -> Iterator[tuple[nodes.Node, int, int]]:
    """Every node with its depth, and how many loops it is in. Without recursion."""
    left = [(tree, 0, 0)]
    while left:
        node, depth, loops = left.pop()
        yield node, depth, loops
        if isinstance(node, nodes.For):
            loops += 1
        left.extend((child, depth + 1, loops) for child in node.iter_child_nodes())


def _rewritten(tree: nodes.Template) -> nodes.Template:
    """Make loops, joins and comparisons pay for what they walk over."""
    for node in list(tree.find_all(nodes.For)):
        over = _as_expression(node.iter)
        node.iter = _filtered(over, _EACH, nodes.Const(_turn_steps(node)))
    for compare in list(tree.find_all(nodes.Compare)):
        compare.expr = _weighed(compare.expr)
        for operand in compare.ops:
            operand.expr = _weighed(operand.expr)
    for item in list(tree.find_all(nodes.Getitem)):
        if isinstance(item.arg, nodes.Slice):
            item.node = _weighed(item.node)
    for kind in (nodes.List, nodes.Tuple, nodes.Dict):
        _replace_nodes(tree, kind, _paid)
    _replace_nodes(tree, nodes.Concat, lambda node: _filtered(nodes.List(node.nodes), _CONCAT))
    return tree


def _turn_steps(loop: nodes.For) -> int:
    """What one turn of a loop costs: the text and the expressions in it."""
    chars = sum(len(node.data) for node in loop.find_all(nodes.TemplateData))
    chars += sum(len(str(node.value)) for node in loop.find_all(nodes.Const))
    size = sum(1 for _ in loop.find_all(nodes.Expr))
    return 1 + chars // CHARS_A_STEP + size // NODES_A_STEP


def _as_expression(node: nodes.Node) -> nodes.Expr:
    assert isinstance(node, nodes.Expr)  # what a loop goes over is one, whatever the types say
    return node


def _weighed(node: nodes.Expr) -> nodes.Expr:
    return node if isinstance(node, nodes.Const) else _filtered(node, _WEIGH)


def _paid(made: nodes.Expr) -> nodes.Node:
    """A list or mapping that is paid for when it is made; a constant one is as long as its text."""
    is_target = isinstance(made, nodes.Tuple) and made.ctx == "store"
    is_constant = made.find(nodes.Name) is None
    return made if is_target or is_constant else _filtered(made, _BUILT)


def _at_run(run_filter: Callable[..., Any], run: Filter) -> Callable[..., Any]:
    """A filter that Jinja2 does not run when it compiles: what it makes is paid for at each run."""
    return pass_context(partial(run_filter, run))


def _filtered(node: nodes.Expr, name: str, *args: nodes.Expr) -> nodes.Filter:
    return nodes.Filter(node, name, list(args), [], None, None, lineno=1)


def _replace_nodes(
    tree: nodes.Node, kind: type[nodes.Node], replace: Callable[[Any], nodes.Node]
) -> None:
    """Put something else in the place of every node of a kind, the innermost first."""
    for field in tree.fields:
        value = getattr(tree, field)
        if isinstance(value, nodes.Node):
            _replace_nodes(value, kind, replace)
            if isinstance(value, kind):
                setattr(tree, field, replace(value))
        elif isinstance(value, list):
            for at, each in enumerate(value):
                if isinstance(each, nodes.Node):
                    _replace_nodes(each, kind, replace)
                    if isinstance(each, kind):
                        value[at] = replace(each)
