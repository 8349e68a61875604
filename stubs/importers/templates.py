"""Response templates of other tools, where they say what ours can say too.

Floor 1, pure. A template is cut at its `{{…}}`; what stands between is said as it is, and each
expression must be one of a short list. Anything else refuses the item: a helper that is not known
could do anything.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from stubs.importers.answers import escape_text
from stubs.importers.report import NotTakenError
from switchboard.fault_reader import shown

MAX_EXPRESSIONS: Final = 200

_EXPRESSION: Final = re.compile(r"\{\{\{([^{}]{0,300})\}\}\}|\{\{([^{}]{0,300})\}\}")
_NAME: Final = r"([A-Za-z0-9_.-]{1,80}?)"
_STEP: Final = re.compile(
    r"\.([A-Za-z_][A-Za-z0-9_-]{0,60})|\[([0-9]{1,4})\]|\['([^'\\{}]{1,60})'\]"
)

Rule = tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]]
Rules = Sequence[Rule]


def _field(part: str) -> Callable[[re.Match[str]], str]:
    return lambda found: f"request.{part}['{found[1]}'] | default('')"


def _header(found: re.Match[str]) -> str:
    return f"request.headers['{found[1].lower()}'] | default('')"


def _segment(found: re.Match[str]) -> str:
    return f"request.path.split('/')[{int(found[1]) + 1}] | default('')"


def _json_path(found: re.Match[str]) -> str:
    return json_expression(found[1])


def _rules(*rules: tuple[str, str | Callable[[re.Match[str]], str]]) -> Rules:
    return [(re.compile(pattern), build) for pattern, build in rules]


WIREMOCK: Final = _rules(
    (r"request\.path", "request.path"),
    (r"request\.method", "request.method"),
    (r"request\.body", "request.body"),
    (r"request\.path(?:Segments)?(?:\.\[|\[|\.)([0-9]{1,2})\]?", _segment),
    (rf"request\.path\.{_NAME}", _field("params")),
    (rf"request\.query\.{_NAME}(?:\.\[?0\]?)?", _field("query")),
    (rf"request\.cookies\.{_NAME}(?:\.\[?0\]?)?", _field("cookies")),
    (rf"request\.headers\.\[?{_NAME}\]?(?:\.\[?0\]?)?", _header),
    (r"jsonPath request\.body ['\"](\$[^'\"]*)['\"]", _json_path),
    (r"now", "now.iso"),
    (r"randomValue type=['\"]UUID['\"]", "fake.uuid"),
    (r"randomValue length=([0-9]{1,2}) type=['\"]NUMERIC['\"]", r"fake.digits(\1)"),
    (r"randomInt lower=([0-9]{1,9}) upper=([0-9]{1,9})", r"fake.number(\1, \2)"),
)
HOVERFLY: Final = _rules(
    (r"Request\.Method", "request.method"),
    (r"Request\.Path\.\[([0-9]{1,2})\]", _segment),
    (rf"Request\.QueryParam\.{_NAME}(?:\.\[0\])?", _field("query")),
    (rf"Request\.Header\.{_NAME}(?:\.\[0\])?", _header),
    (rf"Request\.FormData\.{_NAME}(?:\.\[0\])?", _field("form")),
    (r"Request\.Body ['\"]jsonpath['\"] ['\"](\$[^'\"]*)['\"]", _json_path),
    (r"Request\.Body", "request.body"),
    (r"iso8601DateTime", "now.iso"),
    (r"randomUuid", "fake.uuid"),
    (r"randomEmail", "fake.email"),
    (r"randomInteger", "fake.number(0, 999999)"),
    (r"randomIntegerRange ([0-9]{1,9}) ([0-9]{1,9})", r"fake.number(\1, \2)"),
)


def convert_template(text: str, rules: Rules) -> str:
    """The same as a template of ours. Raises NotTakenError that names what it cannot say."""
    pieces: list[str] = []
    at = 0
    for number, found in enumerate(_EXPRESSION.finditer(text)):
        if number >= MAX_EXPRESSIONS:
            raise NotTakenError(f"its template has more than {MAX_EXPRESSIONS} expressions")
        expression = " ".join((found[1] or found[2] or "").split())
        pieces += [_literal(text[at : found.start()]), f"{{{{ {_convert(expression, rules)} }}}}"]
        at = found.end()
    return "".join([*pieces, _literal(text[at:])])


def has_template(text: str) -> bool:
    return "{{" in text


def json_expression(path: str) -> str:
    """`$.order.items[0].id` of the request's body, as a text."""
    expression, at = "request.json", 1
    while at < len(path):
        step = _STEP.match(path, at)
        if step is None:
            raise NotTakenError(f"the JSON path {shown(path)} is not one place")
        key = step[2] if step[2] is not None else f"'{step[1] or step[3]}'"
        expression += f"[{key}]"
        at = step.end()
    return f"{expression} | default('') | string"


def replace_tokens(text: str, tokens: Mapping[str, str]) -> str:
    """A template that says the text with an expression for each of the tokens in it."""
    if not tokens:
        return escape_text(text)
    pattern = re.compile("|".join(map(re.escape, sorted(tokens, key=len, reverse=True))))
    pieces: list[str] = []
    at = 0
    for found in pattern.finditer(text):
        pieces += [escape_text(text[at : found.start()]), f"{{{{ {tokens[found[0]]} }}}}"]
        at = found.end()
    return "".join([*pieces, escape_text(text[at:])])


def _literal(text: str) -> str:
    if "{{" in text:
        raise NotTakenError("its template has braces that do not end")
    return escape_text(text)


def _convert(expression: str, rules: Rules) -> str:
    for pattern, build in rules:
        found = pattern.fullmatch(expression)
        if found is not None:
            return found.expand(build) if isinstance(build, str) else build(found)
    raise NotTakenError(f"the template expression {shown(expression)} has no counterpart here")
