"""What `model_signing` writes we verify, and what we write it verifies, whatever a model holds."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    SECP384R1,
    SECP521R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)

from strongroom.domain.errors import TrustError
from strongroom.keys.oms import ModelManifest
from strongroom.keys.oms_bundle import Bundle
from strongroom.keys.oms_certificates import load_certificates
from strongroom.keys.oms_keys import SoftwareSigner
from strongroom.keys.oms_models import Verdict, sign_manifest, survey_model, verify_model
from strongroom.keys.oms_trust import TrustAuthorities, TrustKeys
from strongroom.testing.certificates import Issued, Wish, pem_of, private_pem, public_pem, root

reason = "needs `make peers`"
hashing = pytest.importorskip("model_signing.hashing", reason=reason)
signing = pytest.importorskip("model_signing.signing", reason=reason)
verifying = pytest.importorskip("model_signing.verifying", reason=reason)

CURVES = (SECP256R1, SECP384R1, SECP521R1)


@pytest.fixture(params=CURVES, ids=lambda curve: curve.name)
def key(request: pytest.FixtureRequest) -> EllipticCurvePrivateKey:
    return generate_private_key(request.param())


@pytest.fixture
def signature(model: Path) -> Path:
    return model / "model.sig"


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    path.chmod(0o600)
    return path


def we_sign(model: Path, signature: Path, key: EllipticCurvePrivateKey, **how: object) -> None:
    manifest = survey_model(model, signature, **how)
    signature.write_bytes(sign_manifest(manifest, SoftwareSigner(key), datetime.now().astimezone()))


def we_verify(model: Path, signature: Path, key: EllipticCurvePrivateKey, now: datetime) -> Verdict:
    return verify_model(model, signature, TrustKeys((key.public_key(),)), now)


def they_verify(model: Path, signature: Path, key: EllipticCurvePrivateKey) -> None:
    pem = written(signature.parent.parent / "their-public.pem", public_pem(key))
    verifying.Config().use_elliptic_key_verifier(public_key=pem).verify(model, signature)


def they_sign(model: Path, signature: Path, key: EllipticCurvePrivateKey, how: object) -> None:
    pem = written(signature.parent.parent / "their-private.pem", private_pem(key))
    config = signing.Config().use_elliptic_key_signer(private_key=pem)
    config.set_hashing_config(how).sign(model, signature)


def ways() -> dict[str, object]:
    """Their ways of hashing a model."""
    ignored = {"paths": ["model.sig"]}
    return {
        "default": hashing.Config().set_ignored_paths(**ignored),
        "blake3": hashing.Config()
        .use_file_serialization(hashing_algorithm="blake3")
        .set_ignored_paths(**ignored),
        "blake2": hashing.Config()
        .use_file_serialization(hashing_algorithm="blake2")
        .set_ignored_paths(**ignored),
        "shards": hashing.Config()
        .use_shard_serialization(shard_size=1_000_000)
        .set_ignored_paths(**ignored),
        "git-too": hashing.Config().set_ignored_paths(**ignored, ignore_git_paths=False),
        "ignoring": hashing.Config().set_ignored_paths(paths=["model.sig", "shards", "a/b"]),
    }


def test_their_verifier_accepts_what_we_sign_with_each_curve(model, signature, key):
    we_sign(model, signature, key)
    they_verify(model, signature, key)


def test_we_accept_what_they_sign_with_each_curve(model, signature, key, now):
    they_sign(model, signature, key, ways()["default"])
    verdict = we_verify(model, signature, key, now)
    assert (verdict.problems, verdict.name) == ((), "fraud-model")


@pytest.mark.parametrize("way", ["default", "blake3", "blake2", "shards", "git-too", "ignoring"])
def test_we_accept_each_of_their_ways_to_hash(model, signature, way, now):
    if way == "shards":
        (model / "a b/c:1:2").unlink()  # they cannot read such a name back
    key = generate_private_key(SECP256R1())
    they_sign(model, signature, key, ways()[way])
    assert we_verify(model, signature, key, now).problems == ()
    (model / "weights/00001.bin").write_bytes(bytes(1_280_000))
    (changed,) = we_verify(model, signature, key, now).problems
    assert (changed.path, changed.reason) == ("weights/00001.bin", "changed since it was signed")


def test_what_a_signature_leaves_out_is_said(model, signature, now):
    key = generate_private_key(SECP256R1())
    they_sign(model, signature, key, ways()["ignoring"])
    uncovered = we_verify(model, signature, key, now).uncovered
    assert {".git/HEAD", ".gitattributes", "a/b", "shards/000.txt"} <= set(uncovered)
    assert "model.sig" not in uncovered


def test_both_say_the_same_of_the_same_model(model):
    """Not one byte of the list of files differs: order, names, digests, what is left out."""
    key = generate_private_key(SECP256R1())
    ours = survey_model(model, model / "model.sig")
    they_sign(model, model / "model.sig", key, ways()["default"])
    bundle = Bundle.from_bytes((model / "model.sig").read_bytes(), where="model.sig")
    theirs = ModelManifest.parse(bundle.payload, where="model.sig")
    assert theirs.resources == ours.resources
    assert theirs.digest == ours.digest
    assert sorted(theirs.hashing.ignored) == sorted(ours.hashing.ignored)


def test_a_model_that_is_one_file_goes_both_ways(tmp_path, now):
    key, model = generate_private_key(SECP256R1()), tmp_path / "m" / "model.onnx"
    model.parent.mkdir()
    model.write_bytes(b"weights")
    signature = tmp_path / "m" / "model.onnx.sig"
    we_sign(model, signature, key)
    they_verify(model, signature, key)
    they_sign(model, signature, key, hashing.Config())
    assert we_verify(model, signature, key, now).problems == ()
    model.write_bytes(b"Weights")
    assert [p.path for p in we_verify(model, signature, key, now).problems] == ["."]


def test_linked_files_count_as_what_they_lead_to_where_links_are_allowed(model, signature, now):
    """As in the caches of model hubs, where every file is a link."""
    key = generate_private_key(SECP256R1())
    (model.parent / "blob").write_bytes(b"blob")
    (model / "linked.bin").symlink_to("../blob")
    we_sign(model, signature, key, allow_symlinks=True)
    config = verifying.Config().set_hashing_config(
        hashing.Config().set_ignored_paths(paths=["model.sig"]).set_allow_symlinks(True)
    )
    pem = written(model.parent / "public.pem", public_pem(key))
    config.use_elliptic_key_verifier(public_key=pem).verify(model, signature)
    they_sign(model, signature, key, ways()["default"].set_allow_symlinks(True))
    assert we_verify(model, signature, key, now).problems == ()
    (model.parent / "blob").write_bytes(b"other")
    assert [p.path for p in we_verify(model, signature, key, now).problems] == ["linked.bin"]


def test_certificates_go_both_ways(model, signature, authority: Issued, now):
    below = authority.authority("Test Intermediate")
    leaf = below.issue("vendor")
    chain = (leaf.certificate, below.certificate)
    manifest = survey_model(model, signature)
    signature.write_bytes(
        sign_manifest(manifest, SoftwareSigner(leaf.key), now, certificates=chain)
    )
    trusted = written(model.parent / "root.pem", authority.pem)
    verifier = verifying.Config().use_certificate_verifier(certificate_chain=[trusted])
    verifier.verify(model, signature)

    signing.Config().use_certificate_signer(
        private_key=written(model.parent / "leaf.key", leaf.key_pem),
        signing_certificate=written(model.parent / "leaf.pem", leaf.pem),
        certificate_chain=[written(model.parent / "chain.pem", pem_of([below, authority]))],
    ).set_hashing_config(ways()["default"]).sign(model, signature)
    verdict = verify_model(model, signature, TrustAuthorities(load_certificates(trusted)), now)
    assert (verdict.problems, verdict.signer) == ((), "the certificate of CN=vendor")


def test_an_expired_certificate_is_refused_by_us_though_not_by_them(model, signature, now):
    """They look at the time the certificate began, so to them none is ever too old."""
    start = now - timedelta(days=400)
    authority = root(wish=Wish("key_cert_sign", (), start=start, lasts=timedelta(days=4000)))
    leaf = authority.issue("vendor", Wish(start=start))
    signature.write_bytes(
        sign_manifest(
            survey_model(model, signature),
            SoftwareSigner(leaf.key),
            start + timedelta(days=1),
            certificates=(leaf.certificate,),
        )
    )
    trusted = written(model.parent / "root.pem", authority.pem)
    verifying.Config().use_certificate_verifier(certificate_chain=[trusted]).verify(
        model, signature
    )
    trust = TrustAuthorities(load_certificates(trusted))
    with pytest.raises(TrustError, match="CN=vendor expired at"):
        verify_model(model, signature, trust, now)
    assert verify_model(model, signature, trust, start + timedelta(days=2)).problems == ()


@pytest.mark.slow
@pytest.mark.parametrize("direction", ["ours", "theirs"])
def test_the_command_lines_understand_each_other(model, tmp_path, direction):
    key = generate_private_key(SECP256R1())
    private = written(tmp_path / "key.pem", private_pem(key))
    public = written(tmp_path / "public.pem", public_pem(key))
    signature = model / "model.sig"
    theirs, ours = "-m model_signing", "-m strongroom.cli"
    commands = {
        "ours": (
            f"{ours} sign {model} --key {private}",
            f"{theirs} verify key {model} --signature {signature} --public_key {public}",
        ),
        "theirs": (
            f"{theirs} sign key {model} --signature {signature} --private_key {private}",
            f"{ours} verify {model} --key {public}",
        ),
    }
    for command in commands[direction]:
        done = subprocess.run(
            [sys.executable, *command.split()], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr + done.stdout
