"""What every registered check must hold, before anybody writes a test of it.

A new check is here as soon as its file is: it has a page, a version, a requirement that asks for
it, and it survives whatever it is given without a crash.
"""

import os
import pickle
from datetime import UTC, datetime

import polars as pl
import pytest

from strongroom.assess.check import CheckSpec, Settings, check_names, load_all, load_check
from strongroom.assess.evidence_store import NoStore
from strongroom.assess.orders import orders_for
from strongroom.assess.runner import Plan, run
from strongroom.domain.errors import InputError
from strongroom.domain.outcome import Outcome
from strongroom.governance.catalog import load_catalog
from strongroom.testing.systems import make_workshop

NAMES = check_names()
OPENS_MODEL = {
    "fairness.calibration",
    "fairness.costs",
    "fairness.drift",
    "fairness.explanations",
    "fairness.groups",
    "fairness.intersections",
    "performance.calibration",
    "performance.discrimination",
    "privacy.attribute_inference",
    "privacy.membership",
    "privacy.structure",
    "robustness.evasion_budget",
    "robustness.extraction",
    "robustness.poisoning_swallowed",
    "robustness.triggers",
}
QUICK = {
    # What the contract is about does not need the full budgets.
    "data.poisoning": {"plants": 2},
    "fairness.explanations": {"rows": 40, "retrained": 1},
    "robustness.extraction": {"budgets": [200], "replicates": 100},
    "robustness.poisoning_swallowed": {"shares": [0.01], "triggers": 1},
}


class Silent:
    def started(self, check): ...
    def progressed(self, check, done, total): ...
    def ended(self, assessed): ...


@pytest.fixture
def small(tmp_path):
    return make_workshop(tmp_path / "system", rows=400)


def outcomes(workshop, *names):
    """Every check's evidence on the workshop as it stands, by name."""
    assessed = run(
        workshop.load(),
        orders_for((), QUICK, names or NAMES),
        Plan(seed=0, jobs=2, cores=2, time_limit=120),
        now=lambda: datetime(2026, 11, 22, tzinfo=UTC),
        store=NoStore(),
        watch=Silent(),
    )
    return {a.evidence.check.name: a.evidence for a in assessed}


@pytest.mark.parametrize("name", NAMES)
def test_a_check_has_a_page_a_title_and_a_version(name):
    spec = load_check(name)
    assert isinstance(spec, CheckSpec)
    assert spec.id.name == name
    assert spec.id.version >= 1
    assert len(spec.title.split()) >= 3
    assert not spec.title.endswith(".")
    assert len(spec.doc) > 300, "its docstring is its page: say what it looks at and reports"
    assert (spec.run.__doc__ or "").strip()
    assert issubclass(spec.settings, Settings)
    assert spec.needs


@pytest.mark.parametrize("name", NAMES)
def test_some_requirement_asks_for_the_check_in_this_version_or_an_older_one(name):
    spec = load_check(name)
    asked = [
        need.check
        for requirement in load_catalog().requirements
        for need in requirement.needs
        if need.check.name == name
    ]
    assert asked
    assert max(asked).version <= spec.id.version


def test_every_check_that_a_requirement_asks_for_is_there():
    asked = {n.check.name for r in load_catalog().requirements for n in r.needs}
    assert asked <= set(NAMES)
    assert len(load_all()) == len(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_settings_have_defaults_and_refuse_what_they_do_not_know(name):
    spec = load_check(name)
    spec.configure({})
    with pytest.raises(InputError):
        spec.configure({"no such setting": 1})


def tables(change):
    def spoil(workshop):
        for table in ("train", "test"):
            workshop.put(table, change(workshop.frame(table)))

    return spoil


def model(content):
    def spoil(workshop):
        (workshop.folder / "model.txt").write_bytes(content(workshop))

    return spoil


class Shell:
    def __reduce__(self):
        return (os.system, ("false",))


def half(workshop):
    data = (workshop.folder / "model.txt").read_bytes()
    return data[: len(data) // 2]


SPOILS = {
    "empty tables": tables(lambda t: t.head(0)),
    "one row": tables(lambda t: t.head(1)),
    "one class": tables(lambda t: t.with_columns(fraud=pl.lit(0))),
    "missing values": tables(lambda t: t.with_columns(amount=pl.lit(float("nan")))),
    "no labels": tables(lambda t: t.with_columns(fraud=pl.lit(None, pl.Int8))),
    "infinite values": tables(lambda t: t.with_columns(amount=pl.lit(float("inf")))),
    "huge values": tables(lambda t: t.with_columns(amount=pl.col("amount") * 1e300)),
    "texts for numbers": tables(lambda t: t.with_columns(amount=pl.lit("much"))),
    "no columns": tables(lambda t: t.select("card")),
    "constant columns": tables(lambda t: t.with_columns(pl.all().exclude("fraud", "time").first())),
    "garbage tables": lambda w: [
        (w.folder / f"{t}.parquet").write_bytes(b"PAR1 garbage PAR1") for t in ("train", "test")
    ],
    "a pickle with code": model(lambda _: pickle.dumps(Shell())),
    "half a model": model(half),
    "garbage for a model": model(lambda _: b"\x00" * 1000),
}
EVERYDAY = ("empty tables", "one class", "missing values", "a pickle with code")
BAD_MODELS = ("a pickle with code", "half a model", "garbage for a model")


@pytest.mark.parametrize(
    "spoil", [pytest.param(s, marks=() if s in EVERYDAY else pytest.mark.slow) for s in SPOILS]
)
def test_no_check_crashes_on_bad_input(small, spoil):
    SPOILS[spoil](small)
    evidence = outcomes(small)
    assert {n: e.stopped for n, e in evidence.items() if e.stopped} == {}
    if spoil in BAD_MODELS:
        opened = {n: e.outcome for n, e in evidence.items() if n in OPENS_MODEL}
        assert Outcome.PASS not in opened.values()


def test_on_a_sound_system_every_check_says_something(small):
    for name, evidence in outcomes(small).items():
        assert evidence.stopped is None, name
        assert evidence.findings, name
        assert all(f.rule.startswith(name.partition(".")[0]) for f in evidence.findings), name
        assert evidence.subjects, name


def test_the_same_seed_gives_the_same_findings_and_figures(small):
    seeded = [n for n in NAMES if n in OPENS_MODEL or n.startswith("data.")]
    first, second = outcomes(small, *seeded), outcomes(small, *seeded)
    for name in seeded:
        assert first[name].metrics == second[name].metrics, name
        assert first[name].findings == second[name].findings, name
