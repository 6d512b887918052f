"""Advisories: the mirror, whose it is, how old it is, and what it says of pinned packages."""

import json
import subprocess
import sys
import zipfile
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path
from threading import Thread

import pytest
from packaging.version import Version
from typer.testing import CliRunner

from strongroom.assess.advisories.audit import audit
from strongroom.assess.advisories.cvss import base_score
from strongroom.assess.advisories.mirror import DATA, HEAD, open_mirror, write_mirror
from strongroom.assess.advisories.osv import Advisory, reduce
from strongroom.assess.advisories.server import serving
from strongroom.assess.advisories.source import MAX_ONE, read_source
from strongroom.domain.errors import (
    InputError,
    IntegrityError,
    LimitError,
    StrongroomError,
    TrustError,
)
from strongroom.domain.outcome import Severity
from strongroom.keys.keypair import generate
from strongroom.keys.trust import Role, TrustedKey, TrustPolicy

NOW = datetime(2026, 6, 1, tzinfo=UTC)
KEY = generate()
CRITICAL = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"


def trust(key=KEY, roles=(Role.EVIDENCE,), scopes=("*",)):
    year = timedelta(days=365)
    return TrustPolicy((TrustedKey("assessor", key.public, roles, scopes, NOW - year, NOW + year),))


def osv(name, events, *, package="demo-lib", **more):
    return {
        "schema_version": "1.6.0",
        "id": name,
        "modified": "2026-05-01T00:00:00Z",
        "summary": f"about {package}",
        "affected": [
            {
                "package": {"ecosystem": "PyPI", "name": package},
                "ranges": [{"type": "ECOSYSTEM", "events": events}],
            }
        ],
        **more,
    }


SOURCE = [
    osv("GHSA-aaaa-bbbb-cccc", [{"introduced": "0"}, {"fixed": "1.2.3"}], package="Demo_Lib",
        aliases=["CVE-2026-1"], severity=[{"type": "CVSS_V3", "score": CRITICAL}]),
    osv("PYSEC-2026-7", [{"introduced": "0"}, {"fixed": "1.2.3"}], aliases=["CVE-2026-1"]),
    osv("GHSA-mild-mild-mild", [{"introduced": "2.0"}, {"last_affected": "2.5"}],
        database_specific={"severity": "LOW"}),
    osv("GHSA-gone-gone-gone", [{"introduced": "0"}], withdrawn="2026-05-02T00:00:00Z"),
    osv("MAL-2026-1", [{"introduced": "0"}], package="evil-lib"),
    osv("GHSA-other-other-ot", [{"introduced": "0"}], package="untouched"),
]  # fmt: skip


@pytest.fixture
def export(tmp_path):
    folder = tmp_path / "export"
    folder.mkdir()
    for one in SOURCE:
        (folder / f"{one['id']}.json").write_text(json.dumps(one))
    return folder


@pytest.fixture
def mirror(tmp_path, export):
    folder = tmp_path / "mirror"
    write_mirror(folder, read_source(str(export)), source="export", as_of=NOW, signer=KEY)
    return folder


def opened(folder, **more):
    return open_mirror(folder, trust(), **({"now": NOW} | more))


# --- the mirror


def test_what_was_signed_is_read_back(mirror):
    about = opened(mirror).about
    assert (about.advisories, about.as_of, about.signers) == (6, NOW, ("assessor",))


def test_one_changed_byte_is_refused(mirror):
    data = bytearray((mirror / DATA).read_bytes())
    data[40] ^= 1
    (mirror / DATA).write_bytes(data)
    with pytest.raises(IntegrityError, match="not the advisories that were signed"):
        opened(mirror)


@pytest.mark.parametrize(
    ("policy", "match"),
    [
        (trust(key=generate()), "does not know"),
        (trust(roles=(Role.SEAL,)), "may not sign"),
        (trust(scopes=("privacy.*",)), "may not sign"),
    ],
    ids=["stranger", "role", "scope"],
)
def test_a_signature_that_does_not_count_is_refused(mirror, policy, match):
    with pytest.raises(TrustError, match=match):
        open_mirror(mirror, policy, now=NOW)


def test_an_old_mirror_is_refused_and_the_limit_can_be_set(mirror):
    later = NOW + timedelta(days=8)
    with pytest.raises(TrustError, match="older than 7 days"):
        opened(mirror, now=later)
    assert opened(mirror, now=later, max_age=timedelta(days=9)).about.advisories == 6


def test_a_mirror_of_tomorrow_is_refused(mirror):
    with pytest.raises(TrustError, match="to come"):
        opened(mirror, now=NOW - timedelta(days=1))


def test_a_mirror_without_its_statement_is_none(mirror):
    (mirror / HEAD).unlink()
    with pytest.raises(InputError, match="no mirror"):
        opened(mirror)


# --- where it comes from


def test_a_zip_a_folder_and_an_address_say_the_same(export, tmp_path):
    archive = tmp_path / "served" / "all.zip"
    archive.parent.mkdir()
    with zipfile.ZipFile(archive, "w") as target:
        for file in export.iterdir():
            target.write(file, file.name)
    handler = partial(SimpleHTTPRequestHandler, directory=str(archive.parent))
    handler.log_message = lambda *_: None
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        address = f"http://127.0.0.1:{server.server_port}/all.zip"
        fetched = sorted(d["id"] for d in read_source(address))
    finally:
        server.shutdown()
        server.server_close()
    assert fetched == sorted(d["id"] for d in read_source(str(archive)))
    assert fetched == sorted(d["id"] for d in read_source(str(export)))


@pytest.mark.parametrize(
    "address", ["http://example.org/all.zip", "file:///etc/passwd", "ftp://x/y"]
)
def test_only_https_is_fetched(address):
    with pytest.raises(InputError, match="https only"):
        list(read_source(address))


@pytest.mark.parametrize(
    "text",
    ["", "[" * 100_000, "{}", "[]", "null", '{"id": 5}', '{"id": "X-1", "affected": {}}',
     '{"id": "A-123", "modified": 3, "affected": [{"package": {"ecosystem": "PyPI"}}]}',
     '{"id": "A-123", "modified": "x", "affected": [{"package": {"name": "a"}}]}',
     json.dumps(osv("A-123", [{}])), json.dumps(osv("A-123", ["x"])),
     json.dumps(osv("../../x", [{"introduced": "0"}]))],
    ids=lambda text: text[:20],
)  # fmt: skip
def test_a_file_that_is_no_advisory_stops_the_sync(export, text):
    (export / "bad.json").write_text(text)
    with pytest.raises(InputError, match=r"bad\.json"):
        list(read_source(str(export)))


def test_a_zip_bomb_is_refused_before_it_unpacks(tmp_path):
    bomb = tmp_path / "all.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as target:
        target.writestr("a.json", b"[" + b" " * (2 * MAX_ONE))
    with pytest.raises(LimitError, match="more than"):
        list(read_source(str(bomb)))


def test_what_is_no_zip_is_refused(tmp_path):
    (tmp_path / "all.zip").write_bytes(b"PK\x03\x04 no")
    with pytest.raises(InputError, match="not a sound ZIP"):
        list(read_source(str(tmp_path / "all.zip")))


# --- what it says


@pytest.mark.parametrize(
    ("version", "affected"),
    [("0.1", True), ("1.2.2", True), ("1.2.3rc1", True), ("1.2.3", False), ("9", False)],
)
def test_a_range_ends_where_it_is_fixed(version, affected):
    advisory = Advisory(reduce(SOURCE[0], where="test"))
    assert advisory.affects("demo-lib", Version(version)) is affected


@pytest.mark.parametrize(
    ("events", "version", "affected"),
    [
        ([{"introduced": "1"}, {"last_affected": "2"}], "2", True),
        ([{"introduced": "1"}, {"last_affected": "2"}], "2.0.1", False),
        ([{"fixed": "2"}, {"introduced": "1"}, {"introduced": "3"}, {"fixed": "4"}], "3.5", True),
        ([{"introduced": "1"}], "0.9", False),
        ([{"introduced": "0"}, {"fixed": "not a version"}], "5", True),
    ],
    ids=["last", "after", "second-range", "before", "unreadable"],
)
def test_ranges_are_read_as_osv_says(events, version, affected):
    advisory = Advisory(reduce(osv("A-123", events), where="test"))
    assert advisory.affects("demo-lib", Version(version)) is affected


def test_cvss_gives_the_scores_of_its_specification():
    assert base_score(CRITICAL) == 9.8
    assert base_score("CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N") == 6.1
    assert base_score("CVSS:3.0/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H") == 7.8
    assert base_score("CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:N/I:N/A:N") == 0.0
    assert base_score("CVSS:4.0/AV:N") is None
    assert base_score("nonsense") is None


def test_pip_audit_finds_each_weakness_once_under_all_its_names(mirror):
    audited = audit([("Demo.Lib", "1.2.0"), ("untouched2", "1.0")], opened(mirror))
    (known,) = audited.known
    assert known.id == "PYSEC-2026-7"
    assert set(known.aliases) == {"CVE-2026-1", "GHSA-aaaa-bbbb-cccc"}
    assert (known.fixed, known.severity) == (("1.2.3",), Severity.CRITICAL)
    assert audited.checked == 2


def test_malice_and_versions_that_are_none_are_told(mirror):
    audited = audit([("evil-lib", "1"), ("odd", "not-a-version")], opened(mirror))
    assert [k.malicious for k in audited.known] == [True]
    assert audited.unchecked == ("odd not-a-version (not a version)",)


def test_withdrawn_advisories_do_not_count(mirror):
    assert audit([("demo-lib", "1.9")], opened(mirror)).known == ()


def test_the_command_line_of_pip_audit_agrees(mirror, tmp_path):
    """The same mirror, served as OSV, asked by pip-audit itself."""
    packages = [("demo-lib", "1.2.0"), ("demo-lib2", "2.0"), ("evil-lib", "1.0")]
    wanted = tmp_path / "requirements.txt"
    wanted.write_text("".join(f"{name}=={version}\n" for name, version in packages))
    checked = opened(mirror)
    with serving(checked.concerning(name for name, _ in packages)) as address:
        command = [sys.executable, "-m", "pip_audit", "-r", str(wanted), "--no-deps",
                   "--disable-pip", "-s", "osv", "--osv-url", f"{address}/v1/query", "-f", "json",
                   "--cache-dir", str(tmp_path / "cache")]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    said = json.loads(done.stdout)["dependencies"]
    theirs = {(d["name"], v["id"], tuple(v["fix_versions"])) for d in said for v in d["vulns"]}
    ours = {(k.package, k.id, k.fixed) for k in audit(packages, checked).known}
    assert theirs == ours
    assert len(ours) == 2


# --- strongroom scan


@pytest.fixture(scope="module")
def synced(tmp_path_factory):
    """A folder with a home and a mirror made by the command itself."""
    folder = tmp_path_factory.mktemp("synced")
    (folder / "export").mkdir()
    for one in SOURCE:
        (folder / "export" / f"{one['id']}.json").write_text(json.dumps(one))
    home, out = str(folder / ".strongroom"), str(folder / "mirror")
    code, _, err = strongroom(
        folder, "advisories", "sync", "--from", str(folder / "export"), "--out", out, "--home", home
    )
    assert code == 0, err
    return folder


def strongroom(folder, *arguments):
    """A verb in this process; errors by their text, with the exit code that they get."""
    verb, *rest = arguments
    done = CliRunner().invoke(import_module(f"strongroom.cli.{verb}").app, rest)
    if isinstance(done.exception, StrongroomError):
        return 2, done.stdout, f"error: {done.exception}"
    return done.exit_code, done.stdout, done.stderr


@pytest.fixture(autouse=True)
def here(request, monkeypatch):
    if "synced" in request.fixturenames:
        monkeypatch.chdir(request.getfixturevalue("synced"))


def scanned(folder: Path, text: str, *arguments):
    (folder / "requirements.txt").write_text(text)
    code, out, err = strongroom(folder, "scan", "requirements.txt", "--format", "json", *arguments)
    return code, json.loads(out)["files"][0] if out else None, err


HASH = " --hash=sha256:" + "0" * 64


def test_scan_blocks_a_package_with_a_known_weakness(synced):
    code, file, _ = scanned(synced, f"demo-lib==1.2.0{HASH}\n", "--advisories", "mirror")
    finding = file["findings"][0]
    assert (code, file["verdict"], finding["id"]) == (1, "block", "dependencies.advisory")
    assert finding["severity"] == "critical"
    assert {"CVE-2026-1", "PYSEC-2026-7", "GHSA-aaaa-bbbb-cccc"} <= set(finding["references"])
    assert "fixed in 1.2.3" in finding["message"]


def test_scan_leaves_a_mild_weakness_to_a_person(synced):
    code, file, _ = scanned(synced, f"demo-lib==2.1{HASH}\n", "--advisories", "mirror")
    assert (code, file["verdict"]) == (0, "review")


def test_scan_is_clean_when_all_was_asked(synced):
    code, file, _ = scanned(synced, f"demo-lib==3.0{HASH}\n", "--advisories", "mirror")
    assert (code, file["verdict"]) == (0, "clean")
    assert [f["id"] for f in file["findings"]] == ["dependencies.advisories"]


def test_scan_without_a_mirror_says_that_nothing_was_asked(synced):
    _, file, _ = scanned(synced, f"demo-lib==1.2.0{HASH}\n")
    assert [f["id"] for f in file["findings"]] == ["dependencies.advisories_unchecked"]


def test_a_package_without_a_version_could_not_be_asked_for(synced):
    code, file, _ = scanned(synced, "demo-lib>=1\n", "--advisories", "mirror")
    assert (code, file["verdict"]) == (2, "unknown")


def test_scan_refuses_a_mirror_that_was_changed_or_is_missing(synced, tmp_path):
    bad = tmp_path / "mirror"
    bad.mkdir()
    for name in (DATA, HEAD):
        (bad / name).write_bytes((synced / "mirror" / name).read_bytes())
    (bad / DATA).write_bytes(b"")
    for mirror in (bad, tmp_path / "none"):
        code, file, err = scanned(synced, "demo-lib==3.0\n", "--advisories", str(mirror))
        assert (code, file) == (2, None)
        assert "error:" in err
    code, _, err = scanned(synced, "a==1\n", "--advisories", "mirror", "--max-age", "0")
    assert code == 2
    assert "older" in err


def test_a_carried_mirror_keeps_its_date_and_a_carried_export_gets_one(synced):
    code, _, err = strongroom(synced, "advisories", "import", "mirror", "--out", "carried")
    assert code == 0, err
    before = strongroom(synced, "advisories", "show", "mirror", "--format", "json")[1]
    assert strongroom(synced, "advisories", "show", "carried", "--format", "json")[1] == before
    strongroom(synced, "advisories", "import", "export", "--out", "old")
    code, _, err = strongroom(synced, "advisories", "show", "old")
    assert code == 2
    assert "2026-05-01" in err
