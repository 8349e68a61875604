from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scenarios.yaml_lines import MAX_CHARS, load_yaml
from switchboard.errors import ScenarioError

NESTED = """\
# a comment
id: surge
slo:
  p95_ms: 800
  deep: {a: 1,
         b: 2}
chaos:
  - at: 10m
    what: down
  - at: 15m
"""


def faults_of(text: str) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        load_yaml(text, "surge.yml")
    assert str(caught.value).startswith("surge.yml cannot be read: ")
    return [str(fault) for fault in caught.value.faults]


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("", 2),
        ("id", 2),
        ("slo", 3),
        ("slo.p95_ms", 4),
        ("slo.deep.b", 6),
        ("chaos", 7),
        ("chaos[0]", 8),
        ("chaos[0].what", 9),
        ("chaos[1].at", 10),
        ("slo.p99_ms", 3),
        ("chaos[7].at", 7),
        ("nothing.like.it", 2),
    ],
)
def test_line_of_a_path_or_its_nearest_ancestor(path: str, line: int) -> None:
    _, line_of = load_yaml(NESTED, "surge.yml")
    assert line_of(path) == line


def test_values_are_plain() -> None:
    value, _ = load_yaml(NESTED, "surge.yml")
    assert value == {
        "id": "surge",
        "slo": {"p95_ms": 800, "deep": {"a": 1, "b": 2}},
        "chaos": [{"at": "10m", "what": "down"}, {"at": "15m"}],
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("# only a comment", None),
        ("a: 2020-03-15", {"a": "2020-03-15"}),
        ("a: 1:30", {"a": "1:30"}),
        ("a: 1:30.5", {"a": "1:30.5"}),
        ("a: yes", {"a": True}),
        ("a: ~", {"a": None}),
        ("a: 0x10", {"a": 16}),
        ("a: 1.5", {"a": 1.5}),
        ("a: =", {"a": "="}),
        ("a: 2x", {"a": "2x"}),
        ("a: &x {b: 1}\nc: *x", {"a": {"b": 1}, "c": {"b": 1}}),
    ],
)
def test_value(text: str, value: object) -> None:
    assert load_yaml(text, "surge.yml")[0] == value


def test_empty_text_has_no_lines() -> None:
    assert load_yaml("", "surge.yml")[1]("id") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: 2\na: 3", ["a (line 3): is given twice (first on line 1); keep one of them"]),
        (
            "x:\n  a: 1\n  a: 2\ny: {b: 1, b: 2}",
            [
                "x.a (line 3): is given twice (first on line 2); keep one of them",
                "y.b (line 4): is given twice (first on line 4); keep one of them",
            ],
        ),
        (
            "1: a",
            ["line 1: `1` is a key here; put it in quotes if it is a name"],
        ),
        (
            "x:\n  on: a",
            ["x (line 2): `on` is a key here; put it in quotes if it is a name"],
        ),
        ("? [a]\n: b", ["line 1: a list or mapping is a key here, and keys are words"]),
        ("<<: {a: 1}", ["line 1: merge keys (`<<`) are not read; write the values out"]),
        ("a: !!bool x", ["a (line 1): `x` is neither true nor false"]),
        ("a: !!int x", ["a (line 1): `x` is not a number"]),
        (
            "a: !!python/name:os.exit x",
            ["a (line 1): the tag `!!python/name:os.exit` is not understood; write a plain value"],
        ),
        ("a: !!set {b}", ["a (line 1): the tag `!!set` is not understood; write a plain value"]),
        ("a: " + "9" * 50, ["a (line 1): this number has more than 40 characters"]),
        ('a: "\\0"', ["a (line 1): there is a character in it that text cannot hold"]),
        ('a: "\\uD800"', ["a (line 1): there is a character in it that text cannot hold"]),
        ("a: 1\nb: \x07", ["line 2: there is a character (code 7) that text cannot hold"]),
        ('"\\e[1m": 1', ["line 1: `?[1m` is no key; keys are short words"]),
        (
            "a: 1\n---\nb: 2",
            ["line 2: there is more than one document in it; keep one, without `---` between"],
        ),
        ("[" * 3000, ["line 1: it is nested more than 40 levels deep"]),
        ("a: &x [*x]", ["line 1: it is nested more than 40 levels deep"]),
        ('"\\UFFFFFFFF"', ["this is not YAML"]),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_fault(text: str, expected: list[str]) -> None:
    assert faults_of(text) == expected


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("a: b: c", "line 1: this is not YAML: mapping values are not allowed here (column 5);"),
        ("a: 1\n\tb: 2", "line 2: this is not YAML: found character '\\t' that cannot start"),
        ("a: *nobody", "line 1: this is not YAML: found undefined alias 'nobody'"),
        ("a: [1, 2", "line 1: this is not YAML: expected ',' or ']', but got '<stream end>'"),
    ],
)
def test_syntax_error_names_line_and_column(text: str, start: str) -> None:
    (fault,) = faults_of(text)
    assert fault.startswith(start)


def test_alias_bomb_is_refused() -> None:
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    assert faults_of("\n".join(rows)) == ["line 1: there are more than 20,000 values in it"]


def test_reading_stops_after_a_hundred_faults() -> None:
    faults = faults_of("a: 1\n" * 5_000)
    assert len(faults) == 101
    assert faults[-1] == "line 101: reading stopped here, after too many faults"


def test_faults_below_a_key_given_twice_are_reported_too() -> None:
    assert len(faults_of("a: 1\na: {b: !!int x}\n")) == 2


def test_huge_text_is_refused_before_it_is_read() -> None:
    (fault,) = faults_of("a" * (MAX_CHARS + 1))
    assert fault.startswith("the text is too large: 262,145 characters")


# fmt: off
PIECES = st.sampled_from([
    *"[]{}:,-?&*!|>'\"%@`#~ \n\t\\",
    "a", "b: ", "- ", "<<: ", "&x ", "*x ", "!!int ", "!!set ", "!%1B ", "---\n", "...\n",
    "%YAML 1.1\n", "1:30", "0x", "0b", ".inf", "2020-99-99", "\\U", "\\e", "\x1b", "on", "=\n",
])
# fmt: on


def is_value_or_scenario_error(text: str) -> bool:
    try:
        _, line_of = load_yaml(text, "any.yml")
    except ScenarioError as error:
        return bool(error.faults) and all(str(fault).isprintable() for fault in error.faults)
    return bool(line_of("a.b[0]") is None or text.strip())


@given(st.one_of(st.text(max_size=200), st.lists(PIECES, max_size=40).map("".join)))
@example("%YAML 1." + "9" * 5000 + "\n--- a")
@example("a: !!timestamp x")
@example("a: ! x")
def test_any_text_gives_a_value_or_a_scenario_error(text: str) -> None:
    assert is_value_or_scenario_error(text)
