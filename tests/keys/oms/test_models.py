"""A signed model is what was signed, or each file that is not is named with the reason."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from strongroom.domain.errors import InputError, IntegrityError, LimitError, TrustError
from strongroom.keys.oms import Hashing, ModelManifest, Resource
from strongroom.keys.oms_files import hash_model
from strongroom.keys.oms_keys import SoftwareSigner
from strongroom.keys.oms_models import sign_manifest, survey_model, verify_model
from strongroom.keys.oms_trust import TrustKeys


@pytest.fixture
def signed(model: Path, signer: SoftwareSigner, now: datetime) -> Path:
    signature = model / "model.sig"
    signature.write_bytes(sign_manifest(survey_model(model, signature), signer, now))
    return model


@pytest.fixture
def problems(signed: Path, signer: SoftwareSigner, now: datetime):
    def ask() -> dict[str, str]:
        trust = TrustKeys((signer.public,))
        verdict = verify_model(signed, signed / "model.sig", trust, now)
        return {p.path: p.reason for p in verdict.problems}

    assert ask() == {}
    return ask


def test_a_changed_byte(signed, problems):
    (signed / "config.json").write_bytes(b"{ }")
    assert problems() == {"config.json": "changed since it was signed"}


def test_an_added_file(signed, problems):
    (signed / "shards/evil.py").write_bytes(b"import os")
    assert problems() == {"shards/evil.py": "added: the signature does not cover it"}


def test_a_removed_file(signed, problems):
    (signed / "weights/00002.bin").unlink()
    assert problems() == {"weights/00002.bin": "removed since it was signed"}


def test_a_renamed_file(signed, problems):
    (signed / "config.json").rename(signed / "config.json.bak")
    assert problems() == {"config.json": "renamed since it was signed, to config.json.bak"}


def test_two_files_that_swapped_names(signed, problems):
    (signed / "a/b").write_bytes(b"2")
    (signed / "a.b").write_bytes(b"1")
    assert problems() == dict.fromkeys(("a/b", "a.b"), "changed since it was signed")


def test_a_file_that_became_a_link_to_the_very_same_bytes(signed, problems):
    (signed / "config.json").rename(signed.parent / "elsewhere")
    (signed / "config.json").symlink_to(signed.parent / "elsewhere")
    assert problems() == {"config.json": "a symbolic link, which this signature does not allow"}


def test_a_folder_that_became_a_link(signed, problems):
    (signed / "weights").rename(signed.parent / "weights")
    (signed / "weights").symlink_to(signed.parent / "weights")
    assert problems() == {
        "weights": "a symbolic link, which this signature does not allow",
        "weights/00001.bin": "removed since it was signed",
        "weights/00002.bin": "removed since it was signed",
    }


def test_a_pipe_is_not_waited_for(signed, problems):
    os.mkfifo(signed / "pipe")
    assert problems() == {"pipe": "neither a file nor a folder, or a link that leads nowhere"}


def test_a_name_that_is_no_text(signed, problems):
    (Path(os.fsdecode(os.fsencode(signed) + b"/\xff.bin"))).write_bytes(b"")
    ((_, reason),) = problems().items()
    assert reason == "a name that is not UTF-8"


def test_a_signature_hidden_in_a_second_place_is_an_added_file(signed, problems):
    (signed / "weights/model.sig").write_bytes((signed / "model.sig").read_bytes())
    assert list(problems()) == ["weights/model.sig"]


def test_a_renamed_model_and_a_moved_signature_still_verify(signed, signer, now):
    moved = signed.rename(signed.parent / "renamed")
    signature = (moved / "model.sig").rename(moved.parent / "elsewhere.sig")
    verdict = verify_model(moved, signature, TrustKeys((signer.public,)), now)
    assert (verdict.problems, verdict.name) == ((), "fraud-model")


def test_links_to_files_are_signed_when_allowed_and_links_to_folders_never(model, signer, now):
    (model / "link.bin").symlink_to("config.json")
    with pytest.raises(InputError, match=r"link\.bin: a symbolic link"):
        survey_model(model, model / "model.sig")
    manifest = survey_model(model, model / "model.sig", allow_symlinks=True)
    assert "link.bin" in {r.path for r in manifest.resources}
    (model / "folder").symlink_to("weights")
    with pytest.raises(InputError, match=r"folder: a symbolic link to a folder"):
        survey_model(model, model / "model.sig", allow_symlinks=True)


def test_where_links_are_allowed_one_that_leads_elsewhere_is_a_change(model, signer, now):
    (model / "link.bin").symlink_to("config.json")
    signature = model / "model.sig"
    manifest = survey_model(model, signature, allow_symlinks=True)
    signature.write_bytes(sign_manifest(manifest, signer, now))
    (model / "link.bin").unlink()
    (model / "link.bin").symlink_to("a.b")
    verdict = verify_model(model, signature, TrustKeys((signer.public,)), now)
    assert [p.path for p in verdict.problems] == ["link.bin"]


def test_what_is_left_out_is_left_out_and_said(model, signer, now):
    signature = model / "model.sig"
    manifest = survey_model(model, signature, ignored=["shards/", "./a/b"])
    signature.write_bytes(sign_manifest(manifest, signer, now))
    (model / "shards/000.txt").write_bytes(b"anything")
    verdict = verify_model(model, signature, TrustKeys((signer.public,)), now)
    assert verdict.problems == ()
    assert {"shards/000.txt", "a/b", ".git/HEAD"} <= set(verdict.uncovered)


@pytest.mark.parametrize("path", ["/etc", "..", "a/../../b", "", "."])
def test_nothing_outside_the_model_can_be_left_out(model, path):
    with pytest.raises(InputError, match="lies below the model"):
        survey_model(model, model / "model.sig", ignored=[path])


def test_a_model_without_files_is_not_signed(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="over nothing"):
        survey_model(tmp_path / "empty", tmp_path / "model.sig")


def test_a_signature_of_another_model_names_what_differs(signed, signer, now, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "config.json").write_bytes(b"{}")
    verdict = verify_model(other, signed / "model.sig", TrustKeys((signer.public,)), now)
    assert len(verdict.problems) > 100
    assert "config.json" not in {p.path for p in verdict.problems}


def test_another_key_is_told_apart_from_another_content(signed, signer, now):
    stranger = generate_private_key(SECP256R1()).public_key()
    with pytest.raises(TrustError, match="signed by another key"):
        verify_model(signed, signed / "model.sig", TrustKeys((stranger,)), now)
    data = (signed / "model.sig").read_bytes()
    manifest = survey_model(signed, signed / "model.sig")
    forged = sign_manifest(manifest, SoftwareSigner(generate_private_key(SECP256R1())), now)
    hint = data.split(b'"hint":"')[1][:64]
    (signed / "model.sig").write_bytes(forged.replace(forged.split(b'"hint":"')[1][:64], hint))
    with pytest.raises(IntegrityError, match="not over this list of files"):
        verify_model(signed, signed / "model.sig", TrustKeys((signer.public,)), now)


def test_files_larger_than_a_buffer_and_many_shards(tmp_path):
    (tmp_path / "big").write_bytes(bytes(range(256)) * 12_000)
    whole = hash_model(tmp_path, Hashing()).resources
    shards = hash_model(tmp_path, Hashing("shards", shard_size=1_000_000)).resources
    assert (len(whole), [s.shard for s in shards][-1]) == (1, (3_000_000, 3_072_000))
    assert [s.name for s in shards][:1] == ["big:0:1000000"]


def test_folders_too_deep_are_a_limit(tmp_path):
    (tmp_path / "/".join("d" for _ in range(70))).mkdir(parents=True)
    with pytest.raises(LimitError, match="64 deep"):
        hash_model(tmp_path, Hashing())


def test_a_manifest_survives_its_statement():
    resources = (Resource("a:b", "00" * 32, (0, 5)), Resource("a:b", "11" * 32, (5, 7)))
    manifest = ModelManifest("m", Hashing("shards", shard_size=5, ignored=("x",)), resources)
    assert ModelManifest.parse(manifest.to_statement().payload(), where="here") == manifest
