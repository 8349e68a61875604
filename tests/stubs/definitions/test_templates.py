"""Templates: what they can say, and what they cannot do, however they are written."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stubs.definitions.error import DefinitionError
from stubs.definitions.filters import FILTERS, TESTS
from stubs.definitions.sandbox import TAGS, TEXT_METHODS
from stubs.service import Answer, Asked
from tests.stubs.definitions.defining import (
    answering,
    ask,
    asked,
    body_of,
    define_route,
    fault_of,
)

DATA = "{citizens: [{id: C-1, name: Ada, n: 3}, {id: C-2, name: Ben, n: 4}], title: Lib}"
STATE = "{step: {key: path.c, initial: received}}"
BODY = {"citizen": "C-1", "n": [3, 1, 2], "deep": {"a": "x"}, "nothing": None, "yes": True}


def render(source: str, request: Asked | None = None) -> Any:
    """What a template comes to as the value of a JSON field."""
    answer = answer_of(source, request)
    assert answer.status == 200, answer.body
    return body_of(answer)["v"]


def answer_of(source: str, request: Asked | None = None) -> Answer:
    text = orjson.dumps({"json": {"v": source}}).decode()
    service = answering(text, data=DATA, state=STATE)
    return ask(service, request or asked(BODY, query="a=1&b=x%20y&b=z"))


def refusal(source: str) -> str:
    """Why a definition with this template is not loaded."""
    text = orjson.dumps({"json": {"v": source}}).decode()
    with pytest.raises(DefinitionError) as caught:
        answering(text, data=DATA, state=STATE)
    (fault,) = caught.value.faults
    assert fault.path == "routes[0].answer.json.v"
    assert fault.line == 5
    return fault.message


CASES = [
    ("{{ request.json.citizen }}", "C-1"),
    ("{{ request.json.n }}", [3, 1, 2]),
    ("{{ request.json }}", BODY),
    ("{{ request.json.nothing }}", None),
    ("{{ request.json.yes }}", True),
    ("is {{ request.json.yes }}{{ request.json.nothing }}", "is true"),
    ("{{ request.json.n }}!", "[3,1,2]!"),
    ("{{ request.json['deep'].a }}{{ request.json.n[-1] }}", "x2"),
    ("{{ request.method }} {{ request.path }} {{ request.params.c }}", "POST /p/C-1 C-1"),
    ("{{ request.query.b }} {{ request.queries.b | last }}", "x y z"),
    ("{{ request.body | length }}", len(orjson.dumps(BODY))),
    ("{{ request.id }}{{ request.attempt }}{{ request.service }}", "70lib"),
    ("{{ now }}", "2026-03-01T12:00:00.000Z"),
    ("{{ now.iso[:10] == now.date }}", True),
    ("{{ now.plus(days=1, hours=-13).date }} {{ now.time }}", "2026-03-01 12:00:00"),
    ("{{ now.year }}{{ now.unix_ms - now.unix * 1000 }}", "20260"),
    ("{{ state.step }}", "received"),
    ("{{ data.title ~ '-' ~ data.citizens[1].name ~ 1 }}", "Lib-Ben1"),
    ("{{ (data.citizens | where('id', request.json.citizen) | first).name }}", "Ada"),
    ("{{ data.citizens | map('n') | sum + 0.5 }}", 7.5),
    ("{% for c in data.citizens %}{{ loop.index }}{{ c.id }}{{ ',' if not loop.last }}{% endfor %}",
     "1C-1,2C-2"),
    ("{% for k, v in request.json.deep.items() %}{{ k }}={{ v }}{% else %}-{% endfor %}", "a=x"),
    ("{% for n in request.json.n if n > 1 %}{{ n }}{% endfor %}", "32"),
    ("{% for n in [] %}{{ n }}{% else %}none{% endfor %}", "none"),
    ("{% if request.json.n | length > 2 and 'C' in request.json.citizen %}a{% else %}b{% endif %}",
     "a"),
    ("{% set x = 2 %}{% set y %}{{ x * 3 }}{% endset %}{{ y }}", "6"),
    ("{{ request.json.zip | default('none') }}{{ request.json.zip.code | default('!') }}", "none!"),
    ("{{ 'there' if request.json.zip is defined else 'missing' }}", "missing"),
    ("{{ request.json.get('zip', 5) }}", 5),
    ("{{ 7 // 2 + 7 % 4 - 1 / 2 }}", 5.5),
    ("{{ [1, 'a', {'k': (2, none)}] }}", [1, "a", {"k": [2, None]}]),
    ("{% raw %}{{ x }}{% endraw %}", "{{ x }}"),
    ("{# nothing #}here", "here"),
    ("[{{ 1 if false }}]", "[]"),
    ("{{ 1 if false }}", None),
    ("{{ 'a-b'.split('-') }}", ["a", "b"]),
    ("{{ request.json.citizen.startswith('C') and request.json.citizen.endswith('1') }}", True),
    ("{% for n in [1, 1] %}{{ fake.of(n).zip == fake.of(1).zip }}{% endfor %}", "truetrue"),
    ("line\n", "line\n"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "value"), CASES)
def test_what_a_template_says(source: str, value: Any) -> None:
    assert render(source) == value


FILTERED = {
    "abs": ("-3 | abs", 3),
    "capitalize": ("'ada' | capitalize", "Ada"),
    "default": ("request.json.zip | default(1)", 1),
    "first": ("request.json.n | first", 3),
    "float": ("'1.5' | float + ('x' | float)", 1.5),
    "int": ("'12.9' | int + ('x' | int(1))", 13),
    "join": ("request.json.n | join('-')", "3-1-2"),
    "last": ("request.json.n | last", 2),
    "length": ("'four' | length", 4),
    "list": ("'ab' | list", ["a", "b"]),
    "lower": ("'ADA' | lower", "ada"),
    "map": ("data.citizens | map('id')", ["C-1", "C-2"]),
    "max": ("request.json.n | max", 3),
    "min": ("request.json.n | min", 1),
    "replace": ("'a-b-c' | replace('-', '+')", "a+b+c"),
    "reverse": ("request.json.n | reverse", [2, 1, 3]),
    "round": ("2.567 | round(1)", 2.6),
    "sort": ("request.json.n | sort(reverse=true)", [3, 2, 1]),
    "string": ("1 | string", "1"),
    "sum": ("request.json.n | sum", 6),
    "title": ("'ada l' | title", "Ada L"),
    "tojson": ("request.json.n | tojson", "[3,1,2]"),
    "trim": ("' a ' | trim", "a"),
    "truncate": ("'abcdef' | truncate(3)", "abc"),
    "unique": ("[1, 1, 'a', 'a'] | unique", [1, "a"]),
    "upper": ("'ada' | upper", "ADA"),
    "urlencode": ("'a b/ü' | urlencode", "a%20b%2F%C3%BC"),
    "where": ("data.citizens | where('n', 4) | map('id')", ["C-2"]),
}
TESTED = {
    "boolean": "request.json.yes is boolean",
    "defined": "request.json.yes is defined",
    "even": "4 is even",
    "list": "request.json.n is list",
    "mapping": "request.json is mapping",
    "none": "request.json.nothing is none",
    "number": "1.5 is number and request.json.yes is not number",
    "odd": "3 is odd",
    "string": "request.json.citizen is string",
    "undefined": "request.json.zip is undefined",
}


@pytest.mark.parametrize("name", FILTERS)
def test_every_filter(name: str) -> None:
    expression, value = FILTERED[name]
    assert render(f"{{{{ {expression} }}}}") == value


@pytest.mark.parametrize("name", TESTS)
def test_every_test(name: str) -> None:
    assert render(f"{{{{ {TESTED[name]} }}}}") is True


REFUSED = [
    ("{% include 'x' %}", "include reads other files"),
    ("{% import 'x' as y %}", "import reads other files"),
    ("{% from 'x' import y %}", "import reads other files"),
    ("{% extends 'x' %}", "extends reads other files"),
    ("{% block a %}{% endblock %}", "block belongs to templates in several files"),
    ("{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}", "a macro could call itself for ever"),
    ("{% call m() %}{% endcall %}", "call belongs to macros"),
    ("{{ 10 ** 9 }}", "a power can be larger than memory"),
    ("{% for i in range(1000000000) %}x{% endfor %}", "range is not known here"),
    ("{% for x in request.json.n recursive %}{{ loop(x) }}{% endfor %}", "a recursive loop"),
    ("{% set ns = namespace(a=1) %}", "namespace is not known here"),
    ("{{ lipsum() }}", "lipsum is not known here"),
    ("{{ cycler }}", "cycler is not known here"),
    ("{{ dict(a=1) }}", "dict is not known here"),
    ("{{ self }}", "self is not known here"),
    ("{{ loop.index }}", "loop is not known here"),
    ("{% set request = 1 %}", "request cannot be set"),
    ("{% filter upper %}x{% endfilter %}", "it is not offered"),
    ("{% with a = 1 %}{% endwith %}", "it is not offered"),
    ("{% autoescape true %}{% endautoescape %}", "it is not offered"),
    ("{{ 'x' | attr('upper') }}", "there is no filter attr"),
    ("{{ 'x' | center(1000000000) }}", "there is no filter center"),
    ("{{ [1] | random }}", "there is no filter random"),
    ("{{ 1 is callable }}", "there is no test callable"),
    ("{{ fake.pick(*[1]) }}", "write the arguments out"),
    ("{{ requst.json }}", "did you mean request?"),
    ("{{ request.jsn }}", "there is no request.jsn; did you mean json?"),
    ("{{ request['__class__'] }}", "there is no request.__class__"),
    ("{{ state.stp }}", "there is no state.stp; did you mean step?"),
    ("{{ data.titel }}", "did you mean title?"),
    ("{{ fake.nme }}", "did you mean name?"),
    ("{{ now.dat }}", "did you mean date?"),
    ("{{ request.json }", "this is no template"),
    ("{% if %}", "this is no template"),
    ("{{ " + "(" * 300 + "1" + ")" * 300 + " }}", "nested too deep"),
    ("{{ " + "not " * 50 + "1 }}", "nested deeper than"),
    ("{% for a in [] %}" * 4 + "{% endfor %}" * 4, "nested deeper than"),
    ("{{ " + "9" * 5000 + " }}", "a number in this template is too long"),
    ("{{ 1 }}" + "x" * 16_000, "a template has up to"),
]


@pytest.mark.parametrize(("source", "message"), REFUSED)
def test_what_is_refused_when_a_definition_is_read(source: str, message: str) -> None:
    assert message in refusal(source)


BROKEN = [
    ("{{ ''.__class__.__mro__ }}", "there is no '__class__' in it"),
    ("{{ ().__class__.__bases__[0].__subclasses__() }}", "there is no '__class__' in it"),
    ("{{ request.json.__class__ }}", "there is no '__class__' in it"),
    ("{{ request.json.n.append(4) }}", "there is no 'append' in it"),
    ("{{ request.json.update({}) }}", "there is no 'update' in it"),
    ("{{ fake.of.__self__ }}", "there is no '__self__' in it"),
    ("{{ now.plus.__func__.__globals__ }}", "there is no '__func__' in it"),
    ("{{ '%1000000000d' % 1 }}", "a text cannot be formatted with %"),
    ("{{ '{:>1000000000}'.format(1) }}", "there is no 'format' in it"),
    ("{{ 'x'.join }}", "there is no 'join' in it"),
    ("{{ 'a' * 1000000000 }}", "only numbers can be multiplied"),
    ("{{ [1] * 1000000000 }}", "only numbers can be multiplied"),
    ("{% set a = 'aaaaaaaa' %}" + "{% set a = a ~ a %}" * 60, "50,000 steps"),
    ("{% set a = 'aaaaaaaa' %}" + "{% set a = a + a %}" * 60, "50,000 steps"),
    ("{% set a = [1] %}" + "{% set a = a + a %}" * 60, "50,000 steps"),
    ("{% set a = 'aaaaaaaa' %}" + "{% set a = a | replace('a', 'aa') %}" * 60, "50,000 steps"),
    ("{% set a = [1, 1] %}" + "{% set a = [a, a] | tojson %}" * 90, "50,000 steps"),
    ("{% set a = 99 %}" + "{% set a = a * a %}" * 60 + "{{ a }}", "256 bits"),
    ("{{ 5 | round(-1000000000) }}", "round takes 0 to 12 digits"),
    ("{{ 'a' | replace('', 'b') }}", "replace needs a text"),
    ("{{ request.json.zip }}", "there is no 'zip' in it"),
    ("{{ request.json.zip.code }}", "there is no 'zip' in it"),
    ("zip {{ request.json.zip }}", "there is no 'zip' in it"),
    ("{{ [request.json.zip] }}", "something in it is not there"),
    ("{% if request.json.zip %}{% endif %}", "there is no 'zip' in it"),
    ("{% for a in request.json.zip %}{% endfor %}", "there is no 'zip' in it"),
    ("{% for a in 5 %}{% endfor %}", "a loop goes over a list"),
    ("{{ request.json.n[7] }}", "there is no '7' in it"),
    ("{{ request.json.zip * 2 }}", "there is no 'zip' in it"),
    ("{{ request.json.zip ~ 'x' }}", "there is no 'zip' in it"),
    ("{{ request.json.zip | upper }}", "there is no 'zip' in it"),
    ("{{ request.json.zip() }}", "there is no 'zip' in it"),
    ("{{ 1() }}", "this cannot be called"),
    ("{{ 1 / 0 }}", "division by zero"),
    ("{{ 1 + 'x' }}", "unsupported operand"),
    ("{{ fake }}", "this is no value that can be answered"),
    ("{{ fake.number }}", "this is no value that can be answered"),
    ("x{{ request }}", "this is no value that can be written"),
    ("{{ fake.number(2, 1) }}", "the smaller one first"),
    ("{{ fake.digits(1000) }}", "1 to 40 digits"),
    ("{{ fake.pick([]) }}", "a list that is not empty"),
    ("{{ now.plus(days=1e300) }}", "."),
    ("{{ 2 | sum }}", "not iterable"),
    ("{{ 99999999999999999999 }}", "Integer exceeds 64-bit range"),
]


@pytest.mark.parametrize(("source", "message"), BROKEN)
def test_what_fails_for_a_request_is_a_500_that_names_route_and_field(
    source: str, message: str
) -> None:
    answer = answer_of(source)
    assert (answer.status, answer.content_type) == (500, b"application/problem+json")
    detail = body_of(answer)["detail"]
    assert "routes[0].answer.json.v of POST /p/{c}" in detail
    assert message in detail


NESTED_LOOPS = (
    "{% for a in request.json %}{% for b in request.json %}{% for c in request.json %}"
    "x{% endfor %}{% endfor %}{% endfor %}"
)
LARGE = asked(b"[" + b",".join([b"0"] * 400_000) + b"]")
LONG = asked(b'"' + b"a" * 1_000_000 + b'"')


@pytest.mark.parametrize(
    ("source", "request_"),
    [
        (NESTED_LOOPS, asked([0] * 200)),
        ("{% for a in request.json %}{{ a }}{% endfor %}", LARGE),
        ("{{ request.json | sort | join(',') }}", LARGE),
        ("{% for a in request.json %}{{ request.json == request.json }}{% endfor %}", LARGE),
        ("{% for a in [1, 2, 3, 4, 5, 6] %}{{ request.json }}{% endfor %}", LONG),
        ("{% set a = request.json %}{{ a ~ a ~ a ~ a ~ a ~ a }}", LONG),
        ("{{ request.json | replace('a', '123456789') }}", LONG),
        ("{{ [request.json, request.json, request.json, request.json, request.json] }}", LONG),
        ("{% for a in [1] | list %}" + "x" * 15_000 + "{% endfor %}{% for a in request.json %}"
         + "x" * 500 + "{% endfor %}", LARGE),
    ],
)  # fmt: skip
def test_a_template_that_does_too_much_for_one_request_is_stopped(
    source: str, request_: Asked
) -> None:
    answer = answer_of(source, request_)
    assert answer.status == 500
    assert "it does more than 50,000 steps for one answer" in body_of(answer)["detail"]


LETTERS = "'" + "x" * 4_000 + "'"
LEVELS = range(1, 40)


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(
            f"{{% for a in {LETTERS} %}}{{% for b in {LETTERS} %}}{{% for c in {LETTERS} %}}"
            + "{% endfor %}" * 3,
            id="loops over constants, which are not worked out beforehand",
        ),
        pytest.param(
            "{% set a0 = [request.id] %}"
            + "".join(f"{{% set a{n} = [a{n - 1}, a{n - 1}] %}}" for n in LEVELS),
            id="lists that hold one another twice",
        ),
        pytest.param(
            "{% set a0 = {'k': request.id} %}"
            + "".join(f"{{% set a{n} = {{'a': a{n - 1}, 'b': a{n - 1}}} %}}" for n in LEVELS),
            id="mappings that hold one another twice",
        ),
        pytest.param(
            "{% set a = [request.json] %}" + "{% set a = a + a %}" * 12, id="one body many times"
        ),
    ],
)
def test_what_a_template_makes_is_paid_for_before_anything_walks_over_it(source: str) -> None:
    answer = answer_of(source + "{{ 1 }}", LONG)
    assert "it does more than 50,000 steps for one answer" in body_of(answer)["detail"]


CHAINS = ["{{ " + "1+" * 5_000 + "1 }}", "{{ now" + ".a" * 5_000 + " }}"]


@pytest.mark.parametrize("source", CHAINS, ids=["sums", "names"])
def test_a_long_chain_is_a_fault_of_the_file(source: str) -> None:
    message = fault_of(f"{{method: POST, path: /p, answer: {{text: '{source}'}}}}")
    assert "nested deeper than 40 levels" in message


def test_the_budget_is_for_all_templates_of_an_answer_together() -> None:
    leaves = ", ".join(f"f{n}: '{{{{ request.json }}}}'" for n in range(10))
    service = answering(f"{{json: {{{leaves}}}}}")
    assert ask(service, LONG).status == 500
    assert ask(service, asked(b'"short"')).status == 200


def test_the_field_that_failed_is_named_among_many() -> None:
    fields = "{a: '{{ request.id }}', b: ['x', 'y {{ request.json.zip }}'], c: '{{ now }}'}"
    answer = ask(answering(f"{{json: {fields}}}"))
    assert "routes[0].answer.json.b[1] of" in body_of(answer)["detail"]


def test_templates_of_one_answer_do_not_see_each_other() -> None:
    fields = "{a: '{% set x = 1 %}{{ x }}', b: '{% if false %}{% set x = 2 %}{% endif %}{{ x }}'}"
    answer = ask(answering(f"{{json: {fields}}}"))
    assert "there is no 'x' in it" in body_of(answer)["detail"]


def test_a_body_that_is_no_json_is_the_callers_fault() -> None:
    from stubs.service import BadRequestError

    service = answering("{json: {v: '{{ request.json.a | default(1) }}'}}")
    assert body_of(ask(service, asked(b""))) == {"v": 1}
    with pytest.raises(BadRequestError, match="the body must be JSON"):
        ask(service, asked(b"{"))


def test_a_broken_template_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    service = answering("{text: 'x{{ request.json.zip }}'}")
    assert [ask(service).status for _ in range(3)] == [500, 500, 500]
    assert len(caplog.records) == 1


WORDS = st.sampled_from(
    [*TAGS, *FILTERS, *TESTS, *TEXT_METHODS, "request", "json", "fake", "now", "data", "state",
     "{{", "}}", "{%", "%}", "|", "(", ")", "[", "]", "~", "*", "+", "-", "%", ".", ",", "==",
     "'a'", "1", "in", "is", "not", "if", "else", "endif", "endfor", "endset", "x", "=", "loop"]
)  # fmt: skip


@given(st.lists(WORDS, max_size=14), st.booleans())
def test_any_template_is_refused_or_answers(words: list[str], is_expression: bool) -> None:
    source = " ".join(words)
    text = orjson.dumps({"text": f"{{{{ {source} }}}}" if is_expression else source}).decode()
    try:
        service = define_route(
            f"{{method: POST, path: /p, answer: {text}}}", data=DATA, state=STATE
        )
    except DefinitionError as error:
        assert error.faults  # noqa: PT017 (either way is right)
    else:
        assert ask(service, asked(BODY)).status in (200, 500)
