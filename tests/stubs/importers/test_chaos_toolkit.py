"""Chaos Toolkit experiments, made into drills; nothing of them is run."""

from __future__ import annotations

from typing import Any

import pytest

from scenarios.drill import Drill, parse_drill
from scenarios.yaml_lines import load_yaml
from stubs.importers.yaml_text import dump_yaml
from tests.stubs.importers.imported import Example, example

TOXICS = "chaostoxi.toxic.actions"
PROXIES = "chaostoxi.proxy.actions"


def drill_of(found: Example) -> Drill:
    assert found.imported.drill is not None
    value, line_of = load_yaml(dump_yaml(found.imported.drill), "drill.yml")
    return parse_drill(value, "drill.yml", line_of)


def python(module: str, func: str, **arguments: Any) -> dict[str, Any]:
    provider = {"type": "python", "module": module, "func": func, "arguments": arguments}
    return {"type": "action", "name": func, "provider": provider}


def http(url: str, method: str = "POST", **arguments: Any) -> dict[str, Any]:
    provider = {"type": "http", "url": url, "method": method, "arguments": arguments}
    return {"type": "action", "name": "call", "provider": provider}


def experiment(*method: Any, **more: Any) -> Example:
    return Example({"title": "t", "method": list(method), **more})


def test_the_example_becomes_a_drill() -> None:
    found = example("chaos_toolkit.json")
    drill = drill_of(found)
    told = [(each.kind.NAME, each.target.service, each.at_ms, each.for_ms) for each in drill.chaos]
    assert told == [
        ("latency", "ach", 0, 60_000),
        ("down", "ach", 120_000, None),
        ("error", "svc", 240_000, 10_000),
    ]
    assert {str(limit) for limit in drill.hypothesis.limits} == {
        "error_pct <= 1", "p95_ms <= 900", "p99_ms <= 3000",
    }  # fmt: skip
    assert drill.cleanup == ("ach_down_2",)
    assert found.report.totals == {"kept": 4, "approximated": 4, "refused": 6}


def test_nothing_that_runs_is_in_the_drill() -> None:
    written = str(example("chaos_toolkit.json").imported)
    for word in ("kubectl", "kill", "reboot", "system", "mail", "process", "python"):
        assert word not in written


@pytest.mark.parametrize(
    ("action", "kind", "values"),
    [
        (python(TOXICS, "create_latency_toxic", for_proxy="ach", toxic_name="t", latency=100),
         "latency", {"ms": 100}),
        (python(TOXICS, "create_bandwith_degradation_toxic", for_proxy="ach", toxic_name="t",
                rate=5), "throttle", {"bytes_per_s": 5_000}),
        (python(TOXICS, "create_slow_connection_close_toxic", for_proxy="ach", toxic_name="t",
                delay=70), "slow_close", {"delay_ms": 70}),
        (python(TOXICS, "create_timeout_toxic", for_proxy="ach", toxic_name="t", timeout=2_000),
         "hang", {"for_s": 2, "then": "close"}),
        (python(TOXICS, "create_slicer_toxic", for_proxy="ach", toxic_name="t", average_size=64,
                size_variation=1, delay=5_000), "throttle",
         {"chunk_bytes": 64, "chunk_delay_ms": 5}),
        (python(TOXICS, "create_limiter_toxic", for_proxy="ach", toxic_name="t", bytes_limit=10),
         "truncate", {"bytes": 10}),
        (python(TOXICS, "create_toxic", for_proxy="ach", toxic_name="t", toxic_type="reset_peer",
                toxicity=0.5, attributes={"timeout": 30}), "reset", {"after_ms": 30}),
        (python(PROXIES, "disable_proxy", proxy_name="ach"), "down", {"mode": "refuse"}),
        (python(PROXIES, "modify_proxy", proxy_name="ach", enabled=False), "down", {}),
        (http("http://toxiproxy:8474/proxies/ach", enabled=False), "down", {}),
        (http("http://127.0.0.1:8474/proxies/ach/toxics", type="latency", name="slow",
              attributes={"latency": 7, "jitter": 2}), "latency", {"ms": 7, "jitter_ms": 2}),
        (http("http://127.0.0.1:9000/__esr/faults", kind="error", target="ach", status=503),
         "error", {"status": 503}),
    ],
)  # fmt: skip
def test_actions_that_set_a_fault(action: Any, kind: str, values: dict[str, Any]) -> None:
    (fault,) = drill_of(experiment(action)).chaos
    assert (fault.kind.NAME, fault.target.service) == (kind, "ach")
    assert {name: getattr(fault.kind, name) for name in values} == values


def test_a_share_of_connections_is_a_share_of_requests() -> None:
    action = python(TOXICS, "create_toxic", for_proxy="ach", toxic_name="t", toxic_type="timeout",
                    toxicity=0.25, attributes={"timeout": 0})  # fmt: skip
    found = experiment(action)
    assert drill_of(found).chaos[0].probability == 0.25
    assert "share of the requests" in found.why("method[0]")


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ({"type": "action", "name": "p", "provider": {"type": "process", "path": "rm"}},
         "starts a process"),
        (python("os", "system", command="reboot"), "runs code of os"),
        (python("chaosk8s.pod.actions", "terminate_pods", label_selector="app=x"), "runs code"),
        (python(PROXIES, "create_proxy", proxy_name="a", upstream_host="p.example"),
         "no counterpart"),
        (python(PROXIES, "modify_proxy", proxy_name="a", upstream_address="p.example:443"),
         "where a proxy forwards to"),
        (http("https://production.example.com/delete-all"), "sends a request"),
        (http("http://localhost:8474/populate"), "sends a request"),
        (http("http://localhost:8474/proxies/ach", upstream="p.example:1"), "forwards to"),
        (python(TOXICS, "delete_toxic", for_proxy="ach", toxic_name="none"), "nothing before it"),
        (python(TOXICS, "create_latency_toxic", for_proxy="ach", latency="much"), "whole number"),
        (http("http://localhost:1/__esr/faults", kind="earthquake", target="ach"),
         "cannot be played"),
        ({"type": "action", "name": "x"}, "`provider`"),
        ({"ref": "missing"}, "which is not there"),
        ({"type": "probe", "name": "x", "provider": {"type": "http", "url": "http://a"}},
         "a probe in the method"),
    ],
)  # fmt: skip
def test_what_would_do_something_is_refused(action: Any, words: str) -> None:
    found = experiment(action)
    assert found.imported.is_empty
    assert words in found.why("method[0]")


def test_a_secret_or_the_environment_is_never_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROXY", "from-the-environment")
    action = python(PROXIES, "disable_proxy", proxy_name="${proxy}")
    env = {"proxy": {"type": "env", "key": "PROXY"}}
    found = experiment(action, configuration=env, secrets={"a": {"proxy": "secret"}})
    assert "which is not in the file" in found.why("method[0]")
    assert "from-the-environment" not in str(found.report.to_json())


def test_pauses_make_the_times() -> None:
    pauses = {"before": 5, "after": 10}
    off = {**python(PROXIES, "disable_proxy", proxy_name="ach"), "pauses": pauses}
    on = {**python(PROXIES, "enable_proxy", proxy_name="ach"), "pauses": {"before": 2.5}}
    slow = python(TOXICS, "create_latency_toxic", for_proxy="svc", toxic_name="t", latency=1)
    drill = drill_of(experiment(off, on, slow))
    told = [(each.kind.NAME, each.at_ms, each.for_ms) for each in drill.chaos]
    assert told == [("down", 5_000, 12_500), ("latency", 17_500, None)]
    assert drill.cleanup == "all"


def test_an_action_may_be_named_again() -> None:
    off = {**python(PROXIES, "disable_proxy", proxy_name="ach"), "pauses": {"after": 10}}
    on = {**python(PROXIES, "enable_proxy", proxy_name="ach"), "pauses": {"after": 10}}
    found = experiment(off, on, {"ref": "disable_proxy"})
    told = [(each.at_ms, each.for_ms) for each in drill_of(found).chaos]
    assert told == [(0, 10_000), (20_000, None)]


def test_reset_takes_everything_back() -> None:
    off = {**python(PROXIES, "disable_proxy", proxy_name="ach"), "pauses": {"after": 10}}
    slow = python(TOXICS, "create_latency_toxic", for_proxy="svc", toxic_name="t", latency=1)
    found = experiment(off, slow, {**http("http://localhost:8474/reset"), "pauses": {"before": 5}})
    assert [each.for_ms for each in drill_of(found).chaos] == [15_000, 5_000]


def probe(tolerance: Any, provider: Any, name: str = "it is there") -> dict[str, Any]:
    probes = [{"type": "probe", "name": name, "tolerance": tolerance, "provider": provider}]
    return {"steady-state-hypothesis": {"title": "steady", "probes": probes}}


HTTP = {"type": "http", "url": "http://a.example/"}


@pytest.mark.parametrize(
    ("more", "limits"),
    [
        (probe(200, HTTP), {"error_pct <= 1"}),
        (probe([200, 204, 302], {**HTTP, "timeout": 2}), {"error_pct <= 1", "p99_ms <= 2000"}),
        (probe([0, 500], {"type": "python"}, "p95_ms"), {"p95_ms <= 500"}),
        (probe({"type": "jsonpath", "path": "$.error_pct", "expect": [0, 2]}, HTTP),
         {"error_pct <= 2"}),
        (probe({"type": "range", "range": [0, 3]}, {"type": "process"}, "error_pct of it"),
         {"error_pct <= 3"}),
        (probe(500, HTTP), {"error_pct <= 5"}),
        (probe(0, {"type": "process"}), {"error_pct <= 5"}),
        (probe(True, {"type": "python"}), {"error_pct <= 5"}),
        ({}, {"error_pct <= 5"}),
    ],
)  # fmt: skip
def test_probes_become_limits_where_they_can(more: Any, limits: set[str]) -> None:
    found = experiment(python(PROXIES, "disable_proxy", proxy_name="ach"), **more)
    assert {str(limit) for limit in drill_of(found).hypothesis.limits} == limits
