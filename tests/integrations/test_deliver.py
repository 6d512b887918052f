"""Delivery into the folder of a model server: whole and verified, or not at all."""

from __future__ import annotations

import json
import runpy
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import lightgbm
import numpy as np
import pytest
import yaml

from strongroom.domain.decision import Stage
from strongroom.domain.errors import DeniedError, InputError
from strongroom.governance.loader import Loaded
from strongroom.home.home import Home
from strongroom.integrations.deliver import Layout, deliver
from strongroom.integrations.huggingface import checked_folder, pins_of
from strongroom.registry.registry import Registry
from strongroom.testing.releases import decide, make_release

CANARY = b"CANARY-4f9a1c7e-not-to-be-found"


def strongroom(*args: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "strongroom.cli", *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def safetensors(weight: np.ndarray) -> bytes:
    """One tensor of 32-bit floats, in the format's own layout: length, JSON header, numbers."""
    said = {"dtype": "F32", "shape": list(weight.shape), "data_offsets": [0, weight.nbytes]}
    header = json.dumps({"weight": said}).encode()
    return struct.pack("<Q", len(header)) + header + weight.tobytes()


def weight_of(path: Path) -> np.ndarray:
    data = path.read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    said = json.loads(data[8 : 8 + length])["weight"]
    start, stop = said["data_offsets"]
    return np.frombuffer(data[8 + length :][start:stop], np.float32).reshape(said["shape"])


def put_in_development(home: Home, loaded: Loaded) -> None:
    decide(home, loaded, Stage.DEVELOPMENT)
    Registry(home).promote(loaded, Stage.DEVELOPMENT)


@pytest.fixture
def released(home: Home, tmp_path: Path) -> Home:
    """A version of `fraud` in development, with a Hugging Face folder for a model."""
    loaded = make_release(tmp_path / "system")
    model = tmp_path / "system" / "model"
    for file in model.iterdir():
        file.unlink()
    (model / "model.safetensors").write_bytes(safetensors(np.arange(6, dtype=np.float32)))
    (model / "config.json").write_text('{"model_type": "bert"}')
    (model / "tokenizer").mkdir()
    (model / "tokenizer" / "vocab.txt").write_bytes(CANARY)
    put_in_development(home, loaded)
    return home


FILES = {"config.json", "model.safetensors", "tokenizer/vocab.txt"}


def below(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


def test_the_command_of_an_init_container_delivers_the_model(
    released: Home, tmp_path: Path, canary_in: Callable[[Path], list[Path]]
) -> None:
    done = strongroom(
        "deliver", "sealed://fraud/development", tmp_path / "models", "--home", released.folder
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert below(tmp_path / "models") == FILES
    modes = {p.stat().st_mode & 0o777 for p in (tmp_path / "models").rglob("*")}
    assert modes == {0o640, 0o750}
    assert (tmp_path / "models").stat().st_mode & 0o777 == 0o750
    assert canary_in(released.folder) == []


def test_a_folder_in_use_is_refused_and_left_alone(released: Home, tmp_path: Path) -> None:
    opened = Registry(released).open("fraud", Stage.DEVELOPMENT)
    (tmp_path / "models").mkdir()
    deliver(opened, tmp_path / "models", Layout.FILES, whole=True)
    assert "strongroom.yaml" in below(tmp_path / "models")
    before = below(tmp_path / "models")
    with pytest.raises(InputError, match="not empty"):
        deliver(opened, tmp_path / "models", Layout.FILES, whole=False)
    assert below(tmp_path / "models") == before
    (tmp_path / "link").symlink_to(tmp_path / "models")
    with pytest.raises(InputError, match="not empty"):
        deliver(opened, tmp_path / "link", Layout.FILES, whole=False)


def test_a_tampered_version_leaves_no_folder(released: Home, tmp_path: Path) -> None:
    seal = Registry(released).open("fraud", Stage.DEVELOPMENT).seal
    sealed = released.objects.path(seal.files[0].object)
    sealed.chmod(0o600)
    sealed.write_bytes(sealed.read_bytes()[:-1] + b"x")
    done = strongroom(
        "deliver", "sealed://fraud/development", tmp_path / "models", "--home", released.folder
    )
    assert done.returncode == 2
    assert seal.files[0].path in done.stderr
    assert not (tmp_path / "models").exists()
    assert not list(tmp_path.glob(".models*"))


def test_what_the_scanner_blocks_is_denied(home: Home, tmp_path: Path) -> None:
    put_in_development(home, make_release(tmp_path / "bad", b"cos\nsystem\n(S'true'\ntR."))
    done = strongroom(
        "deliver", "sealed://fraud/development", tmp_path / "models", "--home", home.folder
    )
    assert done.returncode == 1
    assert "model.bin: block" in done.stderr
    assert not (tmp_path / "models").exists()


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("sealed://fraud/production", "nothing stands in production"),
        ("sealed://fraud/nowhere", "not a version"),
        ("s3://bucket/model", "not a sealed URI"),
        ("sealed://other/sha256:" + "a" * 64, "no such version"),
    ],
)
def test_what_is_not_there_is_said(released: Home, tmp_path: Path, uri: str, said: str) -> None:
    done = strongroom("deliver", uri, tmp_path / "models", "--home", released.folder)
    assert done.returncode == 2
    assert said in done.stderr
    assert not (tmp_path / "models").exists()


def test_a_mount_point_is_filled_and_a_delivery_cut_short_is_done_again(
    released: Home, tmp_path: Path
) -> None:
    """In a user's own mount namespace, as an emptyDir is in a pod."""
    mount = tmp_path / "mnt"
    mount.mkdir()
    script = (
        f"mount -t tmpfs none {mount} && touch {mount}/config.json"
        f" && mkdir {mount}/.strongroom-draft"
        f' && echo \'["config.json", "../../system"]\' > {mount}/.strongroom-moving && '
        f"{sys.executable} -m strongroom.cli deliver sealed://fraud/development {mount}"
        f" --home {released.folder} && find {mount} -type f -printf '%P\\n'"
    )
    done = subprocess.run(
        ["unshare", "--mount", "--map-root-user", "sh", "-c", script],
        capture_output=True,
        text=True,
        check=False,
    )
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip("no mount namespaces here")
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()) == FILES
    assert (tmp_path / "system").is_dir(), "nothing outside the folder is cleared"


def test_the_snapshot_layout_is_the_cache_of_hugging_face(released: Home, tmp_path: Path) -> None:
    opened = Registry(released).open("fraud", Stage.DEVELOPMENT)
    deliver(opened, tmp_path / "hub", Layout.HF, whole=False)
    repo = tmp_path / "hub" / "models--fraud"
    revision = (repo / "refs" / "main").read_text()
    assert revision == opened.version.hex[:40]
    snapshot = repo / "snapshots" / revision
    assert below(snapshot) == FILES
    assert {p.name for p in repo.iterdir()} == {"blobs", "refs", "snapshots"}
    assert [p.name for p in (tmp_path / "hub").iterdir()] == ["models--fraud"]
    assert weight_of(snapshot / "model.safetensors").tolist() == [0, 1, 2, 3, 4, 5]

    pins = pins_of(opened)
    assert checked_folder(snapshot, pins) == snapshot
    (snapshot / "extra.py").write_text("import os")
    with pytest.raises(DeniedError, match=r"extra\.py is not pinned"):
        checked_folder(snapshot, pins)
    (snapshot / "extra.py").unlink()
    blob = (snapshot / "config.json").resolve()
    blob.write_text("{}")
    with pytest.raises(DeniedError, match=r"config\.json is not the file that is pinned"):
        checked_folder(snapshot, pins)
    (snapshot / "config.json").unlink()
    with pytest.raises(DeniedError, match=r"config\.json is missing"):
        checked_folder(snapshot, pins)


def test_a_pinned_folder_with_code_of_its_own_is_denied(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    pins = pins_of(tmp_path)
    with pytest.raises(DeniedError, match=r"pytorch_model\.bin: block"):
        checked_folder(tmp_path, pins)


TEMPLATES = Path(__file__).parents[2] / "examples" / "integrations"


@pytest.mark.parametrize("name", ["kserve-storage-container.yaml", "kserve-init-container.yaml"])
def test_the_command_in_each_template_delivers(released: Home, tmp_path: Path, name: str) -> None:
    """The very words of the YAML, with the folders of this test for those of a pod."""
    document = yaml.safe_load((TEMPLATES / name).read_text("utf-8"))
    if document["kind"] == "ClusterStorageContainer":
        container = document["spec"]["container"]
        assert document["spec"]["supportedUriFormats"] == [{"prefix": "sealed://"}]
        arguments = ["sealed://fraud/development", "/mnt/models"]  # KServe adds these two
    else:
        predictor = document["spec"]["predictor"]
        (container,) = predictor["initContainers"]
        arguments = container["args"]
        mounts = {m["name"] for m in container["volumeMounts"]}
        assert mounts <= {volume["name"] for volume in predictor["volumes"]}
    assert container["command"] == ["strongroom", "deliver"]
    assert arguments[1] == "/mnt/models"
    home = next(e["value"] for e in container["env"] if e["name"] == "STRONGROOM_HOME")
    assert home in {mount["mountPath"] for mount in container["volumeMounts"]}
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    uri = arguments[0].replace("/production", "/development")
    done = strongroom("deliver", uri, tmp_path / "models", "--home", released.folder)
    assert done.returncode == 0, done.stderr
    assert below(tmp_path / "models") == FILES


def test_a_server_opens_what_stands_in_production_in_memory(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The example that a BentoML service calls, and that the docs print."""
    program = TEMPLATES / "verified_model.py"
    page = TEMPLATES.parents[1] / "docs" / "serve-verified.md"
    assert program.read_text("utf-8").rstrip() in page.read_text("utf-8")
    example = runpy.run_path(str(program))
    rows = np.random.default_rng(7).normal(size=(60, 3))
    settings = {"objective": "binary", "verbosity": -1, "num_threads": 1}
    booster = lightgbm.train(settings, lightgbm.Dataset(rows, (rows[:, 0] > 0).astype(int)), 3)
    loaded = make_release(tmp_path / "system")
    (tmp_path / "system" / "model" / "model.txt").write_text(booster.model_to_string())
    for stage in Stage:
        decide(home, loaded, stage)
        Registry(home).promote(loaded, stage)
    monkeypatch.setenv("STRONGROOM_HOME", str(home.folder))
    opened = example["production_model"]("fraud", "model/model.txt")
    assert opened.predict(rows).tolist() == booster.predict(rows).tolist()
