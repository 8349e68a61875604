"""Policies: what a pattern fits, and every fault of one that somebody wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replay.anonymise.policy import ACTIONS, BUILT_IN, GENERAL_KINDS, PLACES, Policy, Rule, Rules
from replay.anonymise.policy_reader import parse_policy
from replay.fields.leaf import Leaf
from replay.pseudonyms.kinds import PSEUDONYM_KINDS
from scenarios.yaml_lines import load_yaml
from switchboard.errors import ScenarioError

FITS = [
    ("header.x-request-id", Leaf("header.x-request-id", "X-Request-Id", "1"), True),
    ("header.x-*", Leaf("header.x-request-id", "X-Request-Id", "1"), True),
    ("header.x", Leaf("header.x-request-id", "X-Request-Id", "1"), False),
    ("header.referer", Leaf("header.referer.query.q", "q", "1"), True),
    ("header.x", Leaf("answer.header.x", "x", "1"), True),
    ("answer.header.x", Leaf("answer.header.x", "x", "1"), True),
    ("answer.header.x", Leaf("header.x", "x", "1"), False),
    ("cookie.*", Leaf("cookie.sid", "sid", "1"), True),
    ("query.q", Leaf("url.query.q", "q", "1"), True),
    ("query.q", Leaf("url.query.next|url.query.q", "q", "1"), True),
    ("query.q", Leaf("body.form.q", "q", "1"), False),
    ("url.query.q", Leaf("url.query.q", "q", "1"), True),
    ("url.path.citizens", Leaf("url.path[1]", "citizens", "1"), True),
    ("url.path.cit*", Leaf("url.path[1]", "Citizens", "1"), True),
    ("url.path.citizens", Leaf("url.path[1]", "claims", "1"), False),
    ("url.path.q", Leaf("url.query.q", "q", "1"), False),
    ("url.path[1]", Leaf("url.path[1]", "claims", "1"), True),
    ("url.path[1]", Leaf("url.path[12]", "claims", "1"), False),
    ("body.$.ssn", Leaf("body.$.ssn", "ssn", "1"), True),
    ("body.$.ssn", Leaf("body.$.a.ssn", "ssn", "1"), False),
    ("body.$..ssn", Leaf("body.$.a.b[2].ssn", "ssn", "1"), True),
    ("body.$..ssn", Leaf("body.$.ssn", "ssn", "1"), True),
    ("body.$..ssn", Leaf("body.$.blob|$.ssn", "ssn", "1"), True),
    ("body.$..ssn", Leaf("body.$.blob|base64|$.ssn", "ssn", "1"), True),
    ("body.$..ssn", Leaf("body.$.ssn2", "ssn2", "1"), False),
    ("body.$..ssn", Leaf("body.$.myssn", "myssn", "1"), False),
    ("body.$.*.ssn", Leaf("body.$.a.ssn", "ssn", "1"), True),
    ("body.$.a", Leaf("body.$.a.b.c", "c", "1"), True),
    ("body.form.ssn", Leaf("body.form.ssn", "ssn", "1"), True),
    ("user", Leaf("user", "user", "1"), True),
    ("user", Leaf("body.$.user", "user", "1"), False),
    ("kind.ip", Leaf("body.$.client_ip", "client_ip", "1"), True),
    ("kind.ip", Leaf("body.$.zip", "zip", "1"), False),
]


@pytest.mark.parametrize(("pattern", "leaf", "fits"), FITS)
def test_a_pattern_fits_the_fields_it_names(pattern: str, leaf: Leaf, fits: bool) -> None:
    rule = Rule(pattern, "keep")
    assert Rules(Policy("own", (rule,))).find(leaf) == (rule if fits else None)


def lines(path: str) -> int | None:
    return len(path)


def parse(value: object) -> Policy:
    return parse_policy(value, "policy.yaml", lines)


@pytest.mark.parametrize("value", [None, {}, True, "built_in", {"extends": "built_in"}])
def test_nothing_of_ones_own_is_the_built_in_policy(value: object) -> None:
    assert parse(value) == BUILT_IN


def test_a_policy_is_read_in_order() -> None:
    policy = parse(
        {
            "name": "claims",
            "extends": "built_in",
            "header.x-request-id": "keep",
            "body.$..ssn": {"do": "pseudonym", "kind": "ssn"},
            "answer.body.$..zip": {"do": "generalise", "kind": "zip"},
            "query.q": "free_text",
            "url.path.citizens": {"kind": "id"},
            "session": "drop",
        }
    )
    assert policy.name == "claims"
    assert policy.rules == (
        Rule("header.x-request-id", "keep"),
        Rule("body.$..ssn", "pseudonym", "ssn"),
        Rule("answer.body.$..zip", "generalise", "zip"),
        Rule("query.q", "free_text"),
        Rule("url.path.citizens", "pseudonym", "id"),
        Rule("session", "drop"),
    )


FAULTS = [
    ("text", "must be a mapping"),
    ([], "must be a mapping"),
    ({"extends": "built-in"}, "no policy to extend; there is built_in"),
    ({"name": "a b"}, "is no name"),
    ({"name": 5}, "must be text"),
    ({"header.x": "keeep"}, "did you mean keep?"),
    ({"header.x": 5}, "must be text"),
    ({"header.x": None}, "must be text"),
    ({"heder.x": "keep"}, "did you mean header?"),
    ({"answer.heder.x": "keep"}, "did you mean header?"),
    ({"header": "keep"}, "header.* for all of them"),
    ({"user.name": "keep"}, "write user alone"),
    ({"a b": "keep"}, "is no pattern of fields"),
    ({"body." + "a" * 300: "keep"}, "is no pattern of fields"),
    ({"body..a..b": "keep"}, "more than one `..`"),
    ({"kind.snn": "keep"}, "did you mean ssn?"),
    ({"body.$..ssn": {"do": "pseudonym", "kind": "snn"}}, "did you mean ssn?"),
    ({"body.$..ssn": {"do": "keep", "kind": "ssn"}}, "takes no kind"),
    ({"body.$..ssn": {"do": "generalise", "kind": "ssn"}}, "is no kind to generalise"),
    ({"body.$..ssn": {"kindd": "ssn"}}, "did you mean kind?"),
    ({"body.$..ssn": {"do": 5}}, "must be text"),
    ({f"query.q{n}": "keep" for n in range(600)}, "has 600 rules, and at most 500"),
]


@pytest.mark.parametrize(("value", "words"), FAULTS)
def test_a_fault_says_what_would_be_right(value: object, words: str) -> None:
    with pytest.raises(ScenarioError) as raised:
        parse(value)
    assert words in str(raised.value)
    assert len(raised.value.faults) == 1


def test_every_fault_comes_with_its_line() -> None:
    value = {"heder.x": "keep", "header.y": "kep", "query.q": {"do": "drop", "kind": "ssn"}}
    with pytest.raises(ScenarioError) as raised:
        parse_policy(value, "s.yaml", lines, "anonymise")
    faults = raised.value.faults
    assert [fault.path for fault in faults] == [
        "anonymise.heder.x", "anonymise.header.y", "anonymise.query.q.kind",
    ]  # fmt: skip
    assert [fault.line for fault in faults] == [len(fault.path) for fault in faults]


def test_the_digest_is_of_what_the_rules_say() -> None:
    one, same = (Policy(name, (Rule("user", "keep"),)) for name in "ab")
    assert one.digest == same.digest != BUILT_IN.digest


ANY: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(PLACES),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["user", "header.a", "body.$..x", "do", "kind", "name", "extends"])
            | st.text(max_size=12),
            inner,
            max_size=4,
        )
    ),
    max_leaves=6,
)


@given(ANY)
@settings(max_examples=100)
def test_anything_is_a_policy_or_one_error(value: object) -> None:
    try:
        policy = parse(value)
    except ScenarioError as error:
        assert error.faults  # noqa: PT017
    else:
        Rules(policy).find(Leaf("body.$.x", "x", "1"))


def test_the_policy_of_the_manual_is_one() -> None:
    page = (Path(__file__).parents[3] / "docs/anonymise.md").read_text(encoding="utf-8")
    example = page.split("```yaml\n")[1].split("```")[0]
    policy = parse(load_yaml(example, "docs/anonymise.md")[0])
    assert policy.name == "claims"
    assert {rule.action for rule in policy.rules} == set(ACTIONS)
    for word in (*ACTIONS, *GENERAL_KINDS, *PLACES):
        assert f"`{word}" in page
    for kind in PSEUDONYM_KINDS:
        assert f"`{kind}`" in page
