"""The deployments contain what they say they contain, as far as their text can show it.

Neither Docker nor a cluster is asked: these are the house's own checks of plain YAML. Each check is
also shown to fail. What was never tried is said in docs/containment.md.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from functools import cache
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from hms_esr.cli import app
from scenarios.rules_files import read_rules
from switchboard.rules_reader import parse_rules

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
OURS = "hms-esr"

# Words that are a way round the network wherever they stand.
FORBIDDEN = (
    "docker.sock", "host.docker.internal", "host-gateway", "privileged: true", "hostNetwork",
    "hostPath", "hostPID", "hostIPC", "hostPort", "network_mode: host", "pid: host", "ipc: host",
    "SYS_ADMIN", "NET_ADMIN", "NET_RAW", "extra_hosts", "hostAliases",
)  # fmt: skip

Value = Any


@cache
def _compose() -> Value:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))


def compose() -> Value:
    return copy.deepcopy(_compose())


def objects(kind: str | None = None) -> list[Value]:
    """Every object of the manifests, or those of one kind."""
    found = []
    for file in MANIFESTS:
        found += list(yaml.safe_load_all(file.read_text(encoding="utf-8")))
    return [each for each in found if kind is None or each["kind"] == kind]


def pods() -> list[Value]:
    return [each["spec"]["template"] for each in objects("Deployment")]


def containers() -> Iterator[Value]:
    for pod in pods():
        yield from pod["spec"].get("initContainers", ())
        yield from pod["spec"]["containers"]


def faults_of_project(project: Value) -> Iterator[str]:
    """What is wrong with a compose file."""
    for name, network in project["networks"].items():
        if network.get("internal") is not True:
            yield f"network {name} is not internal"
        if network.get("enable_ipv6") is not False:
            yield f"network {name} has IPv6"
        if "isolated" not in network.get("driver_opts", {}).values():
            yield f"network {name} leads to the host"
    for name, service in project["services"].items():
        yield from faults_of_networking(name, service)
        yield from faults_of_rights(name, service)


def faults_of_networking(name: str, service: Value) -> Iterator[str]:
    joined = list(service.get("networks", ()))
    mode = service.get("network_mode")
    if mode not in {None, "none", "service:switchboard"} or not (joined or mode):
        yield f"{name} has network mode {mode}"
    if joined and service.get("sysctls", {}).get("net.ipv6.conf.all.disable_ipv6") != "1":
        yield f"{name} has IPv6"
    if joined and not service.get("dns"):
        yield f"{name} asks Docker for names"
    if len(joined) > 1 and name != "switchboard":
        yield f"{name} is on {joined}"
    if any(not each.startswith("127.0.0.1:") for each in service.get("ports", ())):
        yield f"{name} publishes a port"


def faults_of_rights(name: str, service: Value) -> Iterator[str]:
    if service.get("cap_drop") != ["ALL"] or service.get("cap_add"):
        yield f"{name} has capabilities"
    if "no-new-privileges:true" not in service.get("security_opt", ()):
        yield f"{name} may gain privileges"
    if name != "app" and service.get("read_only") is not True:
        yield f"{name} can write to its root"
    if name != "app" and not service.get("healthcheck"):
        yield f"{name} has no health check"


def address_of(project: Value, service: str, network: str) -> str:
    return str(project["services"][service]["networks"][network]["ipv4_address"])


class TestCompose:
    def test_it_contains(self) -> None:
        assert list(faults_of_project(compose())) == []

    @pytest.mark.parametrize(
        ("spoil", "fault"),
        [
            (lambda p: p["networks"]["contained"].pop("internal"), "contained is not internal"),
            (lambda p: p["networks"]["sandbox"].pop("driver_opts"), "sandbox leads to the host"),
            (lambda p: p["networks"]["sandbox"].update(enable_ipv6=True), "sandbox has IPv6"),
            (lambda p: p["services"]["app"].update(network_mode="host"), "app has network mode"),
            (lambda p: p["services"]["app"].update(networks=["contained", "sandbox"]), "app is on"),
            (lambda p: p["services"]["app"].pop("dns"), "app asks Docker"),
            (lambda p: p["services"]["app"].pop("sysctls"), "app has IPv6"),
            (lambda p: p["services"]["tls"].update(ports=["443:443"]), "tls publishes"),
            (lambda p: p["services"]["svc"].pop("cap_drop"), "svc has capabilities"),
            (lambda p: p["services"]["svc"].update(cap_add=["NET_RAW"]), "svc has capabilities"),
            (lambda p: p["services"]["names"].update(read_only=False), "names can write"),
            (lambda p: p["services"]["names"].pop("security_opt"), "names may gain"),
            (lambda p: p["services"]["names"].pop("healthcheck"), "names has no health check"),
        ],
    )
    def test_the_check_can_fail(self, spoil: Callable[[Value], object], fault: str) -> None:
        project = compose()
        spoil(project)
        assert any(fault in found for found in faults_of_project(project))

    def test_names_and_traffic_of_the_application_go_to_the_switchboard(self) -> None:
        project = compose()
        door = address_of(project, "switchboard", "contained")
        application = project["services"]["app"]
        assert application["dns"] == [door]
        said = application["environment"]
        proxies = {said[name] for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")}
        assert proxies == {f"http://{door}:3128"}
        assert said["NO_PROXY"] == ""
        assert f"--answer={door}" in project["services"]["names"]["command"]

    def test_the_application_starts_after_every_door(self) -> None:
        services = compose()["services"]
        doors = {name for name, each in services.items() if "--rules=" in str(each.get("command"))}
        assert doors == {"switchboard", "tls", "proxy", "names"}
        waits = services["app"]["depends_on"]
        assert all(waits[name] == {"condition": "service_healthy"} for name in doors)

    def test_addresses_lie_in_their_networks(self) -> None:
        project = compose()
        for service in project["services"].values():
            joined = service.get("networks", {})
            for name in joined if isinstance(joined, dict) else ():
                (config,) = project["networks"][name]["ipam"]["config"]
                assert ip_address(joined[name]["ipv4_address"]) in ip_network(config["subnet"])

    def test_the_example_rules_lead_to_the_sandbox_of_the_file(self) -> None:
        rules = read_rules(DEPLOY / "switchboard.yml")
        assert rules.endpoints("sandbox") == {(address_of(compose(), "svc", "sandbox"), 9001)}

    def test_the_key_of_the_authority_stays_with_the_doors(self) -> None:
        for name, service in compose()["services"].items():
            if "authority" in str(service.get("volumes")):
                assert name != "app"
                assert name != "svc"

    def test_every_volume_and_file_is_there(self) -> None:
        project = compose()
        for service in project["services"].values():
            for volume in service.get("volumes", ()):
                source = volume.partition(":")[0]
                assert source in project["volumes"] or (DEPLOY / source).is_file()


def test_the_example_rules_ask_for_canaries_and_are_sound() -> None:
    rules = read_rules(DEPLOY / "switchboard.yml")
    assert rules.mode == "sandbox"
    assert rules.canaries is not None
    assert rules.deny_hosts
    assert all(route.live is None for route in rules.routes)


@pytest.mark.parametrize("file", [DEPLOY / "compose.yaml", *MANIFESTS], ids=lambda file: file.name)
@pytest.mark.parametrize("word", FORBIDDEN)
def test_no_way_round_is_named(file: Path, word: str) -> None:
    text = "\n".join(
        line.partition("#")[0] for line in file.read_text(encoding="utf-8").splitlines()
    )
    assert word not in text


def commands() -> Iterator[tuple[str, list[str]]]:
    """Every command line of ours in a deployment: where it stands, its words."""
    for name, service in compose()["services"].items():
        if "entrypoint" not in service and OURS in service["image"]:
            yield f"compose {name}", service["command"]
    for pod in pods():
        for container in pod["spec"]["containers"]:
            if container["image"] == OURS and "command" not in container:
                yield f"{pod['metadata']['labels']} {container['name']}", container["args"]


@pytest.mark.parametrize("words", [pytest.param(words, id=where) for where, words in commands()])
def test_a_command_line_has_only_options_that_there_are(words: list[str]) -> None:
    command: Value = typer.main.get_command(app)
    while words and words[0] in getattr(command, "commands", {}):
        command, words = command.commands[words[0]], words[1:]
    known = {spelling for parameter in command.params for spelling in parameter.opts}
    given = [word.partition("=")[0] for word in words]
    assert [option for option in given if option not in known] == []
    if command.name == "serve":
        # Beyond loopback for the services alone: nobody else may give orders.
        assert any(word.startswith("--admin=127.0.0.1:") for word in words)
    else:
        assert {"--rules", "--listen", "--interlock", "--mode-file"} <= set(given)


def test_every_container_of_ours_was_looked_at() -> None:
    found = [words for _, words in commands()]
    modes = [[word for word in words if word.startswith("--mode=")] for words in found]
    doors = [mode for mode, words in zip(modes, found, strict=True) if words[0] != "stubs"]
    assert doors == [[], ["--mode=reverse"], ["--mode=forward"], ["--mode=dns"]] * 3
    assert sum(words[:2] == ["stubs", "serve"] for words in found) == 2


def faults_of_policies(policies: list[Value]) -> Iterator[str]:
    """What lets traffic out of a namespace, in its NetworkPolicies."""
    everybody = [each for each in policies if each["spec"]["podSelector"] == {}]
    if not any(
        {"Ingress", "Egress"} <= set(each["spec"]["policyTypes"])
        and not each["spec"].get("egress")
        and not each["spec"].get("ingress")
        for each in everybody
    ):
        yield "no policy denies everything to everybody"
    for policy in policies:
        name = policy["metadata"]["name"]
        for rule in policy["spec"].get("egress", ()):
            if not rule.get("to"):
                yield f"{name} allows every destination"
            for peer in rule.get("to", ()):
                if set(peer) != {"podSelector"} or not peer["podSelector"]:
                    yield f"{name} allows {peer}"
            if not rule.get("ports"):
                yield f"{name} allows every port"
            if any(port["port"] == 53 for port in rule.get("ports", ())):
                yield f"{name} allows the cluster's names"


class TestKubernetes:
    def test_egress_is_denied(self) -> None:
        assert list(faults_of_policies(objects("NetworkPolicy"))) == []

    @pytest.mark.parametrize(
        ("rule", "fault"),
        [
            ({"ports": [{"port": 1}]}, "every destination"),
            ({"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}], "ports": [{"port": 1}]}, "ipBlock"),
            ({"to": [{"namespaceSelector": {}}], "ports": [{"port": 1}]}, "namespaceSelector"),
            ({"to": [{"podSelector": {}}], "ports": [{"port": 1}]}, "allows {'podSelector': {}}"),
            ({"to": [{"podSelector": {"matchLabels": {"a": "b"}}}]}, "every port"),
            (
                {"to": [{"podSelector": {"matchLabels": {"a": "b"}}}], "ports": [{"port": 53}]},
                "the cluster's names",
            ),
        ],
    )
    def test_the_check_can_fail(self, rule: Value, fault: str) -> None:
        policies = objects("NetworkPolicy")
        policies[1]["spec"]["egress"].append(rule)
        assert any(fault in found for found in faults_of_policies(policies))

    def test_the_check_misses_no_missing_denial(self) -> None:
        policies = [each for each in objects("NetworkPolicy") if each["spec"]["podSelector"]]
        assert list(faults_of_policies(policies)) == ["no policy denies everything to everybody"]

    def test_everything_is_in_the_namespace_of_the_policies(self) -> None:
        spaces = {each["metadata"].get("namespace", "drill") for each in objects()}
        assert spaces == {"drill"}

    def test_a_policy_selects_labels_that_pods_have(self) -> None:
        labels = [pod["metadata"]["labels"] for pod in pods()]

        def is_worn(selector: Value) -> bool:
            wanted = selector.get("matchLabels", {}).items()
            return any(wanted <= worn.items() for worn in labels)

        for policy in objects("NetworkPolicy"):
            spec = policy["spec"]
            assert is_worn(spec["podSelector"])
            for rule in (*spec.get("egress", ()), *spec.get("ingress", ())):
                assert all(
                    is_worn(p["podSelector"]) for p in (*rule.get("to", ()), *rule.get("from", ()))
                )

    def test_no_pod_asks_the_cluster_for_names(self) -> None:
        services = {each["metadata"]["name"]: each["spec"] for each in objects("Service")}
        known = {"127.0.0.1", services["switchboard"]["clusterIP"]}
        for pod in pods():
            assert pod["spec"]["dnsPolicy"] == "None"
            assert set(pod["spec"]["dnsConfig"]["nameservers"]) <= known
            assert "searches" not in pod["spec"]["dnsConfig"]

    def test_a_pod_has_no_token_and_no_right(self) -> None:
        for pod in pods():
            assert pod["spec"]["automountServiceAccountToken"] is False
            assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
        for container in containers():
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False
            assert context["capabilities"] == {"drop": ["ALL"]}
            if container["image"] == OURS:
                assert context["readOnlyRootFilesystem"] is True

    def test_the_ports_that_policies_open_are_the_doors(self) -> None:
        (pod,) = [pod for pod in pods() if "esr/door" in pod["metadata"]["labels"]]
        offered = {
            (port.get("protocol", "TCP"), port["containerPort"])
            for container in pod["spec"]["containers"]
            for port in container["ports"]
        }
        (policy,) = [p for p in objects("NetworkPolicy") if p["metadata"]["name"] == "door"]
        (rule,) = policy["spec"]["ingress"]
        assert {(port["protocol"], port["port"]) for port in rule["ports"]} == offered
        service = next(s for s in objects("Service") if s["metadata"]["name"] == "switchboard")
        aims = {(p.get("protocol", "TCP"), p["targetPort"]) for p in service["spec"]["ports"]}
        assert aims == offered

    def test_the_rules_are_sound_and_lead_to_the_sandbox_of_the_files(self) -> None:
        (held,) = objects("ConfigMap")
        rules = parse_rules(
            yaml.safe_load(held["data"]["switchboard.yml"]), source="rules", line_of=lambda _: None
        )
        (sandbox,) = [s for s in objects("Service") if s["metadata"]["name"] == "svc"]
        assert rules.endpoints("sandbox") == {(sandbox["spec"]["clusterIP"], 9001)}
        assert rules.canaries is not None

    def test_only_doors_hold_the_key_of_the_authority(self) -> None:
        for pod in pods():
            for container in pod["spec"]["containers"]:
                if container["image"] != OURS:
                    mounted = {each["name"] for each in container["volumeMounts"]}
                    assert mounted == {"trust"}
