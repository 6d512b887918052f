"""Every malicious specimen is rated as it should be; those that can run here are shown to run."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.assess.scanner.specimens import sandbox
from tests.assess.scanner.specimens.all import MALICIOUS

from strongroom.assess.scanner import Rating, scan_bytes, scan_file

EXECUTED = [s for s in MALICIOUS if s.event]


@pytest.mark.parametrize("specimen", MALICIOUS, ids=str)
def test_a_malicious_file_gets_the_verdict_that_it_deserves(specimen, tmp_path):
    path = tmp_path / specimen.filename
    path.write_bytes(specimen.make())
    report = scan_file(path)
    assert report.verdict == specimen.verdict, [h.message for h in report.findings]
    told = [h for h in report.findings if h.rating is report.verdict]
    assert all(h.message for h in told)
    if report.verdict is Rating.BLOCK:
        assert any(h.references and h.attack for h in told)


def test_specimens_really_run_when_python_unpickles_them(tmp_path):
    """Else we would be proud of blocking what does nothing."""
    wanted = {}
    for index, specimen in enumerate(EXECUTED):
        name = f"{index:03}"
        (tmp_path / name).write_bytes(specimen.make())
        wanted[name] = specimen.event
    said = run_sandbox(tmp_path, wanted)
    silent = {str(EXECUTED[int(n)]) for n, event in said.items() if event != wanted[n]}
    assert not silent
    assert len(said) == len(EXECUTED) > 60


def run_sandbox(folder: Path, wanted) -> dict[str, str]:
    """File name to the audit event that was seen, or `-`."""
    pairs = [f"{name}={event}" for name, event in wanted.items()]
    command = [sys.executable, sandbox.__file__, str(folder), *pairs]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    return dict(line.split() for line in done.stdout.splitlines())


def test_the_report_shows_the_call_with_its_arguments_and_offset():
    (worst, *_) = scan_bytes(b"\x80\x04cos\nsystem\n\x8c\x04true\x85R.").findings
    assert (worst.call, worst.offset, worst.attack) == ("os.system('true')", 2, "command_execution")
    assert {"CWE-502", "CWE-78"} <= set(worst.references)
