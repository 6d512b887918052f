"""A signature file is somebody else's bytes: whatever is in it, the answer is one of our errors."""

from __future__ import annotations

import base64
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from strongroom.domain.errors import InputError, LimitError, StrongroomError
from strongroom.keys.oms_keys import SoftwareSigner
from strongroom.keys.oms_models import sign_manifest, survey_model, verify_model
from strongroom.keys.oms_trust import TrustKeys, open_signature


@pytest.fixture
def genuine(model: Path, signer: SoftwareSigner, now: datetime) -> dict[str, Any]:
    return json.loads(sign_manifest(survey_model(model, model / "model.sig"), signer, now))


def opened(raw: object, signer: SoftwareSigner, now: datetime) -> None:
    data = raw if isinstance(raw, bytes) else json.dumps(raw).encode()
    open_signature(data, TrustKeys((signer.public,)), now, where="model.sig")


def payload_with(genuine: dict[str, Any], **changes: object) -> dict[str, Any]:
    statement = json.loads(base64.b64decode(genuine["dsseEnvelope"]["payload"]))
    for path, value in changes.items():
        *outer, last = path.split("__")
        place = statement
        for name in outer:
            place = place[int(name)] if isinstance(place, list) else place[name]
        place[int(last) if isinstance(place, list) else last] = value
    text = base64.b64encode(json.dumps(statement).encode()).decode()
    return {**genuine, "dsseEnvelope": {**genuine["dsseEnvelope"], "payload": text}}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"mediaType":1,"mediaType":2}',
        b'{"mediaType":"application/vnd.dev.sigstore.bundle.v0.1+json"}',
        b'{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","dsseEnvelope":[]}',
    ],
    ids=["empty", "null", "list", "bare", "binary", "deep", "twice", "older", "shape"],
)
def test_what_is_no_bundle_is_malformed(data, signer, now):
    with pytest.raises(InputError, match=r"model\.sig"):
        opened(data, signer, now)


@pytest.mark.parametrize(
    "changes",
    [
        {"_type": "https://in-toto.io/Statement/v0.1"},
        {"predicateType": "https://model_signing/Digests/v0.1"},
        {"subject": []},
        {"subject__0__digest": {"sha256": "00" * 32}},
        {"predicate": {}},
        {"predicate__resources": []},
        {"predicate__resources": {}},
        {"predicate__resources__0": 7},
        {"predicate__resources__0__digest": "AA" * 32},
        {"predicate__resources__0__digest": "00"},
        {"predicate__resources__0__algorithm": "md5"},
        {"predicate__resources__0__name": None},
        {"predicate__serialization__method": "trust-me"},
        {"predicate__serialization__hash_type": "md5"},
        {"predicate__serialization__allow_symlinks": "no"},
        {"predicate__serialization__ignore_paths": "model.sig"},
        {"predicate__serialization__shard_size": 5},
        {"predicate__serialization": []},
    ],
    ids=lambda changes: next(iter(changes)) + "=" + str(next(iter(changes.values())))[:12],
)
def test_what_is_no_statement_about_a_model_is_malformed(genuine, changes, signer, now):
    with pytest.raises(InputError, match=r"model\.sig"):
        opened(payload_with(genuine, **changes), signer, now)


def test_a_file_listed_twice_is_malformed(genuine, signer, now):
    statement = json.loads(base64.b64decode(genuine["dsseEnvelope"]["payload"]))
    twice = [statement["predicate"]["resources"][0]] * 2
    with pytest.raises(InputError, match="twice"):
        opened(payload_with(genuine, predicate__resources=twice), signer, now)


def test_more_than_one_signature_is_refused(genuine, signer, now):
    genuine["dsseEnvelope"]["signatures"] *= 2
    with pytest.raises(InputError, match="signed once"):
        opened(genuine, signer, now)


def test_a_chain_of_many_certificates_is_refused(genuine, signer, now):
    chain = {"certificates": [{"rawBytes": "AAAA"}] * 11}
    genuine["verificationMaterial"] = {"x509CertificateChain": chain}
    with pytest.raises(LimitError, match="11 certificates"):
        opened(genuine, signer, now)


def test_a_signature_by_an_identity_service_says_where_to_go(genuine, signer, now):
    genuine["verificationMaterial"] = {"certificate": {"rawBytes": "AAAA"}}
    with pytest.raises(InputError, match="model_signing verify sigstore"):
        opened(genuine, signer, now)


def test_a_huge_file_is_not_read(model, signer, now):
    with (model / "model.sig").open("wb") as file:
        file.truncate(10**12)
    with pytest.raises(LimitError, match="bytes of signature"):
        verify_model(model, model / "model.sig", TrustKeys((signer.public,)), now)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(data=st.data())
def test_no_flipped_byte_verifies_and_none_is_a_crash(genuine, signer, now, data):
    sound = json.dumps(genuine).encode()
    place = data.draw(st.integers(0, len(sound) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda b: b != sound[place]))
    broken = sound[:place] + bytes([byte]) + sound[place + 1 :]
    try:
        opened(broken, signer, now)
    except StrongroomError:
        return
    # Only what is not signed and not used may differ: spaces, key id, log entries.
    assert json.loads(broken)["dsseEnvelope"]["payload"] == genuine["dsseEnvelope"]["payload"]
