"""The check on advisories: pinned packages, held against the mirror that the home holds."""

from datetime import timedelta

import pytest
from tests.assess.conftest import NOW

from strongroom.assess.advisories.held import FOLDER, held_mirror
from strongroom.assess.advisories.mirror import DATA, write_mirror
from strongroom.assess.advisories.osv import reduce
from strongroom.assess.assessing import assess
from strongroom.assess.history import History
from strongroom.assess.home_store import HomeStore
from strongroom.assess.runner import Plan
from strongroom.domain.errors import IntegrityError
from strongroom.domain.outcome import Outcome
from strongroom.governance.catalog import load_catalog
from strongroom.testing.cases import ask

CHECK = "supply_chain.advisories"
WEAK = {
    "id": "GHSA-aaaa-bbbb-cccc",
    "modified": "2026-11-20T00:00:00Z",
    "summary": "code runs when a model is loaded",
    "aliases": ["CVE-2026-1"],
    "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
    "affected": [
        {
            "package": {"ecosystem": "PyPI", "name": "demo-lib"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.2.3"}]}],
        }
    ],
}
EVIL = {
    "id": "MAL-2026-1",
    "modified": "2026-11-21T00:00:00Z",
    "summary": "sends the environment away",
    "affected": [
        {
            "package": {"ecosystem": "PyPI", "name": "evil-lib"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}],
        }
    ],
}


class Silent:
    def started(self, check): ...
    def progressed(self, check, done, total): ...
    def ended(self, assessed): ...


def sync(home, *, age=timedelta(hours=1)):
    signer = home.signer("assessor")
    folder = home.folder / FOLDER
    documents = [reduce(one, where="ours") for one in (WEAK, EVIL)]
    write_mirror(folder, documents, source="ours", as_of=NOW - age, signer=signer)


def declare(workshop, *pins):
    (workshop.folder / "requirements.txt").write_text("".join(f"{pin}\n" for pin in pins))
    workshop.write({**workshop.manifest, "dependencies": "requirements.txt"})


@pytest.fixture
def judged(home, workshop):
    pytest.importorskip("pip_audit", reason="needs the supply extra")

    def judge(*pins):
        declare(workshop, *pins)
        return ask(workshop, CHECK, history=History(mirror=held_mirror(home, NOW)))

    return judge


def test_a_weak_version_is_counted_by_severity_and_the_cure_is_named(home, judged):
    sync(home)
    answer = judged("demo-lib==1.2.0", "numpy==2.4.6")
    assert answer.metrics["known[critical]"].value == 1
    assert answer.metrics["fixable"].value == 1
    assert "pin demo-lib==1.2.3" in {finding.fix for finding in answer.findings}


def test_a_version_after_the_cure_is_not_weak(home, judged):
    sync(home)
    answer = judged("demo-lib==1.2.3")
    assert answer.outcome is Outcome.PASS
    assert answer.metrics["known[critical]"].value == 0


def test_a_malicious_package_fails_by_itself(home, judged):
    sync(home)
    answer = judged("evil-lib==3.0")
    assert answer.broken == {"malicious"}
    assert answer.metrics["malicious"].value == 1


def test_a_package_without_an_exact_version_is_unknown(home, judged):
    sync(home)
    assert judged("demo-lib>=1").outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("age", [timedelta(days=8), -timedelta(hours=1)], ids=["old", "tomorrow"])
def test_a_mirror_of_another_time_lets_nothing_pass(home, judged, age):
    sync(home, age=age)
    assert judged("numpy==2.4.6").broken == {"no_mirror"}


def test_without_a_mirror_nothing_passes(judged):
    assert judged("numpy==2.4.6").broken == {"no_mirror"}


def test_other_advisories_than_were_signed_are_refused(home, judged):
    sync(home)
    data = home.folder / FOLDER / DATA
    data.write_bytes(data.read_bytes().replace(b"1.2.3", b"1.1.9"))
    with pytest.raises(IntegrityError, match="not the advisories that were signed"):
        judged("demo-lib==1.2.0")


def test_a_new_mirror_calls_for_new_evidence_and_the_same_one_does_not(home, workshop):
    pytest.importorskip("pip_audit", reason="needs the supply extra")

    def reused():
        (one,) = assess(
            workshop.load(),
            load_catalog(),
            Plan(seed=0),
            store=HomeStore(home),
            now=lambda: NOW,
            watch=Silent(),
            names=(CHECK,),
        )
        return one.reused

    declare(workshop, "numpy==2.4.6")
    sync(home)
    assert [reused(), reused()] == [False, True]
    sync(home, age=timedelta(minutes=5))
    assert not reused()
