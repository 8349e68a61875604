"""Values of credentials are read once, and no message ever holds one."""

from __future__ import annotations

from pathlib import Path

import pytest

from hms_esr.gateways.errors import GatewayError
from hms_esr.gateways.secret_values import read_secrets
from switchboard.rules import Injection, Rules

RULES = Rules(
    (),
    "switchboard.yml",
    injections=(
        Injection("svc", "Authorization", from_env="ESR_SVC_TOKEN"),
        Injection("svc", "X-Key", from_file="keys/svc"),
    ),
)
FROM_ENV = Rules((), "switchboard.yml", injections=RULES.injections[:1])
FROM_FILE = Rules((), "switchboard.yml", injections=RULES.injections[1:])


def test_values_by_the_names_that_injections_have(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys/svc").write_text("s3cret\n")
    values = read_secrets(RULES, {"ESR_SVC_TOKEN": "abc"}, tmp_path)
    assert values == {"ESR_SVC_TOKEN": "abc", "file:keys/svc": "s3cret"}
    assert {each.secret_name for each in RULES.injections} == values.keys()


@pytest.mark.parametrize("env", [{}, {"ESR_SVC_TOKEN": ""}, {"ESR_SVC_TOKEN": "s3cret\r\nx: y"}])
def test_a_missing_variable_is_named_and_its_value_is_not(
    env: dict[str, str], tmp_path: Path
) -> None:
    with pytest.raises(GatewayError, match="ESR_SVC_TOKEN") as caught:
        read_secrets(FROM_ENV, env, tmp_path)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "content", [None, b"", b"\n", b"s3cret\nmore", b"s3cret\xff", b"s" * 70_000]
)
def test_a_file_without_a_credential_is_named(content: bytes | None, tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    if content is not None:
        (tmp_path / "keys/svc").write_bytes(content)
    with pytest.raises(GatewayError, match="keys/svc") as caught:
        read_secrets(FROM_FILE, {}, tmp_path)
    assert "s3cret" not in str(caught.value)
