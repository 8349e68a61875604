"""Binding: what a recorded host's requests become, and that nothing smuggles a header in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchboard.environment import (
    Credential,
    Environment,
    Upstream,
    embedded_environment,
    environment_for_url,
)
from switchboard.errors import RuleError
from switchboard.rewrite import Bound, Unmapped, bind

RUN = "RUN-20200315-140211-ab12"
SVC = Upstream("svc", "http", "10.20.0.5", 8080, "/sandbox", ("svc.*",), "{service}.staging:81")
ACH = Upstream("ach", "https", "ach.staging", 443, "", ("*.hms.example",), None)
TOKEN = Credential("Authorization", "ESR_TOKEN", None, "Bearer ", "svc")


def environment(*credentials: Credential) -> Environment:
    return Environment("staging", (SVC, ACH), ("ach.staging",), (), credentials, "staging.yml")


def bound(
    authority: str, service: str, env: Environment, secrets: dict[str, str] | None = None
) -> Bound:
    result = bind(authority, service, env, RUN, secrets or {})
    assert isinstance(result, Bound)
    return result


def test_the_embedded_sandbox_takes_every_host() -> None:
    result = bound("ach.hms.example:443", "ach", embedded_environment(8123))
    assert result.upstream.port == 8123
    assert result.prefix == b""
    assert result.head == (
        b"Host: ach.sandbox.test\r\n"
        b"Authorization: Bearer esr-sandbox\r\n"
        b"x-esr-env: sandbox\r\n"
        b"x-esr-run: RUN-20200315-140211-ab12\r\n"
    )


@pytest.mark.parametrize(
    ("authority", "upstream"),
    [
        ("svc.hms.example", SVC),
        ("SVC.hms.example:443", SVC),
        ("svc.hms.example.", SVC),
        ("ach.hms.example", ACH),
    ],
)
def test_the_first_match_in_file_order_wins(authority: str, upstream: Upstream) -> None:
    assert bound(authority, "x", environment()).upstream == upstream


@pytest.mark.parametrize("authority", ["elsewhere.example", "svc", "hms.example", "", "1.2.3.4"])
def test_a_host_that_nobody_takes_is_unmapped(authority: str) -> None:
    result = bind(authority, "svc", environment(), RUN, {})
    assert result == Unmapped(authority, "no upstream of environment staging takes it")


@pytest.mark.parametrize("authority", ["a b", "a\r\nX: y", "127.1", "a:b:c", "ü.example", "["])
def test_what_is_no_host_is_unmapped_even_with_a_star(authority: str) -> None:
    result = bind(authority, "svc", embedded_environment(1), RUN, {})
    assert isinstance(result, Unmapped)
    assert result.authority.isprintable()


def test_an_unmapped_host_is_shown_without_its_password() -> None:
    result = bind("me:hunter2@elsewhere", "svc", environment(), RUN, {})
    assert isinstance(result, Unmapped)
    assert result.authority == "elsewhere"


def test_host_header_prefix_and_credential() -> None:
    result = bound("svc.x", "svc", environment(TOKEN), {"ESR_TOKEN": " hunter2\n"})
    assert result.prefix == b"/sandbox"
    assert result.head.startswith(b"Host: svc.staging:81\r\nAuthorization: Bearer hunter2\r\n")


def test_without_a_host_header_the_dialled_authority_is_sent() -> None:
    assert bound("ach.hms.example", "ach", environment()).head.startswith(b"Host: ach.staging\r\n")
    url = environment_for_url("http://[::1]:9000")
    assert bound("", "default", url).head.startswith(b"Host: [::1]:9000\r\n")


def test_a_credential_goes_to_its_own_upstream_only() -> None:
    head = bound("ach.hms.example", "ach", environment(TOKEN)).head
    assert b"Authorization" not in head


def test_a_credential_of_its_own_replaces_one_for_all() -> None:
    everywhere = Credential("authorization", "ESR_ALL", None)
    secrets = {"ESR_TOKEN": "one", "ESR_ALL": "all"}
    env = environment(TOKEN, everywhere)
    assert bound("svc.x", "svc", env, secrets).head.lower().count(b"authorization") == 1
    assert b"Bearer one" in bound("svc.x", "svc", env, secrets).head
    assert b"authorization: all\r\n" in bound("ach.hms.example", "ach", env, secrets).head


@pytest.mark.parametrize("secrets", [{}, {"ESR_TOKEN": ""}, {"ESR_TOKEN": " \n"}])
def test_a_missing_secret_names_its_variable(secrets: dict[str, str]) -> None:
    with pytest.raises(RuleError, match="ESR_TOKEN is not set") as caught:
        bind("svc.x", "svc", environment(TOKEN), RUN, secrets)
    assert "staging.yml" in str(caught.value)


@pytest.mark.parametrize("value", ["hunter2\r\nX: y", "hunter2\n2", "hunter2\0", "hunter2é"])
def test_a_secret_unfit_for_a_header_is_refused_and_not_shown(value: str) -> None:
    with pytest.raises(RuleError, match="ESR_TOKEN holds characters") as caught:
        bind("svc.x", "svc", environment(TOKEN), RUN, {"ESR_TOKEN": value})
    assert "hunter2" not in repr(caught.value) + str(caught.value)


@pytest.mark.parametrize("run_id", ["", "a b", "RUN\r\nX: y", "ü", "a" * 200])
def test_a_run_id_unfit_for_a_header_is_a_callers_mistake(run_id: str) -> None:
    with pytest.raises(ValueError, match="run id"):
        bind("svc.x", "svc", environment(), run_id, {})


@given(st.text(), st.text())
def test_whatever_was_recorded_the_head_has_four_lines(authority: str, service: str) -> None:
    result = bind(authority, service, embedded_environment(1), RUN, {})
    if isinstance(result, Bound):
        assert result.head.count(b"\r\n") == result.head.count(b"\n") == result.head.count(b"\r")
        assert result.head.count(b"\n") == 4


def test_a_printed_binding_shows_no_credential() -> None:
    result = bound("svc.x", "svc", environment(TOKEN), {"ESR_TOKEN": "hunter2"})
    assert "hunter2" not in repr(result) + str(result)
