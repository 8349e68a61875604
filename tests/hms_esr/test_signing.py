"""Keys of the interlock: where they come from, who may read them, what is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from hms_esr.signing import KEY_VARIABLE, PEM_VARIABLE, SigningError, load_signer, load_verifiers

LONG = "correct-horse-battery"
PEM = {PEM_VARIABLE: "key.pem"}
NO_PASSWORD = NoEncryption()


def write_pem(
    path: Path,
    key: ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey,
    password: KeySerializationEncryption = NO_PASSWORD,
) -> None:
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, password))
    path.chmod(0o600)


def test_the_first_use_makes_a_key_that_only_its_owner_may_read(tmp_path: Path) -> None:
    signer = load_signer({}, tmp_path)
    path = tmp_path / ".esr" / "interlock.key"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["interlock.key"]
    assert load_signer({}, tmp_path).key_id == signer.key_id
    (verifier,) = load_verifiers({}, tmp_path)
    assert verifier.is_signed(b"data", signer.sign(b"data"))
    assert path.read_text().strip() not in repr(signer)


def test_the_key_file_lies_under_the_home_folder(tmp_path: Path) -> None:
    load_signer({"ESR_HOME": "home"}, tmp_path)
    assert (tmp_path / "home" / "interlock.key").is_file()


def test_of_two_that_make_a_key_at_once_both_use_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = os.link
    theirs = "f" * 64

    def link(source: Path, target: Path) -> None:
        target.write_text(theirs)
        target.chmod(0o600)
        really(source, target)

    monkeypatch.setattr(os, "link", link)
    load_signer({}, tmp_path)
    assert (tmp_path / ".esr" / "interlock.key").read_text() == theirs


def test_the_environment_goes_before_the_file(tmp_path: Path) -> None:
    env = {KEY_VARIABLE: LONG}
    signer = load_signer(env, tmp_path)
    assert not (tmp_path / ".esr").exists()
    assert load_verifiers(env, tmp_path)[0].is_signed(b"x", signer.sign(b"x"))
    assert LONG not in repr(signer) + signer.key_id


def test_to_check_all_keys_at_hand_will_do(tmp_path: Path) -> None:
    old = load_signer({}, tmp_path)
    found = load_verifiers({KEY_VARIABLE: LONG}, tmp_path)
    assert len(found) == 2
    assert old.key_id in {each.key_id for each in found}


def test_checking_makes_no_key(tmp_path: Path) -> None:
    assert load_verifiers({}, tmp_path) == ()
    assert list(tmp_path.iterdir()) == []


def test_ed25519_signs_and_its_public_key_checks(tmp_path: Path) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    write_pem(tmp_path / "key.pem", key)
    signer = load_signer({**PEM, KEY_VARIABLE: LONG}, tmp_path)
    value = signer.sign(b"data")
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "public.pem").write_bytes(public)
    for name in ("key.pem", "public.pem"):
        (verifier,) = load_verifiers({PEM_VARIABLE: name}, tmp_path)
        assert (verifier.algorithm, verifier.key_id) == ("ed25519", signer.key_id)
        assert verifier.is_signed(b"data", value)
        assert not verifier.is_signed(b"other", value)
        assert not verifier.is_signed(b"data", "zz")
        assert not verifier.is_signed(b"data", value[:-2])
    (tmp_path / "public.pem").chmod(0o600)
    with pytest.raises(SigningError, match="no Ed25519 private key"):
        load_signer({PEM_VARIABLE: "public.pem"}, tmp_path)


def test_a_short_key_is_refused_and_not_quoted(tmp_path: Path) -> None:
    for load in (load_signer, load_verifiers):
        with pytest.raises(SigningError, match="too short") as caught:
            load({KEY_VARIABLE: "hunter2"}, tmp_path)
        assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "short", "spaces in it and quite long", "x" * 63 + "\n\xff"])
def test_a_key_file_that_holds_no_key_is_refused(tmp_path: Path, text: str) -> None:
    home = tmp_path / ".esr"
    home.mkdir()
    (home / "interlock.key").write_text(text, encoding="utf-8")
    (home / "interlock.key").chmod(0o600)
    with pytest.raises(SigningError, match="holds no key"):
        load_signer({}, tmp_path)


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    load_signer({}, tmp_path)
    path = tmp_path / ".esr" / "interlock.key"
    path.chmod(0o640)
    for load in (load_signer, load_verifiers):
        with pytest.raises(SigningError, match=f"chmod 600 {path}"):
            load({}, tmp_path)


def test_a_key_that_is_no_file_is_refused(tmp_path: Path) -> None:
    home = tmp_path / ".esr"
    home.mkdir()
    os.mkfifo(home / "interlock.key", 0o600)
    with pytest.raises(SigningError, match="is not a file"):
        load_signer({}, tmp_path)


def test_a_pem_of_another_kind_is_refused_with_the_way_to_make_one(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    for spoil in ("missing", "garbage", "another curve", "password", "a folder"):
        if spoil == "garbage":
            path.write_bytes(b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
            path.chmod(0o600)
        elif spoil == "another curve":
            write_pem(path, ec.generate_private_key(ec.SECP256R1()))
        elif spoil == "password":
            key = ed25519.Ed25519PrivateKey.generate()
            write_pem(path, key, BestAvailableEncryption(b"hunter2"))
        elif spoil == "a folder":
            path.unlink()
            path.mkdir()
        for load in (load_signer, load_verifiers):
            with pytest.raises(SigningError, match=r"ESR_INTERLOCK_ED25519|is not a file"):
                load(PEM, tmp_path)


def test_a_public_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    public = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "key.pem").write_bytes(public)
    with pytest.raises(SigningError, match="it holds no Ed25519 key"):
        load_verifiers(PEM, tmp_path)
