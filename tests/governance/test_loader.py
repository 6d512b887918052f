"""Manifests: one that holds together loads; every way of breaking it is named with line and fix."""

import json
import os
import time
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from strongroom.domain.digests import sha256
from strongroom.domain.errors import InputError
from strongroom.governance.loader import Loaded, load_manifest, read_manifest
from strongroom.governance.manifest import System
from strongroom.testing.manifests import GOOD, changed

SLIPS = yaml.safe_load((Path(__file__).parent / "slips.yaml").read_text("utf-8"))


def loaded_or_refused(data: bytes) -> bool:
    """Loaded, or refused in words that name the file."""
    try:
        return isinstance(read_manifest(data, Path()), Loaded)
    except InputError as error:
        return "strongroom.yaml" in str(error)


def refusal(data: bytes, folder: Path = Path()) -> str:
    with pytest.raises(InputError) as caught:
        read_manifest(data, folder)
    return str(caught.value)


def test_a_good_manifest_loads_with_its_digest_and_lines(tmp_path: Path) -> None:
    (tmp_path / "strongroom.yaml").write_text(GOOD)
    for given_path in (tmp_path, tmp_path / "strongroom.yaml"):
        loaded = load_manifest(given_path)
        assert loaded.system.system.jurisdictions == ("MY",)
        assert loaded.digest == sha256(GOOD.encode())
        assert loaded.source == GOOD.encode()
        assert loaded.folder == tmp_path.resolve()
        assert loaded.file("model.onnx") == tmp_path.resolve() / "model.onnx"
        where = loaded.where("data", "schema", "features", 0, "min")
        assert where.endswith(":23 data.schema.features[0].min")


def test_norway_is_a_country_not_a_refusal() -> None:
    loaded = read_manifest(changed(("[MY]", "[NO, EU]")), Path())
    assert loaded.system.system.jurisdictions == ("NO", "EU")


@pytest.mark.parametrize("slip", SLIPS, ids=lambda slip: slip["new"][:40] or "removed")
def test_each_slip_is_told_with_line_field_and_fix(slip: dict[str, str]) -> None:
    assert slip["told"] in refusal(changed((slip["old"], slip["new"])))


def test_all_problems_are_told_at_once_in_the_order_of_the_file() -> None:
    text = refusal(
        changed(
            ("kind: ml_model", "kind: robot"),
            ("[MY]", "[UK]"),
            ("path: model.onnx", "path: /etc/passwd"),
            ("type: float, min: 0}", "type: float, min: '0', max: 1}"),
            ("max: 23", "max: -1"),
            ("amount + fee", "nothing"),
        )
    )
    assert "6 problems" in text
    lines = [
        int(row.split(":")[1]) for row in text.splitlines() if row.startswith("  strongroom.yaml:")
    ]
    assert lines == [6, 8, 11, 24, 26, 29]


def test_an_ml_model_comes_with_model_and_data_other_kinds_need_not() -> None:
    start, _, _ = GOOD.partition("model:\n  path")
    text = refusal(start.encode())
    assert "model: is missing: an ml_model has a model and data" in text
    assert "data: is missing" in text
    agent = start.replace("kind: ml_model", "kind: agent")
    assert read_manifest(agent.encode(), Path()).system.model is None


def test_a_link_may_not_lead_out_of_the_folder(tmp_path: Path) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    inside.mkdir()
    outside.mkdir()
    (outside / "model.onnx").write_bytes(b"x")
    (inside / "model.onnx").symlink_to(outside / "model.onnx")
    assert "is a link that leads out of" in refusal(GOOD.encode(), inside)
    (inside / "model.onnx").unlink()
    (inside / "real.onnx").write_bytes(b"x")
    (inside / "model.onnx").symlink_to("real.onnx")
    loaded = read_manifest(GOOD.encode(), inside)
    assert loaded.file("model.onnx") == (inside / "real.onnx").resolve()
    (inside / "loop").symlink_to("loop")
    with pytest.raises(InputError):
        loaded.file("loop/x")


def test_what_is_no_manifest_is_refused_with_advice(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="strongroom init"):
        load_manifest(tmp_path)
    with pytest.raises(InputError, match="no manifest here"):
        load_manifest(tmp_path / "none.yaml")
    os.mkfifo(tmp_path / "strongroom.yaml")
    with pytest.raises(InputError, match="not a regular file"):
        load_manifest(tmp_path)
    assert "the file is empty" in refusal(b"")
    assert "found a list" in refusal(b"- 1\n")


@settings(max_examples=60)
@given(st.binary(max_size=300))
def test_any_bytes_are_loaded_or_refused(data: bytes) -> None:
    assert loaded_or_refused(data)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.integers(0, len(GOOD) - 1),
    st.integers(0, 60),
    st.text("abY10.-:[]{}',\"#&*! \n~\0é", max_size=12),
)
def test_a_damaged_manifest_is_loaded_or_refused(at: int, cut: int, put: str) -> None:
    data = (GOOD[:at] + put + GOOD[at + cut :]).encode()
    assert loaded_or_refused(data)


FIELDS = [*System.model_fields, "schema", "features", "name", "path", "train", "x"]
wild = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(FIELDS),
        inner,
        max_size=6,
    ),
    max_leaves=25,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from(FIELDS), wild))
def test_values_of_any_shape_in_any_place_are_refused_in_order(value: dict[str, object]) -> None:
    with pytest.raises(InputError):
        read_manifest(json.dumps(value).encode(), Path())


def test_a_flood_of_slips_is_told_in_bounded_time_and_words() -> None:
    features = "".join(f"      - {{name: column_{i}}}\n" for i in range(1500))
    relations = ", ".join(f'"colum_{i} == 0"' for i in range(1500))
    started = time.process_time()
    text = refusal(
        changed(
            ("    relations: [", f"{features}    relations: [{relations}, "),
        )
    )
    assert time.process_time() - started < 20
    assert "more" in text
    assert len(text) < 20_000
