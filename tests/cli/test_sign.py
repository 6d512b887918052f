"""sign and verify, as a person or a pipeline uses them on models."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from strongroom.cli.main import run
from strongroom.domain.decision import Stage
from strongroom.home.home import Home
from strongroom.registry.registry import Registry
from strongroom.testing.certificates import pem_of, private_pem, public_pem, root
from strongroom.testing.releases import decide, make_release


class Said(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def strongroom(monkeypatch, capsys, tmp_path) -> Callable[..., Said]:
    """Runs a verb in this process; errors come back as text."""
    for name in [n for n in os.environ if n.startswith("STRONGROOM_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("STRONGROOM_HOME", str(tmp_path / "home"))

    def call(*arguments: object) -> Said:
        monkeypatch.setattr(sys, "argv", ["strongroom", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            run()
        printed = capsys.readouterr()
        return Said(int(left.value.code or 0), printed.out, " ".join(printed.err.split()))

    return call


def written(path: Path, data: bytes) -> Path:
    path.touch(mode=0o600)
    path.write_bytes(data)
    return path


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "fraud-bert"
    folder.mkdir()
    (folder / "weights.safetensors").write_bytes(b"weights")
    (folder / "config.json").write_bytes(b"{}")
    return folder


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    """Private and public."""
    key = generate_private_key(SECP256R1())
    private = written(tmp_path / "key.pem", private_pem(key))
    return private, written(tmp_path / "public.pem", public_pem(key))


def test_a_signed_model_verifies_and_a_changed_one_is_named(strongroom, model, keys):
    private, public = keys
    signed = strongroom("sign", model, "--key", private, "--format", "json")
    assert (signed.code, signed.json["files"]) == (0, 2)
    verified = strongroom("verify", model, "--key", public, "--format", "json")
    assert (verified.code, verified.json["verified"], verified.json["checked"]) == (0, True, 2)
    (model / "weights.safetensors").write_bytes(b"Weights")
    (model / "extra.py").write_bytes(b"")
    changed = strongroom("verify", model, "--key", public, "--format", "json")
    assert (changed.code, changed.json["problems"]) == (
        1,
        [
            {"path": "extra.py", "reason": "added: the signature does not cover it"},
            {"path": "weights.safetensors", "reason": "changed since it was signed"},
        ],
    )


def test_the_wrong_key_is_a_refusal_and_a_missing_signature_is_not_knowing(
    strongroom, model, keys, tmp_path
):
    private, public = keys
    assert strongroom("verify", model, "--key", public).code == 2
    strongroom("sign", model, "--key", private)
    other = written(tmp_path / "other.pem", public_pem(generate_private_key(SECP256R1())))
    refused = strongroom("verify", model, "--key", other)
    assert refused.code == 1
    assert "signed by another key" in refused.err


def test_a_model_under_a_certificate_verifies_by_its_authority(strongroom, model, tmp_path):
    authority = root()
    leaf = authority.issue("vendor")
    chain = written(tmp_path / "chain.pem", pem_of([leaf]))
    key = written(tmp_path / "leaf.key", leaf.key_pem)
    trusted = written(tmp_path / "ca.pem", authority.pem)
    strongroom("sign", model, "--key", key, "--cert-chain", chain, "--to", tmp_path / "model.sig")
    command = ("verify", model, "--ca", trusted, "--signature", tmp_path / "model.sig")
    good = strongroom(*command)
    assert (good.code, "signed by the certificate of CN=vendor" in good.err) == (0, True)
    late = strongroom(*command, "--at", "2100-01-01T00:00:00Z")
    assert (late.code, "CN=vendor expired at" in late.err) == (1, True)
    early = strongroom(*command, "--at", "2001-01-01T00:00:00Z")
    assert (early.code, "is the clock right?" in early.err) == (1, True)


def test_a_vendor_is_admitted_believed_and_revoked(strongroom, model, keys, tmp_path):
    private, public = keys
    Home.open(tmp_path / "home", create=True).close()
    strongroom("sign", model, "--key", private)
    admit = ("keys", "admit", "vendor", "--key", public, "--role", "model", "--scope", "fraud-*")
    assert strongroom(*admit).code == 0
    policy = tmp_path / "trust.json"
    strongroom("keys", "trust", "--to", policy)
    believed = strongroom("verify", model, "--trust", policy)
    assert (believed.code, "signed by vendor, by the trust policy" in believed.err) == (0, True)
    strongroom("keys", "revoke", "vendor")
    strongroom("keys", "trust", "--to", policy)
    refused = strongroom("verify", model, "--trust", policy)
    assert (refused.code, "vendor's key was revoked at" in refused.err) == (1, True)


def test_trust_that_lies_in_the_model_is_refused(strongroom, model, keys):
    private, public = keys
    inside = written(model / "public.pem", public.read_bytes())
    strongroom("sign", model, "--key", private)
    refused = strongroom("verify", model, "--key", inside)
    assert (refused.code, "lies in what it shall judge" in refused.err) == (2, True)


@pytest.mark.parametrize("options", [(), ("--key", "a", "--pkcs11", "pkcs11:x")])
def test_sign_wants_exactly_one_key(strongroom, model, options):
    assert strongroom("sign", model, *options).code == 2


def test_verify_wants_exactly_one_kind_of_trust(strongroom, model, keys):
    private, public = keys
    strongroom("sign", model, "--key", private)
    for options in ((), ("--key", public, "--ca", public)):
        refused = strongroom("verify", model, *options)
        assert (refused.code, "whose signature shall count?" in refused.err) == (2, True)


def test_a_hostile_file_name_is_printed_harmlessly(strongroom, model, keys):
    private, public = keys
    strongroom("sign", model, "--key", private)
    (model / "\x1b]0;owned\x07\u202egpj.exe").write_bytes(b"")
    refused = strongroom("verify", model, "--key", public)
    assert refused.code == 1
    assert "\\x1b]0;owned\\x07\\u202egpj.exe" in refused.err
    assert "\x1b" not in refused.err


def test_a_sealed_version_that_was_opened_is_handed_on_signed(strongroom, keys, tmp_path):
    verifying = pytest.importorskip("model_signing.verifying", reason="needs `make peers`")
    private, public = keys
    loaded = make_release(tmp_path / "system")
    with Home.open(tmp_path / "home", create=True) as home:
        decide(home, loaded, Stage.DEVELOPMENT)
        Registry(home).promote(loaded, Stage.DEVELOPMENT)
        Registry(home).open("fraud", Stage.DEVELOPMENT).write(tmp_path / "out")
    assert strongroom("sign", tmp_path / "out", "--key", private).code == 0
    verifying.Config().use_elliptic_key_verifier(public_key=public).verify(
        tmp_path / "out", tmp_path / "out" / "model.sig"
    )
