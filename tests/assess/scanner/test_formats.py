"""Formats at their edges: what is told from what, and what a reader must not be made to do."""

import gzip
import io
import json
import tarfile
import time

import pytest
from tests.assess.scanner.specimens.containers import BENIGN, EVIL, zip_of
from tests.assess.scanner.specimens.formats import LAMBDA, gguf_with, onnx_model

from strongroom.assess.scanner import Rating, scan_bytes
from strongroom.domain.outcome import Outcome

CONFIG = {"class_name": "Sequential", "config": {"layers": [LAMBDA]}}
HDF5 = b"\x89HDF\r\n\x1a\n"


@pytest.mark.parametrize(
    ("data", "name", "format_"),
    [
        (b"", "x", "empty"),
        (b"import os\nimport sys\n", "a.py", "python"),
        (b"cos and sin\nare used\n", "README", "text"),
        (b"(see below)\nI think\n.", "notes.txt", "text"),
        (b"N.B. this is text", "a.txt", "text"),
        (b"tree\nversion=v4\n", "model", "lightgbm"),
        (b'{"learner": {}, "version": [3, 2, 0]}', "m.json", "xgboost"),
        (b'{"a": 1}', "c.json", "json"),
        (b"CBM1\x00\x00", "m.cbm", "catboost"),
        (b"PAR1\x00\x00", "d.parquet", "parquet"),
        (b"\x80\x04N.", "x.txt", "pickle"),
        (b"(lp0\nI1\na.", "x", "pickle"),
        (onnx_model(), "x", "onnx"),
        (gguf_with("{{ x }}"), "x", "gguf"),
        (b'<?xml version="1.0"?><PMML/>', "x", "pmml"),
    ],
)
def test_the_format_is_told_by_content(data, name, format_):
    report = scan_bytes(data, name)
    assert report.format == format_
    assert report.verdict is Rating.CLEAN


@pytest.mark.parametrize("before", [0, 100, 256 * 1024 - 20, 256 * 1024 - 3, 600_000])
@pytest.mark.parametrize("text", ["a}b", 'quote " and \\ slash }', "{{{", ""])
def test_a_lambda_is_found_wherever_in_an_hdf5_file_its_configuration_stands(before, text):
    config = json.dumps({"name": text, **CONFIG}).encode()
    report = scan_bytes(HDF5 + b"\xfe" * before + config + b"\0" * 50)
    assert report.verdict is Rating.BLOCK


def test_a_lambda_in_a_configuration_that_never_ends_is_found():
    assert scan_bytes(HDF5 + json.dumps(CONFIG).encode()[:-5]).verdict is Rating.BLOCK


def test_braces_without_end_take_linear_time():
    started = time.process_time()
    scan_bytes(HDF5 + b'{"name":' * 500_000)
    scan_bytes(b"{{" * 400_000, "x.jinja")
    scan_bytes(b'{"a":' * 200_000, "x.json")
    assert time.process_time() - started < 20


def test_an_extended_tar_header_that_unpacks_to_gigabytes_is_not_held():
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("a")
        info.pax_headers = {"comment": "x" * 5_000_000}
        archive.addfile(info)
    report = scan_bytes(gzip.compress(buffer.getvalue()))
    assert report.verdict is Rating.UNKNOWN
    assert "extended header" in report.findings[0].message


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_every_kind_of_tar_is_read_to_its_end_with_long_names(form):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for name, data in (("a.txt", b"x" * 700), ("d/" * 30 + "long-name" * 8 + ".pkl", EVIL)):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    report = scan_bytes(buffer.getvalue())
    assert report.verdict is Rating.BLOCK
    assert "long-name" in report.findings[0].member


def test_a_long_json_without_keys_that_bring_code_is_data_and_with_them_unknown():
    padding = '"a": "' + "x" * 9_000_000 + '"'
    assert scan_bytes(b"{" + padding.encode() + b"}").verdict is Rating.CLEAN
    keyed = b"{" + padding.encode() + b', "auto_map": {"AutoModel": "m.M"}}'
    assert scan_bytes(keyed).verdict is Rating.UNKNOWN


def test_a_clean_pickle_says_that_its_format_runs_instructions():
    assert scan_bytes(BENIGN).runs_instructions
    assert scan_bytes(zip_of({"model.pkl": BENIGN})).runs_instructions
    assert not scan_bytes(onnx_model()).runs_instructions


def test_a_hazard_becomes_a_finding_of_the_house():
    hazard = scan_bytes(EVIL).findings[0]
    finding = hazard.to_finding("model.pkl")
    assert finding.outcome is Outcome.FAIL
    assert finding.where == "model.pkl@2"
    assert finding.facts["call"] == "os.system('true')"
