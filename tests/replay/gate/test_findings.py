"""Findings: counted by kind, bounded examples, and nothing of the value."""

from __future__ import annotations

import json

from replay.gate.findings import EXAMPLES_PER_KIND, Findings, describe_counts, mask


def test_the_layout_is_all_that_is_kept_of_a_value() -> None:
    findings = Findings()
    findings.add("a.log", 7, "body.$.ssn", "ssn", "123-45-6789")
    findings.add("a.log", 8, "header.x", "bearer", "mF_9.B5f-4.1JqM")
    shown = json.dumps(findings.to_json()) + repr(findings) + "".join(map(str, findings.examples()))
    assert "***-**-**** (11 characters)" in shown
    assert "*** (15 characters)" in shown
    for secret in ("123", "6789", "mF_9", "JqM"):
        assert secret not in shown


def test_long_values_have_a_short_layout() -> None:
    assert mask("person_name", "Jo Li") == "** ** (5 characters)"
    assert mask("email", "a" * 40 + "@b.de") == "*" * 24 + "... (45 characters)"


def test_examples_are_the_first_few_of_each_kind() -> None:
    findings = Findings()
    for line in range(100):
        findings.add("a.log", line, "url.path[0]", "ssn", "123-45-6789")
        findings.add("a.log", line, "url.path[0]", "email", "a@b.de")
    assert findings.counts == {"ssn": 100, "email": 100}
    assert findings.total == 200
    lines = [each.line for each in findings.examples() if each.kind == "ssn"]
    assert lines == list(range(EXAMPLES_PER_KIND))


def test_what_is_allowed_is_counted_apart() -> None:
    findings = Findings()
    findings.add("a.log", 1, "user", "email", "a@b.de", is_allowed=True)
    assert findings.total == 0
    assert findings.allowed == {"email": 1}
    assert findings.examples() == ()


def test_workers_findings_add_up() -> None:
    one, two = Findings(), Findings()
    for findings, file in ((one, "a.log"), (two, "b.log")):
        for line in range(3):
            findings.add(file, line, "user", "ssn", "123-45-6789")
        findings.add(file, 9, "user", "ip", "8.8.8.8", is_allowed=True)
    one.merge(two)
    assert one.counts == {"ssn": 6}
    assert one.allowed == {"ip": 2}
    assert [each.file for each in one.examples()] == ["a.log"] * 3 + ["b.log"] * 2
    assert two.counts == {"ssn": 3}


def test_counts_are_told_most_frequent_first() -> None:
    assert describe_counts({"email": 1, "ssn": 3_000}) == "3,000 ssn, 1 email"
